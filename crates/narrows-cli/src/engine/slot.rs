//! One of the jobs: keeps a worker process running and feeds it. The thread that runs this starts every worker of the
//! job and reaps each before it returns (see `spawn`).
//!
//! ```text
//!   none --batch--> running --input over--> closing        off duty (`crew`): the same, then none until it is wanted
//!    ^                 |                       |
//!    +----- silent ----+-------- silent -------+   what was not read goes round again
//! ```

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use narrows::{Receiver, RecvTimeoutError, TryRecvError, bounded, never, select};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use serde_json::json;

use super::batch::Batch;
use super::collect::{self, Silence};
use super::crew::Desk;
use super::farm::{Farm, Leaving};
use super::life::Life;
use super::roster::{Leash, Task};
use super::spawn::{Process, Program, cannot_start, spawn};
use super::sync::lock;
use super::trace::Lane;
use super::track::Track;
use super::{complaint, settle};

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) farm: Arc<Farm>,
    pub(super) desk: Arc<Desk>,
    pub(super) program: Arc<Program>,
    pub(super) batches: Receiver<Batch>,
    pub(super) verbose: bool,
    pub(super) terminal: bool,
}

/// A worker and the threads that listen to it.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) child: Child,
    pub(super) life: Arc<Life>,
    pub(super) collector: JoinHandle<Silence>,
    /// Disconnected when all of its stderr was passed on.
    pub(super) complaints: Receiver<()>,
    pub(super) stderr: OwnedFd,
    stdin: Option<OwnedFd>,
    woken: Receiver<()>,
}

enum Step {
    Hand(Batch),
    Silent,
    InputOver,
    /// Its work is not wanted any more.
    Leave,
}

impl Slot {
    pub(super) fn run(&self) {
        let _leaving = Leaving(&self.farm);
        let mut worker: Option<Worker> = None;
        loop {
            let step = self.next(worker.as_ref());
            match (step, worker.take()) {
                (Step::Hand(batch), existing) => {
                    if batch.tries > 0 {
                        if !self.try_alone(batch, existing) {
                            return;
                        }
                        continue;
                    }
                    let Some(running) = existing.or_else(|| self.start()) else {
                        return;
                    };
                    running.hand(&self.farm, batch);
                    worker = Some(running);
                }
                (Step::InputOver | Step::Silent | Step::Leave, None) => return,
                (Step::InputOver | Step::Leave, Some(mut running)) => {
                    running.close();
                    if !settle::settle(&self.farm, &self.name(), &self.program.name(), running) {
                        return;
                    }
                }
                (Step::Silent, Some(running)) => {
                    if !settle::settle(&self.farm, &self.name(), &self.program.name(), running) {
                        return;
                    }
                }
            }
        }
    }

    /// Gives one record to a fresh worker, which gets nothing else: whether it buffers does not matter then, and if
    /// it dies it is clear why. False when the farm cannot go on.
    fn try_alone(&self, batch: Batch, idle: Option<Worker>) -> bool {
        if let Some(mut idle) = idle {
            idle.close();
            if !settle::settle(&self.farm, &self.name(), &self.program.name(), idle) {
                return false;
            }
        }
        if !self.farm.back_off(batch.tries - 1) {
            return false;
        }
        let Some(mut fresh) = self.start() else { return false };
        fresh.hand(&self.farm, batch);
        fresh.close();
        settle::settle(&self.farm, &self.name(), &self.program.name(), fresh)
    }

    /// As in `worker 2 (sed)`.
    fn name(&self) -> String {
        format!("worker {} ({})", self.desk.job + 1, self.program.name())
    }

    fn next(&self, worker: Option<&Worker>) -> Step {
        let no_batch = never();
        let (again, alone) = (&self.farm.again.1, &self.farm.alone.1);
        loop {
            if worker.is_some_and(|worker| worker.life.is_silent()) {
                return Step::Silent;
            }
            let on_duty = self.farm.is_on_duty(self.desk.job);
            if !on_duty && worker.is_some() {
                return Step::Leave;
            }
            let takes = on_duty && !self.farm.is_paused();
            let idle = worker.is_none_or(|worker| lock(&worker.life.flight).records() == 0);
            let nothing_alone = !idle || alone.is_empty();
            let alone = if idle && takes { alone } else { &no_batch };
            if let Ok(batch) = alone.try_recv() {
                return Step::Hand(batch);
            }
            if self.farm.is_input_over() && self.batches.is_empty() && again.is_empty() && nothing_alone {
                return Step::InputOver;
            }
            // A farm that drains empties the channel of what nobody has in hand yet.
            let is_free = |worker: &Worker| worker.is_free(&self.farm) || worker.is_free_after_all(&self.farm);
            let free = takes && (self.farm.is_draining() || worker.is_none_or(is_free));
            let batches = if free { &self.batches } else { &no_batch };
            if free {
                match again.try_recv().or_else(|_| self.batches.try_recv()) {
                    Ok(batch) if self.farm.draining.allows(&batch) => return Step::Hand(batch),
                    // The reader says that it is done before it lets go of the channel.
                    Ok(_) | Err(TryRecvError::Disconnected) => continue,
                    Err(TryRecvError::Empty) => {}
                }
            }
            let again = if free { again } else { &no_batch };
            let woken = worker.map_or(self.desk.bell(), |worker| &worker.woken);
            select! {
                recv(alone) -> batch => if let Ok(batch) = batch { return Step::Hand(batch) },
                recv(again) -> batch => if let Ok(batch) = batch { return Step::Hand(batch) },
                recv(batches) -> batch => if let Ok(batch) = batch && self.farm.draining.allows(&batch) { return Step::Hand(batch) },
                recv(woken) -> _ => {}
            }
        }
    }

    /// Starts a worker, after a pause if the last ones died; `None` when the farm is over or it cannot be started.
    fn start(&self) -> Option<Worker> {
        let deaths = self.farm.deaths_in_a_row.load(Ordering::Relaxed);
        if deaths > 0 {
            let pause = Duration::from_millis(50) * (1 << deaths.min(5));
            if self.farm.over.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                return None;
            }
        }
        match self.start_listed() {
            Ok(worker) => worker,
            Err(error) => {
                self.farm.trouble(cannot_start(&self.program.path, &error));
                None
            }
        }
    }

    fn start_listed(&self) -> io::Result<Option<Worker>> {
        let (stderr, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        let roster = &self.farm.roster;
        if !roster.announce(self.desk.job, &theirs)? {
            return Ok(None);
        }
        let process = spawn(&self.program, self.terminal, theirs).inspect_err(|_| roster.withdraw(self.desk.job))?;
        self.listen_to(process, stderr).map(Some)
    }

    /// Lists the worker first, so that it is ended if the rest fails.
    fn listen_to(&self, process: Process, stderr: OwnedFd) -> io::Result<Worker> {
        let Process { child, pid, exit, stdin, unread, stdout } = process;
        let leash = Arc::new(Leash { job: self.desk.job, pid, exit });
        let track = self.farm.gate.trace.as_ref().map(|trace| Track::new(Arc::clone(trace), self.desk.job));
        let (life, woken) = Life::new(Arc::clone(&leash), unread, stdout, Arc::clone(&self.desk), track);
        self.desk.employ(pid);
        let life = Arc::new(life);
        self.farm.roster.enter(&leash, Task::Life(Arc::clone(&life)));
        if let Some(trace) = self.farm.gate.trace() {
            trace.mark(Lane::Worker(self.desk.job), "started", &json!({ "pid": pid.as_raw_nonzero() }));
        }
        let collector = self.farm.start("collector", {
            let life = Arc::clone(&life);
            move |farm| collect::run(farm, &life)
        })?;
        let (ended, complaints) = bounded::<()>(0);
        let heard = stderr.try_clone()?;
        let prefix = if self.verbose { format!("{}: ", self.name()) } else { String::new() };
        self.farm.start("stderr", move |farm| {
            let _ended = ended;
            complaint::run(heard.into(), prefix, farm.pass_on);
        })?;
        Ok(Worker { child, life, collector, complaints, stderr, stdin: Some(stdin), woken })
    }
}

impl Worker {
    fn is_free(&self, farm: &Farm) -> bool {
        let flight = lock(&self.life.flight);
        self.life.late().is_none() && farm.pace.is_free(flight.records(), flight.bytes())
    }

    #[cold]
    fn is_free_after_all(&self, farm: &Farm) -> bool {
        self.life.expect_wake();
        self.is_free(farm)
    }

    fn hand(&self, farm: &Farm, batch: Batch) {
        let bytes = Arc::clone(&batch.bytes);
        if let Some(track) = &self.life.track {
            track.hand(&batch);
        }
        lock(&self.life.flight).hand(batch);
        farm.wake_watch();
        if !self.write(&bytes) {
            lock(&self.life.flight).refuse();
            self.life.wrote.notify_all();
        }
    }

    /// False when the worker takes no more; what it leaves is sorted out when it is settled.
    fn write(&self, bytes: &[u8]) -> bool {
        let Some(stdin) = &self.stdin else { return false };
        let mut rest = bytes;
        while !rest.is_empty() {
            match rustix::io::write(stdin, rest) {
                Ok(written) => {
                    rest = &rest[written..];
                    lock(&self.life.flight).wrote(written);
                    self.life.wrote.notify_all();
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let mut ready =
                        [PollFd::new(stdin, PollFlags::OUT), PollFd::new(&self.life.leash.exit, PollFlags::IN)];
                    // A dead worker reads no more.
                    if poll(&mut ready, None).is_ok() && !ready[1].revents().is_empty() {
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
        true
    }

    /// Ends its input, which makes it flush, and waits for its last answer.
    fn close(&mut self) {
        self.life.close();
        self.stdin = None;
        while !self.life.is_silent() {
            let _ = self.woken.recv();
        }
    }
}
