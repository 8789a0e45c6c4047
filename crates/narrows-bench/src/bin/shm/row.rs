//! The rows: what is asked of every peer.

use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// So many senders and as many receivers, as fast as they can. Of a message its ends are written and looked at.
    Rate,
    /// The same one to one, where all of a message is written, in place if the peer lends it, and all of it read.
    Lease,
    /// There and back, with a millisecond of rest before each, so that the other side sleeps.
    Asleep,
    /// There and back at once again.
    Busy,
    /// Lines of text from two writers to two readers: how many come whole.
    Torn,
}

impl Load {
    pub(crate) fn is_round_trip(self) -> bool {
        matches!(self, Load::Asleep | Load::Busy)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) load: Load,
    /// Bytes of a message, in whole words.
    pub(crate) size: usize,
    /// Senders, and as many receivers.
    pub(crate) pairs: usize,
    /// The bound, for peers that have one.
    pub(crate) places: usize,
    /// Messages of each sender where the clock is not to decide.
    pub(crate) count: Option<u64>,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// What a line of the trial had, its end included.
const LINE: usize = 70_000;

pub(crate) fn all(lines: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for pairs in [1, 2] {
        rows.extend([16, 128, KIB, 64 * KIB].map(|size| Row::new("rate", Load::Rate, size, pairs)));
    }
    rows.push(Row::new("lease", Load::Lease, MIB, 1));
    let asleep = Row::new("asleep", Load::Asleep, 16, 1);
    rows.push(Row { count: Some(200), ..asleep });
    rows.push(Row::new("busy", Load::Busy, 16, 1));
    rows.push(Row { count: Some(lines), name: "torn/70KB/2-2".to_owned(), ..Row::new("torn", Load::Torn, LINE, 2) });
    rows
}

impl Row {
    fn new(word: &str, load: Load, size: usize, pairs: usize) -> Row {
        let mut name = format!("{word}/{}", bytes(size));
        if !load.is_round_trip() {
            let _ = write!(name, "/{pairs}-{pairs}");
        }
        // 1024 messages, but not more than 4 MiB of them, and never fewer than 4.
        let places = (4 * MIB / size).clamp(4, 1024);
        Row { name, load, size, pairs, places, count: None }
    }
}

pub(crate) fn find(name: &str) -> Option<Row> {
    all(0).into_iter().find(|row| row.name == name)
}

fn bytes(size: usize) -> String {
    match size {
        MIB.. => format!("{}MiB", size / MIB),
        KIB.. => format!("{}KiB", size / KIB),
        _ => format!("{size}B"),
    }
}
