//! The options of `narrows run` as they are typed.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::values::parse_time;

/// Each rank has a mailbox open for each other one, and a process holds at most 512 channels open.
const MOST: NonZeroUsize = NonZeroUsize::new(256).expect("it is not zero");

const MANUAL: &str = "\
The ranks:
  PROGRAM is started N times. Each copy is a rank, and finds in its
  environment which it is and how it reaches the others:
    NARROWS_RANK      its number, from 0
    NARROWS_RANKS     how many there are
    NARROWS_WORLD     what narrows run hears of them by
    NARROWS_WORLD_R   the mailbox of rank R, for each R
  The library narrows-rank makes a world of that, in which the ranks
  send each other tagged messages; any other program can be run, too.
  The mailboxes are channels without a name: nobody else can find them,
  and nothing of them is left when the ranks have ended.

  Rank 0 reads the stdin of narrows run, the others read nothing. What
  the ranks write to stdout and stderr comes out in whole lines, each
  rank's in their order.

The end:
  If a rank fails, by an exit status other than 0 or by a signal, an
  error says which one and how. The others are told: whoever waits for
  a message of that rank, or sends to it, gets an error at once. They
  have --grace to end by themselves; then they get TERM, and KILL two
  seconds later.

  INT, TERM and HUP are passed on to all ranks, which have as long to
  end; a second signal shortens it. USR1 and USR2 are passed on, too, and
  Ctrl-Z stops all ranks.

  A rank ends with all that it started in its process group, and all of
  them end when narrows run is killed.

Exit status:
  0        every rank has ended with 0
  N        the first rank that failed did so with N
  128 + N  the first rank that failed was ended by signal N, or narrows
           run was
  2        wrong usage
  124      --timeout has passed
  125      failure of narrows run itself
  126      PROGRAM cannot be run
  127      PROGRAM not found

Examples:
  Four ranks, each line with the rank that wrote it:
    narrows run -n 4 --label ./ring
  Which rank is which process:
    narrows run -n 3 sh -c 'echo $NARROWS_RANK of $NARROWS_RANKS is $$'
  A test that must not hang:
    narrows run -n 8 --timeout 1m ./all_reduce 1000000
";

/// Start a program several times, as ranks that send each other messages
#[derive(Debug, Args)]
#[command(after_long_help = MANUAL, arg_required_else_help = true)]
#[command(override_usage = "narrows run [OPTIONS] PROGRAM [ARG]...")]
pub(crate) struct RunArgs {
    /// How many ranks [default: as many as processors]
    #[arg(short = 'n', long, value_name = "N", value_parser = parse_ranks)]
    ranks: Option<NonZeroUsize>,

    /// Put the number of the rank before each line it writes
    #[arg(short, long)]
    pub(super) label: bool,

    /// End all ranks when they have run for so long
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) timeout: Option<Duration>,

    /// How long the ranks may take to end when one has failed, or after a signal
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub(super) grace: Duration,

    /// No notes or hints: only errors
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// The program and its arguments
    #[arg(value_name = "PROGRAM", trailing_var_arg = true, required = true, value_hint = ValueHint::CommandWithArguments)]
    pub(super) program: Vec<OsString>,
}

impl RunArgs {
    pub(super) fn ranks(&self) -> usize {
        self.ranks.or(available_parallelism().ok()).map_or(1, NonZeroUsize::get).min(MOST.get())
    }
}

fn parse_ranks(text: &str) -> Result<NonZeroUsize, String> {
    let ranks = text.parse().ok().filter(|ranks| *ranks <= MOST);
    ranks.ok_or_else(|| format!("expected a number of ranks from 1 to {MOST}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_a_number_within_bounds() {
        assert_eq!(parse_ranks("1").map(NonZeroUsize::get), Ok(1));
        assert_eq!(parse_ranks("256"), Ok(MOST));
        for wrong in ["", "0", "-1", "257", "1.5", "50%", "many", "99999999999999999999"] {
            assert!(parse_ranks(wrong).is_err(), "{wrong}");
        }
    }
}
