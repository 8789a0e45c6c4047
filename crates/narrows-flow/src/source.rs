//! Where items come from. A source waits for one item, and gives more only if they are there without waiting.
//! Invariant: nobody waits for a second item while the first is not at work yet.

use std::{fmt, iter::Fuse, thread};

use narrows::CancelToken;

/// What a flow takes its items from.
///
/// Iterators are sources by [`flow`](crate::IntoFlow::flow), receivers by [`received`](crate::received), readers by
/// [`lines`](crate::lines()). One thread at a time asks; which, changes.
pub trait Source {
    /// What it gives.
    type Item;

    /// Waits for the next item. `None` is its end; so it may answer, too, when `stop` is cancelled.
    ///
    /// An `Err` is the panic of a stage before it. It takes the place of that item, and more may follow.
    fn pull(&mut self, stop: &CancelToken) -> Option<thread::Result<Self::Item>>;

    /// Adds items that are there now to `into`, at most `most`. It never waits for one that may depend on what becomes
    /// of those before it. Adding none is always right.
    fn pull_more(&mut self, into: &mut Vec<Self::Item>, most: usize) {
        let _ = (into, most);
    }

    /// At least so many are to come; 0 if that is not known. Towards the end, smaller portions keep all workers busy.
    fn promised(&self) -> usize {
        0
    }

    /// Whether [`pull`](Source::pull) returns soon once `stop` is cancelled. If not, a flow that is dropped leaves a thread that
    /// waits in there behind.
    fn heeds_stop(&self) -> bool {
        false
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    type Item = S::Item;

    fn pull(&mut self, stop: &CancelToken) -> Option<thread::Result<S::Item>> {
        (**self).pull(stop)
    }

    fn pull_more(&mut self, into: &mut Vec<S::Item>, most: usize) {
        (**self).pull_more(into, most);
    }

    fn promised(&self) -> usize {
        (**self).promised()
    }

    fn heeds_stop(&self) -> bool {
        (**self).heeds_stop()
    }
}

/// An iterator as a source. From [`flow`](crate::IntoFlow::flow).
///
/// Several items at a time are taken only as far as the iterator's [`size_hint`](Iterator::size_hint) promises them. One that
/// promises them and yet waits for each, be it for input or for what this very flow makes of the item before, as a range
/// does that is mapped by such a function, is to be taken one by one: [`portion(1)`](crate::Flow::portion).
pub struct Items<I: Iterator> {
    items: Fuse<I>,
    /// Items that may be asked for at once whatever the iterator promises.
    at_once: Option<usize>,
}

impl<I: Iterator> Items<I> {
    pub(crate) fn new(items: I) -> Items<I> {
        Items { items: items.fuse(), at_once: None }
    }

    pub(crate) fn at_once(&mut self, most: usize) {
        self.at_once = Some(most);
    }

    /// What the iterator has left.
    pub fn into_inner(self) -> Fuse<I> {
        self.items
    }
}

impl<I: Iterator> Source for Items<I> {
    type Item = I::Item;

    fn pull(&mut self, _: &CancelToken) -> Option<thread::Result<I::Item>> {
        self.items.next().map(Ok)
    }

    fn pull_more(&mut self, into: &mut Vec<I::Item>, most: usize) {
        // The first of a portion was waited for by `pull`.
        let there = self.at_once.map_or_else(|| self.promised(), |most| most.saturating_sub(1));
        // One by one, so that a panic of the iterator keeps those before it.
        for item in self.items.by_ref().take(most.min(there)) {
            into.push(item);
        }
    }

    fn promised(&self) -> usize {
        self.items.size_hint().0
    }
}

impl<I: Iterator> fmt::Debug for Items<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("at_once", &self.at_once).finish_non_exhaustive()
    }
}
