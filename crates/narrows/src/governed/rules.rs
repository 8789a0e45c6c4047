//! What a governed channel was told when it was made: what to do when it is full, how much a message weighs, and who gets
//! those that nobody receives.

use std::{collections::VecDeque, fmt, mem};

use crate::{flavor::Receipt, queue::give_each, sync::unmodelled::Arc};

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

/// Brings a message back to who sent it, if he waits for it to be received; else it stays. Never called under a lock.
pub(super) fn bring_back<T>(message: &mut Option<T>, receipt: Option<Receipt<T>>) {
    if let Some(receipt) = receipt {
        send_back(message, receipt);
    }
}

/// Apart, since a message goes through a stack that way, and few do.
#[cold]
#[inline(never)]
fn send_back<T>(message: &mut Option<T>, receipt: Receipt<T>) {
    *message = receipt.send(message.take()).err().and_then(|unsent| unsent.0);
}

/// Messages that were shed under the lock, to be buried after it, and who is to have one back instead. The usual one costs no
/// allocation.
#[derive(Debug)]
pub(super) struct Shed<T> {
    has_first: bool,
    first: Unreceived<T>,
    more: VecDeque<Unreceived<T>>,
}

type Unreceived<T> = (Option<T>, Option<Receipt<T>>);

impl<T> Shed<T> {
    pub(super) fn new() -> Shed<T> {
        Shed { has_first: false, first: (None, None), more: VecDeque::new() }
    }

    /// Takes the message in `message`, which has one.
    pub(super) fn push(&mut self, message: &mut Option<T>) {
        self.push_with(|into| {
            mem::swap(into, message);
            None
        });
    }

    /// Takes the one that `take` puts into where it goes.
    pub(super) fn push_with(&mut self, take: impl FnOnce(&mut Option<T>) -> Option<Receipt<T>>) {
        if !mem::replace(&mut self.has_first, true) {
            self.first.1 = take(&mut self.first.0);
            return;
        }
        self.more.push_back((None, None));
        if let Some((message, receipt)) = self.more.back_mut() {
            *receipt = take(message);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_first
    }

    /// Oldest first. One that its sender waits for to be received goes back there instead.
    pub(super) fn next(&mut self, into: &mut Option<T>) -> bool {
        while self.has_first {
            mem::swap(&mut self.first.0, into);
            let receipt = self.first.1.take();
            self.has_first = !self.more.is_empty();
            if let Some(next) = self.more.front_mut() {
                mem::swap(&mut self.first, next);
                self.more.drain(..1);
            }
            bring_back(into, receipt);
            if into.is_some() {
                return true;
            }
        }
        false
    }
}
