//! What the threads of a farm tell its supervisor, and how a farm ends.

use std::fmt;
use std::io;
use std::time::Duration;

use rustix::io::Errno;

/// An error for the user: what happened, what to try, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) error: String,
    pub(crate) hint: Option<String>,
    pub(crate) code: u8,
}

impl Trouble {
    /// The farm's own failure.
    pub(crate) fn new(error: impl Into<String>) -> Trouble {
        Trouble { error: error.into(), hint: None, code: 125 }
    }

    /// What the system refused, and what can be done about that.
    pub(crate) fn of_system(what: impl fmt::Display, error: &io::Error) -> Trouble {
        Trouble::new(format!("{what}: {error}")).hint(advice(error))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Trouble {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn code(mut self, code: u8) -> Trouble {
        self.code = code;
        self
    }
}

/// What can be done about an error of the system.
pub(crate) fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "a file or folder on the way to it is missing",
        io::ErrorKind::PermissionDenied => "the permissions of the file, or of its folder, forbid it",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room, or use another disk",
        io::ErrorKind::BrokenPipe => "what should take it has ended",
        io::ErrorKind::IsADirectory => "name a file in that folder",
        io::ErrorKind::TimedOut => "what should take it does not",
        _ if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) => "raise the limit (ulimit -n)",
        _ => "the system names no other reason",
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

impl std::error::Error for Trouble {}

#[derive(Debug)]
pub(super) enum Event {
    /// Stop at once.
    Trouble(Trouble),
    /// The input cannot be read further: finish what was read, then end with this.
    InputTrouble(Trouble),
    /// Nobody reads the output any more.
    OutputClosed,
    Signal(i32),
    /// Enough records failed.
    Halt,
    /// There is one more job.
    JobAdded,
    /// One of the jobs has nothing left to do.
    JobDone,
}

/// Why a farm ended.
#[derive(Debug)]
pub(crate) enum Cause {
    Done,
    OutputClosed,
    /// Drained: everything that was in hand was finished and printed.
    Signal {
        signal: i32,
        drained: bool,
    },
    /// As many records failed as were allowed.
    Halted,
    Trouble(Trouble),
}

/// How a farm ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) cause: Cause,
    /// Records without an answer, and workers that ended badly after their last answer.
    pub(crate) failures: u64,
    pub(crate) read: u64,
    pub(crate) printed: u64,
    /// Records that a former run had done.
    pub(crate) skipped: u64,
    /// Records of former runs that this input did not have, where it was read to its end.
    pub(crate) unmatched: u64,
    pub(crate) retries: u64,
    /// The first record, counted from 1, of which nothing was printed, if the farm was stopped between two.
    pub(crate) resume_at: Option<u64>,
}

/// How a line on stderr is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Error,
    Note,
    Hint,
}

/// Writes what a worker said to stderr.
pub(crate) type PassOn = fn(&[u8]);

/// How far a farm is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    pub(crate) read: u64,
    pub(crate) printed: u64,
    pub(crate) failures: u64,
    pub(crate) elapsed: Duration,
}

/// Shows how far a farm is.
pub(crate) type Show = fn(&Snapshot);

/// Prints a line about the run for the user.
pub(crate) type Tell = fn(Tone, &str);
