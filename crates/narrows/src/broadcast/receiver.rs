//! The receiving end of a broadcast channel, with its iterators, its future and its arms. How a receiver waits is the business of
//! `wait::bell`.

use std::{
    fmt,
    iter::FusedIterator,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use super::{Lag, Start, chan::Chan, kept::Cursor};
use crate::{
    arm::{Arm, Look, Seat, Ticket, Token, Who},
    error::{RecvError, RecvTimeoutError, TryRecvError},
    sync::Arc,
    time::Deadline,
    wait::{
        self,
        bell::{Bell, Event, EventOp},
        task::TaskWait,
    },
};

/// The receiving end of a broadcast channel. Every receiver gets every message; clone it for one more, which stands where this one
/// stands and lags as it does. Threads and tasks that use the same receiver share its messages.
///
/// It can stand in [`select!`](crate::select), or be an [arm](crate::Select::arm) of a `Select`, which is ready when
/// [`recv`](Receiver::recv) would not wait, and takes nothing: [`try_recv`](Receiver::try_recv) then finds nothing only if
/// somebody else has used the same receiver.
///
/// ```
/// use narrows::{after, broadcast, select};
///
/// let (s, r) = broadcast::channel(4);
/// s.send(1).unwrap();
/// select! {
///     recv(r) -> message => assert_eq!(message, Ok(1)),
///     recv(after(std::time::Duration::from_secs(60))) -> _ => panic!("no news"),
/// }
/// ```
pub struct Receiver<T> {
    pub(crate) own: Own<T>,
}

/// What a receiver is. Wrapped, so that there are two arms of it: as this it takes a message for whoever chooses it.
pub(crate) struct Own<T> {
    chan: Arc<Chan<T>>,
    cursor: Cursor,
}

/// That there is a message for a receiver, or none to come.
struct Arrival<'a, T>(&'a Own<T>);

impl<'a, T> Arrival<'a, T>
where
    Arrival<'a, T>: Event,
{
    fn op(receiver: &'a Receiver<T>) -> EventOp<Arrival<'a, T>> {
        EventOp::new(Arrival(&receiver.own))
    }
}

impl<T: Clone> Event for Arrival<'_, T> {
    type Output = Result<T, RecvError>;

    fn bell(&self) -> &Bell {
        &self.0.chan.arrival
    }

    #[inline]
    fn outcome(&self) -> Option<Self::Output> {
        match self.0.chan.recv(&self.0.cursor, false) {
            Ok(message) => Some(Ok(message)),
            Err(TryRecvError::Disconnected) => Some(Err(RecvError)),
            Err(TryRecvError::Empty) => None,
        }
    }

    fn may_have_happened(&self) -> bool {
        self.0.may_be_ready()
    }

    fn announce(&self) -> bool {
        self.0.chan.announce(&self.0.cursor)
    }
}

impl<T> Receiver<T> {
    pub(super) fn new(chan: Arc<Chan<T>>, start: Start, lag: Lag) -> Receiver<T> {
        let cursor = chan.enter(lag, start);
        Receiver { own: Own { chan, cursor } }
    }

    /// The same receiver with another policy on lag. One that has been cut off stays so.
    ///
    /// ```
    /// use narrows::broadcast::{self, Lag};
    ///
    /// let (s, r) = broadcast::channel(1);
    /// let r = r.with_lag(Lag::Disconnect);
    /// let other = s.subscribe(broadcast::Start::Now, Lag::Skip);
    /// s.send(1).unwrap();
    /// s.send(2).unwrap();
    /// assert!(r.recv().is_err() && r.was_cut_off());
    /// assert_eq!(other.recv(), Ok(2));
    /// ```
    #[must_use = "it is the receiver"]
    pub fn with_lag(mut self, lag: Lag) -> Receiver<T> {
        let Own { chan, cursor } = &mut self.own;
        chan.change_lag(cursor, lag);
        self
    }

    /// What happens when it lags.
    pub fn lag(&self) -> Lag {
        self.own.cursor.lag
    }

    /// How many messages it has missed, as it lagged ([`Lag::Skip`]). A clone begins with 0.
    pub fn missed(&self) -> u64 {
        let kept = self.own.chan.kept();
        kept.unseen(&self.own.cursor);
        self.own.cursor.missed() as u64
    }

    /// Whether it has been cut off, as it lagged ([`Lag::Disconnect`]).
    pub fn was_cut_off(&self) -> bool {
        self.own.chan.kept().is_cut_off(&self.own.cursor)
    }

    /// How many messages it has yet to see.
    pub fn len(&self) -> usize {
        self.own.chan.kept().unseen(&self.own.cursor)
    }

    /// Whether it has seen every message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages are kept at most.
    pub fn capacity(&self) -> usize {
        self.own.chan.kept().capacity()
    }

    /// Closes the channel for everybody: nothing can be sent any more. Receivers get what they have not seen, and then
    /// `Disconnected`. True if that made the difference.
    pub fn close(&self) -> bool {
        self.own.chan.close()
    }

    /// Whether nothing can be sent any more: the channel was closed, or the last sender is gone.
    pub fn is_closed(&self) -> bool {
        self.own.chan.kept().is_closed
    }

    /// Whether a receive would fail with `Disconnected`: it has seen all there will be, or has been cut off.
    pub fn is_disconnected(&self) -> bool {
        self.own.chan.kept().look(&self.own.cursor) == Err(TryRecvError::Disconnected)
    }
}

impl<T: Clone> Receiver<T> {
    /// Receives the next message, waiting for it.
    ///
    /// # Errors
    /// If none will come: the channel was closed, or its last sender is gone, and this receiver has seen all; or it has been
    /// cut off.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        wait::block(&mut Arrival::op(self), Deadline::Never).expect("without a deadline a wait ends with a result")
    }

    /// Receives the next message if it is there.
    ///
    /// # Errors
    /// If it is not there yet, or none will come.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.own.chan.recv(&self.own.cursor, false)
    }

    fn recv_by(&self, deadline: Deadline) -> Result<T, RecvTimeoutError> {
        match wait::block(&mut Arrival::op(self), deadline) {
            Some(outcome) => outcome.map_err(|RecvError| RecvTimeoutError::Disconnected),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Receives the next message, waiting for at most `timeout`. A time-out beyond the clock's range never comes.
    ///
    /// # Errors
    /// If time has run out, or none will come.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_by(Deadline::after(timeout))
    }

    /// Receives the next message, waiting until `deadline` at most. One that has passed already means: try once.
    ///
    /// # Errors
    /// If time has run out, or none will come.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_by(Deadline::At(deadline))
    }

    /// Receives the next message from a task: the future is ready when [`recv`](Receiver::recv) would return. Works on any
    /// executor.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the message stays for the next receive.
    #[inline]
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture(TaskWait::new(Arrival::op(self)))
    }

    /// The messages, waiting for each, until none will come.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// The messages that are there.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    /// What a select has chosen: it is there, or the receiver has been cut off since.
    pub(crate) fn recv_promised(&self) -> Result<T, RecvError> {
        self.own.chan.recv(&self.own.cursor, true).map_err(|_| RecvError)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        let Own { chan, cursor } = &self.own;
        Receiver { own: Own { chan: chan.clone(), cursor: chan.enter_beside(cursor) } }
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        self.chan.leave(&self.cursor);
    }
}

/// Promises the next message to whoever chooses it.
impl<T> Arm for Own<T> {
    fn attempt(&self, _: Who<'_>) -> Option<Token> {
        let promised = self.chan.kept().promise(&self.cursor);
        match promised {
            Ok(()) => Some(Token::new(0, 0)),
            Err(TryRecvError::Disconnected) => Some(Token::DISCONNECTED),
            Err(TryRecvError::Empty) => None,
        }
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        self.chan.kept().look(&self.cursor) != Err(TryRecvError::Empty)
    }

    fn may_be_ready(&self) -> bool {
        self.chan.seems_to_have_news(&self.cursor)
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.chan.arrival.show(ticket, seat);
        Look::ready(self.chan.announce(&self.cursor))
    }

    fn retract(&self, seat: &mut Seat) {
        self.chan.arrival.leave(seat);
    }

    fn abandon(&self, _: Token) {
        self.chan.forgo(&self.cursor);
    }
}

/// Takes nothing.
impl<T> Arm for Receiver<T> {
    fn attempt(&self, who: Who<'_>) -> Option<Token> {
        self.is_ready(who).then_some(Token::new(0, 0))
    }

    fn is_ready(&self, who: Who<'_>) -> bool {
        self.own.is_ready(who)
    }

    fn may_be_ready(&self) -> bool {
        self.own.may_be_ready()
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.own.enlist(ticket, seat)
    }

    fn retract(&self, seat: &mut Seat) {
        self.own.retract(seat);
    }
}

/// The receive in a task. From [`Receiver::recv_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct RecvFuture<'a, T: Clone>(TaskWait<EventOp<Arrival<'a, T>>>);

impl<T: Clone> Future for RecvFuture<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = &mut self.0;
        let tried = wait.is_fresh();
        if tried && let Some(outcome) = wait.op().event.outcome() {
            wait.finish();
            return Poll::Ready(outcome);
        }
        wait.poll_on(cx, tried)
    }
}

/// Waits for each message; ends when none will come. From [`Receiver::iter`].
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// Ends as soon as no message is there. From [`Receiver::try_iter`].
pub struct TryIter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// [`Iter`] with a receiver of its own. From [`Receiver::into_iter`].
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T: Clone> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T: Clone> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

impl<T: Clone> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T: Clone> FusedIterator for Iter<'_, T> {}
impl<T: Clone> FusedIterator for IntoIter<T> {}

impl<'a, T: Clone> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T: Clone> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}

impl<T: Clone> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("RecvFuture { .. }")
    }
}

macro_rules! opaque {
    ($($type:ty => $name:literal)*) => {$(
        impl<T> fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(concat!($name, " { .. }"))
            }
        }
    )*};
}

opaque! {
    Receiver<T> => "Receiver"
    Iter<'_, T> => "Iter"
    TryIter<'_, T> => "TryIter"
    IntoIter<T> => "IntoIter"
}
