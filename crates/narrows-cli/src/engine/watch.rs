//! Watches for what no other thread would notice: an output that nobody reads any more, and a farm that stands still.
//!
//! A worker that buffers its output swallows lines and answers none until it has 4 KiB or more. While it is asked
//! only as much as it answers it stands still for ever, so the watch looks for a worker that
//!   has unanswered lines, has read all it was given, has written nothing, and waits for more input,
//! and lets it have more (`Pace::allow_beyond`); if the oldest unprinted record is with it and the window is full,
//! the window gives way too (`Gate::stretch`); if that worker has answered nothing for a while then, the user is told
//! once, and the farm goes on. Only --buffer does not give way: a farm that stands still with a full buffer will never
//! move again, and ends with a hint.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use super::event::{Event, Trouble};
use super::farm::Farm;
use super::gate::{View, Wait};
use super::life::Life;
use super::procfs::{self, MERCY};
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
    /// The same, but for how long since its last answer: it gets more meanwhile.
    hungry_since: Option<Instant>,
    answered: u64,
    /// The window gave way for it since then.
    stretched: bool,
    /// When it was first seen to have read something.
    began: Option<Instant>,
    /// When it was told to end because an answer took too long.
    told: Option<Instant>,
}

struct Watch<'a> {
    farm: &'a Farm,
    command: String,
    seen: Vec<Sighting>,
    pause: Duration,
    stall_note_after: Duration,
    /// It was said that a worker buffers its output.
    hinted: bool,
}

impl Sighting {
    fn new(life: Arc<Life>, steps: u64) -> Sighting {
        Sighting {
            life,
            steps,
            since: Instant::now(),
            hungry: false,
            hungry_since: None,
            answered: 0,
            stretched: false,
            began: None,
            told: None,
        }
    }

    fn note_answers(&mut self, answered: u64) {
        if self.answered != answered {
            (self.answered, self.hungry_since, self.stretched) = (answered, None, false);
        }
    }
}

/// Runs until the farm is over.
pub(super) fn run(farm: &Farm, command: String) {
    let mut watch =
        Watch { farm, command, seen: Vec::new(), pause: FIRST_LOOK, stall_note_after: farm.stall, hinted: false };
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
        let mut fds = vec![PollFd::from_borrowed_fd(self.farm.look.fd(), PollFlags::IN)];
        if let Some(output) = self.farm.gate.output().fd() {
            // No event is asked for: the kernel reports errors and hang-ups anyway.
            fds.push(PollFd::from_borrowed_fd(output, PollFlags::empty()));
        }
        let woken = poll(&mut fds, limit.as_ref());
        self.farm.look.hear();
        woken.is_ok() && fds[1..].iter().any(|fd| fd.revents().intersects(PollFlags::ERR | PollFlags::HUP))
    }

    fn look(&mut self) {
        let moved = self.observe_workers();
        self.pause = if moved { FIRST_LOOK * 4 } else { (self.pause * 2).min(RARE_LOOK) };
        if let Some(limit) = self.farm.timeout {
            self.seen.iter_mut().for_each(|sighting| end_if_late(self.farm, sighting, limit));
        }
        let view = self.farm.gate.view();
        self.hint_at_buffering(&view);
        let Some(wait) = view.reader_waits else { return };
        if let Some(owner) = self.owner_of(view.printed) {
            self.unstick(wait, owner, view);
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
            let (steps, answered) = {
                let flight = lock(&life.flight);
                (flight.steps(), flight.answered())
            };
            let Some(sighting) = self.seen.iter_mut().find(|sighting| Arc::ptr_eq(&life, &sighting.life)) else {
                self.seen.push(Sighting::new(life, steps));
                moved = true;
                continue;
            };
            sighting.note_answers(answered);
            if sighting.steps == steps {
                sighting.hungry = is_hungry(sighting);
                if sighting.hungry {
                    sighting.hungry_since.get_or_insert_with(Instant::now);
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

    fn unstick(&mut self, wait: Wait, owner: usize, view: View) {
        if !self.seen[owner].hungry {
            return;
        }
        match wait {
            Wait::Window => {
                self.seen[owner].stretched = true;
                self.farm.gate.stretch();
            }
            Wait::Buffer => {
                let owner = &self.seen[owner];
                let all_hungry = self.seen.iter().all(|s| s.hungry || lock(&s.life.flight).records() == 0);
                if all_hungry && view.printed_at.elapsed() > STANDSTILL && owner.since.elapsed() > STANDSTILL {
                    self.farm.trouble(self.stuck(&owner.life));
                }
            }
        }
    }

    /// Says once what a worker does that was given all that the window holds, and more, and owes every answer.
    fn hint_at_buffering(&mut self, view: &View) {
        if self.hinted || view.printed_at.elapsed() <= STANDSTILL {
            return;
        }
        let buffers =
            |s: &&Sighting| s.hungry && s.stretched && s.hungry_since.is_some_and(|since| since.elapsed() > STANDSTILL);
        if let Some(sighting) = self.seen.iter().find(buffers) {
            self.hinted = true;
            let (account, remedy) = (self.account(&sighting.life), remedy(&self.command));
            self.farm.say_hint(&format!("{account}: it buffers its output. Try: {remedy}, --pty, or --blocks"));
        }
    }

    fn account(&self, life: &Life) -> String {
        let flight = lock(&life.flight);
        let (read, answered) = (flight.answered() + flight.records() as u64, flight.answered());
        let answered = if answered == 0 { "none".to_owned() } else { answered.to_string() };
        format!("worker {} ({}) has read {read} lines and answered {answered}", life.leash.job + 1, self.command)
    }

    #[cold]
    fn stuck(&self, life: &Life) -> Trouble {
        Trouble::new(format!("{}; --buffer is full", self.account(life))).hint(BUFFERS)
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

/// How this command is told to answer line by line.
fn remedy(command: &str) -> String {
    match command {
        "sed" => "sed -u".into(),
        "grep" | "egrep" | "fgrep" => format!("{command} --line-buffered"),
        "awk" | "gawk" | "mawk" => format!("fflush() in {command}"),
        _ if command.starts_with("python") => format!("{command} -u"),
        _ => format!("stdbuf -oL {command}"),
    }
}

/// Ends a worker, and all that it started, whose oldest record takes too long.
fn end_if_late(farm: &Farm, sighting: &mut Sighting, limit: Duration) {
    let life = &sighting.life;
    match sighting.told {
        Some(told) if told.elapsed() > MERCY => farm.roster.kill_tree(&life.leash, Signal::KILL),
        Some(_) => {}
        None => {
            let late = {
                let flight = lock(&life.flight);
                if sighting.began.is_none() && life.unread_bytes() < flight.written() {
                    sighting.began = Some(Instant::now());
                }
                // A program's start is not the first record's time: it may take as long on top.
                let begun = sighting.began.filter(|_| flight.answered() == 0).map(|began| began.elapsed());
                flight.oldest().filter(|_| begun.or(flight.waited()).is_some_and(|waited| waited > limit))
            };
            // An answer that lies in the pipe is late because of us.
            if let Some(record) = late
                && rustix::io::ioctl_fionread(&life.stdout).unwrap_or(0) == 0
            {
                life.mark_late(record);
                sighting.told = Some(Instant::now());
                farm.roster.kill_tree(&life.leash, Signal::TERM);
                if sighting.hungry {
                    farm.hint(BUFFERS);
                }
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
