//! How calls and replies fail. What was not used comes back.

use std::{error::Error, fmt};

use crate::fault::Fault;

/// A call has failed. Those that hold the request say for certain that no server has begun with it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<Q> {
    /// As many calls are under way as there may be; only from [`try_begin`](crate::rpc::Client::try_begin). Holds the request.
    Full(Q),
    /// No server has begun with it in time. Holds the request.
    Unsent(Q),
    /// Servers were there, and all have gone. Holds the request.
    NoServer(Q),
    /// It was closed. Holds the request.
    Disconnected(Q),
    /// A server has begun with it, and has not answered in time. The answer is dropped when it comes.
    Timeout,
    /// The process of the server that had begun with it has ended.
    ServerDied,
    /// The server that had begun with it has dropped it.
    Unanswered,
    /// See the fault. Holds the request if no server has begun with it.
    Fault(Option<Q>, Fault),
}

/// A reply was not given. Holds it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyError<R> {
    /// The client does not wait for it any more.
    Cancelled(R),
    /// See the fault. The client is told that the call is [unanswered](CallError::Unanswered).
    Fault(R, Fault),
}

impl<Q> CallError<Q> {
    /// The request, if no server has begun with it: then it may be made again without being carried out twice.
    pub fn into_request(self) -> Option<Q> {
        match self {
            CallError::Full(request)
            | CallError::Unsent(request)
            | CallError::NoServer(request)
            | CallError::Disconnected(request) => Some(request),
            CallError::Fault(request, _) => request,
            CallError::Timeout | CallError::ServerDied | CallError::Unanswered => None,
        }
    }

    /// True if time has run out, before a server had begun with it or after.
    pub fn is_timeout(&self) -> bool {
        matches!(self, CallError::Unsent(_) | CallError::Timeout)
    }
}

impl<R> ReplyError<R> {
    /// The reply that was not given.
    pub fn into_inner(self) -> R {
        match self {
            ReplyError::Cancelled(reply) | ReplyError::Fault(reply, _) => reply,
        }
    }
}

// `Debug` without `Q: Debug`: the request is not shown.

impl<Q> fmt::Debug for CallError<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CallError::Full(_) => "Full(..)",
            CallError::Unsent(_) => "Unsent(..)",
            CallError::NoServer(_) => "NoServer(..)",
            CallError::Disconnected(_) => "Disconnected(..)",
            CallError::Timeout => "Timeout",
            CallError::ServerDied => "ServerDied",
            CallError::Unanswered => "Unanswered",
            CallError::Fault(_, fault) => return write!(f, "Fault(.., {fault:?})"),
        })
    }
}

impl<R> fmt::Debug for ReplyError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplyError::Cancelled(_) => f.write_str("Cancelled(..)"),
            ReplyError::Fault(_, fault) => write!(f, "Fault(.., {fault:?})"),
        }
    }
}

impl<Q> fmt::Display for CallError<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            CallError::Full(_) => {
                "as many calls are under way as there may be: wait for one, or make it with more capacity"
            }
            CallError::Unsent(_) => "no server has begun with the call in time: it was not made, and may be made again",
            CallError::NoServer(_) => {
                "the last server has gone: start one and call again, or make it with keep_open to wait"
            }
            CallError::Disconnected(_) => "calling on what was closed",
            CallError::Timeout => {
                "a server has begun with the call and has not answered in time: it may have been carried out"
            }
            CallError::ServerDied => {
                "the process of the server has ended in the middle of the call: it may have been carried out"
            }
            CallError::Unanswered => "the server has dropped the call without an answer: look at what it says itself",
            CallError::Fault(_, fault) => return fault.fmt(f),
        })
    }
}

impl<R> fmt::Display for ReplyError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplyError::Cancelled(_) => f.pad("the client does not wait for the answer any more"),
            ReplyError::Fault(_, fault) => fault.fmt(f),
        }
    }
}

impl<Q> Error for CallError<Q> {}
impl<R> Error for ReplyError<R> {}
