//! The right to use one end of a queue. Knows nothing about messages, queues or waiting for them.
//!
//! Invariant: at most one thread holds a role at a time, and what the role guards is touched by its holder alone. No
//! role outlives one attempt: nobody sleeps for a message, wakes, clones a waker or drops a message under it.
//!
//! Where both roles of a channel are needed the send role is taken before the receive role, always.

use crate::sync::{Mutex, MutexGuard, lock};

/// The right to use one end, with the state that only its holder may touch.
#[derive(Debug)]
pub(crate) struct Role<S>(Mutex<S>);

impl<S> Role<S> {
    pub(crate) fn new(state: S) -> Role<S> {
        Role(Mutex::new(state))
    }

    /// Waits for the role: a short spin, then asleep until the holder leaves. Holders leave within one attempt.
    pub(crate) fn enter(&self) -> MutexGuard<'_, S> {
        lock(&self.0)
    }
}
