//! The ranges that are guarded, in a form that a signal handler may read at any instruction: no lock, no allocation.
//!
//! ```text
//! FREE --claim--> CHANGING --publish--> LIVE --release--> FREE     each claim raises the generation
//! ```
//! A reader believes a range only if the entry was LIVE in the same generation before and after it read the bounds. The
//! entry that it looks for, that of the page under its own access, does not change while that access lasts.

use std::ops::Range;
use std::sync::atomic::{
    AtomicBool, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

/// More channels than a process has open at once; the handler looks at each.
pub(super) const ENTRIES: usize = 512;

const FREE: u64 = 0;
const CHANGING: u64 = 1;
const LIVE: u64 = 2;
const STATES: u64 = 3;
const GENERATION: u64 = 4;

pub(super) static TABLE: Table = Table { entries: [const { Entry::new() }; ENTRIES] };

pub(super) struct Table {
    entries: [Entry; ENTRIES],
}

struct Entry {
    /// Generation and state.
    word: AtomicU64,
    start: AtomicUsize,
    end: AtomicUsize,
    damaged: AtomicBool,
}

impl Table {
    /// An entry for this range, or `None` if all are in use.
    pub(super) fn claim(&self, range: Range<usize>) -> Option<usize> {
        let at = self.entries.iter().position(Entry::claim)?;
        self.entries[at].publish(range);
        Some(at)
    }

    pub(super) fn release(&self, at: usize) {
        let entry = &self.entries[at];
        // Release: pairs with the Acquire in `claim`; whoever claims it next comes after all that we did with it.
        entry.word.store(entry.word.load(Relaxed) & !STATES | FREE, Release);
    }

    pub(super) fn is_damaged(&self, at: usize) -> bool {
        // Acquire: pairs with the Release in `damage`.
        self.entries[at].damaged.load(Acquire)
    }

    /// Marks the range that this address lies in; gives its end. `None` if the address is not ours.
    pub(super) fn damage(&self, address: usize) -> Option<usize> {
        self.entries.iter().find_map(|entry| {
            let range = entry.range().filter(|range| range.contains(&address))?;
            // Release: pairs with the Acquire in `is_damaged`. The caller puts zeros in place after this, by a system
            // call, so that no thread reads them and then finds the range undamaged.
            entry.damaged.store(true, Release);
            Some(range.end)
        })
    }
}

impl Entry {
    const fn new() -> Self {
        Self {
            word: AtomicU64::new(FREE),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            damaged: AtomicBool::new(false),
        }
    }

    fn claim(&self) -> bool {
        let word = self.word.load(Relaxed);
        let next = (word & !STATES).wrapping_add(GENERATION) | CHANGING;
        // Acquire: pairs with the Release in `release`.
        word & STATES == FREE && self.word.compare_exchange(word, next, Acquire, Relaxed).is_ok()
    }

    fn publish(&self, range: Range<usize>) {
        // Release: pairs with the fence in `range`: whoever reads a bound of ours then sees at least CHANGING.
        fence(Release);
        self.start.store(range.start, Relaxed);
        self.end.store(range.end, Relaxed);
        self.damaged.store(false, Relaxed);
        // Release: pairs with the Acquire in `range`; publishes the bounds.
        self.word.store(self.word.load(Relaxed) & !STATES | LIVE, Release);
    }

    fn range(&self) -> Option<Range<usize>> {
        // Acquire: pairs with the Release at the end of `publish`.
        let before = self.word.load(Acquire);
        if before & STATES != LIVE {
            return None;
        }
        let range = self.start.load(Relaxed)..self.end.load(Relaxed);
        // Acquire: pairs with the fence in `publish`; bounds of a later claim bring its word with them.
        fence(Acquire);
        (self.word.load(Relaxed) == before).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn table() -> Table {
        Table { entries: [const { Entry::new() }; ENTRIES] }
    }

    #[test]
    fn an_address_is_found_in_its_range_and_nowhere_else() {
        let table = table();
        let first = table.claim(4096..8192).unwrap();
        let second = table.claim(8192..12288).unwrap();
        assert_eq!(table.damage(4095), None);
        assert_eq!(table.damage(12288), None);
        assert!(!table.is_damaged(first) && !table.is_damaged(second));
        assert_eq!(table.damage(8191), Some(8192));
        assert!(table.is_damaged(first) && !table.is_damaged(second));
        table.release(first);
        assert_eq!(table.damage(4096), None);
    }

    #[test]
    fn a_full_table_refuses_and_a_released_entry_serves_again_undamaged() {
        let table = table();
        for at in 0..ENTRIES {
            assert!(table.claim(at * 10..at * 10 + 5).is_some());
        }
        assert_eq!(table.claim(1..2), None);
        assert_eq!(table.damage(73), Some(75));
        table.release(7);
        let again = table.claim(70..75).unwrap();
        assert_eq!(again, 7);
        assert!(!table.is_damaged(again));
    }

    /// Ranges that lie apart, claimed in turn by one entry: a mixture of two would hold what lies between them.
    #[test]
    fn a_reader_never_mixes_the_bounds_of_two_claims() {
        let table = table();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..200_000 {
                    for range in [10..20, 30..40] {
                        let entry = table.claim(range).unwrap();
                        table.release(entry);
                    }
                }
                done.store(true, Relaxed);
            });
            while !done.load(Relaxed) {
                let range = table.entries[0].range();
                assert!(range.is_none() || range == Some(10..20) || range == Some(30..40), "{range:?}");
            }
        });
    }
}
