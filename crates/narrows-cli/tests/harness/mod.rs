//! Runs the program as a user would. Every wait ends with an event or, after a deadline, with a failed test.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod dice;
pub(crate) mod status;
pub(crate) mod system;

use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use system::{MARK, Watchdog, eventually, marked_processes};

/// What does not hang takes a small part of this, also where others have most of the processors.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// A finished run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
}

impl Run {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("the output is text")
    }

    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) -> &Run {
        assert_eq!(self.status.code(), Some(code), "{}; stderr: {}", self.status, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn assert_signal(&self, signal: Signal) -> &Run {
        assert_eq!(self.status.signal(), Some(signal.as_raw()), "{}; stderr: {}", self.status, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn assert_stderr(&self, part: &str) -> &Run {
        assert!(self.stderr.contains(part), "no '{part}' in: {}", self.stderr);
        self
    }
}

/// The program with its processes marked, so that one left behind is found.
pub(crate) struct Farm {
    command: Command,
    mark: String,
}

pub(crate) fn farm(args: &[&str]) -> Farm {
    let mut farm = narrows();
    farm.command.arg("farm").args(args);
    farm
}

pub(crate) fn narrows() -> Farm {
    marked(Command::new(env!("CARGO_BIN_EXE_narrows")))
}

pub(crate) fn marked(mut command: Command) -> Farm {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mark = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    command.env(MARK, &mark).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Farm { command, mark }
}

impl Farm {
    pub(crate) fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().expect("the program starts");
        let (lines_in, lines) = mpsc::channel();
        if let Some(stderr) = child.stderr.take() {
            thread::spawn(move || {
                BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| lines_in.send(line))
            });
        }
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Running { child, stdin, stdout, lines, said: String::new(), mark: self.mark }
    }

    /// Runs to the end with this input.
    pub(crate) fn run(self, input: &[u8]) -> Run {
        let mut running = self.start();
        let stdin = running.stdin.take();
        thread::scope(|scope| {
            scope.spawn(move || {
                // The program may end before it has read everything.
                let _ = stdin.map(|mut stdin| stdin.write_all(input));
            });
            running.finish()
        })
    }
}

/// A run that the test talks with.
pub(crate) struct Running {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
    lines: Receiver<String>,
    said: String,
    mark: String,
}

impl Running {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the program runs");
    }

    /// Waits for the end of the program, at most that long.
    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        let end = pidfd_open(self.pid(), PidfdFlags::empty()).expect("it is ours and not reaped");
        let limit = Timespec::try_from(limit).expect("it fits");
        poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&limit)).expect("it can be polled") > 0
    }

    #[track_caller]
    pub(crate) fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(text.as_bytes()).expect("the program reads");
        stdin.flush().expect("the program reads");
    }

    #[track_caller]
    pub(crate) fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().expect("stdout is open").read_line(&mut line).expect("the output is text");
        line
    }

    /// Waits for a line on stderr that contains this, and gives it.
    #[track_caller]
    pub(crate) fn await_stderr(&mut self, part: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(part) {
                return line;
            }
        }
        panic!("no '{part}' in: {}", self.said);
    }

    /// Waits for the end, and for the end of every process of the run.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Run {
        drop(self.stdin.take());
        let watchdog = Watchdog::new(self.pid());
        let mut stdout = Vec::new();
        if let Some(mut pipe) = self.stdout.take() {
            pipe.read_to_end(&mut stdout).expect("a pipe can be read");
        }
        let status = self.child.wait().expect("the program is ours");
        watchdog.calm();
        self.assert_nothing_left();
        let stderr = self.said + &self.lines.iter().fold(String::new(), |text, line| text + &line + "\n");
        Run { stdout, stderr, status }
    }

    /// Some of the processes may end an instant after the program. One that is just becoming another program shows no
    /// environment, by which it is found: so several looks must find none.
    #[track_caller]
    pub(crate) fn assert_nothing_left(&self) {
        let quiet = Cell::new(0);
        eventually("no process is left", || {
            quiet.set(if marked_processes(&self.mark).is_empty() { quiet.get() + 1 } else { 0 });
            quiet.get() == 3
        });
    }

    pub(crate) fn processes(&self) -> Vec<PathBuf> {
        marked_processes(&self.mark)
    }

    pub(crate) fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the program runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
        line.trim().trim_end_matches(" kB").parse().expect("the peak is a number")
    }
}

/// Runs with a time limit, and again with longer ones while this machine needed more of it than was meant. What the last run did
/// is to be asserted.
pub(crate) fn with_time<'a>(
    limits: &[&'a str],
    run: impl Fn(&str) -> Run,
    is_as_meant: impl Fn(&Run) -> bool,
) -> (&'a str, Run) {
    let (last, shorter) = limits.split_last().expect("there is one");
    let in_time = shorter.iter().map(|limit| (*limit, run(limit))).find(|(_, run)| is_as_meant(run));
    in_time.unwrap_or_else(|| (*last, run(last)))
}

/// What the plain command prints.
pub(crate) fn plain(command: &[&str], input: &[u8]) -> Vec<u8> {
    let mut farm = marked(Command::new(command[0]));
    farm.command().args(&command[1..]);
    farm.run(input).stdout
}

pub(crate) fn is_installed(command: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(command).is_file())
}

pub(crate) fn numbers(count: usize) -> Vec<u8> {
    (1..=count).flat_map(|n| format!("{n} ab hello\n").into_bytes()).collect()
}
