//! The only door to std, loom or shuttle: every other file takes its atomics, locks, threads and cells from here.
//!
//! Invariant: which checker is behind the door is chosen by `--cfg loom` or `--cfg narrows_check` (shuttle), never by a
//! feature, and nothing outside this file, `time.rs` and `check` (the same door for users) asks which one it is.

#[cfg(loom)]
pub(crate) use loom::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering, fence},
    },
    thread::yield_now,
};
#[cfg(narrows_check)]
pub(crate) use shuttle::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering, fence},
    },
    thread::{Thread, current, park, yield_now},
};
#[cfg(not(any(loom, narrows_check)))]
pub(crate) use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering, fence},
    },
    thread::{Thread, current, park, yield_now},
};

#[cfg(loom)]
pub(crate) use self::parking::{Thread, current, park};

/// loom 0.7 takes an unpark for the end of whatever its thread waits for, be it a lock, and then fails on its own assertion.
/// Here an unpark reaches loom only if the thread is parked; else it is remembered.
#[cfg(loom)]
mod parking {
    use std::sync::Arc;

    use loom::sync::atomic::{AtomicUsize, Ordering::AcqRel};

    const AWAKE: usize = 0;
    const PARKED: usize = 1;
    const UNPARKED: usize = 2;

    loom::thread_local! {
        static STATE: Arc<AtomicUsize> = Arc::new(AtomicUsize::new(AWAKE));
    }

    #[derive(Debug, Clone)]
    pub(crate) struct Thread {
        thread: loom::thread::Thread,
        state: Arc<AtomicUsize>,
    }

    impl Thread {
        pub(crate) fn unpark(&self) {
            // AcqRel: pairs with the swaps in `park`, as std promises of the two.
            let before = self.state.swap(UNPARKED, AcqRel);
            if before == PARKED {
                self.thread.unpark();
            }
        }
    }

    pub(crate) fn current() -> Thread {
        Thread { thread: loom::thread::current(), state: STATE.with(Arc::clone) }
    }

    pub(crate) fn park() {
        let state = STATE.with(Arc::clone);
        // AcqRel: pairs with the swap in `unpark`.
        let before = state.swap(PARKED, AcqRel);
        if before != UNPARKED {
            loom::thread::park();
        }
        // AcqRel: the same once more, for whoever unparked us.
        state.swap(AWAKE, AcqRel);
    }
}

/// For what is no step of a protocol, and would only multiply a checker's executions.
pub(crate) mod unmodelled {
    pub(crate) use std::sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize},
    };
}

/// True where a checker decides the schedule: spinning and caches would only multiply its executions.
pub(crate) const MODELLED: bool = cfg!(any(loom, narrows_check));

/// A channel is made: under the checker only inside a checked run, or its first step would fail without saying why.
#[cfg(narrows_check)]
#[track_caller]
#[inline]
pub(crate) fn made() {
    crate::check::must_be_in_a_run();
}

#[cfg(not(narrows_check))]
#[inline(always)]
pub(crate) fn made() {}

/// Takes a lock. No user code runs under any lock of this crate, so a poisoned one is still consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// `UnsafeCell` with loom's interface, so that loom sees every access.
#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;

#[cfg(not(loom))]
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}
