//! One thread that sees to it that no poll keeps a worker for long. It looks every few milliseconds while any worker is awake,
//! and sleeps while all sleep.
//!
//! A poll is stuck after [`PATIENCE`] if its thread has worked meanwhile, or waits in the kernel. One that was merely not given a
//! processor is not: to replace it would put one more thread in its way.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering, fence},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use crate::{duty::Poll, runtime::Shared, watch::Books};

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
        // SeqCst: pairs with the one in `watch`; who has not said yet which thread it is sees that all is over.
        fence(Ordering::SeqCst);
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
            samples.resize_with(shared.workers.len(), Seen::default);
            for (worker, sample) in samples.iter_mut().enumerate() {
                look_at(&shared, worker, sample, &mut complained);
            }
            let waits = shared.crew.send_waiting(&shared);
            if shared.has_waiting() {
                // Those that gave way called nobody.
                shared.call_one();
            }
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
}

/// What the monitor remembers of a worker.
#[derive(Debug, Default)]
struct Seen {
    /// The poll that was under way, and since when at the latest.
    poll: Option<(Poll, Instant)>,
    /// By which time of its thread it had not begun yet.
    before: Duration,
    /// Its thread's, and the processor time then.
    books: Books,
    ran: Duration,
}

fn look_at(shared: &Arc<Shared>, number: usize, seen: &mut Seen, complained: &mut Option<Instant>) {
    let worker = &shared.workers[number];
    let Some(poll) = worker.duty.under_way() else {
        seen.poll = None;
        return;
    };
    let thread = worker.thread_id.load(Ordering::Relaxed);
    if seen.books.id != thread {
        // It is new here, and had not run before it came.
        (seen.books, seen.ran) = (Books::of(thread), Duration::from_nanos(worker.ran_before.load(Ordering::Relaxed)));
    }
    let ran = seen.books.ran().or_else(|| {
        // Another thread may have its number by now.
        seen.books = Books::of(thread);
        seen.books.ran()
    });
    let before = seen.ran;
    seen.ran = ran.unwrap_or(before);
    let Some((_, since)) = seen.poll.filter(|(known, _)| *known == poll) else {
        (seen.poll, seen.before) = (Some((poll, Instant::now())), before);
        return;
    };
    let lasted = since.elapsed();
    let is_stuck = match ran {
        Some(ran) => lasted >= PATIENCE && (ran >= seen.before + WORKED || seen.books.is_blocked()),
        None => lasted >= BLIND,
    };
    if !is_stuck {
        return;
    }
    let has_room = shared.crew.has_room();
    // It may have ended just now: then nothing is to be done.
    if shared.hand_over(number, poll) || has_room {
        seen.poll = None;
    } else if complained.is_none_or(|at| at.elapsed() >= COMPLAINS_EVERY) {
        *complained = Some(Instant::now());
        shared.complain_full(worker.task.load(Ordering::Relaxed), lasted);
    }
}
