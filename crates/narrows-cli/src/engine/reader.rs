//! Reads the input and cuts it into batches. Knows no worker.
//! Invariants: batches leave in input order and hold whole records; a batch leaves as soon as there is a whole record
//! and room for it, so it is partial exactly when the input pauses; reading stops while there is no room.

use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use narrows::Sender;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::batch::{Batch, Cut};
use super::event::Event;
use super::farm::Farm;
use super::{Trouble, batch::MOST_BYTES};

const READ: usize = 256 << 10;

struct Reader<'a> {
    farm: &'a Farm,
    input: OwnedFd,
    /// What was read and has not left is `buffer[start..]`.
    buffer: Vec<u8>,
    start: usize,
    /// Where `buffer[0]` lies in the input.
    offset: u64,
    ended: bool,
}

/// Reads until the input ends or the farm has had enough.
pub(super) fn run(farm: &Farm, input: OwnedFd, batches: &Sender<Batch>) {
    let mut reader = Reader { farm, input, buffer: Vec::with_capacity(READ), start: 0, offset: 0, ended: false };
    let outcome = reader.pass_on(batches);
    if let Err(event) = outcome {
        farm.send(event);
    }
    farm.end_input();
}

impl Reader<'_> {
    fn pass_on(&mut self, batches: &Sender<Batch>) -> Result<(), Event> {
        loop {
            if !self.await_record()? {
                return Ok(());
            }
            let Some(room) = self.farm.gate.room() else {
                return Ok(());
            };
            let room = NonZeroUsize::try_from(room).unwrap_or(NonZeroUsize::MAX);
            let Some(batch) = self.cut(self.farm.pace.batch().min(room))? else {
                return Ok(());
            };
            if batches.send(batch).is_err() {
                return Ok(());
            }
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Reads until the buffer begins with a whole record or shows one that is too long; false at the end.
    fn await_record(&mut self) -> Result<bool, Event> {
        let delimiter = self.farm.framing.delimiter;
        let mut searched = 0;
        while memchr::memchr(delimiter, &self.rest()[searched..]).is_none() {
            searched = self.rest().len();
            if searched > self.farm.framing.max_record {
                return Ok(true);
            }
            if self.ended {
                if searched == 0 {
                    return Ok(false);
                }
                self.buffer.push(delimiter);
            } else if !self.fill()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn cut(&mut self, most: NonZeroUsize) -> Result<Option<Batch>, Event> {
        match self.farm.framing.cut(self.rest(), most) {
            Cut::Whole { records, bytes } => {
                let data = self.rest()[..bytes].to_vec();
                self.start += bytes;
                let first = self.farm.gate.admit(records, bytes);
                Ok(Some(Batch { first, records, bytes: Arc::new(data), again: false }))
            }
            Cut::Partial => Ok(None),
            Cut::TooLong => Err(Event::InputTrouble(self.too_long())),
        }
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
        if self.buffer.capacity() - self.buffer.len() < MOST_BYTES {
            self.buffer.reserve(self.buffer.len().max(READ));
        }
        loop {
            let mut ready = [
                PollFd::new(&self.input, PollFlags::IN),
                PollFd::from_borrowed_fd(self.farm.stop_input.fd(), PollFlags::IN),
            ];
            match poll(&mut ready, None) {
                Ok(_) if !ready[1].revents().is_empty() => return Ok(false),
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(cannot_read(errno)),
            }
            match rustix::io::read(&self.input, spare_capacity(&mut self.buffer)) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Err(errno) => return Err(cannot_read(errno)),
            }
            return Ok(true);
        }
    }
}

fn cannot_read(errno: Errno) -> Event {
    Event::Trouble(Trouble::new(format!("cannot read the input: {errno}")))
}
