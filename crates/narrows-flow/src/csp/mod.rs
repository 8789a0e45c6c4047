//! Processes that communicate, as in Hoare's book: guarded choice, and traces to compare with a specification.
#![doc = include_str!("README.md")]

mod alt;
mod trace;

use std::{error, fmt};

use narrows::check;

pub use self::{
    alt::Alt,
    trace::{Refused, Trace, follow},
};

/// A guard: that end of a channel if the condition holds.
///
/// ```
/// use narrows::unbounded;
/// use narrows_flow::csp::{Alt, NoChoice, when};
///
/// let (s, r) = unbounded();
/// s.send(1).unwrap();
/// let next = |is_open| Alt::new().recv(when(is_open, &r), |n| n).choose();
/// assert_eq!(next(false), Err(NoChoice::AllFalse));
/// assert_eq!(next(true), Ok(1));
/// ```
pub fn when<C>(guard: bool, end: &C) -> Option<&C> {
    guard.then_some(end)
}

/// Free choice: the program decides, and nobody has a say in it. At even odds; under a checker the schedule decides.
///
/// # Panics
/// If there is nothing to choose from.
///
/// ```
/// let side = narrows_flow::csp::internal(["heads", "tails"]);
/// assert!(["heads", "tails"].contains(&side));
/// ```
pub fn internal<E>(options: impl IntoIterator<Item = E>) -> E {
    let mut options: Vec<E> = options.into_iter().collect();
    assert!(!options.is_empty(), "`internal` needs something to choose from");
    let chosen = check::choose(options.len());
    options.swap_remove(chosen)
}

/// No branch of an [`Alt`] can ever proceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoChoice {
    /// No guard was true, or there was no branch. The process itself has come to `STOP`.
    AllFalse,
    /// The channels of the guards that were true have ended. There is nobody left to hear or to tell.
    AllEnded,
}

impl fmt::Display for NoChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoChoice::AllFalse => "no guard of the alternative is true; add `otherwise` if that may be",
            NoChoice::AllEnded => "every channel that the alternative could use has ended",
        })
    }
}

impl error::Error for NoChoice {}
