//! Worlds: making ranks, running them on threads, and what became of each.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use crate::{
    error::Error,
    home::Home,
    office::Office,
    parcel::Carrier,
    rank::Rank,
    sync::{self, Arc, Mutex, ScopedJoinHandle, lock, scope, unlocked},
    watch::{PATIENCE, Watch},
};

/// Ranks that can reach each other. This is where they come from.
#[derive(Debug)]
pub enum World {}

impl World {
    /// Ranks that are `n` threads of this process.
    pub fn threads(n: usize) -> Threads {
        Threads { n, patience: Some(PATIENCE) }
    }

    /// The ranks themselves, to be moved to threads or tasks of the caller's own, on whatever executor. A rank has ended when
    /// its last clone was dropped. There is no report of deadlocks: nobody knows on what a rank of this kind may wait besides.
    ///
    /// ```
    /// use narrows_rank::{Tag, World};
    ///
    /// let mut ranks = World::ranks(2);
    /// let (b, a) = (ranks.pop().unwrap(), ranks.pop().unwrap());
    /// let task = async move {
    ///     let (n, _) = b.irecv::<u32>(0, Tag(1)).await?;
    ///     Ok::<u32, narrows_rank::Error>(n + 1)
    /// };
    /// a.send(1, 1, 6_u32)?;
    /// # use std::task::{Context, Poll, Waker};
    /// # let mut task = Box::pin(task);
    /// # let Poll::Ready(n) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!() };
    /// # assert_eq!(n?, 7);
    /// # Ok::<(), narrows_rank::Error>(())
    /// ```
    pub fn ranks(n: usize) -> Vec<Rank> {
        ranks(n, None)
    }
}

fn ranks(n: usize, patience: Option<Duration>) -> Vec<Rank> {
    ranks_of(n, patience, Vec::new())
}

pub(crate) fn ranks_of(n: usize, patience: Option<Duration>, homes: Vec<Arc<Home>>) -> Vec<Rank> {
    let office = Arc::new(Office::here(n, Watch::new(n, patience), homes));
    let members: Arc<[u32]> = (0..n).map(|rank| u32::try_from(rank).expect("so many ranks do not fit")).collect();
    (0..n).map(|rank| Rank::new(rank, office.clone(), members.clone())).collect()
}

/// A world of threads, not yet begun. From [`World::threads`].
#[derive(Debug, Clone)]
#[must_use = "nothing happens before `run`"]
pub struct Threads {
    n: usize,
    patience: Option<Duration>,
}

impl Threads {
    /// Reports no deadlocks. For ranks that hand themselves to further threads, and there compute while their own thread waits.
    pub fn without_deadlock_report(self) -> Threads {
        Threads { patience: None, ..self }
    }

    /// Runs `program` on every rank, and returns what each returned, in order of their numbers. It may borrow.
    ///
    /// ```
    /// use narrows_rank::{Any, Tag, World};
    ///
    /// const TAG: u32 = 1;
    /// let data = vec![1.5, 2.5];
    /// let sums = World::threads(4).run(|me| {
    ///     let next = (me.rank() + 1) % me.size();
    ///     me.send(next, TAG, data.clone())?;
    ///     let (x, _from) = me.recv::<Vec<f64>>(Any, Tag(TAG))?;
    ///     let sum = me.all_reduce(x.len(), |a, b| a + b)?;
    ///     me.barrier()?;
    ///     Ok(sum)
    /// })?;
    /// assert_eq!(sums, [8, 8, 8, 8]);
    /// # Ok::<(), narrows_rank::RunError>(())
    /// ```
    ///
    /// # Errors
    /// If a rank fails or panics: which ones, the first of them first. The others are waited for; whoever of them waits for one that
    /// has ended gets an error.
    pub fn run<R, F>(self, program: F) -> Result<Vec<R>, RunError>
    where
        R: Send,
        F: Fn(&Rank) -> Result<R, Error> + Sync,
    {
        let failures = Mutex::new(Vec::new());
        let run = |rank: &Rank| run_one(rank, &program, &failures);
        let run = &run;
        let results: Vec<Option<R>> = scope(|scope| {
            let start_one = |rank: Rank| {
                let again = rank.clone();
                sync::start(scope, format!("rank {}", rank.rank()), move || run(&rank)).map_err(|error| {
                    let cause = Cause::NotStarted(error.to_string());
                    lock(&failures).push(Failure { rank: again.rank(), cause });
                    again.core.end(&format!("could not be started: {error}"));
                })
            };
            let threads: Vec<_> = ranks(self.n, self.patience).into_iter().map(start_one).collect();
            // What panics there is what is dropped as the rank ends: a message that it has not received.
            let join = |(rank, thread): (usize, Result<ScopedJoinHandle<'_, Option<R>>, ()>)| {
                thread.ok()?.join().unwrap_or_else(|panic| {
                    lock(&failures).push(Failure { rank, cause: Cause::Panicked(said(&*panic)) });
                    None
                })
            };
            threads.into_iter().enumerate().map(join).collect()
        });
        conclude(results, unlocked(failures))
    }
}

pub(crate) fn conclude<R>(results: Vec<Option<R>>, failures: Vec<Failure>) -> Result<Vec<R>, RunError> {
    if failures.is_empty() {
        Ok(results.into_iter().map(|result| result.expect("who has not failed has a result")).collect())
    } else {
        Err(RunError { failures })
    }
}

/// What became of a rank is noted before the others hear of its end, so that the first failure is the first in the list.
pub(crate) fn run_one<R, W: Carrier>(
    rank: &Rank<W>,
    program: &impl Fn(&Rank<W>) -> Result<R, Error>,
    failures: &Mutex<Vec<Failure>>,
) -> Option<R> {
    rank.core.office.settle(rank.rank());
    conclude_one(rank, catch_unwind(AssertUnwindSafe(|| program(rank))), failures)
}

/// The end of a rank, with what its program returned or panicked with.
pub(crate) fn conclude_one<R, W: Carrier>(
    rank: &Rank<W>,
    outcome: Result<Result<R, Error>, Box<dyn Any + Send>>,
    failures: &Mutex<Vec<Failure>>,
) -> Option<R> {
    let (result, cause, how) = match outcome {
        Ok(Ok(result)) => (Some(result), None, "has returned".to_owned()),
        Ok(Err(error)) => {
            let how = format!("failed: {error}");
            (None, Some(Cause::Failed(error)), how)
        }
        Err(payload) => {
            let said = said(&*payload);
            let how = format!("panicked: {said}");
            (None, Some(Cause::Panicked(said)), how)
        }
    };
    if let Some(cause) = cause {
        lock(failures).push(Failure { rank: rank.rank(), cause });
    }
    rank.core.end(&how);
    result
}

fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "something that is no text".to_owned())
}

/// Why a rank failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Its program returned this error.
    Failed(Error),
    /// Its program panicked, and what it said.
    Panicked(String),
    /// Its thread could not be started, and why.
    NotStarted(String),
}

/// A rank that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its number.
    pub rank: usize,
    /// Why.
    pub cause: Cause,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rank = self.rank;
        match &self.cause {
            Cause::Failed(error) => write!(f, "rank {rank} failed: {error}"),
            Cause::Panicked(said) => write!(f, "rank {rank} panicked: {said}"),
            Cause::NotStarted(why) => write!(f, "rank {rank} could not be started: {why}"),
        }
    }
}

/// That at least one rank failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    /// All that failed, in the order in which they did; so the first is mostly the cause of the others.
    pub failures: Vec<Failure>,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.failures.split_first() {
            Some((first, [])) => first.fmt(f),
            Some((first, rest)) => write!(f, "{first} (and {} after it)", rest.len()),
            None => f.write_str("no rank failed"),
        }
    }
}

impl std::error::Error for RunError {}
