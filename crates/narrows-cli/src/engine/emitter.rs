//! The output of one process on its way to the gate: cut into parts as it comes, or held until it is known to count.
//! Invariants: the parts of an answer are numbered from 0, and exactly one, the last, has records; what is held is
//! counted by the gate.

use std::mem;
use std::ops::Range;

use super::farm::Farm;
use super::framing::Mark;
use super::order::Piece;
use super::tag::Tag;

/// Room for one read.
pub(super) const ROOM: usize = 64 << 10;
/// A part of this size leaves at once, and without being copied.
const LARGE: usize = 32 << 10;

#[derive(Debug)]
pub(super) struct Emitter<'a> {
    farm: &'a Farm,
    numbers: Range<u64>,
    part: u32,
    buffer: &'a mut Vec<u8>,
    tag: Option<Tag>,
    /// Nothing leaves before the end.
    holds: bool,
    /// It leaves as a frame.
    framed: bool,
    /// So many of the held bytes are known to the gate.
    counted: usize,
}

impl<'a> Emitter<'a> {
    /// The buffer is empty and stays with the job, so that a short answer costs no large allocation.
    pub(super) fn new(farm: &'a Farm, numbers: Range<u64>, buffer: &'a mut Vec<u8>) -> Emitter<'a> {
        Emitter { farm, numbers, part: 0, buffer, tag: None, holds: false, framed: false, counted: 0 }
    }

    pub(super) fn tagged(mut self, tag: Option<Tag>) -> Emitter<'a> {
        self.tag = tag;
        self
    }

    /// The output is one frame: it is held, since its length stands before it.
    pub(super) fn framed(mut self, framed: bool) -> Emitter<'a> {
        self.framed = framed;
        self.hold(false);
        self
    }

    /// From now on nothing leaves before the end, or again what comes.
    pub(super) fn hold(&mut self, holds: bool) {
        self.holds = holds || self.framed;
    }

    /// Where the next output is to be read to.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer.reserve(if self.buffer.is_empty() { ROOM } else { LARGE });
        self.buffer
    }

    /// Whether something should leave soon.
    pub(super) fn waits(&self) -> bool {
        self.ripe() > 0
    }

    /// So many bytes may leave. Unordered only whole lines do, if none is very long: what follows the output of a process
    /// that was ended by force is another's.
    fn ripe(&self) -> usize {
        let length = self.buffer.len();
        match self.farm.framing.mark {
            _ if self.holds => 0,
            Mark::End(end) if !self.farm.gate.is_ordered() => match memchr::memrchr(end, self.buffer) {
                Some(last) => last + 1,
                None if length >= LARGE => length,
                None => 0,
            },
            _ => length,
        }
    }

    /// Output has come; false if more is held than may be.
    pub(super) fn came(&mut self) -> bool {
        if self.holds {
            self.farm.gate.hold(self.numbers.start, self.buffer.len() - self.counted);
            self.counted = self.buffer.len();
            return self.counted <= self.farm.most_held;
        }
        if self.buffer.len() >= LARGE {
            self.flush();
        }
        true
    }

    /// What has come leaves as a part.
    pub(super) fn flush(&mut self) {
        let ripe = self.ripe();
        if ripe > 0 {
            let rest = self.buffer.split_off(ripe);
            self.leave(0, 0);
            self.buffer.extend_from_slice(&rest);
        }
    }

    /// What is held never came.
    pub(super) fn discard(&mut self) {
        self.buffer.clear();
        self.let_go();
    }

    /// The answer is whole; so many bytes of questions need not be kept any longer.
    pub(super) fn finish(mut self, released: usize) {
        if self.framed {
            self.farm.framing.seal(self.buffer);
        }
        self.leave(self.numbers.end - self.numbers.start, released);
    }

    fn let_go(&mut self) {
        if self.counted > 0 {
            self.farm.gate.let_go(self.numbers.start, mem::take(&mut self.counted));
        }
    }

    fn leave(&mut self, records: u64, released: usize) {
        let bytes = match &mut self.tag {
            Some(tag) => {
                let mut tagged = tag.apply(self.buffer);
                if records > 0 {
                    tag.finish(&mut tagged);
                }
                self.buffer.clear();
                tagged
            }
            None if self.buffer.len() >= LARGE => mem::take(self.buffer),
            None => {
                let copy = self.buffer.clone();
                self.buffer.clear();
                copy
            }
        };
        let piece = Piece { first: self.numbers.start, part: self.part, records, bytes, spilled: None };
        self.part += 1;
        self.let_go();
        let spent = self.farm.print(piece, released);
        if self.buffer.capacity() < ROOM && spent.capacity() >= ROOM && spent.capacity() <= 2 * ROOM {
            *self.buffer = spent;
        }
    }
}
