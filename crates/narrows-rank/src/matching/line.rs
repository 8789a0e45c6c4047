//! Few entries, compared one after the other.
//!
//! Invariant: `patterns` and `rest` are equally long and in order of their numbers.

use std::collections::VecDeque;

use super::{Entry, Pattern};

#[derive(Debug)]
pub(super) struct Line<V> {
    /// Apart from what is not compared, so that a search reads little.
    patterns: VecDeque<Pattern>,
    rest: VecDeque<(u64, V)>,
}

impl<V> Line<V> {
    pub(super) fn new() -> Line<V> {
        Line { patterns: VecDeque::new(), rest: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.patterns.len()
    }

    #[inline]
    pub(super) fn insert(&mut self, entry: Entry<V>) {
        let Entry { number, pattern, value } = entry;
        if self.rest.back().is_none_or(|(last, _)| *last < number) {
            self.patterns.push_back(pattern);
            self.rest.push_back((number, value));
        } else {
            let at = self.rest.partition_point(|(other, _)| *other < number);
            self.patterns.insert(at, pattern);
            self.rest.insert(at, (number, value));
        }
    }

    #[inline]
    pub(super) fn oldest(&self, wanted: &Pattern) -> Option<usize> {
        let (front, back) = self.patterns.as_slices();
        let fits = |pattern: &Pattern| pattern.fits(wanted);
        front.iter().position(fits).or_else(|| Some(front.len() + back.iter().position(fits)?))
    }

    pub(super) fn find(&self, number: u64) -> Option<usize> {
        self.rest.binary_search_by_key(&number, |(other, _)| *other).ok()
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> (&Pattern, &V) {
        (&self.patterns[at], &self.rest[at].1)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> &mut V {
        &mut self.rest[at].1
    }

    #[inline]
    pub(super) fn remove(&mut self, at: usize) -> Entry<V> {
        let pattern = self.patterns.remove(at).expect("`at` was found in this line");
        let (number, value) = self.rest.remove(at).expect("both have the same length");
        Entry { number, pattern, value }
    }

    pub(super) fn any(&self, is_wanted: impl Fn(&Pattern, &V) -> bool) -> bool {
        self.patterns.iter().zip(&self.rest).any(|(pattern, (_, value))| is_wanted(pattern, value))
    }

    pub(super) fn into_entries(self) -> Vec<Entry<V>> {
        let both = self.patterns.into_iter().zip(self.rest);
        both.map(|(pattern, (number, value))| Entry { number, pattern, value }).collect()
    }
}
