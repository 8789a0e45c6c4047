//! Where the answers of a live worker end, and how they are printed: as they are, without the line that ends a reply,
//! or each line with its record before it. Knows no file and no process.

use super::framing::{Framing, Mark};

/// A reply of more than the longest record and this is refused.
const LEAST_LONGEST: usize = 64 << 10;

#[derive(Clone, Debug)]
pub(super) struct Replies {
    pub(super) framing: Framing,
    /// A reply is all lines before one that says this; without it, each record is a reply.
    pub(super) end: Option<Vec<u8>>,
    /// Lines are printed with their record and a tab before them.
    pub(super) tagged: bool,
}

/// What a look at the bytes of a worker finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// So many replies, the last of which ends at `cut`.
    Whole {
        replies: usize,
        cut: usize,
    },
    /// None ends yet; the next look may begin here.
    Partial {
        searched: usize,
    },
    TooLong,
}

impl Replies {
    /// Looks for replies in `data`; none ends in its first `searched` bytes.
    pub(super) fn find(&self, data: &[u8], searched: usize) -> Found {
        let longest = self.framing.max_record.max(LEAST_LONGEST);
        let (replies, cut, first, searched) = match &self.end {
            Some(end) => self.find_ends(data, searched, end),
            None => self.find_records(data, searched),
        };
        match replies {
            0 if data.len() > longest.saturating_add(LEAST_LONGEST) => Found::TooLong,
            0 => Found::Partial { searched },
            _ if first > longest => Found::TooLong,
            _ => Found::Whole { replies, cut },
        }
    }

    /// Their number, where the last ends, how long the first is, and how far it was looked.
    fn find_records(&self, data: &[u8], searched: usize) -> (usize, usize, usize, usize) {
        let fresh = &data[searched..];
        let cut = self.framing.whole(fresh);
        if cut == 0 {
            // A frame that says that it is too long counts as one, so that it is refused.
            let refused = self.framing.mark == Mark::Length && self.framing.shows_record(data, searched);
            return (usize::from(refused), 0, usize::MAX, self.framing.resume_at(data));
        }
        let first = searched + self.framing.length_of(fresh, 1);
        (self.framing.count(&fresh[..cut]), searched + cut, first.saturating_sub(1), searched)
    }

    fn find_ends(&self, data: &[u8], searched: usize, end: &[u8]) -> (usize, usize, usize, usize) {
        let (mut replies, mut cut, mut first, mut at) = (0, 0, 0, searched);
        while let Some(length) = memchr::memchr(self.framing.delimiter(), &data[at..]) {
            let line = &data[at..at + length];
            at += length + 1;
            if line == end {
                (replies, cut) = (replies + 1, at);
                first = if replies == 1 { at } else { first };
            }
        }
        (replies, cut, first, at)
    }

    /// The length of the first `replies` replies of `data`, which holds at least as many.
    pub(super) fn length_of(&self, data: &[u8], replies: usize) -> usize {
        let Some(end) = &self.end else {
            return self.framing.length_of(data, replies);
        };
        let (mut left, mut at) = (replies, 0);
        while left > 0 && at < data.len() {
            let length = self.framing.length_of(&data[at..], 1);
            left -= usize::from(data[at..at + length].strip_suffix(&[self.framing.delimiter()]) == Some(end));
            at += length;
        }
        at
    }

    /// Whether these last bytes of a worker are a reply that lacks nothing but the end of its line.
    pub(super) fn may_end(&self, tail: &[u8]) -> bool {
        match &self.end {
            _ if tail.is_empty() || self.framing.mark == Mark::Length => false,
            None => true,
            Some(end) => tail.rsplit(|byte| *byte == self.framing.delimiter()).next() == Some(end),
        }
    }

    /// Whether replies are printed as they are.
    pub(super) fn are_plain(&self) -> bool {
        self.end.is_none() && !self.tagged
    }

    /// What is printed for whole replies to these records.
    pub(super) fn dress(&self, data: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
        let mut dressed = Vec::with_capacity(data.len());
        let mut records = records.iter();
        let mut record = records.next();
        let delimiter = self.framing.delimiter();
        for line in data.split_inclusive(|byte| *byte == delimiter) {
            let ends = self.end.as_ref().is_none_or(|end| line.strip_suffix(&[delimiter]) == Some(end));
            if !ends || self.end.is_none() {
                if let Some(record) = record.filter(|_| self.tagged) {
                    dressed.extend_from_slice(record);
                    dressed.push(b'\t');
                }
                dressed.extend_from_slice(line);
            }
            if ends {
                record = records.next();
            }
        }
        dressed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(end: Option<&str>, tagged: bool) -> Replies {
        let framing = Framing { mark: Mark::End(b'\n'), max_record: 10 };
        Replies { framing, end: end.map(|end| end.as_bytes().to_vec()), tagged }
    }

    #[test]
    fn a_reply_is_a_line() {
        let lines = replies(None, false);
        assert_eq!(lines.find(b"a\nb\nc", 0), Found::Whole { replies: 2, cut: 4 });
        assert_eq!(lines.find(b"abc", 0), Found::Partial { searched: 3 });
        assert_eq!(lines.find(b"abc\n", 3), Found::Whole { replies: 1, cut: 4 });
    }

    #[test]
    fn a_reply_ends_with_the_line_that_says_so() {
        let lines = replies(Some("."), false);
        assert_eq!(lines.find(b"a\nb\n", 0), Found::Partial { searched: 4 });
        assert_eq!(lines.find(b"a\n..\n.\nb\n.\nc\n", 0), Found::Whole { replies: 2, cut: 11 });
        assert_eq!(lines.length_of(b"a\n.\n.\nb\n", 2), 6);
        assert_eq!(lines.dress(b"a\n.\n.\nb\n.\n", &[]), b"a\nb\n");
    }

    #[test]
    fn tagged_lines_bear_their_record() {
        let records = [b"x".to_vec(), b"y z".to_vec()];
        assert_eq!(replies(None, true).dress(b"1\n2\n", &records), b"x\t1\ny z\t2\n");
        assert_eq!(replies(Some("."), true).dress(b"1\n2\n.\n3\n.\n", &records), b"x\t1\nx\t2\ny z\t3\n");
    }

    #[test]
    fn frames_are_replies_too() {
        let framing = Framing { mark: Mark::Length, max_record: 10 };
        let frames = Replies { framing, end: None, tagged: false };
        let data = b"\0\0\0\x01a\0\0\0\x02bc\0\0\0\x03d";
        assert_eq!(frames.find(data, 0), Found::Whole { replies: 2, cut: 11 });
        assert_eq!(frames.find(&data[..4], 0), Found::Partial { searched: 0 });
        assert_eq!(frames.find(b"\0\0\0\x0b", 0), Found::TooLong);
    }
}
