//! The backstop for the case that this program is killed with SIGKILL: a second, tiny process of it ends what is left
//! then, each worker with its group. It is called when the first worker is started.
//!
//! The parent-death signal of live workers (`spawn`) reaches the worker alone and nothing that it started. It must also
//! be set between fork and exec, so the whole address space has to be forked: measured with two threads on two
//! processors, a process costs 0.84 ms then, 1.4 ms when 16 MiB are held and 4.4 ms at 64 MiB, against 0.6 ms whatever
//! is held when std can use `posix_spawn`. For a few long lives that is nothing; for a process per record it is
//! everything.
//!
//! The two share a memory file with one entry per job, and a pipe whose end tells that this program is gone:
//!
//! ```text
//!   0 --expect--> the stderr it will have --watch--> its process id --forget--> 0
//! ```
//! A process whose id was not listed yet when SIGKILL came is found by its stderr. The pipe's own end is closed only when
//! that process has become the command, since until then it holds a copy.
//! Invariant: a process id is listed only while its process is not reaped, so it is never another's.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use rustix::fs::{MemfdFlags, fstat, memfd_create};
use rustix::io::{Errno, pread, pwrite};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};
use rustix::stdio::{stdin, stdout};

/// The verb under which the program is its own warden.
pub(crate) const VERB: &str = "farm-warden";

const ENTRY: usize = size_of::<i64>();

/// A process may start others while it is looked for, so it is looked for again, but not for ever.
const MOST_LOOKS: usize = 100;

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

    /// A process is about to be started that writes its complaints to this pipe.
    pub(super) fn expect(&self, job: usize, stderr: impl AsFd) -> io::Result<()> {
        let inode = fstat(stderr)?.st_ino;
        self.write(job, i64::try_from(inode).map_or(0, |inode| -inode));
        Ok(())
    }

    pub(super) fn watch(&self, job: usize, pid: Pid) {
        self.write(job, pid.as_raw_nonzero().get().into());
    }

    pub(super) fn forget(&self, job: usize) {
        self.write(job, 0);
    }

    fn write(&self, job: usize, entry: i64) {
        // A memory file takes eight bytes unless memory is exhausted; then the backstop is gone, not the work.
        let _ = pwrite(&self.list, &entry.to_ne_bytes(), (job * ENTRY) as u64);
    }
}

/// The warden's whole life: waits for the end of the farm, then ends what is left of it.
pub(crate) fn keep() -> ExitCode {
    while rustix::io::read(stdin(), &mut [0u8; 1][..]) == Err(Errno::INTR) {}
    for left in listed(stdout()).unwrap_or_default() {
        match left {
            Left::Group(pid) => _ = kill_process_group(pid, Signal::KILL),
            Left::Complaining(inode) => hunt(inode),
        }
    }
    ExitCode::SUCCESS
}

/// What an entry of the list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Group(Pid),
    /// A process that was being started; its stderr is the pipe with this number.
    Complaining(u64),
}

fn listed(list: impl AsFd) -> io::Result<Vec<Left>> {
    let mut bytes = vec![0; usize::try_from(fstat(&list)?.st_size).unwrap_or(0)];
    let length = pread(&list, &mut bytes[..], 0)?;
    let entries = bytes[..length].chunks_exact(ENTRY);
    let entries = entries.filter_map(|entry| entry.try_into().ok().map(i64::from_ne_bytes));
    Ok(entries.filter_map(read_entry).collect())
}

fn read_entry(entry: i64) -> Option<Left> {
    match entry {
        ..0 => Some(Left::Complaining(entry.unsigned_abs())),
        0..2 => None,
        _ => i32::try_from(entry).ok().and_then(Pid::from_raw).map(Left::Group),
    }
}

/// Ends all that hold this pipe, until a look finds none.
fn hunt(inode: u64) {
    let pipe = format!("pipe:[{inode}]");
    for _ in 0..MOST_LOOKS {
        let holders = holders(&pipe);
        if holders.is_empty() {
            return;
        }
        for pid in holders {
            // Its own group, never the one that this program was started in.
            let _ = match getpgid(Some(pid)) {
                Ok(group) if group == pid => kill_process_group(pid, Signal::KILL),
                _ => kill_process(pid, Signal::KILL),
            };
        }
    }
}

fn holders(pipe: &str) -> Vec<Pid> {
    let holds = |process: &fs::DirEntry| {
        let descriptors = fs::read_dir(process.path().join("fd"));
        descriptors
            .into_iter()
            .flatten()
            .flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == pipe))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let number = |process: fs::DirEntry| process.file_name().to_str()?.parse().ok().and_then(Pid::from_raw);
    processes.filter(holds).filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_what_was_listed_and_not_struck_out() {
        let list = memfd_create("test", MemfdFlags::CLOEXEC).expect("Linux has memory files");
        let warden = Warden { list, _life: memfd_create("test", MemfdFlags::CLOEXEC).expect("as above") };
        let pid = |id| Pid::from_raw(id).expect("it is not zero");
        let (_, pipe) = pipe_with(PipeFlags::CLOEXEC).expect("there are pipes");
        assert_eq!(listed(&warden.list).ok(), Some(vec![]));
        warden.watch(3, pid(77));
        warden.watch(0, pid(55));
        warden.expect(1, &pipe).expect("a pipe has a number");
        let complaining = Left::Complaining(fstat(&pipe).expect("it is open").st_ino);
        assert_eq!(listed(&warden.list).ok(), Some(vec![Left::Group(pid(55)), complaining, Left::Group(pid(77))]));
        warden.forget(3);
        warden.forget(1);
        warden.forget(0);
        assert_eq!(listed(&warden.list).ok(), Some(vec![]));
    }

    #[test]
    fn whoever_holds_the_pipe_is_found() {
        let (_, pipe) = pipe_with(PipeFlags::CLOEXEC).expect("there are pipes");
        let inode = fstat(&pipe).expect("it is open").st_ino;
        let child = Command::new("sleep").arg("1000").stderr(pipe).spawn();
        let mut child = child.expect("there is a sleep");
        // Other tests start processes meanwhile, which hold everything for an instant.
        assert!(holders(&format!("pipe:[{inode}]")).contains(&Pid::from_child(&child)));
        child.kill().and_then(|()| child.wait()).expect("it is ours");
    }
}
