//! What is said without naming a runtime.

use std::{future, sync::Arc, task::Poll, time::Duration};

use crate::{
    block,
    runtime::{self, Report, Shared, Stats},
    task::{self, Task},
    thread,
};

/// The runtime that `block_on` runs for here; or the one of this task; or the one of all.
fn here<R>(f: impl FnOnce(&Arc<Shared>) -> R) -> R {
    match block::entered().or_else(thread::current) {
        Some(shared) => f(&shared),
        None => f(runtime::global().shared()),
    }
}

/// The same, to keep.
pub(crate) fn runtime() -> Arc<Shared> {
    here(Arc::clone)
}

/// Starts a task: it runs beside this one, on the same runtime. On a thread that is no runtime's, on the one of all threads, which is
/// made when it is first needed.
///
/// Dropping what this returns lets the task go on by itself. A task that panics ends alone; its handle says so.
///
/// ```
/// let (s, r) = narrows::bounded(1);
/// narrows_task::go(async move { s.send_async("hello").await }).detach();
/// assert_eq!(r.recv(), Ok("hello"));
/// ```
///
/// # Panics
/// If no runtime can be made: `NARROWS_WORKERS` is no number, or the system has no threads.
pub fn go<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    here(|shared| task::spawn(shared, None, future))
}

/// The same with a name, which reports and complaints give.
///
/// # Panics
/// As [`go`].
pub fn go_named<F>(name: &str, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    here(|shared| task::spawn(shared, Some(name), future))
}

/// Runs what blocks, or takes long, in place: the worker goes to another thread first. On other threads it only runs it.
///
/// Channels need no such word: their blocking operations do the same before they sleep.
///
/// ```
/// narrows_task::go(async {
///     let text = narrows_task::blocking(|| std::fs::read_to_string("/etc/hostname"));
///     text.map(|text| text.len())
/// });
/// ```
pub fn blocking<R>(work: impl FnOnce() -> R) -> R {
    thread::hand_over();
    work()
}

/// Lets the others run: the task is polled again when those that are ready have been.
pub async fn yield_now() {
    let mut gave_way = false;
    future::poll_fn(|cx| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits that long, without a thread.
pub async fn sleep(time: Duration) {
    // The only sender is the clock, which does not go.
    let _ = narrows::after(time).recv_async().await;
}

/// The name of this task, if it is one and has one.
pub fn name() -> Option<Arc<str>> {
    let (shared, task) = thread::current_task()?;
    shared.name(task)
}

/// What the runtime of this task, or of all threads, has done.
pub fn stats() -> Stats {
    here(|shared| shared.stats())
}

/// Ends the runtime of all threads, see [`Runtime::shutdown`](crate::Runtime::shutdown). Tasks begun afterwards are cancelled at once.
pub fn shutdown(grace: Duration) -> Report {
    runtime::global().shared().shutdown(grace)
}
