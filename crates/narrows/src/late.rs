//! A value made when it is first needed, and kept. One word while it is not; `OnceLock` would be as large as the value.
//!
//! Invariant: once set, the pointer does not change until the whole is dropped.

use std::{fmt, marker::PhantomData, ptr};

use crate::sync::{Ordering, unmodelled::AtomicPtr};

/// A value that may be made later.
pub(crate) struct Late<T> {
    value: AtomicPtr<T>,
    owned: PhantomData<T>,
}

// SAFETY: it owns the value, and whoever shares it shares the value, or makes one for another thread to drop.
unsafe impl<T: Send + Sync> Sync for Late<T> {}

impl<T> Late<T> {
    #[inline(always)]
    pub(crate) fn new() -> Late<T> {
        Late { value: AtomicPtr::new(ptr::null_mut()), owned: PhantomData }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        // Acquire: pairs with the Release in `make`.
        // SAFETY: null, or from a box that is freed only when this is dropped.
        unsafe { self.value.load(Ordering::Acquire).as_ref() }
    }

    /// The value, from `new` if there was none. Of two that make one at once the first is kept.
    pub(crate) fn get_or_make(&self, new: impl FnOnce() -> T) -> &T {
        self.get().unwrap_or_else(|| self.make(new()))
    }

    #[cold]
    fn make(&self, value: T) -> &T {
        let made = Box::into_raw(Box::new(value));
        // AcqRel: Release for those who get it; Acquire pairs with that of whoever was faster.
        let kept = match self.value.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => made,
            Err(first) => {
                // SAFETY: from the box above, and shown to nobody.
                drop(unsafe { Box::from_raw(made) });
                first
            }
        };
        // SAFETY: as in `get`.
        unsafe { &*kept }
    }
}

impl<T> Drop for Late<T> {
    #[inline(always)]
    fn drop(&mut self) {
        /// # Safety
        /// From the box in `make`, and nobody has a reference any more.
        #[cold]
        unsafe fn free<T>(value: *mut T) {
            // SAFETY: the caller's promise.
            drop(unsafe { Box::from_raw(value) });
        }
        // Relaxed: dropped by one thread, which has seen all that others did.
        let value = self.value.load(Ordering::Relaxed);
        if !value.is_null() {
            // SAFETY: it is being dropped.
            unsafe { free(value) };
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Late<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
