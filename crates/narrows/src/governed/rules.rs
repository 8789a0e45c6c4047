//! What a governed channel was told when it was made: what to do when it is full, how much a message weighs, and who gets
//! those that nobody receives.

use std::{collections::VecDeque, fmt};

use super::stock::Unreceived;

use crate::{queue::give_each, sync::unmodelled::Arc};

/// What a send does when the channel is full. For [`Builder::overflow`](crate::Builder::overflow).
///
/// It holds for every way to send a message: `send`, `send_timeout`, `send_deadline`, `send_async`, `try_send`, and the send
/// arms of a select. A permit is a promise of a place: to reserve one waits, or fails, as without a policy, and its message is
/// never dropped; neither is one that a select has chosen to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// It waits for a place. `try_send` says `Full`.
    #[default]
    Block,
    /// It fails at once, and gives the message back: `send` and `send_async` in a [`SendError`](crate::SendError), those with
    /// a time limit as `Timeout`, `try_send` as `Full`. `is_closed` tells a `SendError` for fullness from one for the end.
    ///
    /// A send arm of a select is ready when there is a place, as without a policy: one that only fails would be chosen
    /// again and again. To go on without a place give the select a `default`.
    Fail,
    /// It succeeds, and its own message is dropped. `try_send` never says `Full`, and a send arm is always ready.
    DropNewest,
    /// It succeeds, and the oldest message inside is dropped for the new one, or as many as weigh enough. `try_send` never says
    /// `Full`, and a send arm is always ready. Where permits hold the places there is no oldest that could make room: then
    /// the new message is dropped.
    DropOldest,
}

impl Overflow {
    /// A send always goes ahead, whatever becomes of the messages.
    pub(crate) fn drops(self) -> bool {
        matches!(self, Overflow::DropNewest | Overflow::DropOldest)
    }
}

type Hook<T> = Arc<dyn Fn(T) + Send + Sync>;
type Weigher<T> = Arc<dyn Fn(&T) -> usize + Send + Sync>;

/// The rules of one channel.
pub(crate) struct Rules<T> {
    pub(crate) overflow: Overflow,
    pub(crate) hook: Option<Hook<T>>,
    pub(crate) weigher: Option<Weigher<T>>,
}

impl<T> Rules<T> {
    /// Whether there is a hook or a weigher.
    pub(crate) fn are_told(&self) -> bool {
        self.hook.is_some() || self.weigher.is_some()
    }

    /// How much a message weighs. Never called under a lock.
    pub(super) fn weigh(&self, message: &T) -> usize {
        self.weigher.as_ref().map_or(1, |weigher| weigher(message))
    }

    /// Gives each message that `next` yields to the hook, or drops it. Never called under a lock.
    pub(super) fn bury(&self, next: impl FnMut(&mut Option<T>) -> bool) {
        give_each(next, |message| match (&self.hook, message) {
            (Some(hook), Some(message)) => hook(message),
            (_, message) => drop(message),
        });
    }
}

impl<T> Default for Rules<T> {
    fn default() -> Rules<T> {
        Rules { overflow: Overflow::Block, hook: None, weigher: None }
    }
}

impl<T> Clone for Rules<T> {
    fn clone(&self) -> Rules<T> {
        Rules { overflow: self.overflow, hook: self.hook.clone(), weigher: self.weigher.clone() }
    }
}

impl<T> fmt::Debug for Rules<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("overflow", &self.overflow)
            .field("has_hook", &self.hook.is_some())
            .field("has_weigher", &self.weigher.is_some())
            .finish()
    }
}

/// Brings a message back to who sent it, if he waits for it to be received; else here it is. Never called under a lock.
pub(super) fn unless_it_goes_back<T>((message, receipt): Unreceived<T>) -> Option<T> {
    match receipt {
        Some(receipt) => receipt.send(Some(message)).err().and_then(|unsent| unsent.0),
        None => Some(message),
    }
}

/// Messages that were shed under the lock, to be buried after it. The usual one costs no allocation.
#[derive(Debug)]
pub(super) struct Shed<T> {
    first: Option<Unreceived<T>>,
    more: VecDeque<Unreceived<T>>,
}

impl<T> Shed<T> {
    pub(super) fn new() -> Shed<T> {
        Shed { first: None, more: VecDeque::new() }
    }

    pub(super) fn push(&mut self, message: Unreceived<T>) {
        if self.first.is_none() {
            self.first = Some(message);
        } else {
            self.more.push_back(message);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Oldest first. One that its sender waits for to be received goes back there instead.
    pub(super) fn next(&mut self, into: &mut Option<T>) -> bool {
        while let Some(unreceived) = self.first.take().or_else(|| self.more.pop_front()) {
            *into = unless_it_goes_back(unreceived);
            if into.is_some() {
                return true;
            }
        }
        false
    }
}
