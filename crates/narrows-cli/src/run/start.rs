//! Starts one rank: a process with a group of its own, which is killed if this program is.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use narrows_rank::shm::Launcher;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, getpgrp, pidfd_open};
use rustix::stdio::stdin;
use rustix::termios::{isatty, tcgetpgrp};

use crate::engine::{Leash, Program, Roster, die_with_parent};

/// A rank that runs.
#[derive(Debug)]
pub(super) struct Rank {
    pub(super) child: Child,
    pub(super) leash: Arc<Leash>,
}

/// Our ends of its pipes.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// To be called by the thread that outlives all ranks.
pub(super) fn start(program: &Program, launcher: &Launcher, rank: usize, roster: &Roster) -> io::Result<(Rank, Pipes)> {
    let (stdout, theirs_out) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr, theirs_err) = pipe_with(PipeFlags::CLOEXEC)?;
    let mut command = Command::new(&program.path);
    command.arg0(&program.argv[0]).args(&program.argv[1..]).process_group(0);
    command.stdin(if rank == 0 { input()? } else { Stdio::null() });
    command.stdout(theirs_out).stderr(theirs_err);
    launcher.hand_to(&mut command, rank)?;
    die_with_parent(&mut command);

    if !roster.announce(rank, &stderr)? {
        return Err(io::ErrorKind::Interrupted.into());
    }
    let (child, exit) = spawn(&mut command).inspect_err(|_| roster.withdraw(rank))?;
    let leash = Arc::new(Leash { job: rank, pid: Pid::from_child(&child), exit });
    roster.enter_rank(&leash);
    Ok((Rank { child, leash }, Pipes { stdout, stderr }))
}

fn spawn(command: &mut Command) -> io::Result<(Child, OwnedFd)> {
    let mut child = command.spawn()?;
    let exit = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).inspect_err(|_| {
        // Without it nobody would learn of the end of this process. It is ours and not reaped yet.
        let _ = child.kill();
        let _ = child.wait();
    })?;
    Ok((child, exit))
}

/// What rank 0 reads. A terminal lets only its foreground group read, and that is ours: so what is typed is passed on.
fn input() -> io::Result<Stdio> {
    if !isatty(stdin()) {
        return Ok(Stdio::inherit());
    }
    if tcgetpgrp(stdin()).ok() != Some(getpgrp()) {
        // In the background whoever reads it is stopped.
        return Ok(Stdio::null());
    }
    let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
    let keys = std::io::stdin();
    // It is in the middle of a read when the program ends.
    thread::Builder::new().name("keyboard".into()).spawn(move || io::copy(&mut keys.lock(), &mut File::from(ours)))?;
    Ok(theirs.into())
}
