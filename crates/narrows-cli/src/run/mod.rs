//! `narrows run`: a program as several processes, the ranks of a world.
//!
//! ```text
//!   stdin ==> rank 0 ----stdout, stderr----+
//!               |  mailboxes               |
//!   null ==>  rank 1 --------------------- output ==> whole lines
//!               |    (unnamed channels)    |
//!   null ==>  rank 2 ----------------------+
//!               | ends
//!           supervisor: the thread that starts and reaps the ranks, and hears signals and the time
//! ```
//! Invariants: a rank is listed in the roster while it is not reaped, so it is ended with its group whatever ends this
//! program; the supervisor waits for nothing but events, so it hears a signal also when nobody reads what is printed.

mod args;
mod bell;
mod output;
mod start;
mod supervisor;

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::Context;
use narrows::{after, never, select};
use narrows_rank::shm::Launcher;
use narrows_shm::OpenError;
use nix::sys::signal::Signal;
use signal_hook::consts::SIGPIPE;

use crate::ending::die_by;
use crate::engine::{Trouble, cannot_start};
use crate::farm::closed;
use crate::{program, say};

pub(crate) use args::RunArgs;
use bell::{Ear, Event};
use output::{Outputs, To};
use supervisor::{Cause, Supervisor};

/// So long what was written by ranks that were made to end may take to be printed.
const PATIENCE: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    closed::refuse_stdout()?;
    let program = program::resolve(args.program.clone())?;
    say::be_quiet(args.quiet);
    let (ear, teller) = bell::listen().context("cannot listen to signals")?;
    let launcher = Launcher::new(args.ranks()).map_err(no_mailboxes)?;
    let outputs = Outputs::new(teller).context("cannot start")?;
    let mut supervisor = Supervisor::new(&launcher, &ear, args.grace, args.timeout.map(|limit| Instant::now() + limit));
    for rank in 0..args.ranks() {
        let started = start::start(&program, &launcher, rank, &supervisor.roster).and_then(|(started, pipes)| {
            supervisor.add(started);
            let label = || if args.label { format!("{rank}: ") } else { String::new() };
            outputs.pass_on(pipes.stdout, label(), To::Stdout)?;
            outputs.pass_on(pipes.stderr, label(), To::Stderr)
        });
        if let Err(error) = started {
            let trouble = cannot_start(&program.path, &error);
            supervisor.give_up(Cause::Trouble(Trouble { error: format!("rank {rank}: {}", trouble.error), ..trouble }));
            break;
        }
    }
    let cause = supervisor.run();
    // Who wants to be rid of the ranks does not wait for a reader of theirs.
    let insists = !matches!(cause, None | Some(Cause::Failed(_)));
    finish(outputs, &ear, insists)?;
    conclude(cause)
}

fn no_mailboxes(error: OpenError) -> Trouble {
    const WHAT: &str = "cannot make the mailboxes of the ranks";
    match error {
        OpenError::Io(error) => Trouble::of_system(WHAT, &error),
        error => Trouble::new(format!("{WHAT}: {error}")).hint("start fewer ranks (-n)"),
    }
}

/// Waits until what the ranks have written is printed. If nobody takes it, a signal ends the program.
fn finish(outputs: Outputs, ear: &Ear, insists: bool) -> anyhow::Result<()> {
    let printed = outputs.finish();
    let enough = if insists { after(PATIENCE) } else { never() };
    loop {
        select! {
            recv(printed) -> _ => return Ok(()),
            recv(enough) -> _ => return Ok(()),
            recv(ear.events) -> event => if let Ok(Event::Signal(signal)) = event {
                die_by(signal)?;
            },
        }
    }
}

/// Turns the end of the ranks into the end of the program.
fn conclude(cause: Option<Cause>) -> anyhow::Result<ExitCode> {
    match cause {
        None => Ok(ExitCode::SUCCESS),
        Some(Cause::Failed(status)) => Ok(ExitCode::from(code(status))),
        Some(Cause::Signal(signal)) => die_by(signal),
        Some(Cause::TimeOut) => Err(Trouble::new("the ranks have run for as long as --timeout lets them")
            .hint("a rank may wait for a message that nobody sends; --label says who wrote last")
            .code(124)
            .into()),
        Some(Cause::OutputClosed) => die_by(SIGPIPE),
        Some(Cause::Trouble(trouble)) => Err(trouble.into()),
    }
}

/// The exit status as a shell tells it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(125)
}

/// How a rank ended, to be said after its name.
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "has ended".into(),
        (Some(code), _) => format!("has failed with exit status {code}"),
        (None, Some(signal)) => match Signal::try_from(signal) {
            Ok(name) => format!("was ended by signal {signal} ({name})"),
            Err(_) => format!("was ended by signal {signal}"),
        },
        (None, None) => "has failed".into(),
    }
}
