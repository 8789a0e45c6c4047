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
//!   nothing --expect--> the stderr it will have --watch--> that and its process id --forget--> nothing
//! ```
//! What is left is ended by its group, then looked for by its stderr: so also a process is found whose id was not listed
//! yet when SIGKILL came. The pipe's own end is closed only when that process becomes the command, since until then it
//! holds a copy.
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

/// A number of a pipe and a process id; zero is none.
const ENTRY: usize = 2 * FIELD;
const FIELD: usize = size_of::<u64>();

/// One that is just becoming another program, or being started, may be missed by a look: none was seen so often in a row.
const EMPTY_LOOKS: usize = 3;
/// They may start others for ever.
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
        self.write(job * ENTRY, &[fstat(stderr)?.st_ino, 0]);
        Ok(())
    }

    pub(super) fn watch(&self, job: usize, pid: Pid) {
        self.write(job * ENTRY + FIELD, &[pid.as_raw_nonzero().get().unsigned_abs().into()]);
    }

    pub(super) fn forget(&self, job: usize) {
        self.write(job * ENTRY, &[0, 0]);
    }

    fn write(&self, offset: usize, fields: &[u64]) {
        let bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_ne_bytes()).collect();
        // A memory file takes a few bytes unless memory is exhausted; then the backstop is gone, not the work.
        let _ = pwrite(&self.list, &bytes, offset as u64);
    }
}

/// The warden's whole life: waits for the end of the farm, then ends what is left of it.
pub(crate) fn keep() -> ExitCode {
    while rustix::io::read(stdin(), &mut [0u8; 1][..]) == Err(Errno::INTR) {}
    let left = listed(stdout()).unwrap_or_default();
    for pid in left.iter().filter_map(|entry| entry.pid) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    for entry in left {
        hunt(entry.stderr);
    }
    ExitCode::SUCCESS
}

/// A process that was there, or about to be, when the farm ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    /// The number of the pipe.
    stderr: u64,
    pid: Option<Pid>,
}

fn listed(list: impl AsFd) -> io::Result<Vec<Left>> {
    let mut bytes = vec![0; usize::try_from(fstat(&list)?.st_size).unwrap_or(0)];
    let length = pread(&list, &mut bytes[..], 0)?;
    // The last entry may lack its second field.
    bytes.truncate(length);
    bytes.resize(length.next_multiple_of(ENTRY), 0);
    let fields = bytes.chunks_exact(FIELD).filter_map(|field| field.try_into().ok().map(u64::from_ne_bytes));
    let fields: Vec<u64> = fields.collect();
    let pid = |field: u64| i32::try_from(field).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw);
    let entries = fields.chunks_exact(2).map(|entry| Left { stderr: entry[0], pid: pid(entry[1]) });
    Ok(entries.filter(|entry| entry.stderr != 0).collect())
}

/// Ends all that hold this pipe, until none is found.
fn hunt(inode: u64) {
    let pipe = format!("pipe:[{inode}]");
    let mut empty = 0;
    for _ in 0..MOST_LOOKS {
        let holders = holders(&pipe);
        empty = if holders.is_empty() { empty + 1 } else { 0 };
        if empty == EMPTY_LOOKS {
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
        let stderr = fstat(&pipe).expect("it is open").st_ino;
        assert_eq!(listed(&warden.list).ok(), Some(vec![]));
        for job in [3, 0] {
            warden.expect(job, &pipe).expect("a pipe has a number");
        }
        warden.watch(0, pid(55));
        let (old, new) = (Left { stderr, pid: Some(pid(55)) }, Left { stderr, pid: None });
        assert_eq!(listed(&warden.list).ok(), Some(vec![old, new]));
        warden.expect(0, &pipe).expect("a pipe has a number");
        assert_eq!(listed(&warden.list).ok(), Some(vec![new, new]));
        warden.forget(3);
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
