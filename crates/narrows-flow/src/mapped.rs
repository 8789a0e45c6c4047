//! What a stage brings, as an iterator: the end of the flow that the caller holds. It hands out results, gives their
//! places back, and knows when there is no more to come.
//!
//! The end: either every worker has ended, or the flow was stopped, the door is shut, and what was taken before has come.
//! So a source that waits for ever delays no end.

use std::{
    fmt,
    iter::FusedIterator,
    mem,
    panic::resume_unwind,
    thread,
    time::{Duration, Instant},
};

use narrows::{CancelToken, Receiver, RecvTimeoutError, Sender, TryRecvError, at, select};

use crate::{
    crew::{Crew, Spawn, Work},
    desk::Desk,
    flow::Flow,
    source::Source,
    stage::{Common, Done},
    stop::Stop,
    summary::{Rest, Summary},
    turn::{Payload, Turn},
};

/// The results of a stage, and the stage with them. From [`map_ordered`](Flow::map_ordered) and the like.
///
/// The stage begins with the first call of `next`. Then its workers take items by themselves, until as many lie between the source and
/// the caller as the [window](Flow::window) has places.
///
/// # Panics
/// `next` panics with the payload of a panic in the stage, in the place of the item that was lost to it. After that no
/// more items are taken. What was taken before can still be had by calling `next` again, and the source by
/// [`finish`](Mapped::finish).
///
/// # Dropping
/// Dropping it stops the flow [at once](Stop::now) and waits for the calls of the user's function that are running.
/// It waits for a source that is just being asked only if that [heeds a stop](Source::heeds_stop), or for a tenth of a
/// second: a thread of its own is then left behind in the source, and an item that the source still gives is dropped with it.
/// A thread of a scope is joined by the scope.
#[must_use = "a flow does nothing until results are asked for"]
pub struct Mapped<'a, S: Source, R> {
    /// What the threads are to do, until they do.
    works: Vec<Work<'a>>,
    crew: Crew<'a>,
    common: Common,
    turns: Receiver<Turn<S>>,
    results: Receiver<Done<S::Item, R>>,
    /// `None` once it is being finished, which lets a worker go that waits for a place.
    freed: Option<Sender<usize>>,
    heeds_stop: bool,
    desk: Desk<S::Item, R>,
    /// How much is to come, once the door is shut.
    all: Option<u64>,
    spawn: &'a dyn Spawn<'a>,
}

/// How long a flow that is dropped waits for a source that does not heed a stop.
const GRACE: Duration = Duration::from_millis(100);

/// How long to wait for the next result.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Not,
    Until(Instant),
    ForEver,
}

pub(crate) enum Next<R> {
    Result(thread::Result<R>),
    /// None within the time.
    NotNow,
    End,
}

enum Arrival {
    Come,
    NotNow,
    End,
}

/// What a stage and its workers share, made before its threads are.
pub(crate) struct Parts<'a, S: Source, R> {
    pub(crate) works: Vec<Work<'a>>,
    pub(crate) crew: Crew<'a>,
    pub(crate) spawn: &'a dyn Spawn<'a>,
    pub(crate) common: Common,
    pub(crate) turns: Receiver<Turn<S>>,
    pub(crate) results: Receiver<Done<S::Item, R>>,
    pub(crate) freed: Sender<usize>,
    pub(crate) heeds_stop: bool,
    pub(crate) is_ordered: bool,
}

impl<'a, S: Source, R> Mapped<'a, S, R> {
    pub(crate) fn new(parts: Parts<'a, S, R>) -> Mapped<'a, S, R> {
        Mapped {
            works: parts.works,
            crew: parts.crew,
            spawn: parts.spawn,
            common: parts.common,
            turns: parts.turns,
            results: parts.results,
            freed: Some(parts.freed),
            heeds_stop: parts.heeds_stop,
            desk: Desk::new(parts.is_ordered),
            all: None,
        }
    }

    /// Ends the flow from elsewhere; in a pipeline all of it.
    pub fn stopper(&self) -> Stop {
        self.common.line.clone()
    }

    /// What has become of the items so far. What is with a worker, or waits for its turn in the order, counts as stuck.
    pub fn summary(&self) -> Summary {
        self.desk.summary(self.common.door.state().taken)
    }

    /// These results as the source of a next stage: a pipeline. All its stages work at the same time.
    ///
    /// ```
    /// use narrows_flow::IntoFlow;
    ///
    /// let lengths = ["1", "22", "333"].into_iter().flow().map_ordered(2, str::len).flow().map_ordered(2, |n| n * 10);
    /// assert_eq!(lengths.collect::<Vec<_>>(), [10, 20, 30]);
    /// ```
    pub fn flow(self) -> Flow<'a, Mapped<'a, S, R>> {
        let (line, before, spawn) = (self.common.line.clone(), self.common.own.clone(), self.spawn);
        Flow::following(self, line, before, spawn)
    }

    /// The next result, or that the end or `deadline` has come before.
    pub(crate) fn next_by(&mut self, wait: Wait) -> Next<R> {
        self.crew.start(mem::take(&mut self.works));
        loop {
            let result = self.desk.next();
            let places = self.desk.take_freed();
            if let Some(freed) = self.freed.as_ref().filter(|_| places > 0) {
                // It has a place for each item; it fails if nobody wants to take any more.
                let _ = freed.send(places);
            }
            if let Some(result) = result {
                return Next::Result(result);
            }
            match self.arrive(wait) {
                Arrival::Come => {}
                Arrival::NotNow => return Next::NotNow,
                Arrival::End => return Next::End,
            }
        }
    }

    /// Makes a panic that was taken the next result again.
    pub(crate) fn put_back(&mut self, panic: Payload) {
        self.desk.put_back(panic);
    }

    /// Waits for a portion.
    fn arrive(&mut self, wait: Wait) -> Arrival {
        loop {
            match self.results.try_recv() {
                Ok(done) => {
                    self.desk.put(done);
                    return Arrival::Come;
                }
                Err(TryRecvError::Disconnected) => return Arrival::End,
                Err(TryRecvError::Empty) => {}
            }
            if self.all.is_some_and(|all| self.desk.come >= all) {
                return Arrival::End;
            }
            let done = match wait {
                Wait::Not => return Arrival::NotNow,
                _ if self.all.is_none() => self.wait_or_stop(wait),
                Wait::Until(deadline) => match self.results.recv_deadline(deadline) {
                    Err(RecvTimeoutError::Timeout) => return Arrival::NotNow,
                    done => done.ok(),
                },
                Wait::ForEver => self.results.recv().ok(),
            };
            match done {
                Some(done) => {
                    self.desk.put(done);
                    return Arrival::Come;
                }
                None if matches!(wait, Wait::Until(deadline) if deadline <= Instant::now()) => {
                    return Arrival::NotNow;
                }
                // Disconnected, or stopped: look again.
                None => {}
            }
        }
    }

    /// Waits for a portion, for a stop, which shuts the door, or for the deadline.
    fn wait_or_stop(&mut self, wait: Wait) -> Option<Done<S::Item, R>> {
        let timer = match wait {
            Wait::Until(deadline) => at(deadline),
            Wait::Not | Wait::ForEver => narrows::never(),
        };
        select! {
            recv(self.results) -> done => done.ok(),
            recv(self.common.end().cancelled()) -> _ => {
                self.all = Some(self.common.door.shut().taken);
                None
            },
            recv(timer) -> _ => None,
        }
    }

    /// Stops the flow at once, waits for at most `grace` for the calls that are running, and gives back everything
    /// there is. A flow that has come to its end is finished at once.
    ///
    /// What is still running then is stuck, and so is its thread: it ends with its call, and the result is dropped.
    ///
    /// ```
    /// use std::time::Duration;
    /// use narrows_flow::IntoFlow;
    ///
    /// let mut doubled = (0..100).flow().window(4).map_ordered(2, |n| n * 2);
    /// assert_eq!(doubled.next(), Some(0));
    /// let rest = doubled.finish(Duration::from_secs(60));
    /// let left = rest.source.expect("nobody waits for it").into_inner().count() as u64;
    /// assert_eq!(rest.summary.taken + left, 100);
    /// assert_eq!(rest.summary.handled, 1 + rest.made.len() as u64);
    /// assert_eq!(rest.summary.stuck, 0);
    /// ```
    pub fn finish(mut self, grace: Duration) -> Rest<S, R> {
        let deadline = Instant::now().checked_add(grace);
        self.end();
        let all = self.common.door.shut().taken;
        self.all = Some(all);
        let wait = deadline.map_or(Wait::ForEver, Wait::Until);
        let (mut made, mut panics) = (Vec::new(), Vec::new());
        let mut keep = |result: thread::Result<R>| match result {
            Ok(result) => made.push(result),
            Err(panic) => panics.push(panic),
        };
        self.take_in(wait, &mut keep);
        self.crew.join(deadline, |_| deadline.is_some());
        // What came since the deadline.
        self.take_in(Wait::Not, &mut keep);
        // Behind what is stuck there may be more.
        while let Some(result) = self.desk.next_of_rest() {
            keep(result);
        }
        let mut source = None;
        let mut summary = self.summary();
        if let Ok(mut turn) = self.turns.try_recv() {
            summary.taken += turn.late.len() as u64 + u64::from(turn.late_panic.is_some());
            summary.returned += turn.late.len() as u64;
            summary.panicked += u64::from(turn.late_panic.is_some());
            self.desk.returned.append(&mut turn.late);
            panics.extend(turn.late_panic.take());
            source = Some(turn.source);
        }
        Rest { made, returned: mem::take(&mut self.desk.returned), panics, source, summary }
    }

    /// Takes what comes, until none does within the time.
    fn take_in(&mut self, wait: Wait, keep: &mut impl FnMut(thread::Result<R>)) {
        loop {
            while let Some(result) = self.desk.next() {
                keep(result);
            }
            if !matches!(self.arrive(wait), Arrival::Come) {
                return;
            }
        }
    }

    /// Tells all workers to end, and the stage before, which one of them may wait for.
    fn end(&mut self) {
        // What did not start never will.
        self.works.clear();
        self.common.own.now();
        if let Some(before) = &self.common.before {
            before.now();
        }
        self.freed = None;
    }
}

impl<S: Source, R> Iterator for Mapped<'_, S, R> {
    type Item = R;

    fn next(&mut self) -> Option<R> {
        match self.next_by(Wait::ForEver) {
            Next::Result(Ok(result)) => Some(result),
            Next::Result(Err(panic)) => resume_unwind(panic),
            Next::NotNow | Next::End => None,
        }
    }
}

impl<S: Source, R> FusedIterator for Mapped<'_, S, R> {}

/// A stage after this one takes a panic in the place of its item, and passes it on.
impl<S: Source, R> Source for Mapped<'_, S, R> {
    type Item = R;

    fn pull(&mut self, _: &CancelToken) -> Option<thread::Result<R>> {
        // What stops the stage after it stops this one: `end`.
        match self.next_by(Wait::ForEver) {
            Next::Result(result) => Some(result),
            Next::NotNow | Next::End => None,
        }
    }

    fn pull_more(&mut self, into: &mut Vec<R>, most: usize) {
        for _ in 0..most {
            match self.next_by(Wait::Not) {
                Next::Result(Ok(result)) => into.push(result),
                Next::Result(Err(panic)) => {
                    self.desk.put_back(panic);
                    return;
                }
                Next::NotNow | Next::End => return,
            }
        }
    }

    fn heeds_stop(&self) -> bool {
        true
    }
}

impl<S: Source, R> Drop for Mapped<'_, S, R> {
    fn drop(&mut self) {
        self.end();
        let inside = self.common.door.shut().inside.filter(|_| !self.heeds_stop);
        self.crew.join(Instant::now().checked_add(GRACE), |who| inside == Some(who));
    }
}

impl<S: Source, R> fmt::Debug for Mapped<'_, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped").field("summary", &self.summary()).finish_non_exhaustive()
    }
}
