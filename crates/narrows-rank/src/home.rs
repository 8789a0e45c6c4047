//! A rank that is a task: whether it sleeps, and on what. Knows nothing of messages.
//!
//! A task is woken in no way but by its waker. So its program is polled with one of ours, which an operation of a rank knows, and
//! leaves another one behind instead. If ours was kept by somebody at the end of a poll (a timer, a channel, a join of other
//! tasks), the rank may be woken by what nobody here knows of, and counts as awake. If not, only a rank can wake it.
//!
//! ```text
//!          pending, and only a rank can wake it
//!   POLLS --------------------------------------> SLEEPS
//!    ^ |woken meanwhile                             |woken, or told that all sleep
//!    | +------------------> WOKEN <-----------------+
//!    +----- polled again -----+
//! ```
//! Those that do not sleep are counted. Only a rank that is awake can wake another, and it counts until it sleeps itself: so when
//! the last one goes to sleep nothing is on its way to any of them, and all wait in vain. Nobody has to look round before,
//! and there is no time to be waited.

use std::{
    cell::Cell,
    fmt, mem,
    sync::Weak,
    task::{Context, Poll, Wake, Waker},
};

use crate::{
    matching::Pattern,
    receiving, sending,
    sync::{Arc, AtomicBool, AtomicU32, AtomicU64, Mutex, Ordering, fence, lock, thread_local},
};

#[cfg(all(test, feature = "task", not(narrows_check)))]
mod tests;

const POLLS: u32 = 0;
const WOKEN: u32 = 1;
const SLEEPS: u32 = 2;
const ENDED: u32 = 3;

thread_local! {
    /// The rank whose program this thread polls, and the waker that it is polled with, by their addresses.
    static POLLED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// What a rank waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    Receive { number: u64, pattern: Pattern },
    Send { number: u64, key: Pattern, to: usize },
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiting::Receive { pattern, .. } => f.write_str(&receiving::describe(pattern)),
            Waiting::Send { key, to, .. } => f.write_str(&sending::describe(key, *to)),
        }
    }
}

#[derive(Default)]
struct State {
    executor: Option<Waker>,
    /// What the last poll left waiting.
    waits: Vec<Waiting>,
    /// Those of them that are to hear that all ranks wait, and the report: for one poll.
    told: Option<(Vec<Waiting>, Arc<str>)>,
}

/// What is known of a rank that is a task.
pub(crate) struct Home {
    phase: AtomicU32,
    /// How many ranks of its world do not sleep.
    awake: Arc<AtomicU64>,
    /// Others have this rank, too, and may do what its task waits for. It stays so.
    is_shared: AtomicBool,
    state: Mutex<State>,
}

impl Home {
    /// For each of so many ranks.
    pub(crate) fn all(size: usize) -> Vec<Arc<Home>> {
        let awake = Arc::new(AtomicU64::new(size as u64));
        let home = |_| {
            let (phase, is_shared) = (AtomicU32::new(WOKEN), AtomicBool::new(false));
            Arc::new(Home { phase, awake: awake.clone(), is_shared, state: Mutex::default() })
        };
        (0..size).map(home).collect()
    }

    /// Whether this thread polls the rank's task.
    fn is_polled_here(&self) -> bool {
        POLLED.with(Cell::get).0 == std::ptr::from_ref(self).addr()
    }

    /// Somebody uses the rank: if that is not its task, others have it.
    pub(crate) fn is_used(&self) {
        if !self.is_polled_here() {
            self.share();
        }
    }

    /// The rank was handed to others.
    pub(crate) fn share(&self) {
        // Relaxed: the one who hands it over sees it when it sleeps; who has it by other ways is seen too late in any case.
        self.is_shared.store(true, Ordering::Relaxed);
    }

    /// An operation is polled that has no answer yet, with what it found: whether it is to end because all wait.
    pub(crate) fn waits(&self, waiting: Waiting) -> Option<Arc<str>> {
        let mut state = lock(&self.state);
        if let Some((told, report)) = &mut state.told
            && let Some(at) = told.iter().position(|it| *it == waiting)
        {
            told.swap_remove(at);
            return Some(report.clone());
        }
        state.waits.push(waiting);
        None
    }

    /// The waker to leave behind instead of the one that this rank's program was polled with. None if it was another one.
    pub(crate) fn waker_for(self: &Arc<Home>, given: &Waker) -> Option<Waker> {
        self.is_used();
        let is_ours = POLLED.with(Cell::get) == (std::ptr::from_ref(&**self).addr(), given.data().addr());
        is_ours.then(|| Waker::from(self.clone()))
    }

    /// One more is awake, before it is woken.
    fn wakes(&self) {
        // Relaxed: who wakes is awake itself, and is counted as that until all it did is seen; see `sleeps`.
        self.awake.fetch_add(1, Ordering::Relaxed);
    }

    /// One less is awake; true if it was the last.
    fn sleeps(&self) -> bool {
        // AcqRel: each pairs with those before it, so that the last one sees what all others wait for.
        self.awake.fetch_sub(1, Ordering::AcqRel) == 1
    }

    fn rise(&self) {
        let woken = |phase| (phase == POLLS || phase == SLEEPS).then_some(WOKEN);
        // AcqRel: pairs with the swap in `poll`, which sees what its waker did.
        if self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, woken) == Ok(SLEEPS) {
            self.wakes();
        }
    }

    fn rouse(&self) {
        let executor = lock(&self.state).executor.clone();
        if let Some(waker) = executor {
            waker.wake();
        }
    }

    /// Whether this thread, which waits in a verb that blocks, is the one that polls its task; and nobody else has this rank.
    pub(crate) fn is_blocked_here(&self) -> bool {
        self.is_used();
        // Relaxed: see `share`.
        !self.is_shared.load(Ordering::Relaxed)
    }

    /// It does: it sleeps, on that alone. True if it was the last.
    pub(crate) fn blocks(&self) -> bool {
        self.sleeps()
    }

    /// That is over.
    pub(crate) fn goes_on(&self) {
        self.wakes();
    }

    /// What it waits for, if it sleeps: all of them, as far as they are pending.
    pub(crate) fn sleeps_on(&self, is_pending: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        // Acquire: pairs with the AcqRel in `poll`. Relaxed: see `share`.
        if self.phase.load(Ordering::Acquire) != SLEEPS || self.is_shared.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut waits = lock(&self.state).waits.clone();
        waits.retain(is_pending);
        waits
    }

    /// All ranks wait: its operations are to hear of it. Its task is roused when all were told, or one of them could go on and wake
    /// another, which would be told of what is over.
    pub(crate) fn tell(&self, report: &Arc<str>) {
        let mut state = lock(&self.state);
        // AcqRel: as in `rise`.
        if self.phase.compare_exchange(SLEEPS, WOKEN, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.wakes();
            state.told = Some((mem::take(&mut state.waits), report.clone()));
        }
    }

    /// Its task, if that was told.
    pub(crate) fn rouse_told(&self) {
        let is_told = lock(&self.state).told.is_some();
        if is_told {
            self.rouse();
        }
    }

    /// The rank has ended, whatever it did. Whether it was the last that was awake.
    pub(crate) fn end(&self) -> bool {
        // AcqRel: as in `rise`.
        let before = self.phase.swap(ENDED, Ordering::AcqRel);
        matches!(before, POLLS | WOKEN) && self.sleeps()
    }
}

/// By an operation of the rank.
impl Wake for Home {
    fn wake(self: Arc<Home>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Home>) {
        self.rise();
        self.rouse();
    }
}

/// What a rank's program is polled with. A clone of it is with somebody who is no rank.
struct Outside(Arc<Home>);

impl Wake for Outside {
    fn wake(self: Arc<Outside>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Outside>) {
        self.0.wake_by_ref();
    }
}

/// Whom this thread polled before.
struct Back((usize, usize));

impl Drop for Back {
    fn drop(&mut self) {
        POLLED.with(|polled| polled.set(self.0));
    }
}

/// Polls the program of a rank.
pub(crate) struct Driver {
    home: Arc<Home>,
    gives: Waker,
    kept: Weak<Outside>,
}

impl Driver {
    pub(crate) fn new(home: Arc<Home>) -> Driver {
        let outside = Arc::new(Outside(home.clone()));
        let kept = Arc::downgrade(&outside);
        Driver { home, gives: Waker::from(outside), kept }
    }

    /// Calls what the rank's task does: also what makes its program.
    pub(crate) fn here<T>(&self, call: impl FnOnce() -> T) -> T {
        let here = (Arc::as_ptr(&self.home).addr(), self.gives.data().addr());
        let before = POLLED.with(|polled| polled.replace(here));
        // Also if it panics.
        let after = Back(before);
        let result = call();
        drop(after);
        result
    }

    /// Calls `all_sleep` if it was the last one awake and sleeps now.
    pub(crate) fn poll<T>(
        &self,
        cx: &Context<'_>,
        program: impl FnOnce(&mut Context<'_>) -> Poll<T>,
        all_sleep: impl FnOnce(),
    ) -> Poll<T> {
        let home = &self.home;
        let mut state = lock(&home.state);
        let is_same = state.executor.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        let old = if is_same { None } else { state.executor.replace(cx.waker().clone()) };
        state.waits.clear();
        let is_told = state.told.is_some();
        drop(state);
        drop(old);
        // AcqRel: pairs with that in `rise`.
        if home.phase.swap(POLLS, Ordering::AcqRel) == SLEEPS {
            // Nobody has woken it; its executor polls it all the same.
            home.wakes();
        }
        let polled = self.here(|| program(&mut Context::from_waker(&self.gives)));
        if is_told {
            lock(&home.state).told = None;
        }
        if polled.is_ready() || home.is_shared.load(Ordering::Relaxed) {
            return polled;
        }
        let is_kept = self.kept.strong_count() > 1;
        // Acquire: pairs with the Release of who dropped it; if it was used before, that is seen.
        fence(Ordering::Acquire);
        // AcqRel: as above. If it was woken meanwhile it does not sleep.
        if !is_kept
            && home.phase.compare_exchange(POLLS, SLEEPS, Ordering::AcqRel, Ordering::Acquire).is_ok()
            && home.sleeps()
        {
            all_sleep();
        }
        polled
    }
}

/// The executor's waker knows the task, which knows this.
impl Drop for Driver {
    fn drop(&mut self) {
        let executor = lock(&self.home.state).executor.take();
        drop(executor);
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Home { .. }")
    }
}
