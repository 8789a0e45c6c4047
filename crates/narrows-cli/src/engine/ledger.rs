//! Writes the log while a farm runs: what was read, what became of it, and, once it is printed, a line.
//! Invariant: an entry is open from the reading of its record until the printing of its answer.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::batch::Batch;
use super::farm::Farm;
use super::framing::Framing;
use super::hash::Hash;
use super::journal::Journal;
use super::order::Piece;
use super::sync::lock;

/// What one line of the log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Record,
    Batch,
}

#[derive(Debug)]
pub(super) struct Ledger {
    state: Mutex<State>,
    unit: Unit,
    framing: Framing,
}

#[derive(Debug)]
struct State {
    file: File,
    open: BTreeMap<u64, Entry>,
    done: HashMap<Hash, u64>,
    /// Bytes of output.
    printed: u64,
}

#[derive(Debug)]
struct Entry {
    hash: Hash,
    records: u64,
    fate: Option<Fate>,
}

/// What is known of how an answer came about.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate {
    /// Why there is none.
    pub(super) failure: Option<String>,
    pub(super) worker: Option<usize>,
    pub(super) attempts: Option<u32>,
    pub(super) took: Option<Duration>,
}

impl Ledger {
    pub(super) fn new(journal: Journal, unit: Unit, framing: Framing) -> Ledger {
        let Journal { file, done } = journal;
        let state = State { file, open: BTreeMap::new(), done, printed: 0 };
        Ledger { state: Mutex::new(state), unit, framing }
    }

    /// Opens entries for what was read and leaves out what a former run has done.
    pub(super) fn sift(&self, farm: &Farm, batch: Batch) -> Vec<Batch> {
        let (todo, done) = self.open(&batch);
        if done.is_empty() {
            return vec![batch];
        }
        for part in batch.parts(done, self.framing) {
            farm.skip(part.numbers(), part.bytes.len());
        }
        batch.parts(todo, self.framing)
    }

    /// The parts of a batch that are still to be done, and those that are done.
    fn open(&self, batch: &Batch) -> (Vec<Range<u64>>, Vec<Range<u64>>) {
        let units: Vec<(Hash, Range<u64>)> = match self.unit {
            Unit::Batch => vec![(Hash::of(&batch.bytes), batch.numbers())],
            Unit::Record => {
                let hashes = self.framing.records(&batch.bytes).map(Hash::of);
                hashes.zip(batch.numbers()).map(|(hash, number)| (hash, number..number + 1)).collect()
            }
        };
        let (mut todo, mut done) = (Vec::new(), Vec::new());
        let mut state = lock(&self.state);
        for (hash, numbers) in units {
            if state.strike(hash) {
                join(&mut done, numbers);
            } else {
                let records = numbers.end - numbers.start;
                state.open.insert(numbers.start, Entry { hash, records, fate: None });
                join(&mut todo, numbers);
            }
        }
        (todo, done)
    }

    /// Notes what became of the record or batch with this number.
    pub(super) fn note(&self, first: u64, fate: &Fate) {
        if let Some(entry) = lock(&self.state).open.get_mut(&first) {
            entry.fate = Some(fate.clone());
        }
    }

    /// Writes a line for each entry that these pieces complete.
    pub(super) fn printed(&self, pieces: &[Piece]) -> io::Result<()> {
        let mut state = lock(&self.state);
        let mut text = Vec::new();
        for piece in pieces {
            state.printed += piece.bytes.len() as u64;
            let numbers: Vec<u64> =
                state.open.range(piece.first..piece.first + piece.records).map(|(number, _)| *number).collect();
            for (index, number) in numbers.iter().enumerate() {
                // Lines of one piece count together: the last of them says how much was printed.
                let printed = (index + 1 == numbers.len()).then_some(state.printed);
                if let Some(entry) = state.open.remove(number) {
                    let line = entry.line(*number, printed);
                    text.extend_from_slice(line.to_string().as_bytes());
                    text.push(b'\n');
                }
            }
        }
        if text.is_empty() { Ok(()) } else { state.file.write_all(&text) }
    }

    /// Nothing more is printed, and all that was is logged. A log that cannot say so is gone on with as after a kill.
    pub(super) fn close(&self) {
        let _ = lock(&self.state).file.write_all(b"{\"narrows\":\"end\"}\n");
    }

    /// Done records that the input did not have.
    pub(super) fn unmatched(&self) -> u64 {
        lock(&self.state).done.values().sum()
    }
}

impl State {
    /// Whether one with this content was done before and not met yet.
    fn strike(&mut self, hash: Hash) -> bool {
        match self.done.get_mut(&hash) {
            Some(times @ 1..) => {
                *times -= 1;
                true
            }
            _ => false,
        }
    }
}

impl Entry {
    fn line(&self, first: u64, printed: Option<u64>) -> Value {
        let fate = self.fate.clone().unwrap_or_default();
        let mut line = Map::new();
        line.insert("record".into(), json!(first + 1));
        if self.records > 1 {
            line.insert("records".into(), json!(self.records));
        }
        line.insert("hash".into(), json!(self.hash.to_string()));
        line.insert("ok".into(), json!(fate.failure.is_none()));
        line.insert("printed".into(), json!(printed));
        let mut known = |name: &str, value: Option<Value>| {
            value.map(|value| line.insert(name.into(), value));
        };
        known("failure", fate.failure.map(Value::from));
        known("worker", fate.worker.map(|worker| json!(worker + 1)));
        known("attempts", fate.attempts.map(Value::from));
        known("seconds", fate.took.map(|took| json!(took.as_secs_f64())));
        line.into()
    }
}

fn join(ranges: &mut Vec<Range<u64>>, numbers: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == numbers.start => last.end = numbers.end,
        _ => ranges.push(numbers),
    }
}
