//! The threads of a runtime: how many there are, and those that wait for a worker to drive.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle, Thread},
    time::{Duration, Instant},
};

use crate::{runtime::Shared, sync::lock};

/// A thread that nobody needed for so long ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// Drive this worker. `searching`: it was woken, and counts as one that looks around (`idle.rs`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) worker: usize,
    pub(crate) searching: bool,
}

#[derive(Debug)]
struct Spare {
    thread: Thread,
    order: Mutex<Option<Order>>,
}

#[derive(Debug, Default)]
struct Threads {
    spare: Vec<Arc<Spare>>,
    handles: Vec<JoinHandle<()>>,
    alive: usize,
    /// Workers that nobody drives, because there is nothing to do there. Each may need a thread at any moment.
    idle_workers: usize,
    /// Orders that no thread could be started for.
    waiting: Vec<Order>,
    is_over: bool,
}

#[derive(Debug)]
pub(crate) struct Crew {
    threads: Mutex<Threads>,
    one_ended: Condvar,
    name: String,
    limit: usize,
}

impl Crew {
    pub(crate) fn new(name: String, workers: usize, limit: usize) -> Crew {
        let threads = Threads { idle_workers: workers, ..Threads::default() };
        Crew { threads: Mutex::new(threads), one_ended: Condvar::new(), name, limit: limit.max(workers) }
    }

    /// Whether one more worker can change hands: there is, or may be, a thread for it.
    pub(crate) fn has_room(&self) -> bool {
        let threads = lock(&self.threads);
        !threads.spare.is_empty() || threads.alive + threads.idle_workers < self.limit
    }

    pub(crate) fn count_idle_worker(&self) {
        lock(&self.threads).idle_workers += 1;
    }

    pub(crate) fn uncount_idle_worker(&self) {
        lock(&self.threads).idle_workers -= 1;
    }

    /// Finds a thread for that worker.
    pub(crate) fn send(&self, shared: &Arc<Shared>, order: Order) {
        let mut threads = lock(&self.threads);
        if threads.is_over {
            return;
        }
        if let Some(spare) = threads.spare.pop() {
            drop(threads);
            *lock(&spare.order) = Some(order);
            spare.thread.unpark();
            return;
        }
        threads.handles.retain(|handle| !handle.is_finished());
        match self.start(shared, order) {
            Ok(handle) => {
                threads.handles.push(handle);
                threads.alive += 1;
            }
            // The monitor tries again.
            Err(error) => {
                threads.waiting.push(order);
                drop(threads);
                complain(&error);
            }
        }
    }

    fn start(&self, shared: &Arc<Shared>, order: Order) -> io::Result<JoinHandle<()>> {
        let shared = shared.clone();
        thread::Builder::new().name(self.name.clone()).spawn(move || {
            /// Counts the thread out, also if it panics.
            struct Ends(Arc<Shared>);
            impl Drop for Ends {
                fn drop(&mut self) {
                    lock(&self.0.crew.threads).alive -= 1;
                    self.0.crew.one_ended.notify_all();
                }
            }
            let ends = Ends(shared);
            crate::thread::live(&ends.0, order);
        })
    }

    /// Orders that found no thread are tried again. True if there are any.
    pub(crate) fn send_waiting(&self, shared: &Arc<Shared>) -> bool {
        let waiting = std::mem::take(&mut lock(&self.threads).waiting);
        let any = !waiting.is_empty();
        for order in waiting {
            self.send(shared, order);
        }
        any
    }

    /// For a thread without a worker: waits for the next. `None`: it is to end.
    pub(crate) fn next_order(&self) -> Option<Order> {
        let spare = Arc::new(Spare { thread: thread::current(), order: Mutex::new(None) });
        {
            let mut threads = lock(&self.threads);
            if threads.is_over {
                return None;
            }
            if let Some(order) = threads.waiting.pop() {
                return Some(order);
            }
            threads.spare.push(spare.clone());
        }
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(order) = lock(&spare.order).take() {
                return Some(order);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_over() {
                let mut threads = lock(&self.threads);
                let Some(place) = threads.spare.iter().position(|other| Arc::ptr_eq(other, &spare)) else {
                    // Somebody has just picked it.
                    drop(threads);
                    thread::yield_now();
                    continue;
                };
                threads.spare.remove(place);
                return None;
            }
            thread::park_timeout(left);
        }
    }

    fn is_over(&self) -> bool {
        lock(&self.threads).is_over
    }

    /// How many threads there are.
    pub(crate) fn alive(&self) -> usize {
        lock(&self.threads).alive
    }

    /// No thread is started any more, and those that wait are to end.
    pub(crate) fn close(&self) {
        let mut threads = lock(&self.threads);
        threads.is_over = true;
        threads.spare.iter().for_each(|spare| spare.thread.unpark());
    }

    /// Waits until all threads have ended but `except`, or time is up.
    pub(crate) fn wait(&self, except: usize, deadline: Instant) {
        let mut threads = lock(&self.threads);
        while threads.alive > except {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            threads = self.one_ended.wait_timeout(threads, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        // They have nothing more to do than to end.
        let handles = if except == 0 { std::mem::take(&mut threads.handles) } else { Vec::new() };
        drop(threads);
        for handle in handles {
            // A thread that panicked has said so.
            let _ = handle.join();
        }
    }
}

fn complain(error: &io::Error) {
    eprintln!("narrows-task: a thread is wanted and the system has none ({error}); trying again");
}
