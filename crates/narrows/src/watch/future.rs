//! The waits of a watch in a task. Each polls the operation that the blocking ones run, and adds only what it gives.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use super::{Receiver, Ref, receiver::News};
use crate::{
    error::RecvError,
    wait::{bell::EventOp, task::TaskWait},
};

/// The wait for a change in a task. From [`Receiver::changed_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct ChangedFuture<'a, T>(TaskWait<EventOp<News<'a, T>>>);

impl<'a, T> ChangedFuture<'a, T> {
    #[inline]
    pub(super) fn new(news: News<'a, T>) -> Self {
        ChangedFuture(TaskWait::new(news.op()))
    }
}

impl<T> Future for ChangedFuture<'_, T> {
    type Output = Result<(), RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = &mut self.0;
        if wait.is_fresh()
            && let Some(outcome) = wait.op().event.take()
        {
            wait.finish();
            return Poll::Ready(outcome);
        }
        wait.poll_on(cx, true)
    }
}

/// So many values are looked at in one poll; then other tasks have their turn, for a sender may be faster than we judge.
const LOOKS: usize = 8;

/// The wait for a value that is wanted, in a task. From [`Receiver::wait_for_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct WaitForFuture<'a, T, P> {
    receiver: &'a Receiver<T>,
    is_wanted: P,
    /// For a value after the one looked at last, if one was.
    wait: Option<ChangedFuture<'a, T>>,
}

// The closure is only called.
impl<T, P> Unpin for WaitForFuture<'_, T, P> {}

impl<'a, T, P: FnMut(&T) -> bool> WaitForFuture<'a, T, P> {
    pub(super) fn new(receiver: &'a Receiver<T>, is_wanted: P) -> Self {
        WaitForFuture { receiver, is_wanted, wait: None }
    }
}

impl<'a, T, P: FnMut(&T) -> bool> Future for WaitForFuture<'a, T, P> {
    type Output = Result<Ref<'a, T>, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        for _ in 0..LOOKS {
            if let Some(wait) = &mut this.wait {
                ready!(Pin::new(wait).poll(cx))?;
            }
            this.wait = None;
            let (value, version) = this.receiver.see();
            if (this.is_wanted)(&value) {
                return Poll::Ready(Ok(value));
            }
            drop(value);
            this.wait = Some(ChangedFuture::new(News::since(this.receiver, version)));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T> fmt::Debug for ChangedFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("ChangedFuture { .. }")
    }
}

impl<T, P> fmt::Debug for WaitForFuture<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("WaitForFuture { .. }")
    }
}
