//! The right to use one end of a queue. Knows nothing about messages, queues or waiting for them.
//!
//! A plain lock, with a queue for those who sleep so that none of them is overtaken for ever:
//!
//! ```text
//! word   HELD       somebody has the role
//!        SLEEPERS   the queue may not be empty: the holder looks when it leaves
//!
//! a sleeper   WAITING --holder leaves--> WOKEN      the role is free; it tries, and may be overtaken
//!             WAITING --holder leaves--> GRANTED    it was overtaken OVERTAKES times: the role is already its own
//! ```
//! Invariants: at most one thread holds a role at a time, and what the role guards is touched by its holder alone. No
//! role outlives one attempt: nobody waits for a message, wakes, clones a waker or drops a message under it. Where both
//! roles of a channel are needed the send role is taken before the receive role, always.

use std::{
    collections::VecDeque,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use crate::{
    park,
    sync::{Arc, AtomicUsize, Mutex, Ordering, Thread, UnsafeCell, current, lock},
    time::Deadline,
};

const HELD: usize = 1;
const SLEEPERS: usize = 2;

/// How often a sleeper finds the role taken again before it is given it. Handing over each time would cost a switch of
/// threads per message; this bound is what the contract's rule 10 states.
const OVERTAKES: usize = 8;

const WAITING: usize = 0;
const WOKEN: usize = 1;
const GRANTED: usize = 2;

#[derive(Debug)]
struct Sleeper {
    thread: Thread,
    state: AtomicUsize,
}

#[derive(Debug)]
struct Queued {
    sleeper: Arc<Sleeper>,
    overtaken: usize,
}

/// The right to use one end, with the state that only its holder may touch.
#[derive(Debug)]
pub(crate) struct Role<S> {
    word: AtomicUsize,
    sleepers: Mutex<VecDeque<Queued>>,
    state: UnsafeCell<S>,
}

// SAFETY: the state is touched by the holder alone, one thread at a time, so it is moved between threads, not shared.
unsafe impl<S: Send> Sync for Role<S> {}

impl<S> Role<S> {
    pub(crate) fn new(state: S) -> Role<S> {
        Role { word: AtomicUsize::new(0), sleepers: Mutex::new(VecDeque::new()), state: UnsafeCell::new(state) }
    }

    /// Waits for the role: a short spin, then asleep until it is left. Holders leave within one attempt.
    pub(crate) fn enter(&self) -> Holder<'_, S> {
        // Acquire: pairs with the Release in `leave`; what the last holder did is visible.
        if self.word.compare_exchange(0, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.enter_slow();
        }
        Holder { role: self, state: PhantomData }
    }

    /// Takes the role if it is free, also past those who sleep.
    fn try_enter(&self) -> bool {
        // Relaxed: a first look; the exchange decides.
        let word = self.word.load(Ordering::Relaxed);
        // Acquire: as in `enter`.
        word & HELD == 0 && self.word.compare_exchange(word, word | HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    fn enter_slow(&self) {
        let mut spin = park::Spin::new();
        while spin.turn() {
            if self.try_enter() {
                return;
            }
        }
        let mut overtaken = 0;
        let sleeper = Arc::new(Sleeper { thread: current(), state: AtomicUsize::new(WAITING) });
        loop {
            let mut sleepers = lock(&self.sleepers);
            // Acquire: as in `enter`, for the case that it was free.
            let word = self.word.fetch_or(HELD | SLEEPERS, Ordering::Acquire);
            if word & HELD == 0 {
                return; // SLEEPERS may be left over; the next to leave looks, finds nobody, and clears it
            }
            // Relaxed: the lock on the sleepers stands between this and whoever leaves next.
            sleeper.state.store(WAITING, Ordering::Relaxed);
            let queued = Queued { sleeper: sleeper.clone(), overtaken };
            if overtaken == 0 {
                sleepers.push_back(queued);
            } else {
                sleepers.push_front(queued);
            }
            drop(sleepers);
            // Acquire: pairs with the Release in `leave_slow`; a granted role brings its state along.
            let state = || sleeper.state.load(Ordering::Acquire);
            park::sleep_plainly(|| state() != WAITING, Deadline::Never);
            if state() == GRANTED || self.try_enter() {
                return;
            }
            overtaken += 1;
        }
    }

    fn leave(&self) {
        // Release: pairs with the Acquire in `enter`.
        if self.word.compare_exchange(HELD, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            self.leave_slow();
        }
    }

    #[cold]
    fn leave_slow(&self) {
        let mut sleepers = lock(&self.sleepers);
        let first = sleepers.pop_front();
        let rest = if sleepers.is_empty() { 0 } else { SLEEPERS };
        let is_granted = first.as_ref().is_some_and(|queued| queued.overtaken >= OVERTAKES);
        // Release: pairs with the Acquire in `enter`. Nobody else writes the word now: it is held, and the bit for
        // sleepers is set under the lock on them.
        self.word.store(rest | if is_granted { HELD } else { 0 }, Ordering::Release);
        drop(sleepers);
        if let Some(Queued { sleeper, .. }) = first {
            // Release: pairs with the Acquire in `enter_slow`.
            sleeper.state.store(if is_granted { GRANTED } else { WOKEN }, Ordering::Release);
            sleeper.thread.unpark();
        }
    }
}

/// The holder of a role; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Holder<'a, S> {
    role: &'a Role<S>,
    /// Shared between threads it would share the state.
    state: PhantomData<&'a mut S>,
}

impl<S> Deref for Holder<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        // SAFETY: we hold the role, so nobody else touches the state, and our own borrow is bound to this borrow of us.
        self.role.state.with_mut(|state| unsafe { &*state })
    }
}

impl<S> DerefMut for Holder<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: as above, and the borrow of us is exclusive.
        self.role.state.with_mut(|state| unsafe { &mut *state })
    }
}

impl<S> Drop for Holder<'_, S> {
    fn drop(&mut self) {
        self.role.leave();
    }
}
