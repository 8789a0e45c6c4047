//! The options of `narrows send` and `narrows recv` as they are typed.

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::engine::{Framing, Mark};
use crate::values::{parse_byte, parse_size, parse_time};

/// The headings of the help.
const CHANNEL: &str = "How the channel is made, by who comes first";
const RECORDS: &str = "Records";

const SEND: &str = "\
The channel:
  It has a name, holds so many records, and each record goes to one of
  those who receive from it. The first who comes, sender or receiver,
  makes it; it ends when the last sender has left, unless it was made
  with --keep-open, and stays while records are left in it. A name with
  a slash is the path of its file; others lie in $NARROWS_DIR, else in
  $XDG_RUNTIME_DIR/narrows, else in /dev/shm/narrows-UID.

  A record that was sent is in the channel, whatever becomes of its
  sender. If not all can be sent, an error says how many were.

Exit status:
  0        all was sent
  1        the channel is closed, or a record is too long: the rest was
           not sent
  2        wrong usage
  124      --timeout has passed: the rest was not sent
  125      it cannot read, or use the channel
  128 + N  ended by signal N

Examples:
  Two programs write lines, two read them, and no line is torn:
    ./crawl a | narrows send urls & ./crawl b | narrows send urls &
    narrows recv urls > 1.txt & narrows recv urls > 2.txt & wait
  Names of files, whatever characters they hold:
    find . -type f -print0 | narrows send -0 files
  One job, when somebody has taken it:
    narrows send jobs --sync -- 'resize 1.png'
";

const RECV: &str = "\
What is certain:
  A record leaves the channel when it has been written to stdout, or
  when CMD has ended with 0. If this program is killed before, or cannot
  write, another receiver gets the record: none is lost, and one that
  was written and not yet accepted may come twice. What lies in a pipe
  is written: with -n no more is taken than is wanted, unlike | head.

  Whole records are written. In a file that several receivers append to
  (>>) they stay whole. In a pipe that several write to those of up to
  4096 bytes do; longer ones can mix there, as the kernel has it. Of a
  record in hand when this program is killed, or the disk is full, the
  beginning may have been written. A line that holds a newline, because
  it was sent as something else, is two lines: -0 and --frame keep it.

  If this program is killed, CMD's shell is too, but not what it started
  and left behind.

Exit status:
  0        the channel is empty and has ended, or -n records came
  1        CMD failed; its record was given back
  2        wrong usage
  124      --timeout has passed without a record
  125      it cannot write, or use the channel
  128 + N  ended by signal N

Examples:
  What others send, until the last of them has left:
    narrows recv log >> all.log
  One record, or none within a second:
    job=$(narrows recv -n 1 --timeout 1s jobs) || echo 'nothing to do'
  Jobs that are done by somebody even if a worker is killed:
    narrows recv jobs --ack './resize {}'
  The same in a folder of workers, each of which tries three times:
    for i in 1 2 3 4; do narrows recv jobs --ack ./work --retries 2 & done
";

#[derive(Debug, Args)]
pub(super) struct ChannelArgs {
    /// Records that it holds at most [default: 1024]
    #[arg(help_heading = CHANNEL, long, value_name = "N")]
    pub(super) capacity: Option<NonZeroU32>,

    /// Its longest record [default: 128K]
    #[arg(help_heading = CHANNEL, long, value_name = "SIZE", value_parser = parse_size)]
    pub(super) max_record: Option<usize>,

    /// Bytes for records longer than 112 bytes, in all [default: 2M, or 8 of the longest]
    #[arg(help_heading = CHANNEL, long, value_name = "SIZE", value_parser = parse_size)]
    pub(super) memory: Option<usize>,

    /// It ends when it is closed (narrows stat --close), instead of when the last sender has left
    #[arg(help_heading = CHANNEL, long)]
    pub(super) keep_open: bool,
}

#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// Records end with NUL instead of newline
    #[arg(help_heading = RECORDS, short = '0', long)]
    null: bool,

    /// Records end with this character: one byte, or \t, \0, \n, \r, \xHH
    #[arg(help_heading = RECORDS, short = 'd', long, value_name = "C", value_parser = parse_byte, conflicts_with = "null")]
    delimiter: Option<u8>,

    /// Each record follows its length in four bytes, the highest first
    #[arg(help_heading = RECORDS, long, conflicts_with_all = ["null", "delimiter"])]
    frame: bool,
}

impl RecordArgs {
    pub(super) fn framing(&self, max_record: usize) -> Framing {
        let mark = match (self.delimiter, self.null) {
            _ if self.frame => Mark::Length,
            (Some(byte), _) => Mark::End(byte),
            (None, true) => Mark::End(0),
            (None, false) => Mark::End(b'\n'),
        };
        Framing { mark, max_record }
    }
}

/// Send the records of stdin into a channel between processes
#[derive(Debug, Args)]
#[command(after_long_help = SEND)]
#[command(override_usage = "narrows send [OPTIONS] NAME\n       narrows send [OPTIONS] NAME -- RECORD...")]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(super) channel: ChannelArgs,

    #[command(flatten)]
    pub(super) records: RecordArgs,

    /// Go on after each record when somebody has received it
    #[arg(long)]
    pub(super) sync: bool,

    /// How long a record may wait for room, or with --sync for a receiver
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) timeout: Option<Duration>,

    /// No notes or hints: only errors
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// The channel
    #[arg(value_name = "NAME")]
    pub(super) name: String,

    /// Records to send instead of those of stdin
    #[arg(value_name = "RECORD", last = true)]
    pub(super) words: Vec<OsString>,
}

/// Receive records from a channel between processes, each by one receiver
#[derive(Debug, Args)]
#[command(after_long_help = RECV)]
pub(crate) struct RecvArgs {
    #[command(flatten)]
    pub(super) channel: ChannelArgs,

    #[command(flatten)]
    pub(super) records: RecordArgs,

    /// Take so many records at most
    #[arg(short = 'n', long = "records", value_name = "N")]
    pub(super) most: Option<NonZeroU64>,

    /// End when no record has come for so long
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) timeout: Option<Duration>,

    /// Give each record to CMD, a script for sh: on its stdin, or as the argument {}. It is received when CMD ends with 0
    #[arg(long, value_name = "CMD", value_hint = ValueHint::CommandString)]
    pub(super) ack: Option<OsString>,

    /// Let CMD try a record so often again before it is given back
    #[arg(long, value_name = "N", default_value = "0", requires = "ack")]
    pub(super) retries: u32,

    /// How long TERM and HUP let CMD finish
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time, requires = "ack")]
    pub(super) grace: Duration,

    /// No notes or hints: only errors
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// The channel
    #[arg(value_name = "NAME")]
    pub(super) name: String,
}
