//! Time and chance under the checker. The clock stands still until somebody looks whether a moment has come; whether it has
//! is then a choice of the schedule, and if so the clock stands at that moment.
//!
//! Invariant: the clock never goes back. So of two moments the later is never found to have come before the earlier.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use shuttle::rand::{Rng, thread_rng};

use crate::{sync::yield_now, wait::party::Sleeper};

/// One look in so many finds that a moment has come: half of the schedules are impatient, in the others time-outs leave
/// time for what takes many steps.
const ODDS: [u32; 2] = [2, 16];

thread_local! {
    /// Of the schedule under way; a schedule's threads are all run by one thread of the system.
    static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
    static ODD: Cell<u32> = const { Cell::new(ODDS[0]) };
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// A schedule begins.
pub(crate) fn begin() {
    NUMBER.set(NUMBER.get() + 1);
    NOW.set(Some(Instant::now()));
    ODD.set(ODDS[pick(ODDS.len())]);
}

/// Tells the schedules that this thread of the system runs apart.
pub(crate) fn number() -> usize {
    NUMBER.get()
}

pub(crate) fn now() -> Instant {
    NOW.get().unwrap_or_else(|| {
        let now = Instant::now();
        NOW.set(Some(now));
        now
    })
}

pub(crate) fn has_come(at: Instant) -> bool {
    if at <= now() {
        return true;
    }
    let has_come = thread_rng().gen_ratio(1, ODD.get());
    if has_come {
        NOW.set(Some(at));
    }
    has_come
}

pub(crate) fn left(at: Instant) -> Duration {
    if has_come(at) { Duration::ZERO } else { Duration::from_secs(1) }
}

/// Any time may pass meanwhile.
pub(crate) fn sleep(duration: Duration) {
    let end = now().checked_add(duration);
    yield_now();
    while !end.is_some_and(has_come) {
        yield_now();
    }
}

pub(crate) fn pick(n: usize) -> usize {
    thread_rng().gen_range(0..n)
}

/// No clock wakes anybody: who awaits a deadline is awake, and is asked again and again.
pub(super) mod clock {
    use super::{Instant, Sleeper, yield_now};

    pub(in crate::time) const KEEPS_ORDERS: bool = false;

    pub(in crate::time) type Key = (Instant, u64);

    pub(in crate::time) fn order(at: Instant, sleeper: Sleeper) -> Key {
        sleeper.wake();
        yield_now();
        (at, 0)
    }

    pub(in crate::time) fn cancel(_: Key) {}
}
