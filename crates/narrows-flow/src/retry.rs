//! Trying again: a function that may fail becomes one that fails for good only after some attempts, with a rest between them.

use std::{error::Error, fmt, time::Duration};

use narrows::CancelToken;

use crate::stop::Stop;

/// How often to try again, and how long to rest before. Given to a stage by [`wrap`](Retry::wrap).
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use narrows_flow::{IntoFlow, Retry};
///
/// let calls = AtomicU32::new(0);
/// let flaky = |n: &u32| if calls.fetch_add(1, Ordering::Relaxed) == 0 { Err("busy") } else { Ok(n * 2) };
/// let made: Vec<_> = std::thread::scope(|scope| {
///     [4].into_iter().flow().within(scope).map_ordered(1, Retry::times(2).wrap(flaky)).collect()
/// });
/// assert!(matches!(made[..], [Ok(8)]));
/// assert_eq!(calls.into_inner(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Retry {
    times: u32,
    rest: Duration,
    longest: Duration,
    stop: CancelToken,
}

impl Retry {
    /// Tries again so many times after the first, without a rest.
    pub fn times(times: u32) -> Retry {
        Retry { times, rest: Duration::ZERO, longest: Duration::ZERO, stop: CancelToken::new() }
    }

    /// Rests so long before the second attempt, and before each later one twice as long as the last time, up to `longest`. The
    /// worker rests with it.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Retry {
        (self.rest, self.longest) = (first.min(longest), longest);
        self
    }

    /// When `stop` stops at once, a rest ends and no further attempt is made.
    #[must_use]
    pub fn stopping(mut self, stop: &Stop) -> Retry {
        self.stop = stop.now_token().clone();
        self
    }

    /// Calls `f` until it succeeds or the attempts are used up. It borrows the item, so that the item of a failure is
    /// there to be given back.
    pub fn wrap<T, R, E>(
        self,
        f: impl Fn(&T) -> Result<R, E> + Send + Sync,
    ) -> impl Fn(T) -> Result<R, Failed<T, E>> + Send + Sync {
        move |item| self.call(item, &f)
    }

    fn call<T, R, E>(&self, item: T, f: impl Fn(&T) -> Result<R, E>) -> Result<R, Failed<T, E>> {
        let (mut rest, mut attempts) = (self.rest, 0_u32);
        loop {
            attempts = attempts.saturating_add(1);
            let error = match f(&item) {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            let is_stopped = || !rest.is_zero() && self.stop.cancelled().wait_timeout(rest);
            if attempts > self.times || self.stop.is_cancelled() || is_stopped() {
                return Err(Failed { item, error, attempts });
            }
            rest = rest.saturating_mul(2).min(self.longest);
        }
    }
}

/// An item that failed for good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Failed<T, E> {
    /// The item, as it was.
    pub item: T,
    /// What the last attempt said.
    pub error: E,
    /// How often it was tried.
    pub attempts: u32,
}

impl<T, E: fmt::Debug> fmt::Debug for Failed<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failed { item: _, error, attempts } = self;
        f.debug_struct("Failed").field("error", error).field("attempts", attempts).finish_non_exhaustive()
    }
}

impl<T, E: fmt::Display> fmt::Display for Failed<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failed { item: _, error, attempts } = self;
        write!(f, "failed after {attempts} attempts: {error}")
    }
}

impl<T, E: Error + 'static> Error for Failed<T, E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
