//! The exchange cell: where two threads that run meet, under no lock. Knows nothing of tickets, tasks or the end; what it must
//! know of them is one bit.
//!
//! ```text
//! EMPTY --a sender--> WRITING --> OFFER --a receiver--> BUSY --> DONE        the receiver copies the message out
//! EMPTY --a receiver-----------> WANT ---a sender-----> BUSY --> DONE        the sender copies it in, and goes on
//!                            OFFER, WANT --anybody----> RETURNED             nothing happened
//!                          DONE, RETURNED --publisher-> EMPTY
//! ```
//! Who publishes (OFFER, WANT) spins until DONE or RETURNED and then clears the cell; nobody else does. So a
//! publication can be taken for no other, and what takes one back is the same step for its owner, whose patience is over,
//! as for whoever shuts the cell: the one compare-and-swap that a match needs, too.
//!
//! SHUT, beside the state, says that the locked state has something to say: a ticket, a message, a permit, or the end. It
//! is set and cleared under the lock alone. Nothing is published while it is set, and who sets it returns what is published.
//! So at any time either the cell speaks for the channel or the lock does:
//!
//! * not SHUT: nobody waits but whom the cell shows, and an answer by one look at the word is true;
//! * SHUT, and the lock was released since: the cell shows nobody, and the locked state alone decides, also the order.
//!
//! A thread whose publication was returned goes to the lock, as it would have done without a cell.
//!
//! WRITING, BUSY, DONE and RETURNED show nobody who waits. They last as long as a copy, or until the publisher looks,
//! so only a publisher ever waits for one of them (BUSY), and whoever would like to publish.
//!
//! Orderings: a state hands the slot over. Each step that gives it away is Release (OFFER, DONE, RETURNED, EMPTY), each
//! that gets it is Acquire (WRITING, BUSY, the publisher's look at DONE and RETURNED); all steps are read-modify-writes of one
//! word, so SHUT set or cleared in between breaks no such pair. DONE after BUSY also shows the publisher what its
//! peer did before it came (contract, rule 3).

#[cfg(all(test, loom))]
mod model;

use std::mem::MaybeUninit;

use crate::{
    answer, park,
    sync::{AtomicUsize, Ordering, UnsafeCell},
    time::Deadline,
};

const EMPTY: usize = 0;
const WRITING: usize = 1;
const OFFER: usize = 2;
const WANT: usize = 3;
const BUSY: usize = 4;
const DONE: usize = 5;
const RETURNED: usize = 6;
const STATE: usize = 7;
const SHUT: usize = 8;

/// What a look at the cell found.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Sight {
    /// The peer that was looked for.
    Peer,
    /// Nobody waits; true at one moment in the one order of all channels.
    Nobody,
    /// Ask the locked state.
    Shut,
}

/// How a thread that wants to meet another came to the cell.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Arrival {
    /// The cell is the thread's, to publish something in.
    First,
    /// A peer was there; BUSY is the thread's.
    Peer,
    /// The cell is shut, or was others' for too long.
    Gone,
}

/// The word and the message, on lines of their own: one transfer between processors brings both. Boxed by its owner, for it
/// is as large as a message.
#[repr(align(128))]
pub(crate) struct Cell<T> {
    word: AtomicUsize,
    slot: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: a message moves from thread to thread through the slot, and is never looked at by two.
unsafe impl<T: Send> Sync for Cell<T> {}

impl<T> Cell<T> {
    /// An open cell, made on the heap whatever the size of a message.
    #[cfg(not(loom))]
    #[expect(clippy::unnecessary_box_returns, reason = "a message may be larger than the stack")]
    pub(crate) fn new() -> Box<Cell<T>> {
        let mut cell = Box::<Cell<T>>::new_uninit();
        // SAFETY: in bounds of the allocation; the slot needs no value.
        unsafe { (&raw mut (*cell.as_mut_ptr()).word).write(AtomicUsize::new(EMPTY)) };
        // SAFETY: the word has its value, and any bytes make a slot.
        unsafe { cell.assume_init() }
    }

    #[cfg(loom)]
    #[expect(clippy::unnecessary_box_returns, reason = "as above")]
    pub(crate) fn new() -> Box<Cell<T>> {
        Box::new(Cell { word: AtomicUsize::new(EMPTY), slot: UnsafeCell::new(MaybeUninit::uninit()) })
    }

    /// Moves a message in.
    ///
    /// # Safety
    /// The slot is the caller's by the state, and empty.
    unsafe fn put(&self, message: &mut Option<T>) {
        let message = message.take().expect("who sends has a message");
        // SAFETY: the caller has the slot alone.
        self.slot.with_mut(|slot| unsafe { (*slot).write(message) });
    }

    /// Moves the message out.
    ///
    /// # Safety
    /// The slot is the caller's by the state, and holds a message.
    unsafe fn pick(&self, into: &mut Option<T>) {
        // SAFETY: the caller has the slot alone, and leaves it as empty.
        *into = Some(self.slot.with_mut(|slot| unsafe { (*slot).assume_init_read() }));
    }

    /// Goes from a state that only the caller may leave to the next; SHUT stays as it is.
    fn pass(&self, from: usize, to: usize) {
        // Release: gives the slot away (head of this file).
        let before = self.word.fetch_add(to.wrapping_sub(from), Ordering::Release);
        answer::acted();
        debug_assert_eq!(before & STATE, from);
    }

    /// Goes from a publication to `to`, if it is still there.
    fn leave(&self, shown: usize, to: usize) -> bool {
        // A guess first: a look before it would bring the line twice, to read it and then to write it.
        let mut word = shown;
        loop {
            // AcqRel: gets the slot for BUSY, gives it back for RETURNED.
            match self.word.compare_exchange(word, word - shown + to, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) if now & STATE == shown => word = now, // the same, SHUT or no longer
                Err(_) => return false,
            }
        }
    }

    /// Looks for a publication of that kind, and matches it. It is then ours to finish.
    fn claim(&self, shown: usize) -> Sight {
        loop {
            match self.look(shown) {
                Sight::Peer if !self.leave(shown, BUSY) => {} // gone again, or another: look again
                sight => return sight,
            }
        }
    }

    /// Looks for a publication of that kind.
    fn look(&self, shown: usize) -> Sight {
        answer::before_no();
        // Acquire: what was done under the lock until the cell was opened.
        let word = self.word.load(Ordering::Acquire);
        match word & STATE {
            _ if word & SHUT != 0 => Sight::Shut,
            state if state == shown => Sight::Peer,
            _ => Sight::Nobody,
        }
    }

    /// Gives the message to a receiver that is shown.
    pub(crate) fn give(&self, message: &mut Option<T>) -> Sight {
        let sight = self.claim(WANT);
        if sight == Sight::Peer {
            self.fill(message);
        }
        sight
    }

    fn fill(&self, message: &mut Option<T>) {
        // SAFETY: BUSY is ours, and a receiver leaves the slot empty.
        unsafe { self.put(message) };
        self.pass(BUSY, DONE);
    }

    /// Takes the message of a sender that is shown.
    pub(crate) fn take(&self, into: &mut Option<T>) -> Sight {
        let sight = self.claim(OFFER);
        if sight == Sight::Peer {
            self.empty(into);
        }
        sight
    }

    fn empty(&self, into: &mut Option<T>) {
        // SAFETY: BUSY is ours, and a sender has filled the slot.
        unsafe { self.pick(into) };
        self.pass(BUSY, DONE);
    }

    /// Is a receiver shown?
    pub(crate) fn look_for_receiver(&self) -> Sight {
        self.look(WANT)
    }

    /// Is a sender shown?
    pub(crate) fn look_for_sender(&self) -> Sight {
        self.look(OFFER)
    }

    /// The same as a guess.
    pub(crate) fn shows_receiver(&self) -> bool {
        self.shows(WANT)
    }

    /// The same as a guess.
    pub(crate) fn shows_sender(&self) -> bool {
        self.shows(OFFER)
    }

    fn shows(&self, shown: usize) -> bool {
        // Relaxed: a guess.
        self.word.load(Ordering::Relaxed) == shown
    }

    /// Does the locked state have something to say?
    pub(crate) fn is_shut(&self) -> bool {
        answer::before_no();
        // Acquire: as in `look`.
        self.word.load(Ordering::Acquire) & SHUT != 0
    }

    /// Shows the message for a short while, or gives it to a receiver that shows itself; true if it has gone.
    pub(crate) fn offer(&self, message: &mut Option<T>, deadline: Deadline) -> bool {
        let mut spin = park::Spin::of_wait();
        match self.arrive(WRITING, WANT, &mut spin, deadline) {
            Arrival::Gone => return false,
            Arrival::Peer => {
                self.fill(message);
                return true;
            }
            Arrival::First => {}
        }
        // SAFETY: WRITING is ours, and who cleared the cell left the slot empty.
        unsafe { self.put(message) };
        // Release: gives the slot away. Not if the cell was shut since.
        let is_shown = self.word.compare_exchange(WRITING, OFFER, Ordering::Release, Ordering::Relaxed).is_ok();
        let state = if is_shown { self.outcome(OFFER, &mut spin, deadline) } else { WRITING };
        if state != DONE {
            // SAFETY: WRITING or RETURNED is ours, and the message was not taken.
            unsafe { self.pick(message) };
        }
        self.pass(state, EMPTY);
        state == DONE
    }

    /// Shows that a message is wanted for a short while, or takes that of a sender that shows itself; true if one came.
    pub(crate) fn want(&self, into: &mut Option<T>, deadline: Deadline) -> bool {
        let mut spin = park::Spin::of_wait();
        match self.arrive(WANT, OFFER, &mut spin, deadline) {
            Arrival::Gone => return false,
            Arrival::Peer => {
                self.empty(into);
                return true;
            }
            Arrival::First => {}
        }
        let state = self.outcome(WANT, &mut spin, deadline);
        if state == DONE {
            // SAFETY: DONE is ours, and the sender has filled the slot.
            unsafe { self.pick(into) };
        }
        self.pass(state, EMPTY);
        state == DONE
    }

    /// Makes the empty cell the caller's, in state `own`, or matches a peer that is shown; spins while others meet.
    fn arrive(&self, own: usize, peer: usize, spin: &mut park::Spin, deadline: Deadline) -> Arrival {
        loop {
            // Relaxed: a guess, tried below.
            let word = self.word.load(Ordering::Relaxed);
            // AcqRel: gets the slot from who cleared the cell; and WANT gives it away.
            let exchange = |to| self.word.compare_exchange(EMPTY, to, Ordering::AcqRel, Ordering::Relaxed);
            if word == EMPTY && spin.pauses() && exchange(own).is_ok() {
                return Arrival::First;
            }
            if word & STATE == peer && self.leave(peer, BUSY) {
                return Arrival::Peer;
            }
            // Where pauses do not help, nobody runs beside us who could come.
            if word & SHUT != 0 || !spin.pauses() || deadline.has_passed() || !spin.turn() {
                return Arrival::Gone;
            }
        }
    }

    /// Waits until the caller's publication is DONE or RETURNED; returns it itself when the spinning is over.
    fn outcome(&self, shown: usize, spin: &mut park::Spin, deadline: Deadline) -> usize {
        let mut busy = None;
        loop {
            // Acquire: gets the slot back.
            match self.word.load(Ordering::Acquire) & STATE {
                state @ (DONE | RETURNED) => return state,
                BUSY if busy.get_or_insert_with(park::Spin::new).turn() => {}
                BUSY => park::nap(),
                _ if deadline.has_passed() || !spin.turn() => {
                    self.leave(shown, RETURNED);
                }
                _ => {}
            }
        }
    }

    /// From now on the locked state decides. Called under the lock.
    pub(crate) fn shut(&self) {
        // AcqRel: only what follows matters, see `look` and `leave`.
        let word = self.word.fetch_or(SHUT, Ordering::AcqRel);
        if let shown @ (OFFER | WANT) = word & STATE {
            self.leave(shown, RETURNED);
        }
    }

    /// The locked state is idle again. Called under the lock.
    pub(crate) fn open(&self) {
        // Release: who sees the cell open sees the locked state that it was opened for.
        self.word.fetch_and(!SHUT, Ordering::Release);
    }
}

impl<T> std::fmt::Debug for Cell<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad("Cell { .. }")
    }
}
