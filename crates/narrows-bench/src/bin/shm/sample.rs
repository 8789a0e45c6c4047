//! One sample of one peer: its processes, what they told, and whether every message came exactly once.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};

use crate::crew::{Crew, Report, Role, Task};
use crate::peers::Peer;
use crate::row::{Load, Row};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Nanoseconds for each message, or for a round trip.
    pub(crate) cost: f64,
    /// Messages of all senders, or round trips.
    pub(crate) count: u64,
    /// Of them so many did not come whole, where the row is about that.
    pub(crate) torn: u64,
    /// From the first who began to the last who ended.
    seconds: f64,
}

/// A sample is to last so long.
const SECONDS: f64 = 0.25;
const SECONDS_QUICK: f64 = 0.08;
/// Long enough to tell how many messages last so long.
const SECONDS_TOLD: f64 = 0.02;

/// How many messages each sender is to send.
pub(crate) fn count(peer: &Peer, row: &Row, quick: bool, scratch: &Path) -> Result<u64> {
    if let Some(count) = row.count {
        return Ok(count);
    }
    let wanted = if quick { SECONDS_QUICK } else { SECONDS };
    let mut count = 64;
    loop {
        let seconds = take(peer, row, count, scratch)?.seconds;
        if seconds >= SECONDS_TOLD {
            return Ok(((count as f64 * wanted / seconds) as u64).max(1));
        }
        count *= 8;
    }
}

pub(crate) fn take(peer: &Peer, row: &Row, count: u64, scratch: &Path) -> Result<Sample> {
    static SAMPLES: AtomicU64 = AtomicU64::new(0);
    let name = format!("narrows-bench-{}-{}", std::process::id(), SAMPLES.fetch_add(1, Ordering::Relaxed));
    let place = scratch.join(name);
    let gate = place.with_extension("gate");
    let task = |role, index| Task {
        peer: peer.name.to_owned(),
        role,
        index,
        row: row.name.clone(),
        count,
        place: place.clone(),
        gate: gate.clone(),
        starter: std::process::id(),
    };
    let _clear = Clear(peer, task(Role::All, 0));
    (peer.prepare)(row, &task(Role::All, 0))?;
    let ways = if row.load.is_round_trip() { 2 } else { 1 };
    let wires = (0..ways).filter_map(|_| (peer.wire)(row, &place).transpose()).collect::<Result<Vec<_>>>()?;
    let mut crew = Crew::new(&gate, place.with_extension("errors"))?;
    for &role in peer.roles(row) {
        // A process for each pair, but one where there is one of a kind anyhow.
        let of_a_kind = if matches!(role, Role::Send | Role::Receive) { row.pairs as u64 } else { 1 };
        for index in 0..of_a_kind {
            crew.start(peer, &task(role, index), &wires)?;
        }
    }
    // Whoever waits for the end of a pipe would wait for us.
    drop(wires);
    judge(row, count, &crew.run()?)
}

/// What the peer left where nothing else looks.
struct Clear<'a>(&'a Peer, Task);

impl Drop for Clear<'_> {
    fn drop(&mut self) {
        (self.0.clear)(&self.1);
    }
}

fn judge(row: &Row, each: u64, reports: &[Report]) -> Result<Sample> {
    let of = |word: &'static str| reports.iter().filter(move |report| report.word == word);
    if row.load.is_round_trip() {
        let Some(trips) = of("trips").next() else { anyhow::bail!("nobody told of a round trip") };
        let [median, total] = trips.numbers;
        let cost = if row.load == Load::Asleep { median as f64 } else { total as f64 / each as f64 };
        return Ok(Sample { cost, count: each, torn: 0, seconds: total as f64 / 1e9 });
    }
    let begin = of("sent").map(|report| report.begin).min().unwrap_or(0);
    let end = of("received").map(|report| report.end).max().unwrap_or(0);
    let came: u64 = of("received").map(|report| report.numbers[0]).sum();
    let sum = of("received").fold(0_u64, |sum, report| sum.wrapping_add(report.numbers[1]));
    let count = each * row.pairs as u64;
    ensure!(of("sent").count() == row.pairs && of("received").count() == row.pairs, "not everybody told what it did");
    ensure!(end > begin, "it ended before it began");
    let seconds = (end - begin) as f64 / 1e9;
    if row.load == Load::Torn {
        ensure!(came <= count, "{came} lines came of {count}");
        return Ok(Sample { cost: seconds * 1e9 / count as f64, count, torn: count - came, seconds });
    }
    // Modulo 2^64, as theirs is.
    let wanted = (u128::from(count) * u128::from(count.saturating_sub(1)) / 2) as u64;
    ensure!((came, sum) == (count, wanted), "{came} messages with the sum {sum} came of {count} with the sum {wanted}");
    Ok(Sample { cost: seconds * 1e9 / count as f64, count, torn: 0, seconds })
}
