//! What becomes of the records that a worker had in hand when it ended.
//!
//! ```text
//!   answered          printed
//!   never read        another worker takes them
//!   read, unanswered  in doubt: failed, and named on stderr
//! ```

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::time::Duration;

use narrows::RecvTimeoutError;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use super::batch::Batch;
use super::collect::{Breach, Silence};
use super::event::Trouble;
use super::farm::{Farm, name_records};
use super::flight::Remains;
use super::life::Life;
use super::order::Piece;
use super::slot::Worker;
use super::sync::lock;
use super::trace::{Lane, Outcome};

/// Our own stderr may be one that nobody reads.
const MOST_WAITS: u32 = 20;

/// As many workers may die one after the other without an answer.
const MOST_DEATHS: u32 = 3;

/// The rule that was broken, and the mode that was meant perhaps.
fn one_for_one(command: &str) -> String {
    format!(
        "the command must read lines on stdin and answer each with exactly one line; \
         to pass each line as an argument: narrows farm {command} {{}}"
    )
}

/// Reaps a worker that has fallen silent; false when the farm cannot go on.
pub(super) fn settle(farm: &Farm, name: &str, command: &str, worker: Worker) -> bool {
    let Worker { mut child, life, collector, complaints, stderr, .. } = worker;
    let silence = collector.join().unwrap_or(Silence::Over);
    farm.roster.leave(&life.leash);
    let status = child.wait();
    // Its stderr ends with its group; a process that left the group may keep it open, and is not waited for. Where nobody does,
    // all of it is there, and who passes it on was merely not given a processor.
    let is_late = || complaints.recv_timeout(Duration::from_millis(500)) == Err(RecvTimeoutError::Timeout);
    let _ = (0..MOST_WAITS).all(|_| is_late() && is_shut(&stderr) && !farm.is_over());
    if farm.is_over() {
        return false;
    }
    if let (Some(trace), Ok(status)) = (farm.gate.trace(), &status) {
        trace.mark(Lane::Worker(life.leash.job), "ended", &json!({ "exit": status.code(), "signal": status.signal() }));
    }
    let (tail, status) = match (silence, status) {
        (Silence::Ended { tail }, Ok(status)) => (tail, status),
        (Silence::Broken(breach), _) => {
            farm.trouble(breach_of(name, command, breach));
            return false;
        }
        // Someone else reaped it: the farm is being ended.
        (Silence::Over, _) | (_, Err(_)) => return false,
    };
    let was_closed = life.is_closed();
    let ends = farm.replies.may_end(&tail);
    if ends && let Err(breach) = take_last(farm, &life, tail, was_closed && status.signal().is_none()) {
        farm.trouble(breach_of(name, command, breach));
        return false;
    }
    if let Some(track) = &life.track {
        track.end();
    }
    let mut flight = lock(&life.flight);
    let (answered, asked) = (flight.answered(), flight.answered() + flight.records() as u64);
    let read = flight.written() - life.unread_bytes().min(flight.written());
    let mut remains = flight.remains(read, farm.framing);
    drop(flight);
    let timed_out = life.late().is_some();
    if life.late().is_some_and(|record| !remains.holds(record)) {
        // The late one was answered in the last instant: what came after it was ended without fault.
        remains.absolve();
    }
    Estate { farm, life: &life, name, command, status, timed_out, was_closed, answered, asked, read }.divide(remains)
}

/// Whether nobody can write to this pipe any more.
fn is_shut(pipe: &OwnedFd) -> bool {
    let mut look = [PollFd::new(pipe, PollFlags::empty())];
    poll(&mut look, Some(&Timespec::default())).is_ok() && look[0].revents().contains(PollFlags::HUP)
}

/// The last answer lacks its delimiter: it gets one, unless the worker was cut off in mid-answer.
fn take_last(farm: &Farm, life: &Life, mut tail: Vec<u8>, whole: bool) -> Result<(), Breach> {
    if !whole {
        return Ok(());
    }
    let tags = lock(&life.flight).front(1, farm.framing);
    let (runs, _) = lock(&life.flight).answer(1).ok_or(Breach::MoreAnswers)?;
    if let Some(track) = &life.track {
        track.answer(1);
    }
    farm.framing.seal(&mut tail);
    if !farm.replies.are_plain() {
        tail = farm.replies.dress(&tail, &tags);
    }
    for run in runs {
        farm.print(Piece::whole(run.first, 1, std::mem::take(&mut tail)), run.released);
    }
    Ok(())
}

fn breach_of(name: &str, command: &str, breach: Breach) -> Trouble {
    let error = match breach {
        Breach::MoreAnswers => format!("{name} gave more answers than it was given lines"),
        Breach::BeforeReading => format!("{name} answered a line before it had read it"),
        Breach::TooLong => format!("{name} gave an answer longer than --max-record"),
    };
    Trouble::new(error).hint(one_for_one(command))
}

struct Estate<'a> {
    farm: &'a Farm,
    life: &'a Life,
    /// As in `worker 2 (sed)`, and `sed` alone.
    name: &'a str,
    command: &'a str,
    status: ExitStatus,
    timed_out: bool,
    /// Its stdin was closed before: it was expected to end.
    was_closed: bool,
    answered: u64,
    asked: u64,
    read: u64,
}

impl Estate<'_> {
    fn divide(&self, remains: Remains) -> bool {
        let finished = remains.in_doubt.is_empty() && remains.unread.is_empty();
        if self.was_closed && finished {
            self.check_status();
            return true;
        }
        if self.answered == 0 && self.status.success() && !self.timed_out && (self.read == 0 || !self.was_closed) {
            self.farm.trouble(self.ignores_its_input());
            return false;
        }
        self.report(&remains);
        let expected = self.was_closed && self.status.success() && remains.unread.is_empty();
        self.farm.gate.release(remains.released);
        let alone = remains.in_doubt.iter().any(|batch| batch.tries > 0);
        for batch in remains.in_doubt {
            self.decide(&batch);
        }
        for batch in remains.unread {
            let _ = self.farm.again.0.send(batch);
        }
        // A record that was tried alone is to blame itself: the command may be fine.
        expected || alone || self.timed_out || self.count_death()
    }

    /// Read and not answered: each record gets a worker for itself, or has failed.
    fn decide(&self, batch: &Batch) {
        let again = batch.tries < self.farm.retries && !self.farm.is_draining();
        if let Some(track) = &self.life.track {
            let end = self.end();
            track.doubt(batch, if again { Outcome::Retried(&end) } else { Outcome::Failed(&end) });
        }
        if again {
            let singles = batch.numbers().map(|number| number..number + 1);
            for single in batch.parts(singles, self.farm.framing) {
                self.farm.try_again(Batch { again: true, tries: batch.tries + 1, ..single });
            }
            return;
        }
        self.farm.gate.release(batch.bytes.len());
        let tries = if batch.tries > 0 { format!(" in {} tries", batch.tries + 1) } else { String::new() };
        self.farm.fail(batch.numbers(), &format!("no answer{tries}: {}", self.end()));
    }

    fn end(&self) -> String {
        match self.farm.timeout {
            Some(limit) if self.timed_out => format!("it took longer than {limit:?}"),
            _ => self.status.to_string(),
        }
    }

    /// Everything was answered, yet the command says that something went wrong.
    fn check_status(&self) {
        if !self.status.success() {
            self.farm.count_failures(1);
            self.farm.note(&format!("{} answered all its lines and ended with {}", self.name, self.status));
        }
    }

    fn ignores_its_input(&self) -> Trouble {
        let error = match self.read {
            0 => format!("{} ended without reading its input", self.name),
            _ => format!("{} ended without an answer before its input did", self.name),
        };
        Trouble::new(error).hint(one_for_one(self.command))
    }

    fn report(&self, remains: &Remains) {
        let fell_short = self.was_closed && self.status.success() && remains.unread.is_empty();
        let what = if fell_short {
            format!("{} answered {} of {} lines", self.name, self.answered, self.asked)
        } else {
            format!("{} ended early ({})", self.name, self.end())
        };
        let doubt: Vec<String> = remains.doubts().iter().map(name_records).collect();
        let again = remains.in_doubt.iter().all(|batch| batch.tries < self.farm.retries) && !self.farm.is_draining();
        let fate = if doubt.is_empty() && remains.unread.is_empty() {
            "it owed no answer".to_owned()
        } else if doubt.is_empty() {
            "it had read none of the lines it still had; they go to another worker".into()
        } else if again {
            format!("{} had been read, and not answered: to be tried again, one by one", doubt.join(", "))
        } else {
            format!("{} failed: read, and not answered", doubt.join(", "))
        };
        self.farm.note(&format!("{what}; {fate}"));
        if fell_short {
            self.farm.hint(&one_for_one(self.command));
        }
    }

    /// False when too many workers died in a row.
    fn count_death(&self) -> bool {
        if self.answered > 0 {
            return true;
        }
        let deaths = self.farm.deaths_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if deaths < MOST_DEATHS {
            return true;
        }
        let error = format!("{MOST_DEATHS} workers in a row ended without an answer, the last with {}", self.status);
        self.farm.trouble(Trouble::new(error).hint(one_for_one(self.command)));
        false
    }
}
