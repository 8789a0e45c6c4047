//! One process from its start to its end: gives it its input, takes its output, hears of its exit. One thread does
//! all of it, waiting for whatever comes first.
//! Invariant: a process whose output may not be held now is not read; the one with the oldest unprinted record is.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;

use super::complaint::WholeLines;
use super::emitter::Emitter;
use super::farm::Farm;
use super::procfs::MERCY;
use super::roster::Leash;

/// A group whose leader has exited may still write, with pauses no longer than this.
const AFTERMATH: Duration = Duration::from_millis(200);
/// As much as lies in a pipe.
const PIPE: usize = 64 << 10;
/// Output that is followed by more, or by the end, within this time leaves together with it.
const PAUSE: Duration = Duration::from_millis(1);

/// The stderr that all processes of a job share.
#[derive(Debug)]
pub(super) struct Errors {
    pub(super) pipe: OwnedFd,
    pub(super) complaints: WholeLines,
}

impl Errors {
    /// Takes what is there, but no more than a pipe holds: one that complains without end is not all there is to do.
    pub(super) fn drain(&mut self) {
        let mut chunk = [0; 4096];
        for _ in 0..PIPE / chunk.len() {
            let Ok(read @ 1..) = rustix::io::read(&self.pipe, &mut chunk[..]) else { return };
            self.complaints.push(&chunk[..read]);
        }
    }
}

#[derive(Debug)]
pub(super) struct Execution<'a> {
    pub(super) farm: &'a Farm,
    pub(super) first: u64,
    pub(super) leash: Arc<Leash>,
    pub(super) stdin: Option<OwnedFd>,
    /// What is still to be written to it.
    pub(super) input: &'a [u8],
    /// None after its end.
    pub(super) stdout: Option<OwnedFd>,
    pub(super) errors: &'a mut Errors,
    pub(super) exited: bool,
    /// When it has taken too long.
    pub(super) deadline: Option<Instant>,
    /// It had, and was told to end.
    pub(super) late: bool,
    /// Its output was longer than may be held, and it was ended.
    pub(super) overflowed: bool,
    /// Bytes that it wrote.
    pub(super) output: usize,
}

/// What there is to do.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    stdin: bool,
    stdout: bool,
    stderr: bool,
}

impl Execution<'_> {
    /// Runs until the process has exited and its output is at its end; false if the farm was over before.
    pub(super) fn run(&mut self, emitter: &mut Emitter<'_>) -> bool {
        while self.stdout.is_some() || !self.exited {
            if self.exited && self.late && self.deadline.is_none() {
                // It was killed: what escaped that, and still writes, is not listened to.
                break;
            }
            let limit = if emitter.waits() { Some(PAUSE) } else { self.exited.then_some(AFTERMATH) };
            let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let Some(ready) = self.wait(limit.into_iter().chain(left).min()) else {
                if left.is_some_and(|left| limit.is_none_or(|limit| left < limit)) {
                    self.end_late();
                    continue;
                }
                if emitter.waits() {
                    emitter.flush();
                    continue;
                }
                // It has exited, and nothing comes from those it left behind.
                break;
            };
            if ready.stderr {
                self.errors.drain();
            }
            if ready.stdin {
                self.feed();
            }
            if ready.stdout && !self.listen(emitter) {
                return false;
            }
        }
        self.errors.drain();
        self.errors.complaints.finish();
        true
    }

    /// Also hears of the exit. None if nothing came in time.
    fn wait(&mut self, limit: Option<Duration>) -> Option<Ready> {
        let errors = PollFd::new(&self.errors.pipe, PollFlags::IN);
        let exit = PollFd::new(&self.leash.exit, if self.exited { PollFlags::empty() } else { PollFlags::IN });
        let mut fds = vec![errors, exit];
        fds.extend(self.stdout.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        fds.extend(self.stdin.as_ref().map(|fd| PollFd::new(fd, PollFlags::OUT)));
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match poll(&mut fds, limit.as_ref()) {
            Ok(0) => None,
            // It is interrupted, or fails for want of memory: the next look may succeed.
            Err(_) => Some(Ready::default()),
            Ok(_) => {
                let mut rest = fds[2..].iter().map(|fd| !fd.revents().is_empty());
                let stdout = self.stdout.is_some() && rest.next() == Some(true);
                let stdin = self.stdin.is_some() && rest.next() == Some(true);
                let (stderr, exited) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
                self.exited |= exited;
                Some(Ready { stdin, stdout, stderr })
            }
        }
    }

    /// It has taken too long: it is told to end, then it is ended, with all that it started.
    fn end_late(&mut self) {
        let signal = if self.late { Signal::KILL } else { Signal::TERM };
        self.farm.roster.kill_tree(&self.leash, signal);
        // After KILL only its end is awaited.
        self.deadline = (!self.late).then(|| Instant::now() + MERCY);
        self.late = true;
    }

    fn feed(&mut self) {
        let Some(stdin) = &self.stdin else { return };
        match rustix::io::write(stdin, self.input) {
            Ok(written) => self.input = &self.input[written..],
            Err(Errno::INTR | Errno::AGAIN) => {}
            // It wants no more, as `head` does.
            Err(_) => self.input = &[],
        }
        if self.input.is_empty() {
            self.stdin = None;
        }
    }

    /// Reads once; false when the farm is over.
    fn listen(&mut self, emitter: &mut Emitter<'_>) -> bool {
        let (first, begun) = (self.first, Instant::now());
        if !self.farm.gate.may_answer(|| Some(first)) {
            return false;
        }
        // The time it is kept waiting is not its own.
        self.deadline = self.deadline.map(|deadline| deadline + begun.elapsed());
        let Some(stdout) = &self.stdout else { return true };
        match rustix::io::read(stdout, spare_capacity(emitter.buffer())) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(0) | Err(_) => self.stdout = None,
            Ok(read) => {
                self.output += read;
                if !emitter.came() {
                    self.overflowed = true;
                    self.stdout = None;
                    self.farm.roster.kill(&self.leash, Signal::KILL);
                }
            }
        }
        true
    }
}
