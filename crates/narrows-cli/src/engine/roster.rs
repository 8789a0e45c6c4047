//! The processes of a farm while they live, each the head of a group. The list ends processes; it never starts one.
//! Invariants: a process leaves the list before it is reaped, so a listed process id is never another's; each that is
//! started is announced before, so that an ending waits for it to be listed; the warden knows what the list knows.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};

use super::life::Life;
use super::procfs::kill_tree;
use super::sync::lock;
use super::warden::Warden;

/// What it takes to end a process and its group.
#[derive(Debug)]
pub(crate) struct Leash {
    /// Which of the jobs it serves, from 0.
    pub(crate) job: usize,
    pub(crate) pid: Pid,
    /// Readable when the process has ended.
    pub(crate) exit: OwnedFd,
}

impl Leash {
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

    /// Signals its whole group. It must not have been reaped: it is listed, or about to be.
    fn kill(&self, signal: Signal) {
        // It may be gone already; then there is nothing to do.
        let _ = kill_process_group(self.pid, signal);
    }
}

/// What a listed process has in hand.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// One record after the other.
    Life(Arc<Life>),
    /// The batch that begins with this record.
    Batch(u64),
    /// Nothing of ours: it is a rank.
    Own,
}

#[derive(Debug, Default)]
pub(crate) struct Roster {
    list: Mutex<List>,
    /// Signalled when a process that was announced is listed, or was not started after all.
    settled: Condvar,
}

#[derive(Debug, Default)]
struct List {
    entries: Vec<(Arc<Leash>, Task)>,
    /// Processes that are being started.
    announced: usize,
    warden: Option<Warden>,
    closed: bool,
}

impl List {
    fn forget(&self, job: usize) {
        self.warden.iter().for_each(|warden| warden.forget(job));
    }
}

impl Roster {
    /// Before a process is started that has this stderr: `enter` or `withdraw` must follow. False when the farm is over
    /// and none may be started.
    pub(crate) fn announce(&self, job: usize, stderr: impl AsFd) -> io::Result<bool> {
        let mut list = lock(&self.list);
        if list.closed {
            return Ok(false);
        }
        if list.warden.is_none() {
            // What the system says keeps its number, by which the user is advised.
            let failed = |error: io::Error| match error.raw_os_error() {
                Some(_) => error,
                None => io::Error::new(error.kind(), format!("no warden can stand by: {error}")),
            };
            list.warden = Some(Warden::start().map_err(failed)?);
        }
        list.warden.iter().try_for_each(|warden| warden.expect(job, &stderr))?;
        list.announced += 1;
        Ok(true)
    }

    /// The process that was announced could not be started.
    pub(crate) fn withdraw(&self, job: usize) {
        let mut list = lock(&self.list);
        list.announced -= 1;
        list.forget(job);
        self.settled.notify_all();
    }

    /// Lists a process just started; if the farm ended meanwhile, ends the process.
    pub(super) fn enter(&self, leash: &Arc<Leash>, task: Task) {
        let mut list = lock(&self.list);
        list.announced -= 1;
        list.warden.iter().for_each(|warden| warden.watch(leash.job, leash.pid));
        if list.closed {
            leash.kill(Signal::KILL);
        }
        list.entries.push((Arc::clone(leash), task));
        self.settled.notify_all();
    }

    /// The same for a rank, which has nothing of ours in hand.
    pub(crate) fn enter_rank(&self, leash: &Arc<Leash>) {
        self.enter(leash, Task::Own);
    }

    /// Ends what is left of the process's group and takes it off the list, so that it may be reaped.
    pub(crate) fn leave(&self, leash: &Arc<Leash>) {
        let mut list = lock(&self.list);
        if let Some(index) = list.entries.iter().position(|(other, _)| Arc::ptr_eq(other, leash)) {
            leash.kill(Signal::KILL);
            list.entries.swap_remove(index);
            list.forget(leash.job);
        }
    }

    pub(super) fn lives(&self) -> Vec<Arc<Life>> {
        let live = |(_, task): &(Arc<Leash>, Task)| match task {
            Task::Life(life) => Some(Arc::clone(life)),
            Task::Batch(_) | Task::Own => None,
        };
        lock(&self.list).entries.iter().filter_map(live).collect()
    }

    /// Whether some process has a batch of its own in hand.
    pub(super) fn has_batches(&self) -> bool {
        lock(&self.list).entries.iter().any(|(_, task)| matches!(task, Task::Batch(_)))
    }

    /// The process whose batch begins with this record.
    pub(super) fn holder_of(&self, first: u64) -> Option<Arc<Leash>> {
        let list = lock(&self.list);
        let holds = |(_, task): &&(Arc<Leash>, Task)| matches!(task, Task::Batch(record) if *record == first);
        list.entries.iter().find(holds).map(|(leash, _)| Arc::clone(leash))
    }

    /// Signals the group of a process, unless that was reaped: its id may be another's by now.
    pub(super) fn kill(&self, leash: &Arc<Leash>, signal: Signal) {
        self.with(leash, |leash| leash.kill(signal));
    }

    /// The same for all below it as well, also those that left its group.
    pub(super) fn kill_tree(&self, leash: &Arc<Leash>, signal: Signal) {
        self.with(leash, |leash| kill_tree(leash.pid, signal));
    }

    /// Under the lock, so that it stays listed, and is not reaped, meanwhile.
    fn with(&self, leash: &Arc<Leash>, act: impl FnOnce(&Leash)) {
        if lock(&self.list).entries.iter().any(|(other, _)| Arc::ptr_eq(other, leash)) {
            act(leash);
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        for (leash, _) in &lock(&self.list).entries {
            leash.kill(signal);
        }
    }

    /// Ends every process: TERM, after `patience` KILL. Returns when all are gone and reaped; none is started any more.
    pub(super) fn end(&self, patience: Duration) {
        lock(&self.list).closed = true;
        self.await_announced();
        self.signal(Signal::TERM);
        self.await_exit(Instant::now() + patience);
        self.signal(Signal::KILL);
        self.await_exit(Instant::now() + Duration::from_secs(2));
        let mut list = lock(&self.list);
        for (leash, _) in std::mem::take(&mut list.entries) {
            list.forget(leash.job);
            // Its own job may have reaped it in the meantime: then there is no such child.
            let _ = waitpid(Some(leash.pid), WaitOptions::NOHANG);
        }
    }

    /// A start takes a moment. One that hangs, as on a disk that does not answer, is left to the warden.
    fn await_announced(&self) {
        let pending = |list: &mut List| list.announced > 0;
        drop(self.settled.wait_timeout_while(lock(&self.list), Duration::from_secs(1), pending));
    }

    fn await_exit(&self, deadline: Instant) {
        let leashes: Vec<_> = lock(&self.list).entries.iter().map(|(leash, _)| Arc::clone(leash)).collect();
        for leash in leashes {
            leash.await_exit(Some(deadline.saturating_duration_since(Instant::now())));
        }
    }
}
