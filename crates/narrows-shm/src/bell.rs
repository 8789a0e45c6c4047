//! Sleeping on a word that processes share. Knows nothing of what is waited for.
//!
//! ```text
//!  31           1  0
//! |  rung so often | somebody may sleep |
//!
//! who waits                                 who brings something
//!   W1  sets the bit, fence                   B1  publishes it, fence (`Word::publish`)
//!   W2  looks; there is something? goes on    B2  the bit is set? counts up, wakes one
//!   W3  sleeps if the word is as in W1        B3  woke nobody? clears the bit and counts up, if the
//!                                                 word is as in B2; wakes all
//! ```
//! One of the fences comes first: W2 finds what was brought, or B2 finds the bit. Between W1 and W3 a ring changes the word, and
//! the sleep does not begin. The bit stays while anybody sleeps, so each who comes later is woken by his own ring; what is left
//! of those who died costs one ring. In B3 somebody may have fallen asleep by the bit that goes: he is woken, and looks again. And
//! who is still before W3 must not find the same word once more, when another has set the bit again: so B3 counts, too.
//!
//! Who is woken and finds more than he takes rings once more (`queue/wake.rs`), for one ring may have gone to somebody who was not
//! served yet.
//!
//! A wake-up may die with who got it. So whoever sleeps does so for a bounded time, and the death of a participant rings for all.

use std::time::Duration;

use crate::sync::{Ordering, Word32, fence};

const SLEEPERS: u32 = 1;
const ONE_RING: u32 = 2;
const ALL: u32 = 0xffff;

/// A word as a bell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bell<'a>(&'a Word32);

/// How a sleep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// It was rung, or had been before, or a signal came.
    Perhaps,
    TimeIsUp,
}

impl<'a> Bell<'a> {
    pub(crate) fn new(word: &'a Word32) -> Bell<'a> {
        Bell(word)
    }

    /// Says that somebody is about to sleep. What to sleep on, after one more look.
    pub(crate) fn prepare(self) -> u32 {
        let word = self.0.or(SLEEPERS) | SLEEPERS;
        // SeqCst: pairs with the fence in `Word::publish`.
        fence(Ordering::SeqCst);
        word
    }

    /// Sleeps for `time` at most, if nobody has rung since `prepared`.
    pub(crate) fn sleep(self, prepared: u32, time: Duration) -> Woken {
        system::sleep(self.0, prepared, time)
    }

    /// Whether anybody may sleep; after a fence.
    #[inline]
    pub(crate) fn has_sleepers(self) -> bool {
        // Relaxed: the fence was before, see the head.
        self.0.load(Ordering::Relaxed) & SLEEPERS != 0
    }

    /// Wakes one of those who sleep. After a fence.
    #[inline]
    pub(crate) fn ring(self) {
        if self.has_sleepers() {
            self.wake(1);
        }
    }

    /// Wakes all who sleep. After a fence.
    #[inline]
    pub(crate) fn ring_all(self) {
        if self.has_sleepers() {
            self.wake(ALL);
        }
    }

    #[cold]
    fn wake(self, at_most: u32) {
        let rung = self.0.add(ONE_RING).wrapping_add(ONE_RING);
        // It counts on, so that the word is never again what somebody prepared with before the bit was gone.
        let silent = rung.wrapping_add(ONE_RING) & !SLEEPERS;
        if system::wake(self.0, at_most) == 0 && self.0.change(rung, silent) {
            // Who prepares to sleep sees that the word has changed. But who fell asleep since we woke nobody relies on the bit.
            system::wake(self.0, ALL);
        }
    }
}

#[cfg(not(any(loom, narrows_check)))]
mod system {
    use super::{Duration, Woken, Word32};
    use rustix::{
        io::Errno,
        thread::futex::{self, Flags, Timespec},
    };

    pub(super) fn sleep(word: &Word32, expected: u32, time: Duration) -> Woken {
        let time = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        match futex::wait(word.as_atomic(), Flags::empty(), expected, Some(&time)) {
            Err(Errno::TIMEDOUT) => Woken::TimeIsUp,
            // Also where the page is missing (EFAULT): the next `prepare` puts one in its place and has the segment marked, and
            // then it is `Connection::check_segment` that ends the waiting.
            _ => Woken::Perhaps,
        }
    }

    /// How many were woken. The word lies in a segment or in our own memory; the system refuses only where neither is there any
    /// more, and then nobody sleeps.
    pub(super) fn wake(word: &Word32, at_most: u32) -> usize {
        futex::wake(word.as_atomic(), Flags::empty(), at_most).unwrap_or(0)
    }
}

/// Under a model there is no system to sleep in: `tests/model/futex.rs`.
#[cfg(any(loom, narrows_check))]
use crate::futex as system;
