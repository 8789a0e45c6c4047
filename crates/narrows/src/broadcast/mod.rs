//! A channel that gives every message to every receiver, in one order for all.
//!
//! ```
//! use narrows::broadcast::{self, Lag, Start};
//!
//! let (s, news) = broadcast::channel(16);
//! let log = s.subscribe(Start::Now, Lag::Skip);
//! s.send("up").unwrap();
//! assert_eq!(news.recv(), Ok("up"));
//! assert_eq!(log.recv(), Ok("up"));
//! ```
//!
//! It is for events that several parts of a program each have to see. It is not for sharing work, where each message goes to one
//! receiver (a [`bounded`](crate::bounded) channel), nor for a state of which the latest value is enough.
//!
//! # What is kept
//! The last messages, `capacity` at most, also those that all receivers have seen: who subscribes with [`Start::Oldest`] gets them. A
//! message goes when its place is needed for a newer one; all go with the last receiver; and where the last sender has gone, so
//! that nobody can subscribe, each goes as soon as all have seen it.
//!
//! # When a receiver lags
//! Each receiver has a policy for the moment when the oldest message has to go and it has not seen it: [`Lag::Wait`], senders wait
//! for it; [`Lag::Skip`], it misses that message, and counts it; [`Lag::Disconnect`], it is cut off. A sender waits
//! only for receivers that ask for it, and its work does not grow with the number of receivers.
//!
//! # Clones
//! Each receiver gets a clone, made by the thread that receives and under no lock; so several may clone one message at the same
//! time, and handles are `Send` and `Sync` if the message is both. Put large messages into an `Arc`. Where the last sender has gone,
//! the last to receive a message gets the message itself. If `clone` panics, the message counts as received by that receiver.

mod chan;
mod kept;
mod receiver;
mod send;

use std::{
    fmt,
    time::{Duration, Instant},
};

use self::{chan::Chan, send::SendOp};
pub use self::{
    receiver::{IntoIter, Iter, Receiver, RecvFuture, TryIter},
    send::SendFuture,
};
use crate::{
    error::{SendError, SendTimeoutError, TrySendError},
    flavor::Stop,
    sync::Arc,
    time::Deadline,
    wait,
};

/// What happens to a receiver that has not seen the oldest message when its place is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lag {
    /// Senders wait for it: it gets every message.
    #[default]
    Wait,
    /// It goes on with the oldest message that is left, and counts what it [missed](Receiver::missed).
    Skip,
    /// It is cut off: it gets nothing more, as if the channel had ended, and knows [why](Receiver::was_cut_off).
    Disconnect,
}

/// Where a new receiver begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// With the next message that is sent.
    Now,
    /// With the oldest message that is [kept](self#what-is-kept).
    Oldest,
}

/// Makes a channel that keeps up to `capacity` messages, with one receiver, for which senders wait ([`Lag::Wait`]).
///
/// Memory is allocated as it is used, and used again from then on.
///
/// ```
/// use narrows::broadcast::{self, Lag, Start};
///
/// let (s, r) = broadcast::channel(2);
/// let r = r.with_lag(Lag::Skip);
/// for n in 1..=5 {
///     s.send(n).unwrap();
/// }
/// assert_eq!(r.try_iter().collect::<Vec<_>>(), [4, 5]);
/// assert_eq!(r.missed(), 3);
/// assert_eq!(s.subscribe(Start::Oldest, Lag::Wait).recv(), Ok(4));
/// ```
///
/// # Panics
/// If `capacity` is 0: a message that everybody is to see has to lie somewhere.
#[must_use]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a broadcast channel needs a capacity of at least 1");
    let chan = Arc::new(Chan::new(capacity));
    let receiver = Receiver::new(chan.clone(), Start::Now, Lag::Wait);
    (Sender { chan }, receiver)
}

/// The sending end of a broadcast channel. Clone it for more senders; threads and tasks may use the same one.
///
/// When the last sender goes, receivers get what they have not seen, and then `Disconnected`.
pub struct Sender<T> {
    chan: Arc<Chan<T>>,
}

impl<T> Sender<T> {
    fn send_by(&self, message: T, deadline: Deadline) -> Result<(), SendTimeoutError<T>> {
        let mut op = SendOp::new(&self.chan, message);
        match wait::block(&mut op, deadline) {
            Some(Ok(())) => Ok(()),
            Some(Err(SendError(()))) => Err(SendTimeoutError::Disconnected(op.take_message())),
            None => Err(SendTimeoutError::Timeout(op.take_message())),
        }
    }

    /// Sends a message to every receiver there is now, waiting while the oldest has to be seen by one that lags and is to be
    /// waited for.
    ///
    /// # Errors
    /// Gives the message back if there is no receiver, or the channel was closed, also if that happens while it waits. A
    /// receiver that this message would [cut off](Lag::Disconnect) is none.
    ///
    /// ```
    /// use narrows::broadcast::{self, Lag, Start};
    ///
    /// let (s, r) = broadcast::channel(1);
    /// drop(r);
    /// assert_eq!(s.send(1), Err(narrows::SendError(1)));
    /// let _r = s.subscribe(Start::Now, Lag::Wait);
    /// assert_eq!(s.send(2), Ok(()));
    /// ```
    #[inline]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self.chan.begin_send() {
            Ok(kept) => self.chan.send(kept, message),
            Err(_) => return self.send_slow(message),
        }
        Ok(())
    }

    #[cold]
    fn send_slow(&self, message: T) -> Result<(), SendError<T>> {
        self.send_by(message, Deadline::Never).map_err(|why| SendError(why.into_inner()))
    }

    /// Sends a message if that is possible at once.
    ///
    /// # Errors
    /// Gives the message back if it would have to wait for a receiver, if there is none, or if the channel was closed.
    ///
    /// ```
    /// let (s, _r) = narrows::broadcast::channel(1);
    /// assert!(s.try_send(1).is_ok());
    /// assert!(s.try_send(2).unwrap_err().is_full());
    /// ```
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.chan.begin_send() {
            Ok(kept) => self.chan.send(kept, message),
            Err(Stop::Full) => return Err(TrySendError::Full(message)),
            Err(Stop::Closed) => return Err(TrySendError::Disconnected(message)),
        }
        Ok(())
    }

    /// Sends a message, waiting for at most `timeout`. A time-out beyond the clock's range never comes.
    ///
    /// # Errors
    /// Gives the message back if time has run out, if there is no receiver, or if the channel was closed.
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_by(message, Deadline::after(timeout))
    }

    /// Sends a message, waiting until `deadline` at most. One that has passed already means: try once.
    ///
    /// # Errors
    /// Gives the message back if time has run out, if there is no receiver, or if the channel was closed.
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_by(message, Deadline::At(deadline))
    }

    /// Sends a message from a task: the future is ready when [`send`](Sender::send) would return. Works on any executor.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready sends nothing and drops the message. No wake-up is lost.
    #[inline]
    pub fn send_async(&self, message: T) -> SendFuture<'_, T> {
        SendFuture::new(SendOp::new(&self.chan, message))
    }

    /// Adds a receiver. Of a channel that was closed it gets what is kept, if it begins there, and then `Disconnected`.
    ///
    /// ```
    /// use narrows::broadcast::{self, Lag, Start};
    ///
    /// let (s, r) = broadcast::channel(8);
    /// s.send(1).unwrap();
    /// assert_eq!(r.recv(), Ok(1));
    /// let late = s.subscribe(Start::Oldest, Lag::Disconnect);
    /// assert_eq!(late.recv(), Ok(1));
    /// ```
    #[must_use = "a receiver that is dropped receives nothing"]
    pub fn subscribe(&self, start: Start, lag: Lag) -> Receiver<T> {
        Receiver::new(self.chan.clone(), start, lag)
    }

    /// Closes the channel: nothing can be sent any more. Receivers get what they have not seen, and then `Disconnected`. True
    /// if that made the difference.
    pub fn close(&self) -> bool {
        self.chan.close()
    }

    /// Whether a send would fail: the channel was closed, or there is no receiver now.
    pub fn is_closed(&self) -> bool {
        self.chan.kept().is_shut()
    }

    /// How many messages some receiver has yet to see.
    pub fn len(&self) -> usize {
        self.chan.kept().len()
    }

    /// Whether every receiver has seen every message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a send would have to wait for a receiver that lags.
    pub fn is_full(&self) -> bool {
        self.chan.kept().is_full()
    }

    /// How many messages are kept at most.
    pub fn capacity(&self) -> usize {
        self.chan.kept().capacity()
    }

    /// How many receivers there are, without those that have been cut off.
    pub fn receiver_count(&self) -> usize {
        self.chan.kept().receivers()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.chan.kept().senders
    }

    /// Whether both are of one channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.chan.add_sender();
        Sender { chan: self.chan.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.chan.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}
