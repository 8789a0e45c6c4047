//! How a row is measured: how many messages, in which order the peers, and what to do with a disturbed sample.
//! Knows no channel and no load.

use std::time::{Duration, Instant};

use crate::args::Plan;
use crate::load::Figures;
use crate::machine::{Neighbours, round_trip};
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
    /// Those left out, for the cores were not as far apart as with the others; with how far.
    pub(crate) elsewhere: Vec<(f64, Figures)>,
}

/// One run of a peer.
#[derive(Clone, Debug)]
struct Sample {
    figures: Figures,
    /// How far apart two cores were, if that matters: nanoseconds for a cache line there and back.
    distance: Option<f64>,
}

/// How far apart the cores were while a row was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Distance {
    /// It does not matter, or cannot be told.
    Unknown,
    /// So many nanoseconds for a cache line there and back, about.
    One(f64),
    /// It changed too often for enough samples at one.
    Mixed,
}

#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) cells: Vec<Cell>,
    /// Samples taken again because others used the processors.
    pub(crate) repeated: u32,
    /// Samples kept although they were disturbed each time.
    pub(crate) disturbed: u32,
    pub(crate) distance: Distance,
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
    let mut measured = Measured { row, cells: Vec::new(), repeated: 0, disturbed: 0, distance: Distance::Unknown };
    let mut racers = Vec::new();
    for runner in runners {
        watch.begins(format!("{row} {}", runner.name));
        if let Some((count, short)) = count(&row, runner, plan) {
            racers.push(runner);
            let (peer, general) = (runner.name, runner.general);
            measured.cells.push(Cell { peer, general, count, short, samples: Vec::new(), elsewhere: Vec::new() });
        }
    }
    let rounds = if row.is_memory() { 1 } else { plan.rounds as usize };
    let mut taken = vec![Vec::new(); racers.len()];
    // Twice as many where they do not suffice.
    for round in 0..2 * rounds {
        if round >= rounds && settled(&taken, rounds).is_some() {
            break;
        }
        for step in 0..racers.len() {
            let at = (turn + round + step) % racers.len();
            let count = measured.cells[at].count;
            watch.begins(format!("{row} {}", racers[at].name));
            taken[at].extend(measured.sample(racers[at], count));
        }
    }
    measured.distance = settled(&taken, rounds).unwrap_or(Distance::Mixed);
    for (cell, samples) in measured.cells.iter_mut().zip(taken) {
        for Sample { figures, distance } in samples {
            match (measured.distance, distance) {
                (Distance::One(one), Some(other)) if !alike(one, other) => cell.elsewhere.push((other, figures)),
                _ => cell.samples.push(figures),
            }
        }
    }
    measured
}

/// The distance of most samples, if each peer has more than half of its rounds at it: peers are compared in the same state
/// of the machine.
fn settled(taken: &[Vec<Sample>], rounds: usize) -> Option<Distance> {
    let distances = || taken.iter().flatten().filter_map(|sample| sample.distance);
    let at = |samples: &[Sample], one| {
        samples.iter().filter(|sample| sample.distance.is_none_or(|other| alike(one, other))).count()
    };
    let most = distances().max_by_key(|&one| distances().filter(|&other| alike(one, other)).count());
    let Some(one) = most else { return Some(Distance::Unknown) };
    taken.iter().all(|samples| 2 * at(samples, one) > rounds).then_some(Distance::One(one))
}

/// Two measurements of one distance differ by less; near and far by eight times.
fn alike(one: f64, other: f64) -> bool {
    one.max(other) < 2.5 * one.min(other)
}

impl Measured {
    fn sample(&mut self, runner: &Runner, count: u64) -> Option<Sample> {
        for repeat in 0..=REPEATS {
            let look = || if self.row.meets() { round_trip() } else { None };
            let distance = look();
            let neighbours = Neighbours::watch();
            let figures = runner.run(&self.row, count)?;
            let is_steady =
                !neighbours.disturbed() && distance.zip(look()).is_none_or(|(before, after)| alike(before, after));
            if !is_steady && repeat < REPEATS {
                self.repeated += 1;
                continue;
            }
            self.disturbed += u32::from(!is_steady);
            return Some(Sample { figures, distance });
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
        (Load::One | Load::Stream(_) | Load::Batch, Capacity::Large | Capacity::Unbounded) => 5_000_000,
        (Load::One | Load::Stream(_) | Load::Batch, Capacity::Places(2..)) => 1_600_000,
        _ if row.waits() => 200_000,
        _ => 0,
    };
    least.min(most)
}

#[cfg(test)]
mod tests {
    use super::{Distance, Measured, Sample, measure, settled};
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

    #[test]
    fn peers_are_compared_at_one_distance() {
        let samples = |distances: &[f64]| -> Vec<Sample> {
            distances.iter().map(|&distance| Sample { figures: vec![1.0], distance: Some(distance) }).collect()
        };
        let near = [50.0, 430.0, 60.0];
        assert_eq!(settled(&[samples(&near), samples(&near)], 3), Some(Distance::One(60.0)));
        let far = [400.0, 430.0, 60.0];
        assert_eq!(settled(&[samples(&near), samples(&far)], 3), None, "of neither has each peer enough");
        let none = Sample { figures: vec![1.0], distance: None };
        assert_eq!(settled(&[vec![none]], 1), Some(Distance::Unknown));
    }
}
