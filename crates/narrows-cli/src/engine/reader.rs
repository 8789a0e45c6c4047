//! Reads the input and cuts it into batches. Knows no worker.
//! Invariants: batches leave in input order and hold whole records; a batch leaves as soon as there is a whole record
//! and room for it, so it is partial exactly when the input pauses; reading stops while there is no room.

use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use narrows::{Sender, TrySendError, select};
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::batch::{Batch, Portion};
use super::event::Event;
use super::farm::Farm;
use super::framing::Cut;
use super::intake::{Given, Supply, Want};
use super::trace::{Lane, timed};
use super::{Trouble, batch::MOST_BYTES};

const READ: usize = 256 << 10;
/// A batch of many records is cut short rather than that this much more than the longest record is read for it.
const MOST_AHEAD: usize = 64 << 20;

/// A batch of several records from a channel is cut short when none has come for so long: the channel may hold no more
/// than are in hand, and then none ever comes.
const LINGER: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) enum Source {
    File(OwnedFd),
    Channel(Supply),
}

struct Reader<'a> {
    farm: &'a Farm,
    source: Source,
    /// What was read and has not left is `buffer[start..]`.
    buffer: Vec<u8>,
    start: usize,
    /// Where `buffer[0]` lies in the input.
    offset: u64,
    ended: bool,
    /// Nothing more came while a batch was not full.
    paused: bool,
}

/// Reads until the input ends or the farm has had enough.
pub(super) fn run(farm: &Farm, source: Source, batches: &Sender<Batch>) {
    let buffer = Vec::with_capacity(READ);
    let mut reader = Reader { farm, source, buffer, start: 0, offset: 0, ended: false, paused: false };
    let outcome = reader.pass_on(batches);
    if let Err(event) = outcome {
        farm.send(event);
    }
    farm.end_input();
}

impl Reader<'_> {
    fn pass_on(&mut self, batches: &Sender<Batch>) -> Result<(), Event> {
        while self.await_portion()? {
            let trace = self.farm.gate.trace();
            let room = timed(trace, Lane::Reader, "waits for room", || self.farm.gate.room(self.least()));
            let Some(room) = room else {
                break;
            };
            let batch = self.cut(NonZeroUsize::try_from(room).unwrap_or(NonZeroUsize::MAX))?;
            let sent = timed(trace, Lane::Reader, "waits for a worker", || match &self.farm.gate.ledger {
                Some(ledger) => ledger.sift(self.farm, batch).into_iter().all(|batch| self.hand_over(batch, batches)),
                None => self.hand_over(batch, batches),
            });
            if !sent {
                break;
            }
        }
        Ok(())
    }

    /// False when no job is left.
    fn hand_over(&self, batch: Batch, batches: &Sender<Batch>) -> bool {
        match batches.try_send(batch) {
            Ok(()) => true,
            Err(TrySendError::Full(batch)) => {
                self.farm.gate.begin_room_wait();
                let sent = batches.send(batch).is_ok();
                self.farm.gate.end_room_wait();
                sent
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    /// A batch of so many records is not cut smaller because there is little room.
    fn least(&self) -> u64 {
        match self.farm.portion {
            Portion::Records(records) => records.get() as u64,
            Portion::Paced | Portion::Bytes(_) => 1,
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Reads until the buffer begins with what makes a batch; false when nothing more comes.
    fn await_portion(&mut self) -> Result<bool, Event> {
        self.paused = false;
        if !self.await_record()? {
            return Ok(false);
        }
        // What was counted is not counted again when a little more has come.
        let (mut counted, mut searched) = (0, 0);
        loop {
            let enough = match self.farm.portion {
                Portion::Paced => true,
                Portion::Records(records) if records.get() == 1 => true,
                Portion::Records(records) => {
                    let (framing, missing) = (self.farm.framing, records.get() - counted);
                    counted += framing.count_on(self.rest(), &mut searched, missing);
                    counted == records.get()
                }
                Portion::Bytes(bytes) => self.rest().len() >= bytes.get(),
            };
            if enough || self.ended || self.paused || self.rest().len() > self.farm.framing.max_record.max(MOST_AHEAD) {
                return Ok(true);
            }
            // What was read already is a batch when the reading is stopped: it is not handed over any more.
            if !self.fill()? {
                return Ok(false);
            }
            if self.ended {
                // A frame without its end is found out when it is first.
                self.farm.framing.end_last(&mut self.buffer, self.start);
            }
        }
    }

    /// Reads until the buffer begins with a whole record or shows one that is too long; false at the end.
    fn await_record(&mut self) -> Result<bool, Event> {
        let mut searched = 0;
        while !self.farm.framing.shows_record(self.rest(), searched) {
            searched = self.rest().len();
            if self.ended {
                if searched == 0 {
                    return Ok(false);
                }
                self.end_last_record()?;
            } else if !self.fill()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn end_last_record(&mut self) -> Result<(), Event> {
        if self.farm.framing.end_last(&mut self.buffer, self.start) {
            return Ok(());
        }
        let offset = self.offset + self.start as u64;
        let error = format!("the input ends in the middle of a frame; the last whole ones end after byte {offset}");
        Err(Event::InputTrouble(Trouble::new(error).hint("with --frame each record follows its length in four bytes")))
    }

    fn cut(&mut self, room: NonZeroUsize) -> Result<Batch, Event> {
        let framing = self.farm.framing;
        let cut = match self.farm.portion {
            Portion::Paced => framing.cut(self.rest(), self.farm.pace.batch().min(room), MOST_BYTES),
            Portion::Records(records) => framing.cut(self.rest(), records, usize::MAX),
            Portion::Bytes(bytes) => framing.cut_block(self.rest(), bytes.get()),
        };
        match cut {
            Cut::Whole { records, bytes } => {
                let data = self.take(bytes);
                let first = self.farm.gate.admit(records, bytes);
                Ok(Batch { first, records, bytes: Arc::new(data), again: false, tries: 0 })
            }
            Cut::TooLong => Err(Event::InputTrouble(self.too_long())),
        }
    }

    /// Takes bytes off the front of the rest. What is large is not copied: the little that follows it is.
    fn take(&mut self, bytes: usize) -> Vec<u8> {
        let follows = self.rest().len() - bytes;
        if self.start > 0 || bytes < READ || follows > bytes / 4 {
            let data = self.rest()[..bytes].to_vec();
            self.start += bytes;
            return data;
        }
        let mut buffer = Vec::with_capacity(self.buffer.capacity().max(follows + MOST_BYTES));
        buffer.extend_from_slice(&self.buffer[bytes..]);
        self.offset += bytes as u64;
        self.buffer.truncate(bytes);
        std::mem::replace(&mut self.buffer, buffer)
    }

    #[cold]
    fn too_long(&self) -> Trouble {
        let (line, offset) = (self.farm.gate.view().read + 1, self.offset + self.start as u64);
        let most = self.farm.framing.max_record;
        Trouble::new(format!("record {line}, at byte {offset} of the input, is longer than {most} bytes"))
            .hint("--max-record raises the limit; with -0 records end with NUL")
    }

    /// Reads once; false when the farm stopped the reading.
    fn fill(&mut self) -> Result<bool, Event> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.offset += self.start as u64;
            self.start = 0;
        }
        match &self.source {
            Source::File(_) => self.read(),
            Source::Channel(_) => self.take_in(),
        }
    }

    fn read(&mut self) -> Result<bool, Event> {
        let Source::File(input) = &self.source else { return Ok(false) };
        let room = match self.farm.portion {
            Portion::Bytes(bytes) => bytes.get() + MOST_BYTES,
            Portion::Paced | Portion::Records(_) => self.buffer.len().max(READ),
        };
        if self.buffer.capacity() - self.buffer.len() < MOST_BYTES {
            self.buffer.reserve(room);
        }
        loop {
            let mut ready =
                [PollFd::new(input, PollFlags::IN), PollFd::from_borrowed_fd(self.farm.stop_input.fd(), PollFlags::IN)];
            let outcome = match poll(&mut ready, Some(&Timespec::default())) {
                Ok(0) => {
                    self.farm.gate.begin_input_wait();
                    let trace = self.farm.gate.trace();
                    let outcome = timed(trace, Lane::Reader, "waits for input", || poll(&mut ready, None));
                    self.farm.gate.end_input_wait();
                    outcome
                }
                outcome => outcome,
            };
            match outcome {
                Ok(_) if !ready[1].revents().is_empty() => return Ok(false),
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(cannot_read(errno)),
            }
            match rustix::io::read(input, spare_capacity(&mut self.buffer)) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Err(errno) => return Err(cannot_read(errno)),
            }
            return Ok(true);
        }
    }

    /// Asks the channel for what is missing of a batch; false when the farm stopped the reading.
    fn take_in(&mut self) -> Result<bool, Event> {
        let Source::Channel(supply) = &self.source else { return Ok(false) };
        let rest = self.rest();
        let (records, bytes) = match self.farm.portion {
            Portion::Paced => (self.farm.pace.batch().get(), MOST_BYTES),
            Portion::Records(records) => (records.get() - self.farm.framing.count(rest), usize::MAX),
            Portion::Bytes(bytes) => (usize::MAX, bytes.get() - rest.len()),
        };
        let until = (!rest.is_empty()).then(|| Instant::now() + LINGER);
        if supply.wants.send(Want { records, bytes, until }).is_err() {
            return Ok(false);
        }
        self.farm.gate.begin_input_wait();
        let given = timed(self.farm.gate.trace(), Lane::Reader, "waits for input", || {
            select! {
                recv(supply.given) -> given => given.ok(),
                recv(self.farm.draining.begun()) -> _ => None,
            }
        });
        self.farm.gate.end_input_wait();
        match given {
            None => return Ok(false),
            Some(Given::Records(records)) => self.buffer.extend_from_slice(&records),
            Some(Given::Nothing) => self.paused = true,
            Some(Given::End) => self.ended = true,
            // It is met again when the batch has left.
            Some(Given::Trouble(_)) if !self.rest().is_empty() => self.paused = true,
            Some(Given::Trouble(trouble)) => return Err(Event::InputTrouble(trouble)),
        }
        Ok(true)
    }
}

fn cannot_read(errno: Errno) -> Event {
    Event::Trouble(Trouble::of_system("cannot read the input", &errno.into()))
}
