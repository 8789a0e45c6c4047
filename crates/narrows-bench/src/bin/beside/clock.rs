//! Time inside a sample.

use std::sync::LazyLock;
use std::time::Instant;

/// Nanoseconds since the process first asked. Never 0, which can therefore mean that something has not happened.
pub(crate) fn now() -> u64 {
    static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(EPOCH.elapsed().as_nanos()).unwrap_or(u64::MAX - 1) + 1
}
