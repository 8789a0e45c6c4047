//! How much is handed over at a time. Measures how long a record takes and remembers how much a worker keeps to
//! itself before it answers. All workers run the same command, so one estimate serves them all. Knows no thread.
//!
//! A worker is free while what it has in hand is
//!   less than about 1 ms of work (the next batch then arrives before it runs dry), or
//!   no more than `lag` bytes: what a command that buffers its output swallows before it answers.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::batch::MOST_RECORDS;

const HAND_OVER_PS: u64 = 1_000_000_000;
/// What is known weighs as much as a measurement of so many records. When it weighed as much as any one measurement, a few
/// quick records behind a slow one led to batches with several slow ones: of 800 lines, every eighth slow, eight workers
/// were idle for 16 % of the time from when all ran to the end, instead of 7 %.
const MEMORY: u64 = 8;
/// In hand at most, beyond the lag: enough to keep both pipes of a worker filled.
const IN_HAND: usize = 256 << 10;
/// The smallest buffer that stdio libraries use on a pipe is 4 KiB; awk also reads its input in such pieces.
const FIRST_LAG: usize = 8 << 10;

#[derive(Debug)]
pub(super) struct Pace {
    /// Picoseconds per record, smoothed. Every access is Relaxed: it is a hint and publishes nothing.
    record_ps: AtomicU64,
    /// Bytes a worker may have in hand whatever they cost. Relaxed for the same reason.
    lag: AtomicUsize,
    most_lag: usize,
    /// A worker gets one record at a time, so that the time it takes is known.
    single: bool,
}

impl Pace {
    pub(super) fn new(most_lag: usize, single: bool) -> Pace {
        // One line at a time until the first measurement.
        Pace { record_ps: AtomicU64::new(HAND_OVER_PS), lag: AtomicUsize::new(0), most_lag, single }
    }

    /// Records in one hand-over.
    pub(super) fn batch(&self) -> NonZeroUsize {
        if self.single {
            return NonZeroUsize::MIN;
        }
        let records = HAND_OVER_PS / self.record_ps.load(Relaxed).max(1);
        let records = usize::try_from(records).unwrap_or(MOST_RECORDS).min(MOST_RECORDS);
        NonZeroUsize::new(records).unwrap_or(NonZeroUsize::MIN)
    }

    /// Records that one worker gets through in the time of eight hand-overs.
    pub(super) fn read_ahead(&self) -> u64 {
        8 * HAND_OVER_PS / self.record_ps.load(Relaxed).max(1)
    }

    pub(super) fn is_free(&self, records: usize, bytes: usize) -> bool {
        let lag = self.lag.load(Relaxed);
        let work_ps = self.record_ps.load(Relaxed).saturating_mul(records as u64);
        records == 0 || bytes < lag || (!self.single && work_ps < HAND_OVER_PS && bytes < IN_HAND + lag)
    }

    pub(super) fn observe(&self, records: usize, took: Duration) {
        let took_ps = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).saturating_mul(1000);
        let before = self.record_ps.load(Relaxed).saturating_mul(MEMORY);
        let after = before.saturating_add(took_ps) / (MEMORY + records as u64);
        self.record_ps.store(after.max(1), Relaxed);
    }

    /// A worker wants more input although it has `in_hand` bytes unanswered: it may have twice as much.
    pub(super) fn allow_beyond(&self, in_hand: usize) {
        if in_hand >= self.lag.load(Relaxed) {
            let lag = in_hand.saturating_mul(2).max(FIRST_LAG).min(self.most_lag.max(1));
            self.lag.fetch_max(lag, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(per_record: Duration) -> Pace {
        let pace = Pace::new(64 << 20, false);
        for _ in 0..400 {
            pace.observe(1, per_record);
        }
        pace
    }

    #[test]
    fn a_hand_over_is_about_a_millisecond_of_work() {
        assert_eq!(measured(Duration::from_secs(1)).batch().get(), 1);
        assert_eq!(measured(Duration::from_micros(100)).batch().get(), 10);
        assert_eq!(measured(Duration::from_nanos(5)).batch().get(), MOST_RECORDS);
    }

    #[test]
    fn a_worker_with_a_slow_record_in_hand_gets_no_second_one() {
        let pace = measured(Duration::from_millis(20));
        assert!(pace.is_free(0, 0));
        assert!(!pace.is_free(1, 10));
    }

    #[test]
    fn a_fast_worker_gets_the_next_batch_before_it_runs_dry() {
        let pace = measured(Duration::from_micros(10));
        assert!(pace.is_free(99, 990));
        assert!(!pace.is_free(101, 1010));
    }

    #[test]
    fn quick_records_behind_a_slow_one_make_no_large_batch() {
        let pace = Pace::new(64 << 20, false);
        for record in 0..800 {
            pace.observe(1, Duration::from_micros(if record % 8 == 0 { 8000 } else { 10 }));
            let batch = pace.batch().get();
            assert!(record < 100 || batch <= 2, "a batch of {batch} after record {record}");
        }
    }

    #[test]
    fn a_worker_that_buffers_gets_more_until_the_limit() {
        let pace = Pace::new(100_000, false);
        let mut in_hand = 10;
        assert!(!pace.is_free(1, in_hand));
        for _ in 0..20 {
            pace.allow_beyond(in_hand);
            while pace.is_free(1, in_hand) {
                in_hand += 100;
            }
        }
        assert!((100_000..100_200).contains(&in_hand), "{in_hand}");
    }
}
