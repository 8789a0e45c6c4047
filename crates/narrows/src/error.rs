//! What can go wrong. One type per way of calling; a failed send gives its message back.
//!
//! Names and variants are those of crossbeam-channel 0.5, and none is added: a closed channel is `Disconnected`.

use std::{error::Error, fmt};

/// A [`send`](crate::Sender::send) failed: the channel is disconnected. Holds the message.
#[derive(PartialEq, Eq, Clone, Copy)]
pub struct SendError<T>(pub T);

/// A [`try_send`](crate::Sender::try_send) failed. Holds the message.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum TrySendError<T> {
    /// There is no place now; with capacity 0, no receiver is waiting.
    Full(T),
    /// The channel is disconnected.
    Disconnected(T),
}

/// A [`send_timeout`](crate::Sender::send_timeout) failed. Holds the message.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum SendTimeoutError<T> {
    /// No place was free in time; with capacity 0, no receiver came.
    Timeout(T),
    /// The channel is disconnected.
    Disconnected(T),
}

/// The capacity of a channel was not changed; from [`set_capacity`](crate::Sender::set_capacity).
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum SetCapacityError {
    /// This channel keeps the capacity that it was made with, or has none: see [`Builder::resizable`](crate::Builder::resizable).
    Fixed,
    /// A capacity of 0 was asked for; a rendezvous is another kind of channel.
    Zero,
}

/// A [`recv`](crate::Receiver::recv) failed: the channel is empty and disconnected.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct RecvError;

/// A [`try_recv`](crate::Receiver::try_recv) failed.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
#[repr(usize)] // a result with a message of that size then comes back in registers
pub enum TryRecvError {
    /// No message is there now; with capacity 0, no sender is waiting.
    Empty,
    /// The channel is empty and disconnected.
    Disconnected,
}

/// A [`recv_timeout`](crate::Receiver::recv_timeout) failed.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
#[repr(usize)] // a result with a message of that size then comes back in registers
pub enum RecvTimeoutError {
    /// No message came in time.
    Timeout,
    /// The channel is empty and disconnected.
    Disconnected,
}

/// An [`ask`](crate::Sender::ask) failed.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum AskError<T> {
    /// The channel is disconnected. Holds the request.
    Disconnected(T),
    /// Whoever had the request has dropped the sender of its answer.
    Unanswered,
}

/// An [`ask_timeout`](crate::Sender::ask_timeout) failed.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum AskTimeoutError<T> {
    /// There was no place for the request in time. Holds it.
    Unsent(T),
    /// The request was sent, and no answer came in time.
    Timeout,
    /// The channel is disconnected. Holds the request.
    Disconnected(T),
    /// Whoever had the request has dropped the sender of its answer.
    Unanswered,
}

/// No operation was possible at once; from [`try_select`](crate::Select::try_select).
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct TrySelectError;

/// No operation was possible in time; from [`select_timeout`](crate::Select::select_timeout).
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct SelectTimeoutError;

/// No operation was ready; from [`try_ready`](crate::Select::try_ready).
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct TryReadyError;

/// No operation became ready in time; from [`ready_timeout`](crate::Select::ready_timeout).
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct ReadyTimeoutError;

impl<T> SendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(message) | TrySendError::Disconnected(message) => message,
        }
    }

    /// True for [`TrySendError::Full`].
    pub fn is_full(&self) -> bool {
        matches!(self, TrySendError::Full(_))
    }

    /// True for [`TrySendError::Disconnected`].
    pub fn is_disconnected(&self) -> bool {
        matches!(self, TrySendError::Disconnected(_))
    }
}

impl<T> SendTimeoutError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(message) | SendTimeoutError::Disconnected(message) => message,
        }
    }

    /// True for [`SendTimeoutError::Timeout`].
    pub fn is_timeout(&self) -> bool {
        matches!(self, SendTimeoutError::Timeout(_))
    }

    /// True for [`SendTimeoutError::Disconnected`].
    pub fn is_disconnected(&self) -> bool {
        matches!(self, SendTimeoutError::Disconnected(_))
    }
}

impl<T> AskError<T> {
    /// The request, if it was not sent.
    pub fn into_request(self) -> Option<T> {
        match self {
            AskError::Disconnected(request) => Some(request),
            AskError::Unanswered => None,
        }
    }
}

impl<T> AskTimeoutError<T> {
    /// The request, if it was not sent.
    pub fn into_request(self) -> Option<T> {
        match self {
            AskTimeoutError::Unsent(request) | AskTimeoutError::Disconnected(request) => Some(request),
            AskTimeoutError::Timeout | AskTimeoutError::Unanswered => None,
        }
    }

    /// True if time has run out, before the request was sent or after.
    pub fn is_timeout(&self) -> bool {
        matches!(self, AskTimeoutError::Unsent(_) | AskTimeoutError::Timeout)
    }
}

impl TryRecvError {
    /// True for [`TryRecvError::Empty`].
    pub fn is_empty(&self) -> bool {
        matches!(self, TryRecvError::Empty)
    }

    /// True for [`TryRecvError::Disconnected`].
    pub fn is_disconnected(&self) -> bool {
        matches!(self, TryRecvError::Disconnected)
    }
}

impl RecvTimeoutError {
    /// True for [`RecvTimeoutError::Timeout`].
    pub fn is_timeout(&self) -> bool {
        matches!(self, RecvTimeoutError::Timeout)
    }

    /// True for [`RecvTimeoutError::Disconnected`].
    pub fn is_disconnected(&self) -> bool {
        matches!(self, RecvTimeoutError::Disconnected)
    }
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> Self {
        TrySendError::Disconnected(error.0)
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(error: SendError<T>) -> Self {
        SendTimeoutError::Disconnected(error.0)
    }
}

impl<T> From<SendError<T>> for AskError<T> {
    fn from(SendError(request): SendError<T>) -> Self {
        AskError::Disconnected(request)
    }
}

impl<T> From<SendTimeoutError<T>> for AskTimeoutError<T> {
    fn from(error: SendTimeoutError<T>) -> Self {
        match error {
            SendTimeoutError::Timeout(request) => AskTimeoutError::Unsent(request),
            SendTimeoutError::Disconnected(request) => AskTimeoutError::Disconnected(request),
        }
    }
}

impl<T> From<AskError<T>> for AskTimeoutError<T> {
    fn from(error: AskError<T>) -> Self {
        match error {
            AskError::Disconnected(request) => AskTimeoutError::Disconnected(request),
            AskError::Unanswered => AskTimeoutError::Unanswered,
        }
    }
}

impl From<RecvError> for TryRecvError {
    fn from(RecvError: RecvError) -> Self {
        TryRecvError::Disconnected
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(RecvError: RecvError) -> Self {
        RecvTimeoutError::Disconnected
    }
}

// Debug without `T: Debug`: the message is not shown.

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() { "Full(..)" } else { "Disconnected(..)" })
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_timeout() { "Timeout(..)" } else { "Disconnected(..)" })
    }
}

impl<T> fmt::Debug for AskError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AskError::Disconnected(_) => "Disconnected(..)",
            AskError::Unanswered => "Unanswered",
        })
    }
}

impl<T> fmt::Debug for AskTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AskTimeoutError::Unsent(_) => "Unsent(..)",
            AskTimeoutError::Timeout => "Timeout",
            AskTimeoutError::Disconnected(_) => "Disconnected(..)",
            AskTimeoutError::Unanswered => "Unanswered",
        })
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("sending on a disconnected channel")
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if self.is_full() { "sending on a full channel" } else { "sending on a disconnected channel" })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if self.is_timeout() { "sending took too long" } else { "sending on a disconnected channel" })
    }
}

impl<T> fmt::Display for AskError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            AskError::Disconnected(_) => "asking on a disconnected channel",
            AskError::Unanswered => "a question was dropped without an answer",
        })
    }
}

impl<T> fmt::Display for AskTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            AskTimeoutError::Unsent(_) => "asking took too long: there was no place for the question",
            AskTimeoutError::Timeout => "asking took too long: there was no answer",
            AskTimeoutError::Disconnected(_) => "asking on a disconnected channel",
            AskTimeoutError::Unanswered => "a question was dropped without an answer",
        })
    }
}

impl fmt::Display for SetCapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetCapacityError::Fixed => "the capacity of this channel is fixed",
            SetCapacityError::Zero => "a capacity of 0 cannot be set",
        })
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("receiving on an empty and disconnected channel")
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TryRecvError::Empty => "receiving on an empty channel",
            TryRecvError::Disconnected => "receiving on an empty and disconnected channel",
        })
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            RecvTimeoutError::Timeout => "receiving took too long",
            RecvTimeoutError::Disconnected => "receiving on an empty and disconnected channel",
        })
    }
}

impl fmt::Display for TrySelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("every operation of the select would block")
    }
}

impl fmt::Display for SelectTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("no operation of the select was possible in time")
    }
}

impl fmt::Display for TryReadyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("no operation of the select is ready")
    }
}

impl fmt::Display for ReadyTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("no operation of the select became ready in time")
    }
}

impl<T: Send> Error for SendError<T> {}
impl<T: Send> Error for TrySendError<T> {}
impl<T: Send> Error for SendTimeoutError<T> {}
impl<T: Send> Error for AskError<T> {}
impl<T: Send> Error for AskTimeoutError<T> {}
impl Error for RecvError {}
impl Error for SetCapacityError {}
impl Error for TryRecvError {}
impl Error for RecvTimeoutError {}
impl Error for TrySelectError {}
impl Error for SelectTimeoutError {}
impl Error for TryReadyError {}
impl Error for ReadyTimeoutError {}
