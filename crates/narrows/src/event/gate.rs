//! A gate: shut, then opened once and for ever.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{Event, Flag, Source};

/// A gate that is shut at first, and opened once and for ever. Everybody who waits before it goes on then, and whoever
/// comes later does not wait.
///
/// Everything done before [`open`](Gate::open) is visible to who has waited, or has seen it open. To share one by value
/// put it into an [`Arc`](std::sync::Arc). Who has something to say along with it sends it through a channel instead.
///
/// ```
/// use narrows::Gate;
/// use std::thread;
///
/// let start = Gate::new();
/// thread::scope(|scope| {
///     for runner in 0..3 {
///         let start = &start;
///         scope.spawn(move || {
///             start.wait();
///             println!("{runner} runs");
///         });
///     }
///     assert!(start.open());
/// });
/// assert!(start.is_open() && !start.open());
/// ```
pub struct Gate {
    flag: Flag,
}

impl Gate {
    /// A gate that is shut.
    pub fn new() -> Gate {
        Gate { flag: Flag::new() }
    }

    /// Opens it. True if that made the difference: of all calls, of one.
    pub fn open(&self) -> bool {
        self.flag.set()
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.flag.has_truly_happened()
    }

    /// That it is open, as something to wait for: await it, [block](Event::wait) on it, or select it.
    pub fn opened(&self) -> Event<'_> {
        Event::new(Source::Flag(&self.flag))
    }

    /// Blocks until it is open.
    pub fn wait(&self) {
        self.opened().wait();
    }

    /// Blocks for at most `timeout`; true if it is open. A time-out beyond the clock's range never comes.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.opened().wait_timeout(timeout)
    }

    /// Blocks until `deadline` at most; true if it is open. One that has passed already means: look once.
    pub fn wait_deadline(&self, deadline: Instant) -> bool {
        self.opened().wait_deadline(deadline)
    }
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("is_open", &self.flag.has_happened()).finish_non_exhaustive()
    }
}
