//! A task: a future with what its runtime must know of it, and the handle.
//!
//! `async-task` holds the future, its state and its counts. Around the future lies [`Tracked`]: it catches panics, ends a task
//! that was cancelled, and takes it from the list when it is over.

use std::{
    any::Any,
    error::Error,
    fmt,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    ptr::NonNull,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

#[cfg(not(narrows_check))]
use async_task::{ScheduleInfo, WithInfo};
use pin_project_lite::pin_project;

use crate::{registry::Key, runtime::Shared, scope::State, thread};

/// A task that is ready to be polled.
pub(crate) type Runnable = async_task::Runnable<Meta>;

#[cfg(not(narrows_check))]
type Handle<T> = async_task::Task<Answer<T>, Meta>;
#[cfg(narrows_check)]
type Handle<T> = thread::Handle<T>;

/// What lies beside every future.
pub(crate) struct Meta {
    shared: Arc<Shared>,
    key: Key,
    is_cancelled: AtomicBool,
    has_name: bool,
    scope: Option<Arc<State>>,
}

impl Meta {
    /// What names a task while it lives: where this lies.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

pin_project! {
    struct Tracked<'a, F> {
        #[pin]
        future: Option<F>,
        // Behind the future, so dropped after it.
        meta: Ends<'a>,
    }
}

/// Takes the task from the list when the future is gone.
struct Ends<'a>(&'a Meta);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let Meta { shared, key, has_name, scope, .. } = self.0;
        let address = self.0.address();
        thread::task_ended(address);
        shared.ended(*key, has_name.then_some(address));
        if let Some(scope) = scope {
            scope.ended(*key, address);
        }
    }
}

impl<F: Future> Future for Tracked<'_, F> {
    type Output = Answer<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let meta = this.meta.0;
        let shared = &meta.shared;
        // Relaxed: whoever cancels wakes the task afterwards, and that brings it here.
        let is_cancelled = meta.is_cancelled.load(Ordering::Relaxed)
            || shared.cancels_all()
            || meta.scope.as_ref().is_some_and(|scope| scope.drops_all());
        let polled = if is_cancelled {
            Ok(Poll::Ready(None))
        } else {
            let future = this.future.as_mut().as_pin_mut().expect("polled until it is done");
            catch(|| future.poll(cx).map(Some))
        };
        if matches!(polled, Ok(Poll::Pending)) {
            return Poll::Pending;
        }
        let gone = catch(|| this.future.set(None));
        let answer = match (polled, gone) {
            (Ok(Poll::Ready(Some(value))), Ok(())) => Ok(value),
            (Ok(_), Ok(())) => Err(TaskError::Cancelled),
            (Ok(value), Err(why)) => {
                drop_quietly(value);
                Err(TaskError::Panicked(Panic::new(why)))
            }
            (Err(why), gone) => {
                drop_quietly(gone);
                Err(TaskError::Panicked(Panic::new(why)))
            }
        };
        shared.tally(answer.as_ref().err());
        if let (Some(scope), Err(TaskError::Panicked(why))) = (&meta.scope, &answer) {
            scope.failed(crate::name().as_deref(), why.message().unwrap_or("a panic without a text"));
        }
        Poll::Ready(Answer(Some(answer)))
    }
}

/// What a task leaves to its handle. If nobody takes it and its drop panics, that goes no further: `async-task` would end the
/// process.
struct Answer<T>(Option<Result<T, TaskError>>);

impl<T> Answer<T> {
    fn take(mut self) -> Result<T, TaskError> {
        self.0.take().expect("taken once")
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            drop_quietly(answer);
        }
    }
}

fn catch<R>(run: impl FnOnce() -> R) -> std::thread::Result<R> {
    panic::catch_unwind(AssertUnwindSafe(run))
}

/// Drops it. The hook has said so if that panics; what was thrown may do so again, and is then left alone.
fn drop_quietly<T>(value: T) {
    if let Err(why) = catch(|| drop(value))
        && let Err(again) = catch(|| drop(why))
    {
        std::mem::forget(again);
    }
}

/// Makes a task of a future, and says that it is ready.
pub(crate) fn spawn<F>(shared: &Arc<Shared>, name: Option<&str>, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    spawn_in(shared, name, None, future)
}

/// The same in a scope, if there is one.
#[cfg(narrows_check)]
pub(crate) fn spawn_in<F>(
    shared: &Arc<Shared>,
    name: Option<&str>,
    scope: Option<Arc<State>>,
    future: F,
) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let key = shared.registry().reserve();
    let is_cancelled = AtomicBool::new(shared.is_closing());
    let meta = Arc::new(Meta { shared: shared.clone(), key, is_cancelled, has_name: name.is_some(), scope });
    if let Some(name) = name {
        shared.set_name(meta.address(), name);
    }
    if let Some(scope) = &meta.scope {
        scope.begun(shared, key, meta.address());
    }
    Task { task: Some(thread::start(meta, name, future)) }
}

#[cfg(narrows_check)]
impl Meta {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn track<F: Future>(&self, future: F) -> impl Future<Output = Result<F::Output, TaskError>> {
        let tracked = Tracked { future: Some(future), meta: Ends(self) };
        async move { tracked.await.take() }
    }

    /// As the registry is to know.
    pub(crate) fn is_waked_by(&self, waker: &std::task::Waker) {
        self.shared.registry().fill(self.key, waker.clone());
    }
}

/// The same in a scope, if there is one.
#[cfg(not(narrows_check))]
pub(crate) fn spawn_in<F>(
    shared: &Arc<Shared>,
    name: Option<&str>,
    scope: Option<Arc<State>>,
    future: F,
) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let key = shared.registry().reserve();
    let is_cancelled = AtomicBool::new(shared.is_closing());
    let meta = Meta { shared: shared.clone(), key, is_cancelled, has_name: name.is_some(), scope };
    let track = |meta| Tracked { future: Some(future), meta: Ends(meta) };
    // SAFETY: `spawn_unchecked` asks for four things. The future is Send and so is `schedule`, a plain function. The future
    // and its answer are 'static but for the borrow of the metadata, which async-task frees only after the future and does
    // not move. The wakers are Send and Sync because `schedule` is.
    let (runnable, task) =
        unsafe { async_task::Builder::new().metadata(meta).spawn_unchecked(track, WithInfo(schedule)) };
    let address = runnable.metadata().address();
    if let Some(name) = name {
        shared.set_name(address, name);
    }
    shared.registry().fill(key, runnable.waker());
    if let Some(scope) = &runnable.metadata().scope {
        scope.begun(shared, key, address);
    }
    runnable.schedule();
    Task { task: Some(task) }
}

/// What async-task calls when a task was woken.
#[cfg(not(narrows_check))]
fn schedule(runnable: Runnable, info: ScheduleInfo) {
    let shared = &runnable.metadata().shared;
    if thread::is_of(shared) {
        // This thread holds what it runs for.
        return thread::schedule_here(into_item(runnable), info.woken_while_running);
    }
    // Who runs it next may be done with it before we are: it must not be the last that holds what we use.
    let shared = shared.clone();
    shared.inject([into_item(runnable)]);
}

/// As queues hold it.
#[cfg(not(narrows_check))]
fn into_item(runnable: Runnable) -> NonNull<()> {
    runnable.into_raw()
}

/// Out of a queue.
pub(crate) fn from_item(item: NonNull<()>) -> Runnable {
    // SAFETY: queues are filled by `into_item` alone, with this type of metadata, and give each item out once: a ring by
    // its stamps (modelled), a slot by a swap, the injector under its lock.
    unsafe { Runnable::from_raw(item) }
}

/// What names the task to people, see [`Shared::set_name`].
pub(crate) fn address_of(runnable: &Runnable) -> usize {
    runnable.metadata().address()
}

/// A task under way, from [`go`](crate::go). Await it, or [`join`](Task::join) it from a thread, for what it returns.
///
/// Dropped, it lets the task go on by itself.
///
/// ```
/// use narrows_task::{TaskError, block_on, go};
///
/// assert_eq!(block_on(go(async { 6 * 7 })).unwrap(), 42);
///
/// let broken = go(async { panic!("no such page") });
/// match broken.join() {
///     Err(TaskError::Panicked(why)) => assert_eq!(why.message(), Some("no such page")),
///     other => panic!("{other:?}"),
/// }
/// ```
///
/// # Cancel safety
/// To await `&mut task` in a select and drop that wait loses nothing.
pub struct Task<T> {
    task: Option<Handle<T>>,
}

impl<T> Task<T> {
    fn inner(&self) -> &Handle<T> {
        self.task.as_ref().expect("a handle has its task until it is dropped")
    }

    /// Lets it go on by itself. As does dropping the handle; this says that it is meant.
    pub fn detach(self) {}

    /// Waits on this thread until it is done. Inside a task the worker is handed over meanwhile.
    ///
    /// # Errors
    /// The task panicked, or was cancelled.
    pub fn join(self) -> Result<T, TaskError> {
        crate::block_on(self)
    }

    /// Has the future dropped where it waits, or at its next await. One that is done, or never awaits, is not disturbed.
    pub fn cancel(&self) {
        let meta = self.inner().metadata();
        if !self.is_finished() {
            meta.is_cancelled.store(true, Ordering::Relaxed);
            meta.shared.registry().wake(meta.key);
        }
    }

    /// Whether it has ended, in whatever way.
    pub fn is_finished(&self) -> bool {
        self.inner().is_finished()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let task = self.task.as_mut().expect("a handle has its task until it is dropped");
        // It has an answer in any case: what is queued is run even at the end, if only to be told.
        let polled = Pin::new(task).poll(cx);
        #[cfg(not(narrows_check))]
        let polled = polled.map(Answer::take);
        polled
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.detach();
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("is_finished", &self.is_finished()).finish()
    }
}

/// Why a task has no answer.
#[derive(Debug)]
pub enum TaskError {
    /// It panicked.
    Panicked(Panic),
    /// It was cancelled, by its handle, its scope, or the end of its runtime.
    Cancelled,
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Panicked(why) => match why.message() {
                Some(message) => write!(f, "the task panicked: {message}"),
                None => f.write_str("the task panicked"),
            },
            TaskError::Cancelled => f.write_str("the task was cancelled"),
        }
    }
}

impl Error for TaskError {}

/// What a task panicked with.
pub struct Panic(Box<Caught>);

struct Caught {
    message: Option<String>,
    // In a lock only because it must be Sync, and what was thrown need not be.
    value: Mutex<Box<dyn Any + Send>>,
}

impl Panic {
    pub(crate) fn new(value: Box<dyn Any + Send>) -> Panic {
        let text = value.downcast_ref::<&'static str>().map(|&text| text.to_owned());
        let message = text.or_else(|| value.downcast_ref::<String>().cloned());
        Panic(Box::new(Caught { message, value: Mutex::new(value) }))
    }

    /// What it said, if that is text, as it is with `panic!`.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// The value itself.
    pub fn into_inner(self) -> Box<dyn Any + Send> {
        self.0.value.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on panicking with it, here.
    pub fn resume(self) -> ! {
        panic::resume_unwind(self.into_inner())
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message()).finish()
    }
}
