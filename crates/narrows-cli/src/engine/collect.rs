//! Reads the answers of one worker and matches them to its questions. One thread per worker, so that a worker whose
//! two pipes are full is always emptied: the feeder may block, the collector never waits for it.

use std::io;
use std::mem;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;

use super::farm::Farm;
use super::flight::Run;
use super::life::Life;
use super::order::Piece;
use super::replies::Found;
use super::sync::lock;

/// As much as a pipe holds, and room for an answer cut in two.
const BUFFER: usize = 72 << 10;
/// The least room for a read.
const READ: usize = 64 << 10;
/// A group whose leader has exited may still answer for this long.
const AFTERMATH: Duration = Duration::from_secs(2);

/// How the answers of a worker ended. The process has exited.
#[derive(Debug)]
pub(super) enum Silence {
    /// With these bytes after the last whole answer.
    Ended {
        tail: Vec<u8>,
    },
    Broken(Breach),
    /// The farm is over.
    Over,
}

/// How a worker broke the rule of one answer for one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breach {
    MoreAnswers,
    BeforeReading,
    TooLong,
}

pub(super) fn run(farm: &Farm, life: &Life) -> Silence {
    let mut collector = Collector { farm, life, buffer: Vec::with_capacity(BUFFER), searched: 0, exited: false };
    let silence = loop {
        if !farm.gate.may_answer(|| lock(&life.flight).oldest()) {
            break Silence::Over;
        }
        match collector.read() {
            Ok(0) => {
                break Silence::Ended { tail: collector.buffer };
            }
            Ok(_) => {}
            // The end of a terminal is an error.
            Err(_) => break Silence::Ended { tail: collector.buffer },
        }
        if let Err(breach) = collector.take_in() {
            break Silence::Broken(breach);
        }
    };
    match &silence {
        Silence::Ended { .. } => {}
        Silence::Broken(_) => farm.roster.kill(&life.leash, Signal::KILL),
        Silence::Over => {
            // The farm ends it, with the patience that is due.
            life.leash.await_exit(None);
        }
    }
    let owes =
        lock(&life.flight).records() > usize::from(matches!(&silence, Silence::Ended { tail } if !tail.is_empty()));
    // Without stdout it cannot answer any more: before the end, or with questions left, that is as good as dead.
    while !life.leash.await_exit(Some(Duration::from_secs(1))) {
        if owes || !life.is_closed() {
            farm.roster.kill(&life.leash, Signal::KILL);
        }
    }
    life.fall_silent();
    silence
}

struct Collector<'a> {
    farm: &'a Farm,
    life: &'a Life,
    buffer: Vec<u8>,
    /// So much of the buffer holds no delimiter.
    searched: usize,
    exited: bool,
}

impl Collector<'_> {
    /// Waits for bytes; 0 at the end of the answers.
    fn read(&mut self) -> io::Result<usize> {
        if self.buffer.capacity() - self.buffer.len() < READ {
            self.buffer.reserve(READ.max(self.buffer.len() / 2));
        }
        loop {
            match rustix::io::read(&self.life.stdout, spare_capacity(&mut self.buffer)) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if !self.await_bytes()? {
                        return Ok(0);
                    }
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    /// False when the process is gone and nothing more comes.
    fn await_bytes(&mut self) -> io::Result<bool> {
        let stdout = PollFd::new(&self.life.stdout, PollFlags::IN);
        let ready = if self.exited {
            // Its stdout is still open in some other process of its group.
            let patient = self.life.is_closed() && lock(&self.life.flight).records() > 0;
            let limit = Timespec::try_from(if patient { AFTERMATH } else { Duration::ZERO }).ok();
            poll(&mut [stdout], limit.as_ref())
        } else {
            let mut both = [stdout, PollFd::new(&self.life.leash.exit, PollFlags::IN)];
            let ready = poll(&mut both, None);
            self.exited = !both[1].revents().is_empty();
            ready
        };
        match ready {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(true),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Passes the whole answers in the buffer on.
    fn take_in(&mut self) -> Result<(), Breach> {
        let (answers, cut) = match self.farm.replies.find(&self.buffer, self.searched) {
            Found::Whole { replies, cut } => (replies, cut),
            Found::Partial { searched } => {
                self.searched = searched;
                return Ok(());
            }
            Found::TooLong => return Err(Breach::TooLong),
        };
        let tags = if self.farm.replies.tagged { self.questions(answers) } else { Vec::new() };
        let runs = self.match_questions(answers)?;
        self.life.answer_came();
        let answered = self.split_off(cut);
        // Between the last answer and the end of the buffer no other ends.
        self.searched = if self.farm.replies.are_plain() { self.farm.framing.resume_at(&self.buffer) } else { 0 };
        self.pass_on(answered, &runs, &tags);
        Ok(())
    }

    fn match_questions(&self, answers: usize) -> Result<Vec<Run>, Breach> {
        let mut flight = lock(&self.life.flight);
        if flight.answered() == 0 && flight.records() > 0 && !flight.has_written() {
            // The answer may overtake the books of the write that caused it, by as long as the feeder is given no processor.
            let patience = Duration::from_secs(10);
            let writing = |flight: &mut super::flight::Flight| !flight.has_written();
            flight = match self.life.wrote.wait_timeout_while(flight, patience, writing) {
                Ok((flight, _)) => flight,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        let (runs, took) = flight.answer(answers).ok_or(Breach::MoreAnswers)?;
        let read_at_most = flight.handed().saturating_sub(self.life.unread_bytes());
        let needed = flight.settled().max(1);
        drop(flight);
        if let Some(track) = &self.life.track {
            track.answer(answers);
        }
        if read_at_most < needed {
            return Err(Breach::BeforeReading);
        }
        if let Some(took) = took {
            self.farm.pace.observe(answers, took);
        }
        self.farm.forget_deaths();
        Ok(runs)
    }

    /// Takes the first `cut` bytes out of the buffer, without copying what is large.
    fn split_off(&mut self, cut: usize) -> Vec<u8> {
        if cut < self.buffer.capacity() / 2 {
            let answered = self.buffer[..cut].to_vec();
            self.buffer.drain(..cut);
            return answered;
        }
        let mut rest = Vec::new();
        rest.extend_from_slice(&self.buffer[cut..]);
        self.buffer.truncate(cut);
        mem::replace(&mut self.buffer, rest)
    }

    /// The records that the next answers are for.
    fn questions(&self, answers: usize) -> Vec<Vec<u8>> {
        lock(&self.life.flight).front(answers, self.farm.framing)
    }

    fn pass_on(&mut self, mut answered: Vec<u8>, runs: &[Run], mut tags: &[Vec<u8>]) {
        let mut spent = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            let bytes = if index + 1 == runs.len() {
                mem::take(&mut answered)
            } else {
                let length = self.farm.replies.length_of(&answered, run.records);
                answered.drain(..length).collect()
            };
            let bytes = if self.farm.replies.are_plain() {
                bytes
            } else {
                let (these, others) = tags.split_at(run.records.min(tags.len()));
                tags = others;
                self.farm.replies.dress(&bytes, these)
            };
            let piece = Piece::whole(run.first, run.records as u64, bytes);
            spent = self.farm.print(piece, run.released);
        }
        // A buffer that was printed at once serves for the next read.
        if self.buffer.capacity() < BUFFER && spent.capacity() >= BUFFER && spent.capacity() <= 2 * BUFFER {
            spent.extend_from_slice(&self.buffer);
            self.buffer = spent;
        }
    }
}
