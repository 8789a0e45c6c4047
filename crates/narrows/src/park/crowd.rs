//! Busy neighbours, as far as a thread's own yields tell.
//!
//! A yield gives each busy neighbour a whole time slice, whereas a thread that sleeps is let in before them when it is woken.
//! So a thread that has met a crowd leaves its yields out, and sleeps at once: for a few waits, and for many more each time
//! the crowd is still there when they are over. Beside four busy threads on two processors that was, with capacity 0 or 1, 0.02
//! instead of 3.5 ms a message at full load, and at half load 1 instead of 4 ms on its way.

use std::{cell::Cell, time::Duration};

use crate::sync::{Ordering, unmodelled::AtomicU32};

/// A yield that took longer may have gone to a crowd, and so much in a row has. More peers than processors make some of 1 to
/// 4 ms, too, where two of them get on well without a third, but seldom two in a row. One such yield for a proof made four
/// senders or receivers on two processors 10 to 20 % slower, for it is sleeping that slows them.
const LONG: Duration = Duration::from_millis(3);
const ENOUGH: Duration = Duration::from_millis(7);

/// So many short yields in a row, and there is no crowd, or no more. Beside one there are up to three, to a peer or to
/// nobody.
const MANY: u32 = 5;

/// So many spins then yield no more.
const FIRST_REST: u32 = 128;
const LONGER: u32 = 16;
const LONGEST_REST: u32 = 1 << 14;
const INHERITED: u32 = 1024;

/// What a thread knows.
#[derive(Debug, Clone, Copy)]
struct Crowd {
    /// So many spins to go without yields.
    left: u32,
    /// So many there were since the last long yield; none if no crowd is known.
    rest: u32,
    /// Short yields in a row.
    short: u32,
    /// The time of the long yields without many short ones in between.
    lost: Duration,
}

/// The last rest of any thread, for the next new one. Each heir leaves half: what nobody finds confirmed wears off.
static LEGACY: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static CROWD: Cell<Crowd> = Cell::new(Crowd::inherited());
}

impl Crowd {
    const NONE: Crowd = Crowd { left: 0, rest: 0, short: 0, lost: Duration::ZERO };

    fn inherited() -> Crowd {
        // Relaxed, both: a guess.
        let rest = LEGACY.load(Ordering::Relaxed);
        if rest != 0 {
            LEGACY.store(rest / 2, Ordering::Relaxed);
        }
        Crowd { left: rest, rest, ..Crowd::NONE }
    }

    fn after_a_yield(self, took: Duration) -> Crowd {
        if took > LONG {
            let lost = self.lost.saturating_add(took);
            if self.rest == 0 && lost < ENOUGH {
                return Crowd { short: 0, lost, ..self };
            }
            let rest = (self.rest * LONGER).clamp(FIRST_REST, LONGEST_REST);
            return Crowd { left: rest, rest, short: 0, lost };
        }
        let short = self.short.saturating_add(1);
        if short < MANY { Crowd { short, ..self } } else { Crowd { short, ..Crowd::NONE } }
    }
}

/// Whether a spin is to end where it would yield.
pub(super) fn is_to_be_left_alone() -> bool {
    let crowd = CROWD.get();
    if crowd.left == 0 {
        return false;
    }
    CROWD.set(Crowd { left: crowd.left - 1, ..crowd });
    true
}

/// Learns from a yield.
pub(super) fn learn(took: Duration) {
    let crowd = CROWD.get().after_a_yield(took);
    CROWD.set(crowd);
    // Now and then: most yields are short, and all threads share this line.
    if (crowd.short == 0 && crowd.rest != 0) || crowd.short == MANY {
        // Relaxed: a guess.
        LEGACY.store(crowd.rest.min(INHERITED), Ordering::Relaxed);
    }
}

/// For tests, which know nothing of what happened to others.
#[cfg(all(test, not(any(loom, narrows_check))))]
pub(super) fn forget() {
    CROWD.set(Crowd::NONE);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOO_LONG: Duration = Duration::from_millis(4);

    /// The rest is over, and a few yields were short.
    fn yields_again(crowd: Crowd, short: u32) -> Crowd {
        (0..short).fold(Crowd { left: 0, ..crowd }, |crowd, _| crowd.after_a_yield(Duration::ZERO))
    }

    #[test]
    fn a_crowd_that_stays_is_met_ever_more_seldom() {
        let mut crowd = Crowd::NONE;
        let mut rests = Vec::new();
        for _ in 0..5 {
            crowd = yields_again(crowd, MANY - 1).after_a_yield(TOO_LONG);
            assert_eq!(crowd.left, crowd.rest);
            rests.push(crowd.rest);
        }
        assert_eq!(rests, [0, 128, 2048, 16384, 16384], "a short yield to a peer is no sign that it has gone");
    }

    #[test]
    fn a_crowd_that_has_gone_is_forgotten() {
        let crowd = (0..5).fold(Crowd::NONE, |crowd, _| crowd.after_a_yield(TOO_LONG));
        let crowd = yields_again(crowd, MANY);
        assert_eq!((crowd.left, crowd.rest), (0, 0));
        assert_eq!(crowd.after_a_yield(TOO_LONG).rest, 0, "one long yield proves nothing");
        assert_eq!(crowd.after_a_yield(TOO_LONG * 2).rest, FIRST_REST, "except a very long one");
    }
}
