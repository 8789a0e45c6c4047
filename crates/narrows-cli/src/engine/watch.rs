//! Watches for what no other thread would notice: an output that nobody reads any more, and a farm that stands still.
//!
//! A worker that buffers its output swallows lines and answers none until it has 4 KiB or more. While it is asked
//! only as much as it answers it stands still for ever, so the watch looks for a worker that
//!   has unanswered lines, has read all it was given, has written nothing, and waits for more input,
//! and lets it have more (`Pace::allow_beyond`); if the oldest unprinted record is with it and the window is full,
//! the window gives way too (`Gate::stretch`). Only --buffer does not: a farm that stands still with a full buffer
//! will never move again, and ends with a hint.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use super::event::{Event, Trouble};
use super::farm::Farm;
use super::gate::{View, Wait};
use super::life::Life;
use super::procfs::{self, MERCY, kill_tree};
use super::roster::Leash;
use super::sync::lock;

const FIRST_LOOK: Duration = Duration::from_millis(2);
const RARE_LOOK: Duration = Duration::from_millis(50);
/// A farm that has not moved for this long stands still.
const STANDSTILL: Duration = Duration::from_millis(200);

pub(super) const BUFFERS: &str = "a command that buffers its output or does not answer line by line cannot go on here. \
    Try its unbuffered form (sed -u, grep --line-buffered, awk with fflush()), --pty, --blocks, or a larger --buffer";

/// What one worker was seen doing.
struct Sighting {
    life: Arc<Life>,
    steps: u64,
    since: Instant,
    /// It waits for input although it owes answers.
    hungry: bool,
    /// When it was told to end because an answer took too long.
    told: Option<Instant>,
}

struct Watch<'a> {
    farm: &'a Farm,
    command: String,
    seen: Vec<Sighting>,
    pause: Duration,
    stall_note_after: Duration,
}

/// Runs until the farm is over.
pub(super) fn run(farm: &Farm, command: String) {
    let mut watch = Watch { farm, command, seen: Vec::new(), pause: FIRST_LOOK, stall_note_after: farm.stall };
    while !farm.is_over() {
        if watch.sleep() {
            farm.send(Event::OutputClosed);
            return;
        }
        watch.look();
    }
}

impl Watch<'_> {
    /// Waits until it is time to look; true when nobody reads the output any more.
    fn sleep(&mut self) -> bool {
        // SeqCst: pairs with the load in `wake_watch`.
        self.farm.watch_sleeps.store(true, Ordering::SeqCst);
        let busy = self.farm.roster.has_batches()
            || self.farm.roster.lives().iter().any(|life| lock(&life.flight).records() > 0);
        if busy {
            self.farm.watch_sleeps.store(false, Ordering::SeqCst);
        }
        let limit = Timespec::try_from(self.pause).ok().filter(|_| busy);
        let mut fds = [
            // No event is asked for: the kernel reports errors and hang-ups anyway.
            PollFd::from_borrowed_fd(self.farm.gate.output().fd(), PollFlags::empty()),
            PollFd::from_borrowed_fd(self.farm.look.fd(), PollFlags::IN),
        ];
        let woken = poll(&mut fds, limit.as_ref());
        self.farm.look.hear();
        woken.is_ok() && fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
    }

    fn look(&mut self) {
        let moved = self.observe_workers();
        self.pause = if moved { FIRST_LOOK * 4 } else { (self.pause * 2).min(RARE_LOOK) };
        if let Some(limit) = self.farm.timeout {
            self.seen.iter_mut().for_each(|sighting| end_if_late(sighting, limit));
        }
        let view = self.farm.gate.view();
        let Some(wait) = view.reader_waits else { return };
        if let Some(owner) = self.owner_of(view.printed) {
            self.unstick(wait, &self.seen[owner], view);
            let leash = Arc::clone(&self.seen[owner].life.leash);
            self.note_stall(&view, &leash);
        } else if let Some(leash) = self.farm.roster.holder_of(view.printed) {
            self.note_stall(&view, &leash);
        }
    }

    /// Notes what every worker does; whether any of them did something since the last look.
    fn observe_workers(&mut self) -> bool {
        let lives = self.farm.roster.lives();
        self.seen.retain(|sighting| lives.iter().any(|life| Arc::ptr_eq(life, &sighting.life)));
        let mut moved = false;
        for life in lives {
            let steps = lock(&life.flight).steps();
            let Some(sighting) = self.seen.iter_mut().find(|sighting| Arc::ptr_eq(&life, &sighting.life)) else {
                self.seen.push(Sighting { life, steps, since: Instant::now(), hungry: false, told: None });
                moved = true;
                continue;
            };
            if sighting.steps == steps {
                sighting.hungry = is_hungry(sighting);
                if sighting.hungry {
                    self.farm.pace.allow_beyond(lock(&life.flight).bytes());
                    life.wake_feeder();
                }
            } else {
                (sighting.steps, sighting.since, sighting.hungry) = (steps, Instant::now(), false);
                moved = true;
            }
        }
        moved
    }

    /// The worker that has the oldest unprinted record in hand; unordered, one that owes an answer.
    fn owner_of(&self, record: u64) -> Option<usize> {
        let ordered = self.farm.gate.is_ordered();
        self.seen.iter().position(|sighting| {
            let oldest = lock(&sighting.life.flight).oldest();
            if ordered { oldest == Some(record) } else { oldest.is_some() && sighting.hungry }
        })
    }

    fn unstick(&self, wait: Wait, owner: &Sighting, view: View) {
        if !owner.hungry {
            return;
        }
        match wait {
            Wait::Window => self.farm.gate.stretch(),
            Wait::Buffer => {
                let all_hungry = self.seen.iter().all(|s| s.hungry || lock(&s.life.flight).records() == 0);
                if all_hungry && view.printed_at.elapsed() > STANDSTILL && owner.since.elapsed() > STANDSTILL {
                    self.farm.trouble(self.stuck(&owner.life));
                }
            }
        }
    }

    #[cold]
    fn stuck(&self, life: &Life) -> Trouble {
        let flight = lock(&life.flight);
        let (read, answered) = (flight.answered() + flight.records() as u64, flight.answered());
        let answered = if answered == 0 { "none".to_owned() } else { answered.to_string() };
        let (job, command) = (life.leash.job + 1, &self.command);
        Trouble::new(format!(
            "worker {job} ({command}) has read {read} lines and answered {answered}; --buffer is full"
        ))
        .hint(BUFFERS)
    }

    /// Names the record behind which everything waits.
    fn note_stall(&mut self, view: &View, owner: &Leash) {
        let stalled = view.printed_at.elapsed();
        if stalled < self.farm.stall {
            self.stall_note_after = self.farm.stall;
        }
        if stalled >= self.stall_note_after {
            let (seconds, record, job, pid) = (stalled.as_secs(), view.printed + 1, owner.job + 1, owner.pid);
            self.farm.note(&format!("stalled {seconds} s on record {record}, worker {job}, pid {pid}"));
            self.stall_note_after *= 2;
        }
    }
}

/// Ends a worker, and all that it started, whose oldest record takes too long.
fn end_if_late(sighting: &mut Sighting, limit: Duration) {
    let life = &sighting.life;
    match sighting.told {
        Some(told) if told.elapsed() > MERCY => kill_tree(life.leash.pid, Signal::KILL),
        Some(_) => {}
        None => {
            let late = lock(&life.flight).waited().is_some_and(|waited| waited > limit);
            // An answer that lies in the pipe is late because of us.
            if late && rustix::io::ioctl_fionread(&life.stdout).unwrap_or(0) == 0 {
                life.mark_late();
                sighting.told = Some(Instant::now());
                kill_tree(life.leash.pid, Signal::TERM);
            }
        }
    }
}

/// Whether a worker that did nothing since the last look waits for input although it owes answers.
fn is_hungry(sighting: &Sighting) -> bool {
    let life = &sighting.life;
    if lock(&life.flight).records() == 0 || life.unread_bytes() > 0 {
        return false;
    }
    if rustix::io::ioctl_fionread(&life.stdout).unwrap_or(0) > 0 {
        return false;
    }
    // Where the kernel does not tell, a worker that has done nothing for long is taken for one that buffers.
    let waits =
        procfs::waits_for_input(life.leash.pid, &life.unread).unwrap_or_else(|| sighting.since.elapsed() > STANDSTILL);
    waits && lock(&life.flight).steps() == sighting.steps
}
