//! What has happened, and whether it may have. Knows nothing of channels.

use std::{
    error, fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A record of events. Clones write into the same one.
///
/// Give each process whose order matters one of its own: it records an event after it took part in it, so two processes
/// that write into one record may do so in another order than they communicated in.
///
/// ```
/// use narrows_flow::csp::Trace;
///
/// let trace = Trace::new();
/// trace.record("coin");
/// trace.record("choc");
/// assert_eq!(trace.take(), ["coin", "choc"]);
/// ```
pub struct Trace<E>(Arc<Mutex<Vec<E>>>);

impl<E> Trace<E> {
    /// An empty one.
    pub fn new() -> Trace<E> {
        Trace(Arc::default())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event.
    pub fn record(&self, event: E) {
        self.lock().push(event);
    }

    /// Takes out what was recorded, the first event first.
    pub fn take(&self) -> Vec<E> {
        std::mem::take(&mut *self.lock())
    }
}

impl<E> Clone for Trace<E> {
    fn clone(&self) -> Trace<E> {
        Trace(self.0.clone())
    }
}

impl<E> Default for Trace<E> {
    fn default() -> Trace<E> {
        Trace::new()
    }
}

impl<E> fmt::Debug for Trace<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("events", &self.lock().len()).finish_non_exhaustive()
    }
}

/// Whether a trace is one of a specification: from `start`, `after` says for each state what an event leads to, or
/// `None` where it must not happen. The state it ends in.
///
/// For events outside of what the specification speaks of, stay in the state.
///
/// # Errors
/// The first event that must not happen, and its place.
///
/// ```
/// use narrows_flow::csp::follow;
///
/// // VMS = coin -> choc -> VMS, as: how many coins are in
/// let vms = |coins, event: &&str| match (coins, *event) {
///     (0, "coin") => Some(1),
///     (1, "choc") => Some(0),
///     _ => None,
/// };
/// assert_eq!(follow(0, ["coin", "choc", "coin"], vms), Ok(1));
/// let refused = follow(0, ["coin", "choc", "choc"], vms).unwrap_err();
/// assert_eq!((refused.at, refused.event), (2, "choc"));
/// ```
pub fn follow<S, E>(
    start: S,
    trace: impl IntoIterator<Item = E>,
    after: impl Fn(S, &E) -> Option<S>,
) -> Result<S, Refused<E>> {
    trace.into_iter().enumerate().try_fold(start, |state, (at, event)| match after(state, &event) {
        Some(next) => Ok(next),
        None => Err(Refused { at, event }),
    })
}

/// An event that a specification does not allow in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused<E> {
    /// How many events came before it.
    pub at: usize,
    /// What happened.
    pub event: E,
}

impl<E: fmt::Debug> fmt::Display for Refused<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} events, {:?} must not happen", self.at, self.event)
    }
}

impl<E: fmt::Debug> error::Error for Refused<E> {}
