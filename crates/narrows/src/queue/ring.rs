//! Storage for a small bound: a fixed ring. Does not know what is full, empty or closed.
//!
//! Invariant: position `i` of the stream lives in slot `i % len`; the queue above hands out a position for writing only
//! after the message `len` positions before it was taken out.

use super::slots::Slots;

/// A ring of slots.
#[derive(Debug)]
pub(super) struct Ring<T> {
    slots: Slots<T>,
}

/// Where an end stands in the ring; always a valid slot number.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct RingCursor(usize);

impl<T> Ring<T> {
    pub(super) fn new(capacity: usize) -> Ring<T> {
        Ring { slots: Slots::new(capacity) }
    }

    fn advance(&self, at: &mut RingCursor) -> usize {
        let slot = at.0;
        at.0 = if slot + 1 == self.slots.len() { 0 } else { slot + 1 };
        slot
    }

    /// Writes the next message of the stream, out of `from`.
    ///
    /// # Safety
    /// `at` is the writing cursor of this ring, used by one thread at a time, and the slot it stands on is empty.
    pub(super) unsafe fn write(&self, at: &mut RingCursor, from: &mut Option<T>) {
        // SAFETY: the caller's promise is the slot's.
        unsafe { self.slots.fill(self.advance(at), from) }
    }

    /// Takes the next message of the stream into `into`, which is empty.
    ///
    /// # Safety
    /// `at` is the reading cursor of this ring, used by one thread at a time, and the write of the message it stands on
    /// happened before.
    pub(super) unsafe fn read(&self, at: &mut RingCursor, into: &mut Option<T>) {
        // SAFETY: the caller's promise is the slot's.
        unsafe { self.slots.empty(self.advance(at), into) }
    }
}
