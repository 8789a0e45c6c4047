//! The producer of the moment: looks for a place, and pushes. Knows nothing of permits; what it may push into its caller has
//! found out.

use std::collections::VecDeque;

use super::{CLOSED, INDEX, ONE, Queue, SendEnd, Store, slot::Slot};
use crate::{
    answer,
    role::Holder,
    sync::{MODELLED, Ordering},
};

/// The holder of the send role.
#[derive(Debug)]
pub(crate) struct Producer<'a, T, R> {
    pub(super) queue: &'a Queue<T, R>,
    pub(super) end: Holder<'a, SendEnd<T>>,
}

impl<T, R> Producer<'_, T, R> {
    #[inline(always)]
    fn tail(&self) -> usize {
        // Relaxed: only the send role, which we hold, writes it.
        self.queue.tail().load(Ordering::Relaxed)
    }

    /// How many messages were pushed: the number of the next one.
    pub(crate) fn pushed(&self) -> usize {
        self.tail() / ONE
    }

    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.tail() & CLOSED != 0
    }

    /// Is a place free, of `most`, if none is reserved? Looks at the other end only if it must.
    #[inline(always)]
    pub(crate) fn has_place(&mut self, most: usize) -> bool {
        match &self.queue.store {
            Store::Ring(ring) => {
                // SAFETY: the cursor of a ring.
                let at = unsafe { &self.end.at.ring };
                ring.cell(at).is_empty(at)
            }
            Store::Blocks(_) => self.used_at_most() < most || self.used() < most,
        }
    }

    /// Places in use when the head was last seen; by now they may be fewer.
    #[inline(always)]
    fn used_at_most(&self) -> usize {
        (self.tail() / ONE).wrapping_sub(self.end.seen_head) & INDEX
    }

    /// Places in use; only the consumer can change it meanwhile, and only downwards.
    #[inline(always)]
    pub(crate) fn used(&mut self) -> usize {
        // Acquire: pairs with the Release in `place_is_free`; the message that had the place is out of its slot.
        self.end.seen_head = self.queue.head().load(Ordering::Acquire);
        self.used_at_most()
    }

    /// Writes with `write` into the next slot, and publishes.
    ///
    /// # Safety
    /// The queue is open, and a place is free or the caller's own. `write` fills the slot.
    #[inline(always)]
    unsafe fn push_by(&mut self, write: impl FnOnce(&Slot<T>)) {
        debug_assert!(!self.is_closed(), "pushed into a closed queue");
        let at = &mut self.end.at;
        match &self.queue.store {
            Store::Ring(ring) => {
                // SAFETY: the cursor of a ring.
                let at = unsafe { &mut at.ring };
                let cell = ring.cell(at);
                // Not in a model: the look is an Acquire that the code beside it may not rely on.
                debug_assert!(MODELLED || cell.is_empty(at), "pushed into a full slot");
                write(&cell.slot);
                cell.mark_full(at);
                ring.move_on(at);
            }
            // SAFETY: the cursor of blocks; we hold the send role, so it is ours.
            Store::Blocks(blocks) => write(unsafe { blocks.next_to_write(&mut at.block) }),
        }
        // Release: pairs with the Acquire in `Consumer::pushed`; publishes the message.
        self.queue.tail().store(self.tail().wrapping_add(ONE), Ordering::Release);
        answer::acted();
    }

    /// Adds a message. The caller has seen that the queue is open, and that a place is free or its own.
    #[inline(always)]
    pub(crate) fn push(&mut self, message: T) {
        // SAFETY: the caller has seen it. We hold the send role, so the slot is ours, and the message that had it is out of
        // it: fewer than `capacity` places are in use, and `has_place` or `used` ordered its reading before this.
        unsafe { self.push_by(|slot| slot.put(message)) };
    }

    /// Adds the message in `from` where that is easy: the queue is open, a place is free if none is reserved, and no block is
    /// to be made. False is no answer.
    ///
    /// Everything in one step, and the cursor in a variable: what is written into a slot may change no cursor, but the
    /// compiler cannot know.
    #[inline(always)]
    pub(crate) fn push_easily(&mut self, from: &mut Option<T>, most: usize) -> bool {
        let tail = self.tail();
        if tail & CLOSED != 0 {
            return false;
        }
        match &self.queue.store {
            Store::Ring(ring) => {
                // SAFETY: the cursor of a ring.
                let at = unsafe { self.end.at.ring };
                let cell = ring.cell(&at);
                if !cell.is_empty(&at) {
                    return false;
                }
                // SAFETY: we hold the send role, so the slot is ours, and its stamp says that it is empty.
                unsafe { cell.slot.fill(from) };
                cell.mark_full(&at);
                // SAFETY: the cursor of a ring.
                ring.move_on_from(at, unsafe { &mut self.end.at.ring });
            }
            Store::Blocks(_) => {
                if self.used_at_most() >= most {
                    return false;
                }
                // SAFETY: the cursor of blocks.
                let at = unsafe { &mut self.end.at.block };
                if at.is_at_the_end() {
                    return false;
                }
                // SAFETY: we hold the send role, so the cursor is ours, and the next slot in its block is empty.
                unsafe { at.next_here().fill(from) };
            }
        }
        // Release: as in `push_by`.
        self.queue.tail().store(tail.wrapping_add(ONE), Ordering::Release);
        answer::acted();
        true
    }

    /// The same as `push` with the message in `from`.
    pub(crate) fn push_from(&mut self, from: &mut Option<T>) {
        // SAFETY: as in `push`.
        unsafe { self.push_by(|slot| slot.fill(from)) };
    }

    /// Adds the first `n` messages of `from`, and publishes them together. The caller has seen that the queue is open, and that so
    /// many places are free or its own. In a ring a message may be taken before the index shows it, as ever.
    pub(crate) fn push_many(&mut self, from: &mut VecDeque<T>, n: usize) {
        debug_assert!(!self.is_closed(), "pushed into a closed queue");
        let mut messages = from.drain(..n);
        let at = &mut self.end.at;
        match &self.queue.store {
            Store::Ring(ring) => {
                // SAFETY: the cursor of a ring.
                let kept = unsafe { &mut at.ring };
                let mut at = *kept;
                for message in messages {
                    let cell = ring.cell(&at);
                    // SAFETY: as in `push`, for each of so many places.
                    unsafe { cell.slot.put(message) };
                    cell.mark_full(&at);
                    ring.move_on(&mut at);
                }
                *kept = at;
            }
            Store::Blocks(blocks) => {
                while messages.len() > 0 {
                    // SAFETY: the cursor of blocks, and ours, for we hold the send role.
                    let slots = unsafe { blocks.run_to_write(&mut at.block, messages.len()) };
                    for (slot, message) in slots.iter().zip(&mut messages) {
                        // SAFETY: as in `push`, for each of so many places.
                        unsafe { slot.put(message) };
                    }
                }
            }
        }
        // Release: as in `push_by`.
        self.queue.tail().store(self.tail().wrapping_add(n.wrapping_mul(ONE)), Ordering::Release);
        answer::acted();
    }

    /// Closes: no message comes after this.
    pub(crate) fn close(&mut self) {
        // Release: pairs with the Acquire loads of the tail; all earlier messages are visible with the end.
        self.queue.tail().store(self.tail() | CLOSED, Ordering::Release);
        answer::acted();
    }
}
