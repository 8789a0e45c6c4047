//! What a thread shows to those who take a role from it: the one that it is inside by its bias. Knows nothing of what a
//! role guards.
//!
//! An `Owner` is never freed: when its thread ends, the next thread that needs one takes it over, with the roles that are
//! still biased to it. That is sound because it changes hands under a lock: all that the first thread did comes before all
//! that the second does, as if they were one. So there are as many as there were such threads at one time.

use crate::sync::AtomicUsize;

pub(crate) use self::thread::{me, name, take_on};

/// At any time one thread's, or nobody's.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Owner {
    /// The address of the role; 0 for none.
    pub(crate) inside: AtomicUsize,
}

impl Owner {
    fn new() -> &'static Owner {
        Box::leak(Box::new(Owner { inside: AtomicUsize::new(0) }))
    }
}

#[cfg(not(any(loom, narrows_check)))]
mod thread {
    use std::{cell::Cell, ptr};

    use super::Owner;
    use crate::sync::{Mutex, lock};

    /// Those whose threads have ended.
    static LEFT: Mutex<Vec<&'static Owner>> = Mutex::new(Vec::new());

    thread_local! {
        static ME: Cell<*const Owner> = const { Cell::new(ptr::null()) };
        static LEAVING: Leaving = const { Leaving };
    }

    struct Leaving;

    impl Drop for Leaving {
        fn drop(&mut self) {
            let me = ME.replace(ptr::null());
            // SAFETY: not null, it came from a reference to what is never freed.
            if let Some(me) = unsafe { me.as_ref() } {
                lock(&LEFT).push(me);
            }
        }
    }

    /// The calling thread's; null if it has none.
    #[inline]
    pub(crate) fn me() -> *const Owner {
        ME.get()
    }

    /// Tells threads that live at the same time apart.
    #[inline]
    pub(crate) fn name() -> usize {
        ME.with(|me| ptr::from_ref(me).addr())
    }

    /// The calling thread's, from now on if it had none. None for a thread that is ending.
    #[cold]
    pub(crate) fn take_on() -> Option<&'static Owner> {
        LEAVING.try_with(|_| {}).ok()?;
        if ME.get().is_null() {
            // The lock is given back before memory is asked for: an allocator may use channels, and come here.
            let left = lock(&LEFT).pop();
            let me = left.unwrap_or_else(Owner::new);
            if ME.get().is_null() {
                ME.set(me);
            } else {
                lock(&LEFT).push(me);
            }
        }
        // SAFETY: as in `drop`.
        unsafe { ME.get().as_ref() }
    }
}

/// A model has no threads that come and go; it leaks an owner a thread.
#[cfg(any(loom, narrows_check))]
mod thread {
    use std::{
        cell::Cell,
        ptr,
        sync::atomic::{AtomicUsize, Ordering},
    };

    #[cfg(loom)]
    use loom::thread_local;
    #[cfg(narrows_check)]
    use shuttle::thread_local;

    use super::Owner;

    /// Not the model's: counting takes no part in it.
    static NAMES: AtomicUsize = AtomicUsize::new(1);

    thread_local! {
        static ME: Cell<*const Owner> = Cell::new(ptr::null());
        static NAME: usize = NAMES.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn me() -> *const Owner {
        ME.try_with(Cell::get).unwrap_or(ptr::null())
    }

    pub(crate) fn name() -> usize {
        NAME.try_with(|name| *name).unwrap_or(0)
    }

    pub(crate) fn take_on() -> Option<&'static Owner> {
        let me = ME.try_with(|me| {
            if me.get().is_null() {
                me.set(Owner::new());
            }
            me.get()
        });
        // SAFETY: from a reference to what is never freed.
        unsafe { me.unwrap_or(ptr::null()).as_ref() }
    }
}
