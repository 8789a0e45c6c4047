//! The table: one row for each role and capacity.

use std::collections::BTreeSet;

use crate::{
    ledger::{Ledger, Outcome},
    message::Shape,
    procs::End,
};

/// Whether everything is done, or as much as there is time for.
pub(crate) fn is_deep() -> bool {
    std::env::var_os("NARROWS_DEEP").is_some()
}

/// Which steps are a death: each, or some, which are others for each shape.
#[derive(Debug)]
pub(crate) struct Steps {
    next: u64,
    stride: u64,
    /// How many came to their end in a row.
    finished: u32,
}

impl Steps {
    pub(crate) fn new(shape: Shape, stride: u64) -> Steps {
        let stride = if is_deep() { 1 } else { stride };
        let phase = u64::from(shape.capacity) * 5 + u64::from(shape.is_long) * 3;
        Steps { next: 1 + phase % stride, stride, finished: 0 }
    }

    /// So many steps hardly any role takes; one that waits looks again and again.
    const MOST: u64 = 2500;

    /// The next step to die at, until it is never reached.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let enough = if self.stride == 1 { 6 } else { 2 };
        if self.finished >= enough || self.next > Steps::MOST {
            return None;
        }
        let step = self.next;
        self.next += self.stride;
        Some(step)
    }

    pub(crate) fn came_to(&mut self, is_finished: bool) {
        self.finished = if is_finished { self.finished + 1 } else { 0 };
    }
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    deed: &'static str,
    role: String,
    shape: Shape,
    places: BTreeSet<String>,
    kills: u64,
    /// Killed between a message's leaving the channel and its note.
    may_be_in_doubt: u64,
    /// Killed with a message on trial, maybe.
    may_be_twice: u64,
    sums: Outcome,
    in_doubt: u64,
}

impl Row {
    pub(crate) fn new(role: &str, shape: Shape) -> Row {
        Row {
            deed: "kills",
            role: role.to_owned(),
            shape,
            places: BTreeSet::new(),
            kills: 0,
            may_be_in_doubt: 0,
            may_be_twice: 0,
            sums: Outcome::default(),
            in_doubt: 0,
        }
    }

    /// Of processes that are stopped and go on.
    pub(crate) fn of_stops(role: &str, shape: Shape) -> Row {
        Row { deed: "stops", ..Row::new(role, shape) }
    }

    /// Somebody came to an end. Whether it notes receipts after they have left the channel, or before.
    pub(crate) fn add_end(&mut self, end: &End, is_receiver: bool, is_on_trial: bool) {
        if let End::Killed { place, is_out } = end {
            self.kills += 1;
            self.places.insert(place.clone());
            self.may_be_in_doubt += u64::from(is_receiver && *is_out);
            self.may_be_twice += u64::from(is_on_trial);
        }
    }

    /// Somebody was killed from outside.
    pub(crate) fn add_kill(&mut self, is_receiver: bool, is_on_trial: bool) {
        self.kills += 1;
        self.may_be_in_doubt += u64::from(is_receiver);
        self.may_be_twice += u64::from(is_on_trial);
    }

    /// What is written down so far, of one channel.
    pub(crate) fn add_ledger(&mut self, ledger: &Ledger) {
        let outcome = ledger.outcome();
        self.sums.sent += outcome.sent;
        self.sums.missing += outcome.missing;
        self.sums.torn += outcome.torn;
        self.sums.twice += outcome.twice;
        self.sums.despite += outcome.despite;
    }

    /// Prints it, and fails if it is not as it must be. Whoever is stuck has failed before.
    pub(crate) fn close(mut self) {
        self.in_doubt = self.sums.missing.min(self.may_be_in_doubt);
        let lost = self.sums.missing - self.in_doubt;
        let Row { deed, role, shape, places, kills, sums, in_doubt, .. } = &self;
        let size = if shape.is_long { "long" } else { "short" };
        println!(
            "{deed} {role:<10} capacity {:>2} {size:<5}: {:>3} places, {kills:>5} {deed}, {:>7} sent, {lost} lost, {} torn, \
             {} twice, {in_doubt} in doubt, 0 stuck",
            shape.capacity,
            places.len(),
            sums.sent,
            sums.torn,
            sums.twice,
        );
        assert_eq!(sums.torn, 0, "{role} {shape:?}: messages were torn");
        assert_eq!(lost, 0, "{role} {shape:?}: messages were lost");
        assert_eq!(sums.despite, 0, "{role} {shape:?}: messages that were given back were received");
        assert!(sums.twice <= self.may_be_twice, "{role} {shape:?}: messages were received twice");
        assert!(*kills > 0 && sums.sent > 0, "{role} {shape:?}: nothing was tried");
    }
}
