//! Histories: what a channel answered, and between which two moments. Plain data; knows no channel, thread or clock.
//!
//! The moments come from the caller, from one counter that all take part in, so that histories can be taken under loom
//! and shuttle too. Each process writes into a [`Recorder`] of its own, and the lists are put together at the end.
//!
//! Invariant: the operation took effect, if it did, between `call` and `ret`.

use std::fmt;

/// What one operation asked and was answered. Messages are numbers; each should be sent once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A send of any sort that returned Ok.
    Sent(u64),
    /// A send that was told Full, or whose time ran out: it tried at least once, and gave the message back.
    SendFull(u64),
    /// A send that was told Disconnected, and gave the message back.
    SendClosed(u64),
    /// A send that was dropped while it waited: the message is gone, perhaps to a receiver.
    SendDropped(u64),
    /// A receive of any sort that returned a message.
    Received(u64),
    /// A receive that was told Empty, or whose time ran out.
    RecvEmpty,
    /// A receive that was told Disconnected.
    RecvClosed,
    /// A receive that was dropped while it waited: it took nothing.
    RecvDropped,
    /// So many permits were granted.
    Reserved(usize),
    /// So many permits were refused because the channel was full, or time ran out.
    ReserveFull(usize),
    /// Permits were refused because the channel was closed.
    ReserveClosed,
    /// A permit sent its message.
    PermitSent(u64),
    /// A permit gave its message back.
    PermitRefused(u64),
    /// A permit was dropped without use.
    PermitDropped,
    /// `close` was called; whether it was the call that closed.
    Closed(bool),
    /// `close_now` was called and returned these.
    ClosedNow(Vec<u64>),
    /// The last sender was dropped.
    SendersGone,
    /// The last receiver was dropped, and what was inside with it.
    ReceiversGone,
    /// `len` was asked.
    Len(usize),
}

impl Event {
    /// Whether this is a send that may wait.
    pub(crate) fn is_send(&self) -> bool {
        use Event::{SendClosed, SendDropped, SendFull, Sent};
        matches!(self, Sent(_) | SendFull(_) | SendClosed(_) | SendDropped(_))
    }

    /// Whether this is a receive.
    pub(crate) fn is_recv(&self) -> bool {
        use Event::{Received, RecvClosed, RecvDropped, RecvEmpty};
        matches!(self, Received(_) | RecvEmpty | RecvClosed | RecvDropped)
    }
}

/// One operation of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Who ran it. Only for reading: order within a process follows from the moments.
    pub process: usize,
    /// A moment before the operation began.
    pub call: u64,
    /// A moment after it had ended.
    pub ret: u64,
    /// Whether it waited as a task. At capacity 0 a sender may leave a message for a task that waits, and go.
    pub task: bool,
    /// Between which moments it surely waited: after its first poll had returned Pending, before it was touched again.
    pub pending: Option<(u64, u64)>,
    /// Whether it was first chosen and then finished, as a permit or a select does: in between, it holds a place.
    pub in_two: bool,
    /// What it asked, and what it was answered.
    pub event: Event,
}

impl Op {
    /// An operation of a thread.
    pub fn new(process: usize, call: u64, ret: u64, event: Event) -> Self {
        assert!(call <= ret, "an operation cannot end before it began");
        Self { process, call, ret, task: false, pending: None, in_two: false, event }
    }

    /// The same, run by a task.
    #[must_use]
    pub fn by_task(mut self) -> Self {
        self.task = true;
        self
    }

    /// The same, first chosen and then finished.
    #[must_use]
    pub fn in_two(mut self) -> Self {
        self.in_two = true;
        self
    }

    /// The same, run by a task that surely waited between these two moments.
    #[must_use]
    pub fn pending(mut self, by: u64, until: u64) -> Self {
        assert!(self.call <= by && by <= until && until <= self.ret);
        self.task = true;
        self.pending = Some((by, until));
        self
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:>3} {:>3}] process {}: {:?}", self.call, self.ret, self.process, self.event)?;
        if self.in_two {
            f.write_str(" (in two)")?;
        }
        match (self.task, self.pending) {
            (true, Some((by, until))) => write!(f, " (task, pending from {by} to {until})"),
            (true, None) => f.write_str(" (task)"),
            _ => Ok(()),
        }
    }
}

/// One process's part of a history.
#[derive(Debug)]
pub struct Recorder<C> {
    process: usize,
    clock: C,
    ops: Vec<Op>,
}

impl<C: Fn() -> u64> Recorder<C> {
    /// A recorder for the process of this number. `clock` must never answer the same number twice, over all processes,
    /// and must be sequentially consistent: a read-modify-write of one shared counter.
    pub fn new(process: usize, clock: C) -> Self {
        Self { process, clock, ops: Vec::new() }
    }

    /// The present moment: taken before an operation begins.
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Notes an operation that began at `call` and has ended; `mark` may say more of it.
    pub fn ended(&mut self, call: u64, event: Event, mark: impl FnOnce(Op) -> Op) {
        let op = Op::new(self.process, call, self.now(), event);
        self.ops.push(mark(op));
    }

    /// Runs an operation and notes it.
    pub fn note<R>(&mut self, run: impl FnOnce() -> R, event: impl FnOnce(&R) -> Event) -> R {
        let call = self.now();
        let answer = run();
        self.ended(call, event(&answer), |op| op);
        answer
    }

    /// What was noted.
    pub fn into_ops(self) -> Vec<Op> {
        self.ops
    }
}
