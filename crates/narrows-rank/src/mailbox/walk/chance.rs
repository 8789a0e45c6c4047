//! What is done next on a walk, at random.

use super::ME;
use crate::{matching::Pattern, parcel::Wanted, sync::Arc};

/// xorshift64*, by S. Vigna.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }

    pub(super) fn small(&mut self, n: u64) -> u32 {
        u32::try_from(self.below(n)).expect("n is small")
    }

    pub(super) fn one_of(&mut self, len: usize) -> Option<usize> {
        (len > 0).then(|| self.small(len as u64) as usize)
    }

    pub(super) fn wanted(&mut self) -> Wanted {
        if self.below(6) == 0 { Wanted::of::<u8>() } else { Wanted::of::<u16>() }
    }

    /// Mostly of one source and class, so that they are beyond the bound at times.
    pub(super) fn key(&mut self) -> Pattern {
        match self.below(3) {
            0 => Pattern::key(self.below(2), self.small(3), self.small(4)),
            _ => Pattern::key(0, 0, self.small(2)),
        }
    }

    pub(super) fn pattern(&mut self) -> Pattern {
        if self.below(2) == 0 {
            return Pattern::new(0, Some(0), None);
        }
        let source = (self.below(3) != 0).then(|| self.small(3));
        let tag = (self.below(3) != 0).then(|| self.small(4));
        Pattern::new(self.below(2), source, tag)
    }

    pub(super) fn group(&mut self) -> Option<Arc<[u32]>> {
        (self.below(2) == 0).then(|| (0..=self.small(3)).chain([ME]).collect())
    }
}
