//! How frames get to the ranks that live in other processes: the one trait that a kind of process has to bring.
//!
//! A transport knows ranks by number and moves byte strings between them. It knows nothing of tags, types or matching: a frame
//! is opaque. Whoever implements it gets everything else, by
//! [`World::over`](crate::World::over).
//!
//! # What a transport promises
//! 1. Frames from one rank to another arrive whole, once, in the order in which they were given, whatever thread gave them
//!    (calls that overlap may go either way).
//! 2. It is bounded: [`send`](Transport::send) waits while the way is full. The frames of one rank may wait for room; those of
//!    another pair of ranks need not wait with them.
//! 3. The end of a rank, however it came, is told once by [`Incoming::Gone`], after the last frame from that rank, also to who has
//!    no room for it now, and nobody waits for that; and a `send` to it that waits returns [`LinkError::Gone`].
//! 4. What a rank has sent stays receivable after that rank has ended in good order (after [`close`](Transport::close)).
//!
//! # What it may count on
//! One thread, the pump, receives, and never stops doing so for want of room: it keeps no more than what the bounds of this
//! crate let peers send. It sends only by [`try_send`](Transport::try_send). All other threads may send at the same time.

use std::time::Duration;

/// Carries frames between this process's rank and the others. See [the module](self) for what it promises.
pub trait Transport: Send + Sync + 'static {
    /// The number of this process's rank.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// Hands a frame to the way to rank `to`, which is another one; waits while that is full.
    ///
    /// # Errors
    /// If that rank is gone, or the frame can never be sent. Then nothing of it arrives.
    fn send(&self, to: usize, frame: &[u8]) -> Result<(), LinkError>;

    /// The same without waiting; false if there is no room now.
    ///
    /// # Errors
    /// As [`send`](Transport::send).
    fn try_send(&self, to: usize, frame: &[u8]) -> Result<bool, LinkError>;

    /// The next thing that happens, waiting for it; with `patience`, no longer than that. Called by one thread only.
    fn recv(&self, patience: Option<Duration>) -> Incoming;

    /// This rank has ended in good order, `how` in words ("has returned"), and sends nothing more. `recv` returns
    /// [`Incoming::Closed`] from now on, also where it waits in another thread. Does not wait.
    fn close(&self, how: &str);
}

/// What comes from other processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A frame, and the rank that sent it.
    Frame {
        /// Who sent it.
        from: usize,
        /// What was given to `send`.
        bytes: Vec<u8>,
    },
    /// A rank is gone; nothing comes from it any more.
    Gone {
        /// Which one.
        rank: usize,
        /// How it ended, in words: "was killed by signal 9".
        how: String,
    },
    /// Nothing has come within the time given.
    Nothing,
    /// This rank has closed the transport.
    Closed,
}

/// Why a frame could not be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkError {
    /// The rank it was for is gone.
    Gone,
    /// It is longer than the transport can carry.
    TooLong {
        /// The longest that can be sent, in bytes.
        longest: usize,
    },
    /// The transport itself failed, and why.
    Failed(String),
}
