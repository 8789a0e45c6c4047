//! `narrows farm`: arguments, then a checked plan, then the run.

use std::ffi::OsString;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use rustix::fs::{FileType, fstat};
use rustix::stdio::{stdin, stdout};

use crate::engine::{self, Cause, Ending, Framing, Plan, Tone, Trouble, Work};
use crate::values::{Jobs, parse_size, parse_time};
use crate::{factor, program, say};

const EXAMPLES: &str = "\
Examples:
  narrows farm ./score.py < lines.txt        as many copies of ./score.py as there are processors
  narrows farm -j 8 sed 's/a/b/' < in > out  the output is that of plain sed
  seq 1000000 | narrows farm -u -j 50% rev   answers as they come, on half of the processors
  find . -type f -print0 | narrows farm -0 ./digest
  seq 1000000 | narrows farm --builtin factor

CMD must read lines on stdin and answer each with exactly one line. Copies of it stay running: a free \
one takes the next line. Nothing that CMD remembers from one line to the next is shared between them.

Exit status: 0 all done, 1 some line got no answer, 2 usage, 125 failure of the farm itself, \
126 CMD cannot be run, 127 CMD not found, 128 + N ended by signal N.";

/// Run a command on every line of stdin with several workers, answers in order
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
#[command(override_usage = "narrows farm [OPTIONS] CMD [ARG]...\n       narrows farm [OPTIONS] --builtin NAME")]
pub(crate) struct FarmArgs {
    /// Copies of CMD: a number, or a share of the processors
    #[arg(short, long, value_name = "N|P%", default_value = "100%", value_parser = Jobs::parse)]
    jobs: Jobs,

    /// Print answers as they come instead of in input order
    #[arg(short, long)]
    unordered: bool,

    /// Records end with NUL instead of newline, in input and output
    #[arg(short = '0', long)]
    null: bool,

    /// Records read ahead of the oldest unprinted one [default: 8 ms of work per copy, at least 256]
    #[arg(long, value_name = "N")]
    window: Option<NonZeroU64>,

    /// Bytes held at most: lines in hand, and answers that wait for their turn
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = parse_size)]
    buffer: usize,

    /// Longest line allowed, and longest answer
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = parse_size)]
    max_record: usize,

    /// How long TERM and HUP let the copies finish
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    grace: Duration,

    /// Use a function of this program instead of a command
    #[arg(long, value_name = "NAME", conflicts_with = "command")]
    builtin: Option<Builtin>,

    /// Say which copy of CMD wrote a line to stderr
    #[arg(short, long)]
    verbose: bool,

    /// The command and its arguments
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    #[arg(required_unless_present = "builtin")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Builtin {
    /// The prime factors of each number, as factor prints them
    Factor,
}

pub(crate) fn run(args: FarmArgs) -> anyhow::Result<ExitCode> {
    let plan = plan(args)?;
    let input = own(stdin()).context("cannot use stdin")?;
    let output = own(stdout()).context("cannot use stdout")?;
    refuse_same_file(&input, &output)?;
    let ending = engine::run(&plan, input, output).context("cannot start the farm")?;
    conclude(ending)
}

fn plan(args: FarmArgs) -> anyhow::Result<Plan> {
    let work = match args.builtin {
        Some(Builtin::Factor) => Work::Builtin(factor::answer),
        None => Work::Command(Arc::new(resolve(args.command)?)),
    };
    Ok(Plan {
        jobs: args.jobs.resolve(),
        work,
        framing: Framing { delimiter: if args.null { 0 } else { b'\n' }, max_record: args.max_record },
        ordered: !args.unordered,
        window: args.window,
        buffer: args.buffer,
        grace: args.grace,
        verbose: args.verbose,
        tell: say::say,
    })
}

fn resolve(command: Vec<OsString>) -> Result<engine::Program, Trouble> {
    if command.iter().any(|argument| argument.as_encoded_bytes().windows(2).any(|pair| pair == b"{}")) {
        let error = "this version has no mode that puts the line in place of {} in the command";
        let hint = "CMD reads lines on stdin. If the braces belong to CMD itself, put a space between them: { }";
        return Err(Trouble::new(error).hint(hint).code(2));
    }
    program::resolve(command)
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
