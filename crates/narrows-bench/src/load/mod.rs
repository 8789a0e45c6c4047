//! The loads: what is done to a channel while the clock runs. Knows no peer by name and no row.
//! Invariant: every message sent was received, once; a sum over the numbers proves it in each sample.

pub(crate) mod batch;
pub(crate) mod broadcast;
pub(crate) mod force;
pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod once;
pub(crate) mod permit;
pub(crate) mod select;
pub(crate) mod tasks;
pub(crate) mod threads;
pub(crate) mod tries;
pub(crate) mod watch;

use std::time::{Duration, Instant};

/// What one sample gave, as `Row::figures` names them.
pub(crate) type Figures = Vec<f64>;

/// When one worker began and ended, and the sum of what it sent or received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    began: Instant,
    ended: Instant,
    sum: u64,
}

impl Work {
    pub(crate) fn done(began: Instant, sum: u64) -> Self {
        Self { began, ended: Instant::now(), sum }
    }
}

/// Nanoseconds per operation, from the first to begin until the last to end.
///
/// # Panics
/// When a message was lost, doubled or torn.
pub(crate) fn cost(sent: &[Work], received: &[Work], count: u64) -> Figures {
    verify(sum(sent), sum(received));
    let works = || sent.iter().chain(received);
    let began = works().map(|work| work.began).min();
    let ended = works().map(|work| work.ended).max();
    match began.zip(ended) {
        Some((began, ended)) => vec![per(ended - began, count)],
        None => Vec::new(),
    }
}

pub(crate) fn verify(sent: u64, received: u64) {
    assert_eq!(sent, received, "the sum over the messages received is not that over the messages sent");
}

fn sum(works: &[Work]) -> u64 {
    works.iter().fold(0, |sum, work| sum.wrapping_add(work.sum))
}

pub(crate) fn per(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e9 / count as f64
}

/// The numbers that worker `which` of `of` sends or receives, as near to equal shares as can be.
pub(crate) fn share(count: u64, which: u64, of: u64) -> std::ops::Range<u64> {
    count * which / of..count * (which + 1) / of
}

#[cfg(test)]
mod tests {
    use super::{Work, cost, share};
    use std::time::{Duration, Instant};

    #[test]
    fn shares_leave_nothing_out_and_overlap_nowhere() {
        let parts: Vec<u64> = (0..4).flat_map(|which| share(10, which, 4)).collect();
        assert_eq!(parts, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn the_cost_is_from_the_first_to_begin_to_the_last_to_end() {
        let zero = Instant::now();
        let at = |began, ended| Work {
            began: zero + Duration::from_nanos(began),
            ended: zero + Duration::from_nanos(ended),
            sum: 3,
        };
        let figures = cost(&[at(10, 50)], &[at(5, 85)], 8);
        assert!((figures[0] - 10.0).abs() < 1e-6, "{figures:?}");
    }

    #[test]
    #[should_panic(expected = "not that over the messages sent")]
    fn a_lost_message_fails() {
        let now = Instant::now();
        cost(&[Work { began: now, ended: now, sum: 3 }], &[Work { began: now, ended: now, sum: 2 }], 2);
    }
}
