//! Work stealing, for tasks that make tasks. Each worker has a deque of its own: it takes the newest from one end, and who
//! has nothing takes the older half of another's from the other end, so few meet and large tasks travel.
//!
//! Who finds nothing says so (`hungry`), looks everywhere once more, and then sleeps. Who adds a task looks at `hungry`
//! and calls a sleeper. No call is lost: both lock the deque in between. Either the look came after the task and finds it,
//! or it came before, and then the adder, who locked after, sees `hungry`.
//!
//! The end: a task is added only by a worker to its own deque, and a worker sleeps only after it found that one empty. So
//! if all sleep, all deques are empty and will stay so.

use std::{
    any::Any,
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{stop::Stop, summary::Summary};

/// At most so many tasks are stolen at a time.
const LOOT: usize = 32;

/// Nothing of the user's runs under these locks, so what a panic left is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A worker's deque. Neighbours in memory would slow each other down.
#[repr(align(128))]
struct Deque<T>(Mutex<VecDeque<T>>);

#[derive(Default)]
struct Beds {
    sleepers: usize,
    /// Sleepers that are to get up and look.
    calls: usize,
    is_over: bool,
}

struct Pool<T> {
    deques: Vec<Deque<T>>,
    /// Workers that have found nothing and do not run a task.
    hungry: AtomicUsize,
    beds: Mutex<Beds>,
    call: Condvar,
}

/// Adds tasks from within a task. Given to the function of [`Stealing::run`].
pub struct Spawner<'p, T> {
    pool: &'p Pool<T>,
    who: usize,
}

impl<T> Spawner<'_, T> {
    /// Adds a task. This worker takes it when it has come to the end of those added later, or another steals it.
    pub fn spawn(&self, task: T) {
        lock(&self.pool.deques[self.who].0).push_back(task);
        // Relaxed: the lock just left orders it, as the head of this file says.
        if self.pool.hungry.load(Ordering::Relaxed) > 0 {
            self.pool.call_one();
        }
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

impl<T> Pool<T> {
    #[cold]
    fn call_one(&self) {
        let mut beds = lock(&self.beds);
        // Who is hungry and does not sleep yet finds the call when it means to.
        beds.calls = (beds.calls + 1).min(self.deques.len());
        drop(beds);
        self.call.notify_one();
    }

    /// The newest of one's own, or the older half of another's.
    fn find(&self, who: usize) -> Option<T> {
        if let Some(task) = lock(&self.deques[who].0).pop_back() {
            return Some(task);
        }
        let others = (1..self.deques.len()).map(|step| (who + step) % self.deques.len());
        others.into_iter().find_map(|other| self.steal(who, other))
    }

    fn steal(&self, who: usize, other: usize) -> Option<T> {
        let mut theirs = lock(&self.deques[other].0);
        let count = theirs.len().div_ceil(2).min(LOOT);
        let mut loot = theirs.drain(..count);
        let first = loot.next();
        let rest: VecDeque<T> = loot.collect();
        drop(theirs);
        if !rest.is_empty() {
            lock(&self.deques[who].0).extend(rest);
            // Relaxed: as in `spawn`. It was in nobody's deque for a moment, and may be what others looked for.
            if self.hungry.load(Ordering::Relaxed) > 0 {
                self.call_one();
            }
        }
        first
    }

    /// A task; `None` once there are none and nobody is left who could add one.
    fn next(&self, who: usize) -> Option<T> {
        if let Some(task) = self.find(who) {
            return Some(task);
        }
        // Relaxed: the locks of the deques, taken next, order it.
        self.hungry.fetch_add(1, Ordering::Relaxed);
        let task = loop {
            if let Some(task) = self.find(who) {
                break Some(task);
            }
            if !self.sleep() {
                break None;
            }
        };
        self.hungry.fetch_sub(1, Ordering::Relaxed);
        task
    }

    /// Sleeps until called; false once all sleep.
    fn sleep(&self) -> bool {
        let mut beds = lock(&self.beds);
        beds.sleepers += 1;
        if beds.sleepers == self.deques.len() && beds.calls == 0 {
            beds.is_over = true;
            self.call.notify_all();
        }
        while beds.calls == 0 && !beds.is_over {
            beds = self.call.wait(beds).unwrap_or_else(PoisonError::into_inner);
        }
        beds.sleepers -= 1;
        beds.calls = beds.calls.saturating_sub(1);
        !beds.is_over
    }

    fn end(&self) {
        lock(&self.beds).is_over = true;
        self.call.notify_all();
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
        let pool = Pool {
            deques: (0..self.workers).map(|_| Deque(Mutex::new(VecDeque::new()))).collect(),
            hungry: AtomicUsize::new(0),
            beds: Mutex::new(Beds::default()),
            call: Condvar::new(),
        };
        for (at, task) in tasks.into_iter().enumerate() {
            lock(&pool.deques[at % self.workers].0).push_back(task);
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
        stolen.returned = pool.deques.iter().flat_map(|deque| std::mem::take(&mut *lock(&deque.0))).collect();
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
