//! Ranks that are processes of one host: a mailbox for each in shared memory, by [`narrows_shm`].
//!
//! ```text
//!   launcher ---- starts, and tells how each has ended ----+------------+
//!      ^                                                   v            v
//!    inbox <--- "I have closed" ---- rank 0 --> mailbox of 1, of 2    mailbox of 0 --> rank 0
//! ```
//! A mailbox is a queue between processes, to which all other ranks send. It is bounded, so a sender waits while it is full. A frame
//! that is longer than a message goes in pieces, which the receiver puts together by their sender: pieces of two senders may lie
//! mixed in a mailbox. What a rank has sent is in the mailboxes whatever becomes of it; who is killed in the middle of a
//! frame has not sent it.
//!
//! The processes inherit all that as open files without a name, found by the variables `NARROWS_RANK`, `NARROWS_RANKS`,
//! `NARROWS_WORLD` (the inbox) and `NARROWS_WORLD_0` and so on (the mailboxes), as [`narrows_shm::Channel::pass_to_child`]
//! writes them.

mod launch;
mod link;
mod wire;

#[cfg(test)]
mod tests;

use std::{error, fmt};

use narrows_shm::OpenError;

use crate::{Process, World};

pub use launch::Launcher;
pub use link::Link;

impl World {
    /// This process's rank in the world that `narrows run` has started.
    ///
    /// ```no_run
    /// use narrows_rank::World;
    ///
    /// // narrows run -n 4 PROGRAM
    /// let sum = World::processes()?.run(|me| me.all_reduce(me.rank(), |a, b| a + b))?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If this process was not started as a rank, or has taken part before. [`StartError::NotARank`] may be a reason to run the
    /// same program on [threads](World::threads).
    pub fn processes() -> Result<Process, StartError> {
        Link::from_env().map(World::over)
    }
}

/// Which rank a process is.
const RANK: &str = "NARROWS_RANK";
/// How many ranks there are.
const RANKS: &str = "NARROWS_RANKS";
/// The inbox of who has started the ranks.
const INBOX: &str = "NARROWS_WORLD";
/// The mailbox of a rank, whose number follows.
const MAILBOX: &str = "NARROWS_WORLD_";

/// Why this process is no rank.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Nothing says that it is one.
    NotARank,
    /// A variable of the environment says what it cannot.
    Variable(&'static str, String),
    /// What it shares with the others cannot be opened: it was opened before, or was not left open on the way to this process.
    Channel(OpenError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::NotARank => {
                f.write_str("this program is to run as several ranks: start it by `narrows run -n 4 PROGRAM`")
            }
            StartError::Variable(name, value) => write!(
                f,
                "the variable {name} is '{value}', which `narrows run` does not set: start the program by it, or unset {name}"
            ),
            StartError::Channel(error) => write!(
                f,
                "this process cannot take part as a rank, which it can once, if what `narrows run` leaves open for it came here: {error}"
            ),
        }
    }
}

impl error::Error for StartError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            StartError::Channel(error) => Some(error),
            _ => None,
        }
    }
}
