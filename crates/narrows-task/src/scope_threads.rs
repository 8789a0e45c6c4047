//! Scopes of threads, which may borrow: `std::thread::scope` with a token, a deadline, and failures that are told.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use narrows::{
    CancelToken,
    check::thread::{self, ScopedJoinHandle},
};

use crate::{
    scope::{ScopeError, ScopeOptions, State},
    task::{Panic, TaskError},
};

/// Where threads of a scope are started.
#[derive(Debug)]
pub struct ThreadScope<'scope, 'env> {
    threads: &'scope thread::Scope<'scope, 'env>,
    state: Arc<State>,
}

/// A thread of a scope.
#[derive(Debug)]
pub struct ScopedThread<'scope, T> {
    handle: ScopedJoinHandle<'scope, Result<T, TaskError>>,
}

impl<T> ScopedThread<'_, T> {
    /// Waits until it has ended.
    ///
    /// # Errors
    /// It panicked.
    pub fn join(self) -> Result<T, TaskError> {
        // Inside a task the others go on.
        crate::blocking(|| self.handle.join()).unwrap_or_else(|why| Err(TaskError::Panicked(Panic::new(why))))
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

/// Runs threads that may borrow what lives longer than the scope, and have all ended when it ends.
///
/// A thread cannot be ended from outside: it sees by the [token](ThreadScope::token) that it is to end, in a select or now and then.
///
/// ```
/// let words = vec!["to", "be"];
/// let length = narrows_task::thread_scope(|scope| {
///     let lengths: Vec<_> = words.iter().map(|word| scope.spawn(move |_| word.len())).collect();
///     lengths.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
/// });
/// assert_eq!(length, Ok(4));
/// ```
///
/// # Errors
/// A thread panicked, or the scope was cancelled. What the body returned is dropped then.
pub fn thread_scope<'env, R>(body: impl for<'scope> FnOnce(&ThreadScope<'scope, 'env>) -> R) -> Result<R, ScopeError> {
    ScopeOptions::default().run_threads(body)
}

impl ScopeOptions {
    /// Runs threads that may borrow, see [`thread_scope`]. For them there is no grace: they end when they see the token.
    ///
    /// # Errors
    /// As [`thread_scope`]; and the deadline came.
    ///
    /// # Panics
    /// If the body does; the scope is then cancelled and its threads waited for.
    pub fn run_threads<'env, R>(
        self,
        body: impl for<'scope> FnOnce(&ThreadScope<'scope, 'env>) -> R,
    ) -> Result<R, ScopeError> {
        let state = Arc::new(State::new(&self));
        let value = crate::blocking(|| {
            thread::scope(|threads| {
                let scope = ThreadScope { threads, state: state.clone() };
                let value = catch_unwind(AssertUnwindSafe(|| body(&scope)));
                if value.is_err() {
                    state.token.cancel_because("the body of the scope panicked");
                }
                value
            })
        });
        let value = value.unwrap_or_else(|why| resume_unwind(why));
        state.result(Some(value), state.token.is_cancelled())
    }
}

impl<'scope> ThreadScope<'scope, '_> {
    /// Starts a thread, which is given the scope's token.
    ///
    /// # Panics
    /// If the system has no thread.
    pub fn spawn<T: Send + 'scope>(
        &self,
        work: impl FnOnce(&CancelToken) -> T + Send + 'scope,
    ) -> ScopedThread<'scope, T> {
        let state = self.state.clone();
        let handle = self.threads.spawn(move || {
            catch_unwind(AssertUnwindSafe(|| work(&state.token))).map_err(|why| {
                let why = Panic::new(why);
                state.failed(thread::current().name(), why.message().unwrap_or("a panic without a text"));
                TaskError::Panicked(why)
            })
        });
        ScopedThread { handle }
    }

    /// What is cancelled when the scope is. To cancel it cancels the scope.
    pub fn token(&self) -> &CancelToken {
        &self.state.token
    }
}
