//! A place for one message. Does not know whether it is full.
//!
//! Invariant (kept by the callers): a slot is written only while it is empty and read only while it is full, and the
//! two never at once.

use std::{mem::MaybeUninit, ptr};

use crate::sync::UnsafeCell;

/// A place for one message.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct Slot<T>(UnsafeCell<MaybeUninit<T>>);

impl<T> Slot<T> {
    #[inline(always)]
    pub(super) fn new() -> Slot<T> {
        Slot(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// Writes the message straight into the slot.
    ///
    /// # Safety
    /// The slot is empty, and nobody else uses it during the call.
    #[inline(always)]
    pub(super) unsafe fn put(&self, message: T) {
        // SAFETY: the caller has the slot alone, and it holds nothing that would have to be dropped.
        self.0.with_mut(|slot| unsafe { (*slot).as_mut_ptr().write(message) });
    }

    /// Fills the slot with the message in `from`, which is then empty. Copied once: a large message would otherwise pass
    /// through the stack of every function on the way.
    ///
    /// # Safety
    /// The slot is empty, and nobody else uses it during the call.
    #[inline(always)]
    pub(super) unsafe fn fill(&self, from: &mut Option<T>) {
        let message = from.as_mut().expect("a message to send");
        self.0.with_mut(|slot| {
            // SAFETY: the caller has the slot alone and it holds nothing that would have to be dropped; `message` is
            // valid and borrowed apart from it. It is owned by the slot from here on.
            unsafe { ptr::copy_nonoverlapping(ptr::from_mut(message), (*slot).as_mut_ptr(), 1) };
        });
        // SAFETY: overwritten without a drop, for what was inside has moved.
        unsafe { ptr::write(from, None) };
    }

    /// Takes the message straight out of the slot.
    ///
    /// # Safety
    /// The slot is full, its write happened before this call, and nobody else uses it during the call.
    #[inline(always)]
    pub(super) unsafe fn take(&self) -> T {
        // SAFETY: the caller has the slot alone and it is full; the message leaves it exactly once.
        self.0.with_mut(|slot| unsafe { (*slot).assume_init_read() })
    }

    /// Empties the slot into `into`, which is empty.
    ///
    /// # Safety
    /// The slot is full, its write happened before this call, and nobody else uses it during the call.
    #[inline(always)]
    pub(super) unsafe fn empty(&self, into: &mut Option<T>) {
        debug_assert!(into.is_none(), "a message would be dropped");
        // SAFETY: the caller's promise. What is overwritten is `None`, which needs no drop.
        unsafe { ptr::write(into, Some(self.take())) };
    }
}
