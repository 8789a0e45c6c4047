//! Who a process is, and whether it lives. Knows nothing of channels.
//!
//! A pid alone is used again after a death; with the time at which its process started it is not. Both mean something
//! only within one pid namespace, and the kernel tells the start by the clock of whoever asks, which a time namespace
//! shifts; so an identity names its namespaces, and from others nothing is concluded.

#[allow(unsafe_code, reason = "one page that a fork finds wiped")]
mod fork;
mod stat;

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::{fs, io};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, getpid, pidfd_open, test_kill_process};

use fork::forked;
pub(crate) use fork::generation;
use stat::Stat;

/// A process, this one or another, living or dead.
#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    /// In clock ticks since boot.
    pub(crate) start: u64,
    /// The inodes of its pid namespace (lower half) and time namespace (upper half, 0 where there is none).
    pub(crate) namespace: u64,
}

impl Identity {
    /// This process. After a fork it is the child, not its parent.
    ///
    /// # Errors
    /// `/proc` is missing or is that of another pid namespace.
    pub(crate) fn current() -> io::Result<Self> {
        static FIRST: OnceLock<Identity> = OnceLock::new();
        // Asked first, so that a fork finds that somebody has.
        if forked() {
            return Self::read();
        }
        match FIRST.get() {
            Some(identity) => Ok(*identity),
            None => Self::read().map(|identity| *FIRST.get_or_init(|| identity)),
        }
    }

    fn read() -> io::Result<Self> {
        let stat = Stat::read("self")?;
        let pid = u32::try_from(getpid().as_raw_nonzero().get()).map_err(io::Error::other)?;
        if stat.pid != pid {
            return Err(unsupported("/proc is not that of this process's pid namespace"));
        }
        // The inodes of namespaces are numbers of 32 bits.
        let time = fs::metadata("/proc/self/ns/time").map_or(0, |link| link.ino());
        let namespace = fs::metadata("/proc/self/ns/pid")?.ino() & u64::from(u32::MAX) | time << 32;
        Ok(Self { pid, start: stat.start, namespace })
    }

    /// Whether the process lives; a zombie does not. `None` where that cannot be told from here: the process is of another
    /// namespace, or `/proc` hides it.
    pub(crate) fn is_alive(&self) -> Option<bool> {
        let here = Self::current().ok()?;
        if here.namespace != self.namespace {
            return None;
        }
        let Some(pid) = self.pid() else { return Some(false) };
        match Stat::read(&self.pid.to_string()) {
            Ok(stat) => Some(stat.start == self.start && !stat.has_ended()),
            Err(_) => match test_kill_process(pid) {
                Err(Errno::SRCH) => Some(false),
                _ => None, // there is such a process, but /proc does not show when it started
            },
        }
    }

    /// A file that becomes readable when the process dies; `None` if it is dead already.
    ///
    /// # Errors
    /// It cannot be told whether it lives (see [`is_alive`](Self::is_alive)), or there are no files left.
    pub(crate) fn watch(&self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = self.pid() else { return Ok(None) };
        let file = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(file) => file,
            // Also where the pid is by now that of a thread of another process, which has no such file.
            Err(_) if self.is_alive() == Some(false) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Asked after the file is open: if the process has this identity now, the file is of it and of no later one.
        match self.is_alive() {
            Some(true) => Ok(Some(file)),
            Some(false) => Ok(None),
            None => Err(unsupported("the process is of another namespace, or /proc hides it")),
        }
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.pid).ok().filter(|&pid| pid > 0).and_then(Pid::from_raw)
    }
}

fn unsupported(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, what)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    /// A child that waits for the end of its input.
    fn waiting() -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    }

    fn identity_of(child: &Child) -> Identity {
        let start = Stat::read(&child.id().to_string()).unwrap().start;
        Identity { pid: child.id(), start, ..Identity::current().unwrap() }
    }

    #[test]
    fn this_process_is_alive_and_stays_itself() {
        let me = Identity::current().unwrap();
        assert_eq!(me.pid, std::process::id());
        assert_eq!(me.is_alive(), Some(true));
        assert_eq!(Identity::current().unwrap(), me);
    }

    #[test]
    fn a_later_process_with_the_pid_of_a_dead_one_is_not_it() {
        let me = Identity::current().unwrap();
        let earlier = Identity { start: me.start - 1, ..me };
        assert_eq!(earlier.is_alive(), Some(false));
        assert!(earlier.watch().unwrap().is_none());
    }

    #[test]
    fn of_another_namespace_nothing_is_said() {
        let me = Identity::current().unwrap();
        for namespace in [me.namespace ^ 1, me.namespace ^ 1 << 40] {
            let stranger = Identity { namespace, ..me };
            assert_eq!(stranger.is_alive(), None);
            assert_eq!(stranger.watch().unwrap_err().kind(), io::ErrorKind::Unsupported);
        }
    }

    #[test]
    fn a_pid_that_cannot_be_is_dead() {
        for pid in [0, u32::MAX, i32::MAX as u32] {
            let nobody = Identity { pid, ..Identity::current().unwrap() };
            assert_eq!(nobody.is_alive(), Some(false), "{pid}");
            assert!(nobody.watch().unwrap().is_none(), "{pid}");
        }
    }

    #[test]
    fn a_watch_tells_of_a_death_and_a_zombie_is_dead() {
        let mut child = waiting();
        let identity = identity_of(&child);
        assert_eq!(identity.is_alive(), Some(true));
        let watch = identity.watch().unwrap().unwrap();
        let dead = |seconds| {
            let limit = Timespec { tv_sec: seconds, tv_nsec: 0 };
            poll(&mut [PollFd::new(&watch, PollFlags::IN)], Some(&limit)).unwrap() == 1
        };
        assert!(!dead(0));
        child.kill().unwrap();
        assert!(dead(10));
        assert_eq!(identity.is_alive(), Some(false), "a zombie");
        assert!(identity.watch().unwrap().is_none());
        child.wait().unwrap();
        assert_eq!(identity.is_alive(), Some(false), "gone");
        assert!(identity.watch().unwrap().is_none());
    }
}
