//! Records and the slices of input they travel in. Knows no file, no process and no thread.
//! Invariant: the bytes of a batch hold exactly `records` records, each with its delimiter at the end.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

/// A hand-over holds at most this many records,
// 8192: with 512, 60 million lines of 16 bytes through `cat` took 2.9 s, with 8192 0.8 s (-j1, two processors). It only
// matters to commands that answer a line in less than 2 microseconds; others reach 1 ms of work earlier.
pub(super) const MOST_RECORDS: usize = 8192;
/// or this many bytes, unless a single record is longer.
pub(super) const MOST_BYTES: usize = 64 << 10;
/// Counting runs at memory speed and stepping does not: only a piece of this size is stepped through.
const PIECE: usize = 2048;

/// How a stream of bytes is cut into records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    /// The byte that ends a record, in the questions and in the answers.
    pub(crate) delimiter: u8,
    /// The longest record, and the longest answer, without its delimiter.
    pub(crate) max_record: usize,
}

/// Neighbouring records on their way to a worker.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// Number of the first record, counted from 0.
    pub(super) first: u64,
    pub(super) records: usize,
    pub(super) bytes: Arc<Vec<u8>>,
    /// It was handed to a worker before, which died without reading it.
    pub(super) again: bool,
}

impl Batch {
    pub(super) fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.records as u64
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

/// What a look at the front of the input, where a record is or one too long, finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// That many whole records in that many bytes.
    Whole { records: usize, bytes: usize },
    /// The first record is longer than the longest allowed, whether its end is there or not.
    TooLong,
}

impl Framing {
    /// Whether `data`, the first `searched` bytes of which hold no end of a record, begins with a whole one.
    pub(super) fn has_record(self, data: &[u8], searched: usize) -> bool {
        memchr::memchr(self.delimiter, &data[searched..]).is_some()
    }

    /// Cuts up to `most` whole records off the front of `data`, no more than fit into `limit` bytes unless it is one.
    pub(super) fn cut(self, data: &[u8], most: NonZeroUsize, limit: usize) -> Cut {
        let Some(end) = memchr::memchr(self.delimiter, data).filter(|end| *end <= self.max_record) else {
            return Cut::TooLong;
        };
        let (mut records, mut bytes) = (1, end + 1);
        let limit = data.len().min(limit);
        if bytes < limit && most.get() > 1 {
            let (more, length) = self.follow(&data[bytes..limit], most.get() - 1);
            records += more;
            bytes += length;
        }
        Cut::Whole { records, bytes }
    }

    /// Cuts as many whole records off the front of `data` as `limit` bytes hold, at least one.
    pub(super) fn cut_block(self, data: &[u8], limit: usize) -> Cut {
        match memchr::memrchr(self.delimiter, &data[..limit.min(data.len())]) {
            Some(last) if last < self.max_record => Cut::Whole { records: self.count(&data[..=last]), bytes: last + 1 },
            _ => self.cut(data, NonZeroUsize::MAX, limit),
        }
    }

    /// Counts whole records, `most` of them at most; stops before one that is too long.
    fn follow(self, data: &[u8], most: usize) -> (usize, usize) {
        if self.max_record < data.len() {
            return self.follow_checked(data, most);
        }
        let (mut records, mut bytes) = (0, 0);
        for (index, piece) in data.chunks(PIECE).enumerate() {
            let found = memchr::memchr_iter(self.delimiter, piece).count();
            if records + found >= most {
                let last = memchr::memchr_iter(self.delimiter, piece).nth(most - records - 1);
                return (most, index * PIECE + last.map_or(0, |at| at + 1));
            }
            if found > 0 {
                records += found;
                bytes = index * PIECE + memchr::memrchr(self.delimiter, piece).map_or(0, |at| at + 1);
            }
        }
        (records, bytes)
    }

    #[cold]
    fn follow_checked(self, data: &[u8], most: usize) -> (usize, usize) {
        let (mut records, mut bytes) = (0, 0);
        for end in memchr::memchr_iter(self.delimiter, data).take(most) {
            if end - bytes > self.max_record {
                break;
            }
            records += 1;
            bytes = end + 1;
        }
        (records, bytes)
    }

    /// Counts records, and stops at `most`.
    pub(super) fn count_to(self, data: &[u8], most: usize) -> usize {
        memchr::memchr_iter(self.delimiter, data).take(most).count()
    }

    pub(super) fn count(self, data: &[u8]) -> usize {
        memchr::memchr_iter(self.delimiter, data).count()
    }

    /// The length of the first `records` records of `data`, which holds at least as many.
    pub(super) fn length_of(self, data: &[u8], records: usize) -> usize {
        match records {
            0 => 0,
            n => memchr::memchr_iter(self.delimiter, data).nth(n - 1).map_or(data.len(), |at| at + 1),
        }
    }

    /// The records of a batch, without their delimiters.
    pub(super) fn records(self, data: &[u8]) -> impl Iterator<Item = &[u8]> {
        let body = data.strip_suffix(&[self.delimiter]).unwrap_or(data);
        body.split(move |byte| *byte == self.delimiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Framing = Framing { delimiter: b'\n', max_record: 1 << 20 };

    fn cut(framing: Framing, data: &[u8], most: usize) -> Cut {
        framing.cut(data, NonZeroUsize::new(most).expect("tests ask for some records"), MOST_BYTES)
    }

    #[test]
    fn a_cut_holds_whole_records_only() {
        assert_eq!(cut(LINES, b"a\nbb\nccc", 9), Cut::Whole { records: 2, bytes: 5 });
        assert!(!LINES.has_record(b"ccc", 0) && !LINES.has_record(b"", 0) && LINES.has_record(b"c\n", 1));
    }

    #[test]
    fn a_cut_agrees_with_a_plain_count_at_every_limit() {
        let data: Vec<u8> = (0..3000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        for most in [1, 2, 3, 511, 512, 700, 2999, 3000, 3001] {
            let Cut::Whole { records, bytes } = cut(LINES, &data, most) else { panic!("there are records") };
            assert_eq!(records, most.min(3000));
            assert_eq!(bytes, LINES.length_of(&data, records));
            assert_eq!(LINES.count(&data[..bytes]), records);
        }
    }

    #[test]
    fn a_cut_ends_before_64_kib_are_passed() {
        let data = [b"x".repeat(999), b"\n".to_vec()].concat().repeat(100);
        assert_eq!(cut(LINES, &data, 512), Cut::Whole { records: 65, bytes: 65_000 });
    }

    #[test]
    fn a_long_record_stops_the_cut_before_it_and_is_named_when_it_is_first() {
        let short = Framing { delimiter: b'\n', max_record: 3 };
        assert_eq!(cut(short, b"abc\nabcd\nx\n", 9), Cut::Whole { records: 1, bytes: 4 });
        assert_eq!(cut(short, b"abcd\nx\n", 9), Cut::TooLong);
        assert_eq!(cut(short, b"abcd", 9), Cut::TooLong);
    }

    #[test]
    fn a_block_ends_with_the_last_record_that_fits_or_holds_one() {
        let block = |data: &[u8], limit| LINES.cut_block(data, limit);
        assert_eq!(block(b"aa\nbb\ncc\n", 7), Cut::Whole { records: 2, bytes: 6 });
        assert_eq!(block(b"aa\nbb\ncc\n", 100), Cut::Whole { records: 3, bytes: 9 });
        assert_eq!(block(b"aaaaaa\nbb\n", 3), Cut::Whole { records: 1, bytes: 7 });
        let short = Framing { delimiter: b'\n', max_record: 3 };
        assert_eq!(short.cut_block(b"abc\nabcd\nx\n", 100), Cut::Whole { records: 1, bytes: 4 });
        assert_eq!(short.cut_block(b"abcd\nx\n", 100), Cut::TooLong);
    }

    #[test]
    fn records_come_back_as_they_went_in() {
        let all: Vec<&[u8]> = LINES.records(b"a\n\nb\r\n").collect();
        assert_eq!(all, [&b"a"[..], b"", b"b\r"]);
    }
}
