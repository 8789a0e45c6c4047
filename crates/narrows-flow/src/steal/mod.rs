//! Work stealing, for tasks that make tasks: threads over a [pool](pool) of deques, and what they bring home.

mod pool;

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    thread,
};

use self::pool::Pool;
use crate::{stop::Stop, summary::Summary};

/// Adds tasks from within a task. Given to the function of [`Stealing::run`].
pub struct Spawner<'p, T> {
    pool: &'p Pool<T>,
    who: usize,
}

impl<T> Spawner<'_, T> {
    /// Adds a task. This worker takes it when it has come to the end of those added later, or another steals it.
    pub fn spawn(&self, task: T) {
        self.pool.spawn(self.who, task);
    }

    /// The number of the worker that runs this task, from 0.
    pub fn worker(&self) -> usize {
        self.who
    }
}

impl<T> fmt::Debug for Spawner<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").field("worker", &self.who).finish_non_exhaustive()
    }
}

/// Tasks that make tasks, on so many threads, each with a deque that the others steal from.
///
/// ```
/// use narrows_flow::Stealing;
///
/// /// The sum of a range, in halves.
/// let sum = Stealing::new(4).run([0..10_000_u64], || 0, |sum, range, spawner| {
///     if range.end - range.start <= 100 {
///         *sum += range.sum::<u64>();
///     } else {
///         let middle = range.start.midpoint(range.end);
///         spawner.spawn(range.start..middle);
///         spawner.spawn(middle..range.end);
///     }
/// });
/// assert_eq!(sum.into_states().into_iter().sum::<u64>(), 49_995_000);
/// ```
#[derive(Clone, Debug)]
pub struct Stealing {
    workers: usize,
    stop: Stop,
}

/// What has become of the tasks of [`Stealing::run`].
#[non_exhaustive]
pub struct Stolen<T, A> {
    /// What each worker has made.
    pub states: Vec<A>,
    /// Panics of tasks. Each took its task with it, and nothing else.
    pub panics: Vec<Box<dyn Any + Send>>,
    /// Tasks that were not begun when it was stopped.
    pub returned: Vec<T>,
    /// The numbers; taken are the tasks begun with and those added.
    pub summary: Summary,
}

impl<T, A> Stolen<T, A> {
    /// What each worker has made.
    ///
    /// # Panics
    /// If a task has panicked, with the payload of the first.
    pub fn into_states(self) -> Vec<A> {
        if let Some(panic) = self.panics.into_iter().next() {
            resume_unwind(panic);
        }
        self.states
    }
}

impl<T, A> fmt::Debug for Stolen<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stolen").field("summary", &self.summary).finish_non_exhaustive()
    }
}

/// What one worker brings home.
struct Home<A> {
    state: A,
    panics: Vec<Box<dyn Any + Send>>,
    handled: u64,
}

impl Stealing {
    /// By so many workers, each a thread.
    ///
    /// # Panics
    /// If there are to be 0.
    pub fn new(workers: usize) -> Stealing {
        assert!(workers > 0, "tasks need a worker");
        Stealing { workers, stop: Stop::new() }
    }

    /// Stops with `stop`: [at once](Stop::now), after the tasks that are running. To stop [soon](Stop::soon) changes nothing,
    /// for the tasks that a task adds belong to it.
    #[must_use]
    pub fn stopping(mut self, stop: &Stop) -> Stealing {
        self.stop = stop.child();
        self
    }

    /// Runs `task` on each of `tasks` and on all that they [add](Spawner::spawn), and returns when all are done. A worker has a
    /// state from `state`, which its tasks may change.
    ///
    /// A panic takes its own task with it; the others run. What a task calls may borrow, for the threads end before this
    /// returns.
    ///
    /// # Panics
    /// If there is no thread, or `state` panics.
    pub fn run<T, A, N, F>(&self, tasks: impl IntoIterator<Item = T>, state: N, task: F) -> Stolen<T, A>
    where
        T: Send,
        A: Send,
        N: Fn() -> A + Sync,
        F: Fn(&mut A, T, &Spawner<'_, T>) + Sync,
    {
        let pool = Pool::new(self.workers);
        for (at, task) in tasks.into_iter().enumerate() {
            pool.spawn(at % self.workers, task);
        }
        // All states before the first thread: a panic here leaves nobody asleep.
        let states: Vec<A> = (0..self.workers).map(|_| state()).collect();
        let (pool, stop, task) = (&pool, &self.stop, &task);
        let homes: Vec<Home<A>> = thread::scope(|scope| {
            let work = |(who, state)| {
                let worker = thread::Builder::new().name("narrows-flow".to_owned());
                let spawned = worker.spawn_scoped(scope, move || work(pool, who, state, stop, task));
                spawned.unwrap_or_else(|error| {
                    // Those that run already end with what they have.
                    pool.end();
                    panic!("no thread for a worker: {error}")
                })
            };
            let threads: Vec<_> = states.into_iter().enumerate().map(work).collect();
            let homes = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            homes.collect()
        });
        let mut stolen =
            Stolen { states: Vec::new(), panics: Vec::new(), returned: Vec::new(), summary: Summary::default() };
        for home in homes {
            stolen.states.push(home.state);
            stolen.summary.handled += home.handled;
            stolen.panics.extend(home.panics);
        }
        stolen.returned = pool.take_all();
        let summary = &mut stolen.summary;
        (summary.panicked, summary.returned) = (stolen.panics.len() as u64, stolen.returned.len() as u64);
        summary.taken = summary.handled + summary.panicked + summary.returned;
        stolen
    }
}

fn work<T, A>(
    pool: &Pool<T>,
    who: usize,
    mut state: A,
    stop: &Stop,
    task: &(impl Fn(&mut A, T, &Spawner<'_, T>) + Sync),
) -> Home<A> {
    let spawner = Spawner { pool, who };
    let (mut panics, mut handled) = (Vec::new(), 0);
    loop {
        let run = || {
            while !stop.is_stopping_now() {
                let Some(next) = pool.next(who) else { return };
                task(&mut state, next, &spawner);
                handled += 1;
            }
            // Nobody sleeps on.
            pool.end();
        };
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(()) => return Home { state, panics, handled },
            Err(panic) => panics.push(panic),
        }
    }
}
