//! One thread that sees to it that no poll keeps a worker for long. It looks every few milliseconds while any worker is awake,
//! and sleeps while all sleep.
//!
//! A poll is stuck after [`PATIENCE`] if its thread has worked meanwhile, or waits in the kernel. One that was merely not given a
//! processor is not: to replace it would put one more thread in its way.

use std::{
    io,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering, fence},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use crate::{
    duty::Poll,
    runtime::Shared,
    watch::{self, Work},
};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(3);
/// A poll that took so long is looked at more closely.
const PATIENCE: Duration = Duration::from_millis(10);
/// A thread that ran for so long meanwhile was not merely waiting for a processor.
const WORKED: Duration = Duration::from_millis(1);
/// Where the system does not say what a thread has been at, the clock decides, later.
const BLIND: Duration = Duration::from_millis(50);
/// Threads at their limit are reported if that lasts.
const COMPLAINS_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Monitor {
    thread: OnceLock<Thread>,
    is_asleep: AtomicBool,
}

/// A poll that was under way at an earlier look.
#[derive(Debug, Clone, Copy)]
struct Sample {
    poll: Poll,
    since: Instant,
    work: Option<Work>,
}

impl Monitor {
    /// A worker has woken up: the monitor looks, too.
    #[inline]
    pub(crate) fn look(&self) {
        // SeqCst: pairs with the one in `watch`; the worker was counted among those awake before.
        fence(Ordering::SeqCst);
        if self.is_asleep.load(Ordering::Relaxed) && self.is_asleep.swap(false, Ordering::Relaxed) {
            self.unpark();
        }
    }

    pub(crate) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// The monitor's life. It holds its runtime only while it looks.
    pub(crate) fn watch(runtime: &Weak<Shared>) {
        let mut samples = Vec::new();
        let mut complained = None;
        loop {
            let Some(shared) = runtime.upgrade().filter(|shared| !shared.is_over()) else { return };
            let own = &shared.monitor;
            own.thread.get_or_init(thread::current);
            samples.resize(shared.workers.len(), None);
            for (worker, sample) in samples.iter_mut().enumerate() {
                look_at(&shared, worker, sample, &mut complained);
            }
            let waits = shared.crew.send_waiting(&shared);
            if waits || !shared.idle.all_sleep() {
                drop(shared);
                thread::park_timeout(PERIOD);
                continue;
            }
            own.is_asleep.store(true, Ordering::Relaxed);
            // SeqCst: pairs with the one in `look`; who wakes up now is counted before, or wakes us.
            fence(Ordering::SeqCst);
            let goes_on = !shared.idle.all_sleep() || shared.is_over();
            if goes_on {
                own.is_asleep.store(false, Ordering::Relaxed);
            }
            drop(shared);
            if !goes_on {
                thread::park();
            }
        }
    }

    pub(crate) fn complain_no_thread(&self, error: &io::Error) {
        eprintln!("narrows-task: a thread is wanted and the system has none ({error}); trying again");
    }
}

fn look_at(shared: &Arc<Shared>, worker: usize, sample: &mut Option<Sample>, complained: &mut Option<Instant>) {
    let Some(poll) = shared.workers[worker].duty.under_way() else {
        *sample = None;
        return;
    };
    let id = shared.workers[worker].thread_id.load(Ordering::Relaxed);
    match sample {
        Some(seen) if seen.poll == poll => {
            let now = watch::look(id);
            let first = *seen.work.get_or_insert_with(|| now.unwrap_or(Work { ran: Duration::ZERO, is_blocked: false }));
            let lasted = seen.since.elapsed();
            let is_stuck = match now {
                Some(work) => lasted >= PATIENCE && (work.is_blocked || work.ran >= first.ran + WORKED),
                None => lasted >= BLIND,
            };
            if !is_stuck {
                return;
            }
            let task = shared.workers[worker].task.load(Ordering::Relaxed);
            if shared.hand_over(worker, poll) {
                *sample = None;
            } else if complained.is_none_or(|at| at.elapsed() >= COMPLAINS_EVERY) {
                *complained = Some(Instant::now());
                shared.complain_full(task, lasted);
            }
        }
        _ => *sample = Some(Sample { poll, since: Instant::now(), work: None }),
    }
}
