//! One worker process while it lives, and the list of those that do. The list ends processes; it never starts one.
//! Invariant: a process leaves the list before it is reaped, so a listed process id is never another's.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use narrows::{Receiver, Sender, bounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};

use super::flight::Flight;
use super::sync::lock;

#[derive(Debug)]
pub(super) struct Life {
    /// Which of the jobs it serves, from 0.
    pub(super) job: usize,
    pub(super) pid: Pid,
    pub(super) exit: OwnedFd,
    pub(super) unread: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) flight: Mutex<Flight>,
    /// Signalled when the feeder has written.
    pub(super) wrote: Condvar,
    /// It gets no more input.
    closed: AtomicBool,
    /// Its answers are at their end, and it has exited.
    silent: AtomicBool,
    /// The feeder waits until it may hand over more.
    full: AtomicBool,
    wake: Sender<()>,
}

impl Life {
    /// The receiver hears that an answer came, that more is allowed, or that the worker is silent.
    pub(super) fn new(job: usize, pid: Pid, exit: OwnedFd, unread: OwnedFd, stdout: OwnedFd) -> (Life, Receiver<()>) {
        let (wake, woken) = bounded(1);
        let flight = Mutex::new(Flight::new());
        let life = Life {
            job,
            pid,
            exit,
            unread,
            stdout,
            flight,
            wrote: Condvar::new(),
            closed: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            full: AtomicBool::new(false),
            wake,
        };
        (life, woken)
    }

    pub(super) fn wake_feeder(&self) {
        // A full channel already holds a wake-up.
        let _ = self.wake.try_send(());
    }

    /// The feeder is going to wait until more is allowed; it looks once more after this.
    pub(super) fn expect_wake(&self) {
        // SeqCst: pairs with the load in `answer_came`. Either that sees the flag, or the look after this one sees
        // the answer.
        self.full.store(true, Ordering::SeqCst);
    }

    /// Wakes the feeder if it waits: most answers come while it does something else.
    pub(super) fn answer_came(&self) {
        if self.full.load(Ordering::SeqCst) && self.full.swap(false, Ordering::SeqCst) {
            self.wake_feeder();
        }
    }

    /// Its stdin is about to be closed: from now on it may exit.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Waits for the process to exit, at most that long; without a limit if none is given.
    pub(super) fn await_exit(&self, limit: Option<Duration>) -> bool {
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut [PollFd::new(&self.exit, PollFlags::IN)], left.as_ref()) {
                Err(Errno::INTR) => {}
                outcome => return outcome.is_ok_and(|ready| ready > 0),
            }
        }
    }

    pub(super) fn fall_silent(&self) {
        // Release: pairs with the Acquire in `is_silent`; the answers are in their books before it shows.
        self.silent.store(true, Ordering::Release);
        self.wake_feeder();
    }

    pub(super) fn is_silent(&self) -> bool {
        // Acquire: pairs with the Release in `fall_silent`.
        self.silent.load(Ordering::Acquire)
    }

    /// Bytes that lie in its stdin.
    pub(super) fn unread_bytes(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.unread).unwrap_or(0)
    }

    /// Signals its whole group. It must not have been reaped.
    pub(super) fn kill(&self, signal: Signal) {
        // It may be gone already; then there is nothing to do.
        let _ = kill_process_group(self.pid, signal);
    }
}

#[derive(Debug, Default)]
pub(super) struct Roster(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    lives: Vec<Arc<Life>>,
    closed: bool,
}

impl Roster {
    /// Lists a worker just started; if the farm ended meanwhile, ends the worker.
    pub(super) fn enter(&self, life: &Arc<Life>) {
        let mut list = lock(&self.0);
        if list.closed {
            life.kill(Signal::KILL);
        }
        list.lives.push(Arc::clone(life));
    }

    /// Ends what is left of the worker's group and takes it off the list, so that it may be reaped.
    pub(super) fn leave(&self, life: &Arc<Life>) {
        let mut list = lock(&self.0);
        if let Some(index) = list.lives.iter().position(|other| Arc::ptr_eq(other, life)) {
            life.kill(Signal::KILL);
            list.lives.swap_remove(index);
        }
    }

    pub(super) fn lives(&self) -> Vec<Arc<Life>> {
        lock(&self.0).lives.clone()
    }

    pub(super) fn signal(&self, signal: Signal) {
        for life in &lock(&self.0).lives {
            life.kill(signal);
        }
    }

    /// Ends every worker: TERM, after `patience` KILL. Returns when all are gone and reaped; none is started any more.
    pub(super) fn end(&self, patience: Duration) {
        lock(&self.0).closed = true;
        self.signal(Signal::TERM);
        self.await_exit(Instant::now() + patience);
        self.signal(Signal::KILL);
        self.await_exit(Instant::now() + Duration::from_secs(2));
        let list = std::mem::take(&mut lock(&self.0).lives);
        for life in list {
            // Its own job may have reaped it in the meantime: then there is no such child.
            let _ = waitpid(Some(life.pid), WaitOptions::NOHANG);
        }
    }

    fn await_exit(&self, deadline: Instant) {
        for life in self.lives() {
            life.await_exit(Some(deadline.saturating_duration_since(Instant::now())));
        }
    }
}
