//! The kinds of channel: how a pair is made. Nothing else about a channel is decided here.

use narrows::{Receiver, Sender};
use std::fmt;

/// A kind of channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `bounded(n)`.
    Bounded(usize),
    /// `unbounded()`.
    Unbounded,
    /// The same as the first from the builder, with rules that change nothing: each message weighs 1, the hook drops it.
    Governed(usize),
}

use Kind::{Bounded, Governed, Unbounded};

/// Every kind: nothing, one, two, around the size of a block, several blocks, no bound; and with rules one, two, several.
pub const EVERY: &[Kind] = &[
    Bounded(0),
    Bounded(1),
    Governed(1),
    Bounded(2),
    Bounded(31),
    Bounded(32),
    Bounded(33),
    Bounded(100),
    Governed(2),
    Governed(33),
    Unbounded,
];

/// Kinds that hold messages.
pub const BUFFERED: &[Kind] = EVERY.split_at(1).1;

/// Kinds that hold messages and can be full.
pub const FINITE: &[Kind] = BUFFERED.split_at(9).0;

/// Kinds on which a send may wait.
pub const BOUNDED: &[Kind] = EVERY.split_at(10).0;

/// Kinds that hold two messages or more.
pub const LARGE: &[Kind] = BUFFERED.split_at(2).1;

/// Kinds that hold three messages or more.
pub const WIDE: &[Kind] = LARGE.split_at(1).1;

/// One of each algorithm, and the smallest: for tests that are dear.
pub const FEW: &[Kind] = &[Bounded(0), Bounded(1), Bounded(2), Governed(1), Governed(2), Unbounded];

/// The rendezvous alone.
pub const ZERO: &[Kind] = &[Bounded(0)];

impl Kind {
    /// Makes a pair.
    pub fn pair<T>(self) -> (Sender<T>, Receiver<T>) {
        match self {
            Bounded(capacity) => narrows::bounded(capacity),
            Unbounded => narrows::unbounded(),
            Governed(capacity) => narrows::builder().weigher(|_| 1).on_undelivered(|_| ()).bounded(capacity),
        }
    }

    /// Whether a message that its sender takes back leaves its place in use until those before it are received.
    pub fn leaves_tombstones(self) -> bool {
        !matches!(self, Governed(_))
    }

    /// What `capacity()` should answer.
    pub fn capacity(self) -> Option<usize> {
        match self {
            Bounded(capacity) | Governed(capacity) => Some(capacity),
            Unbounded => None,
        }
    }

    /// How many messages go in without a receiver, but no more than `most`.
    pub fn holds(self, most: usize) -> usize {
        self.capacity().unwrap_or(most).min(most)
    }

    /// Fills a bounded channel.
    pub fn fill<T>(self, s: &Sender<T>, mut make: impl FnMut(usize) -> T) {
        for i in 0..self.capacity().unwrap_or(0) {
            assert!(s.try_send(make(i)).is_ok(), "Full at {i} of {self}");
        }
    }

    /// Every place is there to be had, and no more: empties the channel, fills it, and empties it again.
    pub fn has_every_place<T>(self, s: &Sender<T>, r: &Receiver<T>, make: impl Fn(usize) -> T) {
        drop(r.drain().collect::<Vec<_>>());
        assert!(r.is_empty() && r.try_recv().is_err(), "something is left in {self}");
        self.fill(s, &make);
        if let Some(capacity) = self.capacity() {
            assert!(s.try_send(make(0)).is_err(), "a place too many in {self}");
            assert_eq!((s.len(), r.drain().count(), r.len()), (capacity, capacity, 0));
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bounded(capacity) => write!(f, "capacity {capacity}"),
            Unbounded => f.write_str("unbounded"),
            Governed(capacity) => write!(f, "capacity {capacity} with rules"),
        }
    }
}
