//! Blocks for what does not fit into a slot: runs of them, claimed by name. Knows nothing of slots.
//!
//! ```text
//!  word of the first block   OWNED(owner) or QUEUED, and how many blocks follow it in its run
//!  of each further one       TAIL, and which block is the first
//!  of a free one             0
//! ```
//! The first block of a run decides whose the run is, so a run changes hands in one step. It is made and taken apart so
//! that the first block is claimed first and freed last: what somebody left in the middle of either is found by the first
//! block, whose name it bears, and by the tails that point to it.
//!
//! Who owns a run: who fills it; who takes it out, from before the message's slot is free again. Between the two it is still
//! its sender's, or, if that has left, QUEUED.

use crate::{
    queue::word::Owner,
    sync::{Ordering, Word},
};

/// Some blocks in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: u32,
    pub(crate) count: u32,
}

const FREE: u64 = 0;
const OWNED: u64 = 1;
const QUEUED: u64 = 2;
const TAIL: u64 = 3;
const STATE: u64 = 3;

/// Counts above this are none.
const MAX_COUNT: u32 = (1 << 31) - 1;

fn owned(owner: Owner, count: u32) -> u64 {
    // 2 bits, 28 of the owner, and 31 of the count: runs of one process alone may be that long.
    OWNED | owner.bits() << 2 | u64::from(count) << 32
}

fn queued(count: u32) -> u64 {
    QUEUED | u64::from(count) << 32
}

fn tail(first: u32) -> u64 {
    TAIL | u64::from(first) << 32
}

fn upper(word: u64) -> u32 {
    u32::try_from(word >> 32).expect("32 bits")
}

/// The words of the blocks.
pub(crate) trait Blocks {
    fn blocks(&self) -> u32;
    fn block(&self, index: u32) -> &Word;
}

/// Claims `count` blocks in a row, looking from `hint` on; `None` if there is no such room.
pub(crate) fn claim<B: Blocks>(pool: &B, me: Owner, count: u32, hint: u32) -> Option<Run> {
    let blocks = pool.blocks();
    if count == 0 || count > blocks || count > MAX_COUNT {
        return None;
    }
    let start = if hint < blocks { hint } else { 0 };
    claim_within(pool, me, count, start, blocks).or_else(|| {
        // A run may begin before the hint and reach beyond it.
        let end = start.saturating_add(count - 1).min(blocks);
        claim_within(pool, me, count, 0, end)
    })
}

fn claim_within<B: Blocks>(pool: &B, me: Owner, count: u32, start: u32, end: u32) -> Option<Run> {
    let mut first = start;
    while end.checked_sub(first).is_some_and(|left| left >= count) {
        // Relaxed: a guess; claiming decides.
        let taken = (first..first + count).rev().find(|&block| pool.block(block).load(Ordering::Relaxed) != FREE);
        if let Some(taken) = taken {
            first = taken + 1;
            continue;
        }
        let run = Run { first, count };
        match claim_run(pool, me, run) {
            Ok(()) => return Some(run),
            Err(taken) => first = taken + 1,
        }
    }
    None
}

fn claim_run<B: Blocks>(pool: &B, me: Owner, run: Run) -> Result<(), u32> {
    if pool.block(run.first).change(FREE, owned(me, run.count)).is_err() {
        return Err(run.first);
    }
    for block in run.first + 1..run.first + run.count {
        if pool.block(block).change(FREE, tail(run.first)).is_err() {
            release(pool, run);
            return Err(block);
        }
    }
    Ok(())
}

/// Frees a run that is ours, also a half-made one: the first block last.
pub(crate) fn release<B: Blocks>(pool: &B, run: Run) {
    let end = run.first.saturating_add(run.count).min(pool.blocks());
    for block in (run.first.saturating_add(1)..end).rev() {
        // A change, for the block may have been free, and be another's now.
        let _ = pool.block(block).change(tail(run.first), FREE);
    }
    if run.first < pool.blocks() {
        // Whoever claims it next acquires: what was read here was read before. And whoever waits for it is rung for next.
        pool.block(run.first).publish(FREE);
    }
}

/// Whether there are such blocks.
pub(crate) fn lies_inside<B: Blocks>(pool: &B, run: Run) -> bool {
    run.count > 0 && run.first.checked_add(run.count).is_some_and(|end| end <= pool.blocks())
}

/// Whether there are such blocks, and they are one run.
fn is_run<B: Blocks>(pool: &B, run: Run) -> Option<u64> {
    if !lies_inside(pool, run) {
        return None;
    }
    // Acquire: pairs with the change that made it so.
    let word = pool.block(run.first).load(Ordering::Acquire);
    let is_first = matches!(word & STATE, OWNED | QUEUED) && upper(word) == run.count;
    is_first.then_some(word)
}

/// Who has claimed the message in this run makes the run its own. False if there is no such run: the segment is corrupt.
pub(crate) fn adopt<B: Blocks>(pool: &B, me: Owner, run: Run) -> bool {
    // Only whoever leaves or recovers changes it meanwhile, once for each who dies.
    for _ in 0..64 {
        let Some(word) = is_run(pool, run) else { return false };
        if word == owned(me, run.count) || pool.block(run.first).change(word, owned(me, run.count)).is_ok() {
            return true;
        }
    }
    false
}

/// The message in this run stays when `gone` leaves.
pub(crate) fn keep<B: Blocks>(pool: &B, gone: Owner, run: Run) {
    if let Some(word) = is_run(pool, run)
        && word == owned(gone, run.count)
    {
        let _ = pool.block(run.first).change(word, queued(run.count));
    }
}

/// Frees all that `gone` still owns: what holds a message was [kept](keep) before.
pub(crate) fn release_all<B: Blocks>(pool: &B, gone: Owner) {
    for first in 0..pool.blocks() {
        // Acquire: as in `is_run`.
        let word = pool.block(first).load(Ordering::Acquire);
        if word & STATE == OWNED && Owner::from_bits(word >> 2) == gone {
            release(pool, Run { first, count: upper(word) });
        }
    }
}

/// Whether so many blocks in a row are free.
pub(crate) fn has_room<B: Blocks>(pool: &B, count: u32) -> bool {
    let mut row = 0;
    (0..pool.blocks()).any(|block| {
        // Relaxed: a guess, which claiming decides.
        row = if pool.block(block).load(Ordering::Relaxed) == FREE { row + 1 } else { 0 };
        row >= count
    })
}

/// How many blocks are free.
pub(crate) fn free<B: Blocks>(pool: &B) -> u32 {
    // Relaxed: a figure to look at.
    let is_free = |&block: &u32| pool.block(block).load(Ordering::Relaxed) == FREE;
    u32::try_from((0..pool.blocks()).filter(is_free).count()).unwrap_or(u32::MAX)
}

#[cfg(all(test, not(any(loom, narrows_check))))]
mod tests {
    use super::*;

    struct Pool(Vec<Word>);

    impl Blocks for Pool {
        fn blocks(&self) -> u32 {
            u32::try_from(self.0.len()).expect("few")
        }
        fn block(&self, index: u32) -> &Word {
            &self.0[index as usize]
        }
    }

    fn pool(blocks: usize) -> Pool {
        Pool((0..blocks).map(|_| Word::default()).collect())
    }

    #[test]
    fn runs_do_not_overlap_and_come_back() {
        let (pool, me) = (pool(8), Owner::new(1, 1));
        let a = claim(&pool, me, 3, 0).expect("room");
        let b = claim(&pool, me, 4, 6).expect("room before the hint");
        assert_eq!((a.first, b.first), (0, 3));
        assert_eq!(claim(&pool, me, 2, 0), None);
        assert_eq!(claim(&pool, me, 1, 0), Some(Run { first: 7, count: 1 }));
        release(&pool, a);
        assert_eq!(claim(&pool, me, 3, 7), Some(a));
        assert_eq!(claim(&pool, me, 9, 0), None);
    }

    #[test]
    fn what_the_dead_owned_is_freed_and_what_holds_a_message_is_kept() {
        let (pool, dead, other) = (pool(10), Owner::new(1, 1), Owner::new(2, 1));
        let queued = claim(&pool, dead, 2, 0).expect("room");
        let filling = claim(&pool, dead, 3, 0).expect("room");
        let theirs = claim(&pool, other, 1, 0).expect("room");
        keep(&pool, dead, queued);
        release_all(&pool, dead);
        release_all(&pool, dead);
        assert_eq!(free(&pool), 7);
        assert!(adopt(&pool, other, queued) && adopt(&pool, other, theirs));
        assert!(!adopt(&pool, other, filling) && !adopt(&pool, other, Run { first: 9, count: 2 }));
        release(&pool, queued);
        release(&pool, theirs);
        assert_eq!(free(&pool), 10);
    }

    #[test]
    fn a_run_that_was_half_made_is_found_by_its_first_block() {
        let (pool, dead) = (pool(4), Owner::new(1, 1));
        pool.0[0].store(owned(dead, 3), Ordering::Relaxed);
        pool.0[1].store(tail(0), Ordering::Relaxed);
        pool.0[2].store(owned(Owner::new(2, 1), 1), Ordering::Relaxed);
        release_all(&pool, dead);
        assert_eq!((free(&pool), pool.0[2].load(Ordering::Relaxed)), (3, owned(Owner::new(2, 1), 1)));
    }
}
