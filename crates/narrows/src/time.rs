//! What differs between real and modelled runs: time and chance. Knows nothing about channels.
//!
//! Under a model time is a choice of the scheduler: a deadline passes whenever it is asked about, or does not (`checked`).
//!
//! Invariant: the thread exists once the first task awaits a deadline, and sleeps until the earliest that was awaited when it lay down,
//! or comes before that.

use std::time::{Duration, Instant};

use std::task::Waker;

use crate::{
    sync::Arc,
    wait::{party::Sleeper, waiter::Waiter},
};

#[cfg(narrows_check)]
mod checked;

#[cfg(narrows_check)]
use self::checked::clock;
#[cfg(narrows_check)]
pub(crate) use self::checked::{begin, has_come, now, number, pick, sleep};

/// What the clock says.
#[cfg(not(narrows_check))]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(not(narrows_check))]
pub(crate) fn has_come(at: Instant) -> bool {
    at <= Instant::now()
}

/// The latest moment for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deadline {
    Never,
    At(Instant),
}

impl Deadline {
    /// A time-out from now; one too far away for the clock never comes.
    pub(crate) fn after(timeout: Duration) -> Deadline {
        now().checked_add(timeout).map_or(Deadline::Never, Deadline::At)
    }

    /// How long until then; `None` if never.
    #[cfg(not(any(loom, narrows_check)))]
    pub(crate) fn left(self) -> Option<Duration> {
        match self {
            Deadline::Never => None,
            Deadline::At(at) => Some(at.saturating_duration_since(Instant::now())),
        }
    }

    #[cfg(narrows_check)]
    pub(crate) fn left(self) -> Option<Duration> {
        self.at().map(checked::left)
    }

    #[cfg(all(loom, not(narrows_check)))]
    pub(crate) fn left(self) -> Option<Duration> {
        match self {
            Deadline::Never => None,
            Deadline::At(_) => Some(Duration::ZERO),
        }
    }

    pub(crate) fn at(self) -> Option<Instant> {
        match self {
            Deadline::Never => None,
            Deadline::At(at) => Some(at),
        }
    }

    pub(crate) fn has_passed(self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// The earlier of the two.
    pub(crate) fn min(self, other: Deadline) -> Deadline {
        match (self, other) {
            (Deadline::At(a), Deadline::At(b)) => Deadline::At(a.min(b)),
            (Deadline::Never, other) => other,
            (own, Deadline::Never) => own,
        }
    }
}

/// Nanoseconds of a clock that begins anew every second; never 0.
#[cfg(not(any(loom, narrows_check)))]
pub(crate) fn nanoseconds() -> u32 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().subsec_nanos().max(1)
}

/// Under a model no time passes between two steps.
#[cfg(any(loom, narrows_check))]
pub(crate) fn nanoseconds() -> u32 {
    1
}

impl From<Option<Instant>> for Deadline {
    fn from(due: Option<Instant>) -> Deadline {
        due.map_or(Deadline::Never, Deadline::At)
    }
}

/// A number below `n`, for a fair choice. Not for secrets: xorshift (Marsaglia 2003), one state a thread.
#[cfg(not(any(loom, narrows_check)))]
pub(crate) fn pick(n: usize) -> usize {
    use std::{cell::Cell, hash::BuildHasher};
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    STATE.with(|state| {
        let mut x = state.get();
        if x == 0 {
            x = std::collections::hash_map::RandomState::new().hash_one(0) | 1;
        }
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        // The high bits, scaled: below `n`, and as even as 32 bits allow.
        usize::try_from(((x >> 32) * n as u64) >> 32).unwrap_or(0)
    })
}

/// loom tries every schedule, which contains the choices that matter; the order is fixed.
#[cfg(all(loom, not(narrows_check)))]
pub(crate) fn pick(n: usize) -> usize {
    n - 1
}

/// A wake-up ordered for a task; dropping it cancels.
#[derive(Debug)]
pub(crate) struct Alarm {
    key: clock::Key,
    /// Of a task with a single operation: whom it wakes.
    waker: Option<Waker>,
}

/// Makes `slot` hold an alarm that wakes the task behind `waker` at that moment, or none.
pub(crate) fn set_alarm(slot: &mut Option<Box<Alarm>>, due: Option<Instant>, waker: &Waker) {
    // One that may have gone off already is ordered anew.
    let is_set = slot.as_ref().is_some_and(|alarm| {
        clock::KEEPS_ORDERS
            && Some(alarm.key.0) == due
            && !has_come(alarm.key.0)
            && alarm.waker.as_ref().is_some_and(|own| own.will_wake(waker))
    });
    if !is_set {
        *slot = None;
        *slot = due.map(|at| {
            let [woken, own] = [waker.clone(), waker.clone()];
            Box::new(Alarm { key: clock::order(at, Sleeper::Task(woken)), waker: Some(own) })
        });
    }
}

impl Alarm {
    /// Makes `slot` hold an alarm for that moment, or none.
    pub(crate) fn set(slot: &mut Option<Alarm>, due: Option<Instant>, waiter: &Arc<Waiter>) {
        if !clock::KEEPS_ORDERS || slot.as_ref().map(|alarm| alarm.key.0) != due {
            *slot = due.map(|at| Alarm { key: clock::order(at, Sleeper::Waiter(waiter.clone())), waker: None });
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        clock::cancel(self.key);
    }
}

/// The thread that wakes tasks at their deadlines: std's own lock and thread, also under loom.
#[cfg(not(narrows_check))]
mod clock {
    use std::{
        collections::BTreeMap,
        sync::{Condvar, Mutex, MutexGuard, PoisonError},
        time::Instant,
    };

    use crate::wait::party::Sleeper;

    pub(super) const KEEPS_ORDERS: bool = true;

    /// When, and a number that tells equal times apart.
    pub(super) type Key = (Instant, u64);

    #[derive(Default)]
    struct Orders {
        sleepers: BTreeMap<Key, Sleeper>,
        next_number: u64,
        thread: Thread,
    }

    /// What the thread is at. One that sleeps is not woken when an order is cancelled: it wakes once in vain, and until then
    /// serves all that come later. Questions with a time limit, one after the other, would wake it for each.
    #[derive(Default)]
    enum Thread {
        #[default]
        None,
        /// It looks at the orders before it sleeps again.
        Awake,
        SleepsUntil(Instant),
        Sleeps,
    }

    static ORDERS: Mutex<Option<Orders>> = Mutex::new(None);
    static CHANGED: Condvar = Condvar::new();

    fn orders() -> MutexGuard<'static, Option<Orders>> {
        ORDERS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn order(at: Instant, sleeper: Sleeper) -> Key {
        let mut guard = orders();
        let orders = guard.get_or_insert_default();
        let key = (at, orders.next_number);
        orders.next_number += 1;
        if matches!(orders.thread, Thread::None) {
            std::thread::Builder::new()
                .name("narrows-timer".into())
                .spawn(run)
                .expect("the system gives no thread for timers");
            orders.thread = Thread::Awake;
        }
        orders.sleepers.insert(key, sleeper);
        let sleeps_too_long = match orders.thread {
            Thread::None | Thread::Awake => false,
            Thread::SleepsUntil(then) => at < then,
            Thread::Sleeps => true,
        };
        if sleeps_too_long {
            orders.thread = Thread::Awake;
        }
        drop(guard);
        if sleeps_too_long {
            CHANGED.notify_one();
        }
        key
    }

    pub(super) fn cancel(key: Key) {
        let sleeper = orders().as_mut().and_then(|orders| orders.sleepers.remove(&key));
        drop(sleeper);
    }

    fn run() {
        let mut guard = orders();
        loop {
            let now = Instant::now();
            let orders = guard.get_or_insert_default();
            orders.thread = Thread::Awake;
            match orders.sleepers.first_key_value().map(|(key, _)| key.0) {
                Some(at) if at <= now => {
                    let due = orders.sleepers.pop_first();
                    drop(guard);
                    if let Some((_, sleeper)) = due {
                        sleeper.wake();
                    }
                    guard = self::orders();
                }
                Some(at) => {
                    orders.thread = Thread::SleepsUntil(at);
                    guard = CHANGED.wait_timeout(guard, at - now).unwrap_or_else(PoisonError::into_inner).0;
                }
                None => {
                    orders.thread = Thread::Sleeps;
                    guard = CHANGED.wait(guard).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}
