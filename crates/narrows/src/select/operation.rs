//! A chosen operation, and the futures that choose one.

use std::{
    fmt,
    mem::ManuallyDrop,
    pin::Pin,
    task::{Context, Poll},
};

use super::run::{Chosen, SelectOp};
use crate::{
    arm::{Entry, Target, Token},
    error::{RecvError, SendError},
    handle::{Receiver, Sender},
    permit::Permit,
    wait::Wait,
};

/// A chosen operation, to be completed with the handle it was added with, or a clone of it.
///
/// Until then it keeps its place or message. Dropped uncompleted it gives them back and panics, unless the thread is
/// panicking already. Forgotten (`mem::forget`) it keeps that one place or message; with capacity 0 the matched peer
/// waits until the channel is closed.
#[must_use = "a chosen operation must be completed"]
pub struct SelectedOperation<'a>(Chosen<'a>);

impl<'a> SelectedOperation<'a> {
    #[inline]
    pub(super) fn new(chosen: Chosen<'a>) -> SelectedOperation<'a> {
        SelectedOperation(chosen)
    }

    /// The index that the operation got when it was added.
    #[inline]
    pub fn index(&self) -> usize {
        self.0.index
    }

    /// Passes the token on to who completes it, if that is the operation that was chosen. Nothing is then left to give
    /// back, and what is not dropped need not be in memory.
    #[inline(always)]
    fn complete(self, target: Option<Target>, what: &str) -> Token {
        let operation = ManuallyDrop::new(self);
        if operation.0.entry.is_none_or(|entry| entry.target != target) {
            refuse(operation.0.entry, operation.0.token, what);
        }
        operation.0.token
    }

    /// Completes a send.
    ///
    /// # Errors
    /// Gives the message back if the channel is disconnected.
    ///
    /// # Panics
    /// If the operation is not a send that was added with a sender of this channel.
    #[inline(always)]
    pub fn send<T>(self, s: &Sender<T>, msg: T) -> Result<(), SendError<T>> {
        let token = self.complete(s.send_arm().target, "sender");
        s.complete_send(token, msg)
    }

    /// Completes a receive.
    ///
    /// # Errors
    /// If the channel is empty and disconnected.
    ///
    /// # Panics
    /// If the operation is not a receive that was added with a receiver of this channel.
    #[inline(always)]
    pub fn recv<T>(self, r: &Receiver<T>) -> Result<T, RecvError> {
        let token = self.complete(r.recv_arm().target, "receiver");
        r.complete_recv(token)
    }

    /// Completes a reservation.
    ///
    /// # Errors
    /// If the channel is disconnected.
    ///
    /// # Panics
    /// If the operation is not a reservation that was added with a sender of this channel.
    pub fn reserve<T>(self, s: &Sender<T>) -> Result<Permit<'_, T>, SendError<()>> {
        match self.complete(s.permit_arm().target, "sender") {
            Token::DISCONNECTED => Err(SendError(())),
            _ => Ok(Permit::new(s)),
        }
    }

    /// Completes an operation that was added with [`Select::arm`](crate::Select::arm): the token its attempt gave, which
    /// is now the caller's.
    ///
    /// # Panics
    /// If the operation was added otherwise.
    pub fn finish(self) -> Token {
        self.complete(None, "way to complete")
    }
}

/// Gives it back.
#[cold]
fn refuse(entry: Option<Entry<'_>>, token: Token, what: &str) -> ! {
    drop(Chosen { entry, index: 0, token });
    panic!("passed a {what} that wasn't selected");
}

impl Drop for SelectedOperation<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // What was chosen is given back when `Chosen` is dropped, after this.
        let is_completed = self.0.entry.is_none();
        assert!(
            is_completed || std::thread::panicking(),
            "dropped a `SelectedOperation` without completing the operation"
        );
    }
}

impl fmt::Debug for SelectedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectedOperation").field("index", &self.0.index).finish_non_exhaustive()
    }
}

/// A select in a task. From [`Select::select_async`](crate::Select::select_async).
#[must_use = "a future does nothing until it is polled"]
pub struct SelectFuture<'s, 'a>(Wait<SelectOp<'s, 'a>>);

impl<'s, 'a> SelectFuture<'s, 'a> {
    pub(super) fn new(op: SelectOp<'s, 'a>) -> Self {
        SelectFuture(Wait::new(op))
    }
}

impl<'a> Future for SelectFuture<'_, 'a> {
    type Output = SelectedOperation<'a>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<SelectedOperation<'a>> {
        Pin::new(&mut self.0).poll(cx).map(SelectedOperation::new)
    }
}

/// The wait for readiness in a task. From [`Select::ready_async`](crate::Select::ready_async).
#[must_use = "a future does nothing until it is polled"]
pub struct ReadyFuture<'s, 'a>(Wait<SelectOp<'s, 'a>>);

impl<'s, 'a> ReadyFuture<'s, 'a> {
    pub(super) fn new(op: SelectOp<'s, 'a>) -> Self {
        ReadyFuture(Wait::new(op))
    }
}

impl Future for ReadyFuture<'_, '_> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        Pin::new(&mut self.0).poll(cx).map(|chosen| chosen.index)
    }
}

impl fmt::Debug for SelectFuture<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SelectFuture { .. }")
    }
}

impl fmt::Debug for ReadyFuture<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("ReadyFuture { .. }")
    }
}
