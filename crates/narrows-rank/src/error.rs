//! What can go wrong, in words that say what to do about it.

use std::{fmt, sync::Arc};

/// Why an operation of a rank did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The other rank has ended: nothing comes from it, and nothing sent to it is received.
    Gone {
        /// Which rank.
        rank: usize,
        /// How it ended, in words.
        how: String,
    },
    /// All other ranks have ended, so that a receive from any of them can only wait in vain.
    AllGone,
    /// This rank itself has ended.
    Ended,
    /// There is no rank of that number.
    NoSuchRank {
        /// The number.
        rank: usize,
        /// How many ranks there are.
        size: usize,
    },
    /// The message that matches is of another type. It is left where it was, to be received rightly.
    WrongType {
        /// What the receive asked for.
        wanted: String,
        /// What was sent.
        found: String,
        /// Who sent it.
        source: usize,
        /// With which tag.
        tag: u32,
    },
    /// Nothing has come in time.
    Timeout,
    /// All ranks wait for each other: who waits for what.
    Deadlock(Arc<str>),
    /// A value could not be made into bytes, or back, and why.
    Encoding(String),
    /// A frame to another process is longer than its transport can carry.
    TooLong {
        /// The longest that can be sent, in bytes.
        longest: usize,
    },
    /// A collective was called with what it cannot use, and why.
    Misuse(String),
    /// The way to other processes failed, and why.
    Transport(String),
    /// What a program says of a failure of its own.
    Failed(String),
}

impl Error {
    /// A failure of the program's own, in its words.
    ///
    /// ```
    /// use narrows_rank::{Error, World};
    ///
    /// let failed = World::threads(2)
    ///     .run(|me| if me.rank() == 1 { Err(Error::failed("no data")) } else { Ok(()) })
    ///     .unwrap_err();
    /// assert_eq!(failed.to_string(), "rank 1 failed: no data");
    /// ```
    pub fn failed(why: impl fmt::Display) -> Error {
        Error::Failed(why.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Gone { rank, how } => write!(f, "rank {rank} is gone: it {how}"),
            Error::AllGone => f.write_str("all other ranks are gone, so no message can come"),
            Error::Ended => f.write_str("this rank has ended"),
            Error::NoSuchRank { rank, size } => {
                write!(f, "there is no rank {rank}: there are {size}, counted from 0")
            }
            Error::WrongType { wanted, found, source, tag } => write!(
                f,
                "the message from rank {source} with tag {tag} is a `{found}`, not a `{wanted}`; \
                 it was left to be received as what it is"
            ),
            Error::Timeout => f.write_str("no time is left"),
            Error::Deadlock(report) => write!(f, "deadlock, every rank waits: {report}"),
            Error::Encoding(why) => write!(f, "a value could not be made into bytes or back: {why}"),
            Error::TooLong { longest } => {
                write!(f, "the message is longer than the {longest} bytes that can be sent between these processes")
            }
            Error::Misuse(why) | Error::Failed(why) => f.write_str(why),
            Error::Transport(why) => write!(f, "the way to the other processes failed: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// A message that was not sent, and why. `?` keeps the reason and drops the message.
#[derive(Clone, PartialEq, Eq)]
pub struct SendError<T> {
    /// The message.
    pub message: T,
    /// Why it was not sent.
    pub error: Error,
}

impl<T> SendError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        self.message
    }
}

impl<T> From<SendError<T>> for Error {
    fn from(unsent: SendError<T>) -> Error {
        unsent.error
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> std::error::Error for SendError<T> {}
