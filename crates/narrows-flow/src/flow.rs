//! A flow before it has a stage: its source, and how the stage is to work.

use std::{fmt, io::Read, sync::Arc, thread::Scope};

use narrows::{Receiver, bounded};

use crate::{
    crew::{Crew, Owned, Spawn, Work},
    doorway::Doorway,
    lines::{Lines, Split},
    mapped::{Mapped, Parts},
    pace::Pace,
    received::Received,
    source::{Items, Source},
    stage::{Common, Worker},
    stop::Stop,
    turn::Turn,
};

/// Places per worker, unless told otherwise: four of the largest portions.
// With 256, trivial work of two workers took 1.7 times as long (narrows-bench-flow).
const PLACES: usize = 1024;

/// Makes a flow of anything that can be iterated.
pub trait IntoFlow: IntoIterator + Sized {
    /// The items as the source of a flow.
    ///
    /// ```
    /// use narrows_flow::IntoFlow;
    ///
    /// let squares = (0..1000_u64).flow().map_ordered(8, |n| n * n);
    /// assert!(squares.eq((0..1000).map(|n| n * n)));
    /// ```
    fn flow(self) -> Flow<'static, Items<Self::IntoIter>> {
        Flow::new(Items::new(self.into_iter()))
    }
}

impl<I: IntoIterator> IntoFlow for I {}

/// The messages of a channel as the source of a flow: it takes several at once if they are there, and ends when the
/// channel is empty and disconnected.
///
/// ```
/// let (s, r) = narrows::bounded(10);
/// std::thread::spawn(move || (0..100).for_each(|n| s.send(n).unwrap()));
/// assert_eq!(narrows_flow::received(r).map_unordered(4, |n| n + 1).sum::<u32>(), 5050);
/// ```
pub fn received<T>(messages: Receiver<T>) -> Flow<'static, Received<T>> {
    Flow::new(Received::new(messages))
}

/// The lines of a reader as the source of a flow, as [`BufRead::lines`](std::io::BufRead::lines) gives them. It reads as much as a read
/// brings, and a line that has come never waits for the next.
///
/// ```
/// let text = "1\n2\n3\n".as_bytes();
/// let numbers = narrows_flow::lines(text).map_ordered(2, |line| line.unwrap().parse::<u32>().unwrap());
/// assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3]);
/// ```
pub fn lines<R: Read>(reader: R) -> Flow<'static, Lines<R>> {
    Flow::new(Lines::new(reader))
}

/// The records of a reader, each ended by the byte `end`, as the source of a flow: bytes, and without that end.
pub fn split<R: Read>(reader: R, end: u8) -> Flow<'static, Split<R>> {
    Flow::new(Split::new(reader, end))
}

/// A source, and how its items are to be worked on. From [`flow`](IntoFlow::flow), [`received`], [`lines`] and
/// [`split`].
#[must_use = "a flow does nothing without a stage"]
pub struct Flow<'a, S> {
    pub(crate) source: S,
    pub(crate) spawn: &'a dyn Spawn<'a>,
    window: Option<usize>,
    portion: Option<usize>,
    pub(crate) line: Stop,
    /// The stage before in a pipeline.
    pub(crate) before: Option<Stop>,
    /// The line stops with another already.
    is_linked: bool,
}

impl<S: Source> Flow<'static, S> {
    /// A flow from a source of one's own.
    pub fn new(source: S) -> Flow<'static, S> {
        Flow::on(source, &Owned)
    }
}

impl<'a, I: Iterator> Flow<'a, Items<I>> {
    /// Takes up to so many items of the iterator at once, even if it does not promise them; 1 is one by one.
    ///
    /// Without this, it takes as many as [`size_hint`](Iterator::size_hint) promises. A filtered iterator promises none and
    /// goes one by one, which costs more than trivial work does. An iterator must not be asked for many if
    /// it waits for what this flow makes of the first of them.
    pub fn at_once(mut self, most: usize) -> Flow<'a, Items<I>> {
        self.source.at_once(most);
        self
    }
}

impl<'a, S> Flow<'a, S> {
    pub(crate) fn on(source: S, spawn: &'a dyn Spawn<'a>) -> Flow<'a, S> {
        Flow { source, spawn, window: None, portion: None, line: Stop::new(), before: None, is_linked: false }
    }

    pub(crate) fn following(source: S, line: Stop, before: Stop, spawn: &'a dyn Spawn<'a>) -> Flow<'a, S> {
        Flow { source, spawn, window: None, portion: None, line, before: Some(before), is_linked: true }
    }

    /// Works on threads of `scope`, so that what the stages call may borrow.
    ///
    /// The scope waits for its threads, so a source that waits for ever holds it up.
    ///
    /// ```
    /// use narrows_flow::IntoFlow;
    ///
    /// let words = ["a".to_owned(), "bc".to_owned()];
    /// let total: usize = std::thread::scope(|scope| {
    ///     words.iter().flow().within(scope).map_ordered(2, |word| word.len()).sum()
    /// });
    /// assert_eq!(total, 3);
    /// ```
    pub fn within<'scope>(self, scope: &'scope Scope<'scope, '_>) -> Flow<'scope, S> {
        let Flow { source, spawn: _, window, portion, line, before, is_linked } = self;
        Flow { source, spawn: scope, window, portion, line, before, is_linked }
    }

    /// At most so many items lie between the source and the caller: at work, or behind one that takes longer. The more, the longer
    /// the workers go on behind a slow item. Without this, 1024 for each worker.
    ///
    /// # Panics
    /// If it is 0: an item needs a place to be worked on.
    pub fn window(mut self, places: usize) -> Flow<'a, S> {
        assert!(places > 0, "a flow needs a window of one place at least");
        self.window = Some(places);
        self
    }

    /// Hands at most so many items over at a time; 1 is one by one.
    ///
    /// Without this, so many that they are some 20 us of work, and 256 at most. If one of them then takes much longer,
    /// those that were handed over with it wait for it, also where there is no order.
    ///
    /// # Panics
    /// If it is 0.
    pub fn portion(mut self, most: usize) -> Flow<'a, S> {
        assert!(most > 0, "a portion has one item at least");
        self.portion = Some(most);
        self
    }

    /// Stops with `stop`, too. One may stop many flows. In a pipeline it is given to the first stage, and stops all.
    ///
    /// # Panics
    /// If this flow was given one before, or is a later stage of a pipeline, which stops with the first.
    pub fn stopping(mut self, stop: &Stop) -> Flow<'a, S> {
        assert!(!self.is_linked, "a flow stops with one stop, and in a pipeline that is given to the first stage");
        (self.line, self.is_linked) = (stop.child(), true);
        self
    }
}

impl<'a, S> Flow<'a, S>
where
    S: Source + Send + 'a,
    S::Item: Send + 'a,
{
    /// The same flow, whatever its source was: for several of different sources in one place, as [`fan_in`](crate::fan_in) wants
    /// them.
    pub fn boxed(self) -> Flow<'a, Box<dyn Source<Item = S::Item> + Send + 'a>> {
        let Flow { source, spawn, window, portion, line, before, is_linked } = self;
        Flow { source: Box::new(source), spawn, window, portion, line, before, is_linked }
    }

    /// What `f` makes of the items, in the order of the items, by so many workers, each a thread.
    ///
    /// # Panics
    /// If there are to be 0 workers. See [`Mapped`] for panics of `f`.
    pub fn map_ordered<R, F>(self, workers: usize, f: F) -> Mapped<'a, S, R>
    where
        R: Send + 'a,
        F: Fn(S::Item) -> R + Send + Sync + 'a,
    {
        self.map(workers, f, true)
    }

    /// What `f` makes of the items, as it is made, by so many workers, each a thread. A slow item holds up no more than
    /// its [portion](Flow::portion).
    ///
    /// # Panics
    /// If there are to be 0 workers. See [`Mapped`] for panics of `f`.
    pub fn map_unordered<R, F>(self, workers: usize, f: F) -> Mapped<'a, S, R>
    where
        R: Send + 'a,
        F: Fn(S::Item) -> R + Send + Sync + 'a,
    {
        self.map(workers, f, false)
    }

    fn map<R, F>(self, workers: usize, f: F, is_ordered: bool) -> Mapped<'a, S, R>
    where
        R: Send + 'a,
        F: Fn(S::Item) -> R + Send + Sync + 'a,
    {
        let f = Arc::new(f);
        self.staff(workers, is_ordered, |worker| {
            let f = f.clone();
            (0..workers)
                .map(|who| {
                    let (worker, f) = (worker(who), f.clone());
                    Box::new(move || worker.run(&*f)) as Work<'a>
                })
                .collect()
        })
    }

    pub(crate) fn places(&self, workers: usize) -> usize {
        self.window.unwrap_or_else(|| workers.saturating_mul(PLACES))
    }

    /// Wires a stage up. `works` makes what its threads do, of as many workers as it asks for.
    pub(crate) fn staff<R: Send + 'a>(
        self,
        workers: usize,
        is_ordered: bool,
        works: impl FnOnce(&dyn Fn(usize) -> Worker<S, R>) -> Vec<Work<'a>>,
    ) -> Mapped<'a, S, R> {
        assert!(workers > 0, "a stage needs a worker");
        let window = self.places(workers);
        let common =
            Common { door: Arc::new(Doorway::default()), own: self.line.child(), line: self.line, before: self.before };
        let heeds_stop = self.source.heeds_stop();
        // Each portion has a place at least, and one more may bring a panic alone: so these sends never wait.
        let capacity = window.saturating_add(1);
        let (freed, places) = bounded(capacity);
        let (give, turns) = bounded(1);
        let (report, results) = bounded(capacity);
        let (share, shared) = bounded(workers);
        let turn = Turn::new(self.source, Pace::new(workers, window, self.portion), window, places);
        // A new channel of capacity 1, whose receiver is here.
        let _ = give.send(turn);
        let works = works(&|who| Worker {
            who,
            give: give.clone(),
            turns: turns.clone(),
            share: share.clone(),
            shared: shared.clone(),
            results: report.clone(),
            common: common.clone(),
        });
        let (crew, spawn) = (Crew::new(self.spawn), self.spawn);
        Mapped::new(Parts { works, crew, spawn, common, turns, results, freed, heeds_stop, is_ordered })
    }
}

impl<S: fmt::Debug> fmt::Debug for Flow<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").field("source", &self.source).field("window", &self.window).finish_non_exhaustive()
    }
}
