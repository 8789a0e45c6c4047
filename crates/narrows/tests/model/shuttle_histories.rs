//! Rules 1, 2, 4, 5, 7, 13, 23 at once: whatever three threads do in whatever order, some order of a sequential channel
//! explains every answer, and no message is left or lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use narrows::{Receiver, RecvTimeoutError, Select, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError};
use narrows_test::{
    history::{Event, Op, Recorder},
    linear::check,
};
use shuttle::{
    rand::{Rng, thread_rng},
    thread,
};

use crate::{channel, task::poll_once, try_schedules::try_schedules};

const THREADS: u64 = 3;
const STEPS: u64 = 3;
/// How long does not matter: whether it passes is the scheduler's choice.
const BRIEF: Duration = Duration::from_millis(1);

/// What the threads do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mix {
    /// Everything but select.
    Single,
    /// Everything but what waits for ever, and nobody closes: while a select has not finished its message, a receive
    /// after close is told Empty, since the message may come back.
    Select,
}

#[test]
fn histories_0() {
    histories("histories_0", Some(0), Mix::Single);
}

#[test]
fn histories_1() {
    histories("histories_1", Some(1), Mix::Single);
}

#[test]
fn histories_2() {
    histories("histories_2", Some(2), Mix::Single);
}

#[test]
fn histories_unbounded() {
    histories("histories_unbounded", None, Mix::Single);
}

#[test]
fn select_histories_0() {
    histories("select_histories_0", Some(0), Mix::Select);
}

#[test]
fn select_histories_1() {
    histories("select_histories_1", Some(1), Mix::Select);
}

#[test]
fn select_histories_2() {
    histories("select_histories_2", Some(2), Mix::Select);
}

fn histories(name: &str, capacity: Option<usize>, mix: Mix) {
    try_schedules(name, 1, move || {
        let (s, r) = channel(capacity);
        let clock = Arc::new(AtomicU64::new(0));
        let alive = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let now = clock.clone();
                let notes = Recorder::new(usize::try_from(number).expect("small"), move || tick(&now));
                let actor = Actor { number, mix, s: s.clone(), r: r.clone(), alive: alive.clone(), notes };
                thread::spawn(move || actor.live())
            })
            .collect();
        let mut ops: Vec<Op> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let mut end = Recorder::new(9, || tick(&clock));
        end.note(|| r.close_now(), |left| closed_now(left));
        ops.extend(end.into_ops());
        drop((s, r));
        assert_eq!(alive.load(Ordering::Relaxed), 0, "a message is left");
        if let Err(unexplained) = check(capacity, &ops) {
            panic!("{unexplained}");
        }
        1
    });
}

fn tick(clock: &AtomicU64) -> u64 {
    clock.fetch_add(1, Ordering::SeqCst)
}

fn closed_now(left: &[Message]) -> Event {
    Event::ClosedNow(left.iter().map(|message| message.number).collect())
}

/// A message that is counted as long as it lives.
struct Message {
    number: u64,
    alive: Arc<AtomicUsize>,
}

impl Drop for Message {
    fn drop(&mut self) {
        let before = self.alive.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "dropped twice");
    }
}

struct Actor<C> {
    number: u64,
    mix: Mix,
    s: Sender<Message>,
    r: Receiver<Message>,
    alive: Arc<AtomicUsize>,
    notes: Recorder<C>,
}

fn below(n: u64) -> u64 {
    thread_rng().gen_range(0..n)
}

impl<C: Fn() -> u64> Actor<C> {
    fn message(&self, number: u64) -> Message {
        self.alive.fetch_add(1, Ordering::Relaxed);
        Message { number, alive: self.alive.clone() }
    }

    /// The first never waits without a limit and closes in the end, which frees the others.
    fn live(mut self) -> Vec<Op> {
        for step in 0..STEPS {
            let number = self.number * STEPS + step;
            match (self.mix, below(10)) {
                (_, 0) => self.try_send(number),
                (_, 1) => self.try_recv(),
                (_, 2) => self.timed_send(number),
                (_, 3) => self.timed_recv(),
                (_, 4) => self.cancelled_send(number),
                (Mix::Select, 5) if self.r.capacity() == Some(0) => self.try_recv(),
                (_, 5) => self.cancelled_recv(),
                (_, 6) => self.permit(number),
                (_, 7) => drop(self.notes.note(|| self.s.len(), |&len| Event::Len(len))),
                (Mix::Select, 8) => self.selected_send(number),
                (Mix::Select, _) => self.selected_recv(),
                (Mix::Single, 8) if self.number != 0 => self.send(number),
                (Mix::Single, 9) if self.number != 0 => self.recv(),
                (Mix::Single, 8) => self.try_send(number),
                (Mix::Single, _) => self.try_recv(),
            }
        }
        if self.mix == Mix::Single && self.number == 0 {
            if below(2) == 0 {
                self.notes.note(|| self.s.close(), |&first| Event::Closed(first));
            } else {
                self.notes.note(|| self.r.close_now(), |left| closed_now(left));
            }
        }
        self.notes.into_ops()
    }

    fn try_send(&mut self, number: u64) {
        let message = self.message(number);
        let event = |answer: &Result<(), TrySendError<Message>>| match answer {
            Ok(()) => Event::Sent(number),
            Err(TrySendError::Full(_)) => Event::SendFull(number),
            Err(TrySendError::Disconnected(_)) => Event::SendClosed(number),
        };
        drop(self.notes.note(|| self.s.try_send(message), event));
    }

    fn try_recv(&mut self) {
        let event = |answer: &Result<Message, TryRecvError>| match answer {
            Ok(message) => Event::Received(message.number),
            Err(TryRecvError::Empty) => Event::RecvEmpty,
            Err(TryRecvError::Disconnected) => Event::RecvClosed,
        };
        drop(self.notes.note(|| self.r.try_recv(), event));
    }

    fn timed_send(&mut self, number: u64) {
        let message = self.message(number);
        let event = |answer: &Result<(), SendTimeoutError<Message>>| match answer {
            Ok(()) => Event::Sent(number),
            Err(SendTimeoutError::Timeout(_)) => Event::SendFull(number),
            Err(SendTimeoutError::Disconnected(_)) => Event::SendClosed(number),
        };
        drop(self.notes.note(|| self.s.send_timeout(message, BRIEF), event));
    }

    fn timed_recv(&mut self) {
        let event = |answer: &Result<Message, RecvTimeoutError>| match answer {
            Ok(message) => Event::Received(message.number),
            Err(RecvTimeoutError::Timeout) => Event::RecvEmpty,
            Err(RecvTimeoutError::Disconnected) => Event::RecvClosed,
        };
        drop(self.notes.note(|| self.r.recv_timeout(BRIEF), event));
    }

    fn send(&mut self, number: u64) {
        let message = self.message(number);
        let event = |answer: &Result<(), SendError<Message>>| match answer {
            Ok(()) => Event::Sent(number),
            Err(_) => Event::SendClosed(number),
        };
        drop(self.notes.note(|| self.s.send(message), event));
    }

    fn recv(&mut self) {
        let event = |answer: &Result<Message, _>| match answer {
            Ok(message) => Event::Received(message.number),
            Err(_) => Event::RecvClosed,
        };
        drop(self.notes.note(|| self.r.recv(), event));
    }

    /// Polled once, left alone for a moment, and dropped.
    fn cancelled_send(&mut self, number: u64) {
        let call = self.notes.now();
        let mut future = self.s.send_async(self.message(number));
        let polled = poll_once(&mut future);
        let by = self.notes.now();
        thread::yield_now();
        let until = self.notes.now();
        drop(future);
        match polled {
            Poll::Ready(Ok(())) => self.notes.ended(call, Event::Sent(number), Op::by_task),
            Poll::Ready(Err(_)) => self.notes.ended(call, Event::SendClosed(number), Op::by_task),
            // At capacity 0 the checker would put it before a thread that waits longer and of which it cannot know.
            Poll::Pending if self.s.capacity() == Some(0) => {
                self.notes.ended(call, Event::SendDropped(number), Op::by_task);
            }
            Poll::Pending => self.notes.ended(call, Event::SendDropped(number), |op| op.pending(by, until)),
        }
    }

    fn cancelled_recv(&mut self) {
        let call = self.notes.now();
        let mut future = self.r.recv_async();
        let polled = poll_once(&mut future);
        let by = self.notes.now();
        thread::yield_now();
        let until = self.notes.now();
        drop(future);
        match polled {
            Poll::Ready(Ok(message)) => self.notes.ended(call, Event::Received(message.number), Op::by_task),
            Poll::Ready(Err(_)) => self.notes.ended(call, Event::RecvClosed, Op::by_task),
            Poll::Pending => self.notes.ended(call, Event::RecvDropped, |op| op.pending(by, until)),
        }
    }

    fn permit(&mut self, number: u64) {
        let message = self.message(number);
        let event = |answer: &Result<_, TrySendError<()>>| match answer {
            Ok(_) => Event::Reserved(1),
            Err(TrySendError::Full(())) => Event::ReserveFull(1),
            Err(TrySendError::Disconnected(())) => Event::ReserveClosed,
        };
        let Ok(permit) = self.notes.note(|| self.s.try_reserve(), event) else { return };
        if below(3) == 0 {
            return self.notes.note(|| drop(permit), |()| Event::PermitDropped);
        }
        let event = |answer: &Result<(), SendError<Message>>| match answer {
            Ok(()) => Event::PermitSent(number),
            Err(_) => Event::PermitRefused(number),
        };
        drop(self.notes.note(|| permit.send(message), event));
    }

    fn selected_send(&mut self, number: u64) {
        let message = self.message(number);
        let call = self.notes.now();
        let mut select = Select::new();
        select.send(&self.s);
        match select.select_timeout(BRIEF).map(|operation| operation.send(&self.s, message)) {
            Ok(Ok(())) => self.notes.ended(call, Event::Sent(number), Op::in_two),
            Ok(Err(_)) => self.notes.ended(call, Event::SendClosed(number), Op::in_two),
            Err(_) => self.notes.ended(call, Event::SendFull(number), |op| op),
        }
    }

    fn selected_recv(&mut self) {
        let call = self.notes.now();
        let mut select = Select::new();
        select.recv(&self.r);
        match select.select_timeout(BRIEF).map(|operation| operation.recv(&self.r)) {
            Ok(Ok(message)) => self.notes.ended(call, Event::Received(message.number), Op::in_two),
            Ok(Err(_)) => self.notes.ended(call, Event::RecvClosed, Op::in_two),
            Err(_) => self.notes.ended(call, Event::RecvEmpty, |op| op),
        }
    }
}
