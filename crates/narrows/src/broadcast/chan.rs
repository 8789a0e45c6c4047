//! What the handles of a broadcast channel share: the messages under one lock, and those who wait for one or for room.
//!
//! One lock for all, for each message is one short step of whoever comes: a number, a count, a pointer; clones, drops and wake-ups
//! are made after it. What is cloned is lent under the lock (`lent`), and given back without it. The lock is a role, so a thread
//! that does nearly all, as one that runs tasks, has it by plain loads and stores.
//!
//! So there is one order of all that happens, and an answer "no" is true of a moment under the lock; it needs no
//! fence (`answer`), as whoever does what it denies comes to the lock later, and sees all that we did before.
//!
//! ```text
//! who waits for a message                           who sends
//!   W1  its ticket is at the bell                     S1  under the lock: message; takes `is_heard`
//!   W2  under the lock: nothing new? `is_heard`       S2  was it set? rings
//! ```
//! If W2 comes first S1 finds `is_heard`, and the ticket is rung for, by it or by an earlier ring. Else W2 sees the message. A
//! sender waits likewise: its ticket is in the list before it looks, so who makes room after that look sees the count of
//! tickets. Each message that waits for nobody any more makes one place, and wakes one sender.
//!
//! Invariant: no code of the user runs under the lock.

use std::{
    collections::VecDeque,
    panic::{RefUnwindSafe, UnwindSafe},
};

use super::{
    Lag, Start,
    kept::{Cursor, Kept, Slot},
};
use crate::{
    answer,
    error::TryRecvError,
    flavor::Stop,
    queue::drop_each,
    role::{self, Holder, Role},
    sync::{
        Ordering,
        unmodelled::{AtomicBool, AtomicUsize},
    },
    wait::{bell::Bell, list::WaitList},
};

#[derive(Debug)]
pub(super) struct Chan<T> {
    kept: Role<Kept<T>>,
    /// Rung for messages and for the end.
    pub(super) arrival: Bell,
    /// Where senders wait for room, or the end.
    pub(super) room: WaitList,
    // Hints for who spins, written under the lock, so all Relaxed.
    next: AtomicUsize,
    is_closed: AtomicBool,
    is_full: AtomicBool,
}

// No message is touched under the lock, and what is done there does not panic.
impl<T> UnwindSafe for Chan<T> {}
impl<T> RefUnwindSafe for Chan<T> {}

/// What a change may have brought about.
enum Change {
    /// So many messages wait for no receiver any more.
    Places(usize),
    /// The end, or something else that all senders are to see.
    Shut,
}

impl<T> Chan<T> {
    pub(super) fn new(capacity: usize) -> Chan<T> {
        role::prepare();
        Chan {
            kept: Role::of_both_ends(Kept::new(capacity)),
            arrival: Bell::new(),
            room: WaitList::new(),
            next: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
        }
    }

    #[inline(always)]
    pub(super) fn kept(&self) -> Holder<'_, Kept<T>> {
        self.kept.enter()
    }

    fn note_room(&self, kept: &Kept<T>) {
        let is_full = kept.is_full();
        // Relaxed, both: a hint.
        if self.is_full.load(Ordering::Relaxed) != is_full {
            self.is_full.store(is_full, Ordering::Relaxed);
        }
    }

    /// Ends a step that sends nothing: leaves the lock, tells whom it concerns, and drops what nobody will see.
    fn finish(&self, mut kept: Holder<'_, Kept<T>>, change: &Change) {
        let mut rest = kept.sweep();
        self.note_room(&kept);
        let is_heard = matches!(change, Change::Shut) && std::mem::take(&mut kept.is_heard);
        if kept.is_closed {
            // Relaxed: a hint.
            self.is_closed.store(true, Ordering::Relaxed);
        }
        let is_shut = kept.is_shut();
        drop(kept);
        answer::acted();
        if is_heard {
            self.arrival.ring();
        }
        match *change {
            Change::Places(places) if !is_shut => self.room.notify_fenced(places),
            _ => self.room.notify_all_fenced(),
        }
        drop_all(&mut rest);
    }

    /// Takes the lock to send a message, or says why that is not possible.
    #[inline(always)]
    pub(super) fn begin_send(&self) -> Result<Holder<'_, Kept<T>>, Stop> {
        let mut kept = self.kept();
        match kept.make_room() {
            Ok(()) => Ok(kept),
            Err(Stop::Full) => Err(Stop::Full),
            Err(Stop::Closed) => {
                // The last receiver may just have been cut off.
                self.finish(kept, &Change::Shut);
                Err(Stop::Closed)
            }
        }
    }

    /// Sends it.
    #[inline(always)]
    pub(super) fn send(&self, mut kept: Holder<'_, Kept<T>>, message: T) {
        let gone = kept.push(message);
        // Relaxed: a hint.
        self.next.store(kept.next(), Ordering::Relaxed);
        self.note_room(&kept);
        let is_heard = std::mem::take(&mut kept.is_heard);
        drop(kept);
        answer::acted();
        if is_heard {
            self.arrival.ring();
        }
        drop(gone);
    }

    /// Whether a send would not wait.
    pub(super) fn may_send(&self) -> bool {
        let kept = self.kept();
        kept.is_shut() || !kept.is_full()
    }

    /// A guess of the same.
    pub(super) fn seems_to_have_room(&self) -> bool {
        // Relaxed: a hint.
        !self.is_full.load(Ordering::Relaxed) || self.is_closed.load(Ordering::Relaxed)
    }

    /// Receives, or says why not. `is_promised`: a select has chosen that before.
    #[inline]
    pub(super) fn recv(&self, cursor: &Cursor, is_promised: bool) -> Result<T, TryRecvError>
    where
        T: Clone,
    {
        let mut kept = self.kept();
        if is_promised {
            cursor.drop_promise();
        }
        let taken = kept.take(cursor)?;
        if taken.makes_room {
            // Relaxed: a hint. There is room: whoever has yet to see the oldest has yet to see this one.
            self.is_full.store(false, Ordering::Relaxed);
        }
        // A promise that was out held off the end of this receiver, for whoever else uses it.
        let is_heard = is_promised && kept.is_closed && std::mem::take(&mut kept.is_heard);
        drop(kept);
        answer::acted();
        if is_heard {
            self.arrival.ring();
        }
        if taken.makes_room {
            self.room.notify_fenced(1);
        }
        Ok(taken.into_message())
    }

    /// A select does not want what it has chosen.
    pub(super) fn forgo(&self, cursor: &Cursor) {
        let kept = self.kept();
        cursor.drop_promise();
        self.finish(kept, &Change::Shut);
    }

    /// A guess whether `recv` would not wait.
    pub(super) fn seems_to_have_news(&self, cursor: &Cursor) -> bool {
        // Relaxed, both: hints.
        cursor.at() != self.next.load(Ordering::Relaxed) || self.is_closed.load(Ordering::Relaxed)
    }

    /// Notes that somebody waits: true if there is something to receive, or the end.
    pub(super) fn announce(&self, cursor: &Cursor) -> bool {
        let mut kept = self.kept();
        let is_to_come = kept.look(cursor) == Err(TryRecvError::Empty);
        kept.is_heard |= is_to_come;
        !is_to_come
    }

    /// A receiver that begins at the oldest message kept, or with the next one.
    pub(super) fn enter(&self, lag: Lag, start: Start) -> Cursor {
        let mut kept = self.kept();
        let at = match start {
            Start::Now => kept.next(),
            Start::Oldest => kept.oldest(),
        };
        let cursor = Cursor::new(lag, at);
        kept.enter(&cursor);
        self.finish(kept, &Change::Places(0));
        cursor
    }

    /// One that stands where another stands.
    pub(super) fn enter_beside(&self, other: &Cursor) -> Cursor {
        let mut kept = self.kept();
        kept.unseen(other);
        let cursor = Cursor::new(other.lag, other.at());
        kept.enter(&cursor);
        self.finish(kept, &Change::Places(0));
        cursor
    }

    pub(super) fn leave(&self, cursor: &Cursor) {
        let mut kept = self.kept();
        let places = kept.leave(cursor);
        self.finish(kept, &Change::Places(places));
    }

    /// Changes what happens when it lags; one that has been cut off stays so.
    pub(super) fn change_lag(&self, cursor: &mut Cursor, lag: Lag) {
        let mut kept = self.kept();
        if kept.is_cut_off(cursor) {
            return;
        }
        let places = kept.leave(cursor);
        let is_waited_for = lag == Lag::Wait;
        cursor.lag = lag;
        kept.enter(cursor);
        self.finish(kept, &Change::Places(if is_waited_for { 0 } else { places }));
    }

    /// Nothing can be sent any more. False if that was so.
    pub(super) fn close(&self) -> bool {
        let mut kept = self.kept();
        let was_closed = std::mem::replace(&mut kept.is_closed, true);
        self.finish(kept, &Change::Shut);
        !was_closed
    }

    pub(super) fn add_sender(&self) {
        self.kept().senders += 1;
    }

    pub(super) fn remove_sender(&self) {
        let mut kept = self.kept();
        kept.senders -= 1;
        if kept.senders == 0 {
            kept.is_closed = true;
            self.finish(kept, &Change::Shut);
        }
    }
}

fn drop_all<T>(rest: &mut VecDeque<Slot<T>>) {
    if !rest.is_empty() {
        drop_each(|slot| {
            *slot = rest.pop_front();
            slot.is_some()
        });
    }
}
