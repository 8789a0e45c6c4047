//! Stands for `thread.rs` under `--cfg narrows_check`: a task is a thread of the checker that runs its future, so a schedule
//! decides at each step which goes on, and who waits in vain is named. There are no workers, or as many as are wanted.

use std::{
    cell::RefCell,
    future,
    mem::ManuallyDrop,
    pin::{Pin, pin},
    ptr,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use narrows::check::{self, thread};

use crate::{
    crew::Order,
    runtime::{Runtime, Shared},
    sync::lock,
    task::{Meta, TaskError},
};

thread::thread_local! {
    /// The task that this thread is.
    static CURRENT: RefCell<Option<(Arc<Shared>, usize)>> = RefCell::new(None);
}

std::thread_local! {
    /// The runtime of all threads of a schedule, and which schedule. Not dropped when no schedule is under way.
    static GLOBAL: RefCell<Option<(usize, ManuallyDrop<Arc<Runtime>>)>> = const { RefCell::new(None) };
}

pub(crate) fn current() -> Option<Arc<Shared>> {
    Some(current_task()?.0)
}

pub(crate) fn is_of(shared: &Shared) -> bool {
    current().is_some_and(|own| ptr::eq(&raw const *own, shared))
}

pub(crate) fn current_task() -> Option<(Arc<Shared>, usize)> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// A thread that blocks keeps nobody from going on.
pub(crate) fn hand_over() {}

pub(crate) fn task_ended(_: usize) {}

/// No worker has anything to do.
pub(crate) fn live(_: &Arc<Shared>, _: Order) {}

/// The runtime behind `go`, of this schedule.
pub(crate) fn global(make: impl FnOnce() -> Runtime) -> Arc<Runtime> {
    let number = check::schedule_number();
    let known = GLOBAL.with_borrow(|global| {
        let (_, known) = global.as_ref().filter(|(of, _)| *of == number)?;
        Some(Arc::clone(known))
    });
    known.unwrap_or_else(|| {
        let new = Arc::new(make());
        let before = GLOBAL.replace(Some((number, ManuallyDrop::new(new.clone()))));
        // The tasks of a schedule that failed are left as they were: nobody can wake them.
        if let Some((_, before)) = before.filter(|(_, before)| before.stats().alive == 0) {
            drop(ManuallyDrop::into_inner(before));
        }
        new
    })
}

/// Where the answer of a task comes.
struct Answer<T> {
    value: Option<Result<T, TaskError>>,
    waker: Option<Waker>,
    is_finished: bool,
}

/// As async-task's handle.
pub(crate) struct Handle<T> {
    meta: Arc<Meta>,
    answer: Arc<Mutex<Answer<T>>>,
}

/// Runs a task's future on a thread of its own.
pub(crate) fn start<F>(meta: Arc<Meta>, name: Option<&str>, future: F) -> Handle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let answer = Arc::new(Mutex::new(Answer { value: None, waker: None, is_finished: false }));
    let handle = Handle { meta: meta.clone(), answer: answer.clone() };
    let body = move || {
        CURRENT.with(|current| *current.borrow_mut() = Some((meta.shared().clone(), meta.address())));
        let value = {
            let mut tracked = pin!(meta.track(future));
            check::block_on(future::poll_fn(|cx| {
                meta.is_waked_by(cx.waker());
                tracked.as_mut().poll(cx)
            }))
        };
        let mut held = lock(&answer);
        held.value = Some(value);
        held.is_finished = true;
        let waker = held.waker.take();
        drop(held);
        if let Some(waker) = waker {
            waker.wake();
        }
    };
    let name = name.map_or_else(|| "a task without a name".to_owned(), |name| format!("task {name}"));
    thread::Builder::new().name(name).spawn(body).expect("the checker gives a thread");
    handle
}

impl<T> Handle<T> {
    pub(crate) fn metadata(&self) -> &Meta {
        &self.meta
    }

    pub(crate) fn is_finished(&self) -> bool {
        // Who asks in a loop lets the others go on.
        thread::yield_now();
        lock(&self.answer).is_finished
    }

    pub(crate) fn detach(self) {}
}

impl<T> Future for Handle<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut held = lock(&self.answer);
        if let Some(value) = held.value.take() {
            return Poll::Ready(value);
        }
        assert!(!held.is_finished, "polled after it was finished");
        let before = held.waker.replace(cx.waker().clone());
        drop(held);
        drop(before);
        Poll::Pending
    }
}
