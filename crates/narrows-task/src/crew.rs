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

/// That no thread can be had is said so often.
const COMPLAINS_EVERY: Duration = Duration::from_secs(1);

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
    /// Workers that nobody drives, most often because there is nothing to do there. Each may need a thread at any moment.
    unmanned: usize,
    /// Orders that no thread could be started for.
    waiting: Vec<Order>,
    complained: Option<Instant>,
    is_over: bool,
}

impl Threads {
    fn has_room(&self, limit: usize) -> bool {
        let busy = self.alive - self.spare.len();
        busy + self.unmanned < limit
    }
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
        let threads = Threads { unmanned: workers, ..Threads::default() };
        Crew { threads: Mutex::new(threads), one_ended: Condvar::new(), name, limit: limit.max(workers) }
    }

    /// Whether one more worker can change hands, as it seems.
    pub(crate) fn has_room(&self) -> bool {
        lock(&self.threads).has_room(self.limit)
    }

    /// Counts one more worker as unmanned, if there is, or may be, a thread for it.
    pub(crate) fn reserve(&self) -> bool {
        let mut threads = lock(&self.threads);
        let has_room = threads.has_room(self.limit);
        threads.unmanned += usize::from(has_room);
        has_room
    }

    /// One that was counted so has a thread after all.
    pub(crate) fn release(&self) {
        lock(&self.threads).unmanned -= 1;
    }

    /// Finds a thread for that worker, which is counted as unmanned. False: there is none, and the monitor tries again.
    pub(crate) fn send(&self, shared: &Arc<Shared>, order: Order) -> bool {
        let mut threads = lock(&self.threads);
        if threads.is_over {
            return true;
        }
        if let Some(spare) = threads.spare.pop() {
            threads.unmanned -= 1;
            drop(threads);
            *lock(&spare.order) = Some(order);
            spare.thread.unpark();
            return true;
        }
        threads.handles.retain(|handle| !handle.is_finished());
        match self.start(shared, order) {
            Ok(handle) => {
                threads.handles.push(handle);
                threads.alive += 1;
                threads.unmanned -= 1;
                true
            }
            Err(error) => {
                // It does not search before it has a thread.
                threads.waiting.push(Order { searching: false, ..order });
                let is_news = threads.complained.is_none_or(|at| at.elapsed() >= COMPLAINS_EVERY);
                if is_news {
                    threads.complained = Some(Instant::now());
                }
                drop(threads);
                if is_news {
                    eprintln!("narrows-task: a thread is wanted and the system has none ({error}); trying again");
                }
                false
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
                threads.unmanned -= 1;
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
        // One of them may be here itself: what a thread keeps to its end may hold the runtime.
        let own = thread::current().id();
        for handle in handles.into_iter().filter(|handle| handle.thread().id() != own) {
            // A thread that panicked has said so.
            let _ = handle.join();
        }
    }
}
