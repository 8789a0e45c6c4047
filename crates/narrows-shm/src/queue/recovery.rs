//! What the dead have left in a queue: found and put right. Knows nothing of who they are, or how that is known.

use super::{
    IN_SLOT,
    ring::Ring,
    word::{Owner, SlotWord, State},
};
use crate::{
    layout::{Layout, Seldom},
    pool::{self, Run},
    sync::Ordering,
};

/// Puts right what `gone` has left. May be done again.
pub(crate) fn recover(layout: &Layout, gone: Owner) {
    let ring = Ring::new(layout, gone);
    // In this order: the blocks of a message that was given back are nobody's.
    for slot in 0..layout.shape().slots {
        keep_blocks(layout, slot, gone);
    }
    for slot in 0..layout.shape().slots {
        ring.recover(slot, gone);
    }
    pool::release_all(layout, gone);
    ring.announce_rescue();
}

/// The blocks of the message in this slot stay, whoever owned them.
fn keep_blocks(layout: &Layout, slot: u32, gone: Owner) {
    // A message changes its state a few times at most before it is gone.
    for _ in 0..1000 {
        // Acquire: pairs with the commit; the lengths are then those of this lap.
        let word = layout.slot(slot).load(Ordering::Acquire);
        let holds = matches!(
            SlotWord::from_bits(word).state(),
            Some(State::Full | State::Returned | State::Reading | State::Leased)
        );
        if !holds {
            return;
        }
        let lengths = layout.slot_lengths(slot).load(Ordering::Acquire);
        if layout.slot(slot).load(Ordering::Acquire) != word {
            continue;
        }
        let first = u32::try_from(lengths & u64::from(u32::MAX)).unwrap_or(IN_SLOT);
        if first != IN_SLOT {
            let len = usize::try_from(lengths >> 32).unwrap_or(usize::MAX);
            pool::keep(layout, gone, Run { first, count: layout.blocks_for(len) });
        }
        return;
    }
}

/// Whether something is owned by somebody who is not there: nobody would ever give it back. Who leaves or is put right gives it
/// back before he is gone.
pub(crate) fn has_orphan(layout: &Layout) -> bool {
    (0..layout.shape().slots).any(|slot| {
        let load = || SlotWord::from_bits(layout.slot(slot).load(Ordering::Acquire));
        let word = load();
        let is_owned = matches!(word.state(), Some(State::Writing | State::Reading | State::Leased));
        // Looked at again: it may have gone on since.
        is_owned && !layout.is_member(word.owner()) && load() == word
    })
}

/// Nobody is waited for who is not there.
pub(crate) fn forget_wanting(layout: &Layout) {
    let wanted = layout.seldom(Seldom::Wanted);
    // Relaxed: a courtesy, as where it is set.
    let word = wanted.load(Ordering::Relaxed);
    if word != 0 && !layout.is_member(Owner::from_bits(word >> 1)) {
        let _ = wanted.change(word, 0);
    }
}
