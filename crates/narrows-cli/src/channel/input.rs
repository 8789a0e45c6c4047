//! Stdin, cut into records. Waits for it beside what ends the program.

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::stdio::stdin;

use super::stop::{Stop, Why};
use crate::engine::{Framing, Trouble};

const READ: usize = 256 << 10;

pub(super) struct Input<'a> {
    framing: Framing,
    stop: &'a Stop,
    /// Whole records, which were given out, and what was read behind them.
    buffer: Vec<u8>,
    given: usize,
}

pub(super) enum Next<'a> {
    /// Whole records. Lines may be longer than they should be.
    Records(&'a [u8]),
    /// The next record is longer than it should be; its end is not here yet.
    TooLong,
    End,
    Stopped(Why),
}

impl Input<'_> {
    pub(super) fn new(framing: Framing, stop: &Stop) -> Input<'_> {
        Input { framing, stop, buffer: Vec::with_capacity(READ), given: 0 }
    }

    /// What comes next; as soon as a whole record is there.
    pub(super) fn next(&mut self) -> Result<Next<'_>, Trouble> {
        self.buffer.drain(..self.given);
        self.given = 0;
        // Up to there no record ends. What follows the records given out may be one that shows its length.
        let mut searched = 0;
        loop {
            let length = self.framing.whole(&self.buffer[searched..]);
            if length > 0 {
                self.given = searched + length;
                return Ok(Next::Records(&self.buffer[..self.given]));
            }
            if self.framing.shows_record(&self.buffer, self.buffer.len()) {
                return Ok(Next::TooLong);
            }
            searched = self.framing.resume_at(&self.buffer);
            match self.fill()? {
                Fill::Some => {}
                Fill::End if self.buffer.is_empty() => return Ok(Next::End),
                Fill::End if self.framing.end_last(&mut self.buffer, 0) => {}
                Fill::End => {
                    return Err(Trouble::new("the input ends in the middle of a frame: all before it was sent")
                        .hint("with --frame each record follows its length in four bytes"));
                }
                Fill::Stopped(why) => return Ok(Next::Stopped(why)),
            }
        }
    }

    fn fill(&mut self) -> Result<Fill, Trouble> {
        if self.buffer.capacity() - self.buffer.len() < READ / 4 {
            self.buffer.reserve(self.buffer.len().max(READ));
        }
        loop {
            let mut ready = [
                PollFd::from_borrowed_fd(stdin(), PollFlags::IN),
                PollFd::from_borrowed_fd(self.stop.fd(), PollFlags::IN),
            ];
            match poll(&mut ready, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(cannot_read(errno)),
            }
            if !ready[1].revents().is_empty()
                && let Some(why) = self.stop.now()
            {
                return Ok(Fill::Stopped(why));
            }
            match rustix::io::read(stdin(), spare_capacity(&mut self.buffer)) {
                Ok(0) => return Ok(Fill::End),
                Ok(_) => return Ok(Fill::Some),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(errno) => return Err(cannot_read(errno)),
            }
        }
    }
}

enum Fill {
    Some,
    End,
    Stopped(Why),
}

fn cannot_read(errno: Errno) -> Trouble {
    Trouble::of_system("cannot read the input", &errno.into())
}
