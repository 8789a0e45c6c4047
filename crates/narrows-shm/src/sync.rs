//! The only door to atomics: words that lie in shared memory, std's, loom's or shuttle's. Every access is one *step*, at which a test may
//! kill the process (`--cfg narrows_crash`, see `crash.rs`).

#[cfg(loom)]
use loom::sync::atomic;
#[cfg(narrows_check)]
use shuttle::sync::atomic;
#[cfg(not(any(loom, narrows_check)))]
use std::sync::atomic;

use self::atomic::{AtomicU32, AtomicU64};
pub(crate) use self::atomic::{Ordering, fence};

#[cfg(narrows_crash)]
pub(crate) use crate::crash::{look, step};

#[cfg(not(narrows_crash))]
#[inline(always)]
pub(crate) fn step() {}

#[cfg(not(narrows_crash))]
#[inline(always)]
fn look() {}

/// A word of 64 bits that processes share.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct Word(AtomicU64);

impl Word {
    #[inline]
    #[cfg_attr(narrows_crash, track_caller)]
    pub(crate) fn load(&self, ordering: Ordering) -> u64 {
        look();
        self.0.load(ordering)
    }

    #[inline]
    #[cfg_attr(narrows_crash, track_caller)]
    pub(crate) fn store(&self, value: u64, ordering: Ordering) {
        step();
        self.0.store(value, ordering);
    }

    /// Adds to a count that others only look at; no step.
    #[inline]
    pub(crate) fn count(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    #[inline]
    #[cfg_attr(narrows_crash, track_caller)]
    pub(crate) fn add(&self, value: u64, ordering: Ordering) -> u64 {
        step();
        self.0.fetch_add(value, ordering)
    }

    /// What stood there, if it was not `from`.
    #[inline]
    #[cfg_attr(narrows_crash, track_caller)]
    pub(crate) fn change(&self, from: u64, to: u64) -> Result<(), u64> {
        step();
        // AcqRel: every word that is changed so is a right that goes from one to another, with what it protects.
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    /// Stores, and is a fence between what was done before and the look at a bell that follows. What stood there.
    #[inline]
    #[cfg_attr(narrows_crash, track_caller)]
    pub(crate) fn publish(&self, value: u64) -> u64 {
        step();
        // SeqCst: pairs with the fence in `Bell::prepare`; either the sleeper sees this value or we see the sleeper.
        let before = self.0.swap(value, Ordering::SeqCst);
        // To loom a SeqCst access is none; on processors without total store order it does not fence later loads either.
        #[cfg(any(loom, not(target_arch = "x86_64")))]
        fence(Ordering::SeqCst);
        before
    }
}

/// A word of 32 bits, on which processes sleep.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct Word32(AtomicU32);

impl Word32 {
    #[inline]
    #[cfg_attr(narrows_crash, track_caller)]
    pub(crate) fn load(&self, ordering: Ordering) -> u32 {
        look();
        self.0.load(ordering)
    }

    #[cfg_attr(narrows_crash, track_caller)]
    pub(crate) fn change(&self, from: u32, to: u32) -> bool {
        step();
        // AcqRel: as `Word::change`.
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    #[cfg_attr(narrows_crash, track_caller)]
    pub(crate) fn add(&self, value: u32) -> u32 {
        step();
        // AcqRel: who prepares to sleep after this sees what was published before it.
        self.0.fetch_add(value, Ordering::AcqRel)
    }

    #[cfg_attr(narrows_crash, track_caller)]
    pub(crate) fn or(&self, bits: u32) -> u32 {
        step();
        // SeqCst: stands before the fence in `Bell::prepare`.
        self.0.fetch_or(bits, Ordering::SeqCst)
    }

    /// For the system call that sleeps on it.
    #[cfg(not(any(loom, narrows_check)))]
    pub(crate) fn as_atomic(&self) -> &AtomicU32 {
        &self.0
    }
}
