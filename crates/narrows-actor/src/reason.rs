//! Why a life ended, and the news of it.

use std::{any::Any, fmt, panic::AssertUnwindSafe};

use crate::sync::Arc;

/// Tells actors of one process apart. Two lives of one actor have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActorId(pub(crate) u64);

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Why a life of an actor ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It returned [`Flow::Stop`](crate::Flow::Stop).
    Normal,
    /// It was told to stop, by its address or its supervisor. There is no other life.
    Stopped,
    /// Its last address was gone, its mailbox empty, and nothing else could have reached it. There is no other life.
    Unreachable,
    /// Its supervisor ended this life, because another of the group failed.
    Restarting,
    /// It returned [`Flow::fail`](crate::Flow::fail) with this.
    Failed(Arc<str>),
    /// It panicked, with this message.
    Panicked(Arc<str>),
    /// Of a supervisor: more restarts were needed than its [intensity](crate::SupervisorBuilder::intensity) allows.
    TooManyRestarts,
    /// What ran it was dropped with it, as tasks are when their runtime is shut down. There is no other life.
    Aborted,
}

impl Reason {
    /// Whether something went wrong: a panic, a failure, or too many of these.
    pub fn is_failure(&self) -> bool {
        matches!(self, Reason::Failed(_) | Reason::Panicked(_) | Reason::TooManyRestarts | Reason::Aborted)
    }

    /// Whether no policy would begin another life.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Reason::Stopped | Reason::Unreachable | Reason::Aborted)
    }

    fn panicked(payload: &(dyn Any + Send)) -> Reason {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Reason::Panicked(text.unwrap_or("with something that is no text").into())
    }
}

/// Runs code of the user; a panic is the reason for an end.
pub(crate) fn guarded<R>(body: impl FnOnce() -> R) -> Result<R, Reason> {
    // Unwind safe: what a panic may have left half done is dropped, or is the mailbox, which is whole between two messages.
    std::panic::catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        let reason = Reason::panicked(&*payload);
        // What was thrown is the user's, too.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
        reason
    })
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Normal => f.pad("ended"),
            Reason::Stopped => f.pad("stopped"),
            Reason::Unreachable => f.pad("nobody could reach it any more"),
            Reason::Restarting => f.pad("its supervisor restarts the group"),
            Reason::Failed(why) => write!(f, "failed: {why}"),
            Reason::Panicked(text) => write!(f, "panicked: {text}"),
            Reason::TooManyRestarts => f.pad("too many restarts"),
            Reason::Aborted => f.pad("what ran it was dropped"),
        }
    }
}

/// The news that a life of an actor has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Down {
    /// Which actor.
    pub id: ActorId,
    /// Its name.
    pub name: Arc<str>,
    /// Why.
    pub reason: Reason,
    /// Whether it was the last life. If not, the same address reaches the next.
    pub is_over: bool,
}
