//! Whose turn it is to drive a worker: one word, which says how many polls there were and whether one is under way.
//!
//! The thread that drives it opens a poll (the word becomes odd) and closes it (even). Anybody may instead take the worker
//! away from a poll that does not end: the word becomes even by a step that the thread does not expect, so it learns when it
//! closes that it drives nothing any more. A word never comes back to a value it had.

use crate::sync::{AtomicU64, Ordering};

/// A poll under way: the word while it is open. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Poll(u64);

#[derive(Debug)]
pub(crate) struct Duty(AtomicU64);

impl Duty {
    pub(crate) fn new() -> Duty {
        Duty(AtomicU64::new(0))
    }

    /// Opens a poll. Only by the thread that drives the worker.
    #[inline]
    pub(crate) fn open(&self) -> Poll {
        // Relaxed: between two polls nobody else writes, and what comes with a poll comes through the queues.
        let open = self.0.load(Ordering::Relaxed) | 1;
        self.0.store(open, Ordering::Relaxed);
        Poll(open)
    }

    /// Closes it: whether the worker is still ours.
    #[inline]
    pub(crate) fn close(&self, poll: Poll) -> bool {
        // Release: pairs with the Acquire in `take`, for whoever drives next. Relaxed on failure: we leave it.
        self.0.compare_exchange(poll.0, poll.0 + 1, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Takes the worker away from this poll: whether that was in time. If so, the caller says who drives it next.
    pub(crate) fn take(&self, poll: Poll) -> bool {
        // SeqCst: pairs with the look in `is_open`, between a task put into the worker's slot and the look into that slot by
        // whoever takes over: one of the two sees the other (`worker.rs`). Acquire is in it: pairs with the Release in `close`.
        self.0.compare_exchange(poll.0, poll.0 + 3, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// Whether this poll is still under way and has its worker.
    #[inline]
    pub(crate) fn is_open(&self, poll: Poll) -> bool {
        // SeqCst: pairs with `take`.
        self.0.load(Ordering::SeqCst) == poll.0
    }

    /// The poll that is under way, if one is.
    pub(crate) fn under_way(&self) -> Option<Poll> {
        let word = self.0.load(Ordering::Relaxed);
        (word & 1 != 0).then_some(Poll(word))
    }

    /// How many polls there were, about: one taken away counts twice.
    pub(crate) fn polls(&self) -> u64 {
        self.0.load(Ordering::Relaxed) / 2
    }
}
