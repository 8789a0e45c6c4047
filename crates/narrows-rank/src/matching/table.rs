//! Many entries, in chains by what they are filed under.
//!
//! A list of keys has its entries in one chain for each kind of pattern it has been asked by; a list of patterns has each in
//! the one chain of its own kind, and a key asks all kinds that there are. So every step but the first question of a kind
//! takes the same time at any depth.
//!
//! Invariant: chains are in order of numbers, and an empty chain is in no map.

use super::{Entry, Holds, KINDS, Kind, Pattern, mix::MixMap};

/// No slot.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

const LOOSE: Link = Link { before: NONE, after: NONE };

#[derive(Debug)]
struct Slot<V> {
    number: u64,
    pattern: Pattern,
    /// One per kind.
    links: [Link; 4],
    /// None in a slot that is free.
    value: Option<V>,
}

#[derive(Debug, Clone, Copy)]
struct Chain {
    first: u32,
    last: u32,
}

type Chains = MixMap<(u64, u64), Chain>;

#[derive(Debug)]
pub(super) struct Table<V> {
    slots: Vec<Slot<V>>,
    free: Vec<u32>,
    /// One per kind; none before the first use of that kind.
    chains: [Option<Chains>; 4],
    holds: Holds,
}

impl<V> Table<V> {
    pub(super) fn new(holds: Holds) -> Table<V> {
        let chains = [Some(Chains::default()), None, None, None];
        Table { slots: Vec::new(), free: Vec::new(), chains, holds }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    #[cfg(test)]
    pub(super) fn rooms(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn insert(&mut self, entry: Entry<V>) {
        let Entry { number, pattern, value } = entry;
        let slot = Slot { number, pattern, links: [LOOSE; 4], value: Some(value) };
        let at = if let Some(at) = self.free.pop() {
            self.slots[at as usize] = slot;
            at
        } else {
            self.slots.push(slot);
            u32::try_from(self.slots.len() - 1).expect("memory ends before 4 billion entries")
        };
        match self.holds {
            Holds::Keys => {
                for kind in self.in_use() {
                    self.link(kind, at);
                }
            }
            Holds::Patterns => self.link(pattern.kind(), at),
        }
    }

    /// The kinds that have chains.
    fn in_use(&self) -> impl Iterator<Item = Kind> + use<V> {
        let has_chains = self.chains.each_ref().map(Option::is_some);
        KINDS.into_iter().filter(move |kind| has_chains[*kind as usize])
    }

    fn link(&mut self, kind: Kind, at: u32) {
        let k = kind as usize;
        let (number, key) = (self.slots[at as usize].number, kind.of(&self.slots[at as usize].pattern));
        let chain = self.chains[k].get_or_insert_default().entry(key).or_insert(Chain { first: NONE, last: NONE });
        // Nearly always the last one is older. Otherwise it comes back to its place.
        let mut before = chain.last;
        while before != NONE && self.slots[before as usize].number > number {
            before = self.slots[before as usize].links[k].before;
        }
        let after = if before == NONE { chain.first } else { self.slots[before as usize].links[k].after };
        match before {
            NONE => chain.first = at,
            _ => self.slots[before as usize].links[k].after = at,
        }
        match after {
            NONE => chain.last = at,
            _ => self.slots[after as usize].links[k].before = at,
        }
        self.slots[at as usize].links[k] = Link { before, after };
    }

    fn unlink(&mut self, kind: Kind, at: u32) {
        let k = kind as usize;
        let slot = &self.slots[at as usize];
        let (Link { before, after }, key) = (slot.links[k], kind.of(&slot.pattern));
        if before != NONE {
            self.slots[before as usize].links[k].after = after;
        }
        if after != NONE {
            self.slots[after as usize].links[k].before = before;
        }
        if before != NONE && after != NONE {
            return;
        }
        let chains = self.chains[k].as_mut().expect("an entry is linked in chains that there are");
        if before == NONE && after == NONE {
            chains.remove(&key);
            return;
        }
        let chain = chains.get_mut(&key).expect("an entry's chain is in its map");
        if before == NONE {
            chain.first = after;
        } else {
            chain.last = before;
        }
    }

    fn first(&self, kind: Kind, key: &Pattern) -> Option<u32> {
        Some(self.chains[kind as usize].as_ref()?.get(&kind.of(key))?.first)
    }

    pub(super) fn oldest(&mut self, wanted: &Pattern) -> Option<usize> {
        let found = match self.holds {
            Holds::Keys => {
                let kind = wanted.kind();
                if self.chains[kind as usize].is_none() {
                    self.index(kind);
                }
                self.first(kind, wanted)
            }
            Holds::Patterns => {
                debug_assert_eq!(wanted.kind(), Kind::Key, "a list of patterns is asked by keys");
                let firsts = KINDS.into_iter().filter_map(|kind| self.first(kind, wanted));
                firsts.min_by_key(|at| self.slots[*at as usize].number)
            }
        };
        found.map(|at| at as usize)
    }

    /// Chains for patterns of a kind that was not asked by before.
    #[cold]
    fn index(&mut self, kind: Kind) {
        self.chains[kind as usize] = Some(Chains::default());
        for at in self.in_order() {
            self.link(kind, at);
        }
    }

    fn in_order(&self) -> Vec<u32> {
        let slots = self.slots.iter().zip(0..);
        let mut full: Vec<u32> = slots.filter(|(slot, _)| slot.value.is_some()).map(|(_, at)| at).collect();
        full.sort_unstable_by_key(|at| self.slots[*at as usize].number);
        full
    }

    /// From the end of its chain: who looks for an entry by its number has mostly made it of late.
    pub(super) fn find(&self, number: u64, pattern: &Pattern) -> Option<usize> {
        let kind = pattern.kind();
        let mut at = self.chains[kind as usize].as_ref()?.get(&kind.of(pattern))?.last;
        while at != NONE && self.slots[at as usize].number > number {
            at = self.slots[at as usize].links[kind as usize].before;
        }
        (at != NONE && self.slots[at as usize].number == number).then_some(at as usize)
    }

    pub(super) fn get(&self, at: usize) -> (&Pattern, &V) {
        let slot = &self.slots[at];
        (&slot.pattern, slot.value.as_ref().expect("`at` was found in this table"))
    }

    pub(super) fn get_mut(&mut self, at: usize) -> &mut V {
        self.slots[at].value.as_mut().expect("`at` was found in this table")
    }

    pub(super) fn remove(&mut self, at: usize) -> Entry<V> {
        let index = u32::try_from(at).expect("`at` came from `oldest` or `find`");
        match self.holds {
            Holds::Keys => {
                for kind in self.in_use() {
                    self.unlink(kind, index);
                }
            }
            Holds::Patterns => self.unlink(self.slots[at].pattern.kind(), index),
        }
        self.free.push(index);
        let slot = &mut self.slots[at];
        let value = slot.value.take().expect("`at` was found in this table");
        Entry { number: slot.number, pattern: slot.pattern, value }
    }

    pub(super) fn any(&self, is_wanted: impl Fn(&Pattern, &V) -> bool) -> bool {
        self.slots.iter().any(|slot| slot.value.as_ref().is_some_and(|value| is_wanted(&slot.pattern, value)))
    }

    pub(super) fn into_entries(mut self) -> Vec<Entry<V>> {
        let order = self.in_order();
        let take = |at: u32| {
            let slot = &mut self.slots[at as usize];
            let value = slot.value.take()?;
            Some(Entry { number: slot.number, pattern: slot.pattern, value })
        };
        order.into_iter().filter_map(take).collect()
    }
}
