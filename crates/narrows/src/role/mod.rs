//! The right to use one end of a queue. Knows nothing about messages, queues or waiting for them.
//!
//! A lock, which after a run of entries by one thread is *biased* to that thread: the owner then enters and leaves by
//! plain loads and stores, and whoever else comes takes the bias away first.
//!
//! ```text
//! held      1 if somebody has the lock; given back by a plain store
//! sleeping  SOME: who gives the lock back wakes the first;  HUNGRY: who is to give it back hands it over
//!
//! a sleeper   WAITING --lock given back--> WOKEN     it tries, and may be overtaken
//!             WAITING --lock handed over-> GRANTED   it was overtaken OVERTAKES times: the lock is already its own
//!
//! who leaves                       who goes to sleep
//!   L1  held = 0                     S1  sleeping = SOME, it is in the queue
//!   L2  light, or a fence if loud      S2  heavy
//!   L3  sleeping? wake the first     S3  held still 1? sleep
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
//! the other sees it inside. So are L and S. Every store to `inside` is a Release, so whatever later value R3 reads, all that the owner did in the
//! role comes before. O4 to O6 against R3's going to sleep is the same once more, so the sleeper is woken. A bias is granted only
//! by its owner to itself, so between O1 and O3 it cannot have gone and come back. An owner is inside one role at most: with one
//! taken it takes a second by the lock (an allocator may use channels, and a block is allocated inside a role).
//!
//! Invariants: at most one thread holds a role at a time, and what the role guards is touched by its holder alone. No
//! role outlives one attempt: nobody waits for a message, wakes, clones a waker or drops a message under it. No thread takes
//! two roles at once.

mod barrier;
mod holder;
#[cfg(all(test, loom))]
mod model;
mod owner;

use std::{collections::VecDeque, marker::PhantomData, ptr};

use self::owner::Owner;
pub(crate) use self::{barrier::prepare, holder::Holder};
use crate::{
    late::Late,
    park,
    sync::{
        Arc, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, MODELLED, Mutex, Ordering, Thread, UnsafeCell, current,
        fence, lock,
    },
    time::{self, Deadline},
};

const SOME: u8 = 1;
const HUNGRY: u8 = 2;

/// How often a sleeper finds the role taken again before it is given it. Handing over each time would cost a switch of
/// threads per message; this bound is what the contract's rule 10 states.
const OVERTAKES: usize = 8;

/// So many entries by one thread in a row earn the bias. Each time it is taken away the price doubles, up to the longest.
const RUN: u32 = if MODELLED { 1 } else { 32 };
const LONGEST_RUN: u32 = if MODELLED { 1 } else { 1 << 16 };

/// What fences cost in so many entries is about what a membarrier costs.
const WORTH: usize = if MODELLED { 1 } else { 128 };

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

#[derive(Debug, Default)]
struct Sleepers {
    queue: VecDeque<Queued>,
    /// Who waits in R3.
    revoker: Option<Thread>,
}

/// Under the lock, written by its holder.
#[derive(Debug)]
struct Run {
    /// So many entries by one thread in a row.
    count: u32,
    /// So many by any since the last heavy fence. Wrapped around it is wrong once, and harmless.
    all: u32,
    /// So many earn the bias, or quiet.
    wanted: u32,
    /// When another thread than the last came, by `time::nanoseconds`; 0 for never.
    changed: u32,
}

/// Two that come by turns move the state from core to core for each message. So if threads change more often than this, each
/// may have a run of entries, for which the others wait while they see that they go on.
const HASTE: u32 = 1_000;
const TURN: u8 = 64;
const RESTS: usize = 8;
const PAUSES_A_REST: usize = 12;

/// A role is entered also in a poll, between the executor's look at what woke it and its park. So the token of a wake-up
/// that may have been meant for the executor is given back; one too many is harmless.
fn sleep_unnoticed(done: impl Fn() -> bool) {
    park::sleep_plainly(done, Deadline::Never);
    current().unpark();
}

/// The right to use one end, with the state that only its holder may touch.
///
/// What is seldom written stands first, what each use writes last: see `queue::Queue`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Role<S> {
    sleepers: Late<Mutex<Sleepers>>,
    /// At the last heavy fence.
    done: AtomicUsize,
    /// Who came last: written under the lock, and a hint for others.
    last: AtomicUsize,
    bias: AtomicPtr<Owner>,
    state: UnsafeCell<S>,
    run: UnsafeCell<Run>,
    held: AtomicU32,
    sleeping: AtomicU8,
    /// 1 if who leaves with a fence has to do it; 0 if `fence_against` does it for both, as with an owner.
    loud: AtomicU8,
    /// A hint for others: how many entries who came last may have before they come.
    turn: AtomicU8,
    has_turns: bool,
}

// SAFETY: the state is touched by the holder alone, one thread at a time, so it is moved between threads, not shared.
unsafe impl<S: Send> Sync for Role<S> {}

impl<S> Role<S> {
    /// Quiet from the first, if that is possible: the first that waits ends it at the price of one entry.
    #[inline(always)]
    pub(crate) fn new(state: S) -> Role<S> {
        Role {
            sleepers: Late::new(),
            done: AtomicUsize::new(0),
            last: AtomicUsize::new(0),
            bias: AtomicPtr::new(NONE),
            state: UnsafeCell::new(state),
            run: UnsafeCell::new(Run { count: 0, all: 0, wanted: RUN, changed: 0 }),
            held: AtomicU32::new(0),
            sleeping: AtomicU8::new(0),
            loud: AtomicU8::new((!barrier::is_asymmetric()).into()),
            turn: AtomicU8::new(0),
            has_turns: true,
        }
    }

    /// The same for a role of both ends: who has to wait for the other's message is not to wait for its run.
    pub(crate) fn of_both_ends(state: S) -> Role<S> {
        Role { has_turns: false, ..Role::new(state) }
    }

    /// Without entering: the caller has the role to itself.
    pub(crate) fn state_mut(&mut self) -> &mut S {
        // SAFETY: nobody else has the role, and so its state.
        self.state.with_mut(|state| unsafe { &mut *state })
    }

    fn sleepers(&self) -> &Mutex<Sleepers> {
        self.sleepers.get_or_make(Mutex::default)
    }

    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    /// Waits for the role: a short spin, then asleep until it is left. Holders leave within one attempt.
    #[inline(always)]
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

    /// Enters by the bias alone: `None` says only that it takes more than that.
    #[inline(always)]
    pub(crate) fn enter_easily(&self) -> Option<Holder<'_, S>> {
        // SAFETY: as in `enter`.
        let me = unsafe { &*self.own_bias()? };
        // Not made and dropped again where it does not come in: dropped, it leaves.
        if self.step_in(me) { Some(Holder { role: self, owner: Some(me), state: PhantomData }) } else { None }
    }

    /// Enters where nobody need be waited for: `None` says only that the role, or its bias, is another's.
    pub(crate) fn enter_if_free(&self) -> Option<Holder<'_, S>> {
        if let Some(holder) = self.enter_easily() {
            return Some(holder);
        }
        // Relaxed: a first look.
        if self.bias.load(Ordering::Relaxed) != NONE || !self.try_enter() {
            return None;
        }
        // Relaxed: written under the lock, which we hold.
        if self.bias.load(Ordering::Relaxed) != NONE {
            self.give_back();
            return None;
        }
        self.count_entry(owner::name());
        Some(Holder { role: self, owner: None, state: PhantomData })
    }

    /// The calling thread, if the bias is its own.
    #[inline(always)]
    fn own_bias(&self) -> Option<*const Owner> {
        // Relaxed: only we ourselves make us the owner; that we no longer are is looked at in O3.
        let bias = self.bias.load(Ordering::Relaxed).cast_const();
        (bias == owner::me()).then_some(bias)
    }

    /// O1 to O3.
    #[inline(always)]
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
    #[inline(always)]
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
        if let Some(revoker) = &lock(self.sleepers()).revoker {
            revoker.unpark();
        }
    }

    #[inline(never)]
    fn enter_locked(&self) {
        let name = owner::name();
        // Relaxed, both: hints.
        if !MODELLED && self.turn.load(Ordering::Relaxed) != 0 && self.last.load(Ordering::Relaxed) != name {
            self.await_turn();
        }
        if !self.try_enter() {
            self.enter_slow();
        }
        // Relaxed: written under the lock, which we hold.
        let bias = self.bias.load(Ordering::Relaxed);
        if bias != NONE {
            self.revoke(bias);
        }
        self.count_entry(name);
    }

    /// Under the lock, by who has just taken it.
    #[inline(always)]
    fn count_entry(&self, name: usize) {
        // Relaxed: written under the lock, which we hold.
        let last = self.last.load(Ordering::Relaxed);
        // SAFETY: under the lock, which we hold.
        self.run.with_mut(|run| unsafe {
            (*run).all = (*run).all.wrapping_add(1);
            (*run).count = if last == name { (*run).count.saturating_add(1) } else { 0 };
        });
        if last != name {
            // Relaxed: as above.
            self.last.store(name, Ordering::Relaxed);
        }
        if !MODELLED {
            self.take_turn(last, name);
        }
    }

    /// Under the lock.
    #[inline]
    fn take_turn(&self, last: usize, name: usize) {
        // Relaxed: a hint.
        let turn = self.turn.load(Ordering::Relaxed);
        if last == name && turn == 0 {
            return;
        }
        let turn = if last == name { turn - 1 } else { self.begin_turn(last) };
        // Relaxed: a hint.
        self.turn.store(turn, Ordering::Relaxed);
    }

    /// Under the lock, by another thread than the last: how many entries it may have in a row.
    fn begin_turn(&self, last: usize) -> u8 {
        if last == 0 || !self.has_turns {
            return 0;
        }
        let now = time::nanoseconds();
        // SAFETY: under the lock, which we hold.
        let before = self.run.with_mut(|run| unsafe { std::mem::replace(&mut (*run).changed, now) });
        if before != 0 && now.wrapping_sub(before) < HASTE { TURN } else { 0 }
    }

    /// Waits a little while another thread has its run.
    #[cold]
    fn await_turn(&self) {
        for _ in 0..RESTS {
            // Relaxed, both: hints.
            let before = self.turn.load(Ordering::Relaxed);
            for _ in 0..PAUSES_A_REST {
                std::hint::spin_loop();
            }
            let now = self.turn.load(Ordering::Relaxed);
            if now == 0 || now == before {
                return;
            }
        }
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
                lock(self.sleepers()).revoker = Some(current());
                // SeqCst: half of store buffering; the other half is O4 to O6.
                barrier::heavy();
                sleep_unnoticed(is_out);
                lock(self.sleepers()).revoker = None;
                break;
            }
        }
        // SAFETY: under the lock, which we hold.
        self.run.with_mut(|run| unsafe { (*run).wanted = LONGEST_RUN.min((*run).wanted * 2) });
        // Release: pairs with the Acquire in `fence_against`.
        self.bias.store(NONE, Ordering::Release);
    }

    /// Under the lock.
    #[inline(always)]
    fn is_loud(&self) -> bool {
        // Relaxed: written under the lock, which the caller holds.
        self.loud.load(Ordering::Relaxed) == 1
    }

    /// Before the lock is given back: makes its holder the owner, and the role quiet, if that has been earned.
    #[inline(always)]
    fn reward(&self) {
        // SAFETY: under the lock, which the caller holds.
        let (earns_bias, earns_quiet) =
            self.run.with_mut(|run| unsafe { ((*run).count >= (*run).wanted, (*run).all == (*run).wanted) });
        if earns_bias {
            self.grant();
        } else if earns_quiet && self.is_loud() && barrier::is_asymmetric() {
            // Relaxed: as with a bias.
            self.loud.store(0, Ordering::Relaxed);
            // SeqCst: pairs with the fence in `fence_against`.
            fence(Ordering::SeqCst);
        }
    }

    /// Makes the holder of the lock the owner, if it may be one.
    #[cold]
    fn grant(&self) {
        // SAFETY: under the lock, which the caller holds.
        self.run.with_mut(|run| unsafe { (*run).count = 0 });
        if barrier::is_asymmetric()
            && let Some(me) = owner::take_on()
        {
            // Relaxed: those under the lock see it by the Release in `give_back`, the others as argued in `fence_against`.
            self.bias.store(ptr::from_ref(me).cast_mut(), Ordering::Relaxed);
            // SeqCst: pairs with the fence in `fence_against`.
            fence(Ordering::SeqCst);
        }
    }

    /// A full fence against whoever uses this role: either its next look at what others left sees what we wrote, or we see
    /// what it wrote.
    /// Its user's side is leaving it: `Holder`.
    ///
    /// The heavy one is needed only against those who do no fence: an owner that is another thread, and whoever has the lock
    /// while the role is quiet. If NONE and loud are read, then from the end of a revocation and of quiet, whose Release
    /// brings along all that was done before; and if a grant or the begin of quiet is not seen, its fence is behind ours, so
    /// whoever came after it sees what we wrote.
    ///
    /// `done` counts what was done in the role. If that was little since the last heavy one, bias and quiet are ended: who
    /// waits often is better off if the others do fences. Under the lock we see all that was done before, and whoever comes
    /// after does a fence.
    pub(crate) fn fence_against(&self, done: usize) {
        // SeqCst: half of store buffering.
        fence(Ordering::SeqCst);
        // Acquire: pairs with the Release in `revoke`.
        let bias = self.bias.load(Ordering::Acquire);
        // Acquire: pairs with the Release in `end_quiet`.
        if ptr::eq(bias, owner::me()) || (bias == NONE && self.loud.load(Ordering::Acquire) == 1) {
            return;
        }
        // Relaxed: a guess.
        if done.wrapping_sub(self.done.swap(done, Ordering::Relaxed)) >= WORTH {
            barrier::heavy();
        } else {
            self.end_quiet();
        }
    }

    /// Ends bias and quiet.
    #[cold]
    fn end_quiet(&self) {
        self.enter_locked();
        // SAFETY: under the lock, which we hold.
        self.run.with_mut(|run| unsafe {
            (*run).all = 0;
            (*run).wanted = LONGEST_RUN.min((*run).wanted * 2);
        });
        // Release: pairs with the Acquire in `fence_against`.
        self.loud.store(1, Ordering::Release);
        self.give_back();
    }

    /// Takes the lock if it is free, also past those who sleep.
    #[inline(always)]
    fn try_enter(&self) -> bool {
        // Relaxed: a first look; the exchange decides.
        (MODELLED || self.held.load(Ordering::Relaxed) == 0)
            // Acquire: pairs with the Release in `give_back`; what the last holder did is visible.
            && self.held.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    fn enter_slow(&self) {
        // Two that take turns move the state to and fro for each message, so whoever comes too late leaves the other a run
        // of them, a longer one each time.
        let mut spin = park::Spin::of_yields();
        let mut rest = 1;
        while (0..rest).all(|_| spin.turn()) {
            if self.try_enter() {
                return;
            }
            rest *= 2;
        }
        let mut overtaken = 0;
        let sleeper = Arc::new(Sleeper { thread: current(), state: AtomicUsize::new(WAITING) });
        loop {
            // Relaxed: the lock on the queue stands between this and whoever wakes us.
            sleeper.state.store(WAITING, Ordering::Relaxed);
            let queued = Queued { sleeper: sleeper.clone(), overtaken };
            let mut sleepers = lock(self.sleepers());
            if overtaken == 0 {
                sleepers.queue.push_back(queued);
            } else {
                sleepers.queue.push_front(queued);
            }
            self.show(&sleepers);
            // S2. Of two at once each does its own: the lock on the queue is held, so S3 is about this look.
            barrier::heavy();
            if self.try_enter() {
                sleepers.queue.retain(|queued| !Arc::ptr_eq(&queued.sleeper, &sleeper));
                self.show(&sleepers);
                return;
            }
            drop(sleepers);
            // Acquire: pairs with the Release in `wake`; a granted role brings its state along.
            let state = || sleeper.state.load(Ordering::Acquire);
            sleep_unnoticed(|| state() != WAITING);
            if state() == GRANTED || self.try_enter() {
                return;
            }
            overtaken += 1;
        }
    }

    /// Shows to those who leave what is in the queue.
    fn show(&self, sleepers: &Sleepers) {
        let sleeping = match sleepers.queue.front() {
            None => 0,
            Some(first) if first.overtaken < OVERTAKES => SOME,
            Some(_) => HUNGRY,
        };
        // Relaxed: L and S have their barriers, also for the queue's own memory; written under the lock on the queue.
        self.sleeping.store(sleeping, Ordering::Relaxed);
    }

    #[inline(never)]
    fn leave(&self) {
        self.reward();
        self.give_back();
    }

    /// L1 to L3, and the publisher's half of `fence_against`.
    #[inline(always)]
    fn give_back(&self) {
        let is_loud = self.is_loud();
        // Relaxed: who is not seen now is seen in L3.
        let is_handed_over = self.sleeping.load(Ordering::Relaxed) == HUNGRY && self.wake(GRANTED);
        if !is_handed_over {
            // Release: pairs with the Acquire in `try_enter`.
            self.held.store(0, Ordering::Release);
        }
        if is_loud {
            // SeqCst: half of store buffering. Where there is no membarrier a role is never quiet.
            fence(Ordering::SeqCst);
        } else {
            barrier::light();
        }
        // Relaxed: behind the barrier.
        if !is_handed_over && self.sleeping.load(Ordering::Relaxed) != 0 {
            self.wake(WOKEN);
        }
    }

    /// Wakes the first sleeper, with the lock if it is GRANTED. False if there is none.
    #[cold]
    fn wake(&self, state: usize) -> bool {
        let mut sleepers = lock(self.sleepers());
        let first = sleepers.queue.pop_front();
        self.show(&sleepers);
        drop(sleepers);
        let Some(Queued { sleeper, .. }) = first else { return false };
        // Release: pairs with the Acquire in `enter_slow`.
        sleeper.state.store(state, Ordering::Release);
        sleeper.thread.unpark();
        true
    }
}

#[cfg(all(test, not(any(loom, narrows_check))))]
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
        while role.sleeping.load(Ordering::Relaxed) == 0 {
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
