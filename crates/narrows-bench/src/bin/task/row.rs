//! The rows: what is asked of every peer.

use crate::beside::{Amount, Figure, Row, figure};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// One worker on one processor: so many loops that never end, and a hundred others that sleep for 10 ms between two turns.
    /// The loops are first in line, or the others have long been at work.
    Loops { count: usize, before: bool },
    /// One worker on one processor: so many tasks that block as a thread would, and the hundred others behind them.
    Blocked,
    /// Tasks that all wait: each for a channel of its own, or all for one.
    Parked { own: bool },
    /// Two tasks, there and back over two channels. A hop is one message.
    PingPong,
    /// Two tasks, one channel, one way.
    Stream,
    /// A thousand tasks, and one message that goes round.
    Ring,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) load: Load,
    /// `None`: as many as the peer takes by itself.
    pub(crate) workers: Option<usize>,
    pub(crate) capacity: usize,
}

/// How many tasks want to run beside the loops.
pub(crate) const OTHERS: usize = 100;
/// How many tasks block.
pub(crate) const BLOCKED: usize = 50;
/// Tasks in the ring.
pub(crate) const RING: usize = 1000;

const WATCHED: &[Figure] = &[
    figure("first", "ms until one of the others ran"),
    figure("all", "ms until all had run"),
    Figure { more_is_better: true, ..figure("events", "turns in 2 s") },
];
const PARKED: &[Figure] = &[
    figure("bytes", "each"),
    figure("spawn", "ns each"),
    figure("parked", "ns each until all wait"),
    figure("woken", "ns each until all have ended"),
];
const HOP: &[Figure] = &[figure("ns", "per hop")];

pub(crate) fn all() -> Vec<Row<Job>> {
    let mut rows = Vec::new();
    let one = Amount::Fixed { full: 1, quick: 1 };
    let alone = |load| Job { load, workers: Some(1), capacity: 0 };
    let pinned = |name: String, load| Row { name, load: alone(load), figures: WATCHED, amount: one, pinned: true };
    for (word, before) in [("loops", false), ("loops-before", true)] {
        rows.extend([1, 4, 16].map(|count| pinned(format!("{word}/{count}"), Load::Loops { count, before })));
    }
    rows.push(pinned(format!("blocked/{BLOCKED}"), Load::Blocked));
    let many = Amount::Fixed { full: 1_000_000, quick: 100_000 };
    for (word, workers) in [("workers", None), ("one-worker", Some(1))] {
        for (name, own) in [("own", true), ("shared", false)] {
            let load = Job { load: Load::Parked { own }, workers, capacity: 1 };
            let name = format!("parked/{name}/{word}");
            rows.push(Row { name, load, figures: PARKED, amount: many, pinned: false });
        }
    }
    for (name, load) in [("ping-pong", Load::PingPong), ("ring", Load::Ring), ("stream", Load::Stream)] {
        for capacity in [0, 1] {
            for (word, workers) in [("one-worker", Some(1)), ("workers", None)] {
                let name = format!("{name}/{capacity}/{word}");
                let load = Job { load, workers, capacity };
                rows.push(Row { name, load, figures: HOP, amount: Amount::Timed, pinned: false });
            }
        }
    }
    rows
}
