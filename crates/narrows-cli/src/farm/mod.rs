//! `narrows farm`: arguments, then a checked plan, then the run.

mod args;
mod describe;
mod plan;
mod shell;

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use anyhow::Context;
use rustix::fs::{FileType, fstat};
use rustix::stdio::{stdin, stdout};

use crate::engine::{self, Cause, Ending, Tone, Trouble};
use crate::say;

pub(crate) use args::FarmArgs;

pub(crate) fn run(args: &FarmArgs) -> anyhow::Result<ExitCode> {
    let dry_run = args.dry_run;
    let plan = plan::plan(args)?;
    if dry_run {
        describe::print(&plan).context("cannot write")?;
        return Ok(ExitCode::SUCCESS);
    }
    let input = own(stdin()).context("cannot use stdin")?;
    let output = own(stdout()).context("cannot use stdout")?;
    refuse_same_file(&input, &output)?;
    let ending = engine::run(&plan, input, output).context("cannot start the farm")?;
    conclude(ending)
}

fn own(fd: impl AsFd) -> std::io::Result<OwnedFd> {
    fd.as_fd().try_clone_to_owned()
}

/// The file would be read and overwritten at the same time.
fn refuse_same_file(input: &OwnedFd, output: &OwnedFd) -> anyhow::Result<()> {
    let (from, to) = (fstat(input).context("cannot use stdin")?, fstat(output).context("cannot use stdout")?);
    let is_file = FileType::from_raw_mode(from.st_mode) == FileType::RegularFile;
    if is_file && (from.st_dev, from.st_ino) == (to.st_dev, to.st_ino) {
        return Err(Trouble::new("the output file is the input file").hint("write to another file").code(2).into());
    }
    Ok(())
}

/// Turns the end of the farm into the end of the program.
fn conclude(ending: Ending) -> anyhow::Result<ExitCode> {
    match ending.cause {
        Cause::Trouble(trouble) => Err(trouble.into()),
        Cause::OutputClosed => die_by(signal_hook::consts::SIGPIPE),
        Cause::Signal { signal, .. } => {
            say::say(
                Tone::Note,
                &match ending.resume_at {
                    Some(record) => {
                        format!("stopped before record {record}; to go on: tail -n +{record} INPUT | narrows farm ...")
                    }
                    None => "stopped; not everything that was read was printed".to_owned(),
                },
            );
            die_by(signal)
        }
        Cause::Done => Ok(ExitCode::from(u8::from(ending.failures > 0))),
    }
}

/// Ends as if the signal had not been caught, so that the caller sees which one it was.
fn die_by(signal: i32) -> anyhow::Result<ExitCode> {
    signal_hook::low_level::emulate_default_handler(signal).context("cannot end by the signal")?;
    Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(125)))
}
