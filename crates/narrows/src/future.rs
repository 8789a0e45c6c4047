//! The futures: operations that are polled instead of blocked on. Each wraps a [`TaskWait`] and adds nothing but its type.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{
    arm::{Arm, Look, Seat, Ticket, Token, Who},
    error::{RecvError, SendError},
    handle::{Receiver, Sender},
    op::{ClosedOp, Ends, PlaceOp, RecvOp, SendOp},
    park,
    permit::{Permit, Permits},
    time::Deadline,
    wait::{self, task::TaskWait},
};

/// A send in a task. From [`Sender::send_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct SendFuture<'a, T>(TaskWait<SendOp<'a, T>>);

impl<'a, T> SendFuture<'a, T> {
    #[inline]
    pub(crate) fn new(op: SendOp<'a, T>) -> Self {
        SendFuture(TaskWait::new(op))
    }

    /// The message, unless it was taken.
    pub(crate) fn give_up(mut self) -> Option<T> {
        self.0.give_up().take_unsent()
    }
}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = &mut self.0;
        let tried = wait.is_fresh();
        if tried && park::is_spent(cx) {
            return Poll::Pending;
        }
        if tried && wait.op_mut().send_quickly() {
            wait.finish();
            return Poll::Ready(Ok(()));
        }
        wait.poll_on(cx, tried).map_err(|SendError(())| SendError(wait.op_mut().take_message()))
    }
}

/// A receive in a task. From [`Receiver::recv_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct RecvFuture<'a, T>(TaskWait<RecvOp<T, &'a Receiver<T>>>);

impl<'a, T> RecvFuture<'a, T> {
    #[inline]
    pub(crate) fn new(op: RecvOp<T, &'a Receiver<T>>) -> Self {
        RecvFuture(TaskWait::new(op))
    }
}

impl<T> Future for RecvFuture<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_recv(cx)
    }
}

/// The wait for a place in a task. From [`Sender::reserve_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct ReserveFuture<'a, T> {
    sender: &'a Sender<T>,
    wait: TaskWait<PlaceOp<T, &'a Sender<T>>>,
}

impl<'a, T> ReserveFuture<'a, T> {
    pub(crate) fn new(sender: &'a Sender<T>) -> Self {
        ReserveFuture { sender, wait: TaskWait::new(PlaceOp::new(sender, 1)) }
    }
}

impl<'a, T> Future for ReserveFuture<'a, T> {
    type Output = Result<Permit<'a, T>, SendError<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (sender, wait) = (self.sender, &mut self.wait);
        let tried = wait.is_fresh();
        if tried && park::is_spent(cx) {
            return Poll::Pending;
        }
        if tried && wait.op().chan().reserve_quickly() {
            wait.finish();
            return Poll::Ready(Ok(Permit::new(sender)));
        }
        wait.poll_on(cx, tried).map_ok(|()| Permit::new(sender))
    }
}

/// The wait for several places in a task. From [`Sender::reserve_many_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct ReserveManyFuture<'a, T> {
    sender: &'a Sender<T>,
    n: usize,
    wait: TaskWait<PlaceOp<T, &'a Sender<T>>>,
}

impl<'a, T> ReserveManyFuture<'a, T> {
    pub(crate) fn new(sender: &'a Sender<T>, n: usize) -> Self {
        ReserveManyFuture { sender, n, wait: TaskWait::new(PlaceOp::new(sender, n)) }
    }
}

impl<'a, T> Future for ReserveManyFuture<'a, T> {
    type Output = Result<Permits<'a, T>, SendError<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (sender, n) = (self.sender, self.n);
        self.wait.poll_on(cx, false).map_ok(|()| Permits::new(sender, n))
    }
}

/// The end of a channel, as something to wait for: a future, a blocking wait, an arm of a select. From
/// [`Sender::closed`] and [`Receiver::closed`].
///
/// It comes when the channel is closed, by `close` or because one end is gone; messages may still be inside.
///
/// # Cancel safety
/// Dropping it loses nothing.
///
/// ```
/// let (s, r) = narrows::unbounded::<u32>();
/// std::thread::scope(|scope| {
///     scope.spawn(|| s.closed().wait());
///     drop(r);
/// });
/// ```
#[must_use = "a future does nothing until it is polled"]
pub struct Closed<'a, T>(TaskWait<ClosedOp<'a, T>>);

impl<'a, T> Closed<'a, T> {
    pub(crate) fn new(ends: Ends<'a, T>) -> Self {
        Closed(TaskWait::new(ClosedOp::new(ends)))
    }

    fn ends(&self) -> Ends<'a, T> {
        self.0.op().ends
    }

    fn wait_by(&self, deadline: Deadline) -> bool {
        wait::block(&mut ClosedOp::new(self.ends()), deadline).is_some()
    }

    /// Blocks until the channel is closed.
    pub fn wait(&self) {
        self.wait_by(Deadline::Never);
    }

    /// Blocks for at most `timeout`; true if the channel is closed.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_by(Deadline::after(timeout))
    }

    /// Blocks until `deadline` at most; true if the channel is closed.
    pub fn wait_deadline(&self, deadline: Instant) -> bool {
        self.wait_by(Deadline::At(deadline))
    }
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_on(cx, false)
    }
}

impl<T> Arm for Closed<'_, T> {
    fn attempt(&self, who: Who<'_>) -> Option<Token> {
        self.is_ready(who).then_some(Token::new(0, 0))
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        self.ends().have_come()
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.ends().enlist(ticket, seat)
    }

    fn retract(&self, seat: &mut Seat) {
        self.ends().retract(seat);
    }
}

macro_rules! opaque {
    ($($name:ident)*) => {$(
        impl<T> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(concat!(stringify!($name), " { .. }"))
            }
        }
    )*};
}

opaque!(SendFuture RecvFuture ReserveFuture ReserveManyFuture Closed);
