//! Why a token was cancelled. Knows nothing of tokens.

use std::{fmt, sync::Arc};

/// Why a [`CancelToken`](crate::CancelToken) was cancelled.
///
/// ```
/// use narrows::{CancelReason, CancelToken};
///
/// let token = CancelToken::new();
/// token.cancel_because(format!("disk {} is full", 3));
/// assert_eq!(token.reason().unwrap().to_string(), "disk 3 is full");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelReason {
    /// It was told to, and not why: by [`cancel`](crate::CancelToken::cancel) or a guard.
    Asked,
    /// Its deadline has passed, or that of one above.
    Deadline,
    /// What [`cancel_because`](crate::CancelToken::cancel_because) was told.
    Because(Arc<str>),
}

impl From<&str> for CancelReason {
    fn from(reason: &str) -> CancelReason {
        CancelReason::Because(reason.into())
    }
}

impl From<String> for CancelReason {
    fn from(reason: String) -> CancelReason {
        CancelReason::Because(reason.into())
    }
}

impl From<Arc<str>> for CancelReason {
    fn from(reason: Arc<str>) -> CancelReason {
        CancelReason::Because(reason)
    }
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CancelReason::Asked => "cancelled",
            CancelReason::Deadline => "the deadline has passed",
            CancelReason::Because(reason) => reason,
        })
    }
}
