//! The options of `narrows farm` as they are typed.

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use crate::engine::Halt;
use crate::values::{Jobs, parse_byte, parse_halt, parse_size, parse_time};

/// The headings of the help, in the order of their first options.
const RUN: &str = "What is run";
const ORDER: &str = "Order and memory";
const RECORDS: &str = "Records";
const CHANNELS: &str = "Channels between processes";
const FAILURES: &str = "Failures and the end";
const REPORTS: &str = "Reports";

const MANUAL: &str = "\
Modes, chosen by the command; --dry-run says which:
  CMD           Copies of CMD stay running; a free one takes the next
                line. CMD must answer each line that it reads on stdin
                with exactly one line. The copies share no memory.
  CMD {}        One process per line, or per N lines with -n. {} is the
                line, {#} its number, {w} the number of the worker.
  --blocks CMD  One process per 1 MiB of whole lines, on its stdin. For
                any filter that needs no more than a part of the input.

Shell:
  No shell is involved, unless --shell asks for sh. Then the lines are
  the arguments of the script: {} stands for \"$1\", with -n for \"$@\",
  quoted as its place in the script demands. So the shell never reads a
  line as a part of the script, and no character in it is special.

Channels:
  With --from the records are those of a channel that narrows send, or
  another program of this user, fills, and --to gives the answers to one,
  a message for each record of the output, in the order of the farm. The
  first comer makes the channel; narrows stat shows it, and its help says
  where it is. The input ends when the last sender has left the channel,
  or somebody closes it. A full channel makes who sends wait.
  Many farms may take from one channel: each takes the next record when
  it has a worker free for it, and one more. With -n or --blocks a process
  gets what is there, if no more comes for 20 ms.
  A record is taken for good when its answer has been printed or sent, or
  it has failed; a farm that ends before that, killed or not, gives it
  back, and somebody else does it. So each is answered at least once, and
  twice only if a farm ends in that moment. Until then it keeps its place
  in the channel, which bounds how many are in hand.

Exit status:
  0        all done
  1        some record failed
  2        wrong usage
  125      failure of the farm itself
  126      CMD cannot be run
  127      CMD not found
  128 + N  ended by signal N

Examples:
  As many copies of a script as there are processors, output in order:
    narrows farm ./score.py < lines.txt
  Eight copies of a filter that answers line by line:
    narrows farm -j 8 sed -u 's/a/b/' < in > out
  Answers as they come, on half of the processors:
    seq 1000000 | narrows farm -u -j 50% rev
  A process per line, which is its argument:
    find . -name '*.c' | narrows farm wc -l {}
  A hundred names, ended by NUL, per process:
    find . -type f -print0 | narrows farm -0 -n 100 md5sum {}
  A script of the shell per line:
    ls *.png | narrows farm --shell 'convert {} - | pngquant - > small/{}'
  Any filter, a process for each MiB of lines:
    narrows farm --blocks grep -i error < log
  Tries again, logs what became of each line, and goes on after a stop:
    narrows farm --retries 3 --log done.jsonl --resume ./fetch {} < urls
  Lines from one channel, answers to another; start it as often as you like:
    narrows farm --from urls --to pages ./fetch {}
  A function of the program itself:
    seq 1000000 | narrows farm --builtin factor
";

/// Run a command on every line of stdin with several workers, answers in order
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_long_help = MANUAL, arg_required_else_help = true)]
#[command(
    override_usage = "narrows farm [OPTIONS] CMD [ARG]...\n       narrows farm [OPTIONS] CMD [ARG]... {}\n       \
                            narrows farm [OPTIONS] --blocks CMD [ARG]...\n       narrows farm [OPTIONS] --builtin NAME"
)]
pub(crate) struct FarmArgs {
    /// Copies of CMD at a time: a number, or a share of the processors
    #[arg(help_heading = RUN, short, long, value_name = "N|P%", default_value = "100%", value_parser = Jobs::parse)]
    pub(super) jobs: Jobs,

    /// Print answers as they come instead of in input order
    #[arg(help_heading = ORDER, short, long)]
    pub(super) unordered: bool,

    /// Take the records from the channel NAME instead of stdin
    #[arg(help_heading = CHANNELS, long, value_name = "NAME", conflicts_with = "resume")]
    pub(super) from: Option<String>,

    /// Give the records of the output to the channel NAME instead of stdout
    #[arg(help_heading = CHANNELS, long, value_name = "NAME")]
    pub(super) to: Option<String>,

    /// Records end with NUL instead of newline, in input and output
    #[arg(help_heading = RECORDS, short = '0', long)]
    pub(super) null: bool,

    /// Records end with this character: one byte, or \t, \0, \n, \r, \xHH
    #[arg(help_heading = RECORDS, short = 'd', long, value_name = "C", value_parser = parse_byte, conflicts_with = "null")]
    pub(super) delimiter: Option<u8>,

    /// Each record and each answer follows its length in four bytes, the highest first
    #[arg(help_heading = RECORDS, long, conflicts_with_all = ["null", "delimiter"])]
    pub(super) frame: bool,

    /// An answer is all lines of CMD up to one that says STR, which is not printed
    #[arg(help_heading = RECORDS, long, value_name = "STR", conflicts_with_all = ["blocks", "builtin", "frame"])]
    pub(super) reply_end: Option<OsString>,

    /// Put the record and a tab before each line of its answer
    #[arg(help_heading = RECORDS, short = 't', long, conflicts_with_all = ["blocks", "frame"])]
    pub(super) tag: bool,

    /// Lines per process, where {} stands [default: 1]
    #[arg(help_heading = RUN, short = 'n', long, value_name = "N")]
    pub(super) records: Option<NonZeroUsize>,

    /// Give CMD to sh as a script; {} is safe in it, whatever the line holds
    #[arg(help_heading = RUN, long, conflicts_with = "builtin")]
    pub(super) shell: bool,

    /// One process per MiB of whole lines, on its stdin; CMD may be any filter
    #[arg(help_heading = RUN, long, conflicts_with_all = ["builtin", "records"])]
    pub(super) blocks: bool,

    /// Say what would be done; read and run nothing
    #[arg(help_heading = RUN, long)]
    pub(super) dry_run: bool,

    /// Records read ahead of the oldest unprinted one [default: 8 ms of work per copy, at least 256]
    #[arg(help_heading = ORDER, long, value_name = "N")]
    pub(super) window: Option<NonZeroU64>,

    /// Bytes held at most: lines in hand, and answers that wait for their turn
    #[arg(help_heading = ORDER, long, value_name = "SIZE", default_value = "64M", value_parser = parse_size)]
    pub(super) buffer: usize,

    /// Put answers that wait for their turn, if not tiny, into an unnamed file in DIR when --buffer is half full
    #[arg(help_heading = ORDER, long, value_name = "DIR")]
    pub(super) spill: Option<PathBuf>,

    /// Give CMD a raw terminal as stdout, for programs that buffer their output on a pipe
    #[arg(help_heading = RUN, long, conflicts_with = "builtin")]
    pub(super) pty: bool,

    /// Longest line allowed, and longest answer
    #[arg(help_heading = RECORDS, long, value_name = "SIZE", default_value = "64M", value_parser = parse_size)]
    pub(super) max_record: usize,

    /// Try a failed record so often again; a live worker's records in doubt one by one
    #[arg(help_heading = FAILURES, long, value_name = "N", default_value = "0", conflicts_with = "builtin")]
    pub(super) retries: u32,

    /// Pause before the first of the retries; each is twice as long
    #[arg(help_heading = FAILURES, long, value_name = "TIME", default_value = "0", value_parser = parse_time)]
    pub(super) backoff: Duration,

    /// End a process, and all that it started, that takes longer for a record; live workers get one at a time then, and
    /// as long again to start
    #[arg(help_heading = FAILURES, long, value_name = "TIME", value_parser = parse_time)]
    pub(super) timeout: Option<Duration>,

    /// End early when a record fails: soon finishes what is in hand, now ends it; soon,fail=3 or now,fail=10%: when so
    /// many do
    #[arg(help_heading = FAILURES, long, value_name = "WHEN", default_value = "never", hide_default_value = true, value_parser = parse_halt)]
    pub(super) halt: Halt,

    /// Write what became of each record to FILE, as JSON Lines
    #[arg(help_heading = FAILURES, long, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,

    /// Go on with the log: leave out records that it says are done, whatever their place in the input
    #[arg(help_heading = FAILURES, long, requires = "log")]
    pub(super) resume: bool,

    /// Write to FILE when each worker did what, in Chrome's trace format, which Perfetto shows
    #[arg(help_heading = REPORTS, long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,

    /// Write a line of JSON about the run to stderr at its end
    #[arg(help_heading = REPORTS, long)]
    pub(super) json_summary: bool,

    /// Show progress on stderr [default: on a terminal, if the output goes elsewhere]
    #[arg(help_heading = REPORTS, short, long)]
    pub(super) progress: bool,

    /// No progress, notes or hints: only errors
    #[arg(help_heading = REPORTS, short, long, conflicts_with_all = ["progress", "verbose"])]
    pub(super) quiet: bool,

    /// How long TERM and HUP let the copies finish
    #[arg(help_heading = FAILURES, long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub(super) grace: Duration,

    /// Say which record everything waits for when nothing was printed for so long
    #[arg(help_heading = REPORTS, long, value_name = "TIME", default_value = "5s", value_parser = parse_time)]
    pub(super) stall: Duration,

    /// Use a function of this program instead of a command
    #[arg(help_heading = RUN, long, value_name = "NAME", conflicts_with = "command")]
    pub(super) builtin: Option<Builtin>,

    /// Say which copy of CMD wrote a line to stderr
    #[arg(help_heading = REPORTS, short, long)]
    pub(super) verbose: bool,

    /// The command and its arguments
    #[arg(value_name = "CMD", trailing_var_arg = true, value_hint = ValueHint::CommandWithArguments)]
    #[arg(required_unless_present = "builtin")]
    pub(super) command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Builtin {
    /// The prime factors of each number, as factor prints them
    Factor,
}

/// A script may be long; nobody reads it to its end as a name.
const LONGEST_NAME: usize = 200;

impl FarmArgs {
    /// As it was typed, on one line.
    pub(super) fn name(&self) -> String {
        let words = match self.builtin {
            Some(builtin) => vec!["--builtin".into(), format!("{builtin:?}").to_lowercase()],
            None => self.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        };
        words.join(" ").chars().take(LONGEST_NAME).map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}
