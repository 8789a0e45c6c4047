//! The options of `narrows farm` as they are typed.

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::engine::Halt;
use crate::values::{Jobs, parse_byte, parse_halt, parse_size, parse_time};

const EXAMPLES: &str = "\
Examples:
  narrows farm ./score.py < lines.txt        as many copies of ./score.py as there are processors
  narrows farm -j 8 sed 's/a/b/' < in > out  the output is that of plain sed
  seq 1000000 | narrows farm -u -j 50% rev   answers as they come, on half of the processors
  find . -name '*.c' | narrows farm wc -l {} one process per line, which is its argument
  find . -type f -print0 | narrows farm -0 -n 100 md5sum {}
  ls *.png | narrows farm --shell 'convert {} - | pngquant - > small/{}'
  narrows farm --blocks grep -i error < log  any filter, a process for each MiB of lines
  seq 1000000 | narrows farm --builtin factor

Three modes, chosen by the command; --dry-run says which:
  CMD           copies of CMD stay running; a free one takes the next line. CMD must answer each line that it reads
                on stdin with exactly one line. Nothing that it remembers is shared between the copies.
  CMD {}        one process per line, or per N lines with -n: {} is the line, {#} its number, {w} the worker's.
  --blocks CMD  one process per 1 MiB of whole lines, on its stdin. Any filter that needs no more than a part.

No shell is involved, unless --shell asks for sh. Then the lines are the arguments of the script: {} stands for \"$1\", \
with -n for \"$@\", quoted as the place in the script demands. So the shell never reads a line as part of the script, and \
no character in it is special: not quotes, $, ;, * or spaces.

Exit status: 0 all done, 1 some line failed, 2 usage, 125 failure of the farm itself, \
126 CMD cannot be run, 127 CMD not found, 128 + N ended by signal N.";

/// Run a command on every line of stdin with several workers, answers in order
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
#[command(
    override_usage = "narrows farm [OPTIONS] CMD [ARG]...\n       narrows farm [OPTIONS] CMD [ARG]... {}\n       \
                            narrows farm [OPTIONS] --blocks CMD [ARG]...\n       narrows farm [OPTIONS] --builtin NAME"
)]
pub(crate) struct FarmArgs {
    /// Copies of CMD at a time: a number, or a share of the processors
    #[arg(short, long, value_name = "N|P%", default_value = "100%", value_parser = Jobs::parse)]
    pub(super) jobs: Jobs,

    /// Print answers as they come instead of in input order
    #[arg(short, long)]
    pub(super) unordered: bool,

    /// Records end with NUL instead of newline, in input and output
    #[arg(short = '0', long)]
    pub(super) null: bool,

    /// Records end with this character: one byte, or \t, \0, \n, \r, \xHH
    #[arg(short = 'd', long, value_name = "C", value_parser = parse_byte, conflicts_with = "null")]
    pub(super) delimiter: Option<u8>,

    /// Each record and each answer follows its length in four bytes, the highest first
    #[arg(long, conflicts_with_all = ["null", "delimiter"])]
    pub(super) frame: bool,

    /// An answer is all lines of CMD up to one that says STR, which is not printed
    #[arg(long, value_name = "STR", conflicts_with_all = ["blocks", "builtin", "frame"])]
    pub(super) reply_end: Option<OsString>,

    /// Put the record and a tab before each line of its answer
    #[arg(short = 't', long, conflicts_with_all = ["blocks", "frame"])]
    pub(super) tag: bool,

    /// Lines per process, where {} stands [default: 1]
    #[arg(short = 'n', long, value_name = "N")]
    pub(super) records: Option<NonZeroUsize>,

    /// Give CMD to sh as a script; {} is safe in it, whatever the line holds (see below)
    #[arg(long, conflicts_with = "builtin")]
    pub(super) shell: bool,

    /// One process per MiB of whole lines, on its stdin; CMD may be any filter
    #[arg(long, conflicts_with_all = ["builtin", "records"])]
    pub(super) blocks: bool,

    /// Say what would be done; read and run nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Records read ahead of the oldest unprinted one [default: 8 ms of work per copy, at least 256]
    #[arg(long, value_name = "N")]
    pub(super) window: Option<NonZeroU64>,

    /// Bytes held at most: lines in hand, and answers that wait for their turn
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = parse_size)]
    pub(super) buffer: usize,

    /// Put answers that wait for their turn into an unnamed file in DIR when --buffer is half full
    #[arg(long, value_name = "DIR")]
    pub(super) spill: Option<PathBuf>,

    /// Give CMD a raw terminal as stdout, for programs that buffer their output on a pipe
    #[arg(long, conflicts_with = "builtin")]
    pub(super) pty: bool,

    /// Longest line allowed, and longest answer
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = parse_size)]
    pub(super) max_record: usize,

    /// Try a failed record so often again; a live worker's records in doubt one by one
    #[arg(long, value_name = "N", default_value = "0", conflicts_with = "builtin")]
    pub(super) retries: u32,

    /// Pause before the first of the retries; each is twice as long
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = parse_time)]
    pub(super) backoff: Duration,

    /// End a process, and all that it started, that takes longer for a record; live workers get one at a time then, and
    /// as long again to start
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) timeout: Option<Duration>,

    /// End early when records fail: soon finishes what is in hand, now ends it; fail=N or fail=N% says how many [default: never]
    #[arg(long, value_name = "WHEN[,fail=N|N%]", default_value = "never", hide_default_value = true, value_parser = parse_halt)]
    pub(super) halt: Halt,

    /// Write what became of each record to FILE, as JSON Lines
    #[arg(long, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,

    /// Go on with the log: leave out records that it says are done, whatever their place in the input
    #[arg(long, requires = "log")]
    pub(super) resume: bool,

    /// Write to FILE when each worker did what, in Chrome's trace format, which Perfetto shows
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,

    /// Write a line of JSON about the run to stderr at its end
    #[arg(long)]
    pub(super) json_summary: bool,

    /// Show progress on stderr [default: on a terminal, if the output goes elsewhere]
    #[arg(short, long)]
    pub(super) progress: bool,

    /// No progress, notes or hints: only errors
    #[arg(short, long, conflicts_with_all = ["progress", "verbose"])]
    pub(super) quiet: bool,

    /// How long TERM and HUP let the copies finish
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub(super) grace: Duration,

    /// Say which record everything waits for when nothing was printed for so long
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_time)]
    pub(super) stall: Duration,

    /// Use a function of this program instead of a command
    #[arg(long, value_name = "NAME", conflicts_with = "command")]
    pub(super) builtin: Option<Builtin>,

    /// Say which copy of CMD wrote a line to stderr
    #[arg(short, long)]
    pub(super) verbose: bool,

    /// The command and its arguments
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    #[arg(required_unless_present = "builtin")]
    pub(super) command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Builtin {
    /// The prime factors of each number, as factor prints them
    Factor,
}
