//! Sleeping on a word that processes share. Knows nothing of what is waited for.
//!
//! ```text
//!  31           1  0
//! |  rung so often | somebody may sleep |
//!
//! who waits                                 who brings something
//!   W1  sets the bit, fence                   B1  publishes it, fence (`Word::publish`)
//!   W2  looks; there is something? goes on    B2  the bit is set? counts up, wakes one
//!   W3  sleeps if the word is as in W1        B3  woke nobody? clears the bit, if the word is as in B2
//! ```
//! One of the fences comes first: W2 finds what was brought, or B2 finds the bit. Between W1 and W3 a ring changes the word, and
//! the sleep does not begin. The bit stays while anybody sleeps, so each who comes later is woken by his own ring; what is left
//! of those who died costs one ring. Who is woken and finds more than he takes rings once more (`channel`), for one ring may
//! have gone to somebody who was not served yet.
//!
//! A wake-up may die with who got it. So whoever sleeps does so for a bounded time, and the death of a participant rings for all.

use std::time::Duration;

use crate::sync::{Ordering, Word32, fence};

const SLEEPERS: u32 = 1;
const ONE_RING: u32 = 2;

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
            self.wake(u32::from(u16::MAX));
        }
    }

    #[cold]
    fn wake(self, at_most: u32) {
        let rung = self.0.add(ONE_RING).wrapping_add(ONE_RING);
        if system::wake(self.0, at_most) == 0 {
            // Somebody prepares to sleep right now? Then he sees that the word has changed.
            self.0.change(rung, rung & !SLEEPERS);
        }
    }
}

#[cfg(not(loom))]
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

/// Under a model a sleep is a turn for the others, and the look after it decides.
#[cfg(loom)]
mod system {
    use super::{Duration, Woken, Word32};

    pub(super) fn sleep(word: &Word32, expected: u32, _: Duration) -> Woken {
        while word.load(super::Ordering::Relaxed) == expected {
            loom::thread::yield_now();
        }
        Woken::Perhaps
    }

    pub(super) fn wake(_: &Word32, _: u32) -> usize {
        1
    }
}
