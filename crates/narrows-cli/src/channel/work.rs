//! The command of `--ack`: a process for each record, and what becomes of it when this program is told to end.
//!
//! ```text
//!   running --signal--> finishing --next signal, or --grace after TERM and HUP--> TERM, 2 s later KILL
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use signal_hook::consts::SIGINT;

use super::stop::{Stop, Why};
use crate::engine::{Tone, Trouble, die_with_parent};
use crate::farm::shell;
use crate::say;

/// A command that was told to end gets this long to do so.
const PATIENCE: Duration = Duration::from_secs(2);

/// A script for sh.
#[derive(Debug)]
pub(super) struct Work {
    script: OsString,
    /// The record is an argument of it, not its input.
    has_place: bool,
}

/// What became of a record.
#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    /// The program is to end by this signal now.
    DoneAndStop(i32),
    /// The command was ended because of this signal.
    Ended(i32),
    /// Says how.
    Failed(String),
}

impl Work {
    pub(super) fn new(script: &OsStr) -> Result<Work, Trouble> {
        let placed = shell::place(script.as_bytes(), false).map_err(|wrong| {
            Trouble::new(format!("--ack cannot put a record {}", wrong.place()))
                .hint("in a script \"$1\" is the record as well, if {} stands somewhere else in it")
                .code(2)
        })?;
        Ok(Work { has_place: placed != script, script: placed })
    }

    /// Runs it on a record; as `input` it is followed by its mark.
    pub(super) fn run(&self, record: &[u8], input: &[u8], stop: &Stop, grace: Duration) -> Result<Outcome, Trouble> {
        if self.has_place && record.contains(&0) {
            return Err(Trouble::new("a record with a NUL in it cannot be an argument; it was given back")
                .hint("leave out {}: the record is on the stdin of CMD then")
                .code(1));
        }
        let cannot = |error: io::Error| {
            let trouble = Trouble::of_system("cannot run CMD; the record was given back", &error);
            let is_long = Errno::from_io_error(&error) == Some(Errno::TOOBIG);
            if is_long { trouble.hint("leave out {}: the record is on the stdin of CMD then").code(1) } else { trouble }
        };
        let mut child = self.start(record, input).map_err(cannot)?;
        let outcome = Attending { child: &mut child, stop, grace }.attend();
        outcome.map_err(|error| {
            // It is ours and not reaped.
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            let _ = child.wait();
            cannot(error)
        })
    }

    fn start(&self, record: &[u8], input: &[u8]) -> io::Result<Child> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.script).process_group(0);
        if self.has_place {
            command.arg("sh").arg(OsString::from_vec(record.to_vec())).stdin(Stdio::null());
        } else {
            // Not a pipe, which nobody would fill while the command does not read.
            let mut file = File::from(memfd_create("record", MemfdFlags::CLOEXEC)?);
            file.write_all(input)?;
            file.rewind()?;
            command.stdin(file);
        }
        die_with_parent(&mut command);
        command.spawn()
    }
}

struct Attending<'a> {
    child: &'a mut Child,
    stop: &'a Stop,
    grace: Duration,
}

impl Attending<'_> {
    fn attend(&mut self) -> io::Result<Outcome> {
        let exit = pidfd_open(Pid::from_child(self.child), PidfdFlags::empty())?;
        let mut told: Option<i32> = None;
        let mut deadline: Option<Instant> = None;
        loop {
            match wait(exit.as_fd(), Some(self.stop.fd()), deadline)? {
                Woken::Exit => {
                    let status = self.child.wait()?;
                    return Ok(match told {
                        Some(signal) if status.success() => Outcome::DoneAndStop(signal),
                        // It tries no more.
                        Some(signal) => Outcome::Ended(signal),
                        None if status.success() => Outcome::Done,
                        None => Outcome::Failed(describe(status)),
                    });
                }
                Woken::Stop => {
                    self.stop.quiet();
                    while let Some(Why::Signal(signal)) = self.stop.now() {
                        if told.is_some() {
                            return self.end(exit.as_fd(), signal);
                        }
                        told = Some(signal);
                        deadline = (signal != SIGINT).then(|| Instant::now() + self.grace);
                        say::say(Tone::Note, "finishing what is in hand; once more ends CMD");
                    }
                }
                Woken::Time => return self.end(exit.as_fd(), told.unwrap_or(SIGINT)),
            }
        }
    }

    /// The command is told to end, and all that it started in its process group.
    fn end(&mut self, exit: BorrowedFd<'_>, signal: i32) -> io::Result<Outcome> {
        let group = Pid::from_child(self.child);
        // It is ours and not reaped, so its group is there; what has left it is not ours to end.
        let _ = kill_process_group(group, Signal::TERM);
        if matches!(wait(exit, None, Some(Instant::now() + PATIENCE))?, Woken::Time) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let status = self.child.wait()?;
        Ok(if status.success() { Outcome::DoneAndStop(signal) } else { Outcome::Ended(signal) })
    }
}

enum Woken {
    Exit,
    Stop,
    Time,
}

fn wait(exit: BorrowedFd<'_>, stop: Option<BorrowedFd<'_>>, deadline: Option<Instant>) -> io::Result<Woken> {
    let mut ends: Vec<PollFd<'_>> =
        [Some(exit), stop].into_iter().flatten().map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN)).collect();
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec::try_from(left).map_err(io::Error::other)).transpose()?;
        match poll(&mut ends, left.as_ref()) {
            Ok(0) => return Ok(Woken::Time),
            Ok(_) if !ends[0].revents().is_empty() => return Ok(Woken::Exit),
            Ok(_) => return Ok(Woken::Stop),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("has failed with exit status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "has failed".into(),
    }
}
