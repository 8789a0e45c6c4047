//! Storage for a small bound: a fixed ring. Does not know what is full, empty or closed.
//!
//! Invariant: position `i` of the stream lives in slot `i % len`; the queue above hands out a position for writing only
//! after the message `len` positions before it was taken out.

use super::slots::{Slot, Slots};

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

    /// The slot of the next message of the stream, to be written or read; the cursor is moved on.
    #[inline]
    pub(super) fn next(&self, at: &mut RingCursor) -> &Slot<T> {
        let slot = at.0;
        at.0 = if slot + 1 == self.slots.len() { 0 } else { slot + 1 };
        self.slots.slot(slot)
    }
}
