//! What the threads of one farm share.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use narrows::{Receiver, Sender, never, select, unbounded};
use serde_json::json;

use super::Plan;
use super::batch::{Batch, Portion};
use super::crew::{Crew, Desk};
use super::drain::Drain;
use super::event::{Event, PassOn, Tell, Tone, Trouble};
use super::framing::Framing;
use super::gate::Gate;
use super::halt::Tally;
use super::ledger::Fate;
use super::order::Piece;
use super::output::Broken;
use super::pace::Pace;
use super::replies::Replies;
use super::roster::Roster;
use super::trace::Lane;
use super::wakeup::Wakeup;

/// So many failed records are named on stderr.
const MOST_NAMED: u64 = 20;

/// What a farm is made of, beside its plan.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) gate: Gate,
    pub(super) pace: Arc<Pace>,
    pub(super) events: Sender<Event>,
    pub(super) over: Receiver<()>,
}

#[derive(Debug)]
pub(super) struct Farm {
    pub(super) framing: Framing,
    pub(super) replies: Replies,
    pub(super) portion: Portion,
    pub(super) gate: Gate,
    pub(super) pace: Arc<Pace>,
    pub(super) roster: Roster,
    pub(super) crew: Crew,
    pub(super) events: Sender<Event>,
    /// Batches that a dead worker never read.
    pub(super) again: (Sender<Batch>, Receiver<Batch>),
    /// Single records that a worker was busy with when it died: each has a worker for itself.
    pub(super) alone: (Sender<Batch>, Receiver<Batch>),
    /// Disconnected when the farm is over; nothing is ever sent.
    pub(super) over: Receiver<()>,
    /// Interrupts the reader's wait for input.
    pub(super) stop_input: Wakeup,
    /// Interrupts the watch's sleep, when it sleeps for good.
    pub(super) look: Wakeup,
    pub(super) watch_sleeps: AtomicBool,
    /// The longest output that is held until its end.
    pub(super) most_held: usize,
    /// A farm that has printed nothing for so long says why.
    pub(super) stall: Duration,
    /// Further tries that a failed record gets,
    pub(super) retries: u32,
    /// the pause before the first of them,
    pub(super) backoff: Duration,
    /// and how long a try may take.
    pub(super) timeout: Option<Duration>,
    pub(super) tell: Tell,
    pub(super) pass_on: PassOn,
    /// Nothing more comes through the channel of batches than is in it.
    input_over: AtomicBool,
    /// After the first signal: finish what is in hand.
    pub(super) draining: Drain,
    pub(super) tally: Tally,
    pub(super) skipped: AtomicU64,
    pub(super) retried: AtomicU64,
    /// Workers that died one after the other without an answer between them.
    pub(super) deaths_in_a_row: AtomicU32,
    pub(super) said_hint: AtomicBool,
}

impl Farm {
    pub(super) fn new(plan: &Plan, parts: Parts) -> io::Result<Farm> {
        let Parts { gate, pace, events, over } = parts;
        Ok(Farm {
            framing: plan.framing,
            replies: Replies { framing: plan.framing, end: plan.reply_end.clone(), tagged: plan.tagged },
            portion: plan.portion,
            gate,
            pace,
            roster: Roster::default(),
            crew: Crew::new(plan.jobs.get()),
            events,
            again: unbounded(),
            alone: unbounded(),
            over,
            stop_input: Wakeup::new()?,
            look: Wakeup::new()?,
            watch_sleeps: AtomicBool::new(false),
            most_held: plan.buffer.min(plan.framing.longest()),
            stall: plan.stall,
            retries: plan.retries,
            backoff: plan.backoff,
            timeout: plan.timeout,
            tell: plan.tell,
            pass_on: plan.pass_on,
            input_over: AtomicBool::new(false),
            draining: Drain::new(),
            tally: Tally::new(plan.halt),
            skipped: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            deaths_in_a_row: AtomicU32::new(0),
            said_hint: AtomicBool::new(false),
        })
    }

    /// Hands answers to the gate. What cannot be printed ends the farm.
    pub(super) fn print(&self, piece: Piece, released: usize) -> Vec<u8> {
        match self.gate.answered(piece, released) {
            Ok(spent) => spent,
            Err(broken) => {
                self.send(match broken {
                    Broken::Closed => Event::OutputClosed,
                    Broken::Channel(trouble) => Event::Trouble(trouble),
                    Broken::Spill(errno) => Event::Trouble(Trouble::of_system("cannot use --spill", &errno.into())),
                    Broken::Log(error) => Event::Trouble(Trouble::of_system("cannot write the log", &error)),
                    Broken::Failed(errno) => Event::Trouble(Trouble::of_system("cannot write", &errno.into())),
                });
                Vec::new()
            }
        }
    }

    /// Records without an answer: their places in the order are given up.
    pub(super) fn fail(&self, numbers: Range<u64>, reason: &str) {
        let records = numbers.end - numbers.start;
        let (_, halts) = self.tally.fail(records, self.gate.view().printed);
        if let Some(ledger) = &self.gate.ledger {
            let fate = Fate { failure: Some(reason.into()), ..Fate::default() };
            numbers.clone().for_each(|number| ledger.note(number, &fate));
        }
        self.print(Piece::whole(numbers.start, records, Vec::new()), 0);
        if halts {
            // Here, and not when the event is heard: the worker's successor might have answered what comes after by then.
            if self.tally.is_immediate() {
                self.gate.shut();
            }
            self.send(Event::Halt);
        }
    }

    /// A batch failed whose output is, or will be, in its place. The first few are named.
    pub(super) fn note_failure(&self, numbers: &Range<u64>, reason: &str, hint: Option<&str>) {
        let (before, halts) = self.tally.fail(1, self.gate.view().printed);
        match before {
            0..MOST_NAMED => self.note(&format!("{} failed{reason}", name_records(numbers))),
            MOST_NAMED => self.note("more records failed; they are counted, and named only by --log"),
            _ => {}
        }
        if let Some(hint) = hint {
            self.hint(hint);
        }
        // Said before the end is: the farm may be gone then.
        if halts {
            self.send(Event::Halt);
        }
    }

    pub(super) fn count_failures(&self, records: u64) {
        if self.tally.fail(records, self.gate.view().printed).1 {
            self.send(Event::Halt);
        }
    }

    /// Records that a former run had done.
    pub(super) fn skip(&self, numbers: Range<u64>, bytes: usize) {
        let records = numbers.end - numbers.start;
        self.skipped.fetch_add(records, Ordering::Relaxed);
        if let Some(trace) = self.gate.trace() {
            let args = json!({ "record": numbers.start + 1, "records": records });
            trace.mark(Lane::Reader, "skipped: done before", &args);
        }
        self.print(Piece::whole(numbers.start, records, Vec::new()), bytes);
    }

    /// Waits before another try, longer each time, and not at all in a farm that drains; false when it is over.
    pub(super) fn back_off(&self, tries: u32) -> bool {
        self.retried.fetch_add(1, Ordering::Relaxed);
        let pause = self.backoff.saturating_mul(1 << tries.min(10));
        if !pause.is_zero() {
            select! {
                recv(self.over) -> _ => {}
                recv(self.draining.begun()) -> _ => {}
                default(pause) => {}
            }
        }
        !self.is_over()
    }

    /// An answer came: the command works.
    pub(super) fn forget_deaths(&self) {
        if self.deaths_in_a_row.load(Ordering::Relaxed) > 0 {
            self.deaths_in_a_row.store(0, Ordering::Relaxed);
        }
    }

    /// Something is in hand again.
    pub(super) fn wake_watch(&self) {
        // SeqCst: pairs with the store before the watch's last look at the flights. Either it sees the flight, or
        // this sees that it is about to sleep.
        if self.watch_sleeps.load(Ordering::SeqCst) && self.watch_sleeps.swap(false, Ordering::SeqCst) {
            self.look.ring();
        }
    }

    pub(super) fn send(&self, event: Event) {
        // The supervisor is gone only when the farm is over.
        let _ = self.events.send(event);
    }

    /// Starts a thread that ends the farm if it panics. It is not joined: a farm that is over waits for none.
    pub(super) fn start<T: Send + 'static>(
        self: &Arc<Self>,
        name: &str,
        body: impl FnOnce(&Arc<Farm>) -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        let farm = Arc::clone(self);
        thread::Builder::new().name(name.into()).spawn(move || {
            let _alarm = Alarm(&farm);
            body(&farm)
        })
    }

    pub(super) fn trouble(&self, trouble: Trouble) {
        self.send(Event::Trouble(trouble));
    }

    pub(super) fn note(&self, text: &str) {
        (self.tell)(Tone::Note, text);
    }

    /// Records whose worker cannot tell what became of them, one at a time.
    pub(super) fn try_again(&self, batch: Batch) {
        // The farm holds the other end.
        let _ = self.alone.0.send(batch);
    }

    pub(super) fn say_hint(&self, text: &str) {
        (self.tell)(Tone::Hint, text);
    }

    /// Of these only the first is said.
    pub(super) fn hint(&self, text: &str) {
        if !self.said_hint.swap(true, Ordering::Relaxed) {
            self.say_hint(text);
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.is_on()
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.try_recv() == Err(narrows::TryRecvError::Disconnected)
    }

    /// Called by the reader after its last batch.
    pub(super) fn end_input(&self) {
        // Release: pairs with the Acquire in `is_input_over`; the last batch is in the channel before it shows.
        self.input_over.store(true, Ordering::Release);
        self.wake_feeders();
    }

    /// The first signal came: nothing more is read, and what no worker has in hand is dropped.
    pub(super) fn drain(&self) {
        self.draining.begin();
        self.gate.stop_reading();
        self.stop_input.ring();
        self.wake_feeders();
    }

    fn wake_feeders(&self) {
        self.crew.ring();
        for life in self.roster.lives() {
            life.wake_feeder();
        }
    }

    /// As many jobs as that are on duty from now on; they exist.
    pub(super) fn want(&self, jobs: usize) {
        self.crew.want(jobs);
        self.wake_feeders();
    }

    /// Nothing more is read or handed over, or again.
    pub(super) fn pause(&self, paused: bool) {
        self.crew.pause(paused);
        self.gate.pause(paused);
        self.wake_feeders();
    }

    /// A farm that drains goes on to its end.
    pub(super) fn is_paused(&self) -> bool {
        self.crew.is_paused() && !self.is_draining()
    }

    /// Whether this job is to take batches.
    pub(super) fn is_on_duty(&self, job: usize) -> bool {
        job < self.crew.wanted() || self.is_input_over() || self.is_draining()
    }

    /// The next batch for a job that takes one at a time; `None` when nothing more comes.
    pub(super) fn next_batch(&self, desk: &Desk, batches: &Receiver<Batch>) -> Option<Batch> {
        let no_batch = never();
        loop {
            let takes = self.is_on_duty(desk.job) && !self.is_paused();
            if takes && let Ok(batch) = batches.try_recv() {
                return Some(batch);
            }
            select! {
                recv(if takes { batches } else { &no_batch }) -> batch => return batch.ok(),
                recv(desk.bell()) -> _ => {}
            }
        }
    }

    pub(super) fn is_input_over(&self) -> bool {
        // Acquire: pairs with the Release in `end_input`.
        self.input_over.load(Ordering::Acquire)
    }
}

/// Reports the end of a job.
#[derive(Debug)]
pub(super) struct Leaving<'a>(pub(super) &'a Farm);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.send(Event::JobDone);
    }
}

/// Ends the farm when a thread of it panics: the others may wait for it for ever.
#[derive(Debug)]
pub(super) struct Alarm<'a>(pub(super) &'a Farm);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.trouble(
                Trouble::new("internal error: a thread of the farm panicked")
                    .hint("the lines above name the place; please report them"),
            );
        }
    }
}

/// Names records as a user counts them, from 1.
pub(super) fn name_records(numbers: &Range<u64>) -> String {
    match numbers.end - numbers.start {
        1 => format!("record {}", numbers.end),
        n => format!("records {} to {} ({n})", numbers.start + 1, numbers.end),
    }
}
