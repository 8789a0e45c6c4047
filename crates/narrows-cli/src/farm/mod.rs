//! `narrows farm`: arguments, then a checked plan, then the run.

mod args;
pub(crate) mod channels;
#[allow(unsafe_code, reason = "a function that runs before the runtime does; the file argues it")]
pub(crate) mod closed;
mod describe;
mod plan;
pub(crate) mod progress;
pub(crate) mod shell;
mod summary;

use std::io::IsTerminal;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::stdio::{stdin, stdout};
use rustix::termios::isatty;

use crate::ending::die_by;
use crate::engine::{self, Cause, Control, Ending, Input, Mark, Output, Plan, Tone, Trouble};
use crate::say;
use crate::status::{self, Kind, Publication};

pub(crate) use args::FarmArgs;

pub(crate) fn run(args: &FarmArgs) -> anyhow::Result<ExitCode> {
    let (reads, writes) = (args.from.is_none(), args.to.is_none());
    if reads {
        closed::refuse_stdin()?;
    }
    if writes || args.dry_run {
        closed::refuse_stdout()?;
    }
    let plan = plan::plan(args)?;
    if args.dry_run {
        describe::print(&plan, args).context("cannot write")?;
        return Ok(ExitCode::SUCCESS);
    }
    let input = if reads { own_input() } else { nothing() }.context("cannot use stdin")?;
    let output = if writes { own(stdout()) } else { nothing() }.context("cannot use stdout")?;
    refuse_same_file(&input, &output)?;
    let trace = match &args.trace {
        Some(path) => {
            let command = plan::words(args).join(" ");
            let head = (command.as_str(), plan.jobs.get());
            Some(engine::open_trace(path, head, [&input, &output], args.log.as_deref())?)
        }
        None => None,
    };
    let journal = match &args.log {
        Some(path) => Some(engine::open_journal(path, args.resume, &plan::identity(args, &plan), &output)?),
        None => None,
    };
    say::be_quiet(args.quiet);
    if plan.progress.is_some() {
        progress::begin(std::io::stderr().is_terminal());
    }
    let ends = channels::open(args, plan.framing)?;
    let (input, output) = (ends.input.unwrap_or(Input::File(input)), ends.output.unwrap_or(Output::File(output)));
    let publication = publish(args.verbose);
    let begun = Instant::now();
    let attend = |control| {
        if let Some(publication) = &publication {
            serve(publication, args, &plan, control);
        }
    };
    let ending = engine::run(&plan, input, output, journal, trace, attend).context(match &args.spill {
        Some(folder) => format!("cannot start the farm with --spill {}", folder.display()),
        None => "cannot start the farm".to_owned(),
    });
    progress::end();
    drop(publication);
    let ending = ending?;
    if args.json_summary {
        say::line(&summary::summary(&ending, begun.elapsed()));
    }
    conclude(&ending, &Way { logged: args.log.is_some(), mark: plan.framing.mark, from: args.from.as_deref() })
}

/// How a run that was stopped can be gone on with depends on these.
struct Way<'a> {
    logged: bool,
    mark: Mark,
    from: Option<&'a str>,
}

/// A farm that cannot be found runs as well.
fn publish(verbose: bool) -> Option<Publication> {
    let publication = status::publish(Kind::Farm);
    publication.map_err(|why| unpublished(verbose, &why)).ok()
}

fn serve(publication: &Publication, args: &FarmArgs, plan: &Plan, control: Control) {
    let (name, mode) = (args.name(), plan.work.mode());
    let served = publication.serve(move |question| status::farm_answer(&name, mode, &control, question));
    if let Err(error) = served {
        unpublished(args.verbose, &error.to_string());
    }
}

fn unpublished(verbose: bool, why: &str) {
    if verbose {
        say::say(Tone::Note, &format!("top and stat will not see this farm: {why}"));
    }
}

/// Stands for stdin or stdout where a channel does: it is neither a file nor a pipe.
fn nothing() -> std::io::Result<OwnedFd> {
    Ok(open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

fn own(fd: impl AsFd) -> std::io::Result<OwnedFd> {
    fd.as_fd().try_clone_to_owned()
}

/// A pipe or a terminal is opened once more, so that a read never blocks: what made it ready may be gone again, to another
/// reader of the pipe, or thrown away by a Ctrl-C on the terminal. Other programs that have it open see no change.
fn own_input() -> std::io::Result<OwnedFd> {
    let input = own(stdin())?;
    let kind = FileType::from_raw_mode(fstat(&input)?.st_mode);
    if kind == FileType::Fifo || isatty(&input) {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        // Where that cannot be, as without /proc, it is read as it came.
        return Ok(open("/proc/self/fd/0", flags, Mode::empty()).unwrap_or(input));
    }
    Ok(input)
}

/// The file would be read and overwritten at the same time.
pub(crate) fn refuse_same_file(input: impl AsFd, output: impl AsFd) -> anyhow::Result<()> {
    let (from, to) = (fstat(input).context("cannot use stdin")?, fstat(output).context("cannot use stdout")?);
    let is_file = FileType::from_raw_mode(from.st_mode) == FileType::RegularFile;
    if is_file && (from.st_dev, from.st_ino) == (to.st_dev, to.st_ino) {
        return Err(Trouble::new("the output file is the input file").hint("write to another file").code(2).into());
    }
    Ok(())
}

/// Turns the end of the farm into the end of the program.
fn conclude(ending: &Ending, way: &Way<'_>) -> anyhow::Result<ExitCode> {
    if ending.unmatched > 0 {
        let text = format!("{} records that the log says are done were not in this input", ending.unmatched);
        say::say(Tone::Note, &text);
    }
    match &ending.cause {
        Cause::Trouble(trouble) => Err(trouble.clone().into()),
        Cause::OutputClosed => die_by(signal_hook::consts::SIGPIPE),
        Cause::Signal { signal, .. } => {
            say::say(Tone::Note, &stopped(ending, way));
            die_by(*signal)
        }
        Cause::Halted => {
            say::say(Tone::Note, &stopped(ending, way));
            Ok(ExitCode::from(1))
        }
        Cause::Done => Ok(ExitCode::from(u8::from(ending.failures > 0))),
    }
}

/// Where a run was stopped, and how to go on.
fn stopped(ending: &Ending, way: &Way<'_>) -> String {
    if let Some(name) = way.from {
        return format!("stopped; what was not answered is still in the channel {name}; to go on: the same command");
    }
    let place = match ending.resume_at {
        Some(record) => format!("stopped before record {record}"),
        None => "stopped; not everything that was read was printed".to_owned(),
    };
    match (ending.resume_at, way.mark) {
        _ if way.logged => format!("{place}; to go on: the same command with --resume, on the same input"),
        (Some(record), Mark::End(b'\n')) => format!("{place}; to go on: tail -n +{record} INPUT | narrows farm ..."),
        (Some(record), Mark::End(0)) => format!("{place}; to go on: tail -z -n +{record} INPUT | narrows farm -0 ..."),
        _ => place,
    }
}
