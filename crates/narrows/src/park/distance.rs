//! How far a peer is, as far as a thread's own looks tell.
//!
//! Who looks at what a peer fills, or empties, takes the cache line from it, so looks are to be rare beside what a line costs on
//! its way: a look that comes too soon meets with one message, and the two go on in step. What a line costs depends on where the
//! two run, which may change at any time and nobody can be asked; so each look is timed, and the longer it takes, the longer
//! the peer is left alone before the next.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// Trials on two processors that the host moves: at times they are near, and a look takes 50 ns, at times far, and it takes
/// 250. Nanoseconds a message with 8 pauses before a look, as was good near, and with 16 near and 80 far, unbounded:
///
/// | | 1-1 | 4-1 | 1-4 | 4-4 |
/// |---|---|---|---|---|
/// | near, 8 and 16 | 3.2 2.8 | 5.2 5.1 | 5.8 4.3 | 4.1 3.9 |
/// | far, 8 and 80 | 24 10 | 53 12 | 19 12 | 72 15 |
///
/// Twice as many gain 10 % more, and cost twice the time at capacity 64.
const FOR_ONE_PAUSE: u32 = 25;
const FAR: u32 = 250;

/// Each look is so small a part of what is known.
const PART: u32 = 8;

thread_local! {
    /// Nanoseconds that `PART` looks of this thread take, of late.
    static LOOKS: Cell<u32> = const { Cell::new(0) };
}

/// Leaves a peer alone for as many pauses as `patience` and its distance ask for, and looks. What the look says.
pub(super) fn rest(patience: usize, look: impl FnOnce() -> bool) -> bool {
    let known = LOOKS.get();
    for _ in 0..pauses(patience, known) {
        std::hint::spin_loop();
    }
    let before = Instant::now();
    let is_ready = look();
    if is_ready {
        // Else nobody may have taken the line from us since our last look.
        LOOKS.set(after_a_look(known, before.elapsed()));
    }
    is_ready
}

fn after_a_look(known: u32, took: Duration) -> u32 {
    let took = u32::try_from(took.as_nanos()).map_or(FAR, |took| took.min(FAR));
    known - known / PART + took
}

fn pauses(patience: usize, known: u32) -> usize {
    let times = (known / PART / FOR_ONE_PAUSE).max(1);
    patience * times as usize
}

#[cfg(all(test, not(any(loom, narrows_check))))]
mod tests {
    use super::*;

    fn after_looks(known: u32, looks: usize, nanos: u64) -> u32 {
        (0..looks).fold(known, |known, _| after_a_look(known, Duration::from_nanos(nanos)))
    }

    #[test]
    fn a_far_peer_is_left_alone_for_longer() {
        assert_eq!(pauses(8, 0), 8, "before anything is known");
        let near = after_looks(0, 50, 55);
        assert_eq!(pauses(8, near), 16);
        let far = after_looks(near, 50, 245);
        assert_eq!(pauses(8, far), 72);
        assert_eq!(pauses(8, after_looks(far, 50, 55)), 16, "near again");
        assert_eq!(pauses(0, far), 0);
    }

    /// A look may be interrupted for as long as the scheduler likes.
    #[test]
    fn a_look_that_was_interrupted_counts_little() {
        let near = after_looks(0, 50, 55);
        assert!(pauses(8, after_looks(near, 1, 10_000_000_000)) <= 24);
        assert!(pauses(8, after_looks(near, 1000, u64::MAX)) <= 80);
    }
}
