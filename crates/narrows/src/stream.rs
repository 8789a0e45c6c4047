//! `Stream` and `Sink` over a channel, under the feature `futures`. They only poll the operations that `recv_async` and
//! `reserve_async` poll.

use std::{
    borrow::Borrow,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use futures_sink::Sink;

use crate::{
    error::SendError,
    handle::{Receiver, Sender},
    op::{PlaceOp, RecvOp},
    wait::task::TaskWait,
};

/// The messages of a channel as a stream; `H` is a receiver or a reference to one. It ends when the channel is empty and
/// disconnected. From [`Receiver::stream`] and [`Receiver::into_stream`].
///
/// # Cancel safety
/// Dropping it loses neither a message nor a wake-up.
#[must_use = "a stream does nothing until it is polled"]
pub struct RecvStream<T, H: Borrow<Receiver<T>>> {
    wait: TaskWait<RecvOp<T, H>>,
    has_ended: bool,
}

impl<T> Receiver<T> {
    /// The messages as a stream.
    pub fn stream(&self) -> RecvStream<T, &Receiver<T>> {
        RecvStream { wait: TaskWait::new(RecvOp::new(self)), has_ended: false }
    }

    /// The messages as a stream that owns this receiver.
    pub fn into_stream(self) -> RecvStream<T, Receiver<T>> {
        RecvStream { wait: TaskWait::new(RecvOp::new(self)), has_ended: false }
    }
}

impl<T, H: Borrow<Receiver<T>>> Stream for RecvStream<T, H> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let received = ready!(self.wait.poll_recv(cx));
        self.wait.again();
        self.has_ended = received.is_err();
        Poll::Ready(received.ok())
    }
}

/// A channel as a sink; `H` is a sender or a reference to one. From [`Sender::sink`] and [`Sender::into_sink`].
///
/// Being ready means having a place, as a [permit](crate::Permit) has; dropped, it gives the place back. Nothing is held
/// back, so flushing is immediate. Closing the sink drops its sender or ends its use of it, and does not close the
/// channel for others.
///
/// At capacity 0 being ready means that a receiver waits. One that leaves meanwhile makes the send fail with the message
/// in the error.
pub struct SendSink<T, H: Borrow<Sender<T>>> {
    /// `None` once closed.
    wait: Option<TaskWait<PlaceOp<T, H>>>,
    has_place: bool,
}

impl<T> Sender<T> {
    /// The channel as a sink.
    pub fn sink(&self) -> SendSink<T, &Sender<T>> {
        SendSink { wait: Some(TaskWait::new(PlaceOp::new(self, 1))), has_place: false }
    }

    /// The channel as a sink that owns this sender.
    pub fn into_sink(self) -> SendSink<T, Sender<T>> {
        SendSink { wait: Some(TaskWait::new(PlaceOp::new(self, 1))), has_place: false }
    }
}

impl<T, H: Borrow<Sender<T>>> SendSink<T, H> {
    fn give_back(&mut self) {
        if let Some(wait) = self.wait.as_ref().filter(|_| self.has_place) {
            wait.op().chan().inlet().unreserve(1);
        }
        self.has_place = false;
    }
}

impl<T, H: Borrow<Sender<T>> + Unpin> Sink<T> for SendSink<T, H> {
    type Error = SendError<Option<T>>;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.has_place {
            return Poll::Ready(Ok(()));
        }
        let Some(wait) = &mut self.wait else { return Poll::Ready(Err(SendError(None))) };
        let place = ready!(wait.poll_on(cx, false));
        wait.again();
        self.has_place = place.is_ok();
        Poll::Ready(place.map_err(|_| SendError(None)))
    }

    /// # Panics
    /// If it was not ready.
    fn start_send(mut self: Pin<&mut Self>, message: T) -> Result<(), Self::Error> {
        assert!(std::mem::take(&mut self.has_place), "`start_send` without `poll_ready`");
        let Some(wait) = &self.wait else { return Err(SendError(Some(message))) };
        let mut message = Some(message);
        wait.op().chan().inlet().send_reserved(&mut message).map_err(|_| SendError(message))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.give_back();
        self.wait = None;
        Poll::Ready(Ok(()))
    }
}

impl<T, H: Borrow<Sender<T>>> Drop for SendSink<T, H> {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl<T, H: Borrow<Receiver<T>>> fmt::Debug for RecvStream<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("RecvStream { .. }")
    }
}

impl<T, H: Borrow<Sender<T>>> fmt::Debug for SendSink<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SendSink { .. }")
    }
}
