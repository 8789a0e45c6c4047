//! Starts one process for one batch, in a process group of its own, the cheap way: nothing runs between fork and exec,
//! so that std can use `posix_spawn` (the figures are in `warden`, which is the backstop here).

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::terminal::open_terminal;

/// A filter of whole blocks moves much at a time: with pipes of this size it is woken a sixteenth as often.
const WIDE_PIPE: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Launched {
    pub(super) child: Child,
    pub(super) pid: Pid,
    /// Readable when the process has ended.
    pub(super) exit: OwnedFd,
    /// Our end of its stdin, non-blocking, if it has one.
    pub(super) stdin: Option<OwnedFd>,
    /// Our end of its stdout, non-blocking.
    pub(super) stdout: OwnedFd,
}

/// What to start: `fed` processes get a stdin, the others read nothing.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    pub(super) path: &'a Path,
    pub(super) argv: &'a [OsString],
    pub(super) fed: bool,
    /// Its stdout is a terminal instead of a pipe.
    pub(super) terminal: bool,
    pub(super) stderr: BorrowedFd<'a>,
}

pub(super) fn launch(what: &Launch<'_>) -> io::Result<Launched> {
    let (stdout, theirs_out) = if what.terminal { open_terminal()? } else { pipe_with(PipeFlags::CLOEXEC)? };
    set_nonblocking(&stdout)?;
    let mut command = Command::new(what.path);
    command.arg0(&what.argv[0]).args(&what.argv[1..]).process_group(0);
    command.stdout(theirs_out).stderr(what.stderr.try_clone_to_owned()?).stdin(Stdio::null());
    let mut stdin = None;
    if what.fed {
        let (theirs_in, ours) = pipe_with(PipeFlags::CLOEXEC)?;
        set_nonblocking(&ours)?;
        // The kernel may refuse: then the pipes are as wide as usual.
        let _ = fcntl_setpipe_size(&ours, WIDE_PIPE);
        let _ = fcntl_setpipe_size(&stdout, WIDE_PIPE);
        command.stdin(theirs_in);
        stdin = Some(ours);
    }
    let mut child = command.spawn()?;
    // Our copies of its ends go with `command`, so that its stdout ends with it.
    drop(command);
    let pid = Pid::from_child(&child);
    let exit = pidfd_open(pid, PidfdFlags::empty()).inspect_err(|_| {
        // Without it nobody would learn of the end of this process. It is ours and not reaped yet.
        let _ = child.kill();
        let _ = child.wait();
    })?;
    Ok(Launched { child, pid, exit, stdin, stdout })
}

pub(super) fn set_nonblocking(fd: impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(&fd)?;
    Ok(fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?)
}
