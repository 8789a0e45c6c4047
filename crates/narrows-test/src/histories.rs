//! Rule 2 and rule 4 together: what real channels answer to real threads and tasks, given to the checker.

use crate::actor::Actor;
use crate::deadline::times;
use crate::ends::{Pairs, RecvEnd, SendEnd};
use crate::history::{Event, Op, Recorder};
use crate::linear::check;
use crate::load::{Ledger, Load};
use crate::traffic::{Gate, breathe};
use crate::way::{Side, Verb, Way};
use narrows::{RecvTimeoutError, SendError, SendTimeoutError};
use narrows::{TryRecvError, TrySendError};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

const STEPS: u64 = 5;
const PROCESSES: u64 = 3;

/// Whatever three processes do at once, there is an order that explains every answer.
pub fn rule_02_every_history_is_linearizable<K: Pairs<Load>>(kind: K, way: &'static Way) {
    for round in 0..number_of_rounds() {
        let ledger = Ledger::new(64);
        let (s, r) = kind.pair();
        let clock = Arc::new(AtomicU64::new(0));
        let gate = Gate::new(3);
        let actors: Vec<_> = (0..PROCESSES)
            .map(|process| {
                let side = if process == 1 { way.recv } else { way.send };
                let clock = Arc::clone(&clock);
                let mut actor = Process::<K> {
                    number: process,
                    // A generator of our own, so that a round can be repeated.
                    dice: Dice(round * PROCESSES + process + 1),
                    way,
                    side,
                    s: s.clone(),
                    r: r.clone(),
                    ledger: ledger.clone(),
                    clock,
                };
                let gate = gate.clone();
                side.spawn(async move {
                    gate.pass().await;
                    actor.live().await
                })
            })
            .collect();
        let mut ops: Vec<Op> = actors.into_iter().flat_map(Actor::join).collect();
        let now = || clock.fetch_add(1, Ordering::SeqCst);
        let mut end = Recorder::new(9, now);
        end.note(|| r.close_now(), |left| closed_now(left));
        ops.extend(end.into_ops());
        drop((s, r));
        ledger.settle();
        if !kind.refuses_truly() {
            ops.retain(|op| !matches!(op.event, Event::SendFull(_) | Event::RecvEmpty | Event::Len(_)));
            // To be told Pending is to be told Full or Empty.
            for op in &mut ops {
                op.pending = None;
            }
        }
        if let Err(e) = check(kind.capacity(), &ops) {
            panic!("round {round}: {e}");
        }
    }
}

fn number_of_rounds() -> u64 {
    crate::traffic::number(times(60))
}

fn closed_now(left: &[Load]) -> Event {
    Event::ClosedNow(left.iter().map(Load::number).collect())
}

struct Dice(u64);

impl Dice {
    /// An xorshift generator (Marsaglia, 2003), its seed first spread by a multiplication.
    fn below(&mut self, n: u64) -> u64 {
        let mut x = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0 = x;
        (x >> 20) % n
    }
}

struct Process<K: Pairs<Load>> {
    number: u64,
    dice: Dice,
    way: &'static Way,
    side: Side,
    s: K::Sender,
    r: K::Receiver,
    ledger: Ledger,
    clock: Arc<AtomicU64>,
}

impl<K: Pairs<Load>> Process<K> {
    async fn live(&mut self) -> Vec<Op> {
        let clock = Arc::clone(&self.clock);
        let number = usize::try_from(self.number).expect("small");
        let mut notes = Recorder::new(number, move || clock.fetch_add(1, Ordering::SeqCst));
        for step in 0..STEPS {
            let message = self.number * STEPS + step;
            // The first process never waits without a limit: it closes in the end, which frees the others.
            let verbs = if self.number == 0 { 6 } else { 8 };
            match self.dice.below(verbs) {
                0 => self.try_send(&mut notes, message),
                1 => self.try_recv(&mut notes),
                2 => self.brief_send(&mut notes, message).await,
                3 => self.brief_recv(&mut notes).await,
                4 => self.reserve(&mut notes, message),
                5 => drop(notes.note(|| self.s.len(), |&len| Event::Len(len))),
                6 => self.send(&mut notes, message).await,
                _ => self.recv(&mut notes).await,
            }
        }
        if self.number == 0 {
            if self.dice.below(2) == 0 {
                notes.note(|| self.s.close(), |&first| Event::Closed(first));
            } else {
                notes.note(|| self.r.close_now(), |left| closed_now(left));
            }
        }
        notes.into_ops()
    }

    fn try_send<C: Fn() -> u64>(&self, notes: &mut Recorder<C>, message: u64) {
        notes
            .note(
                || self.s.try_send(self.ledger.load(message)),
                |answer| match answer {
                    Ok(()) => Event::Sent(message),
                    Err(TrySendError::Full(_)) => Event::SendFull(message),
                    Err(TrySendError::Disconnected(_)) => Event::SendClosed(message),
                },
            )
            .ok();
    }

    fn try_recv<C: Fn() -> u64>(&self, notes: &mut Recorder<C>) {
        let event = |answer: &Result<Load, TryRecvError>| match answer {
            Ok(load) => Event::Received(load.number()),
            Err(TryRecvError::Empty) => Event::RecvEmpty,
            Err(TryRecvError::Disconnected) => Event::RecvClosed,
        };
        drop(notes.note(|| self.r.try_recv(), event));
    }

    fn reserve<C: Fn() -> u64>(&mut self, notes: &mut Recorder<C>, message: u64) {
        let event = |answer: &Result<_, TrySendError<()>>| match answer {
            Ok(_) => Event::Reserved(1),
            Err(TrySendError::Full(())) => Event::ReserveFull(1),
            Err(TrySendError::Disconnected(())) => Event::ReserveClosed,
        };
        // Where there are no permits, an operation that is there.
        let Some(s) = self.s.local() else { return self.try_send(notes, message) };
        let Ok(permit) = notes.note(|| s.try_reserve(), event) else {
            return;
        };
        if self.dice.below(3) == 0 {
            notes.note(|| drop(permit), |()| Event::PermitDropped);
            return;
        }
        let load = self.ledger.load(message);
        let event = |answer: &Result<(), SendError<Load>>| match answer {
            Ok(()) => Event::PermitSent(message),
            Err(_) => Event::PermitRefused(message),
        };
        notes.note(|| permit.send(load), event).ok();
    }

    /// Waits as long as it takes, as this process's side does.
    async fn send<C: Fn() -> u64>(&self, notes: &mut Recorder<C>, message: u64) {
        let call = notes.now();
        let verb = self.way.send_on(self.side);
        let event = match verb.send(&self.s, self.ledger.load(message)).await {
            Ok(()) => Event::Sent(message),
            Err(_) => Event::SendClosed(message),
        };
        notes.ended(call, event, mark(verb));
    }

    async fn recv<C: Fn() -> u64>(&self, notes: &mut Recorder<C>) {
        let call = notes.now();
        let verb = self.way.recv_on(self.side);
        let event = match verb.recv(&self.r).await {
            Ok(load) => Event::Received(load.number()),
            Err(_) => Event::RecvClosed,
        };
        notes.ended(call, event, mark(verb));
    }

    /// On a thread with a time limit; as a task polled a few times and dropped.
    async fn brief_send<C: Fn() -> u64>(&mut self, notes: &mut Recorder<C>, message: u64) {
        let load = self.ledger.load(message);
        let call = notes.now();
        if !self.side.is_task() {
            let limit = Duration::from_micros(self.dice.below(60));
            let event = match self.s.send_timeout(load, limit) {
                Ok(()) => Event::Sent(message),
                Err(SendTimeoutError::Timeout(_)) => Event::SendFull(message),
                Err(SendTimeoutError::Disconnected(_)) => Event::SendClosed(message),
            };
            return notes.ended(call, event, |op| op);
        }
        let (answer, pending) = glance(Box::pin(self.s.send_async(load)), self.dice.below(5), notes).await;
        let event = match answer {
            Some(Ok(())) => Event::Sent(message),
            Some(Err(_)) => Event::SendClosed(message),
            None => Event::SendDropped(message),
        };
        notes.ended(call, event, |op| briefly(op, pending));
    }

    async fn brief_recv<C: Fn() -> u64>(&mut self, notes: &mut Recorder<C>) {
        let call = notes.now();
        if !self.side.is_task() {
            let limit = Duration::from_micros(self.dice.below(60));
            let event = match self.r.recv_timeout(limit) {
                Ok(load) => Event::Received(load.number()),
                Err(RecvTimeoutError::Timeout) => Event::RecvEmpty,
                Err(RecvTimeoutError::Disconnected) => Event::RecvClosed,
            };
            return notes.ended(call, event, |op| op);
        }
        let (answer, pending) = glance(Box::pin(self.r.recv_async()), self.dice.below(5), notes).await;
        let event = match answer {
            Some(Ok(load)) => Event::Received(load.number()),
            Some(Err(_)) => Event::RecvClosed,
            None => Event::RecvDropped,
        };
        notes.ended(call, event, |op| briefly(op, pending));
    }
}

/// What the checker must know of a verb.
fn mark(verb: Side) -> impl FnOnce(Op) -> Op {
    move |op| {
        let op = if verb.is_task() { op.by_task() } else { op };
        let in_two = match verb.verb {
            Verb::Plain | Verb::Timed | Verb::Async => false,
            Verb::Select | Verb::Macro | Verb::SelectAsync => true,
            // Only its sends.
            Verb::Permit | Verb::PermitAsync => op.event.is_send(),
        };
        if in_two { op.in_two() } else { op }
    }
}

fn briefly(op: Op, pending: Option<(u64, u64)>) -> Op {
    match pending {
        Some((by, until)) => op.pending(by, until),
        None => op.by_task(),
    }
}

/// Polls once. If that was Pending, either leaves the future alone for a while and drops it, or polls it again and again
/// and then drops it. The answer, if there was one; and, if it was left alone, between which moments it surely waited.
async fn glance<F: Future + Unpin, C: Fn() -> u64>(
    mut future: F,
    patience: u64,
    notes: &Recorder<C>,
) -> (Option<F::Output>, Option<(u64, u64)>) {
    let mut poll_once = async || poll_fn(|cx| Poll::Ready(Pin::new(&mut future).poll(cx))).await;
    if let Poll::Ready(answer) = poll_once().await {
        return (Some(answer), None);
    }
    let by = notes.now();
    if patience.is_multiple_of(2) {
        for _ in 0..patience {
            breathe().await;
        }
        return (None, Some((by, notes.now())));
    }
    for _ in 0..patience {
        breathe().await;
        if let Poll::Ready(answer) = poll_once().await {
            return (Some(answer), None);
        }
    }
    (None, None)
}

impl Way {
    /// How a process that lives on `side` sends: it may not block where tasks run.
    fn send_on(&self, side: Side) -> Side {
        if self.send.is_task() == side.is_task() { self.send } else { side }
    }

    fn recv_on(&self, side: Side) -> Side {
        if self.recv.is_task() == side.is_task() { self.recv } else { side }
    }
}
