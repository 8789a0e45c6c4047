//! A runtime: what its threads share, how it is made, and how it ends.

use std::{
    collections::HashMap,
    env, fmt, io,
    ptr::NonNull,
    sync::{
        Arc, Condvar, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering, fence},
    },
    thread,
    time::{Duration, Instant},
};

use narrows::check;

use crate::{
    crew::{Crew, Order},
    duty::Poll,
    idle::Idle,
    injector::Injector,
    monitor::Monitor,
    registry::{Key, Registry},
    ring,
    sync::lock,
    task::{self, Task, TaskError},
    worker::Worker,
};

/// What all threads and tasks of a runtime share.
pub(crate) struct Shared {
    own: Weak<Shared>,
    pub(crate) workers: Box<[Worker]>,
    pub(crate) injector: Injector,
    pub(crate) idle: Idle,
    pub(crate) crew: Crew,
    pub(crate) monitor: Monitor,
    registry: Registry,
    /// Of the tasks that have one, by address.
    names: Mutex<HashMap<usize, Arc<str>>>,
    tallies: Tallies,
    /// No task is begun any more.
    is_closing: AtomicBool,
    /// Every task is cancelled.
    cancels_all: AtomicBool,
    /// No task is polled any more.
    is_over: AtomicBool,
    /// For who waits until no task is left.
    last_ended: (Mutex<()>, Condvar),
}

#[derive(Debug, Default)]
struct Tallies {
    finished: AtomicU64,
    panicked: AtomicU64,
    cancelled: AtomicU64,
    handed_over: AtomicU64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn is_over(&self) -> bool {
        // SeqCst: pairs with the store in `shutdown`; either we see it, or what was queued before is found by it.
        self.is_over.load(Ordering::SeqCst)
    }

    pub(crate) fn cancels_all(&self) -> bool {
        self.cancels_all.load(Ordering::Relaxed)
    }

    /// Counts how a task ended.
    pub(crate) fn tally(&self, error: Option<&TaskError>) {
        let tally = match error {
            None => &self.tallies.finished,
            Some(TaskError::Panicked(_)) => &self.tallies.panicked,
            Some(TaskError::Cancelled) => &self.tallies.cancelled,
        };
        tally.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_name(&self, address: usize, name: &str) {
        lock(&self.names).insert(address, name.into());
    }

    pub(crate) fn name(&self, address: usize) -> Option<Arc<str>> {
        lock(&self.names).get(&address).cloned()
    }

    /// A task's future is gone.
    pub(crate) fn ended(&self, key: Key, name: Option<usize>) {
        if let Some(address) = name {
            lock(&self.names).remove(&address);
        }
        // One may be left that waits here itself.
        if self.registry.remove(key) <= 1 && self.is_closing() {
            drop(lock(&self.last_ended.0));
            self.last_ended.1.notify_all();
        }
    }

    /// Queues tasks where any worker finds them, and wakes one.
    pub(crate) fn inject(&self, items: impl IntoIterator<Item = NonNull<()>>) {
        self.injector.push(items);
        self.call_one();
        self.clear_if_over();
    }

    /// After something was queued: at the end nobody comes any more.
    #[inline]
    pub(crate) fn clear_if_over(&self) {
        if self.is_over() {
            self.clear();
        }
    }

    /// Queues a task at a worker, or, if that has no room, this and half of what is there for all.
    pub(crate) fn queue(&self, worker: &Worker, item: NonNull<()>) {
        match worker.ring.push(item) {
            Ok(()) => {
                self.call_one();
                self.clear_if_over();
            }
            Err(item) => {
                let half = (0..ring::CAPACITY / 2).map_while(|_| worker.ring.pop());
                self.inject(half.collect::<Vec<_>>().into_iter().chain([item]));
            }
        }
    }

    /// Queues a task that gave way at its own worker, which comes to it by itself. Nobody is woken for it: most often it waits for
    /// another task, and that is here, too. If all here are busy after all, the monitor calls another worker.
    pub(crate) fn queue_behind(&self, worker: &Worker, item: NonNull<()>, poll: Poll) {
        if let Err(item) = worker.ring.push(item) {
            return self.queue(worker, item);
        }
        // SeqCst: pairs with `Duty::take` and the fence in `lie_down`: if the worker was taken away, whoever has it saw the task, or we
        // see that.
        fence(Ordering::SeqCst);
        if !worker.duty.is_open(poll) || self.is_over() {
            self.call_one();
            self.clear_if_over();
        }
    }

    /// Whether a task waits in a queue.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.injector.is_empty() || self.workers.iter().any(|worker| !worker.ring.is_empty())
    }

    /// Wakes a worker for what was added, if none looks around anyway.
    #[inline]
    pub(crate) fn call_one(&self) {
        while let Some(worker) = self.idle.to_wake() {
            if self.wake(worker) {
                return;
            }
        }
    }

    /// A worker that was taken from the list of those asleep gets up. False: there is no thread for it.
    fn wake(&self, worker: usize) -> bool {
        let sleeper = lock(&self.workers[worker].sleeper).take();
        let Some(thread) = sleeper else {
            return self.send(Order { worker, searching: true });
        };
        // Release: pairs with the Acquire in `sleep`.
        self.workers[worker].is_called.store(true, Ordering::Release);
        thread.unpark();
        true
    }

    /// False: there is no thread for it now. Others are to be called then, for nothing waits for this worker alone any more.
    fn send(&self, order: Order) -> bool {
        let sent = self.own.upgrade().is_none_or(|own| self.crew.send(&own, order));
        if !sent {
            self.injector.push(self.workers[order.worker].take_front());
            if order.searching {
                self.idle.found();
            }
        }
        sent
    }

    fn send_or_call(&self, order: Order) {
        if !self.send(order) {
            self.call_one();
        }
    }

    /// Takes a worker from a poll that keeps it, and finds another thread if there is work. False: that poll has ended, or there
    /// are as many threads as there may be.
    pub(crate) fn hand_over(&self, worker: usize, poll: Poll) -> bool {
        if !self.crew.reserve() {
            // The task in front is this worker's alone. Another may be idle.
            if let Some(item) = self.workers[worker].take_front() {
                self.inject([item]);
            }
            return false;
        }
        if !self.workers[worker].duty.take(poll) {
            self.crew.release();
            return false;
        }
        self.tallies.handed_over.fetch_add(1, Ordering::Relaxed);
        if self.has_work(worker) {
            self.send_or_call(Order { worker, searching: false });
            return true;
        }
        // Whoever has a task for it finds it a thread then.
        self.idle.lie_down(worker, false);
        if self.has_work(worker) && self.idle.get_up(worker) {
            self.send_or_call(Order { worker, searching: true });
        }
        true
    }

    /// A thread that lost this worker would go on with it: whether nobody else does.
    pub(crate) fn regain(&self, worker: usize) -> bool {
        let sleeper = lock(&self.workers[worker].sleeper);
        let is_free = sleeper.is_none() && self.idle.get_up(worker);
        drop(sleeper);
        if is_free {
            self.crew.release();
        }
        is_free
    }

    /// Whether a worker that looked now would find something.
    pub(crate) fn has_work(&self, worker: usize) -> bool {
        self.has_waiting() || !self.workers[worker].is_empty()
    }

    /// Says that tasks wait and there is no thread left for them.
    pub(crate) fn complain_full(&self, task: usize, lasted: Duration) {
        let name = self.name(task);
        let name = name.as_deref().unwrap_or("without a name");
        let threads = self.crew.alive();
        eprintln!(
            "narrows-task: all {threads} threads are in tasks that do not return (task {name}: for {lasted:?}); \
             others wait. Let long work await now and then, or raise `max_threads`"
        );
    }

    /// Polls what is queued once more: all tasks are cancelled by now, so each ends.
    #[cold]
    fn clear(&self) {
        // SeqCst: pairs with the one in `to_wake`, between what was queued and the look at `is_over`.
        fence(Ordering::SeqCst);
        let mut items = Vec::new();
        while let Some(item) = self.injector.pop(1, 1, |_| ()) {
            items.push(item);
        }
        for worker in &self.workers {
            items.extend(worker.take_front());
            items.extend(std::iter::from_fn(|| worker.ring.pop()));
        }
        for item in items {
            task::from_item(item).run();
        }
    }
}

/// Threads with tasks on them. Most programs need no more than the one behind [`go`](crate::go), which is made when it is first
/// used and never ends; this is for those that want several, or one that does end.
///
/// ```
/// use std::time::Duration;
///
/// let runtime = narrows_task::Runtime::builder().workers(1).build()?;
/// let task = runtime.go(async { narrows_task::go(async { 21 }).await.unwrap() * 2 });
/// assert_eq!(task.join().unwrap(), 42);
/// let report = runtime.shutdown(Duration::from_secs(1));
/// assert!(report.is_clean());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Dropped, it cancels its tasks, waits a tenth of a second for those that are being polled, and ends.
pub struct Runtime {
    shared: Arc<Shared>,
}

/// How a [`Runtime`] is made.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    workers: Option<usize>,
    max_threads: usize,
    name: String,
}

impl Builder {
    /// How many tasks are polled at a time. By default as `NARROWS_WORKERS` says, or else one for each processor.
    pub fn workers(mut self, workers: usize) -> Builder {
        self.workers = Some(workers);
        self
    }

    /// How many threads there may be, those in blocking operations and in tasks that do not return included: 512 by default, and
    /// never fewer than workers. At the limit such tasks do stall the others, which is said on standard error.
    pub fn max_threads(mut self, threads: usize) -> Builder {
        self.max_threads = threads;
        self
    }

    /// The name of its threads, as debuggers show it; by default `narrows-task`.
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        self.name = name.into();
        self
    }

    /// Makes it. Threads are started as they are needed, but for the monitor.
    ///
    /// # Errors
    /// The system has no thread for the monitor; no workers are asked for, or more than 4,096; the name holds a NUL; or
    /// `NARROWS_WORKERS`, if it decides, is not such a number.
    pub fn build(self) -> io::Result<Runtime> {
        let workers = match self.workers {
            Some(workers) => workers,
            None => workers_by_default().map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?,
        };
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what.to_owned()));
        if !(1..=MOST_WORKERS).contains(&workers) {
            return wrong(&format!("{workers} workers: between 1 and {MOST_WORKERS} can be"));
        }
        if self.name.contains('\0') {
            return wrong("a thread's name cannot hold a NUL");
        }
        #[cfg(not(narrows_check))]
        let monitor = format!("{}-mon", self.name);
        let shared = Arc::new_cyclic(|own| Shared {
            own: own.clone(),
            workers: (0..workers).map(|_| Worker::new()).collect(),
            injector: Injector::new(),
            idle: Idle::new(workers),
            crew: Crew::new(self.name, workers, self.max_threads),
            monitor: Monitor::default(),
            registry: Registry::new(),
            names: Mutex::default(),
            tallies: Tallies::default(),
            is_closing: AtomicBool::new(false),
            cancels_all: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            last_ended: (Mutex::new(()), Condvar::new()),
        });
        #[cfg(not(narrows_check))]
        let watched = Arc::downgrade(&shared);
        #[cfg(not(narrows_check))]
        thread::Builder::new().name(monitor).spawn(move || Monitor::watch(&watched))?;
        Ok(Runtime { shared })
    }
}

const MOST_WORKERS: usize = 4096;
const MAX_THREADS: usize = 512;

/// As the environment says, or one for each processor.
fn workers_by_default() -> Result<usize, String> {
    match env::var("NARROWS_WORKERS") {
        Ok(text) => match text.parse() {
            Ok(workers) if (1..=MOST_WORKERS).contains(&workers) => Ok(workers),
            _ => Err(format!("NARROWS_WORKERS is {text:?}: a number from 1 to {MOST_WORKERS} is expected")),
        },
        Err(env::VarError::NotPresent) => Ok(thread::available_parallelism().map_or(1, usize::from)),
        Err(env::VarError::NotUnicode(_)) => Err("NARROWS_WORKERS is no number".to_owned()),
    }
}

impl Runtime {
    /// What it is to be like.
    pub fn builder() -> Builder {
        Builder { workers: None, max_threads: MAX_THREADS, name: "narrows-task".to_owned() }
    }

    /// Starts a task, see [`go`](crate::go).
    pub fn go<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(&self.shared, None, future)
    }

    /// The same with a name, which reports and complaints give.
    pub fn go_named<F>(&self, name: &str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(&self.shared, Some(name), future)
    }

    /// Runs a future on this thread; what it starts by [`go`](crate::go) is this runtime's.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        crate::block::block_on_in(&self.shared, future)
    }

    /// What it has done.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Ends it: begins no more tasks, gives those it has `grace` to end by themselves, cancels the rest where they wait, and ends
    /// its threads.
    ///
    /// A task that is being polled and does not return cannot be ended by anybody: it is reported, and its thread left alone.
    pub fn shutdown(self, grace: Duration) -> Report {
        self.shared.shutdown(grace)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if !self.shared.is_over() {
            self.shared.shutdown(Duration::ZERO);
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("workers", &self.shared.workers.len()).finish_non_exhaustive()
    }
}

/// The runtime behind [`go`](crate::go).
///
/// # Panics
/// If it cannot be made, see [`Builder::build`].
#[cfg(not(narrows_check))]
pub(crate) fn global() -> &'static Runtime {
    static GLOBAL: OnceLock<Runtime> = OnceLock::new();
    GLOBAL.get_or_init(by_default)
}

/// The same: each schedule has its own.
#[cfg(narrows_check)]
pub(crate) fn global() -> Arc<Runtime> {
    crate::thread::global(by_default)
}

fn by_default() -> Runtime {
    Runtime::builder().build().unwrap_or_else(|error| panic!("no threads for tasks: {error}"))
}

/// What became of the tasks of a runtime that was shut down.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// So many ended by themselves after the shutdown began.
    pub finished: u64,
    /// So many were dropped where they waited.
    pub cancelled: u64,
    /// Those that did not return: they still have a thread. By name, `task` if they have none.
    pub stuck: Vec<String>,
}

impl Report {
    /// Whether every task ended by itself.
    pub fn is_clean(&self) -> bool {
        self.cancelled == 0 && self.stuck.is_empty()
    }
}

/// What a runtime has done, at about the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Tasks that have not ended.
    pub alive: usize,
    /// Tasks that ended with an answer.
    pub finished: u64,
    /// Tasks that panicked.
    pub panicked: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
    /// Polls, about.
    pub polls: u64,
    /// How often a worker was taken from a poll that did not end, or was given up by one that blocked.
    pub handed_over: u64,
    /// Threads there are, without the monitor.
    pub threads: usize,
    /// Workers.
    pub workers: usize,
}

/// Tasks that were cancelled get so long to see it, if they are being polled.
const LAST_GRACE: Duration = Duration::from_millis(100);

impl Shared {
    pub(crate) fn stats(&self) -> Stats {
        let of = |tally: &AtomicU64| tally.load(Ordering::Relaxed);
        Stats {
            alive: self.registry.len(),
            finished: of(&self.tallies.finished),
            panicked: of(&self.tallies.panicked),
            cancelled: of(&self.tallies.cancelled),
            polls: self.workers.iter().map(|worker| worker.duty.polls()).sum(),
            handed_over: of(&self.tallies.handed_over),
            threads: self.crew.alive(),
            workers: self.workers.len(),
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        // SeqCst: as in `shutdown`.
        self.is_closing.load(Ordering::SeqCst)
    }

    pub(crate) fn shutdown(&self, grace: Duration) -> Report {
        let before = self.stats();
        // SeqCst: pairs with the look in `ended`, and the count that `wait_for_tasks` takes with the one there.
        self.is_closing.store(true, Ordering::SeqCst);
        // A task of ours that calls this cannot wait for itself, nor can its thread.
        let own = self.current_task();
        let (own_tasks, own_threads) = (usize::from(own.is_some()), usize::from(crate::thread::is_of(self)));
        crate::thread::hand_over();
        // None: longer than time lasts.
        self.wait_for_tasks(own_tasks, check::now().checked_add(grace));
        self.cancels_all.store(true, Ordering::Relaxed);
        if self.registry.len() > own_tasks {
            self.registry.wake_all();
            self.wait_for_tasks(own_tasks, Some(check::now() + LAST_GRACE));
        }
        // SeqCst: pairs with `is_over`.
        self.is_over.store(true, Ordering::SeqCst);
        self.crew.close();
        for worker in &self.workers {
            if let Some(thread) = &*lock(&worker.sleeper) {
                thread.unpark();
            }
        }
        self.monitor.unpark();
        // What nobody came to in time ends here.
        self.clear();
        self.crew.wait(own_threads + self.stuck(own).len(), Instant::now() + LAST_GRACE);
        self.clear();
        let stuck = self.stuck(own);
        let after = self.stats();
        Report {
            finished: (after.finished + after.panicked) - (before.finished + before.panicked),
            cancelled: after.cancelled - before.cancelled,
            stuck,
        }
    }

    /// The task that calls, if it is one of ours.
    fn current_task(&self) -> Option<usize> {
        let (shared, task) = crate::thread::current_task()?;
        std::ptr::eq(&raw const *shared, self).then_some(task)
    }

    /// Those that nobody can end: they are being polled and go on.
    fn stuck(&self, own: Option<usize>) -> Vec<String> {
        let left = self.registry.len().saturating_sub(usize::from(own.is_some()));
        let names = lock(&self.names);
        let others = names.iter().filter(|(task, _)| own != Some(**task));
        let mut names: Vec<String> = others.map(|(_, name)| name.as_ref().to_owned()).collect();
        names.sort_unstable();
        names.truncate(left);
        names.resize(left, "task".to_owned());
        names
    }

    #[cfg(narrows_check)]
    fn wait_for_tasks(&self, except: usize, deadline: Option<Instant>) {
        // Not one step of the schedule where nobody is waited for: a runtime of the last schedule may be dropped in the next.
        if self.registry.len() <= except {
            return;
        }
        let due = deadline.map_or_else(narrows::never, narrows::at);
        while self.registry.len() > except && due.try_recv().is_err() {
            check::thread::yield_now();
        }
    }

    #[cfg(not(narrows_check))]
    fn wait_for_tasks(&self, except: usize, deadline: Option<Instant>) {
        let mut held = lock(&self.last_ended.0);
        while self.registry.len() > except {
            let left = deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return;
            }
            held = self.last_ended.1.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
