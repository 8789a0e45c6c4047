//! How long the oldest unprinted record is in hand, from a few marks. Knows no record but by its number.
//! Invariant: the age is never too young; it is too old by no more than the time between two marks, of which there
//! are enough for a few hundredths of the age.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// When there are as many every second one goes, and only every second batch is marked from then on.
const MOST: usize = 64;

#[derive(Debug)]
pub(super) struct Ages {
    /// The number of a record and when it was read; oldest first.
    marks: VecDeque<(u64, Instant)>,
    /// One of so many batches is marked.
    stride: u64,
    skipped: u64,
}

impl Ages {
    pub(super) fn new() -> Ages {
        Ages { marks: VecDeque::new(), stride: 1, skipped: 0 }
    }

    /// A batch was read; so many records were printed before.
    pub(super) fn mark(&mut self, first: u64, printed: u64, now: Instant) {
        if first == printed {
            *self = Ages::new();
        }
        self.skipped += 1;
        if self.skipped < self.stride {
            return;
        }
        self.skipped = 0;
        if self.marks.len() == MOST {
            let mut goes = true;
            self.marks.retain(|_| {
                goes = !goes;
                !goes
            });
            self.stride *= 2;
        } else if self.marks.len() < MOST / 4 {
            self.stride = (self.stride / 2).max(1);
        }
        self.marks.push_back((first, now));
    }

    /// Everything before this record was printed.
    pub(super) fn forget_before(&mut self, printed: u64) {
        while self.marks.get(1).is_some_and(|(first, _)| *first <= printed) {
            self.marks.pop_front();
        }
    }

    /// The age of the oldest record, if there is one.
    pub(super) fn oldest(&self, now: Instant) -> Option<Duration> {
        self.marks.front().map(|(_, read_at)| now.saturating_duration_since(*read_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_unprinted_record_is_at_least_as_old_as_it_is() {
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        let mut ages = Ages::new();
        for batch in 0..1000 {
            ages.mark(batch * 10, 0, at(batch));
        }
        assert!(ages.marks.len() <= MOST);
        assert_eq!(ages.oldest(at(1000)), Some(Duration::from_secs(1000)));
        for printed in 1..10_000 {
            ages.forget_before(printed);
            let (age, real) = (ages.oldest(at(1000)).expect("records are left"), 1000 - printed / 10);
            assert!((real..=real + 40).contains(&age.as_secs()), "record {printed}: {age:?}, really {real}");
        }
    }
}
