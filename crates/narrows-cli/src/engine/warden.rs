//! The backstop of the modes that start a process per batch: should this program be killed with SIGKILL, a second,
//! tiny process of it ends the groups that are running then.
//!
//! Live workers have the parent-death signal for this (`spawn`). It must be set between fork and exec, so the whole
//! address space has to be forked: measured with two threads on two processors, a process costs 0.84 ms then, 1.4 ms
//! when 16 MiB are held and 4.4 ms at 64 MiB, against 0.6 ms whatever is held when std can use `posix_spawn`. For a
//! few long lives that is nothing; for a process per record it is everything.
//!
//! The two share a memory file with one process id per job, and a pipe whose end tells that this program is gone.
//! Invariant: a process id is listed only while its process is not reaped, so it is never another's. What is started
//! in the instant before SIGKILL, after the start and before the listing, is missed.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use rustix::fs::{MemfdFlags, fstat, memfd_create};
use rustix::io::{Errno, pread, pwrite};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::stdio::{stdin, stdout};

/// The verb under which the program is its own warden.
pub(crate) const VERB: &str = "farm-warden";

const ENTRY: usize = size_of::<i32>();

#[derive(Debug)]
pub(super) struct Warden {
    list: OwnedFd,
    /// Its end is what the warden waits for.
    _life: OwnedFd,
}

impl Warden {
    pub(super) fn start() -> io::Result<Warden> {
        let list = memfd_create("narrows-warden", MemfdFlags::CLOEXEC)?;
        let (end, life) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0("narrows").arg(VERB).process_group(0);
        // Not reaped: it outlives this process by an instant.
        command.stdin(end).stdout(list.try_clone()?).stderr(Stdio::null()).spawn()?;
        Ok(Warden { list, _life: life })
    }

    pub(super) fn watch(&self, job: usize, pid: Pid) {
        self.write(job, pid.as_raw_nonzero().get());
    }

    pub(super) fn forget(&self, job: usize) {
        self.write(job, 0);
    }

    fn write(&self, job: usize, pid: i32) {
        // A memory file takes four bytes unless memory is exhausted; then the backstop is gone, not the work.
        let _ = pwrite(&self.list, &pid.to_ne_bytes(), (job * ENTRY) as u64);
    }
}

/// The warden's whole life: waits for the end of the farm, then ends what is left of it.
pub(crate) fn keep() -> ExitCode {
    while rustix::io::read(stdin(), &mut [0u8; 1][..]) == Err(Errno::INTR) {}
    for pid in listed(stdout()).unwrap_or_default() {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    ExitCode::SUCCESS
}

fn listed(list: impl AsFd) -> io::Result<Vec<Pid>> {
    let mut bytes = vec![0; usize::try_from(fstat(&list)?.st_size).unwrap_or(0)];
    let length = pread(&list, &mut bytes[..], 0)?;
    let entries = bytes[..length].chunks_exact(ENTRY);
    let ids = entries.filter_map(|entry| entry.try_into().ok().map(i32::from_ne_bytes));
    Ok(ids.filter(|id| *id > 1).filter_map(Pid::from_raw).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_what_was_listed_and_not_struck_out() {
        let list = memfd_create("test", MemfdFlags::CLOEXEC).expect("Linux has memory files");
        let warden = Warden { list, _life: memfd_create("test", MemfdFlags::CLOEXEC).expect("as above") };
        let pid = |id| Pid::from_raw(id).expect("it is not zero");
        assert_eq!(listed(&warden.list).ok(), Some(vec![]));
        warden.watch(3, pid(77));
        warden.watch(0, pid(55));
        assert_eq!(listed(&warden.list).ok(), Some(vec![pid(55), pid(77)]));
        warden.forget(3);
        warden.forget(0);
        assert_eq!(listed(&warden.list).ok(), Some(vec![]));
    }
}
