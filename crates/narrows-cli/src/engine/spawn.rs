//! Starts one worker process with its pipes, in a process group of its own. The only file of the engine with `unsafe`.
//!
//! The parent-death signal is a backstop for the case that this program is killed with SIGKILL: the end of stdin ends
//! a worker that reads, this ends one that does not. The kernel ties the signal to the *thread* that forks, not to the
//! process, so a worker must be started by a thread that outlives it: `slot::run` reaps every worker it started
//! before it returns. What a worker has started itself is left to the `warden`.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, getpid, getppid, pidfd_open, set_parent_process_death_signal};

use super::event::Trouble;
use super::launch::set_nonblocking;
use super::terminal::open_terminal;

/// The command as resolved before any input is read.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// The command as written, then its arguments.
    pub(crate) argv: Vec<OsString>,
}

impl Program {
    /// The command's own name, for messages.
    pub(super) fn name(&self) -> String {
        let command = Path::new(&self.argv[0]);
        command.file_name().unwrap_or(command.as_os_str()).display().to_string()
    }
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) pid: Pid,
    /// Readable when the process has ended.
    pub(super) exit: OwnedFd,
    /// Our end of its stdin, non-blocking.
    pub(super) stdin: OwnedFd,
    /// A duplicate of its own end of stdin: tells what it has not read. Never read from.
    pub(super) unread: OwnedFd,
    /// Our end of its stdout, non-blocking.
    pub(super) stdout: OwnedFd,
}

pub(super) fn spawn(program: &Program, terminal: bool, stderr: OwnedFd) -> io::Result<Process> {
    let (theirs_in, stdin) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stdout, theirs_out) = if terminal { open_terminal()? } else { pipe_with(PipeFlags::CLOEXEC)? };
    let unread = theirs_in.try_clone()?;
    set_nonblocking(&stdin)?;
    set_nonblocking(&stdout)?;

    let mut command = Command::new(&program.path);
    command.arg0(&program.argv[0]).args(&program.argv[1..]).process_group(0);
    command.stdin(Stdio::from(theirs_in)).stdout(Stdio::from(theirs_out)).stderr(stderr);
    die_with_parent(&mut command);

    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    let exit = pidfd_open(pid, PidfdFlags::empty()).inspect_err(|_| {
        // Without it nobody would learn of the end of this process. It is ours and not reaped yet.
        let _ = child.kill();
        let _ = child.wait();
    })?;
    Ok(Process { child, pid, exit, stdin, unread, stdout })
}

/// What is started by this is killed when the thread that starts it ends.
pub(crate) fn die_with_parent(command: &mut Command) {
    let parent = getpid();
    let die_with_parent = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above took effect.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::Error::from(io::ErrorKind::BrokenPipe)) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes two system calls,
    // prctl and getppid; it neither allocates nor locks, and it owns nothing but a number.
    unsafe { command.pre_exec(die_with_parent) };
}

/// What to tell the user.
#[cold]
pub(crate) fn cannot_start(path: &Path, error: &io::Error) -> Trouble {
    let trouble = Trouble::of_system(format!("cannot start {}", path.display()), error);
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => trouble.code(127).hint("it, or the interpreter that its first line names, is missing"),
        Some(Errno::NOEXEC) => trouble.code(126).hint("a script begins with a line such as #!/bin/sh"),
        Some(Errno::ACCESS) => trouble.code(126),
        Some(Errno::MFILE | Errno::AGAIN) => {
            trouble.hint("use fewer of them (-j, -n), or raise the limits (ulimit -n, -u)")
        }
        _ => trouble,
    }
}
