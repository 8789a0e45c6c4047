//! Storage for a small bound: a fixed ring whose slots say themselves whether they are full, so that a message and the news
//! of it cross from core to core in one cache line.
//!
//! ```text
//! stamp   2 x lap        empty, for the message of this lap      written by the consumer
//!         2 x lap + 1    full                                    written by the producer
//! ```
//! Invariant: position `i` of the stream lives in slot `i % len`, in lap `i / len`. A slot is written only when its stamp
//! says empty for that lap, and read only when it says full. A stamp is at most one step away from what either end expects,
//! so that it may wrap.

use super::slot::Slot;
use crate::sync::{AtomicUsize, Ordering};

/// A slot with its stamp.
#[derive(Debug)]
pub(super) struct Cell<T> {
    stamp: AtomicUsize,
    pub(super) slot: Slot<T>,
}

impl<T> Cell<T> {
    /// Is it empty, for the producer that stands on it?
    #[inline(always)]
    pub(super) fn is_empty(&self, at: &RingCursor) -> bool {
        // Acquire: pairs with the Release in `mark_empty`; the message before is out.
        self.stamp.load(Ordering::Acquire) == at.stamp
    }

    /// Is it full, for the consumer that stands on it?
    #[inline(always)]
    pub(super) fn is_full(&self, at: &RingCursor) -> bool {
        // Acquire: pairs with the Release in `mark_full`; the message is in.
        self.stamp.load(Ordering::Acquire) == at.stamp.wrapping_add(1)
    }

    /// Shows the message to the consumer.
    #[inline(always)]
    pub(super) fn mark_full(&self, at: &RingCursor) {
        // Release: pairs with the Acquire in `is_full`.
        self.stamp.store(at.stamp.wrapping_add(1), Ordering::Release);
    }

    /// Gives the place to the producer, for the next lap.
    #[inline(always)]
    pub(super) fn mark_empty(&self, at: &RingCursor) {
        // Release: pairs with the Acquire in `is_empty`.
        self.stamp.store(at.stamp.wrapping_add(2), Ordering::Release);
    }
}

/// A ring of slots.
#[derive(Debug)]
pub(super) struct Ring<T>(Box<[Cell<T>]>);

/// Where an end stands in the ring: always a valid slot number, and the stamp of a slot that is empty for this lap.
#[derive(Debug, Clone, Copy)]
pub(super) struct RingCursor {
    slot: usize,
    stamp: usize,
}

impl RingCursor {
    pub(super) const START: RingCursor = RingCursor { slot: 0, stamp: 0 };
}

impl<T> Ring<T> {
    #[inline(always)]
    pub(super) fn cell(&self, at: &RingCursor) -> &Cell<T> {
        debug_assert!(at.slot < self.0.len());
        // SAFETY: a cursor begins with 0, of a ring that has a slot, and `move_on` keeps it below the length.
        unsafe { self.0.get_unchecked(at.slot) }
    }

    pub(super) const fn bytes(capacity: usize) -> Option<usize> {
        capacity.checked_mul(size_of::<Cell<T>>())
    }

    /// All at once: one by one costs more than all else in making a channel.
    #[cfg(not(any(loom, narrows_check)))]
    #[inline(always)]
    pub(super) fn new(capacity: usize) -> Ring<T> {
        let mut cells = Box::<[Cell<T>]>::new_uninit_slice(capacity);
        // SAFETY: so many cells are in the box. Zeros are the first stamp, and any bytes make a slot.
        let cells = unsafe {
            std::ptr::write_bytes(cells.as_mut_ptr(), 0, capacity);
            cells.assume_init()
        };
        Ring(cells)
    }

    #[cfg(any(loom, narrows_check))]
    pub(super) fn new(capacity: usize) -> Ring<T> {
        Ring((0..capacity).map(|_| Cell { stamp: AtomicUsize::new(0), slot: Slot::new() }).collect())
    }

    /// Is there a place for message `number` of the stream? Without its end: a guess, for it may be elsewhere by now.
    pub(super) fn looks_empty(&self, number: usize) -> bool {
        let at = self.cursor(number);
        self.cell(&at).is_empty(&at)
    }

    /// The same whether that message is there.
    pub(super) fn looks_full(&self, number: usize) -> bool {
        let at = self.cursor(number);
        self.cell(&at).is_full(&at)
    }

    /// The slot so many behind that of `at`, fewer than there are.
    pub(super) fn slot_ahead(&self, at: &RingCursor, ahead: usize) -> &Slot<T> {
        &self.0[(at.slot + ahead) % self.0.len()].slot
    }

    fn cursor(&self, number: usize) -> RingCursor {
        let lap = number / self.0.len();
        RingCursor { slot: number % self.0.len(), stamp: lap.wrapping_mul(2) }
    }

    #[inline(always)]
    pub(super) fn move_on(&self, at: &mut RingCursor) {
        self.move_on_from(*at, at);
    }

    /// The same for who has read `at` before, which the compiler cannot know to be unchanged.
    #[inline(always)]
    pub(super) fn move_on_from(&self, was: RingCursor, at: &mut RingCursor) {
        at.slot = was.slot + 1;
        if was.slot + 1 == self.0.len() {
            *at = RingCursor { slot: 0, stamp: was.stamp.wrapping_add(2) };
        }
    }
}
