//! What every actor here does, whoever hosts it: it adds up, and sees whether each sender's messages come in their order.

use crate::beside::clock::now;
use crate::row::SENDERS;

/// A message, and what a question asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Add {
    pub(crate) sender: usize,
    /// Of each sender 1, 2, 3 and so on.
    pub(crate) number: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) count: u64,
    pub(crate) sum: u64,
    pub(crate) overtaken: u64,
    /// When the last one was handled.
    pub(crate) ended: u64,
}

#[derive(Debug)]
pub(crate) struct Counter {
    last: [u64; SENDERS],
    seen: Report,
    wanted: u64,
}

impl Counter {
    /// It looks at the clock when so many have come.
    pub(crate) fn new(wanted: u64) -> Counter {
        Counter { last: [0; SENDERS], seen: Report { count: 0, sum: 0, overtaken: 0, ended: 0 }, wanted }
    }

    /// What a question is answered with: how many have come.
    #[inline]
    pub(crate) fn add(&mut self, add: Add) -> u64 {
        let last = &mut self.last[add.sender];
        self.seen.overtaken += u64::from(add.number < *last);
        *last = add.number.max(*last);
        self.seen.count += 1;
        self.seen.sum = self.seen.sum.wrapping_add(add.number);
        if self.seen.count == self.wanted {
            self.seen.ended = now();
        }
        self.seen.count
    }

    pub(crate) fn report(&self) -> Report {
        self.seen
    }
}
