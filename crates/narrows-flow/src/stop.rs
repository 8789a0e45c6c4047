//! How a flow is told to end: after what it has begun, or at once.

use narrows::CancelToken;

/// Ends a flow from outside: clones are the same. From [`stopper`](crate::Mapped::stopper), or given to flows by
/// [`stopping`](crate::Flow::stopping).
///
/// ```
/// use narrows_flow::IntoFlow;
///
/// let mut squares = (0_u64..).flow().map_ordered(2, |n| n * n);
/// let stop = squares.stopper();
/// assert_eq!(squares.next(), Some(0));
/// stop.soon();
/// // What was taken from the source comes out, in order; nothing more is taken.
/// assert!(squares.zip(1..).all(|(square, n)| square == n * n));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stop {
    soon: CancelToken,
    now: CancelToken,
}

impl Stop {
    /// One that no flow heeds until it is told to.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// No item is taken from the source any more. What was taken is worked on and comes out.
    pub fn soon(&self) {
        self.soon.cancel();
    }

    /// No item is begun any more. What is being worked on comes out, and what was not begun is
    /// [given back](crate::Mapped::finish).
    pub fn now(&self) {
        // In this order: who sees the one sees what kind of stop it is.
        self.now.cancel();
        self.soon.cancel();
    }

    /// Whether it has been told to stop, in either way.
    pub fn is_stopping(&self) -> bool {
        self.soon.is_cancelled()
    }

    /// Whether it has been told to stop at once.
    pub fn is_stopping_now(&self) -> bool {
        self.now.is_cancelled()
    }

    /// Cancelled by both ways of stopping.
    pub(crate) fn soon_token(&self) -> &CancelToken {
        &self.soon
    }

    pub(crate) fn now_token(&self) -> &CancelToken {
        &self.now
    }

    /// One that stops with this one, and may be stopped alone.
    pub(crate) fn child(&self) -> Stop {
        Stop { soon: self.soon.child(), now: self.now.child() }
    }
}
