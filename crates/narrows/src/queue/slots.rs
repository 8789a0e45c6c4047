//! A fixed array of message slots on the heap. Does not know which of them are full.
//!
//! Invariant (kept by the callers): a slot is written only while it is empty and read only while it is full, and the
//! two never at once.

use std::mem::MaybeUninit;

use crate::sync::UnsafeCell;

/// `n` slots, each empty or holding one message.
#[derive(Debug)]
pub(crate) struct Slots<T>(Box<[UnsafeCell<MaybeUninit<T>>]>);

impl<T> Slots<T> {
    /// Takes the memory from the heap without building any of it on the stack, whatever the size of a message.
    #[cfg(not(loom))]
    pub(crate) fn new(n: usize) -> Slots<T> {
        let slots = Box::<[UnsafeCell<MaybeUninit<T>>]>::new_uninit_slice(n);
        // SAFETY: `UnsafeCell<MaybeUninit<T>>` is transparent over `MaybeUninit<T>`, which any bytes make valid.
        Slots(unsafe { slots.assume_init() })
    }

    #[cfg(loom)]
    pub(crate) fn new(n: usize) -> Slots<T> {
        Slots((0..n).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Fills slot `i`.
    ///
    /// # Safety
    /// The slot is empty, and nobody else uses it during the call.
    pub(crate) unsafe fn write(&self, i: usize, message: T) {
        self.0[i].with_mut(|slot| {
            // SAFETY: the caller has the slot alone, and it holds nothing that would have to be dropped.
            unsafe { (*slot).write(message) };
        });
    }

    /// Empties slot `i`.
    ///
    /// # Safety
    /// The slot is full, its write happened before this call, and nobody else uses it during the call.
    pub(crate) unsafe fn read(&self, i: usize) -> T {
        // SAFETY: the caller has the slot alone and it is full; the message leaves it exactly once.
        self.0[i].with_mut(|slot| unsafe { (*slot).assume_init_read() })
    }
}
