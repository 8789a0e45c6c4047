//! Watches over the ranks: reaps them, and decides how all of them end.
//!
//! ```text
//!   Running --a rank fails, a signal--> Asked --grace, another signal--> Told (TERM) --2 s, a signal--> Killed
//!      +--time, nobody reads the output----------------------------------^
//! ```

use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use narrows_rank::shm::Launcher;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;
use rustix::stdio::stdout;
use signal_hook::consts::{SIGTSTP, SIGUSR1, SIGUSR2};
use signal_hook::low_level::emulate_default_handler;

use super::bell::{Ear, Event};
use super::describe;
use super::start::Rank;
use crate::engine::{Roster, Tone, Trouble};
use crate::say;

/// Who was told to end gets this long.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the ranks were made to end.
#[derive(Debug)]
pub(super) enum Cause {
    Failed(ExitStatus),
    Signal(i32),
    TimeOut,
    /// Nobody reads what they write.
    OutputClosed,
    Trouble(Trouble),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    Asked,
    Told,
    Killed,
}

#[derive(Debug)]
pub(super) struct Supervisor<'a> {
    launcher: &'a Launcher,
    ear: &'a Ear,
    grace: Duration,
    pub(super) roster: Roster,
    /// Those that have not ended.
    ranks: Vec<Rank>,
    stage: Stage,
    /// When the next stage begins.
    deadline: Option<Instant>,
    cause: Option<Cause>,
}

/// What there is to do.
#[derive(Debug)]
struct Look {
    told: bool,
    output_closed: bool,
    /// Places of ranks that have ended, the last first.
    ended: Vec<usize>,
}

impl<'a> Supervisor<'a> {
    pub(super) fn new(
        launcher: &'a Launcher,
        ear: &'a Ear,
        grace: Duration,
        deadline: Option<Instant>,
    ) -> Supervisor<'a> {
        let (roster, ranks) = (Roster::default(), Vec::new());
        Supervisor { launcher, ear, grace, roster, ranks, stage: Stage::Running, deadline, cause: None }
    }

    pub(super) fn add(&mut self, rank: Rank) {
        self.ranks.push(rank);
    }

    /// The ranks are to end at once.
    pub(super) fn give_up(&mut self, cause: Cause) {
        self.cause.get_or_insert(cause);
        if self.stage < Stage::Told {
            self.enter(Stage::Told);
        }
    }

    /// Until every rank has ended: why they were made to.
    pub(super) fn run(mut self) -> Option<Cause> {
        while !self.ranks.is_empty() {
            let Some(look) = self.look() else {
                if self.stage == Stage::Killed {
                    // Whoever cannot even be killed, as on a disk that does not answer, is left to the warden.
                    break;
                }
                if self.stage == Stage::Running {
                    self.cause = Some(Cause::TimeOut);
                }
                self.advance();
                continue;
            };
            let ended = look.ended.into_iter().map(|place| self.reap(place)).collect();
            self.judge(ended);
            if look.output_closed {
                self.give_up(Cause::OutputClosed);
            }
            if look.told {
                self.ear.hear().into_iter().for_each(|event| self.attend(event));
            }
        }
        self.cause
    }

    /// Waits for something to do; none if the time has come for the next stage.
    fn look(&self) -> Option<Look> {
        let mut fds = vec![PollFd::from_borrowed_fd(self.ear.fd(), PollFlags::IN)];
        fds.extend(self.ranks.iter().map(|rank| PollFd::new(&rank.leash.exit, PollFlags::IN)));
        if self.stage < Stage::Told {
            // No event is asked for: the kernel reports errors and hang-ups anyway.
            fds.push(PollFd::from_borrowed_fd(stdout(), PollFlags::empty()));
        }
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        // After an error nothing is said of any descriptor.
        if poll(&mut fds, left.as_ref()) == Ok(0) {
            return None;
        }
        let (first, rest) = fds.split_first()?;
        let (ranks, output) = rest.split_at(self.ranks.len());
        let gone = |fd: &PollFd<'_>| fd.revents().intersects(PollFlags::ERR | PollFlags::HUP);
        Some(Look {
            told: !first.revents().is_empty(),
            output_closed: output.iter().any(gone),
            ended: (0..ranks.len()).rev().filter(|place| !ranks[*place].revents().is_empty()).collect(),
        })
    }

    /// A rank has ended: what is left of its group does, too, and the others are told.
    fn reap(&mut self, place: usize) -> (usize, io::Result<ExitStatus>) {
        let mut rank = self.ranks.swap_remove(place);
        self.roster.leave(&rank.leash);
        let (number, status) = (rank.leash.job, rank.child.wait());
        self.launcher.ended(number, &status.as_ref().map_or("has ended somehow".into(), |status| describe(*status)));
        (number, status)
    }

    /// Finds the one that failed first among those that ended since the last look. Who was killed was so before others
    /// failed for want of it.
    fn judge(&mut self, mut ended: Vec<(usize, io::Result<ExitStatus>)>) {
        ended.sort_by_key(|(rank, status)| (status.as_ref().is_ok_and(|status| status.code().is_some()), *rank));
        for (rank, status) in ended {
            let status = match status {
                Ok(status) if status.success() => continue,
                Ok(status) => status,
                Err(error) => {
                    let trouble = Trouble::of_system(format!("cannot learn how rank {rank} has ended"), &error);
                    return self.give_up(Cause::Trouble(trouble));
                }
            };
            if self.cause.is_none() {
                let rest = if self.ranks.is_empty() { "" } else { "; ending the others" };
                say::say(Tone::Error, &format!("rank {rank} {}{rest}", describe(status)));
                self.cause = Some(Cause::Failed(status));
                self.enter(Stage::Asked);
            }
        }
    }

    fn attend(&mut self, event: Event) {
        match event {
            Event::Signal(SIGTSTP) => {
                self.roster.signal(Signal::STOP);
                // Comes back when this program is told to go on.
                let _ = emulate_default_handler(SIGTSTP);
                self.roster.signal(Signal::CONT);
            }
            Event::Signal(signal @ (SIGUSR1 | SIGUSR2)) => self.pass_on(signal),
            Event::Signal(signal) if self.stage == Stage::Running => {
                self.cause = Some(Cause::Signal(signal));
                self.pass_on(signal);
                self.enter(Stage::Asked);
            }
            Event::Signal(_) => self.advance(),
            Event::CannotPrint(Errno::PIPE) => self.give_up(Cause::OutputClosed),
            Event::CannotPrint(errno) => {
                self.give_up(Cause::Trouble(Trouble::of_system("cannot write", &errno.into())));
            }
        }
    }

    fn pass_on(&self, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            self.roster.signal(signal);
        }
    }

    /// The stage that follows.
    fn advance(&mut self) {
        let (next, signal) = match self.stage {
            Stage::Running | Stage::Asked => (Stage::Told, "TERM"),
            Stage::Told | Stage::Killed => (Stage::Killed, "KILL"),
        };
        say::say(Tone::Note, &format!("ending {} by {signal}", self.names()));
        self.enter(next);
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        let time = match stage {
            Stage::Running => None,
            Stage::Asked => Some(self.grace),
            Stage::Told => {
                self.roster.signal(Signal::TERM);
                Some(PATIENCE)
            }
            Stage::Killed => {
                self.roster.signal(Signal::KILL);
                Some(PATIENCE)
            }
        };
        self.deadline = time.map(|time| Instant::now() + time);
    }

    /// The ranks that have not ended.
    fn names(&self) -> String {
        let mut numbers: Vec<usize> = self.ranks.iter().map(|rank| rank.leash.job).collect();
        numbers.sort_unstable();
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        format!("{} {}", if numbers.len() == 1 { "rank" } else { "ranks" }, numbers.join(", "))
    }
}
