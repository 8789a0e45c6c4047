//! Which workers sleep, and whom to wake for a task that has become ready. Knows no queue and no thread.
//!
//! A worker that finds nothing looks around at the others first: it *searches*. While one does, nobody need be woken: it finds
//! what was added, or, the last to stop, says so and looks once more (`lie_down`).
//!
//! No task waits while all sleep. Who adds one, looks at the counts after a fence (`to_wake`); who lies down changes the
//! counts, and looks at the queues after a fence. So one of the two sees the other.

use crate::sync::{Apart, AtomicUsize, Mutex, Ordering, fence, lock};

/// Counts in one word: those who sleep above, those who search below.
const SLEEPER: usize = 1 << 16;
const SEARCHERS: usize = SLEEPER - 1;

#[derive(Debug)]
pub(crate) struct Idle {
    counts: Apart<AtomicUsize>,
    /// The workers asleep, the last to lie down at the end. The counts of sleepers change under this lock only.
    asleep: Mutex<Vec<usize>>,
    workers: usize,
}

impl Idle {
    /// At first all workers sleep: none has a thread.
    pub(crate) fn new(workers: usize) -> Idle {
        Idle {
            counts: Apart(AtomicUsize::new(workers * SLEEPER)),
            asleep: Mutex::new((0..workers).rev().collect()),
            workers,
        }
    }

    /// Who has added a task: the worker that is to be woken for it, if one has to be. It wakes up searching.
    #[inline]
    pub(crate) fn to_wake(&self) -> Option<usize> {
        // SeqCst: pairs with the fence in `lie_down`; the task was added before.
        fence(Ordering::SeqCst);
        let counts = self.counts.0.load(Ordering::Relaxed);
        if counts < SLEEPER || counts & SEARCHERS != 0 { None } else { self.wake_one() }
    }

    #[cold]
    fn wake_one(&self) -> Option<usize> {
        let mut asleep = lock(&self.asleep);
        if self.counts.0.load(Ordering::Relaxed) & SEARCHERS != 0 {
            return None;
        }
        let worker = asleep.pop()?;
        // Relaxed: who is woken learns it by its thread's unpark; the counts are read behind fences.
        self.counts.0.fetch_sub(SLEEPER - 1, Ordering::Relaxed);
        Some(worker)
    }

    /// A worker that is awake asks whether it may search. Half of them at most: more only stand in each other's way.
    pub(crate) fn may_search(&self) -> bool {
        let counts = self.counts.0.load(Ordering::Relaxed);
        let awake = self.workers - counts / SLEEPER;
        if (counts & SEARCHERS) * 2 >= awake {
            return false;
        }
        self.counts.0.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// A searcher has found something: whether it was the last, who then calls another for what there may be besides.
    pub(crate) fn found(&self) -> bool {
        // SeqCst: pairs with the fence in `to_wake`. Who counted on this searcher added its task before, and the caller looks
        // for another worker afterwards.
        let before = self.counts.0.fetch_sub(1, Ordering::SeqCst);
        before & SEARCHERS == 1
    }

    /// A worker lies down. The caller then looks at all queues once more, and gets up itself if there is something.
    pub(crate) fn lie_down(&self, worker: usize, searched: bool) {
        let mut asleep = lock(&self.asleep);
        asleep.push(worker);
        self.counts.0.fetch_add(if searched { SLEEPER - 1 } else { SLEEPER }, Ordering::Relaxed);
        drop(asleep);
        // SeqCst: pairs with the fence in `to_wake`; the queues are looked at after this.
        fence(Ordering::SeqCst);
    }

    /// It gets up again, without having been woken: false if somebody is just waking it. It is then searching.
    pub(crate) fn get_up(&self, worker: usize) -> bool {
        let mut asleep = lock(&self.asleep);
        let Some(place) = asleep.iter().rposition(|&w| w == worker) else { return false };
        asleep.remove(place);
        self.counts.0.fetch_sub(SLEEPER - 1, Ordering::Relaxed);
        true
    }

    /// Whether all workers sleep.
    pub(crate) fn all_sleep(&self) -> bool {
        self.counts.0.load(Ordering::Relaxed) / SLEEPER == self.workers
    }
}
