//! Scopes: tasks, or threads, that have ended when the scope has. What ends a scope early is one token, seen by all in it.

use std::{
    collections::HashSet,
    error::Error,
    fmt,
    future::{self, Future},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use narrows::{CancelReason, CancelToken};
use pin_project_lite::pin_project;

use crate::{
    registry::Key,
    runtime::Shared,
    sync::lock,
    task::{self, Task},
};

/// What a scope does when something in it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Cancels the others.
    #[default]
    CancelSiblings,
    /// Lets them go on, and tells of all failures in the end.
    Collect,
}

/// A failure in a scope: the name of the task or thread, if it has one, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The name.
    pub name: Option<String>,
    /// What it said as it panicked, or its error.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.name.as_deref().unwrap_or("one of them"), self.message)
    }
}

/// A scope in which something failed, or that was cancelled. All in it have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScopeError {
    /// Why it was cancelled, if it was: with [`OnFailure::Collect`] failures do not cancel.
    pub reason: Option<CancelReason>,
    /// What failed, in that order.
    pub failures: Vec<Failure>,
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.failures.first(), &self.reason) {
            // Most often the failure is the reason.
            (Some(first), None | Some(CancelReason::Because(_))) => write!(f, "{first}")?,
            (Some(first), Some(reason)) => write!(f, "{reason}; {first}")?,
            (None, Some(reason)) => write!(f, "the scope ended early: {reason}")?,
            (None, None) => f.write_str("the scope failed")?,
        }
        match self.failures.len() {
            0 | 1 => Ok(()),
            n => write!(f, " (and {} more)", n - 1),
        }
    }
}

impl Error for ScopeError {}

/// How a scope is to be. From [`scope_options`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ScopeOptions {
    pub(crate) deadline: Option<Instant>,
    pub(crate) on_failure: OnFailure,
    pub(crate) grace: Duration,
    pub(crate) token: CancelToken,
}

/// A scope that has a deadline, a token above it, or another policy than to cancel the siblings of what fails.
///
/// ```
/// use std::time::Duration;
/// use narrows::CancelReason;
/// use narrows_task::{block_on, scope_options, sleep};
///
/// let ended = block_on(scope_options().timeout(Duration::from_millis(5)).run(|scope| async move {
///     scope.go(sleep(Duration::from_secs(3600)));
/// }));
/// assert_eq!(ended.unwrap_err().reason, Some(CancelReason::Deadline));
/// ```
pub fn scope_options() -> ScopeOptions {
    ScopeOptions::default()
}

impl ScopeOptions {
    /// Cancelled at that moment, if it has not ended.
    pub fn deadline(mut self, deadline: Instant) -> ScopeOptions {
        self.deadline = Some(deadline);
        self
    }

    /// The same so long from now; a time too far away for the clock never comes.
    pub fn timeout(self, timeout: Duration) -> ScopeOptions {
        match narrows::check::now().checked_add(timeout) {
            Some(deadline) => self.deadline(deadline),
            None => self,
        }
    }

    /// What it does when something in it fails.
    pub fn on_failure(mut self, on_failure: OnFailure) -> ScopeOptions {
        self.on_failure = on_failure;
        self
    }

    /// When it is cancelled its tasks have so long to see that by the token and to end by themselves; then they are dropped where
    /// they wait. By default at once.
    pub fn grace(mut self, grace: Duration) -> ScopeOptions {
        self.grace = grace;
        self
    }

    /// The token above it: with that one, it is cancelled.
    pub fn under(mut self, token: &CancelToken) -> ScopeOptions {
        self.token = token.clone();
        self
    }

    /// Runs it, see [`scope`].
    ///
    /// # Errors
    /// Something failed, the deadline came, or it was cancelled. All in it have ended.
    ///
    /// # Cancel safety
    /// As [`scope`].
    pub async fn run<R, F: Future<Output = R>>(self, body: impl FnOnce(Scope) -> F) -> Result<R, ScopeError> {
        let state = Arc::new(State::new(&self));
        let _leaves = CancelsAll(&state);
        let scope = Scope { runtime: crate::verbs::runtime(), state: state.clone() };
        // Cancelled, it is dropped before its tasks are waited for: it may hold what they wait for.
        let value = state.token.run_until_cancelled(async { body(scope).await }).await;
        let mut was_cancelled = value.is_none();
        let (mut cancelled, mut grace) = (state.token.cancelled(), pin!(crate::sleep(self.grace)));
        future::poll_fn(|cx| {
            if state.poll_ended(cx).is_ready() {
                return Poll::Ready(());
            }
            was_cancelled = was_cancelled || Pin::new(&mut cancelled).poll(cx).is_ready();
            if was_cancelled && !state.drops_all() && (self.grace.is_zero() || grace.as_mut().poll(cx).is_ready()) {
                state.drop_all();
            }
            Poll::Pending
        })
        .await;
        state.drop_all();
        state.result(value, was_cancelled)
    }
}

/// Runs tasks that have all ended when it ends. The body, on the calling task, starts them; that it has returned is not the end: the
/// tasks are waited for. One that panics cancels the others, and the scope says so.
///
/// ```
/// use narrows_task::{block_on, scope};
///
/// let sum = block_on(scope(|scope| async move {
///     let parts: Vec<_> = (0..4).map(|k| scope.go(async move { k * k })).collect();
///     let mut sum = 0;
///     for part in parts {
///         sum += part.await.unwrap();
///     }
///     sum
/// }));
/// assert_eq!(sum, Ok(14));
/// ```
///
/// # Errors
/// A task failed, or the scope was cancelled. What the body returned is dropped then.
///
/// # Cancel safety
/// Dropped before it has ended, it cancels its tasks; they are dropped where they wait, which is then not waited for.
pub async fn scope<R, F: Future<Output = R>>(body: impl FnOnce(Scope) -> F) -> Result<R, ScopeError> {
    scope_options().run(body).await
}

/// Where tasks of a scope are started. Clones are the same.
#[derive(Clone)]
pub struct Scope {
    runtime: Arc<Shared>,
    state: Arc<State>,
}

impl Scope {
    /// Starts a task of this scope. Once the scope is cancelled it is cancelled at its first await; to wait for it here is not
    /// needed: the scope does.
    pub fn go<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn_in(&self.runtime, None, Some(self.state.clone()), future)
    }

    /// The same with a name.
    pub fn go_named<F>(&self, name: &str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn_in(&self.runtime, Some(name), Some(self.state.clone()), future)
    }

    /// Starts a task that fails not only by a panic but also by an error, which counts as one for the scope.
    pub fn try_go<F, T, E>(&self, future: F) -> Task<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        self.go(Fallible { future, state: self.state.clone() })
    }

    /// What is cancelled when the scope is. To cancel it cancels the scope.
    pub fn token(&self) -> &CancelToken {
        &self.state.token
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("is_cancelled", &self.state.token.is_cancelled()).finish_non_exhaustive()
    }
}

pin_project! {
    /// A task whose error is a failure of its scope.
    struct Fallible<F> {
        #[pin]
        future: F,
        state: Arc<State>,
    }
}

impl<T, E: fmt::Display, F: Future<Output = Result<T, E>>> Future for Fallible<F> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = this.future.poll(cx);
        if let Poll::Ready(Err(error)) = &polled {
            this.state.failed(crate::name().as_deref(), &error.to_string());
        }
        polled
    }
}

/// What a scope and what is in it share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) token: CancelToken,
    on_failure: OnFailure,
    /// Its tasks are dropped at their next await; so is what is begun after its end.
    drops_all: AtomicBool,
    inside: Mutex<Inside>,
    failures: Mutex<Vec<Failure>>,
}

#[derive(Debug, Default)]
struct Inside {
    tasks: HashSet<(Key, usize)>,
    runtime: Option<Arc<Shared>>,
    waker: Option<Waker>,
}

/// Cancels a scope whose future is dropped.
struct CancelsAll<'a>(&'a Arc<State>);

impl Drop for CancelsAll<'_> {
    fn drop(&mut self) {
        if !lock(&self.0.inside).tasks.is_empty() {
            self.0.token.cancel_because("the scope was dropped");
            self.0.drop_all();
        }
    }
}

impl State {
    pub(crate) fn new(options: &ScopeOptions) -> State {
        State {
            token: match options.deadline {
                Some(deadline) => options.token.child_with_deadline(deadline),
                None => options.token.child(),
            },
            on_failure: options.on_failure,
            drops_all: AtomicBool::new(false),
            inside: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Whether its tasks are to be dropped.
    pub(crate) fn drops_all(&self) -> bool {
        // Relaxed: whoever sets it wakes them afterwards, under the lock by which they are listed.
        self.drops_all.load(Ordering::Relaxed)
    }

    fn drop_all(&self) {
        let inside = lock(&self.inside);
        self.drops_all.store(true, Ordering::Relaxed);
        let (runtime, mut keys): (_, Vec<_>) =
            (inside.runtime.clone(), inside.tasks.iter().map(|task| task.0).collect());
        drop(inside);
        let Some(runtime) = runtime else { return };
        // In the order of the list, not of a hash: a schedule of the checker is to be repeated.
        keys.sort_unstable();
        for key in keys {
            runtime.registry().wake(key);
        }
    }

    /// A task has begun.
    pub(crate) fn begun(&self, runtime: &Arc<Shared>, key: Key, address: usize) {
        let mut inside = lock(&self.inside);
        inside.tasks.insert((key, address));
        inside.runtime.get_or_insert_with(|| runtime.clone());
    }

    /// A task's future is gone.
    pub(crate) fn ended(&self, key: Key, address: usize) {
        let mut inside = lock(&self.inside);
        inside.tasks.remove(&(key, address));
        let waker = if inside.tasks.is_empty() { inside.waker.take() } else { None };
        drop(inside);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll_ended(&self, cx: &Context<'_>) -> Poll<()> {
        // Cloned and dropped without the lock: that is the user's code.
        let waker = cx.waker().clone();
        let mut inside = lock(&self.inside);
        if inside.tasks.is_empty() {
            drop(inside);
            return Poll::Ready(());
        }
        let before = inside.waker.replace(waker);
        drop(inside);
        drop(before);
        Poll::Pending
    }

    /// Something in it failed.
    pub(crate) fn failed(&self, name: Option<&str>, message: &str) {
        let failure = Failure { name: name.map(str::to_owned), message: message.to_owned() };
        let why = failure.to_string();
        lock(&self.failures).push(failure);
        if self.on_failure == OnFailure::CancelSiblings {
            self.token.cancel_because(why);
        }
    }

    pub(crate) fn result<R>(&self, value: Option<R>, was_cancelled: bool) -> Result<R, ScopeError> {
        let failures = std::mem::take(&mut *lock(&self.failures));
        let reason = was_cancelled.then(|| self.token.reason()).flatten();
        match value {
            Some(value) if reason.is_none() && failures.is_empty() => Ok(value),
            _ => Err(ScopeError { reason, failures }),
        }
    }
}
