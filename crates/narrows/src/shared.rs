//! A value that handles share. As `Arc`, but it is made with two handles, in place, and has no weak ones: for a channel that
//! carries a single message this is a tenth of all its cost.
//!
//! Invariant: `handles` is the number of live handles; who takes the last one away frees the value.

use std::{marker::PhantomData, ops::Deref, ptr::NonNull};

use crate::sync::{AtomicUsize, MODELLED, Ordering, fence};

#[repr(C)] // the count apart from what the value begins with would cost memory
struct Inner<T> {
    handles: AtomicUsize,
    value: T,
}

/// A handle.
pub(crate) struct Shared<T> {
    inner: NonNull<Inner<T>>,
    owned: PhantomData<Inner<T>>,
}

// SAFETY: as for `Arc`: handles in several threads share the value, and any of them may drop it.
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// A value that `make` returns, with two handles.
    #[inline(always)]
    pub(crate) fn pair(make: impl FnOnce() -> T) -> (Shared<T>, Shared<T>) {
        let mut inner = Box::<Inner<T>>::new_uninit();
        let parts = inner.as_mut_ptr();
        // SAFETY: in bounds of the box. If `make` panics the box is freed, and nothing in it is dropped.
        unsafe {
            (&raw mut (*parts).value).write(make());
            (&raw mut (*parts).handles).write(AtomicUsize::new(2));
        }
        // SAFETY: all parts are written.
        let inner = NonNull::from(Box::leak(unsafe { inner.assume_init() }));
        (Shared { inner, owned: PhantomData }, Shared { inner, owned: PhantomData })
    }

    fn inner(&self) -> &Inner<T> {
        // SAFETY: live as long as there is a handle.
        unsafe { self.inner.as_ref() }
    }

    /// The only handle there is, and as nobody else can clone it, the last one.
    #[inline]
    pub(crate) fn is_last(&self) -> bool {
        // Left out under a model: one look more for each handle multiplies the executions.
        // Acquire: sees what was done by the others before they went.
        !MODELLED && self.inner().handles.load(Ordering::Acquire) == 1
    }

    pub(crate) fn is_same(&self, other: &Shared<T>) -> bool {
        self.inner == other.inner
    }
}

impl<T> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed: whoever clones a handle has the value already.
        let before = self.inner().handles.fetch_add(1, Ordering::Relaxed);
        if before > usize::MAX / 2 {
            // So many handles can only have been forgotten, and a wrapped count would free the value under the rest.
            std::process::abort();
        }
        Shared { inner: self.inner, owned: PhantomData }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.inner().value
    }
}

impl<T> Drop for Shared<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_last() {
            // Release: pairs with the Acquire of the last.
            if self.inner().handles.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            // Acquire: as in `is_last`.
            fence(Ordering::Acquire);
        }
        // SAFETY: from a box, and there is no other handle.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}
