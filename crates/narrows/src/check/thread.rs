//! Threads for a program that is checked: std's, or the checker's under `--cfg narrows_check`. The same names mean the same.

use std::time::Duration;

#[cfg(narrows_check)]
pub use shuttle::{
    thread::{
        AccessError, Builder, JoinHandle, LocalKey, Result, Scope, ScopedJoinHandle, Thread, ThreadId, current,
        panicking, park, scope, yield_now,
    },
    thread_local,
};
#[cfg(not(narrows_check))]
pub use std::{
    thread::{
        AccessError, Builder, JoinHandle, LocalKey, Result, Scope, ScopedJoinHandle, Thread, ThreadId, current,
        panicking, park, scope, yield_now,
    },
    thread_local,
};

/// Spawns a thread. In the checker's reports it is named after the place where this is called; a [`Builder`] gives it
/// another name.
///
/// # Panics
/// If the system gives no thread. Under `--cfg narrows_check` if it is called outside a checked run.
#[track_caller]
pub fn spawn<F, T>(body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    #[cfg(narrows_check)]
    {
        super::must_be_in_a_run();
        let place = std::panic::Location::caller();
        let name = format!("spawned at {}:{}", place.file(), place.line());
        Builder::new().name(name).spawn(body).expect("the checker gives a thread")
    }
    #[cfg(not(narrows_check))]
    std::thread::spawn(body)
}

/// Sleeps for at least `duration`. Under `--cfg narrows_check` for as long as the schedule wants, and no time is lost.
pub fn sleep(duration: Duration) {
    #[cfg(narrows_check)]
    crate::time::sleep(duration);
    #[cfg(not(narrows_check))]
    std::thread::sleep(duration);
}
