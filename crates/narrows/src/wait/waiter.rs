//! A waiter: one atomic word and whom to wake. Knows nothing about lists, messages or queues.
//!
//! ```text
//!            open                claim(arm)
//!   AWAKE ----------->  OPEN  ----------------> CLAIMED(arm)
//!     ^                   |                          |
//!     +------ close ------+---------- close ---------+
//!                                             any --end--> ENDED (a selector that is gone)
//! ```
//! Invariant: between two `open`s a waiter is claimed at most once, and only its owner opens and closes it.

use std::task::Waker;

use super::party;
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, Thread, current, lock};

const AWAKE: usize = 0;
const OPEN: usize = 1;
const ENDED: usize = 2;
const CLAIMED: usize = 3; // CLAIMED + arm

/// The arm by which a single operation is claimed that its peer has finished: its ticket is gone, it has nothing left to do.
pub(crate) const FINISHED: usize = 1;

/// Whom a claim wakes.
#[derive(Debug)]
enum Wake {
    Nobody,
    Thread(Thread),
    Task(Waker),
}

/// One thread or task that waits for one operation, or for the first of several (its arms).
#[derive(Debug)]
pub(crate) struct Waiter {
    word: AtomicUsize,
    /// A task may stop polling for ever; a thread that waits comes back. Fixed for the life of the waiter.
    is_task: bool,
    wake: Mutex<Wake>,
    /// Arms that became ready while their selector was awake.
    marks: Mutex<Vec<usize>>,
    /// 1 if there are marks; written under their lock.
    has_marks: AtomicUsize,
}

/// What became of an offer to a selector.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Offer {
    /// It slept, is claimed, and must be woken.
    Claimed,
    /// It is awake and will look at that arm before it sleeps.
    Marked,
}

impl Waiter {
    fn new(is_task: bool, word: usize, wake: Wake) -> Waiter {
        Waiter {
            word: AtomicUsize::new(word),
            is_task,
            wake: Mutex::new(wake),
            marks: Mutex::new(Vec::new()),
            has_marks: AtomicUsize::new(0),
        }
    }

    /// A waiter for the calling thread.
    pub(crate) fn for_thread() -> Arc<Waiter> {
        let cached = cache::take(false, AWAKE, &mut None);
        cached.unwrap_or_else(|| Arc::new(Waiter::new(false, AWAKE, Wake::Thread(current()))))
    }

    /// A waiter for a task; [`Waiter::set_waker`] says which.
    pub(crate) fn for_task() -> Arc<Waiter> {
        let cached = cache::take(true, AWAKE, &mut None);
        cached.unwrap_or_else(|| Arc::new(Waiter::new(true, AWAKE, Wake::Nobody)))
    }

    /// Makes a used waiter fit for another wait. Nobody else refers to it.
    #[cfg(not(any(loom, narrows_check)))]
    fn prepare(&mut self, word: usize, wake: &mut Option<Wake>) {
        use std::sync::PoisonError;
        *self.word.get_mut() = word;
        self.marks.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        *self.has_marks.get_mut() = 0;
        if let Some(wake) = wake {
            std::mem::swap(self.wake.get_mut().unwrap_or_else(PoisonError::into_inner), wake);
        }
    }

    /// Hands in a waiter whose wait is over, so that a later one on this thread costs no allocation.
    pub(crate) fn recycle(waiter: Arc<Waiter>) {
        cache::put(waiter);
    }

    pub(crate) fn is_task(&self) -> bool {
        self.is_task
    }

    /// From now on this waiter may be claimed.
    pub(crate) fn open(&self) {
        // SeqCst: pairs with the fence of whoever publishes and then looks for waiters (wait/README.md, "Dekker").
        self.word.store(OPEN, Ordering::SeqCst);
    }

    /// Ends the claimable time; the arm by which it was claimed, if it was.
    pub(crate) fn close(&self) -> Option<usize> {
        // AcqRel: pairs with the claim; what the claimer did before is visible.
        self.word.swap(AWAKE, Ordering::AcqRel).checked_sub(CLAIMED)
    }

    pub(crate) fn is_claimed(&self) -> bool {
        // Acquire: pairs with the claim.
        self.word.load(Ordering::Acquire) >= CLAIMED
    }

    pub(crate) fn is_open(&self) -> bool {
        // SeqCst: a look by someone who has just published something (wait/README.md, "Dekker").
        self.word.load(Ordering::SeqCst) == OPEN
    }

    /// Claims the waiter for one of its arms. The claimer wakes it once it holds no lock.
    pub(crate) fn claim(&self, arm: usize) -> bool {
        // SeqCst: a failure means "awake", and stands on the order between `open` and the publisher's fence.
        self.word.compare_exchange(OPEN, CLAIMED + arm, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Tells a selector that one of its arms may be ready.
    pub(crate) fn offer(&self, arm: usize) -> Offer {
        let mut marks = lock(&self.marks);
        if self.claim(arm) {
            return Offer::Claimed;
        }
        // The selector opens before it takes this lock to look for marks, so it sees this one or we saw it open.
        marks.push(arm);
        // Relaxed: a hint for who is awake; the lock decides.
        self.has_marks.store(1, Ordering::Relaxed);
        Offer::Marked
    }

    /// Moves the marks into `into`. Called open, before sleeping, or awake.
    pub(crate) fn take_marks(&self, into: &mut Vec<usize>) {
        let mut marks = lock(&self.marks);
        into.append(&mut marks);
        // Relaxed: as in `offer`.
        self.has_marks.store(0, Ordering::Relaxed);
    }

    /// Whether there are marks, as far as can be seen without the lock. A no is for who looks again before it sleeps.
    pub(crate) fn may_have_marks(&self) -> bool {
        // Relaxed: as in `offer`.
        self.has_marks.load(Ordering::Relaxed) != 0
    }

    /// The selector is gone: nobody can claim it, and lists may forget its tickets.
    pub(crate) fn end(&self) {
        // Release: pairs with the Acquire in `is_ended`.
        self.word.store(ENDED, Ordering::Release);
    }

    pub(crate) fn is_ended(&self) -> bool {
        // Acquire: pairs with the Release in `end`.
        self.word.load(Ordering::Acquire) == ENDED
    }

    /// Makes the calling thread the one to wake.
    pub(crate) fn set_thread(&self) {
        *lock(&self.wake) = Wake::Thread(current());
    }

    /// Makes `waker` the one to wake, in place of any earlier one.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        if let Wake::Task(old) = &*lock(&self.wake)
            && old.will_wake(waker)
        {
            return;
        }
        // The caller's waker is cloned, and the old one dropped, outside the lock: both may run code of the executor.
        let new = Wake::Task(waker.clone());
        let old = std::mem::replace(&mut *lock(&self.wake), new);
        drop(old);
    }

    /// Wakes nobody any more, until it is told whom again.
    pub(crate) fn forget_waker(&self) {
        let old = std::mem::replace(&mut *lock(&self.wake), Wake::Nobody);
        drop(old);
    }

    /// Wakes the thread, or the task through its latest waker. Never called under a lock. A waker that panics has had its
    /// panic reported; it must not keep the operation that woke it, or others, from going on.
    pub(crate) fn wake(&self) {
        let mut wake = lock(&self.wake);
        match &*wake {
            Wake::Nobody => {}
            Wake::Thread(thread) => thread.unpark(),
            Wake::Task(_) => {
                // Taken out first: waking may poll the task on the spot, which sets its next waker.
                let task = std::mem::replace(&mut *wake, Wake::Nobody);
                drop(wake);
                if let Wake::Task(waker) = task {
                    party::wake(waker);
                }
            }
        }
    }
}

/// A few waiters kept per thread, so that waiting does not allocate. Kept apart for threads and tasks: a thread's
/// waiter carries the thread's handle.
#[cfg(not(any(loom, narrows_check)))]
mod cache {
    use std::cell::RefCell;

    use super::{Waiter, Wake};
    use crate::sync::Arc;

    const KEPT: usize = 8;

    thread_local! {
        static WAITERS: RefCell<[Vec<Arc<Waiter>>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
    }

    /// A waiter that nobody else refers to any more: a late wake-up must not reach a later wait. It gets that word, and
    /// whom to wake if that is given; what it had before is then in `wake`.
    pub(super) fn take(is_task: bool, word: usize, wake: &mut Option<Wake>) -> Option<Arc<Waiter>> {
        let unused = |kept: &RefCell<[Vec<Arc<Waiter>>; 2]>| {
            let kept = &mut kept.borrow_mut()[usize::from(is_task)];
            for at in (0..kept.len()).rev() {
                if let Some(waiter) = Arc::get_mut(&mut kept[at]) {
                    waiter.prepare(word, wake);
                    return Some(kept.swap_remove(at));
                }
            }
            None
        };
        WAITERS.try_with(unused).ok().flatten()
    }

    /// Keeps a waiter, though its last claimer may still be about to wake it. Nothing but a thread's own handle is in it.
    pub(super) fn put(waiter: Arc<Waiter>) {
        // Fails only while the thread is ending; the waiter is then simply freed.
        let _ = WAITERS.try_with(|kept| {
            let kept = &mut kept.borrow_mut()[usize::from(waiter.is_task)];
            if kept.len() < KEPT {
                kept.push(waiter);
            }
        });
    }
}

#[cfg(any(loom, narrows_check))]
mod cache {
    use super::{Waiter, Wake};
    use crate::sync::Arc;

    pub(super) fn take(_is_task: bool, _word: usize, _wake: &mut Option<Wake>) -> Option<Arc<Waiter>> {
        None
    }

    pub(super) fn put(_waiter: Arc<Waiter>) {}
}
