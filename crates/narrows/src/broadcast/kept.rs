//! The messages that are kept, and who has yet to see them. Sequential: it lies under the channel's lock, and knows nothing of
//! waiting.
//!
//! ```text
//!             oldest                                next
//!               |         slots, `capacity` at most   |
//!   3     4   [ 5 ]   [ 6 ]   [ 7 ]   [ 8 ]   [ 9 ]   10
//!   ^                   ^       ^                     ^
//!   lagged behind       | receivers that have some    has seen all
//! ```
//! A receiver is the number of the message it sees next. Each slot counts, by policy, the receivers that have yet to see it; so
//! whether the oldest may go is one look, however many there are. One that is cut off would have to be looked for in all slots:
//! it counts on there, each new slot counts all that were ever cut off, and how many the next cut concerns is a difference.
//!
//! Invariants: a receiver that waits is nowhere before `oldest`, for its count holds the slot. The slots that somebody counts in
//! are the newest ones, without a gap. No message is cloned or dropped in here: what goes is handed out.
//!
//! A number has the width of a pointer and wraps. Where that is 32 bits, a receiver that sleeps through so many messages takes
//! their number for less.

use std::{collections::VecDeque, mem};

use super::Lag;
use crate::{
    error::TryRecvError,
    flavor::Stop,
    lent::{Lender, Loan},
    sync::{Ordering, unmodelled::AtomicUsize},
};

/// A message in the memory of its slot, which serves again once nobody clones from it.
type Held<T> = Lender<Option<T>>;

/// How many receivers, by policy.
type Counts = [usize; 3];

#[derive(Debug)]
pub(super) struct Slot<T> {
    held: Held<T>,
    /// Who has yet to see it, with all that were ever cut off; those of a policy each.
    unseen: Counts,
}

impl<T> Slot<T> {
    /// By all, where so many were ever cut off.
    fn was_seen(&self, cut_off: usize) -> bool {
        self.unseen == [0, 0, cut_off]
    }
}

/// Where one receiver stands. Changed under the channel's lock alone, so every access is Relaxed; seen without it, it is a hint.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) lag: Lag,
    /// The message it sees next.
    at: AtomicUsize,
    missed: AtomicUsize,
    /// How many of its messages are for selects that have chosen to receive.
    promised: AtomicUsize,
}

impl Cursor {
    pub(super) fn new(lag: Lag, at: usize) -> Cursor {
        Cursor { lag, at: AtomicUsize::new(at), missed: AtomicUsize::new(0), promised: AtomicUsize::new(0) }
    }

    #[inline]
    pub(super) fn at(&self) -> usize {
        // Relaxed: as said above.
        self.at.load(Ordering::Relaxed)
    }

    fn skip_to(&self, at: usize, lost: usize) {
        // Relaxed: as said above.
        self.at.store(at, Ordering::Relaxed);
        self.missed.store(self.missed().wrapping_add(lost), Ordering::Relaxed);
    }

    pub(super) fn missed(&self) -> usize {
        // Relaxed: as said above.
        self.missed.load(Ordering::Relaxed)
    }

    fn promised(&self) -> usize {
        // Relaxed: as said above.
        self.promised.load(Ordering::Relaxed)
    }

    /// A promise was kept, or is not wanted.
    pub(super) fn drop_promise(&self) {
        // Relaxed: as said above.
        self.promised.store(self.promised() - 1, Ordering::Relaxed);
    }
}

/// A message that a receiver has received, still to be cloned.
#[derive(Debug)]
pub(super) struct Taken<T> {
    held: Loan<Option<T>>,
    /// Nobody else will see it.
    is_last: bool,
    /// Its slot may be used for another.
    pub(super) makes_room: bool,
}

impl<T: Clone> Taken<T> {
    /// Moves it where it is the last. Runs the user's `clone`, and perhaps drops what was overwritten meanwhile: not to be
    /// called under the lock.
    #[inline(always)]
    pub(super) fn into_message(mut self) -> T {
        if self.is_last
            && let Some(own) = self.take_out()
        {
            return own;
        }
        self.held.as_ref().expect("a slot has a message").clone()
    }

    #[cold]
    fn take_out(&mut self) -> Option<T> {
        self.held.get_mut()?.take()
    }
}

#[derive(Debug)]
pub(super) struct Kept<T> {
    slots: VecDeque<Slot<T>>,
    capacity: usize,
    /// The number of the next message.
    next: usize,
    /// Those who will see it, with all that were ever cut off.
    listeners: Counts,
    /// Those that were cut off, ever.
    cut_off: usize,
    pub(super) senders: usize,
    pub(super) is_closed: bool,
    /// Somebody waits for a message, or the end.
    pub(super) is_heard: bool,
}

impl<T> Kept<T> {
    /// For one sender, and no receiver yet.
    pub(super) fn new(capacity: usize) -> Kept<T> {
        let slots = VecDeque::new();
        Kept { slots, capacity, next: 0, listeners: [0; 3], cut_off: 0, senders: 1, is_closed: false, is_heard: false }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn next(&self) -> usize {
        self.next
    }

    pub(super) fn oldest(&self) -> usize {
        self.next.wrapping_sub(self.slots.len())
    }

    pub(super) fn receivers(&self) -> usize {
        self.listeners.iter().sum::<usize>() - self.cut_off
    }

    /// How many messages somebody has yet to see.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.slots.partition_point(|slot| slot.was_seen(self.cut_off))
    }

    /// Nothing can be sent: nobody would receive it, or the channel was closed.
    pub(super) fn is_shut(&self) -> bool {
        self.is_closed || self.receivers() == 0
    }

    /// The next message would have to wait for a receiver.
    pub(super) fn is_full(&self) -> bool {
        self.slots.len() == self.capacity && self.slots.front().is_some_and(|slot| slot.unseen[Lag::Wait as usize] > 0)
    }

    /// Makes room for a message.
    #[inline(always)]
    pub(super) fn make_room(&mut self) -> Result<(), Stop> {
        if self.is_closed {
            return Err(Stop::Closed);
        }
        if self.slots.len() == self.capacity {
            if self.is_full() {
                return Err(Stop::Full);
            }
            // Who has not seen the oldest and does not skip it is cut off.
            self.cut_off = self.slots.front().map_or(0, |oldest| oldest.unseen[Lag::Disconnect as usize]);
        }
        if self.receivers() == 0 { Err(Stop::Closed) } else { Ok(()) }
    }

    /// Adds a message where there is room. What had to go for it is to be dropped without the lock.
    #[inline(always)]
    pub(super) fn push(&mut self, message: T) -> (Option<T>, Option<Held<T>>) {
        self.next = self.next.wrapping_add(1);
        if self.slots.len() < self.capacity {
            self.add(message);
            return (None, None);
        }
        // The oldest becomes the newest.
        self.slots.rotate_left(1);
        let slot = self.slots.back_mut().expect("a capacity is at least 1");
        slot.unseen = self.listeners;
        match slot.held.get_mut() {
            Some(place) => (place.replace(message), None),
            // A receiver is cloning it: the memory stays with it.
            None => (None, Some(mem::replace(&mut slot.held, Lender::new(Some(message))))),
        }
    }

    #[cold]
    fn add(&mut self, message: T) {
        let len = self.slots.len();
        if len == self.slots.capacity() {
            // Never for more than will come: if all its memory is in use, turning it round moves nothing.
            self.slots.reserve_exact(len.max(4).min(self.capacity - len));
        }
        self.slots.push_back(Slot { held: Lender::new(Some(message)), unseen: self.listeners });
    }

    /// How many messages a receiver can still see, those that are promised included. One that lags goes on with the oldest.
    pub(super) fn unseen(&self, cursor: &Cursor) -> usize {
        let behind = self.next.wrapping_sub(cursor.at());
        if behind > self.slots.len() { self.catch_up(cursor, behind) } else { behind }
    }

    #[cold]
    fn catch_up(&self, cursor: &Cursor, behind: usize) -> usize {
        if cursor.lag == Lag::Disconnect {
            return 0;
        }
        cursor.skip_to(self.oldest(), behind - self.slots.len());
        self.slots.len()
    }

    pub(super) fn is_cut_off(&self, cursor: &Cursor) -> bool {
        // It was at the oldest when that had to go. From then on it has not seen more messages than there are, for with each
        // that comes it has one more to see; a slot that is swept only makes them fewer.
        cursor.lag == Lag::Disconnect && self.next.wrapping_sub(cursor.at()) > self.slots.len()
    }

    /// Whether there is a message for it that is not promised.
    #[inline(never)]
    pub(super) fn look(&self, cursor: &Cursor) -> Result<(), TryRecvError> {
        let unseen = self.unseen(cursor);
        if unseen > cursor.promised() {
            Ok(())
        } else if unseen == 0 && (self.is_closed || self.is_cut_off(cursor)) {
            Err(TryRecvError::Disconnected)
        } else {
            Err(TryRecvError::Empty)
        }
    }

    /// The same; promises it to a select.
    pub(super) fn promise(&self, cursor: &Cursor) -> Result<(), TryRecvError> {
        self.look(cursor)?;
        // Relaxed: as said at `Cursor`.
        cursor.promised.store(cursor.promised() + 1, Ordering::Relaxed);
        Ok(())
    }

    /// The next message of a receiver.
    #[inline]
    pub(super) fn take(&mut self, cursor: &Cursor) -> Result<Taken<T>, TryRecvError> {
        let len = self.slots.len();
        let mut behind = self.next.wrapping_sub(cursor.at());
        if behind > len || behind <= cursor.promised() {
            self.look(cursor)?;
            behind = self.next.wrapping_sub(cursor.at());
        }
        let slot = &mut self.slots[len - behind];
        // Relaxed: as said at `Cursor`.
        cursor.at.store(cursor.at().wrapping_add(1), Ordering::Relaxed);
        slot.unseen[cursor.lag as usize] -= 1;
        let makes_room = cursor.lag == Lag::Wait && slot.unseen[Lag::Wait as usize] == 0;
        let is_last = self.senders == 0 && slot.was_seen(self.cut_off);
        let held = slot.held.lend();
        if is_last {
            // Where there are no senders nobody begins with the oldest any more, so those before it have gone. The slot is not
            // the only one that has the message, so none is dropped.
            self.slots.pop_front();
        }
        Ok(Taken { held, is_last, makes_room })
    }

    /// Counts a receiver in, with all that it has yet to see.
    pub(super) fn enter(&mut self, cursor: &Cursor) {
        let unseen = self.unseen(cursor);
        if !self.is_cut_off(cursor) {
            self.listeners[cursor.lag as usize] += 1;
            let seen = self.slots.len() - unseen;
            self.slots.range_mut(seen..).for_each(|slot| slot.unseen[cursor.lag as usize] += 1);
        }
    }

    /// Counts a receiver out. How many messages no longer wait for one.
    pub(super) fn leave(&mut self, cursor: &Cursor) -> usize {
        let unseen = self.unseen(cursor);
        if self.is_cut_off(cursor) {
            return 0;
        }
        self.listeners[cursor.lag as usize] -= 1;
        let seen = self.slots.len() - unseen;
        let mut places = 0;
        for slot in self.slots.range_mut(seen..) {
            slot.unseen[cursor.lag as usize] -= 1;
            places += usize::from(cursor.lag == Lag::Wait && slot.unseen[Lag::Wait as usize] == 0);
        }
        places
    }

    /// Takes out what nobody will see, to be dropped without the lock: all where there is no receiver; where there is no sender
    /// who could add one that begins with the oldest, what all have seen.
    pub(super) fn sweep(&mut self) -> VecDeque<Slot<T>> {
        if self.receivers() == 0 {
            return mem::take(&mut self.slots);
        }
        if self.senders > 0 {
            return VecDeque::new();
        }
        let unseen = self.slots.split_off(self.slots.len() - self.len());
        mem::replace(&mut self.slots, unseen)
    }
}
