//! Permits: places taken before there is a message. Knows of the channel only that places can be taken, used and given
//! back.
//!
//! A permit is a count, not a slot: messages stand in the order of their `send`, not of the reservations. With capacity 0
//! it counts a waiting receiver, who may still leave; `send` then returns the message.

use std::{fmt, mem};

use crate::{channel::Chan, error::SendError, handle::Sender};

/// A place for one message. Dropping it gives the place back. From [`Sender::reserve`].
#[must_use = "a permit that is dropped gives its place back"]
pub struct Permit<'a, T> {
    sender: &'a Sender<T>,
}

impl<'a, T> Permit<'a, T> {
    /// The caller has taken the place.
    pub(crate) fn new(sender: &'a Sender<T>) -> Permit<'a, T> {
        Permit { sender }
    }

    /// Sends into the place; never waits, and never fails for fullness.
    ///
    /// # Errors
    /// Gives the message back if the channel was closed, or, with capacity 0, if the receiver has left.
    pub fn send(self, message: T) -> Result<(), SendError<T>> {
        let sender = self.sender;
        mem::forget(self);
        sender.send_reserved(message)
    }

    /// Whether the channel was closed, so that a send would fail.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// The same permit with a sender of its own, which keeps the channel open.
    pub fn into_owned(self) -> OwnedPermit<T> {
        let sender = self.sender.clone();
        mem::forget(self);
        OwnedPermit { sender: Some(sender) }
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.sender.chan().inlet().unreserve(1);
    }
}

/// A place for one message together with a [`Sender`]: it counts as one. From [`Permit::into_owned`].
#[must_use = "a permit that is dropped gives its place back"]
pub struct OwnedPermit<T> {
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    /// Sends into the place; never waits, and never fails for fullness.
    ///
    /// # Errors
    /// Gives the message back if the channel was closed, or, with capacity 0, if the receiver has left.
    pub fn send(mut self, message: T) -> Result<(), SendError<T>> {
        let sender = self.sender.take().expect("a permit has its sender until it is used");
        sender.send_reserved(message)
    }

    /// Whether the channel was closed, so that a send would fail.
    pub fn is_closed(&self) -> bool {
        self.sender.as_ref().is_some_and(Sender::is_closed)
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender.chan().inlet().unreserve(1);
        }
    }
}

/// Places for several messages, taken at once. What is not used is given back on drop. From [`Sender::reserve_many`].
///
/// As an iterator it deals them out one by one.
#[must_use = "permits that are dropped give their places back"]
pub struct Permits<'a, T> {
    sender: &'a Sender<T>,
    left: usize,
}

impl<'a, T> Permits<'a, T> {
    /// The caller has taken `left` places.
    pub(crate) fn new(sender: &'a Sender<T>, left: usize) -> Permits<'a, T> {
        Permits { sender, left }
    }

    /// Sends into one of the places.
    ///
    /// # Errors
    /// Gives the message back if the channel was closed, or, with capacity 0, if the receiver has left.
    ///
    /// # Panics
    /// If none is left.
    pub fn send(&mut self, message: T) -> Result<(), SendError<T>> {
        self.next().expect("no permit is left").send(message)
    }
}

impl<'a, T> Iterator for Permits<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.left = self.left.checked_sub(1)?;
        Some(Permit::new(self.sender))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Permits<'_, T> {}
impl<T> std::iter::FusedIterator for Permits<'_, T> {}

impl<T> Drop for Permits<'_, T> {
    fn drop(&mut self) {
        if self.left > 0 {
            let chan: &Chan<T> = self.sender.chan();
            chan.inlet().unreserve(self.left);
        }
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Permit { .. }")
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("OwnedPermit { .. }")
    }
}

impl<T> fmt::Debug for Permits<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits").field("left", &self.left).finish_non_exhaustive()
    }
}
