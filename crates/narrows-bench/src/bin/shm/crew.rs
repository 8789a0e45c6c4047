//! The processes of one sample, from their start to their end. Whatever fails, and when it takes too long, every one of them
//! is ended: none outlives the crew.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::peers::Peer;

/// A sample that takes longer than this hangs.
const LONGEST: Duration = Duration::from_secs(60);
/// How often those who should come to the gate, or end, are looked after.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    Send,
    Receive,
    Ping,
    Echo,
    /// A program that starts the others itself.
    All,
}

/// What one process is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Task {
    pub(crate) peer: String,
    pub(crate) role: Role,
    /// Which of those with this role.
    pub(crate) index: u64,
    pub(crate) row: String,
    /// Messages of each sender.
    pub(crate) count: u64,
    /// A path that is this sample's alone, and whose last part is a name that nothing else on the host has.
    pub(crate) place: PathBuf,
    pub(crate) gate: PathBuf,
    /// The process that starts all others.
    pub(crate) starter: u32,
}

impl Task {
    /// The last part of the place.
    pub(crate) fn name(&self) -> String {
        self.place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// This program once more.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        let role = format!("{:?}", self.role).to_lowercase();
        command.args(["play", &self.peer, &role, &self.index.to_string(), &self.row, &self.count.to_string()]);
        command.arg(&self.place).arg(&self.gate).arg(self.starter.to_string());
        Ok(command)
    }
}

/// Two ends that a child gets as its stdin and stdout.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) write: OwnedFd,
    pub(crate) read: OwnedFd,
}

/// What a process told in the end: a word, then begin and end, then two numbers whose meaning the word has.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) word: String,
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) numbers: [u64; 2],
}

#[derive(Debug)]
pub(crate) struct Crew {
    children: Vec<Child>,
    listener: UnixListener,
    errors: PathBuf,
    deadline: Instant,
}

impl Crew {
    /// `gate` and `errors` lie beside the sample's own place, and are of this sample too.
    pub(crate) fn new(gate: &Path, errors: PathBuf) -> Result<Crew> {
        let listener = UnixListener::bind(gate).with_context(|| format!("{}", gate.display()))?;
        listener.set_nonblocking(true)?;
        File::create(&errors)?;
        Ok(Crew { children: Vec::new(), listener, errors, deadline: Instant::now() + LONGEST })
    }

    pub(crate) fn start(&mut self, peer: &Peer, task: &Task, wires: &[Wire]) -> Result<()> {
        let mut command = (peer.command)(task)?;
        let end = |of: Option<&OwnedFd>| -> Result<Stdio> {
            Ok(of.map(OwnedFd::try_clone).transpose()?.map_or_else(Stdio::null, Stdio::from))
        };
        let (there, back) = (wires.first(), wires.get(1));
        let (input, output) = match task.role {
            Role::Send => (None, there),
            Role::Receive => (there, None),
            Role::Ping => (back, there),
            Role::Echo => (there, back),
            Role::All => (None, None),
        };
        command.stdin(end(input.map(|wire| &wire.read))?).stdout(end(output.map(|wire| &wire.write))?);
        command.stderr(File::options().append(true).open(&self.errors)?);
        // A group each, so that what it started ends with it.
        let child = command.process_group(0).spawn();
        self.children.push(child.with_context(|| format!("{}", command.get_program().display()))?);
        Ok(())
    }

    /// Waits until all stand at the gate, opens it, and waits for what they tell.
    pub(crate) fn run(mut self) -> Result<Vec<Report>> {
        self.gather().and_then(|streams| self.listen(streams)).map_err(|error| match self.complaint() {
            Some(line) => error.context(line),
            None => error,
        })
    }

    /// What the first that ended said. It leaves the gate before it says it, and is given a moment.
    fn complaint(&self) -> Option<String> {
        for _ in 0..10 {
            if self.children.iter().any(|child| has_ended(child).unwrap_or(true)) {
                break;
            }
            self.wait(&mut []).ok()?;
        }
        let text = fs::read(&self.errors).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        Some(text.lines().find(|line| !line.trim().is_empty())?.trim().to_owned())
    }

    fn gather(&mut self) -> Result<Vec<UnixStream>> {
        let mut streams = Vec::new();
        while streams.len() < self.children.len() {
            match self.listener.accept() {
                Ok((stream, _)) => streams.push(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    for child in &self.children {
                        ensure!(!has_ended(child)?, "a process ended before it was ready");
                    }
                    self.wait(&mut [PollFd::new(&self.listener, PollFlags::IN)])?;
                }
                Err(error) => bail!(error),
            }
        }
        for stream in &mut streams {
            stream.write_all(&[0])?;
            stream.set_nonblocking(true)?;
        }
        Ok(streams)
    }

    fn listen(&mut self, streams: Vec<UnixStream>) -> Result<Vec<Report>> {
        let mut open: Vec<(UnixStream, String)> = streams.into_iter().map(|stream| (stream, String::new())).collect();
        let mut reports = Vec::new();
        while !open.is_empty() {
            let mut fds: Vec<_> =
                open.iter().map(|(stream, _)| PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN)).collect();
            self.wait(&mut fds)?;
            for at in (0..open.len()).rev() {
                let (stream, text) = &mut open[at];
                match stream.read_to_string(text) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    other => other.context("the gate")?,
                };
                ensure!(!text.is_empty(), "a process ended before its work was done");
                for line in text.lines() {
                    reports.push(Report::parse(line).with_context(|| format!("a process told `{line}`"))?);
                }
                drop(open.swap_remove(at));
            }
        }
        for child in &self.children {
            while !has_ended(child)? {
                self.wait(&mut [])?;
            }
        }
        for mut child in mem::take(&mut self.children) {
            let status = child.wait()?;
            ensure!(status.success(), "a process ended with {status}");
        }
        Ok(reports)
    }

    /// For one of these, but not long.
    fn wait(&self, fds: &mut [PollFd<'_>]) -> Result<()> {
        ensure!(Instant::now() < self.deadline, "it did not end within {LONGEST:?}");
        match poll(fds, Some(&Timespec::try_from(LOOK)?)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => bail!(error),
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for child in &mut self.children {
            // Nobody has waited for it, so its number is still its own. A group that is gone needs no signal.
            let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
            let _ = child.wait();
        }
    }
}

/// Whether there is nothing left of it but its status, which stays.
fn has_ended(child: &Child) -> Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(Pid::from_child(child)), options)?.is_some())
}

impl Report {
    fn parse(line: &str) -> Option<Report> {
        let mut words = line.split(' ');
        let word = words.next()?.to_owned();
        let mut number = || words.next()?.parse().ok();
        Some(Report { word, begin: number()?, end: number()?, numbers: [number()?, number()?] })
    }
}
