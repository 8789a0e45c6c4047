//! A running farm as seen, and steered, from outside. Computes nothing unless somebody asks.

use std::io;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::crew::WorkerReport;
use super::event::Event;
use super::farm::Farm;
use super::gate::View;
use super::recruit::Recruiter;
use super::sync::lock;
use super::{Plan, window_of};

#[derive(Debug)]
pub(crate) struct Control {
    farm: Arc<Farm>,
    /// Held while the number of jobs changes.
    recruiter: Mutex<Recruiter>,
    window: Option<NonZeroU64>,
    begun: Instant,
}

/// How a farm stands; times and numbers since it began.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) elapsed: Duration,
    pub(crate) jobs: usize,
    pub(crate) paused: bool,
    pub(crate) ordered: bool,
    /// More may come from the input.
    pub(crate) reading: bool,
    pub(crate) read: u64,
    pub(crate) printed: u64,
    pub(crate) failed: u64,
    /// Records that may be in hand; `None` if only the buffer bounds them.
    pub(crate) window: Option<u64>,
    pub(crate) held_bytes: usize,
    pub(crate) buffer_bytes: usize,
    pub(crate) oldest: Option<Oldest>,
    /// The reader, for input;
    pub(crate) input_wait: Duration,
    /// and for room.
    pub(crate) room_wait: Duration,
    /// Writing the output.
    pub(crate) output_wait: Duration,
    /// Workers kept from answering, all together.
    pub(crate) held_wait: Duration,
    pub(crate) workers: Vec<WorkerReport>,
}

/// The oldest unprinted record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Oldest {
    /// From 1.
    pub(crate) record: u64,
    pub(crate) age: Duration,
    /// Everything before it was printed so long ago.
    pub(crate) alone: Duration,
    /// The worker that has it in hand, from 1, and its process.
    pub(crate) holder: Option<(usize, Pid)>,
}

impl Control {
    pub(super) fn new(plan: &Plan, farm: Arc<Farm>, recruiter: Recruiter) -> Control {
        Control { farm, recruiter: Mutex::new(recruiter), window: plan.window, begun: Instant::now() }
    }

    pub(crate) fn report(&self) -> Report {
        let (farm, now) = (&self.farm, Instant::now());
        let view = farm.gate.view();
        let desks = farm.crew.desks();
        Report {
            elapsed: now.saturating_duration_since(self.begun),
            jobs: farm.crew.wanted(),
            paused: farm.is_paused(),
            ordered: farm.gate.is_ordered(),
            reading: !farm.is_input_over() && !farm.is_draining(),
            read: view.read,
            printed: view.printed,
            failed: farm.tally.failures(),
            window: (view.window != u64::MAX).then_some(view.window),
            held_bytes: view.held,
            buffer_bytes: farm.most_held,
            oldest: view.age.map(|age| self.oldest(&view, age, now)),
            input_wait: view.waits.input.total(now),
            room_wait: view.waits.room.total(now),
            output_wait: view.waits.output.total(now),
            held_wait: view.waits.held.total(now),
            workers: desks.iter().map(|desk| desk.report(now)).collect(),
        }
    }

    fn oldest(&self, view: &View, age: Duration, now: Instant) -> Oldest {
        let record = view.printed;
        let live = || self.farm.roster.lives().into_iter().find(|life| lock(&life.flight).oldest() == Some(record));
        let leash = self.farm.roster.holder_of(record).or_else(|| live().map(|life| Arc::clone(&life.leash)));
        let holder = leash.filter(|_| self.farm.gate.is_ordered()).map(|leash| (leash.job + 1, leash.pid));
        Oldest { record: record + 1, age, alone: now.saturating_duration_since(view.printed_at), holder }
    }

    /// From now on as many workers take records. What the others have in hand they finish.
    pub(crate) fn set_workers(&self, workers: NonZeroUsize) -> io::Result<()> {
        let recruiter = lock(&self.recruiter);
        let farm = &self.farm;
        let mut started = Ok(());
        let mut jobs = farm.crew.desks().len();
        while jobs < workers.get() && started.is_ok() {
            // First the count, then the thread: the supervisor never hears of the end of a job that it does not know.
            farm.send(Event::JobAdded);
            started = recruiter.start();
            match &started {
                Ok(()) => jobs += 1,
                Err(_) => farm.send(Event::JobDone),
            }
        }
        let wanted = workers.get().min(jobs);
        farm.gate.resize(window_of(self.window, farm.portion, wanted as u64), wanted as u64);
        farm.want(wanted);
        started
    }

    /// Nothing more is read or handed over, until `resume`. What workers have in hand they finish.
    pub(crate) fn pause(&self) {
        self.farm.pause(true);
    }

    pub(crate) fn resume(&self) {
        self.farm.pause(false);
    }
}
