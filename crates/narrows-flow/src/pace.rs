//! How many items are handed over at a time: as many as make a hand-over cheap beside the work, and no more.

use std::time::Duration;

/// Work that one hand-over is to be worth.
// Five and twelve times as much was no faster for items of about 1 us, and holds up for longer what has come
// (narrows-bench-flow).
pub(crate) const TARGET: Duration = Duration::from_nanos(TARGET_NS);
const TARGET_NS: u64 = 20_000;

/// At most so many items, however cheap.
const MOST: usize = 256;

/// The size of the next portion, from how long the last ones took.
#[derive(Debug)]
pub(crate) struct Pace {
    portion: usize,
    most: usize,
    workers: usize,
}

/// A portion that was worked off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    pub(crate) items: usize,
    pub(crate) took: Duration,
}

impl Pace {
    /// A window of so many places is to be enough for four portions of each worker.
    pub(crate) fn new(workers: usize, window: usize, most: Option<usize>) -> Pace {
        let most = (window / workers.saturating_mul(4).max(1)).min(most.unwrap_or(MOST)).clamp(1, MOST);
        Pace { portion: 1, most, workers }
    }

    /// Twice as many if they were cheap; as few as it takes, and at once, if they were not. A source that had fewer is
    /// not asked for many.
    pub(crate) fn learn(&mut self, measure: Measure) {
        let (Ok(items), took) = (u64::try_from(measure.items), measure.took.as_nanos()) else { return };
        if items == 0 {
            return;
        }
        // In 64 bits, for a division in 128 is a call.
        let took = u64::try_from(took).unwrap_or(u64::MAX).max(1);
        let fits = usize::try_from(TARGET_NS.saturating_mul(items) / took).unwrap_or(usize::MAX);
        self.portion = fits.clamp(1, self.most.min(measure.items.saturating_mul(2)));
    }

    /// Items to take now, of which at least so many are `promised`: near the end there is a share for each worker.
    pub(crate) fn portion(&self, promised: usize) -> usize {
        let share = if promised == 0 { usize::MAX } else { (promised / self.workers.saturating_mul(2).max(1)).max(1) };
        self.portion.min(share)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MOST, Measure, Pace, TARGET};

    fn learn(pace: &mut Pace, per_item: Duration) {
        let items = pace.portion(0);
        pace.learn(Measure { items, took: per_item * u32::try_from(items).unwrap() });
    }

    #[test]
    fn cheap_items_go_in_large_portions_and_costly_ones_alone() {
        let mut pace = Pace::new(2, 100_000, None);
        assert_eq!(pace.portion(0), 1);
        (0..20).for_each(|_| learn(&mut pace, Duration::from_nanos(10)));
        assert_eq!(pace.portion(0), MOST);
        learn(&mut pace, TARGET * 2);
        assert_eq!(pace.portion(0), 1);
    }

    #[test]
    fn a_portion_is_a_part_of_the_window_and_of_what_is_left() {
        let mut pace = Pace::new(4, 64, None);
        (0..20).for_each(|_| learn(&mut pace, Duration::ZERO));
        assert_eq!(pace.portion(0), 4);
        assert_eq!(pace.portion(16), 2);
        assert_eq!(pace.portion(1), 1);
        let mut pace = Pace::new(4, 1, None);
        (0..20).for_each(|_| learn(&mut pace, Duration::ZERO));
        assert_eq!(pace.portion(0), 1);
        let mut pace = Pace::new(1, 1000, Some(3));
        (0..20).for_each(|_| learn(&mut pace, Duration::ZERO));
        assert_eq!(pace.portion(0), 3);
    }
}
