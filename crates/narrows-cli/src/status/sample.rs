//! What a farm or tap says when it is asked: numbers and times since it began. Two of them give rates and shares.

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Farm,
    Tap,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Farm => "farm",
            Kind::Tap => "tap",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Sample {
    pub(crate) kind: Kind,
    pub(crate) pid: i32,
    /// The command of a farm, or how a tap was named.
    pub(crate) name: String,
    /// live, spawn, block or in process; of a tap, splice or copy.
    pub(crate) mode: String,
    pub(crate) elapsed_ns: u64,
    pub(crate) jobs: usize,
    pub(crate) paused: bool,
    pub(crate) ordered: bool,
    /// More may come from the input.
    pub(crate) reading: bool,
    pub(crate) read: u64,
    pub(crate) printed: u64,
    pub(crate) failed: u64,
    /// Records that may be in hand, if they are bounded otherwise than by their bytes.
    pub(crate) window: Option<u64>,
    pub(crate) held_bytes: u64,
    pub(crate) buffer_bytes: u64,
    pub(crate) oldest: Option<Oldest>,
    /// Waiting for input,
    pub(crate) input_wait_ns: u64,
    /// for room in the window or the buffer,
    pub(crate) room_wait_ns: u64,
    /// in writing,
    pub(crate) output_wait_ns: u64,
    /// and workers that are kept from answering, all together.
    pub(crate) held_wait_ns: u64,
    pub(crate) workers: Vec<Worker>,
    /// A tap counts these, and no records.
    pub(crate) bytes: Option<u64>,
    pub(crate) lines: Option<u64>,
}

/// The oldest unprinted record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Oldest {
    pub(crate) record: u64,
    pub(crate) age_ns: u64,
    /// It has been the oldest for so long.
    pub(crate) alone_ns: u64,
    pub(crate) worker: Option<usize>,
    pub(crate) pid: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Worker {
    #[serde(rename = "worker")]
    pub(crate) number: usize,
    pub(crate) pid: Option<i32>,
    pub(crate) records: u64,
    pub(crate) busy_ns: u64,
}

impl Sample {
    /// What it said, or would have said, when it began.
    pub(crate) fn at_birth(&self) -> Sample {
        Sample {
            elapsed_ns: 0,
            read: 0,
            printed: 0,
            failed: 0,
            input_wait_ns: 0,
            room_wait_ns: 0,
            output_wait_ns: 0,
            held_wait_ns: 0,
            workers: Vec::new(),
            bytes: self.bytes.map(|_| 0),
            lines: self.lines.map(|_| 0),
            ..self.clone()
        }
    }

    /// Records that were read and not printed.
    pub(crate) fn in_hand(&self) -> u64 {
        self.read.saturating_sub(self.printed)
    }

    /// How long the oldest record is in hand.
    #[allow(clippy::cast_precision_loss, reason = "nobody reads an age to a microsecond")]
    pub(crate) fn age_s(&self) -> Option<f64> {
        self.oldest.map(|oldest| oldest.age_ns as f64 / 1e9)
    }
}

pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
