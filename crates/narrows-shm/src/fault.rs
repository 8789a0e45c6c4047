//! How operations fail. Each type stands for one way of calling, as in `narrows`; a send that fails gives its message back.

use std::{error::Error, fmt};

/// What is wrong with the channel, the message or this process; no operation of this kind will do better.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The segment says what it cannot: its file was cut off or written over. What was found.
    Corrupt(&'static str),
    /// This process is a fork of the one that opened the channel.
    Forked,
    /// The message is longer than the channel was made for.
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest that the channel takes.
        max: usize,
    },
    /// The message could not be serialized. Says why.
    Encode(String),
    /// What was received is no such message. It is gone. Says why.
    Decode(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Corrupt(what) => {
                write!(f, "the channel is damaged ({what}): remove its file and create it again")
            }
            Fault::Forked => f.write_str("this process is a fork of the one that had the channel: open it again here"),
            Fault::TooLong { len, max } => {
                write!(f, "a message of {len} bytes does not fit: the channel was made for {max} at most")
            }
            Fault::Encode(why) => write!(f, "the message cannot be serialized: {why}"),
            Fault::Decode(why) => write!(f, "what was received is no such message: {why}"),
        }
    }
}

impl Error for Fault {}

/// A [`send`](crate::Sender::send) failed. Holds the message.
#[derive(Clone, PartialEq, Eq)]
pub enum SendError<T> {
    /// The channel is closed, or its receivers are gone where that ends it.
    Disconnected(T),
    /// See the fault.
    Fault(T, Fault),
}

/// A [`try_send`](crate::Sender::try_send) failed. Holds the message.
#[derive(Clone, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room.
    Full(T),
    /// The channel is closed, or its receivers are gone where that ends it.
    Disconnected(T),
    /// See the fault.
    Fault(T, Fault),
}

/// A [`send_timeout`](crate::Sender::send_timeout) failed. Holds the message.
#[derive(Clone, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// There was no room in time.
    Timeout(T),
    /// The channel is closed, or its receivers are gone where that ends it.
    Disconnected(T),
    /// See the fault.
    Fault(T, Fault),
}

/// A [`recv`](crate::Receiver::recv) failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecvError {
    /// The channel is empty and has ended.
    Disconnected,
    /// See the fault.
    Fault(Fault),
}

/// A [`try_recv`](crate::Receiver::try_recv) failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is no message.
    Empty,
    /// The channel is empty and has ended.
    Disconnected,
    /// See the fault.
    Fault(Fault),
}

/// A [`recv_timeout`](crate::Receiver::recv_timeout) failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// No message came in time.
    Timeout,
    /// The channel is empty and has ended.
    Disconnected,
    /// See the fault.
    Fault(Fault),
}

const DISCONNECTED_SEND: &str = "sending on a disconnected channel";
const DISCONNECTED_RECV: &str = "receiving on an empty and disconnected channel";

impl<T> SendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            SendError::Disconnected(message) | SendError::Fault(message, _) => message,
        }
    }
}

impl<T> TrySendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(message) | TrySendError::Disconnected(message) | TrySendError::Fault(message, _) => {
                message
            }
        }
    }

    /// True for [`TrySendError::Full`].
    pub fn is_full(&self) -> bool {
        matches!(self, TrySendError::Full(_))
    }
}

impl<T> SendTimeoutError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(message)
            | SendTimeoutError::Disconnected(message)
            | SendTimeoutError::Fault(message, _) => message,
        }
    }

    /// True for [`SendTimeoutError::Timeout`].
    pub fn is_timeout(&self) -> bool {
        matches!(self, SendTimeoutError::Timeout(_))
    }
}

// `Debug` without `T: Debug`: the message is not shown.

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Disconnected(_) => f.write_str("Disconnected(..)"),
            SendError::Fault(_, fault) => write!(f, "Fault(.., {fault:?})"),
        }
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Full(_) => f.write_str("Full(..)"),
            TrySendError::Disconnected(_) => f.write_str("Disconnected(..)"),
            TrySendError::Fault(_, fault) => write!(f, "Fault(.., {fault:?})"),
        }
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendTimeoutError::Timeout(_) => f.write_str("Timeout(..)"),
            SendTimeoutError::Disconnected(_) => f.write_str("Disconnected(..)"),
            SendTimeoutError::Fault(_, fault) => write!(f, "Fault(.., {fault:?})"),
        }
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Disconnected(_) => f.pad(DISCONNECTED_SEND),
            SendError::Fault(_, fault) => fault.fmt(f),
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Full(_) => f.pad("sending on a full channel"),
            TrySendError::Disconnected(_) => f.pad(DISCONNECTED_SEND),
            TrySendError::Fault(_, fault) => fault.fmt(f),
        }
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendTimeoutError::Timeout(_) => f.pad("sending took too long"),
            SendTimeoutError::Disconnected(_) => f.pad(DISCONNECTED_SEND),
            SendTimeoutError::Fault(_, fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Disconnected => f.pad(DISCONNECTED_RECV),
            RecvError::Fault(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.pad("receiving on an empty channel"),
            TryRecvError::Disconnected => f.pad(DISCONNECTED_RECV),
            TryRecvError::Fault(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvTimeoutError::Timeout => f.pad("receiving took too long"),
            RecvTimeoutError::Disconnected => f.pad(DISCONNECTED_RECV),
            RecvTimeoutError::Fault(fault) => fault.fmt(f),
        }
    }
}

impl<T> Error for SendError<T> {}
impl<T> Error for TrySendError<T> {}
impl<T> Error for SendTimeoutError<T> {}
impl Error for RecvError {}
impl Error for TryRecvError {}
impl Error for RecvTimeoutError {}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Disconnected => TryRecvError::Disconnected,
            RecvError::Fault(fault) => TryRecvError::Fault(fault),
        }
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Disconnected => RecvTimeoutError::Disconnected,
            RecvError::Fault(fault) => RecvTimeoutError::Fault(fault),
        }
    }
}
