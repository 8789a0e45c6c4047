//! Fan-out into branches that the caller works on, and fan-in of several flows: a thread takes from each source and sends
//! through bounded channels, item by item, so that the slowest branch holds up the source, and nothing else does.

use std::{
    fmt,
    hash::Hash,
    iter::FusedIterator,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use narrows::{CancelToken, Receiver, Sender, bounded};

use crate::{
    crew::{Crew, Spawn, Work},
    doorway::Doorway,
    flow::Flow,
    keyed::lane,
    received,
    source::Source,
    stop::Stop,
    turn::{Payload, drop_caught},
};

/// At most so many items are taken from a source at a time.
const PORTION: usize = 64;

/// How long branches that are dropped wait for a source that does not heed a stop.
const GRACE: Duration = Duration::from_millis(100);

type Entry<T> = thread::Result<T>;

/// One of several that share a source, or what several sources bring: an iterator, and the source of flows. From
/// [`broadcast`](Flow::broadcast), [`partition`](Flow::partition) and [`fan_in`].
///
/// Its threads begin at once. With the last branch they go, as those of a [`Mapped`](crate::Mapped) do; a branch that is dropped
/// alone takes with it what is meant for it, and leaves the others as they are.
///
/// # Panics
/// `next` panics with the payload of a panic of the source, of a key, of a clone, or of the drop of an item whose branch is gone:
/// in the first branch that is still there. What came before comes out before. After one of these but the source's, which
/// take their item with them, more follows.
pub struct Branch<'a, T> {
    // Dropped before the feeders, who may be sending into it.
    items: Receiver<Entry<T>>,
    /// A panic that came among items taken at once: the next entry.
    panic: Option<Payload>,
    feeders: Arc<Feeders<'a>>,
}

struct Feeders<'a> {
    crew: Crew<'a>,
    spawn: &'a dyn Spawn<'a>,
    origins: Vec<Origin>,
}

/// Where a feeder takes from, and how it is stopped there.
struct Origin {
    door: Arc<Doorway>,
    own: Stop,
    before: Option<Stop>,
    heeds_stop: bool,
}

impl Drop for Feeders<'_> {
    fn drop(&mut self) {
        for origin in &self.origins {
            origin.own.now();
            if let Some(before) = &origin.before {
                before.now();
            }
        }
        let is_held: Vec<bool> =
            self.origins.iter().map(|origin| origin.door.shut().inside.is_some() && !origin.heeds_stop).collect();
        self.crew.join(Instant::now().checked_add(GRACE), |who| is_held[who]);
    }
}

/// What a thread takes from.
struct Feed<S> {
    source: S,
    door: Arc<Doorway>,
    end: CancelToken,
}

impl<S: Source> Feed<S> {
    /// Brings all that the source has, until `bring` says that nobody wants any more.
    fn run(mut self, mut bring: impl FnMut(Entry<S::Item>) -> bool) {
        let mut has_ended = false;
        while !has_ended && !self.end.is_cancelled() && self.door.enter(0) {
            let (mut items, mut panic): (_, Option<Payload>) = (Vec::new(), None);
            let find = || match self.source.pull(&self.end) {
                None => has_ended = true,
                Some(Err(before)) => panic = Some(before),
                Some(Ok(item)) => {
                    items.push(item);
                    self.source.pull_more(&mut items, PORTION - 1);
                }
            };
            if let Err(of_source) = catch_unwind(AssertUnwindSafe(find)) {
                (panic, has_ended) = (Some(of_source), true);
            }
            has_ended |= !self.door.leave(items.len());
            let entries = items.into_iter().map(Ok).chain(panic.map(Err));
            for entry in entries {
                if !bring(entry) {
                    return;
                }
            }
        }
    }
}

/// A panic goes to the first that is there; false if none is.
fn bring_panic<T>(branches: &[Option<Sender<Entry<T>>>], panic: Payload) -> bool {
    let mut entry = Err(panic);
    for branch in branches.iter().flatten() {
        match branch.send(entry) {
            Ok(()) => return true,
            Err(refused) => entry = refused.into_inner(),
        }
    }
    false
}

/// Sends to a branch; forgets one that is gone. What panics is the drop of an item that nobody wants.
fn send<T>(branch: &mut Option<Sender<Entry<T>>>, item: T) -> Option<Payload> {
    let Some(sender) = branch else { return drop_caught(item) };
    let refused = sender.send(Ok(item)).err()?;
    *branch = None;
    drop_caught(refused)
}

impl<'a, S> Flow<'a, S>
where
    S: Source + Send + 'a,
    S::Item: Send + 'a,
{
    /// So many branches, each of which gets every item; each holds up to `capacity`.
    ///
    /// ```
    /// use narrows_flow::IntoFlow;
    ///
    /// let [sum, max] = <[_; 2]>::try_from((1..=10).flow().broadcast(2, 4)).unwrap();
    /// let max = std::thread::spawn(move || max.max());
    /// assert_eq!(sum.sum::<u32>(), 55);
    /// assert_eq!(max.join().unwrap(), Some(10));
    /// ```
    ///
    /// # Panics
    /// If the capacity is 0, or there is no thread.
    pub fn broadcast(self, branches: usize, capacity: usize) -> Vec<Branch<'a, S::Item>>
    where
        S::Item: Clone,
    {
        self.fan_out(branches, capacity, |branches, item| {
            let there = branches.iter().flatten().count();
            // All clones before the first is sent: no branch is ahead by an item that the others never get.
            let clones = catch_unwind(AssertUnwindSafe(|| vec![item; there]));
            match clones {
                Ok(clones) => {
                    let there = branches.iter_mut().filter(|branch| branch.is_some());
                    // Each gets its own before a panic is told.
                    let panics: Vec<_> = there.zip(clones).filter_map(|(branch, item)| send(branch, item)).collect();
                    panics.into_iter().all(|panic| bring_panic(branches, panic))
                }
                Err(panic) => bring_panic(branches, panic),
            }
        })
    }

    /// So many branches; all items of one key are in the same one, and those in their order. Each holds up to `capacity`.
    ///
    /// ```
    /// use narrows_flow::IntoFlow;
    ///
    /// let branches = (0..100).flow().partition(3, 100, |n| n % 10);
    /// let counts: Vec<_> = branches.into_iter().map(Iterator::count).collect();
    /// assert!(counts.iter().all(|count| count % 10 == 0));
    /// assert_eq!(counts.iter().sum::<usize>(), 100);
    /// ```
    ///
    /// # Panics
    /// If there are to be 0 branches, the capacity is 0, or there is no thread.
    pub fn partition<K: Hash>(
        self,
        branches: usize,
        capacity: usize,
        key: impl Fn(&S::Item) -> K + Send + 'a,
    ) -> Vec<Branch<'a, S::Item>> {
        assert!(branches > 0, "items need a branch to go to");
        self.fan_out(branches, capacity, move |branches, item| {
            match catch_unwind(AssertUnwindSafe(|| lane(&key(&item), branches.len()))) {
                Ok(lane) => send(&mut branches[lane], item).is_none_or(|panic| bring_panic(branches, panic)),
                Err(panic) => {
                    // One item brings one panic.
                    drop_caught(item);
                    bring_panic(branches, panic)
                }
            }
        })
    }

    fn fan_out(
        self,
        branches: usize,
        capacity: usize,
        mut deal: impl FnMut(&mut [Option<Sender<Entry<S::Item>>>], S::Item) -> bool + Send + 'a,
    ) -> Vec<Branch<'a, S::Item>> {
        assert!(capacity > 0, "a branch needs a capacity of at least 1");
        let (mut senders, receivers): (Vec<_>, Vec<_>) =
            (0..branches).map(|_| bounded(capacity)).map(|(s, r)| (Some(s), r)).unzip();
        let work = move |feed: Feed<S>| {
            feed.run(|entry| match entry {
                Ok(item) => deal(&mut senders, item) && senders.iter().any(Option::is_some),
                Err(panic) => bring_panic(&senders, panic),
            });
        };
        let feeders = start(vec![(self, work)]);
        receivers.into_iter().map(|items| Branch { items, panic: None, feeders: feeders.clone() }).collect()
    }
}

/// What several flows bring, as it comes: one thread for each, and up to `capacity` items that wait to be taken. In the
/// order of each flow.
///
/// Flows of different sources are of one kind by [`boxed`](Flow::boxed).
///
/// ```
/// use narrows_flow::{IntoFlow, fan_in, lines};
///
/// let numbers = (1..=3).flow().boxed();
/// let read = lines("4\n5\n".as_bytes()).map_ordered(1, |line| line.unwrap().parse().unwrap()).flow().boxed();
/// assert_eq!(fan_in([numbers, read], 10).sum::<u32>(), 15);
/// ```
///
/// # Panics
/// If there is no flow, the capacity is 0, or there is no thread.
pub fn fan_in<'a, S>(flows: impl IntoIterator<Item = Flow<'a, S>>, capacity: usize) -> Branch<'a, S::Item>
where
    S: Source + Send + 'a,
    S::Item: Send + 'a,
{
    assert!(capacity > 0, "a fan-in needs a capacity of at least 1");
    let (sender, items) = bounded(capacity);
    let works = flows.into_iter().map(|flow| {
        let sender = sender.clone();
        (flow, move |feed: Feed<S>| feed.run(|entry| sender.send(entry).is_ok()))
    });
    let works: Vec<_> = works.collect();
    drop(sender);
    Branch { items, panic: None, feeders: start(works) }
}

/// Starts a thread for each flow.
fn start<'a, S, W>(flows: Vec<(Flow<'a, S>, W)>) -> Arc<Feeders<'a>>
where
    S: Source + Send + 'a,
    W: FnOnce(Feed<S>) + Send + 'a,
{
    let spawn = flows.first().expect("a fan-in needs a flow").0.spawn;
    let (mut origins, mut works): (Vec<Origin>, Vec<Work<'a>>) = (Vec::new(), Vec::new());
    for (flow, work) in flows {
        let (door, own, heeds_stop) = (Arc::new(Doorway::default()), flow.line.child(), flow.source.heeds_stop());
        let end = if flow.before.is_some() { own.now_token() } else { own.soon_token() }.clone();
        let feed = Feed { source: flow.source, door: door.clone(), end };
        origins.push(Origin { door, own, before: flow.before, heeds_stop });
        works.push(Box::new(move || work(feed)));
    }
    let mut feeders = Feeders { crew: Crew::new(spawn), spawn, origins };
    feeders.crew.start(works);
    Arc::new(feeders)
}

impl<'a, T> Branch<'a, T> {
    /// This branch as the source of a flow.
    pub fn flow(self) -> Flow<'a, Branch<'a, T>> {
        let spawn = self.feeders.spawn;
        Flow::on(self, spawn)
    }
}

impl<T> Iterator for Branch<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let entry = self.panic.take().map(Err).or_else(|| self.items.recv().ok())?;
        Some(entry.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

impl<T> FusedIterator for Branch<'_, T> {}

impl<T> Source for Branch<'_, T> {
    type Item = T;

    fn pull(&mut self, stop: &CancelToken) -> Option<Entry<T>> {
        self.panic.take().map(Err).or_else(|| received::recv(&self.items, stop))
    }

    fn pull_more(&mut self, into: &mut Vec<T>, most: usize) {
        for _ in 0..most {
            match self.items.try_recv() {
                Ok(Ok(item)) => into.push(item),
                Ok(Err(panic)) => {
                    self.panic = Some(panic);
                    return;
                }
                Err(_) => return,
            }
        }
    }

    fn heeds_stop(&self) -> bool {
        true
    }
}

impl<T> fmt::Debug for Branch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branch").field("len", &self.items.len()).finish_non_exhaustive()
    }
}
