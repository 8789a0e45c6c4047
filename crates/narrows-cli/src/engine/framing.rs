//! How a stream of bytes is cut into records: by a byte that ends each, or by a length before each. Knows no file, no
//! process and no thread.

use std::num::NonZeroUsize;

/// Counting runs at memory speed and stepping does not: only a piece of this size is stepped through.
const PIECE: usize = 2048;
/// The length of a frame: four bytes, the highest first.
const HEADER: usize = 4;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    /// What separates records, in the questions and in the answers.
    pub(crate) mark: Mark,
    /// The longest record, and the longest answer, without its mark.
    pub(crate) max_record: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// This byte ends each.
    End(u8),
    /// Its length stands before each.
    Length,
}

/// What a look at the front of the input, where a record is or one too long, finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// That many whole records in that many bytes.
    Whole { records: usize, bytes: usize },
    /// The first record is longer than the longest allowed, whether its end is there or not.
    TooLong,
}

/// The first record of some bytes.
enum Front {
    /// It ends here, its mark included.
    Whole(usize),
    Partial,
    TooLong,
}

impl Framing {
    /// The longest answer that can be printed.
    pub(super) fn longest(self) -> usize {
        match self.mark {
            Mark::End(_) => usize::MAX,
            Mark::Length => u32::MAX as usize,
        }
    }

    fn front(self, data: &[u8]) -> Front {
        let (body, end) = match self.mark {
            Mark::End(byte) => match memchr::memchr(byte, data) {
                Some(end) => (end, end + 1),
                None => (data.len(), usize::MAX),
            },
            Mark::Length => match data.first_chunk::<HEADER>() {
                Some(header) => {
                    let length = u32::from_be_bytes(*header) as usize;
                    (length, length.saturating_add(HEADER))
                }
                None => (0, usize::MAX),
            },
        };
        match end {
            _ if body > self.max_record => Front::TooLong,
            end if end <= data.len() => Front::Whole(end),
            _ => Front::Partial,
        }
    }

    /// Whether `data`, the first `searched` bytes of which hold no end of a record, begins with a whole one, or with
    /// one that is seen to be too long.
    pub(crate) fn shows_record(self, data: &[u8], searched: usize) -> bool {
        match self.mark {
            Mark::End(byte) => memchr::memchr(byte, &data[searched..]).is_some() || data.len() > self.max_record,
            Mark::Length => !matches!(self.front(data), Front::Partial),
        }
    }

    /// Gives the last record of the input its end, if it has none. False if that cannot be done.
    pub(crate) fn end_last(self, data: &mut Vec<u8>, start: usize) -> bool {
        match self.mark {
            Mark::End(byte) => {
                if data.len() > start && data.last() != Some(&byte) {
                    data.push(byte);
                }
                true
            }
            Mark::Length => {
                let mut rest = &data[start..];
                while let Front::Whole(end) = self.front(rest) {
                    rest = &rest[end..];
                }
                rest.is_empty()
            }
        }
    }

    /// Cuts up to `most` whole records off the front of `data`, no more than fit into `limit` bytes unless it is one.
    pub(super) fn cut(self, data: &[u8], most: NonZeroUsize, limit: usize) -> Cut {
        let Front::Whole(end) = self.front(data) else {
            return Cut::TooLong;
        };
        let (mut records, mut bytes) = (1, end);
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
        if let Mark::End(byte) = self.mark
            && let Some(last) = memchr::memrchr(byte, &data[..limit.min(data.len())])
            && last < self.max_record
        {
            return Cut::Whole { records: self.count(&data[..=last]), bytes: last + 1 };
        }
        self.cut(data, NonZeroUsize::MAX, limit)
    }

    /// Counts whole records, `most` of them at most; stops before one that is too long.
    fn follow(self, data: &[u8], most: usize) -> (usize, usize) {
        let Mark::End(byte) = self.mark else {
            return self.follow_stepwise(data, most);
        };
        if self.max_record < data.len() {
            return self.follow_stepwise(data, most);
        }
        let (mut records, mut bytes) = (0, 0);
        for (index, piece) in data.chunks(PIECE).enumerate() {
            let found = memchr::memchr_iter(byte, piece).count();
            if records + found >= most {
                let last = memchr::memchr_iter(byte, piece).nth(most - records - 1);
                return (most, index * PIECE + last.map_or(0, |at| at + 1));
            }
            if found > 0 {
                records += found;
                bytes = index * PIECE + memchr::memrchr(byte, piece).map_or(0, |at| at + 1);
            }
        }
        (records, bytes)
    }

    #[cold]
    fn follow_stepwise(self, data: &[u8], most: usize) -> (usize, usize) {
        let (mut records, mut bytes) = (0, 0);
        while records < most
            && let Front::Whole(end) = self.front(&data[bytes..])
        {
            records += 1;
            bytes += end;
        }
        (records, bytes)
    }

    /// Counts records from there on, and stops at `most`. The next look begins where this one ended.
    pub(super) fn count_on(self, data: &[u8], from: &mut usize, most: usize) -> usize {
        let fresh = &data[*from..];
        let (records, length) = match self.mark {
            Mark::End(byte) => (memchr::memchr_iter(byte, fresh).take(most).count(), fresh.len()),
            Mark::Length => self.follow_stepwise(fresh, most),
        };
        *from += length;
        records
    }

    pub(super) fn count(self, data: &[u8]) -> usize {
        match self.mark {
            Mark::End(byte) => memchr::memchr_iter(byte, data).count(),
            Mark::Length => self.follow_stepwise(data, usize::MAX).0,
        }
    }

    /// The length of the first `records` records of `data`, which holds at least as many.
    pub(super) fn length_of(self, data: &[u8], records: usize) -> usize {
        match (records, self.mark) {
            (0, _) => 0,
            (n, Mark::End(byte)) => memchr::memchr_iter(byte, data).nth(n - 1).map_or(data.len(), |at| at + 1),
            (n, Mark::Length) => self.follow_stepwise(data, n).1,
        }
    }

    /// The records of a batch, without their marks.
    pub(crate) fn records(self, mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
        std::iter::from_fn(move || {
            let (record, end) = match self.mark {
                _ if data.is_empty() => return None,
                Mark::End(byte) => {
                    let end = memchr::memchr(byte, data).unwrap_or(data.len());
                    (&data[..end], (end + 1).min(data.len()))
                }
                Mark::Length => {
                    let end = self.length_of(data, 1).max(HEADER.min(data.len()));
                    (&data[HEADER.min(end)..end], end)
                }
            };
            data = &data[end..];
            Some(record)
        })
    }

    /// Appends the mark of an answer that is complete but for it.
    pub(super) fn seal(self, answer: &mut Vec<u8>) {
        match self.mark {
            Mark::End(byte) => answer.push(byte),
            Mark::Length => {
                let length = u32::try_from(answer.len()).expect("no longer answer is held");
                answer.splice(..0, length.to_be_bytes());
            }
        }
    }

    /// Appends a record with its mark.
    pub(crate) fn append(self, record: &[u8], to: &mut Vec<u8>) {
        match self.mark {
            Mark::End(byte) => {
                to.extend_from_slice(record);
                to.push(byte);
            }
            Mark::Length => {
                let length = u32::try_from(record.len()).expect("no longer record is taken");
                to.extend_from_slice(&length.to_be_bytes());
                to.extend_from_slice(record);
            }
        }
    }

    /// The length of the whole records that `data` begins with.
    pub(crate) fn whole(self, data: &[u8]) -> usize {
        match self.mark {
            Mark::End(byte) => memchr::memrchr(byte, data).map_or(0, |last| last + 1),
            Mark::Length => self.follow_stepwise(data, usize::MAX).1,
        }
    }

    /// Where the search for the end of the first record may go on when more bytes have come: none ends in `data`.
    pub(crate) fn resume_at(self, data: &[u8]) -> usize {
        match self.mark {
            Mark::End(_) => data.len(),
            Mark::Length => 0,
        }
    }

    /// The byte that ends the lines of an answer.
    pub(super) fn delimiter(self) -> u8 {
        match self.mark {
            Mark::End(byte) => byte,
            Mark::Length => b'\n',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Framing = Framing { mark: Mark::End(b'\n'), max_record: 1 << 20 };

    fn cut(framing: Framing, data: &[u8], most: usize) -> Cut {
        framing.cut(data, NonZeroUsize::new(most).expect("tests ask for some records"), 64 << 10)
    }

    #[test]
    fn a_cut_holds_whole_records_only() {
        assert_eq!(cut(LINES, b"a\nbb\nccc", 9), Cut::Whole { records: 2, bytes: 5 });
        assert!(!LINES.shows_record(b"ccc", 0) && !LINES.shows_record(b"", 0) && LINES.shows_record(b"c\n", 1));
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
        let short = Framing { mark: Mark::End(b'\n'), max_record: 3 };
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
        let short = Framing { mark: Mark::End(b'\n'), max_record: 3 };
        assert_eq!(short.cut_block(b"abc\nabcd\nx\n", 100), Cut::Whole { records: 1, bytes: 4 });
        assert_eq!(short.cut_block(b"abcd\nx\n", 100), Cut::TooLong);
    }

    #[test]
    fn records_come_back_as_they_went_in() {
        let all: Vec<&[u8]> = LINES.records(b"a\n\nb\r\n").collect();
        assert_eq!(all, [&b"a"[..], b"", b"b\r"]);
    }

    const FRAMES: Framing = Framing { mark: Mark::Length, max_record: 300 };

    fn frames(records: &[&[u8]]) -> Vec<u8> {
        let sealed = |record: &&[u8]| {
            let mut answer = record.to_vec();
            FRAMES.seal(&mut answer);
            answer
        };
        records.iter().flat_map(sealed).collect()
    }

    #[test]
    fn frames_are_cut_by_their_lengths() {
        let records = [&b"a\nb"[..], b"", &[0xff; 300]];
        let data = frames(&records);
        assert_eq!(data.len(), 3 * 4 + 303);
        assert!(FRAMES.records(&data).eq(records));
        assert_eq!(FRAMES.count(&data), 3);
        assert_eq!(cut(FRAMES, &data, 9), Cut::Whole { records: 3, bytes: data.len() });
        assert_eq!(cut(FRAMES, &data[..20], 9), Cut::Whole { records: 2, bytes: 11 });
        assert_eq!(FRAMES.length_of(&data, 2), 11);
        assert_eq!(FRAMES.cut_block(&data, 12), Cut::Whole { records: 2, bytes: 11 });
    }

    #[test]
    fn what_is_appended_is_what_is_cut() {
        for framing in [LINES, FRAMES] {
            let mut data = Vec::new();
            for record in [&b"a"[..], b"", b"bb"] {
                framing.append(record, &mut data);
            }
            assert!(framing.records(&data).eq([&b"a"[..], b"", b"bb"]), "{framing:?}");
        }
    }

    #[test]
    fn a_frame_shows_when_it_is_whole_or_says_that_it_is_too_long() {
        let data = frames(&[b"abc"]);
        for length in 0..data.len() {
            assert!(!FRAMES.shows_record(&data[..length], 0), "{length}");
            assert_eq!(FRAMES.end_last(&mut data[..length].to_vec(), 0), length == 0);
        }
        assert!(FRAMES.shows_record(&data, 0));
        assert!(FRAMES.shows_record(&[0, 0, 1, 45], 0));
        assert_eq!(cut(FRAMES, &[0, 0, 1, 45], 1), Cut::TooLong);
    }
}
