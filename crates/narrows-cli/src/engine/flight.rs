//! What one worker has in hand: handed over, not yet answered. Knows no file and no process.
//! Invariants: answers belong to questions in the order of handing over; a batch leaves when its last record is
//! answered; offsets count the bytes of the worker's stdin, `settled <= written <= handed`.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::crew::Desk;
use super::framing::Framing;

#[derive(Debug)]
pub(super) struct Flight {
    queue: VecDeque<Pending>,
    records: usize,
    bytes: usize,
    handed: u64,
    written: u64,
    /// The worker takes nothing any more: what was handed over last was not written, or not all of it.
    is_refused: bool,
    /// Where the last batch that is answered in full ends.
    settled: u64,
    answered: u64,
    /// Grows with every step, so that two equal looks mean that nothing happened between them.
    steps: u64,
    busy_since: Instant,
    /// Where the time is booked.
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Pending {
    batch: Batch,
    answered: usize,
}

/// Answered records with neighbouring numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) records: usize,
    /// Bytes of input that need not be kept any longer.
    pub(super) released: usize,
}

/// What a worker leaves behind.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// Read and not answered: nobody knows whether the work was done.
    pub(super) in_doubt: Vec<Batch>,
    /// Never read: another worker takes them.
    pub(super) unread: Vec<Batch>,
    /// The bytes of answered records in batches that were not answered in full.
    pub(super) released: usize,
}

impl Remains {
    /// Whether nobody knows what became of this record.
    pub(super) fn holds(&self, record: u64) -> bool {
        self.in_doubt.iter().any(|batch| batch.numbers().contains(&record))
    }

    /// All of it goes to another worker.
    pub(super) fn absolve(&mut self) {
        let doubtful = self.in_doubt.drain(..).map(|batch| Batch { again: true, ..batch });
        self.unread.splice(..0, doubtful);
    }

    /// The numbers of what is in doubt, neighbours together.
    pub(super) fn doubts(&self) -> Vec<Range<u64>> {
        let mut doubts: Vec<Range<u64>> = Vec::new();
        for numbers in self.in_doubt.iter().map(Batch::numbers) {
            match doubts.last_mut() {
                Some(last) if last.end == numbers.start => last.end = numbers.end,
                _ => doubts.push(numbers),
            }
        }
        doubts
    }
}

impl Flight {
    pub(super) fn new(desk: Arc<Desk>) -> Flight {
        Flight {
            queue: VecDeque::new(),
            records: 0,
            bytes: 0,
            handed: 0,
            written: 0,
            is_refused: false,
            settled: 0,
            answered: 0,
            steps: 0,
            busy_since: Instant::now(),
            desk,
        }
    }

    pub(super) fn records(&self) -> usize {
        self.records
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn handed(&self) -> u64 {
        self.handed
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// How long the oldest record is in hand, or since the answer before it.
    pub(super) fn waited(&self) -> Option<Duration> {
        (!self.queue.is_empty()).then(|| self.busy_since.elapsed())
    }

    /// The oldest unanswered record.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.queue.front().map(|pending| pending.batch.first + pending.answered as u64)
    }

    /// Whether the first thing ever handed over has been written to the worker's stdin, or never will be.
    pub(super) fn has_written(&self) -> bool {
        self.written > 0 || self.is_refused
    }

    pub(super) fn refuse(&mut self) {
        self.is_refused = true;
    }

    pub(super) fn hand(&mut self, batch: Batch) {
        if self.queue.is_empty() {
            self.busy_since = Instant::now();
            self.desk.begin(self.busy_since);
        }
        self.records += batch.records;
        self.bytes += batch.bytes.len();
        self.handed += batch.bytes.len() as u64;
        self.steps += 1;
        self.queue.push_back(Pending { batch, answered: 0 });
    }

    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
        self.steps += 1;
    }

    /// Takes `answers` answers; `None` if fewer questions were asked.
    /// The time is that of one answer, unless it holds the start of the program.
    pub(super) fn answer(&mut self, answers: usize) -> Option<(Vec<Run>, Option<Duration>)> {
        self.records = self.records.checked_sub(answers)?;
        let mut runs: Vec<Run> = Vec::with_capacity(1);
        let mut left = answers;
        while left > 0 {
            let run = self.answer_front(left);
            left -= run.records;
            match runs.last_mut() {
                Some(last) if last.first + last.records as u64 == run.first => {
                    last.records += run.records;
                    last.released += run.released;
                }
                _ => runs.push(run),
            }
        }
        let now = Instant::now();
        let took = (self.answered > 0).then(|| now - self.busy_since);
        self.busy_since = now;
        self.answered += answers as u64;
        self.steps += 1;
        self.desk.answered(answers as u64);
        if self.queue.is_empty() {
            self.desk.rest(now);
        }
        Some((runs, took))
    }

    /// The oldest unanswered records, `most` of them at most.
    pub(super) fn front(&self, most: usize, framing: Framing) -> Vec<Vec<u8>> {
        let unanswered = |pending: &Pending| {
            framing.records(&pending.batch.bytes).skip(pending.answered).map(<[u8]>::to_vec).collect()
        };
        self.queue.iter().flat_map(|pending| -> Vec<Vec<u8>> { unanswered(pending) }).take(most).collect()
    }

    fn answer_front(&mut self, most: usize) -> Run {
        let front = self.queue.front_mut().expect("the counts were compared before");
        let records = most.min(front.batch.records - front.answered);
        let first = front.batch.first + front.answered as u64;
        front.answered += records;
        let mut released = 0;
        if front.answered == front.batch.records {
            released = front.batch.bytes.len();
            self.bytes -= released;
            self.settled += released as u64;
            self.queue.pop_front();
        }
        Run { first, records, released }
    }

    /// Sorts what is left when the worker is gone and had read `read` bytes of its stdin.
    pub(super) fn remains(&mut self, read: u64, framing: Framing) -> Remains {
        let mut remains = Remains::default();
        if !self.queue.is_empty() {
            self.desk.rest(Instant::now());
        }
        let mut start = self.settled;
        for Pending { batch, answered } in std::mem::take(&mut self.queue) {
            let length = batch.bytes.len();
            let seen = usize::try_from(read.saturating_sub(start)).map_or(length, |seen| seen.min(length));
            start += length as u64;
            // A record counts as read when its first byte is.
            let touched = if seen == 0 { 0 } else { framing.count(&batch.bytes[..seen - 1]) + 1 };
            let touched = touched.clamp(answered, batch.records);
            let numbers = batch.numbers();
            let done = framing.length_of(&batch.bytes, answered);
            remains.released += done;
            if touched > answered {
                let doubtful = numbers.start + answered as u64..numbers.start + touched as u64;
                remains.in_doubt.push(batch.part(&doubtful, framing));
            }
            let cut = framing.length_of(&batch.bytes, touched);
            if touched < batch.records {
                remains.unread.push(Batch {
                    first: numbers.start + touched as u64,
                    records: batch.records - touched,
                    bytes: if cut == 0 { batch.bytes } else { Arc::new(batch.bytes[cut..].to_vec()) },
                    again: true,
                    tries: batch.tries,
                });
            }
        }
        (self.records, self.bytes) = (0, 0);
        remains
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Framing = Framing { mark: crate::engine::Mark::End(b'\n'), max_record: 1 << 20 };

    fn batch(first: u64, text: &str) -> Batch {
        let bytes = text.as_bytes().to_vec();
        Batch { first, records: LINES.count(&bytes), bytes: Arc::new(bytes), again: false, tries: 0 }
    }

    fn flight(batches: &[(u64, &str)]) -> Flight {
        let mut flight = Flight::new(Arc::new(Desk::new(0)));
        for (first, text) in batches {
            flight.hand(batch(*first, text));
            flight.wrote(text.len());
        }
        flight
    }

    #[test]
    fn answers_of_neighbouring_batches_form_one_run() {
        let mut flight = flight(&[(0, "a\nb\n"), (2, "c\n"), (7, "h\ni\n")]);
        let (runs, took) = flight.answer(4).expect("five were asked");
        assert_eq!(took, None, "the first answer holds the start of the program");
        let expected = [Run { first: 0, records: 3, released: 6 }, Run { first: 7, records: 1, released: 0 }];
        assert_eq!(runs, expected);
        assert_eq!((flight.oldest(), flight.records(), flight.bytes()), (Some(8), 1, 4));
    }

    #[test]
    fn more_answers_than_questions_are_refused() {
        assert!(flight(&[(0, "a\nb\n")]).answer(3).is_none());
    }

    #[test]
    fn unread_records_are_kept_and_read_ones_are_in_doubt() {
        let mut flight = flight(&[(10, "aa\nbb\ncc\n"), (13, "dd\n")]);
        flight.answer(1).expect("four were asked");
        let remains = flight.remains(5, LINES);
        assert!(remains.doubts().iter().eq([&(11..12)]));
        let unread: Vec<_> = remains.unread.iter().map(|b| (b.first, b.records, b.bytes.as_slice())).collect();
        assert_eq!(unread, [(12, 1, &b"cc\n"[..]), (13, 1, &b"dd\n"[..])]);
    }

    #[test]
    fn what_is_absolved_goes_before_what_was_not_read() {
        let mut remains = flight(&[(10, "aa\nbb\ncc\n")]).remains(4, LINES);
        assert!(remains.holds(11) && !remains.holds(12));
        remains.absolve();
        let unread: Vec<_> = remains.unread.iter().map(|batch| (batch.numbers(), batch.again)).collect();
        assert_eq!((remains.in_doubt.len(), unread), (0, vec![(10..12, true), (12..13, true)]));
    }

    #[test]
    fn a_worker_that_read_nothing_leaves_everything() {
        let remains = flight(&[(0, "a\nb\n")]).remains(0, LINES);
        assert!(remains.in_doubt.is_empty());
        assert_eq!(remains.unread[0].numbers(), 0..2);
    }

    #[test]
    fn a_record_read_in_part_is_in_doubt() {
        let remains = flight(&[(0, "aaa\nbbb\n")]).remains(5, LINES);
        assert!(remains.doubts().iter().eq([&(0..2)]));
        assert!(remains.unread.is_empty());
    }
}
