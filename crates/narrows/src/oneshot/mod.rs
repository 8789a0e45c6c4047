//! A channel for one message: sent once, received once, in one allocation. Sending never waits.
//!
//! ```
//! let (s, r) = narrows::oneshot::channel();
//! std::thread::spawn(move || s.send("done"));
//! assert_eq!(r.recv(), Ok("done"));
//! ```

mod once;

use std::{
    borrow::Borrow,
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

pub(crate) use self::once::Once;
use self::once::{Here, There, pair};
use crate::{
    answer,
    arm::{Arm, Look, Seat, Ticket, Token, Who},
    error::{RecvError, RecvTimeoutError, SendError, TryRecvError},
    future::Closed,
    op::Ends,
    sync::made,
    time::Deadline,
    trace::{self, Aims, End, Kind, Mark, Operation},
    wait::{
        self,
        bell::{self, Bell, Event, EventOp},
        task::TaskWait,
    },
};

/// The arrival of the message, or of the news that there is none. `H` is a receiver or a reference to one.
#[derive(Debug)]
struct Arrival<T, H> {
    receiver: H,
    message: PhantomData<fn() -> T>,
}

impl<T, H: Borrow<Receiver<T>>> Arrival<T, H> {
    fn op(receiver: H) -> EventOp<Arrival<T, H>> {
        EventOp::new(Arrival { receiver, message: PhantomData })
    }

    fn once(&self) -> &Once<T> {
        &self.receiver.borrow().once
    }
}

impl<T, H: Borrow<Receiver<T>>> Event for Arrival<T, H> {
    type Output = Result<T, RecvError>;

    fn bell(&self) -> &Bell {
        self.once().arrival()
    }

    fn aims(&self, aims: &mut Aims) {
        aims.mark(Operation::Recv, &self.receiver.borrow().mark);
    }

    #[inline]
    fn outcome(&self) -> Option<Result<T, RecvError>> {
        let outcome = self.once().take().or_else(|| {
            answer::before_no();
            self.once().take()
        });
        self.receiver.borrow().mark.received(matches!(outcome, Some(Ok(_))));
        outcome
    }

    fn may_have_happened(&self) -> bool {
        self.once().has_news()
    }

    fn announce(&self) -> bool {
        !self.once().is_news_to_come()
    }
}

/// Makes a channel for one message.
///
/// ```
/// let (s, r) = narrows::oneshot::channel();
/// s.send(7).unwrap();
/// assert_eq!(r.recv(), Ok(7));
/// ```
#[inline]
#[must_use]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    made();
    let (there, here) = pair();
    let watched = trace::Channel::new(Kind::Oneshot, Some(1), None);
    let (sender, receiver) = (watched.mark(End::Send, 0), watched.mark(End::Recv, 0));
    (Sender { once: there, mark: sender }, Receiver { once: here, mark: receiver })
}

/// The end that sends one message. Dropped without, it ends the channel, and the receiver hears of it.
pub struct Sender<T> {
    once: There<T>,
    mark: Mark,
}

impl<T> Sender<T> {
    /// Sends the message. Never waits.
    ///
    /// # Errors
    /// Gives the message back if the receiver has closed the channel, or is gone.
    #[inline]
    pub fn send(self, message: T) -> Result<(), SendError<T>> {
        self.once.send(message).inspect(|()| self.mark.sent())
    }

    /// Whether the receiver has closed the channel, or is gone: nobody wants the message.
    pub fn is_closed(&self) -> bool {
        self.once.is_closed()
    }

    /// That nobody wants the message any more, as something to wait for: await it, [block](Closed::wait) on it, or
    /// select it.
    ///
    /// ```
    /// let (s, r) = narrows::oneshot::channel::<u32>();
    /// drop(r);
    /// s.closed().wait(); // the work for the answer may stop
    /// ```
    pub fn closed(&self) -> Closed<'_, T> {
        Closed::new(Ends::Once(&self.once))
    }
}

/// The end that receives the message.
///
/// It can be [awaited](IntoFuture), and stand in [`select!`](crate::select) or be an [arm](crate::Select::arm) of a
/// `Select`, which is ready when [`recv`](Receiver::recv) would not wait, and from then on for ever: take it out of a select
/// that is used again.
///
/// ```
/// use narrows::{after, oneshot, select};
///
/// let (s, r) = oneshot::channel();
/// s.send(1).unwrap();
/// select! {
///     recv(r) -> answer => assert_eq!(answer, Ok(1)),
///     recv(after(std::time::Duration::from_secs(60))) -> _ => panic!("no answer"),
/// }
/// ```
pub struct Receiver<T> {
    once: Here<T>,
    mark: Mark,
}

impl<T> Receiver<T> {
    /// Receives the message, waiting for it. The others leave the receiver where it is.
    ///
    /// # Errors
    /// If none will come: the sender is gone, the message has been received, or the channel was closed.
    #[inline]
    pub fn recv(mut self) -> Result<T, RecvError> {
        if let Some(outcome) = self.once.take_last() {
            self.mark.received(outcome.is_ok());
            return outcome;
        }
        wait::block_slow(&mut Arrival::op(&self), Deadline::Never)
            .expect("without a deadline a wait ends with a result")
    }

    /// Receives the message if it is there.
    ///
    /// # Errors
    /// If it is not there yet, or none will come.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match Arrival::op(self).event.outcome() {
            Some(outcome) => outcome.map_err(|RecvError| TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    pub(crate) fn recv_by(&self, deadline: Deadline) -> Result<T, RecvTimeoutError> {
        match wait::block(&mut Arrival::op(self), deadline) {
            Some(outcome) => outcome.map_err(|RecvError| RecvTimeoutError::Disconnected),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Receives the message, waiting for at most `timeout`. A time-out beyond the clock's range never comes.
    ///
    /// # Errors
    /// If time has run out, or none will come.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_by(Deadline::after(timeout))
    }

    /// Receives the message, waiting until `deadline` at most. One that has passed already means: try once.
    ///
    /// # Errors
    /// If time has run out, or none will come.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_by(Deadline::At(deadline))
    }

    /// Receives the message from a task: the future is ready when [`recv`](Receiver::recv) would return. Works on any
    /// executor. To await the receiver itself takes it along.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the message stays for the next.
    #[inline]
    pub fn recv_async(&self) -> RecvFuture<T, &Receiver<T>> {
        RecvFuture(TaskWait::new(Arrival::op(self)))
    }

    /// Closes the channel: a message not sent by now never will be, and its sender hears of it. One that was sent can still
    /// be received. True if that made the difference.
    pub fn close(&self) -> bool {
        self.once.close()
    }

    /// Whether no message can be sent any more. One that was sent may be inside.
    pub fn is_closed(&self) -> bool {
        self.once.is_closed()
    }

    /// Whether a receive would fail with `Disconnected`: no message is inside, and none will come.
    pub fn is_disconnected(&self) -> bool {
        self.once.is_over()
    }
}

impl<T> Arm for Receiver<T> {
    fn attempt(&self, who: Who<'_>) -> Option<Token> {
        self.is_ready(who).then_some(Token::new(0, 0))
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        self.is_closed()
    }

    fn may_be_ready(&self) -> bool {
        Arrival { receiver: self, message: PhantomData }.may_have_happened()
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        bell::enlist(&Arrival { receiver: self, message: PhantomData }, ticket, seat)
    }

    fn retract(&self, seat: &mut Seat) {
        self.once.arrival().leave(seat);
    }
}

impl<T> IntoFuture for Receiver<T> {
    type Output = Result<T, RecvError>;
    type IntoFuture = RecvFuture<T, Receiver<T>>;

    #[inline]
    fn into_future(self) -> RecvFuture<T, Receiver<T>> {
        RecvFuture(TaskWait::new(Arrival::op(self)))
    }
}

impl<'a, T> IntoFuture for &'a Receiver<T> {
    type Output = Result<T, RecvError>;
    type IntoFuture = RecvFuture<T, &'a Receiver<T>>;

    #[inline]
    fn into_future(self) -> RecvFuture<T, &'a Receiver<T>> {
        self.recv_async()
    }
}

/// The receive in a task. From [`Receiver::recv_async`], or by awaiting a receiver.
#[must_use = "a future does nothing until it is polled"]
pub struct RecvFuture<T, H: Borrow<Receiver<T>>>(TaskWait<EventOp<Arrival<T, H>>>);

impl<T, H: Borrow<Receiver<T>>> Future for RecvFuture<T, H> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = &mut self.0;
        if wait.is_fresh()
            && let Some(outcome) = wait.op().event.once().take()
        {
            wait.finish();
            self.receiver().mark.received(outcome.is_ok());
            return Poll::Ready(outcome);
        }
        wait.poll_on(cx, true)
    }
}

impl<T, H: Borrow<Receiver<T>>> RecvFuture<T, H> {
    /// The receiver whose message it waits for.
    pub fn receiver(&self) -> &Receiver<T> {
        self.0.op().event.receiver.borrow()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}

impl<T, H: Borrow<Receiver<T>>> fmt::Debug for RecvFuture<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("RecvFuture { .. }")
    }
}
