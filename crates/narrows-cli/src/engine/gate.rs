//! How far reading may run ahead of printing, and who prints. The one lock that all threads of a farm share.
//!
//! Invariants:
//!   read - printed < window + stretch, and held bytes < buffer, when the reader is let through;
//!   one thread prints at a time, without the lock: whoever finds the next piece ready while nobody prints;
//!   the worker that has the oldest unprinted record in hand is never kept from answering. It makes progress, then
//!   its successor does: that is why a full buffer is not a deadlock.

use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use narrows::Sender;

use super::ages::Ages;
use super::event::Trouble;
use super::ledger::Ledger;
use super::order::{Order, Piece};
use super::output::{Broken, Output};
use super::pace::Pace;
use super::spill::{Extent, Spill};
use super::sync::{lock, wait};
use super::trace::{Lane, Trace, timed};
use crate::stopwatch::Stopwatch;

/// The read-ahead is never less than this many records.
const LEAST_WINDOW: u64 = 256;
/// As much is taken out of the window for one write.
const ONE_WRITE: usize = 256 << 10;
/// A shorter answer stays in memory: in a file it would occupy a page, and here little more than its place in line.
const LEAST_SPILLED: usize = 512;

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) ordered: bool,
    pub(super) window: Option<NonZeroU64>,
    pub(super) buffer: usize,
    pub(super) jobs: u64,
}

#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    moved: Condvar,
    limits: Limits,
    pace: Arc<Pace>,
    output: Output,
    pub(super) ledger: Option<Ledger>,
    spill: Option<Spill>,
    pub(super) trace: Option<Arc<Trace>>,
    /// Who is told which records have been printed.
    told: Option<Sender<Range<u64>>>,
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a state of its own")]
struct State {
    order: Order,
    read: u64,
    printed: u64,
    /// Bytes of questions read and not answered, and of pieces taken out to be printed.
    loose_bytes: usize,
    /// Those of them that are outputs held to their end.
    kept: usize,
    /// Unordered, when these alone fill the buffer: the one that goes on, so that some room comes back.
    favoured: Option<u64>,
    /// Records beyond the window, granted when the oldest record is kept in a worker's output buffer.
    stretch: u64,
    printing: bool,
    reading: bool,
    over: bool,
    reader_waits: Option<Wait>,
    printed_at: Instant,
    /// Threads asleep on `moved`: a wake-up for nobody is a system call for nothing.
    sleepers: usize,
    /// Nothing more is read until the user says so.
    paused: bool,
    window: Option<NonZeroU64>,
    jobs: u64,
    waits: Waits,
    ages: Ages,
}

/// The time that was spent waiting.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    /// The reader, for input;
    pub(super) input: Stopwatch,
    /// and for room: in the window, in the buffer, among the batches.
    pub(super) room: Stopwatch,
    /// Writing.
    pub(super) output: Stopwatch,
    /// Workers that are kept from answering, all together.
    pub(super) held: Stopwatch,
}

/// What keeps the reader from reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Window,
    Buffer,
}

/// A look at the gate, for the watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) reader_waits: Option<Wait>,
    pub(super) read: u64,
    pub(super) printed: u64,
    pub(super) printed_at: Instant,
    pub(super) window: u64,
    pub(super) held: usize,
    pub(super) waits: Waits,
    /// When the oldest unprinted record was read.
    pub(super) age: Option<Duration>,
}

impl State {
    /// Notes what the reader waits for; the clock is read when that changes.
    fn await_room(&mut self, wait: Option<Wait>) {
        match (self.reader_waits.is_some(), wait.is_some()) {
            (false, true) => self.waits.room.start(Instant::now()),
            (true, false) => self.waits.room.stop(Instant::now()),
            _ => {}
        }
        self.reader_waits = wait;
    }

    fn held(&self) -> usize {
        self.loose_bytes + self.order.bytes()
    }
}

impl Gate {
    pub(super) fn new(
        limits: Limits,
        pace: Arc<Pace>,
        output: Output,
        ledger: Option<Ledger>,
        spill: Option<Spill>,
        trace: Option<Arc<Trace>>,
    ) -> Gate {
        let state = State {
            order: Order::new(limits.ordered),
            read: 0,
            printed: 0,
            loose_bytes: 0,
            kept: 0,
            favoured: None,
            stretch: 0,
            printing: false,
            reading: true,
            over: false,
            reader_waits: None,
            printed_at: Instant::now(),
            sleepers: 0,
            paused: false,
            window: limits.window,
            jobs: limits.jobs,
            waits: Waits::default(),
            ages: Ages::new(),
        };
        let (state, moved) = (Mutex::new(state), Condvar::new());
        Gate { state, moved, limits, pace, output, ledger, spill, trace, told: None }
    }

    pub(super) fn telling(mut self, told: Option<Sender<Range<u64>>>) -> Gate {
        self.told = told;
        self
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.sleepers += 1;
        let mut state = wait(&self.moved, state);
        state.sleepers -= 1;
        state
    }

    fn wake(&self, state: MutexGuard<'_, State>) {
        let anyone = state.sleepers > 0;
        drop(state);
        if anyone {
            self.moved.notify_all();
        }
    }

    fn window(&self, state: &State) -> u64 {
        let window = match state.window {
            Some(records) => records.get(),
            None => self.pace.read_ahead().saturating_mul(state.jobs).max(LEAST_WINDOW),
        };
        window.saturating_add(state.stretch)
    }

    /// As many jobs work from now on.
    pub(super) fn resize(&self, window: Option<NonZeroU64>, jobs: u64) {
        let mut state = self.lock();
        (state.window, state.jobs) = (window, jobs);
        self.wake(state);
    }

    /// Nothing more is read, or again.
    pub(super) fn pause(&self, paused: bool) {
        let mut state = self.lock();
        state.paused = paused;
        self.wake(state);
    }

    /// The reader is going to wait until a job takes a batch,
    pub(super) fn begin_room_wait(&self) {
        self.lock().waits.room.start(Instant::now());
    }

    /// and does so no longer.
    pub(super) fn end_room_wait(&self) {
        self.lock().waits.room.stop(Instant::now());
    }

    /// The reader is going to wait for input,
    pub(super) fn begin_input_wait(&self) {
        self.lock().waits.input.start(Instant::now());
    }

    /// and does so no longer.
    pub(super) fn end_input_wait(&self) {
        self.lock().waits.input.stop(Instant::now());
    }

    /// Waits until `least` records, or as many as the whole window has, may be read; says how many, `None` when reading
    /// is over.
    pub(super) fn room(&self, least: u64) -> Option<NonZeroU64> {
        let mut state = self.lock();
        let room = loop {
            if !state.reading {
                break None;
            }
            let window = self.window(&state);
            let room = window.saturating_sub(state.read - state.printed);
            let full = state.held() >= self.limits.buffer && state.read > state.printed;
            let wait = match NonZeroU64::new(room) {
                _ if state.paused => None,
                Some(room) if !full && room.get() >= least.min(window) => break Some(room),
                _ => Some(if full { Wait::Buffer } else { Wait::Window }),
            };
            state.await_room(wait);
            state = self.sleep(state);
        };
        state.await_room(None);
        room
    }

    /// Counts a batch as read and gives the number of its first record.
    pub(super) fn admit(&self, records: usize, bytes: usize) -> u64 {
        let mut state = self.lock();
        let (first, now) = (state.read, Instant::now());
        if first == state.printed {
            state.printed_at = now;
        }
        let printed = state.printed;
        state.ages.mark(first, printed, now);
        state.read += records as u64;
        state.loose_bytes += bytes;
        first
    }

    /// Waits until the worker whose oldest record is `oldest` may answer; false when the farm is over.
    pub(super) fn may_answer(&self, oldest: impl Fn() -> Option<u64>) -> bool {
        let mut state = self.lock();
        loop {
            if state.over {
                return false;
            }
            let ahead = match (self.limits.ordered, oldest()) {
                (true, Some(record)) => record > state.printed,
                (true, None) => false,
                (false, record) if state.favoured.is_some() => record != state.favoured,
                (false, record) => {
                    state.order.bytes() > 0 && !record.is_some_and(|record| state.order.is_leaving(record))
                }
            };
            let full = match self.spill {
                // With a file to put answers into, only what stays in memory of them counts.
                Some(_) if state.favoured.is_none() => state.order.bytes() >= self.limits.buffer / 4 * 3,
                _ => true,
            };
            if !ahead || state.held() < self.limits.buffer || !full {
                return true;
            }
            if state.order.let_through() {
                self.moved.notify_all();
                continue;
            }
            state.waits.held.start(Instant::now());
            state = self.sleep(state);
            state.waits.held.stop(Instant::now());
        }
    }

    /// Takes answers in, and prints all that is next if nobody else does. Gives back a spent buffer for the next read.
    pub(super) fn answered(&self, mut piece: Piece, released: usize) -> Result<Vec<u8>, Broken> {
        if let Err(broken) = self.spill(&mut piece) {
            // Nothing may be printed that would have followed it.
            self.shut();
            return Err(broken);
        }
        let mut spent = Vec::new();
        let mut state = self.lock();
        state.loose_bytes -= released;
        state.order.insert(piece);
        if !state.printing {
            state.printing = true;
            loop {
                let mut ready = take_ready(&mut state);
                if ready.is_empty() || state.over {
                    break;
                }
                let taken: usize = ready.iter().map(Piece::cost).sum();
                state.waits.output.start(Instant::now());
                drop(state);
                let mut written = timed(self.trace(), Lane::Printer, "writes output", || {
                    self.fetch(&mut ready).and_then(|()| self.output.write(&ready))
                });
                if let (Ok(()), Some(ledger)) = (&written, &self.ledger) {
                    written = ledger.printed(&ready).map_err(Broken::Log);
                }
                if let (Ok(()), Some(told)) = (&written, &self.told) {
                    // It is closed when the farm is over: what is printed still is done again by somebody else.
                    let numbers = |piece: &Piece| piece.first..piece.first + piece.records;
                    let _ =
                        ready.iter().map(numbers).filter(|numbers| !numbers.is_empty()).try_for_each(|n| told.send(n));
                }
                state = self.lock();
                let now = Instant::now();
                state.waits.output.stop(now);
                if let Err(broken) = written {
                    state.over = true;
                    self.wake(state);
                    return Err(broken);
                }
                state.loose_bytes -= taken;
                for mut piece in ready {
                    state.printed += piece.records;
                    piece.bytes.clear();
                    spent = piece.bytes;
                }
                state.printed_at = now;
                let printed = state.printed;
                state.ages.forget_before(printed);
                if state.sleepers > 0 {
                    self.moved.notify_all();
                }
            }
            state.printing = false;
        }
        let held = (state.order.records(), state.order.bytes());
        self.wake(state);
        if let Some(trace) = &self.trace {
            trace.held(held.0, held.1);
        }
        Ok(spent)
    }

    /// Puts the bytes of an answer that has to wait into the file, if memory is short.
    fn spill(&self, piece: &mut Piece) -> Result<(), Broken> {
        let Some(spill) = self.spill.as_ref().filter(|_| piece.bytes.len() >= LEAST_SPILLED) else { return Ok(()) };
        let state = self.lock();
        let waits = !state.order.is_leaving(piece.first) && state.held() + piece.bytes.len() >= self.limits.buffer / 2;
        drop(state);
        if waits {
            piece.spilled = Some(spill.put(&piece.bytes).map_err(Broken::Spill)?);
            piece.bytes = Vec::new();
        }
        Ok(())
    }

    /// Takes the bytes back of what leaves now.
    fn fetch(&self, pieces: &mut [Piece]) -> Result<(), Broken> {
        let Some(spill) = &self.spill else { return Ok(()) };
        for piece in pieces {
            if let Some(extent) = piece.spilled.take() {
                piece.bytes = spill.take(extent).map_err(Broken::Spill)?;
            }
        }
        Ok(())
    }

    /// Counts bytes of the answer to this record that are held elsewhere until they come as a piece.
    pub(super) fn hold(&self, record: u64, bytes: usize) {
        let mut state = self.lock();
        state.loose_bytes += bytes;
        state.kept += bytes;
        if state.kept >= self.limits.buffer {
            state.favoured.get_or_insert(record);
        }
    }

    /// They do not, or they come now: then it is their piece that counts.
    pub(super) fn let_go(&self, record: u64, bytes: usize) {
        let mut state = self.lock();
        state.loose_bytes -= bytes;
        state.kept -= bytes;
        if state.favoured == Some(record) {
            state.favoured = None;
        }
        self.wake(state);
    }

    /// Forgets the bytes of questions that will not be answered.
    pub(super) fn release(&self, bytes: usize) {
        let mut state = self.lock();
        state.loose_bytes -= bytes;
        self.wake(state);
    }

    /// No more is read; what is in hand is finished.
    pub(super) fn stop_reading(&self) {
        let mut state = self.lock();
        state.reading = false;
        self.wake(state);
    }

    /// Nothing more is printed, and nobody waits here any longer.
    pub(super) fn shut(&self) {
        let mut state = self.lock();
        state.reading = false;
        state.over = true;
        self.wake(state);
    }

    pub(super) fn view(&self) -> View {
        let state = self.lock();
        let age = if state.read > state.printed { state.ages.oldest(Instant::now()) } else { None };
        View {
            window: self.window(&state),
            held: state.held(),
            waits: state.waits,
            age,
            reader_waits: state.reader_waits,
            read: state.read,
            printed: state.printed,
            printed_at: state.printed_at,
        }
    }

    /// The oldest record waits in a worker's output buffer: more must be read, whatever the window says.
    pub(super) fn stretch(&self) {
        let mut state = self.lock();
        state.stretch = state.stretch.saturating_mul(2).max(LEAST_WINDOW);
        self.wake(state);
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.limits.ordered
    }

    pub(super) fn trace(&self) -> Option<&Trace> {
        self.trace.as_deref()
    }

    /// The last that is traced; says what is wrong with the file.
    pub(super) fn finish_trace(&self) -> Option<Trouble> {
        let state = self.lock();
        let (records, bytes) = (state.order.records(), state.order.bytes());
        drop(state);
        self.trace.as_ref()?.finish(records, bytes)
    }

    pub(super) fn output(&self) -> &Output {
        &self.output
    }
}

fn take_ready(state: &mut State) -> Vec<Piece> {
    let (mut ready, mut bytes, mut length) = (Vec::new(), 0, 0);
    while length < ONE_WRITE
        && let Some(piece) = state.order.pop()
    {
        bytes += piece.cost();
        length += piece.cost() + piece.spilled.map_or(0, Extent::length);
        ready.push(piece);
    }
    state.loose_bytes += bytes;
    ready
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::thread;

    use super::*;

    #[test]
    fn unordered_outputs_that_are_held_to_their_end_take_turns_when_they_fill_the_buffer() {
        let nowhere = std::fs::File::options().write(true).open("/dev/null").expect("it is always there");
        let limits = Limits { ordered: false, window: None, buffer: 1000, jobs: 2 };
        let gate =
            Gate::new(limits, Arc::new(Pace::new(1000, false)), Output::File(OwnedFd::from(nowhere)), None, None, None);
        gate.hold(7, 600);
        assert!(gate.may_answer(|| Some(7)) && gate.may_answer(|| Some(8)));
        gate.hold(8, 600);
        assert!(gate.may_answer(|| Some(8)), "one of them goes on");
        thread::scope(|scope| {
            let other = scope.spawn(|| gate.may_answer(|| Some(7)));
            while gate.lock().sleepers == 0 && !other.is_finished() {
                thread::yield_now();
            }
            assert!(!other.is_finished(), "the other waits");
            gate.let_go(8, 600);
            assert!(other.join().is_ok_and(|may| may));
        });
    }
}
