//! The command line, for `narrows-bench`, `cargo xtask bench` and `narrows bench` alike.

use std::path::PathBuf;
use std::time::Duration;

use crate::row::{self, Row};
use crate::runner::{Runner, family};

/// Narrows and its peers side by side: nanoseconds per operation, lower is better
#[derive(Clone, Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a switch
pub struct Args {
    /// Rows whose name holds one of these words
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Peers by name (kanal, crossfire); narrows is always there
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) peers: Vec<String>,
    /// Samples of each peer in each row; 9 to decide
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// The rows that decide, in shorter samples and three rounds: less than five minutes
    #[arg(long)]
    pub(crate) quick: bool,
    /// Instead: 2, 4, 8 and 16 threads on one channel
    #[arg(long)]
    pub(crate) scale: bool,
    /// Names the rows and ends
    #[arg(long)]
    pub(crate) list: bool,
    /// Shows every peer under its row
    #[arg(long)]
    pub(crate) all: bool,
    /// Ends with the targets of the project, met or missed
    #[arg(long)]
    pub(crate) targets: bool,
    /// Writes every sample here
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Writes one page with plots here
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Writes one plot of these rows here
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: u32,
    /// By this many times fewer messages than a row wants do.
    pub(crate) fewer: u64,
    /// A sample is to last so long,
    pub(crate) sample: Duration,
    /// and longer where a row wants more messages, but not longer than this.
    pub(crate) longest: Duration,
}

impl Args {
    pub(crate) fn rows(&self) -> Vec<Row> {
        let rows = if self.scale { row::scale() } else { row::all() };
        // A row that is asked for by name runs, even if it is none of the quick ones.
        let wanted = |row: &Row| {
            if self.only.is_empty() { !self.quick || row.is_quick() } else { matches(&row.to_string(), &self.only) }
        };
        rows.into_iter().filter(wanted).collect()
    }

    /// Keeps the peers that were asked for, by crate or by whole name.
    pub(crate) fn pick(&self, runners: Vec<Runner>) -> Vec<Runner> {
        let wanted = |name: &str| self.peers.iter().any(|peer| peer == name || peer == family(name));
        runners
            .into_iter()
            .filter(|runner| self.peers.is_empty() || runner.name == crate::OURS || wanted(runner.name))
            .collect()
    }

    pub(crate) fn plan(&self) -> Plan {
        let (sample, longest, rounds, fewer) =
            if self.quick { (25, 100, self.rounds.min(3), 5) } else { (80, 600, self.rounds, 1) };
        Plan { rounds, fewer, sample: Duration::from_millis(sample), longest: Duration::from_millis(longest) }
    }
}

/// True if the name holds one of the words.
pub(crate) fn matches(name: &str, words: &[String]) -> bool {
    words.iter().any(|word| name.contains(word.as_str()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Args;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Args {
        Program::try_parse_from(["bench"].into_iter().chain(line.split_whitespace())).expect("a good line").args
    }

    fn rows(line: &str) -> Vec<String> {
        parse(line).rows().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_word_picks_the_rows_that_hold_it() {
        assert_eq!(rows("--only pinned/1-1/1/8B,create/unb"), ["pinned/1-1/1/8B", "threads/create/unbounded/8B"]);
        assert!(rows("--only no-such-row").is_empty());
    }

    #[test]
    fn names_of_rows_are_distinct() {
        let mut names = rows("");
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn quick_leaves_rows_out_and_a_word_brings_them_back() {
        assert!(rows("--quick").len() < rows("").len());
        assert!(!rows("--quick --only latency").is_empty());
    }

    #[test]
    fn a_crate_names_all_its_flavours_and_ours_is_always_there() {
        let picked = parse("--peers crossfire,kanal").pick(crate::peers::all());
        let names: Vec<_> = picked.iter().map(|runner| runner.name).collect();
        assert_eq!(names[0], "narrows");
        assert!(names.contains(&"crossfire spsc::One") && names.contains(&"kanal") && !names.contains(&"flume"));
    }
}
