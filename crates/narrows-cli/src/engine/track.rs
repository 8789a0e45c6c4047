//! The trace of one worker that stays running: a span per hand-over, from when the worker could begin with it to its last
//! answer. Knows no process and no answer, only how many there were.
//! Invariants: what was handed over is told before it is written, so no answer comes before its question; spans do not
//! overlap; a record that was answered or read is in one of them, and what was not read is in one of another worker.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::json;

use super::batch::Batch;
use super::sync::lock;
use super::trace::{Lane, Outcome, Trace};

#[derive(Debug)]
pub(super) struct Track {
    trace: Arc<Trace>,
    lane: Lane,
    hands: Mutex<Hands>,
}

#[derive(Debug)]
struct Hands {
    queue: VecDeque<Hand>,
    /// Where the last span ends.
    told: Instant,
    /// The time of the last answer.
    answered: Instant,
}

/// A hand-over without its last answer.
#[derive(Debug)]
struct Hand {
    numbers: Range<u64>,
    answered: u64,
    bytes: usize,
    handed: Instant,
}

impl Track {
    pub(super) fn new(trace: Arc<Trace>, job: usize) -> Track {
        let now = Instant::now();
        let hands = Mutex::new(Hands { queue: VecDeque::new(), told: now, answered: now });
        Track { trace, lane: Lane::Worker(job), hands }
    }

    pub(super) fn hand(&self, batch: &Batch) {
        let hand = Hand { numbers: batch.numbers(), answered: 0, bytes: batch.bytes.len(), handed: Instant::now() };
        lock(&self.hands).queue.push_back(hand);
    }

    /// So many answers came.
    pub(super) fn answer(&self, answers: usize) {
        let now = Instant::now();
        let mut left = answers as u64;
        let mut hands = lock(&self.hands);
        hands.answered = now;
        let mut ended = Vec::new();
        while left > 0
            && let Some(hand) = hands.queue.front_mut()
        {
            let open = hand.numbers.end - hand.numbers.start - hand.answered;
            let taken = left.min(open);
            hand.answered += taken;
            left -= taken;
            if taken == open {
                let span = hand.handed.max(hands.told)..now;
                hands.told = now;
                ended.extend(hands.queue.pop_front().map(|hand| (hand, span)));
            }
        }
        drop(hands);
        for (hand, span) in ended {
            self.trace.work(self.lane, &hand.numbers, span, Outcome::Answered, json!({ "bytes": hand.bytes }));
        }
    }

    /// The worker is gone: what it answered of a hand-over that it did not finish.
    pub(super) fn end(&self) {
        let mut hands = lock(&self.hands);
        let Some(hand) = std::mem::take(&mut hands.queue).into_iter().next() else { return };
        let begun = hand.handed.max(hands.told);
        hands.told = if hand.answered > 0 { hands.answered.max(begun) } else { begun };
        let span = begun..hands.told;
        drop(hands);
        if hand.answered == 0 {
            return;
        }
        let numbers = hand.numbers.start..hand.numbers.start + hand.answered;
        self.trace.work(self.lane, &numbers, span, Outcome::Answered, json!({}));
    }

    /// Records that were read and not answered. Of several stretches the first has all of the time.
    pub(super) fn doubt(&self, batch: &Batch, outcome: Outcome<'_>) {
        let mut hands = lock(&self.hands);
        let span = hands.told..Instant::now();
        hands.told = span.end;
        drop(hands);
        let more = json!({ "bytes": batch.bytes.len(), "try": batch.tries + 1 });
        self.trace.work(self.lane, &batch.numbers(), span, outcome, more);
    }
}
