//! The timers of one life: messages that come to their actor at a time, past its mailbox.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::{Duration, Instant},
};

/// A timer of an actor's life. From [`Cx::after`](crate::Cx::after) and [`Cx::every`](crate::Cx::every).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimerId(u64);

enum Timer<M> {
    Once(M),
    Every(Duration, Box<dyn FnMut() -> M + Send>),
}

pub(crate) struct Timers<M> {
    by_time: BTreeMap<(Instant, u64), Timer<M>>,
    due_of: HashMap<u64, Instant>,
    next_id: u64,
}

/// A timer that is due, taken out.
pub(crate) struct Fired<M>(u64, Instant, Timer<M>);

impl<M> Timers<M> {
    pub(crate) fn new() -> Timers<M> {
        Timers { by_time: BTreeMap::new(), due_of: HashMap::new(), next_id: 0 }
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.by_time.first_key_value().map(|(key, _)| key.0)
    }

    pub(crate) fn after(&mut self, due: Instant, message: M) -> TimerId {
        self.add(due, Timer::Once(message))
    }

    pub(crate) fn every(
        &mut self,
        due: Instant,
        period: Duration,
        make: impl FnMut() -> M + Send + 'static,
    ) -> TimerId {
        self.add(due, Timer::Every(period, Box::new(make)))
    }

    fn add(&mut self, due: Instant, timer: Timer<M>) -> TimerId {
        let id = self.next_id;
        self.next_id += 1;
        self.insert(id, due, timer);
        TimerId(id)
    }

    fn insert(&mut self, id: u64, due: Instant, timer: Timer<M>) {
        self.due_of.insert(id, due);
        self.by_time.insert((due, id), timer);
    }

    /// True if it had not gone off for the last time. What it holds is the caller's, to be dropped.
    pub(crate) fn cancel(&mut self, TimerId(id): TimerId) -> Option<Cancelled<M>> {
        let due = self.due_of.remove(&id)?;
        self.by_time.remove(&(due, id)).map(|timer| Cancelled { _timer: timer })
    }

    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Fired<M>> {
        let key = *self.by_time.first_key_value().filter(|(key, _)| key.0 <= now)?.0;
        let timer = self.by_time.remove(&key)?;
        if matches!(timer, Timer::Once(_)) {
            self.due_of.remove(&key.1);
        }
        Some(Fired(key.1, key.0, timer))
    }

    /// Sets one anew that goes on, unless it was cancelled meanwhile. What was missed is left out.
    pub(crate) fn put_back(&mut self, fired: Fired<M>, now: Instant) -> Option<Fired<M>> {
        let Fired(id, due, Timer::Every(period, make)) = fired else { return Some(fired) };
        let behind = now.saturating_duration_since(due).as_nanos() / period.as_nanos().max(1);
        let missed = u32::try_from(behind).unwrap_or(u32::MAX);
        let next = period.checked_mul(missed.saturating_add(1)).and_then(|step| due.checked_add(step));
        // Beyond the clock's range, which is never.
        let next = next.filter(|_| self.due_of.contains_key(&id))?;
        self.insert(id, next, Timer::Every(period, make));
        None
    }
}

/// Holds what a cancelled timer held, so that it is dropped outside of any borrow.
pub(crate) struct Cancelled<M> {
    _timer: Timer<M>,
}

impl<M> Fired<M> {
    /// The message, and what is to be put back.
    pub(crate) fn into_message(self) -> (M, Option<Fired<M>>) {
        match self.2 {
            Timer::Once(message) => (message, None),
            Timer::Every(period, mut make) => (make(), Some(Fired(self.0, self.1, Timer::Every(period, make)))),
        }
    }
}

impl<M> fmt::Debug for Timers<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").field("len", &self.by_time.len()).finish_non_exhaustive()
    }
}
