//! Something that happens once: a word, and a bell for those who wait. Knows nothing of what that is.
//!
//! ```text
//! word  HAPPENED    it has            } set, never cleared: a bell rung for nobody does no harm
//!       WAITED_FOR  somebody waits    }
//!       CLOCKED     from the start or never: its owner knows a moment at which it happens by itself
//! ```

use crate::{
    answer,
    sync::{AtomicU8, Ordering},
    wait::bell::Bell,
};

const HAPPENED: u8 = 1;
const WAITED_FOR: u8 = 2;
const CLOCKED: u8 = 4;

/// How it was when it was made to happen.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Marked {
    Again,
    ForNobody,
    ForWaiters,
}

#[derive(Debug)]
pub(super) struct Flag {
    word: AtomicU8,
    bell: Bell,
}

impl Flag {
    pub(super) fn new() -> Flag {
        Flag { word: AtomicU8::new(0), bell: Bell::new() }
    }

    pub(super) fn clocked() -> Flag {
        Flag { word: AtomicU8::new(CLOCKED), bell: Bell::new() }
    }

    pub(super) fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Whether it has happened, as far as one load tells.
    #[inline]
    pub(super) fn has_happened(&self) -> bool {
        // Acquire: pairs with the Release in `set`; what was done before is visible.
        self.word.load(Ordering::Acquire) & HAPPENED != 0
    }

    /// Whether it has happened, or does by the clock, which is asked only if there is one: else this is one load.
    #[inline]
    pub(super) fn has_happened_or(&self, by_clock: impl FnOnce() -> bool) -> bool {
        // Acquire: as in `has_happened`.
        let word = self.word.load(Ordering::Acquire);
        word & HAPPENED != 0 || (word & CLOCKED != 0 && by_clock())
    }

    /// The same as `has_happened`. A no is true at one moment within the call, in an order common to all channels.
    pub(super) fn has_truly_happened(&self) -> bool {
        self.has_happened() || {
            answer::before_no();
            self.has_happened()
        }
    }

    /// It happens; who waits is still to be woken.
    pub(super) fn mark(&self) -> Marked {
        // AcqRel: Release for who sees it; Acquire pairs with `announce`, whose ticket is then seen.
        let before = self.word.fetch_or(HAPPENED, Ordering::AcqRel);
        answer::acted();
        match before & (HAPPENED | WAITED_FOR) {
            0 => Marked::ForNobody,
            WAITED_FOR => Marked::ForWaiters,
            _ => Marked::Again,
        }
    }

    /// It happens, and who waits is woken. False if it has happened before.
    pub(super) fn set(&self) -> bool {
        let marked = self.mark();
        if marked == Marked::ForWaiters {
            self.bell.ring();
        }
        marked != Marked::Again
    }

    /// Notes that somebody waits. Whether it has happened.
    pub(super) fn announce(&self) -> bool {
        // AcqRel: Release shows `set` the ticket; Acquire as in `has_happened`.
        self.word.fetch_or(WAITED_FOR, Ordering::AcqRel) & HAPPENED != 0
    }
}
