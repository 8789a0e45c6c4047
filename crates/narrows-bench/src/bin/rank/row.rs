//! The rows: what is asked of every peer.

use crate::beside::{Amount, Figure, Row, figure};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// One message of eight bytes goes round. A hop is from one rank to the next.
    Ring { ranks: usize },
    /// The sum of so many floats of each rank, which all get.
    AllReduce { ranks: usize, numbers: usize },
    /// One rank, with so many messages of different tags that nobody has asked for: one is taken by its tag, another put in.
    Unexpected { depth: usize },
    /// One rank that has posted so many receives of different tags: one gets its message, and is posted again.
    Posted { depth: usize },
}

impl Load {
    pub(crate) fn ranks(&self) -> usize {
        match *self {
            Load::Ring { ranks } | Load::AllReduce { ranks, .. } => ranks,
            Load::Unexpected { .. } | Load::Posted { .. } => 1,
        }
    }
}

const HOP: &[Figure] = &[figure("ns", "per hop")];
const ONCE: &[Figure] = &[figure("ns", "each time")];
const MESSAGE: &[Figure] = &[figure("ns", "per message")];

/// Floats of eight bytes in a MiB.
const MIB: usize = 1024 * 1024 / 8;

const DEPTHS: [usize; 3] = [10, 1_000, 10_000];

pub(crate) fn all() -> Vec<Row<Load>> {
    let row = |name: String, load, figures| Row { name, load, figures, amount: Amount::Timed, pinned: false };
    let mut rows = Vec::new();
    rows.extend([2, 4].map(|ranks| row(format!("ring/{ranks}"), Load::Ring { ranks }, HOP)));
    rows.extend(
        [2, 4].map(|ranks| row(format!("all-reduce/{ranks}/1MiB"), Load::AllReduce { ranks, numbers: MIB }, ONCE)),
    );
    rows.extend(DEPTHS.map(|depth| row(format!("unexpected/{depth}"), Load::Unexpected { depth }, MESSAGE)));
    rows.extend(DEPTHS.map(|depth| row(format!("posted/{depth}"), Load::Posted { depth }, MESSAGE)));
    rows
}
