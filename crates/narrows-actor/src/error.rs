//! What can go wrong. A message that was not sent comes back.

use std::{error::Error, fmt};

use crate::cycle::Cycle;

/// A message was not sent. Holds it.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum TellError<M> {
    /// The mailbox is full: now, or until time ran out.
    Full(M),
    /// The actor has stopped, or is draining its mailbox to stop.
    Stopped(M),
}

impl<M> TellError<M> {
    /// The message that was not sent.
    pub fn into_inner(self) -> M {
        match self {
            TellError::Full(message) | TellError::Stopped(message) => message,
        }
    }

    /// True for [`TellError::Full`].
    pub fn is_full(&self) -> bool {
        matches!(self, TellError::Full(_))
    }
}

/// A question was not answered.
#[derive(PartialEq, Eq, Clone)]
pub enum AskError<M> {
    /// It was not sent: the mailbox is full, now or until time ran out. Holds it.
    Unsent(M),
    /// It was not sent: the actor has stopped, or is draining its mailbox to stop. Holds it.
    Stopped(M),
    /// It was sent, and no answer came in time. One that comes late comes back to who gives it.
    Timeout,
    /// Its [`Reply`](crate::Reply) was dropped: by a panic, at the end of the actor, or on purpose.
    Unanswered,
    /// Nobody could have answered: each of these waits for the answer of the next.
    Cycle(Cycle),
}

impl<M> AskError<M> {
    /// The question, if it was not sent.
    pub fn into_question(self) -> Option<M> {
        match self {
            AskError::Unsent(question) | AskError::Stopped(question) => Some(question),
            AskError::Timeout | AskError::Unanswered | AskError::Cycle(_) => None,
        }
    }

    /// True if time has run out, before the question was sent or after.
    pub fn is_timeout(&self) -> bool {
        matches!(self, AskError::Unsent(_) | AskError::Timeout)
    }
}

impl<M> From<TellError<M>> for AskError<M> {
    fn from(error: TellError<M>) -> AskError<M> {
        match error {
            TellError::Full(question) => AskError::Unsent(question),
            TellError::Stopped(question) => AskError::Stopped(question),
        }
    }
}

// Debug without `M: Debug`: the message is not shown.

impl<M> fmt::Debug for TellError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() { "Full(..)" } else { "Stopped(..)" })
    }
}

impl<M> fmt::Debug for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::Unsent(_) => f.write_str("Unsent(..)"),
            AskError::Stopped(_) => f.write_str("Stopped(..)"),
            AskError::Timeout => f.write_str("Timeout"),
            AskError::Unanswered => f.write_str("Unanswered"),
            AskError::Cycle(cycle) => f.debug_tuple("Cycle").field(cycle).finish(),
        }
    }
}

impl<M> fmt::Display for TellError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if self.is_full() { "the mailbox is full" } else { "the actor has stopped" })
    }
}

impl<M> fmt::Display for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::Unsent(_) => f.pad("the question was not sent: the mailbox is full"),
            AskError::Stopped(_) => f.pad("the question was not sent: the actor has stopped"),
            AskError::Timeout => f.pad("no answer came in time"),
            AskError::Unanswered => f.pad("the question was dropped without an answer"),
            AskError::Cycle(cycle) => write!(f, "a cycle of questions, which nobody could answer: {cycle}"),
        }
    }
}

impl<M: Send> Error for TellError<M> {}
impl<M: Send> Error for AskError<M> {}
