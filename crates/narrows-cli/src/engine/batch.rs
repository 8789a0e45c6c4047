//! The slices of input that records travel in.
//! Invariant: the bytes of a batch hold exactly `records` records, each with its delimiter or its length.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use super::framing::Framing;

/// A hand-over holds at most this many records,
// 8192: with 512, 60 million lines of 16 bytes through `cat` took 2.9 s, with 8192 0.8 s (-j1, two processors). It only
// matters to commands that answer a line in less than 2 microseconds; others reach 1 ms of work earlier.
pub(super) const MOST_RECORDS: usize = 8192;
/// or this many bytes, unless a single record is longer.
pub(super) const MOST_BYTES: usize = 64 << 10;

/// Neighbouring records on their way to a worker.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// Number of the first record, counted from 0.
    pub(super) first: u64,
    pub(super) records: usize,
    pub(super) bytes: Arc<Vec<u8>>,
    /// It was handed to a worker before, which died without reading it.
    pub(super) again: bool,
    /// It was tried so often, and failed. Then it is a single record, and a worker has it in hand alone.
    pub(super) tries: u32,
}

impl Batch {
    pub(super) fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.records as u64
    }

    /// Some of its records.
    pub(super) fn part(&self, numbers: &Range<u64>, framing: Framing) -> Batch {
        let (mut first, mut bytes) = (self.first, &self.bytes[..]);
        self.next_part(numbers, &mut first, &mut bytes, framing)
    }

    /// Its records in parts, which ascend. It is gone through once.
    pub(super) fn parts(&self, parts: impl IntoIterator<Item = Range<u64>>, framing: Framing) -> Vec<Batch> {
        let (mut first, mut bytes) = (self.first, &self.bytes[..]);
        parts.into_iter().map(|numbers| self.next_part(&numbers, &mut first, &mut bytes, framing)).collect()
    }

    /// Cuts the part off what is left, which begins with record `first`.
    fn next_part(&self, numbers: &Range<u64>, first: &mut u64, bytes: &mut &[u8], framing: Framing) -> Batch {
        let length =
            |bytes: &[u8], records: u64| framing.length_of(bytes, usize::try_from(records).unwrap_or(usize::MAX));
        let rest = &bytes[length(bytes, numbers.start - *first)..];
        let (part, rest) = rest.split_at(length(rest, numbers.end - numbers.start));
        (*first, *bytes) = (numbers.end, rest);
        let records = usize::try_from(numbers.end - numbers.start).unwrap_or(usize::MAX);
        Batch { first: numbers.start, records, bytes: Arc::new(part.to_vec()), again: self.again, tries: self.tries }
    }
}

/// How much of the input makes a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Portion {
    /// About a millisecond of work, and no more than is there.
    Paced,
    /// So many records; the last batch may have fewer.
    Records(NonZeroUsize),
    /// As many whole records as this many bytes hold, or a single longer one. Where the cuts lie depends on the
    /// input alone, not on when it comes.
    Bytes(NonZeroUsize),
}
