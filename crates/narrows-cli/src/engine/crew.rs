//! Who is to work, and what each job does with its time. Starts nothing and ends nothing.
//!
//! ```text
//!   on duty   takes batches
//!   off duty  finishes what it has in hand, then waits until it is wanted again, or the input is over: then all
//!             help to finish, so that what a dying worker leaves always finds a taker
//! ```

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use narrows::{Receiver, Sender, bounded};
use rustix::process::Pid;

use super::sync::lock;
use crate::stopwatch::Stopwatch;

// Relaxed throughout: who is told to look again is told through a channel or a lock, after the change.
#[derive(Debug)]
pub(super) struct Crew {
    wanted: AtomicUsize,
    paused: AtomicBool,
    desks: Mutex<Vec<Arc<Desk>>>,
}

/// One job: its bell and its books.
#[derive(Debug)]
pub(super) struct Desk {
    /// From 0.
    pub(super) job: usize,
    bell: (Sender<()>, Receiver<()>),
    books: Mutex<Books>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Books {
    /// While it has records in hand.
    pub(super) busy: Stopwatch,
    pub(super) answered: u64,
    /// The process that works for it, or did last.
    pub(super) pid: Option<Pid>,
}

impl Crew {
    pub(super) fn new(wanted: usize) -> Crew {
        Crew { wanted: AtomicUsize::new(wanted), paused: AtomicBool::new(false), desks: Mutex::default() }
    }

    /// A desk for one more job.
    pub(super) fn hire(&self) -> Arc<Desk> {
        let mut desks = lock(&self.desks);
        let desk = Arc::new(Desk::new(desks.len()));
        desks.push(Arc::clone(&desk));
        desk
    }

    /// Nobody came to the last desk.
    pub(super) fn dismiss(&self) {
        lock(&self.desks).pop();
    }

    pub(super) fn desks(&self) -> Vec<Arc<Desk>> {
        lock(&self.desks).clone()
    }

    pub(super) fn wanted(&self) -> usize {
        self.wanted.load(Relaxed)
    }

    /// The bells are still to be rung.
    pub(super) fn want(&self, jobs: usize) {
        self.wanted.store(jobs, Relaxed);
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.load(Relaxed)
    }

    /// The bells are still to be rung.
    pub(super) fn pause(&self, paused: bool) {
        self.paused.store(paused, Relaxed);
    }

    pub(super) fn ring(&self) {
        for desk in &*lock(&self.desks) {
            // A full channel already holds a ring.
            let _ = desk.bell.0.try_send(());
        }
    }
}

impl Desk {
    pub(super) fn new(job: usize) -> Desk {
        Desk { job, bell: bounded(1), books: Mutex::default() }
    }

    /// Rings when the job should look again whether it is on duty.
    pub(super) fn bell(&self) -> &Receiver<()> {
        &self.bell.1
    }

    pub(super) fn books(&self) -> Books {
        *lock(&self.books)
    }

    pub(super) fn employ(&self, pid: Pid) {
        lock(&self.books).pid = Some(pid);
    }

    /// It has something in hand now.
    pub(super) fn begin(&self, now: Instant) {
        lock(&self.books).busy.start(now);
    }

    pub(super) fn answered(&self, records: u64) {
        lock(&self.books).answered += records;
    }

    /// It has nothing in hand any more.
    pub(super) fn rest(&self, now: Instant) {
        lock(&self.books).busy.stop(now);
    }
}

/// What a job has done since the farm began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerReport {
    /// From 1.
    pub(crate) worker: usize,
    pub(crate) pid: Option<Pid>,
    pub(crate) records: u64,
    pub(crate) busy: Duration,
}

impl Desk {
    pub(super) fn report(&self, now: Instant) -> WorkerReport {
        let Books { busy, answered, pid } = self.books();
        WorkerReport { worker: self.job + 1, pid, records: answered, busy: busy.total(now) }
    }
}
