//! The only door to threads, locks and atomics: every other file takes them from here, or uses channels. They are std's, or
//! the checker's under `--cfg narrows_check`.

pub(crate) use narrows::check::{
    block_on,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering, fence},
    },
    thread::{JoinHandle, current, panicking, thread_local},
};

/// Takes a lock. No user code runs under any lock of this crate, so a poisoned one is still consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A thread of its own for an actor.
pub(crate) fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    narrows::check::thread::Builder::new().name(name).spawn(body)
}

/// Whether the thread is known to have ended.
#[cfg(not(narrows_check))]
pub(crate) fn has_ended(thread: &JoinHandle<()>) -> bool {
    thread.is_finished()
}

/// Threads of the checker do not say.
#[cfg(narrows_check)]
pub(crate) fn has_ended(_: &JoinHandle<()>) -> bool {
    false
}
