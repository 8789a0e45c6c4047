//! What the project promised itself, and whether it is so. The table is the one of the issue on speed.

use std::fmt::Write;

use crate::report::Line;
use crate::report::table::number;

/// What is asked of each row of a target.
#[derive(Clone, Copy, Debug)]
enum Goal {
    /// So many times faster than the best general peer.
    Best(f64),
    /// So many times faster than this one.
    Peer(&'static str, f64),
    /// Our own figure is no larger.
    AtMost(f64),
    /// Our own figure is no larger than so many times another one of the same row.
    Of(&'static str, f64),
    /// No row of ours costs more than so many times what another costs.
    Within(f64),
}

#[derive(Debug)]
struct Target {
    what: &'static str,
    how: &'static str,
    loads: &'static [&'static str],
    capacities: &'static [&'static str],
    /// What follows the capacity in a line's name.
    tails: &'static [&'static str],
    goal: Goal,
}

const fn target(
    what: &'static str,
    how: &'static str,
    loads: &'static [&'static str],
    capacities: &'static [&'static str],
    goal: Goal,
) -> Target {
    Target { what, how, loads, capacities, tails: &["8B"], goal }
}

const THIRD: f64 = 1.0 / 3.0;
const ZERO: &[&str] = &["0"];
const ONE: &[&str] = &["1"];
const FEW: &[&str] = &["0", "1"];
const FAST: &[&str] = &["64", "large", "unbounded"];
const ENDLESS: &[&str] = &["large", "unbounded"];
const STREAMS: &[&str] = &["1-1", "4-1", "1-4", "4-4"];
const ROWS: &[&str] = &["one", "1-1", "4-1", "1-4", "4-4"];
const MANY: &[&str] = &["4-1", "1-4", "4-4"];
const TWO: &[&str] = &["1-1", "ping-pong"];
const UNPINNED: &[&str] = &["1-1", "4-1", "1-4", "4-4", "ping-pong"];

const TARGETS: [Target; 34] = [
    target("one thread", "threads", &["one"], FAST, Goal::Best(2.0)),
    target("64: one to one", "threads", &["1-1"], &["64"], Goal::Best(4.0)),
    target("64: four to one, one to four", "threads", &["4-1", "1-4"], &["64"], Goal::Best(2.0)),
    target("64: four to four", "threads", &["4-4"], &["64"], Goal::Best(2.5)),
    target("64: pinned, within 1.5x of rtrb", "pinned", &["1-1"], &["64"], Goal::Peer("rtrb", 1.0 / 1.5)),
    target("large and unbounded: one to one", "threads", &["1-1"], ENDLESS, Goal::Best(2.0)),
    target("large and unbounded: many", "threads", MANY, ENDLESS, Goal::Best(2.0)),
    target("0: pinned", "pinned", TWO, ZERO, Goal::Best(3.0)),
    target("0: where a receiver waits", "pinned", &["awaited"], ZERO, Goal::Best(6.0)),
    target("1: pinned", "pinned", TWO, ONE, Goal::Best(2.3)),
    target("1: pinned, within 1.1x of rtrb", "pinned", TWO, ONE, Goal::Peer("rtrb", 1.0 / 1.1)),
    target("0: not pinned", "threads", UNPINNED, ZERO, Goal::Best(2.0)),
    target("1: not pinned", "threads", UNPINNED, ONE, Goal::Best(0.95)),
    target("an empty try_recv", "threads", &["try_recv"], &["0", "1", "64", "large", "unbounded"], Goal::Best(1.0)),
    target("a full try_send", "threads", &["try_send"], &["0", "1", "64"], Goal::Best(1.0)),
    Target { tails: &["32B"], ..target("32 bytes", "threads", ROWS, FAST, Goal::Best(1.7)) },
    Target { tails: &["256B"], ..target("256 bytes", "threads", ROWS, FAST, Goal::Best(1.2)) },
    Target { tails: &["32B", "256B"], ..target("larger messages", "threads", STREAMS, FEW, Goal::Best(1.0)) },
    Target {
        tails: &["32B", "256B"],
        ..target(
            "larger messages, pinned",
            "pinned",
            &["1-1"],
            &["0", "1", "64", "large", "unbounded"],
            Goal::Best(1.0),
        )
    },
    target("creation, as kanal", "threads", &["create"], &["1", "64", "unbounded"], Goal::Peer("kanal", 1.0)),
    Target {
        tails: &["8B bytes"],
        ..target("an empty channel", "threads", &["memory-empty"], &["1", "unbounded"], Goal::AtMost(384.0))
    },
    Target {
        tails: &["8B allocations"],
        ..target("an empty channel", "threads", &["memory-empty"], &["1", "unbounded"], Goal::AtMost(2.0))
    },
    target("tasks: one", "tasks", &["one"], FAST, Goal::Best(1.7)),
    target("tasks: large and unbounded", "tasks", STREAMS, ENDLESS, Goal::Best(1.7)),
    target("tasks: 64", "tasks", STREAMS, &["64"], Goal::Best(1.5)),
    target("tasks: 0 and 1", "tasks", UNPINNED, FEW, Goal::Best(1.2)),
    target("select_rx, crossfire", "threads", &["select_rx-4"], FAST, Goal::Peer("crossfire", 2.0)),
    target("select_rx, crossbeam", "threads", &["select_rx-4"], FEW, Goal::Peer("crossbeam", 2.0)),
    target("select_rx, flume", "threads", &["select_rx-4"], FEW, Goal::Peer("flume", 2.0)),
    target("select_both", "threads", &["select_both-4"], FAST, Goal::Peer("crossbeam", 3.0)),
    target("select_both", "threads", &["select_both-4"], FEW, Goal::Peer("crossbeam", 5.0)),
    target(
        "one selector, its cost whatever its size",
        "threads",
        &["selector-100", "selector-1000", "selector-10000"],
        &["unbounded"],
        Goal::Within(2.0),
    ),
    Target {
        tails: &["8B batched"],
        ..target(
            "batches, a third of single sends",
            "threads",
            &["batch_one", "batch_1-1"],
            FAST,
            Goal::Of("single", THIRD),
        )
    },
    Target {
        tails: &["8B batched"],
        ..target("batches, a third of single sends", "pinned", &["batch_1-1"], FAST, Goal::Of("single", THIRD))
    },
];

/// One row of one target: what is wanted, and what was found, where it was measured.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) what: &'static str,
    pub(crate) row: String,
    pub(crate) wanted: String,
    pub(crate) value: Option<f64>,
    pub(crate) met: bool,
}

impl Verdict {
    pub(crate) fn word(&self) -> &'static str {
        match self.value {
            None => "not run",
            Some(_) if self.met => "met",
            Some(_) => "missed",
        }
    }
}

pub(crate) fn verdicts(lines: &[Line]) -> Vec<Verdict> {
    TARGETS.iter().flat_map(|target| target.verdicts(lines)).collect()
}

impl Target {
    fn names(&self) -> impl Iterator<Item = String> {
        let loads = self.loads.iter().flat_map(|load| self.capacities.iter().map(move |capacity| (load, capacity)));
        loads.flat_map(move |(load, capacity)| {
            self.tails.iter().map(move |tail| format!("{}/{load}/{capacity}/{tail}", self.how))
        })
    }

    fn verdicts(&self, lines: &[Line]) -> Vec<Verdict> {
        let line = |name: &str| lines.iter().find(|line| line.name == name);
        let ours = |name: &str| Some(line(name)?.ours?.median);
        let cheapest = self.names().filter_map(|name| ours(&name)).min_by(f64::total_cmp);
        let verdict = |row: String| {
            let (value, met, wanted) = match self.goal {
                Goal::Best(least) => at_least(line(&row).and_then(Line::ratio), least, "the best peer"),
                Goal::Peer(peer, least) => at_least(line(&row).and_then(|line| line.ratio_to(peer)), least, peer),
                Goal::AtMost(most) => at_most(ours(&row), most, "at most "),
                Goal::Of(other, most) => {
                    let whole = row.rsplit_once(' ').and_then(|(row, _)| ours(&format!("{row} {other}")));
                    at_most(
                        ours(&row).zip(whole).map(|(ours, whole)| ours / whole),
                        most,
                        &format!("of {other} at most "),
                    )
                }
                Goal::Within(most) => at_most(
                    ours(&row).zip(cheapest).map(|(ours, least)| ours / least),
                    most,
                    "of the cheapest at most ",
                ),
            };
            Verdict { what: self.what, row, wanted, value, met }
        };
        self.names().map(verdict).collect()
    }
}

fn at_least(value: Option<f64>, least: f64, peer: &str) -> (Option<f64>, bool, String) {
    (value, value.is_some_and(|value| value >= least), format!("{least:.2}x {peer}"))
}

fn at_most(value: Option<f64>, most: f64, words: &str) -> (Option<f64>, bool, String) {
    (value, value.is_some_and(|value| value <= most), format!("{words}{}", number(most)))
}

/// One line each, then the sum.
pub(crate) fn text(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        let value = verdict.value.map_or(String::new(), |value| format!("{value:.2}"));
        let _ = writeln!(
            text,
            "{:<8}{value:>8}  {:<36} {:<24} {}",
            verdict.word(),
            verdict.row,
            verdict.wanted,
            verdict.what
        );
    }
    let count = |word| verdicts.iter().filter(|verdict| verdict.word() == word).count();
    text + &format!("targets: {} met, {} missed, {} not run\n", count("met"), count("missed"), count("not run"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{TARGETS, text, verdicts};
    use crate::report::Line;
    use crate::row;
    use crate::stats::Spread;

    fn line(name: &str, ours: f64, kanal: f64, rtrb: f64) -> Line {
        let spread = |median| Spread { min: median, median, max: median };
        let peers =
            vec![("narrows", true, spread(ours)), ("kanal", true, spread(kanal)), ("rtrb", false, spread(rtrb))];
        Line { name: name.to_owned(), ours: Some(spread(ours)), best: Some(("kanal", spread(kanal))), peers }
    }

    #[test]
    fn every_row_of_every_target_is_measured() {
        let figures =
            |row: row::Row| row.figures().iter().map(move |figure| format!("{row} {figure}").trim().to_owned());
        let known: BTreeSet<String> = row::all().into_iter().flat_map(figures).collect();
        let unknown: Vec<_> =
            TARGETS.iter().flat_map(super::Target::names).filter(|name| !known.contains(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn a_row_is_met_or_missed_or_was_not_run() {
        let found = verdicts(&[line("pinned/1-1/1/8B", 10.0, 30.0, 8.0), line("threads/one/64/8B", 10.0, 19.0, 9.0)]);
        let words = |row: &str| -> Vec<_> {
            found.iter().filter(|verdict| verdict.row == row).map(super::Verdict::word).collect()
        };
        assert_eq!(words("pinned/1-1/1/8B"), ["met", "missed"], "the best peer is beaten, rtrb is not reached");
        assert_eq!(words("threads/one/64/8B"), ["missed"]);
        assert_eq!(words("threads/one/large/8B"), ["not run"]);
        assert!(text(&found).contains("targets: 1 met, 2 missed,"));
    }

    #[test]
    fn a_batch_is_held_against_the_single_sends_of_its_row() {
        let figure = |name: &str, ours| line(&format!("threads/batch_one/64/8B {name}"), ours, 1.0, 1.0);
        let word = |batched| {
            let found = verdicts(&[figure("batched", batched), figure("single", 9.0)]);
            found.iter().find(|verdict| verdict.row == "threads/batch_one/64/8B batched").map(super::Verdict::word)
        };
        assert_eq!((word(2.9), word(3.1)), (Some("met"), Some("missed")));
        let alone = verdicts(&[figure("batched", 2.9)]);
        assert!(alone.iter().all(|verdict| verdict.word() == "not run"));
    }
}
