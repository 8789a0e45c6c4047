//! A send to all receivers, as an operation: of a thread, and of a task.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::chan::Chan;
use crate::{
    arm::{Look, Seat, Ticket, Who},
    error::SendError,
    flavor::unless_full,
    sync::Arc,
    wait::{
        Op, list,
        task::{TaskOp, TaskWait},
        waiter::Waiter,
    },
};

/// Sends one message, which stays in here if that fails.
#[derive(Debug)]
pub(super) struct SendOp<'a, T> {
    chan: &'a Chan<T>,
    message: Option<T>,
    seat: Seat,
}

impl<'a, T> SendOp<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, message: T) -> SendOp<'a, T> {
        SendOp { chan, message: Some(message), seat: None }
    }

    /// The message of a send that did not happen.
    pub(super) fn take_message(&mut self) -> T {
        self.message.take().expect("a send that did not happen has its message")
    }
}

/// Sends, or says why not; then the message is where it was.
#[inline]
fn send<T>(chan: &Chan<T>, message: &mut Option<T>) -> Option<Result<(), SendError<()>>> {
    let begun = chan.begin_send();
    unless_full(begun.map(|kept| chan.send(kept, message.take().expect("it was not sent yet"))))
}

impl<T> Op for SendOp<'_, T> {
    type Output = Result<(), SendError<()>>;

    fn attempt(&mut self, _: Who<'_>) -> Option<Self::Output> {
        send(self.chan, &mut self.message)
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        self.chan.room.show(Ticket::single(waiter), &mut self.seat, None);
        Look::ready(self.chan.may_send())
    }

    fn claimed(&mut self, _: usize) -> Option<Self::Output> {
        list::was_claimed(&mut self.seat);
        None
    }

    fn retract(&mut self) {
        self.chan.room.retract(&mut self.seat);
    }

    fn pass_on(&mut self, _: usize) {
        self.chan.room.pass_on(|| self.chan.may_send());
    }

    fn looks_ready(&mut self) -> bool {
        self.chan.seems_to_have_room()
    }
}

impl<T> TaskOp for SendOp<'_, T> {
    fn poll(&mut self, waker: &Waker) -> Poll<Self::Output> {
        let (chan, message) = (self.chan, &mut self.message);
        let attempt = || send(chan, message);
        chan.room.poll(&mut self.seat, waker, attempt, || chan.may_send(), |_| chan.room.pass_on(|| chan.may_send()))
    }

    fn leave(&mut self) {
        if self.chan.room.leave(&mut self.seat) {
            self.pass_on(0);
        }
    }

    fn is_in_line(&self) -> bool {
        self.seat.is_some()
    }
}

/// A send in a task. From [`Sender::send_async`](super::Sender::send_async).
#[must_use = "a future does nothing until it is polled"]
pub struct SendFuture<'a, T>(TaskWait<SendOp<'a, T>>);

impl<'a, T> SendFuture<'a, T> {
    pub(super) fn new(op: SendOp<'a, T>) -> Self {
        SendFuture(TaskWait::new(op))
    }
}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = &mut self.0;
        let tried = wait.is_fresh();
        if tried && let Some(sent) = wait.op_mut().attempt(Who::TASK) {
            wait.finish();
            return Poll::Ready(sent.map_err(|SendError(())| SendError(wait.op_mut().take_message())));
        }
        wait.poll_on(cx, tried).map_err(|SendError(())| SendError(wait.op_mut().take_message()))
    }
}

impl<T> fmt::Debug for SendFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SendFuture { .. }")
    }
}
