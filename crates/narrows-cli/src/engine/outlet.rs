//! Answers on their way into a named channel: a record of the output is a message. Knows no order.
//! Invariants: messages are sent in the order of the pieces; one holds a whole record without its mark; the end of an
//! answer ends its last record.

use std::mem;
use std::sync::{Mutex, TryLockError};

use narrows_shm::{Bytes, Fault, SendError, Sender};

use super::event::Trouble;
use super::framing::{Framing, Mark};
use super::order::Piece;
use super::sync::lock;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Outlet {
    name: String,
    framing: Framing,
    longest: usize,
    /// `None` after the farm has left the channel.
    line: Mutex<Option<Line>>,
}

#[derive(Debug)]
struct Line {
    sender: Sender<Vec<u8>, Bytes>,
    /// A record whose end has not come.
    rest: Vec<u8>,
}

impl Outlet {
    pub(crate) fn new(sender: Sender<Vec<u8>, Bytes>, name: String, framing: Framing) -> Outlet {
        let longest = usize::try_from(sender.inspect().max_len()).unwrap_or(usize::MAX);
        Outlet { name, framing, longest, line: Mutex::new(Some(Line { sender, rest: Vec::new() })) }
    }

    /// Waits while the channel is full.
    pub(super) fn write(&self, pieces: &[Piece]) -> Result<(), Trouble> {
        // One thread prints at a time, so nobody waits here; who ends the farm does not wait either.
        let mut line = lock(&self.line);
        let Some(line) = line.as_mut() else { return Ok(()) };
        for piece in pieces {
            self.cut(line, &piece.bytes)?;
            if piece.records > 0 && !line.rest.is_empty() {
                let rest = mem::take(&mut line.rest);
                self.send(line, &rest)?;
            }
        }
        Ok(())
    }

    /// Leaves the channel, unless somebody is sending: then the end of the process does it.
    pub(super) fn leave(&self) {
        match self.line.try_lock() {
            Ok(mut line) => *line = None,
            Err(TryLockError::Poisoned(line)) => *line.into_inner() = None,
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn cut(&self, line: &mut Line, bytes: &[u8]) -> Result<(), Trouble> {
        match self.framing.mark {
            Mark::End(end) => {
                let mut start = 0;
                for at in memchr::memchr_iter(end, bytes) {
                    let record = &bytes[start..at];
                    start = at + 1;
                    if line.rest.is_empty() {
                        self.send(line, record)?;
                    } else {
                        line.rest.extend_from_slice(record);
                        let whole = mem::take(&mut line.rest);
                        self.send(line, &whole)?;
                    }
                }
                line.rest.extend_from_slice(&bytes[start..]);
            }
            // A frame leaves the farm whole, in one piece, and often with others.
            Mark::Length => self.framing.records(bytes).try_for_each(|record| self.send(line, record))?,
        }
        if line.rest.len() > self.longest { Err(self.too_long(line.rest.len())) } else { Ok(()) }
    }

    fn send(&self, line: &Line, record: &[u8]) -> Result<(), Trouble> {
        line.sender.send_slice(record).map_err(|error| match error {
            SendError::Disconnected(()) => Trouble::new(format!("the channel {} was closed", self.name))
                .hint("with --from, records whose answers were not sent are still in their channel"),
            SendError::Fault((), Fault::TooLong { len, .. }) => self.too_long(len),
            SendError::Fault((), fault) => Trouble::new(format!("cannot send to the channel {}: {fault}", self.name)),
        })
    }

    fn too_long(&self, length: usize) -> Trouble {
        let (name, longest) = (&self.name, self.longest);
        let error = format!("an answer of {length} bytes does not fit into the channel {name}, which takes {longest}");
        Trouble::new(error).hint("how long a message may be is decided by who makes the channel, the first comer")
    }
}
