//! Adds up how long something lasts: two readings of the clock for each time that it happens.

use std::time::{Duration, Instant};

/// What happens several times at once counts as often.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stopwatch {
    total: Duration,
    running: u32,
    since: Option<Instant>,
}

impl Stopwatch {
    pub(crate) fn start(&mut self, now: Instant) {
        self.total = self.total(now);
        self.running += 1;
        self.since = Some(now);
    }

    pub(crate) fn stop(&mut self, now: Instant) {
        self.total = self.total(now);
        self.running = self.running.saturating_sub(1);
        self.since = (self.running > 0).then_some(now);
    }

    /// With what still lasts.
    pub(crate) fn total(&self, now: Instant) -> Duration {
        let open = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.total + open * self.running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_counts_and_what_happens_twice_at_once_counts_twice() {
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        let mut watch = Stopwatch::default();
        watch.start(at(0));
        assert_eq!(watch.total(at(3)), Duration::from_secs(3));
        watch.start(at(4));
        watch.stop(at(6));
        assert_eq!(watch.total(at(7)), Duration::from_secs(4 + 2 * 2 + 1));
        watch.stop(at(10));
        assert_eq!(watch.total(at(99)), Duration::from_secs(12));
    }
}
