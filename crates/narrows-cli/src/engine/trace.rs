//! `--trace`: what a farm did and when, in Chrome's trace event format: a lane per worker, one for the reader, one for
//! the printer, and a curve of what is held for order. Is told what happened; knows no batch and no process.
//!
//! A thread of its own writes the file, fed by a bounded channel: nobody holds a lock while the file is written, and
//! what waits to be written is bounded.
//! Invariants: the file is an array that grows by whole events, so without its last bracket, as after SIGKILL, it lacks
//! nothing else; spans of one lane do not overlap, since each lane is told by one thread at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use narrows::{Receiver, RecvTimeoutError, Sender, bounded};
use rustix::fs::{FileType, Stat, fstat};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::event::{Event, Trouble};

/// Events on their way to the file. More would only hide for longer that the file is slow.
const QUEUE: usize = 1024;
/// As much is written at once,
const ONE_WRITE: usize = 32 << 10;
/// or what there is when nothing has come for so long.
const PAUSE: Duration = Duration::from_millis(100);
/// Shorter waits are left out: a system call that does not wait takes no longer.
const LEAST_WAIT: Duration = Duration::from_micros(10);
/// Between two points of the curve.
const LEAST_STEP: Duration = Duration::from_millis(1);
/// At the end a file that is not taken, as a pipe may not be, is given up after this.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whose doing an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Reader,
    Printer,
    /// The job's number, from 0.
    Worker(usize),
}

impl Lane {
    /// 0 would be taken for the kernel's idle thread.
    fn id(self) -> usize {
        match self {
            Lane::Reader => 1,
            Lane::Printer => 2,
            Lane::Worker(job) => 3 + job,
        }
    }

    fn name(self) -> String {
        match self {
            Lane::Reader => "reader".into(),
            Lane::Printer => "printer".into(),
            Lane::Worker(job) => format!("worker {}", job + 1),
        }
    }
}

/// What a span of work came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome<'a> {
    Answered,
    Failed(&'a str),
    /// It failed, and another try follows: only the last of a record's spans is of the category `records`.
    Retried(&'a str),
}

/// A trace file with its head written.
#[derive(Debug)]
pub(crate) struct TraceFile(File);

/// Opens the file and writes its head. It replaces what is there, unless that is what the farm reads or writes.
pub(crate) fn open(
    path: &Path,
    (command, jobs): (&str, usize),
    taken: [&OwnedFd; 2],
    log: Option<&Path>,
) -> Result<TraceFile, Trouble> {
    let failed = |error: io::Error| Trouble::of_system(format!("cannot write the trace {}", path.display()), &error);
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed)?;
    let stat = fstat(&file).map_err(|errno| failed(errno.into()))?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        let is_this = |of: Result<Stat, Errno>| of.is_ok_and(|of| (of.st_dev, of.st_ino) == (stat.st_dev, stat.st_ino));
        if taken.iter().any(|fd| is_this(fstat(fd))) || log.is_some_and(|log| is_this(rustix::fs::stat(log))) {
            let error = format!("the trace {} is the input, the output or the log", path.display());
            return Err(Trouble::new(error).hint("write it to another file").code(2));
        }
        file.set_len(0).map_err(failed)?;
    }
    let named = |name: &str, lane: Option<Lane>, value: &str| {
        json!({ "ph": "M", "name": name, "pid": std::process::id(), "tid": lane.map_or(1, Lane::id),
            "args": { "name": value } })
        .to_string()
    };
    let mut head = format!("[\n{}", named("process_name", None, command));
    let workers = (0..jobs).map(Lane::Worker);
    for lane in [Lane::Reader, Lane::Printer].into_iter().chain(workers) {
        head.push_str(",\n");
        head.push_str(&named("thread_name", Some(lane), &lane.name()));
    }
    file.write_all(head.as_bytes()).map_err(failed)?;
    Ok(TraceFile(file))
}

#[derive(Debug)]
pub(super) struct Trace {
    events: Sender<String>,
    /// How the writing ended.
    done: Receiver<io::Result<()>>,
    begun: Instant,
    /// When the curve got its last point, in nanoseconds. Relaxed: it decides which points are left out, nothing else.
    curve_ns: AtomicU64,
}

impl Trace {
    /// A file that cannot be written any more ends the farm.
    pub(super) fn start(file: TraceFile, farm: Sender<Event>) -> io::Result<Trace> {
        let (events, written) = bounded(QUEUE);
        let (done_in, done) = bounded(1);
        thread::Builder::new().name("trace".into()).spawn(move || {
            let outcome = write(file.0, &written);
            if let Err(error) = &outcome {
                let _ = farm.send(Event::Trouble(cannot_write(error)));
            }
            let _ = done_in.send(outcome);
        })?;
        Ok(Trace { events, done, begun: Instant::now(), curve_ns: AtomicU64::new(0) })
    }

    /// One stretch of work on these records: a hand-over, or a process.
    pub(super) fn work(&self, lane: Lane, records: &Range<u64>, span: Range<Instant>, of: Outcome<'_>, more: Value) {
        let (category, failure) = match of {
            Outcome::Answered => ("records", None),
            Outcome::Failed(reason) => ("records", Some(reason)),
            Outcome::Retried(reason) => ("retried", Some(reason)),
        };
        let name = match records.end - records.start {
            1 => format!("record {}", records.end),
            _ => format!("records {} to {}", records.start + 1, records.end),
        };
        let mut args = json!({ "record": records.start + 1, "records": records.end - records.start,
            "ok": failure.is_none() });
        if let (Value::Object(args), Value::Object(more)) = (&mut args, more) {
            args.extend(more);
            args.extend(failure.map(|reason| ("failure".to_owned(), json!(reason))));
        }
        self.span(lane, category, &name, span, &args);
    }

    fn span(&self, lane: Lane, category: &str, name: &str, span: Range<Instant>, args: &Value) {
        let (start, end) = (self.micros(span.start), self.micros(span.end));
        self.send(&json!({ "ph": "X", "cat": category, "name": name, "ts": start, "dur": end - start,
            "pid": std::process::id(), "tid": lane.id(), "args": args }));
    }

    /// Something that took no time.
    pub(super) fn mark(&self, lane: Lane, name: &str, args: &Value) {
        self.send(&json!({ "ph": "i", "s": "t", "cat": "workers", "name": name, "ts": self.micros(Instant::now()),
            "pid": std::process::id(), "tid": lane.id(), "args": args }));
    }

    /// A point of the curve, unless the last one was just now.
    pub(super) fn held(&self, records: u64, bytes: usize) {
        let now = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let last = self.curve_ns.load(Ordering::Relaxed);
        if last == 0 || u128::from(now.saturating_sub(last)) >= LEAST_STEP.as_nanos() {
            self.curve_ns.store(now, Ordering::Relaxed);
            self.points(records, bytes).iter().for_each(|point| self.send(point));
        }
    }

    fn points(&self, records: u64, bytes: usize) -> [Value; 2] {
        let now = self.micros(Instant::now());
        [("records", records), ("bytes", bytes as u64)].map(|(unit, value)| {
            json!({ "ph": "C", "name": format!("{unit} held for order"), "ts": now, "pid": std::process::id(),
                "args": { unit: value } })
        })
    }

    /// Ends the file after what has come; says what is wrong with it.
    pub(super) fn finish(&self, records: u64, bytes: usize) -> Option<Trouble> {
        // The file may be a pipe that nobody takes from: the farm ends all the same.
        let deadline = Instant::now() + PATIENCE;
        for point in self.points(records, bytes) {
            let _ = self.events.send_deadline(point.to_string(), deadline);
        }
        self.events.close();
        match self.done.recv_deadline(deadline) {
            Ok(outcome) => outcome.err().map(|error| cannot_write(&error)),
            Err(_) => Some(cannot_write(&io::ErrorKind::TimedOut.into())),
        }
    }

    fn send(&self, event: &Value) {
        // Nobody takes it when the file is finished or broken; of the latter the farm was told.
        let _ = self.events.send(event.to_string());
    }

    /// Whole nanoseconds lie far within what a float holds exactly enough.
    #[allow(clippy::cast_precision_loss, reason = "a run of a hundred days has 2^53 ns")]
    fn micros(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.begun).as_nanos() as f64 / 1000.0
    }
}

/// Does this, and shows in the lane how long it took, if that is worth a look.
pub(super) fn timed<T>(trace: Option<&Trace>, lane: Lane, name: &str, body: impl FnOnce() -> T) -> T {
    let Some(trace) = trace else { return body() };
    let begun = Instant::now();
    let result = body();
    let ended = Instant::now();
    if ended - begun >= LEAST_WAIT {
        trace.span(lane, "waits", name, begun..ended, &json!({}));
    }
    result
}

/// Until the channel is closed and empty.
fn write(mut file: File, events: &Receiver<String>) -> io::Result<()> {
    let mut text = String::new();
    loop {
        let event = if text.is_empty() {
            events.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            events.recv_timeout(PAUSE)
        };
        if let Ok(event) = &event {
            text.push_str(",\n");
            text.push_str(event);
        }
        let over = event == Err(RecvTimeoutError::Disconnected);
        if over {
            text.push_str("\n]\n");
        }
        if event.is_err() || text.len() >= ONE_WRITE {
            file.write_all(text.as_bytes())?;
            text.clear();
        }
        if over {
            return Ok(());
        }
    }
}

#[cold]
fn cannot_write(error: &io::Error) -> Trouble {
    Trouble::of_system("cannot write the trace", error)
}
