//! Sends that return only when the message was received. The message carries a number; the channel keeps, beside it, a channel for
//! one message by which its sender hears.
//!
//! Source: the synchronous send of MPI.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{
    error::{RecvError, RecvTimeoutError, SendError, SendTimeoutError},
    handle::Sender,
    oneshot,
    op::{PlaceOp, SendOp},
    time::Deadline,
    wait::{self, task::TaskWait},
};

impl<T> Sender<T> {
    /// Sends a message, and waits until a receiver has it. With capacity 0 every send does; a message handed to a task counts as
    /// received there.
    ///
    /// A message that a select has chosen, or that is out on a [lease](crate::Lease), is received when that is completed.
    ///
    /// # Errors
    /// Gives the message back if it was not received, and will not be: the channel was closed and emptied, or the message was
    /// pushed out by [`force_send`](Sender::force_send).
    ///
    /// ```
    /// let (s, r) = narrows::bounded(8);
    /// let worker = std::thread::spawn(move || r.recv());
    /// s.send_sync("do it").unwrap(); // by now the worker has it
    /// assert_eq!(worker.join().unwrap(), Ok("do it"));
    /// ```
    pub fn send_sync(&self, message: T) -> Result<(), SendError<T>> {
        self.send_sync_by(message, Deadline::Never).map_err(|error| SendError(error.into_inner()))
    }

    /// The same, waiting for at most `timeout` altogether.
    ///
    /// # Errors
    /// Gives the message back if nobody received it in time, or if it will not be received. One that a select has chosen by
    /// then, or that is out on a lease, counts as received.
    pub fn send_sync_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_sync_by(message, Deadline::after(timeout))
    }

    /// The same, waiting until `deadline` at most.
    ///
    /// # Errors
    /// As [`send_sync_timeout`](Sender::send_sync_timeout).
    pub fn send_sync_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_sync_by(message, Deadline::At(deadline))
    }

    fn send_sync_by(&self, message: T, deadline: Deadline) -> Result<(), SendTimeoutError<T>> {
        if !self.chan().stores() {
            return self.send_by(message, deadline);
        }
        match wait::block(&mut PlaceOp::new(self, 1), deadline) {
            Some(Ok(())) => {}
            Some(Err(SendError(()))) => return Err(SendTimeoutError::Disconnected(message)),
            None => return Err(SendTimeoutError::Timeout(message)),
        }
        let (number, answer) = self.fill_awaited(message).map_err(|SendError(m)| SendTimeoutError::Disconnected(m))?;
        let heard = answer.recv_by(deadline);
        if matches!(heard, Err(RecvTimeoutError::Timeout)) {
            let mut message = None;
            if self.chan().inlet().take_back(number, &mut message) {
                return message.map_or(Ok(()), |message| Err(SendTimeoutError::Timeout(message)));
            }
            // Somebody has it, or tells us in a moment.
            return outcome(answer.recv()).map_err(|SendError(message)| SendTimeoutError::Disconnected(message));
        }
        outcome(heard.map_err(|_| RecvError)).map_err(|SendError(message)| SendTimeoutError::Disconnected(message))
    }

    /// Into a place that was taken.
    fn fill_awaited(&self, message: T) -> Result<(usize, oneshot::Receiver<Option<T>>), SendError<T>> {
        let (receipt, answer) = oneshot::channel();
        let mut message = Some(message);
        match self.chan().inlet().send_awaited(&mut message, receipt) {
            Ok(number) => Ok((number, answer)),
            Err(_) => Err(SendError(message.expect("a send that did not happen has its message"))),
        }
    }

    /// [`send_sync`](Sender::send_sync) from a task. Works on any executor.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready drops the message, unless it was received.
    pub fn send_sync_async(&self, message: T) -> SendSyncFuture<'_, T> {
        let stage = if self.chan().stores() {
            Stage::Reserves(TaskWait::new(PlaceOp::new(self, 1)), Some(message))
        } else {
            Stage::Sends(TaskWait::new(SendOp::new(self.chan(), message)))
        };
        SendSyncFuture { sender: self, stage }
    }
}

/// What was heard of a message. `None` is that it was received; the receipt is dropped unused if who received it panicked, or if
/// it was chosen or leased when it was to be taken back.
fn outcome<T>(heard: Result<Option<T>, RecvError>) -> Result<(), SendError<T>> {
    match heard {
        Ok(Some(message)) => Err(SendError(message)),
        Ok(None) | Err(RecvError) => Ok(()),
    }
}

type Answer<T> = oneshot::RecvFuture<Option<T>, oneshot::Receiver<Option<T>>>;

enum Stage<'a, T> {
    /// Where a send waits to be received anyway.
    Sends(TaskWait<SendOp<'a, T>>),
    Reserves(TaskWait<PlaceOp<T, &'a Sender<T>>>, Option<T>),
    Awaits(usize, Answer<T>),
    Over,
}

/// A send in a task that is ready when the message was received. From [`Sender::send_sync_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct SendSyncFuture<'a, T> {
    sender: &'a Sender<T>,
    stage: Stage<'a, T>,
}

impl<T> SendSyncFuture<'_, T> {
    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        loop {
            match &mut self.stage {
                Stage::Sends(wait) => {
                    let polled = wait.poll_on(cx, false);
                    return polled.map_err(|SendError(())| SendError(wait.op_mut().take_message()));
                }
                Stage::Reserves(wait, message) => {
                    let Poll::Ready(reserved) = wait.poll_on(cx, false) else { return Poll::Pending };
                    let message = message.take().expect("it was not sent");
                    if reserved.is_err() {
                        return Poll::Ready(Err(SendError(message)));
                    }
                    let (number, answer) = self.sender.fill_awaited(message)?;
                    self.stage = Stage::Awaits(number, answer.into_future());
                }
                Stage::Awaits(_, answer) => return Pin::new(answer).poll(cx).map(outcome),
                Stage::Over => panic!("polled after it was finished"),
            }
        }
    }
}

impl<T> Future for SendSyncFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = this.poll_on(cx);
        if polled.is_ready() {
            this.stage = Stage::Over;
        }
        polled
    }
}

// A message is never pinned.
impl<T> Unpin for SendSyncFuture<'_, T> {}

impl<T> Drop for SendSyncFuture<'_, T> {
    fn drop(&mut self) {
        if let Stage::Awaits(number, _) = self.stage {
            self.sender.chan().inlet().take_back(number, &mut None);
        }
    }
}

impl<T> fmt::Debug for SendSyncFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SendSyncFuture { .. }")
    }
}
