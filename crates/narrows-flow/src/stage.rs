//! A worker of a stage: it takes its turn at the source, passes the turn on, and works on what it took.
//! Invariant: whatever was taken is accounted for in a `Done`: made, panicked, or left.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use narrows::{CancelToken, Receiver, Sender, TrySendError, select};

use crate::{
    doorway::Doorway,
    pace::{Measure, TARGET},
    received,
    source::Source,
    stop::Stop,
    turn::{Job, Payload, Turn},
};

/// What became of a portion.
#[derive(Debug)]
pub(crate) struct Done<T, R> {
    pub(crate) number: u64,
    /// Places it has.
    pub(crate) size: usize,
    pub(crate) made: Vec<R>,
    /// Each with how many of `made` come before it.
    pub(crate) panics: Vec<(usize, Payload)>,
    /// Items that were not begun.
    pub(crate) left: Vec<T>,
}

/// Between two looks at the clock there are so many items, unless they are slow.
// A look costs as much as several trivial items; between eight it is lost in the hand-over.
const LOOK_EVERY: usize = 8;

/// A portion that takes so many times what it was meant to take is shared.
const SLOW: u32 = 2;

/// Works on a portion. A panic takes one item with it; the others are worked on nevertheless. If it takes long, what is
/// left comes back as a portion of its own.
pub(crate) fn work_off<T, R>(mut job: Job<T>, stop: &Stop, f: impl Fn(T) -> R) -> (Done<T, R>, Option<Job<T>>) {
    let (mut made, mut panics) = (Vec::with_capacity(job.items.len()), Vec::new());
    let (began, mut looked, mut is_slow) = (Instant::now(), 0, false);
    let items = &mut job.items;
    loop {
        let run = || {
            while !stop.is_stopping_now() {
                let Some(item) = items.next() else { return };
                made.push(f(item));
                if items.len() > 0 && (made.len() == 1 || made.len() >= looked + LOOK_EVERY) {
                    looked = made.len();
                    is_slow = began.elapsed() > TARGET * SLOW;
                    if is_slow {
                        return;
                    }
                }
            }
        };
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(()) => break,
            Err(panic) => panics.push((made.len(), panic)),
        }
    }
    let mut size = made.len() + panics.len();
    if is_slow {
        let number = job.number + size as u64;
        let rest = Job { number, items: job.items, panic: job.panic, took: Duration::ZERO, is_slow: true };
        return (Done { number: job.number, size, made, panics, left: Vec::new() }, Some(rest));
    }
    panics.extend(job.panic.map(|panic| (made.len(), panic)));
    let left: Vec<T> = job.items.collect();
    size = made.len() + panics.len() + left.len();
    (Done { number: job.number, size, made, panics, left }, None)
}

/// What the workers of a stage and its caller have in common.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    pub(crate) door: Arc<Doorway>,
    /// Of the whole pipeline: what a panic stops.
    pub(crate) line: Stop,
    /// Of this stage alone.
    pub(crate) own: Stop,
    /// The stage before this one in the pipeline, whose items are to be taken even if it stops soon.
    pub(crate) before: Option<Stop>,
}

impl Common {
    /// Cancelled once nothing more is to be taken.
    pub(crate) fn end(&self) -> &CancelToken {
        if self.before.is_some() { self.own.now_token() } else { self.own.soon_token() }
    }
}

pub(crate) struct Worker<S: Source, R> {
    pub(crate) who: usize,
    pub(crate) give: Sender<Turn<S>>,
    pub(crate) turns: Receiver<Turn<S>>,
    /// What a worker could not do in good time, for those who have nothing to do.
    pub(crate) share: Sender<Job<S::Item>>,
    pub(crate) shared: Receiver<Job<S::Item>>,
    pub(crate) results: Sender<Done<S::Item, R>>,
    pub(crate) common: Common,
}

impl<S: Source, R> Worker<S, R> {
    pub(crate) fn run(self, f: &impl Fn(S::Item) -> R) {
        let (mut measure, mut kept) = (None, None);
        while let Some(mut job) = kept.take().or_else(|| self.next(&mut measure)) {
            if job.is_slow
                && let Some(first) = job.split_first()
            {
                kept = self.offer(job);
                job = first;
            }
            let (took, began) = (job.took, Instant::now());
            let (done, rest) = work_off(job, &self.common.own, f);
            measure = Some(Measure { items: done.made.len(), took: took + began.elapsed() });
            if !self.report(done) {
                return;
            }
            // The rest of one item is none, so nothing that was kept is forgotten.
            kept = rest.and_then(|rest| self.offer(rest)).or(kept);
        }
    }

    /// Whoever has nothing to do takes it. If there is enough for all, it comes back.
    fn offer(&self, rest: Job<S::Item>) -> Option<Job<S::Item>> {
        self.share.try_send(rest).err().map(TrySendError::into_inner)
    }

    /// What another could not do, or else what the source has. `None` if there is neither, and no more to come: who
    /// shares looks here again before it ends.
    fn next(&self, measure: &mut Option<Measure>) -> Option<Job<S::Item>> {
        if let Ok(job) = self.shared.try_recv() {
            return Some(job);
        }
        let end = self.common.end();
        let turn = match self.turns.try_recv() {
            Ok(turn) => turn,
            Err(_) => select! {
                recv(self.turns) -> turn => turn.ok()?,
                recv(self.shared) -> job => return job.ok(),
                recv(end.cancelled()) -> _ => return self.shared.try_recv().ok(),
            },
        };
        self.take(turn, measure).or_else(|| self.shared.try_recv().ok())
    }

    /// Waits for the turn and takes it. `None` once there is nothing more to take.
    pub(crate) fn take_turn(&self, measure: &mut Option<Measure>) -> Option<Job<S::Item>> {
        let turn = received::recv(&self.turns, self.common.end())?;
        self.take(turn, measure)
    }

    fn take(&self, mut turn: Turn<S>, measure: &mut Option<Measure>) -> Option<Job<S::Item>> {
        if let Some(measure) = mem::take(measure) {
            turn.pace.learn(measure);
        }
        let job = turn.take(self.who, &self.common.door, self.common.end());
        // There is one turn, and one place: it never waits. At the end it stays there, and the source in it.
        let _ = self.give.send(turn);
        job
    }

    /// False if the caller is gone.
    pub(crate) fn report(&self, done: Done<S::Item, R>) -> bool {
        if !done.panics.is_empty() {
            self.common.line.soon();
        }
        self.results.send(done).is_ok()
    }
}
