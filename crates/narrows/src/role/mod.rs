//! The right to use one end of a queue. Knows nothing about messages, queues or waiting for them.
//!
//! A lock, which after a run of entries by one thread is *biased* to that thread: the owner then enters and leaves by
//! plain loads and stores, and whoever else comes takes the bias away first.
//!
//! ```text
//! word   HELD       somebody has the lock
//!        SLEEPERS   the queue may not be empty: the holder looks when it leaves
//!
//! a sleeper   WAITING --holder leaves--> WOKEN      the lock is free; it tries, and may be overtaken
//!             WAITING --holder leaves--> GRANTED    it was overtaken OVERTAKES times: the lock is already its own
//!
//! bias   NONE --granted by the holder of the lock, to itself--> an owner --by the next holder--> REVOKED --> NONE
//!
//! the owner                                     who takes the bias away, holding the lock
//!   O1  inside = this role                        R1  bias = REVOKED
//!   O2  light                                     R2  heavy
//!   O3  bias is still mine? then it has the role  R3  wait until inside is not this role, sleeping if need be
//!   O4  inside = none                             R4  bias = NONE; it has the role
//!   O5  light
//!   O6  bias not mine any more? wake who waits in R3
//! ```
//! O1 to O3 against R1 to R3 is store buffering between a light and a heavy side (barrier.rs): the owner sees the bias gone, or
//! the other sees it inside. Every store to `inside` is a Release, so whatever later value R3 reads, all that the owner did in the
//! role comes before. O4 to O6 against R3's going to sleep is the same once more, so the sleeper is woken. A bias is granted only
//! by its owner to itself, so between O1 and O3 it cannot have gone and come back. An owner is inside one role at most: with one
//! taken it takes a second by the lock (an allocator may use channels, and a block is allocated inside a role).
//!
//! Invariants: at most one thread holds a role at a time, and what the role guards is touched by its holder alone. No
//! role outlives one attempt: nobody waits for a message, wakes, clones a waker or drops a message under it. No thread takes
//! two roles at once.

mod barrier;
#[cfg(all(test, loom))]
mod model;
mod owner;

use std::{
    collections::VecDeque,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr,
};

pub(crate) use self::barrier::prepare;
use self::owner::Owner;
use crate::{
    park,
    sync::{Arc, AtomicPtr, AtomicUsize, MODELLED, Mutex, Ordering, Thread, UnsafeCell, current, fence, lock},
    time::Deadline,
};

const HELD: usize = 1;
const SLEEPERS: usize = 2;

/// How often a sleeper finds the role taken again before it is given it. Handing over each time would cost a switch of
/// threads per message; this bound is what the contract's rule 10 states.
const OVERTAKES: usize = 8;

/// So many entries by one thread in a row earn the bias. Each time it is taken away the price doubles, up to the longest.
const RUN: usize = if MODELLED { 1 } else { 32 };
const LONGEST_RUN: usize = if MODELLED { 2 } else { 1 << 16 };

/// Neither is ever equal to an owner, nor to the null of a thread that has none.
const NONE: *mut Owner = ptr::without_provenance_mut(1);
const REVOKED: *mut Owner = ptr::without_provenance_mut(2);

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

#[derive(Debug)]
struct Sleepers {
    queue: VecDeque<Queued>,
    /// Who waits in R3.
    revoker: Option<Thread>,
}

/// Under the lock: who came last, how often in a row, and how often earns the bias.
#[derive(Debug)]
struct Run {
    last: usize,
    count: usize,
    wanted: usize,
}

/// A role is entered also in a poll, between the executor's look at what woke it and its park. So the token of a wake-up
/// that may have been meant for the executor is given back; one too many is harmless.
fn sleep_unnoticed(done: impl Fn() -> bool) {
    park::sleep_plainly(done, Deadline::Never);
    current().unpark();
}

/// The right to use one end, with the state that only its holder may touch.
#[derive(Debug)]
#[repr(C)] // what is used often first
pub(crate) struct Role<S> {
    bias: AtomicPtr<Owner>,
    word: AtomicUsize,
    run: UnsafeCell<Run>,
    state: UnsafeCell<S>,
    sleepers: Mutex<Sleepers>,
}

// SAFETY: the state is touched by the holder alone, one thread at a time, so it is moved between threads, not shared.
unsafe impl<S: Send> Sync for Role<S> {}

impl<S> Role<S> {
    pub(crate) fn new(state: S) -> Role<S> {
        Role {
            bias: AtomicPtr::new(NONE),
            word: AtomicUsize::new(0),
            run: UnsafeCell::new(Run { last: 0, count: 0, wanted: RUN }),
            state: UnsafeCell::new(state),
            sleepers: Mutex::new(Sleepers { queue: VecDeque::new(), revoker: None }),
        }
    }

    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    /// Waits for the role: a short spin, then asleep until it is left. Holders leave within one attempt.
    #[inline]
    pub(crate) fn enter(&self) -> Holder<'_, S> {
        let bias = self.own_bias();
        // SAFETY: it is ours, hence neither NONE nor REVOKED, and owners are never freed.
        if let Some(me) = bias.map(|me| unsafe { &*me })
            && self.step_in(me)
        {
            return Holder { role: self, owner: Some(me), state: PhantomData };
        }
        self.enter_locked();
        Holder { role: self, owner: None, state: PhantomData }
    }

    /// The calling thread, if the bias is its own.
    #[inline]
    fn own_bias(&self) -> Option<*const Owner> {
        // Relaxed: only we ourselves make us the owner; that we no longer are is looked at in O3.
        let bias = self.bias.load(Ordering::Relaxed).cast_const();
        (bias == owner::me()).then_some(bias)
    }

    /// O1 to O3.
    #[inline]
    fn step_in(&self, me: &Owner) -> bool {
        // Relaxed: our own. It is not 0 if code of others runs inside a role, an allocator that uses channels.
        if me.inside.load(Ordering::Relaxed) != 0 {
            return false;
        }
        // Release: whoever reads this value sees what we did in the role before.
        me.inside.store(self.address(), Ordering::Release);
        barrier::light();
        // Relaxed: behind the barrier. Whatever the state holds, we wrote it, or saw it when we made ourselves the owner.
        if ptr::eq(self.bias.load(Ordering::Relaxed), me) {
            return true;
        }
        self.step_out(me);
        false
    }

    /// O4 to O6.
    #[inline]
    fn step_out(&self, me: &Owner) {
        // Release: pairs with the Acquire in `revoke`.
        me.inside.store(0, Ordering::Release);
        barrier::light();
        // Relaxed: behind the barrier.
        if !ptr::eq(self.bias.load(Ordering::Relaxed), me) {
            self.tell_revoker();
        }
    }

    #[cold]
    fn tell_revoker(&self) {
        // Left in place: we may be an owner of long ago, whom this revoker does not wait for.
        if let Some(revoker) = &lock(&self.sleepers).revoker {
            revoker.unpark();
        }
    }

    #[inline]
    fn enter_locked(&self) {
        // Acquire: pairs with the Release in `leave`; what the last holder did is visible.
        if self.word.compare_exchange(0, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.enter_slow();
        }
        // Relaxed: written under the lock, which we hold.
        let bias = self.bias.load(Ordering::Relaxed);
        if bias != NONE {
            self.revoke(bias);
        }
        let name = owner::name();
        // SAFETY: under the lock, which we hold.
        self.run.with_mut(|run| unsafe {
            (*run).count = if (*run).last == name { (*run).count + 1 } else { 0 };
            (*run).last = name;
        });
    }

    /// R1 to R4.
    #[cold]
    fn revoke(&self, bias: *mut Owner) {
        // Relaxed: the barrier stands between this and the look.
        self.bias.store(REVOKED, Ordering::Relaxed);
        barrier::heavy();
        // SAFETY: it was an owner, and those are never freed.
        let owner = unsafe { &*bias };
        // Acquire: pairs with the Release stores of the owner; what it did in the role is visible.
        let is_out = || owner.inside.load(Ordering::Acquire) != self.address();
        let mut spin = park::Spin::new();
        while !is_out() {
            if !spin.turn() {
                lock(&self.sleepers).revoker = Some(current());
                // SeqCst: half of store buffering; the other half is O4 to O6.
                barrier::heavy();
                sleep_unnoticed(is_out);
                lock(&self.sleepers).revoker = None;
                break;
            }
        }
        // SAFETY: under the lock, which we hold.
        self.run.with_mut(|run| unsafe { (*run).wanted = LONGEST_RUN.min((*run).wanted * 2) });
        // Release: pairs with the Acquire in `fence_against`.
        self.bias.store(NONE, Ordering::Release);
    }

    /// Makes the holder of the lock the owner, if it may be one.
    #[cold]
    fn grant(&self) {
        // SAFETY: under the lock, which the caller holds.
        self.run.with_mut(|run| unsafe { (*run).count = 0 });
        if barrier::is_asymmetric()
            && let Some(me) = owner::take_on()
        {
            // Relaxed: those under the lock see it by the word's Release, the others as argued in `fence_against`.
            self.bias.store(ptr::from_ref(me).cast_mut(), Ordering::Relaxed);
            // SeqCst: pairs with the fence in `fence_against`.
            fence(Ordering::SeqCst);
        }
    }

    /// A full fence against whoever uses this role: either its next look at what others left sees what we wrote, or we see
    /// what it wrote.
    /// Its user's side is `Holder::leave_with_fence`.
    ///
    /// The heavy one is needed only against an owner that is another thread. If NONE is read, then from the end of a
    /// revocation, whose Release brings along all that the old owner did; and a grant that we do not see has its fence
    /// behind ours, so its owner sees what we wrote.
    pub(crate) fn fence_against(&self) {
        // SeqCst: half of store buffering.
        fence(Ordering::SeqCst);
        // Acquire: pairs with the Release in `revoke`.
        let bias = self.bias.load(Ordering::Acquire);
        if bias != NONE && !ptr::eq(bias, owner::me()) {
            barrier::heavy();
        }
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
                sleepers.queue.push_back(queued);
            } else {
                sleepers.queue.push_front(queued);
            }
            drop(sleepers);
            // Acquire: pairs with the Release in `leave_slow`; a granted role brings its state along.
            let state = || sleeper.state.load(Ordering::Acquire);
            sleep_unnoticed(|| state() != WAITING);
            if state() == GRANTED || self.try_enter() {
                return;
            }
            overtaken += 1;
        }
    }

    #[inline]
    fn leave(&self) {
        // SAFETY: under the lock, which we hold.
        if self.run.with_mut(|run| unsafe { (*run).count >= (*run).wanted }) {
            self.grant();
        }
        // Release: pairs with the Acquire in `enter`.
        if self.word.compare_exchange(HELD, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            self.leave_slow();
        }
    }

    #[cold]
    fn leave_slow(&self) {
        let mut sleepers = lock(&self.sleepers);
        let first = sleepers.queue.pop_front();
        let rest = if sleepers.queue.is_empty() { 0 } else { SLEEPERS };
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
    /// By whose bias it came in.
    owner: Option<&'a Owner>,
    /// Shared between threads it would share the state.
    state: PhantomData<&'a mut S>,
}

impl<S> Holder<'_, S> {
    /// Leaves, and stands between what was written before and what is looked at next, against `Role::fence_against`.
    #[inline]
    pub(crate) fn leave_with_fence(self) {
        let is_owner = self.owner.is_some();
        drop(self);
        if is_owner {
            barrier::light();
        } else {
            // SeqCst: half of store buffering.
            fence(Ordering::SeqCst);
        }
    }
}

impl<S> Deref for Holder<'_, S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        // SAFETY: we hold the role, so nobody else touches the state, and our own borrow is bound to this borrow of us.
        self.role.state.with_mut(|state| unsafe { &*state })
    }
}

impl<S> DerefMut for Holder<'_, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: as above, and the borrow of us is exclusive.
        self.role.state.with_mut(|state| unsafe { &mut *state })
    }
}

impl<S> Drop for Holder<'_, S> {
    #[inline]
    fn drop(&mut self) {
        match self.owner {
            Some(me) => self.role.step_out(me),
            None => self.role.leave(),
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    /// The executor in the documentation of `std::task::Wake` parks after a poll that was pending, and has no other sign
    /// of a wake-up than the token.
    #[test]
    fn a_token_outlives_the_wait_for_a_role() {
        let role = Arc::new(Role::new(()));
        let holder = role.enter();
        let other = role.clone();
        let thread = thread::spawn(move || {
            current().unpark();
            drop(other.enter());
            thread::park();
        });
        // It sleeps once it has said so.
        while role.word.load(Ordering::Relaxed) & SLEEPERS == 0 {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(20));
        drop(holder);
        while !thread.is_finished() {
            thread::yield_now();
        }
        thread.join().unwrap();
    }
}
