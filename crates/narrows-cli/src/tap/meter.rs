//! What passed, and how long nothing could.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::getpid;

use crate::status::{Kind, Sample, nanoseconds};
use crate::stopwatch::Stopwatch;

/// A write that takes no longer copies, or is interrupted; the output is not full.
const COPYING: Duration = Duration::from_micros(200);

// Relaxed throughout: each number is true on its own, and a look at several may catch a step between them.
#[derive(Debug)]
pub(super) struct Meter {
    name: String,
    pub(super) counts_lines: bool,
    begun: Instant,
    bytes: AtomicU64,
    lines: AtomicU64,
    /// The kernel moves the bytes; they are not copied here.
    spliced: AtomicBool,
    ended: AtomicBool,
    waits: Mutex<Waits>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Waits {
    input: Stopwatch,
    output: Stopwatch,
}

impl Meter {
    pub(super) fn new(name: String, counts_lines: bool) -> Meter {
        Meter {
            name,
            counts_lines,
            begun: Instant::now(),
            bytes: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            spliced: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            waits: Mutex::default(),
        }
    }

    pub(super) fn passed(&self, bytes: usize, lines: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.lines.fetch_add(lines as u64, Relaxed);
    }

    pub(super) fn splices(&self, spliced: bool) {
        self.spliced.store(spliced, Relaxed);
    }

    pub(super) fn input_ended(&self) {
        self.ended.store(true, Relaxed);
    }

    fn waits<T>(&self, with: impl FnOnce(&mut Waits) -> T) -> T {
        with(&mut self.waits.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Books the time that it takes to wait for input.
    pub(super) fn awaiting_input<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.waits(|waits| waits.input.start(Instant::now()));
        let outcome = wait();
        self.waits(|waits| waits.input.stop(Instant::now()));
        outcome
    }

    /// Books the time that it takes to wait for the output.
    pub(super) fn awaiting_output<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.waits(|waits| waits.output.start(Instant::now()));
        let outcome = wait();
        self.waits(|waits| waits.output.stop(Instant::now()));
        outcome
    }

    /// Books the time of a write, if it is longer than one into an empty pipe.
    pub(super) fn writing<T>(&self, write: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        self.waits(|waits| waits.output.start(begun));
        let outcome = write();
        let now = Instant::now();
        self.waits(|waits| waits.output.stop(if now - begun > COPYING { now } else { begun }));
        outcome
    }

    pub(super) fn sample(&self) -> Sample {
        let now = Instant::now();
        let waits = self.waits(|waits| *waits);
        let bytes = self.bytes.load(Relaxed);
        let mode = if self.spliced.load(Relaxed) { "splice" } else { "copy" };
        Sample {
            kind: Kind::Tap,
            pid: getpid().as_raw_nonzero().get(),
            name: self.name.clone(),
            mode: mode.into(),
            elapsed_ns: nanoseconds(now - self.begun),
            jobs: 1,
            paused: false,
            ordered: true,
            reading: !self.ended.load(Relaxed),
            read: bytes,
            printed: bytes,
            failed: 0,
            window: None,
            held_bytes: 0,
            buffer_bytes: 0,
            oldest: None,
            input_wait_ns: nanoseconds(waits.input.total(now)),
            room_wait_ns: 0,
            output_wait_ns: nanoseconds(waits.output.total(now)),
            held_wait_ns: 0,
            workers: Vec::new(),
            bytes: Some(bytes),
            lines: self.counts_lines.then(|| self.lines.load(Relaxed)),
        }
    }
}
