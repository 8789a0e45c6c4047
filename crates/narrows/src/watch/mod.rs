//! A channel of the latest value: there is always one, senders put another in its place, and every receiver can see it, or
//! wait for one that it has not seen. Sending never waits.
//!
//! For what is *so* rather than what *happens*: a configuration, a state, how far something has come, that it is time to
//! stop. A receiver that is slow sees fewer values, but always the last. Where each value counts it is the wrong channel:
//! use [`bounded`](crate::bounded) or [`unbounded`](crate::unbounded).
//!
//! ```
//! let (s, r) = narrows::watch::channel("idle");
//! let worker = std::thread::spawn(move || {
//!     s.send("busy").unwrap();
//!     s.send("done").unwrap();
//! });
//! assert_eq!(*r.wait_for(|state| *state == "done").unwrap(), "done");
//! worker.join().unwrap();
//! assert!(r.changed().is_err()); // the sender is gone, and its last value has been seen
//! ```
//!
//! Whoever looks at a value pins it by a [`Ref`], without copying it and without holding anybody up: a value sent meanwhile
//! takes its place at once, and the old one is dropped when the last look at it ends.

mod future;
mod receiver;
mod state;

use std::{fmt, marker::PhantomData, ops::Deref};

pub(crate) use self::state::Board;
use self::state::{CLOSED, DESERTED, Refusal, State, sole};
pub use self::{
    future::{ChangedFuture, WaitForFuture},
    receiver::Receiver,
};
use crate::{error::SendError, future::Closed, op::Ends, shared::Shared, sync::Arc};

/// Makes a channel of the latest value, which is `first` to begin with. The receiver has seen that one.
///
/// ```
/// let (s, r) = narrows::watch::channel(1);
/// assert!(!r.has_changed());
/// s.send(2).unwrap();
/// assert!(r.has_changed());
/// assert_eq!(*r.borrow_and_update(), 2);
/// assert!(!r.has_changed());
/// ```
#[must_use]
pub fn channel<T>(first: T) -> (Sender<T>, Receiver<T>) {
    let (there, here) = Shared::pair(|| State::new(first));
    (Sender { state: there }, Receiver::new(here, 0))
}

/// The end that sends. Clone it for more; when the last is gone receivers see what they have not seen, and then hear of
/// the end.
pub struct Sender<T> {
    state: Shared<State<T>>,
}

impl<T> Sender<T> {
    /// Sends a value: it takes the place of the latest, and who waits for a change is woken. Never waits, whoever looks at
    /// the value that was there.
    ///
    /// # Errors
    /// Gives the value back if the channel is closed, or there is no receiver: the latest value stays what it was.
    /// [`replace`](Sender::replace) needs no receiver.
    ///
    /// ```
    /// let (s, r) = narrows::watch::channel(1);
    /// let looked_at = r.borrow();
    /// s.send(2).unwrap();
    /// assert_eq!((*looked_at, *r.borrow()), (1, 2));
    /// ```
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.state.send(value, CLOSED | DESERTED)
    }

    /// The same whether or not there is a receiver; whoever [subscribes](Sender::subscribe) later finds the value. What was
    /// there before.
    ///
    /// # Errors
    /// Gives the value back if the channel is closed.
    ///
    /// ```
    /// let (s, r) = narrows::watch::channel(1);
    /// drop(r);
    /// assert!(s.send(2).is_err());
    /// assert_eq!(*s.replace(2).unwrap(), 1);
    /// assert_eq!(*s.subscribe().borrow(), 2);
    /// ```
    pub fn replace(&self, value: T) -> Result<Ref<'_, T>, SendError<T>> {
        match self.state.exchange(Arc::new(value), CLOSED, None) {
            Ok(old) => Ok(Ref::new(old)),
            Err((fresh, _)) => Err(SendError(sole(fresh))),
        }
    }

    /// Replaces the value by one made of it, also without a receiver. If another comes in between, `make` is called again
    /// with that one: no value is lost. True if there is a new value; false if `make` wanted none.
    ///
    /// `make` runs without a lock, and others may send meanwhile; it should be quick, or it may be called many times.
    ///
    /// # Errors
    /// Gives the new value back if the channel is closed.
    ///
    /// ```
    /// let (s, r) = narrows::watch::channel(0);
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| s.update(|n| Some(n + 1)).unwrap());
    ///     }
    /// });
    /// assert_eq!(*r.borrow(), 4);
    /// ```
    pub fn update(&self, mut make: impl FnMut(&T) -> Option<T>) -> Result<bool, SendError<T>> {
        loop {
            let (old, _) = self.state.pin(|_| ());
            let Some(new) = make(&old) else { return Ok(false) };
            match self.state.exchange(Arc::new(new), CLOSED, Some(&old)) {
                Ok(_) => return Ok(true),
                Err((fresh, Refusal::Ended)) => return Err(SendError(sole(fresh))),
                Err((_, Refusal::Overtaken)) => {}
            }
        }
    }

    /// The latest value.
    #[inline]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref::new(self.state.pin(|_| ()).0)
    }

    /// A new receiver, which has seen the latest value. There need be no other.
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = self.state.add_receiver();
        Receiver::new(self.state.clone(), seen)
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.state.receivers()
    }

    /// Closes the channel: the latest value is the last, and receivers that have seen it hear of the end. True if that made
    /// the difference.
    pub fn close(&self) -> bool {
        self.state.close()
    }

    /// Whether a send would fail: the channel is closed, or there is no receiver. The latter may change.
    pub fn is_closed(&self) -> bool {
        self.state.board().is_closed()
    }

    /// That a send would fail, as something to wait for: await it, [block](Closed::wait) on it, or select it.
    ///
    /// ```
    /// let (s, r) = narrows::watch::channel(1);
    /// drop(r);
    /// s.closed().wait(); // nobody is there to look
    /// ```
    pub fn closed(&self) -> Closed<'_, T> {
        Closed::new(Ends::Watch(self.state.board()))
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.state.add_sender();
        Sender { state: self.state.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.state.drop_sender();
    }
}

/// A look at a value. The value stays as it is while the look lasts; the channel meanwhile goes on with newer ones.
pub struct Ref<'a, T> {
    value: Arc<T>,
    handle: PhantomData<&'a ()>,
}

impl<T> Ref<'_, T> {
    #[inline]
    fn new(value: Arc<T>) -> Self {
        Ref { value, handle: PhantomData }
    }

    /// The value itself, if it is no longer the latest and nobody else looks at it.
    ///
    /// ```
    /// use narrows::watch::{self, Ref};
    ///
    /// let (s, _r) = watch::channel(String::from("old"));
    /// let old = s.replace(String::from("new")).unwrap();
    /// assert_eq!(Ref::try_unwrap(old).unwrap(), "old");
    /// ```
    ///
    /// # Errors
    /// Gives the look back otherwise.
    pub fn try_unwrap(this: Self) -> Result<T, Self> {
        Arc::try_unwrap(this.value).map_err(Ref::new)
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}
