//! How a row is measured: how many messages, in which order the peers, and what to do with a disturbed sample.
//! Knows no channel and no load.

use std::time::{Duration, Instant};

use crate::args::Plan;
use crate::load::Figures;
use crate::machine::Neighbours;
use crate::row::{Capacity, Load, Row};
use crate::runner::Runner;
use crate::stats::Spread;
use crate::watch::Watch;

/// A sample that neighbours disturbed is taken again so often.
const REPEATS: u32 = 2;

/// What one peer showed in one row.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) peer: &'static str,
    pub(crate) general: bool,
    /// Messages in a sample.
    pub(crate) count: u64,
    /// The samples were to be longer, and would have taken too long.
    pub(crate) short: bool,
    /// One entry per sample, each with the row's figures.
    pub(crate) samples: Vec<Figures>,
}

#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) cells: Vec<Cell>,
    /// Samples taken again because others used the processors.
    pub(crate) repeated: u32,
    /// Samples kept although they were disturbed each time.
    pub(crate) disturbed: u32,
}

impl Cell {
    /// Over the samples, of one of the row's figures.
    pub(crate) fn spread(&self, figure: usize) -> Option<Spread> {
        let samples: Vec<f64> = self.samples.iter().filter_map(|figures| figures.get(figure).copied()).collect();
        Spread::of(&samples)
    }
}

/// Measures one row with every peer that has it, the peers taking turns; `turn` moves the one that starts.
pub(crate) fn measure(row: Row, runners: &[Runner], plan: Plan, turn: usize, watch: &Watch) -> Measured {
    let mut measured = Measured { row, cells: Vec::new(), repeated: 0, disturbed: 0 };
    let mut racers = Vec::new();
    for runner in runners {
        watch.begins(format!("{row} {}", runner.name));
        if let Some((count, short)) = count(&row, runner, plan) {
            racers.push(runner);
            measured.cells.push(Cell { peer: runner.name, general: runner.general, count, short, samples: Vec::new() });
        }
    }
    let rounds = if row.is_memory() { 1 } else { plan.rounds as usize };
    for round in 0..rounds {
        for step in 0..racers.len() {
            let at = (turn + round + step) % racers.len();
            let count = measured.cells[at].count;
            watch.begins(format!("{row} {}", racers[at].name));
            let figures = measured.sample(racers[at], count);
            measured.cells[at].samples.extend(figures);
        }
    }
    measured
}

impl Measured {
    fn sample(&mut self, runner: &Runner, count: u64) -> Option<Figures> {
        for repeat in 0..=REPEATS {
            let neighbours = Neighbours::watch();
            let figures = runner.run(&self.row, count);
            if !neighbours.disturbed() {
                return figures;
            }
            if repeat == REPEATS {
                self.disturbed += 1;
                return figures;
            }
            self.repeated += 1;
        }
        None
    }
}

/// Messages for one sample, and whether they are fewer than the row wants. `None`: the peer has no such row.
fn count(row: &Row, runner: &Runner, plan: Plan) -> Option<(u64, bool)> {
    if let Some(fixed) = fixed(row) {
        return runner.run(row, fixed).map(|_| (fixed, false));
    }
    // By the clock, not by the figures: some rows leave out most of what they do, as the pauses between two messages.
    let timed = |count| {
        let began = Instant::now();
        runner.run(row, count).map(|_| began.elapsed())
    };
    let mut count = 64;
    let cost = loop {
        let mut cost = timed(count)?;
        // The first messages find workers asleep and pages untouched; a run too short would show nothing else.
        if cost > plan.sample / 4 {
            cost = cost.min(timed(count)?);
        }
        if cost > plan.sample / 4 {
            break (cost.as_secs_f64() / count as f64).max(1e-10);
        }
        count *= 4;
    };
    let within = |time: Duration| (time.as_secs_f64() / cost) as u64;
    let least = least(row) / plan.fewer;
    let count = least.max(within(plan.sample)).min(within(plan.longest)).max(1);
    Some((count, count < least))
}

/// Loads whose length is not a matter of time.
fn fixed(row: &Row) -> Option<u64> {
    match row.load {
        Load::Latency { .. } | Load::MemoryEmpty | Load::MemoryDrained => Some(1),
        _ => None,
    }
}

/// Messages that a sample needs to show more than the scheduler's ticks or the first pages; `speed.md` has the reasons.
fn least(row: &Row) -> u64 {
    // What an unbounded channel may hold when its receivers lag.
    const BACKLOG_BYTES: usize = 256 << 20;
    let most = (BACKLOG_BYTES / row.bytes) as u64;
    let least = match (row.load, row.capacity) {
        (Load::One | Load::Stream(_), Capacity::Large | Capacity::Unbounded) => 5_000_000,
        (Load::One | Load::Stream(_), Capacity::Places(2..)) => 1_600_000,
        _ if row.waits() => 200_000,
        _ => 0,
    };
    least.min(most)
}

#[cfg(test)]
mod tests {
    use super::{Measured, measure};
    use crate::args::Plan;
    use crate::row;
    use crate::runner::Runner;
    use crate::watch::Watch;
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::Duration;

    #[test]
    fn peers_take_turns_and_the_first_one_moves() {
        let order = Rc::new(RefCell::new(String::new()));
        let runner = |name: &'static str| {
            let order = Rc::clone(&order);
            Runner::new(name, move |_, _| {
                order.borrow_mut().push_str(name);
                Some(vec![1e9])
            })
        };
        let plan = Plan { rounds: 3, fewer: 1, sample: Duration::ZERO, longest: Duration::ZERO };
        let runners = [runner("a"), runner("b"), runner("c"), Runner::new("none", |_, _| None)];
        let Measured { cells, repeated, .. } = measure(row::all()[2], &runners, plan, 1, &Watch::start());
        let samples = order.borrow()[6..].to_owned();
        if repeated == 0 {
            assert_eq!(samples, "bcacababc");
        }
        assert_eq!(cells.len(), 3);
        assert!(cells.iter().all(|cell| cell.samples.len() == 3 && cell.short));
    }
}
