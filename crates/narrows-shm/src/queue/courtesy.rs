//! Asking the others to leave blocks to us: who needs many in a row waits for room that they take bit by bit.
//!
//! A courtesy, and no right: it ends by itself, for who has asked may have been stopped.
//!
//! ```text
//!  63                        32 31      0
//! | when, in seconds, wrapping | by whom |   or 0
//! ```

use crate::{
    members::{boot_nanos, wanted_by},
    queue::word::Owner,
    sync::{Ordering, Word},
};

/// Who still waits has asked anew by then: he looks at least twice a second.
const LASTS_SECONDS: u32 = 2;

/// Seconds since the machine was started; they wrap.
#[allow(clippy::cast_possible_truncation)] // the lower half is meant
pub(super) fn now() -> u32 {
    (boot_nanos() / 1_000_000_000) as u32
}

/// Whether `owner` has asked.
pub(crate) fn is_by(asked: u64, owner: Owner) -> bool {
    asked & u64::from(u32::MAX) == wanted_by(owner)
}

#[allow(clippy::cast_possible_truncation)] // the upper half is 32 bits
fn is_over(asked: u64, now: u32) -> bool {
    now.wrapping_sub((asked >> 32) as u32) > LASTS_SECONDS
}

/// Whether we are to leave the blocks to another.
pub(super) fn is_due(word: &Word, me: Owner, now: impl FnOnce() -> u32) -> bool {
    // Relaxed: a courtesy, which may come late.
    let asked = word.load(Ordering::Relaxed);
    asked != 0 && !is_by(asked, me) && !is_over(asked, now())
}

/// Asks, or asks anew. False if another has asked.
pub(super) fn ask(word: &Word, me: Owner, now: u32) -> bool {
    let asked = word.load(Ordering::Relaxed);
    let asking = u64::from(now) << 32 | wanted_by(me);
    let is_free = asked == 0 || is_by(asked, me) || is_over(asked, now);
    asked == asking || is_free && word.change(asked, asking).is_ok()
}

/// Asks no more.
pub(crate) fn stop_asking(word: &Word, owner: Owner) {
    let asked = word.load(Ordering::Relaxed);
    if is_by(asked, owner) {
        // If it was changed, then by another, or by another thread of ours.
        let _ = word.change(asked, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asks_at_a_time_and_whoever_was_stopped_keeps_nobody_out() {
        let (word, a, b) = (Word::default(), Owner::new(0, 0), Owner::new(5, 9));
        assert!(!is_due(&word, b, || 7));
        assert!(ask(&word, a, 7) && ask(&word, a, 7));
        assert!(is_due(&word, b, || 9) && !is_due(&word, a, || 9) && !ask(&word, b, 9));
        assert!(ask(&word, a, 9) && is_due(&word, b, || 11));
        assert!(!is_due(&word, b, || 12) && ask(&word, b, 12) && is_due(&word, a, || 12));
        stop_asking(&word, a);
        assert!(is_due(&word, a, || 12));
        stop_asking(&word, b);
        assert!(!is_due(&word, a, || 12));
    }

    #[test]
    fn seconds_wrap() {
        let (word, a, b) = (Word::default(), Owner::new(1, 1), Owner::new(2, 1));
        assert!(ask(&word, a, u32::MAX) && is_due(&word, b, || 1) && !is_due(&word, b, || 2));
    }
}
