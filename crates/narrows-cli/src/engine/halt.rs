//! When failures end a farm. Counts; ends nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// After how many failures, and how, a farm ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    Never,
    /// What is in hand is finished.
    Soon(Limit),
    /// The workers are ended.
    Now(Limit),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Failures(u64),
    /// Of the records finished, once there are a few.
    Percent(u64),
}

/// A share of fewer says nothing.
const FEW: u64 = 3;

#[derive(Debug)]
pub(super) struct Tally {
    halt: Halt,
    failures: AtomicU64,
    halted: AtomicBool,
}

impl Tally {
    pub(super) fn new(halt: Halt) -> Tally {
        Tally { halt, failures: AtomicU64::new(0), halted: AtomicBool::new(false) }
    }

    // Relaxed, here and below: the counts decide nothing about other memory.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Counts failures; gives how many there were before, and whether the farm is to end now that there are more.
    pub(super) fn fail(&self, records: u64, finished: u64) -> (u64, bool) {
        let before = self.failures.fetch_add(records, Ordering::Relaxed);
        let (Halt::Soon(limit) | Halt::Now(limit)) = self.halt else { return (before, false) };
        let failures = before + records;
        let enough = match limit {
            Limit::Failures(most) => failures >= most,
            Limit::Percent(share) => {
                let finished = finished.max(failures);
                finished >= FEW && u128::from(failures) * 100 >= u128::from(finished) * u128::from(share)
            }
        };
        (before, enough && !self.halted.swap(true, Ordering::Relaxed))
    }

    pub(super) fn is_immediate(&self) -> bool {
        matches!(self.halt, Halt::Now(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_farm_is_halted_once_when_there_are_enough_failures() {
        let tally = Tally::new(Halt::Soon(Limit::Failures(3)));
        let halts: Vec<bool> = (0..5).map(|done| tally.fail(1, done).1).collect();
        assert_eq!(halts, [false, false, true, false, false]);
        assert_eq!(tally.failures(), 5);
        assert!(!Tally::new(Halt::Never).fail(1000, 1000).1);
    }

    #[test]
    fn a_share_of_few_records_halts_nothing() {
        let tally = Tally::new(Halt::Now(Limit::Percent(50)));
        assert!(!tally.fail(1, 1).1);
        assert!(!tally.fail(1, 5).1);
        assert!(tally.fail(1, 6).1);
    }
}
