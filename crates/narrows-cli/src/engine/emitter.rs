//! The output of one process on its way to the gate: cut into parts as it comes.
//! Invariant: the parts of an answer are numbered from 0, and exactly one, the last, has records.

use std::mem;
use std::ops::Range;

use super::farm::Farm;
use super::order::Piece;

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
}

impl<'a> Emitter<'a> {
    /// The buffer is empty and stays with the job, so that a short answer costs no large allocation.
    pub(super) fn new(farm: &'a Farm, numbers: Range<u64>, buffer: &'a mut Vec<u8>) -> Emitter<'a> {
        Emitter { farm, numbers, part: 0, buffer }
    }

    /// Where the next output is to be read to.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer.reserve(if self.buffer.is_empty() { ROOM } else { LARGE });
        self.buffer
    }

    pub(super) fn is_large(&self) -> bool {
        self.buffer.len() >= LARGE
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// What has come leaves as a part.
    pub(super) fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.leave(0, 0);
        }
    }

    /// The answer is whole; so many bytes of questions need not be kept any longer.
    pub(super) fn finish(mut self, released: usize) {
        self.leave(self.numbers.end - self.numbers.start, released);
    }

    fn leave(&mut self, records: u64, released: usize) {
        let bytes = if self.is_large() {
            mem::take(self.buffer)
        } else {
            let copy = self.buffer.clone();
            self.buffer.clear();
            copy
        };
        let piece = Piece { first: self.numbers.start, part: self.part, records, bytes };
        self.part += 1;
        let spent = self.farm.print(piece, released);
        if self.buffer.capacity() < ROOM && spent.capacity() >= ROOM && spent.capacity() <= 2 * ROOM {
            *self.buffer = spent;
        }
    }
}
