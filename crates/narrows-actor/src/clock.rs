//! The time by which restarts, backoff, timers and time limits go: the system's, or one that a test moves on by hand.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use crate::sync::{Arc, AtomicU64, Mutex, Ordering, lock};

#[derive(Debug, Clone)]
pub(crate) enum Clock {
    System,
    Virtual(Arc<Virtual>),
}

#[derive(Debug)]
pub(crate) struct Virtual {
    start: Instant,
    elapsed_ns: AtomicU64,
    /// When somebody wants to be looked after. Some may have gone meanwhile.
    alarms: Mutex<BTreeSet<Instant>>,
}

impl Clock {
    pub(crate) fn new_virtual() -> (Clock, Arc<Virtual>) {
        let alarms = Mutex::new(BTreeSet::new());
        let time = Arc::new(Virtual { start: narrows::check::now(), elapsed_ns: AtomicU64::new(0), alarms });
        (Clock::Virtual(time.clone()), time)
    }

    pub(crate) fn now(&self) -> Instant {
        match self {
            Clock::System => narrows::check::now(),
            Clock::Virtual(time) => time.now(),
        }
    }

    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self, Clock::Virtual(_))
    }

    /// Then; `None` beyond the clock's range, which is never.
    pub(crate) fn after(&self, delay: Duration) -> Option<Instant> {
        if delay == Duration::MAX { None } else { self.now().checked_add(delay) }
    }

    /// What the future gives, unless that time comes before.
    pub(crate) async fn within<F: Future>(&self, at: Instant, future: F) -> Option<F::Output> {
        let (mut future, mut alarm) = (pin!(future), pin!(self.until(at)));
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            alarm.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    /// Ready at that time. Works on any executor.
    pub(crate) async fn until(&self, at: Instant) {
        match self {
            Clock::System => drop(narrows::at(at).recv_async().await),
            Clock::Virtual(time) => {
                poll_fn(|_| {
                    if time.now() >= at {
                        return Poll::Ready(());
                    }
                    time.set_alarm(at);
                    Poll::Pending
                })
                .await;
            }
        }
    }
}

impl Virtual {
    pub(crate) fn now(&self) -> Instant {
        self.start + self.elapsed()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        // Relaxed: moved on by the thread that runs the actors; others may read a little late.
        Duration::from_nanos(self.elapsed_ns.load(Ordering::Relaxed))
    }

    pub(crate) fn set_alarm(&self, at: Instant) {
        lock(&self.alarms).insert(at);
    }

    /// The next time, not past `end`, that somebody waits for.
    pub(crate) fn next_alarm(&self, end: Option<Instant>) -> Option<Instant> {
        let mut alarms = lock(&self.alarms);
        let now = self.now();
        while alarms.first().is_some_and(|at| *at <= now) {
            alarms.pop_first();
        }
        alarms.first().copied().filter(|at| end.is_none_or(|end| *at <= end))
    }

    /// Moves on to that moment, never back.
    pub(crate) fn move_to(&self, at: Instant) {
        let elapsed = at.saturating_duration_since(self.start).as_nanos();
        // Relaxed: as above.
        self.elapsed_ns.fetch_max(u64::try_from(elapsed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
