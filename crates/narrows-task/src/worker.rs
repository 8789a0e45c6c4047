//! A worker: a queue of ready tasks, one more in front of it, and the word that says who drives it. No thread belongs to it:
//! one drives it (`thread.rs`) until a poll does not end, then another (`monitor.rs`).

use std::{
    ptr::{self, NonNull},
    thread::Thread,
};

use crate::{
    duty::{Duty, Poll},
    ring::Ring,
    sync::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Mutex, Ordering, model_fence},
};

/// So many tasks in a row may each wake the next and be followed by it at once. Then those in the queue have their turn, so
/// that two that feed each other starve nobody.
pub(crate) const STREAK: u32 = 3;

#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Worker {
    pub(crate) duty: Duty,
    /// The task woken last by the one that runs: it is next, while what they share is still at hand.
    slot: AtomicPtr<()>,
    pub(crate) ring: Ring,
    /// The thread that sleeps for it, if one does; who wakes the worker takes it from here, and then says so.
    pub(crate) sleeper: Mutex<Option<Thread>>,
    pub(crate) is_called: AtomicBool,
    /// For the monitor: the thread that drives it, and what it polls.
    pub(crate) thread_id: AtomicU32,
    /// Nanoseconds that thread had run before.
    pub(crate) ran_before: AtomicU64,
    pub(crate) task: AtomicUsize,
}

impl Worker {
    pub(crate) fn new() -> Worker {
        Worker {
            duty: Duty::new(),
            slot: AtomicPtr::new(ptr::null_mut()),
            ring: Ring::new(),
            sleeper: Mutex::new(None),
            is_called: AtomicBool::new(false),
            thread_id: AtomicU32::new(0),
            ran_before: AtomicU64::new(0),
            task: AtomicUsize::new(0),
        }
    }

    /// Puts a task in front, from the poll that woke it.
    #[inline]
    pub(crate) fn put_in_front(&self, item: NonNull<()>, poll: Poll) -> Front {
        // SeqCst: pairs with the look into the slot by whoever takes over (`take_front`); the word is read after it. AcqRel is in
        // it: with the address comes what its task did before.
        let before = NonNull::new(self.slot.swap(item.as_ptr(), Ordering::SeqCst));
        model_fence();
        if self.duty.is_open(poll) { Front::Ours(before) } else { Front::Lost(before, self.take_front()) }
    }

    /// Takes the task in front.
    #[inline]
    pub(crate) fn take_front(&self) -> Option<NonNull<()>> {
        // SeqCst: pairs with the swap in `put_in_front`.
        model_fence();
        if self.slot.load(Ordering::SeqCst).is_null() {
            return None;
        }
        NonNull::new(self.slot.swap(ptr::null_mut(), Ordering::SeqCst))
    }

    /// Whether a look at its queues finds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.slot.load(Ordering::SeqCst).is_null()
    }
}

/// What came of putting a task in front.
pub(crate) enum Front {
    /// It is next; the one that was in front is to be queued.
    Ours(Option<NonNull<()>>),
    /// The worker is another thread's by now: these are to be queued elsewhere.
    Lost(Option<NonNull<()>>, Option<NonNull<()>>),
}
