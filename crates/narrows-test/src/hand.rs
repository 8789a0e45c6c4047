//! Futures polled by hand, with a waker that counts.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A waker that counts how often it is rung.
#[derive(Debug, Default)]
pub struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    /// A bell that was never rung.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// How often it was rung.
    pub fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Polls once, with this waker.
pub fn poll<F: Future + Unpin>(future: &mut F, bell: &Arc<Bell>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(bell));
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

/// A future in the hand.
pub struct Hand<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    heard: usize,
}

impl<F> fmt::Debug for Hand<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand").field("bell", &self.bell).finish_non_exhaustive()
    }
}

impl<F: Future> Hand<F> {
    /// Takes a future in the hand; it is not polled yet.
    pub fn new(future: F) -> Self {
        Self { future: Box::pin(future), bell: Bell::new(), heard: 0 }
    }

    /// Takes a future that must wait.
    #[track_caller]
    pub fn waiting(future: F) -> Self {
        let mut hand = Self::new(future);
        assert!(hand.poll().is_pending(), "ready, but should wait");
        hand
    }

    /// Polls once.
    pub fn poll(&mut self) -> Poll<F::Output> {
        self.heard = self.bell.rings();
        let waker = Waker::from(Arc::clone(&self.bell));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Polls once; it must be ready.
    #[track_caller]
    pub fn ready(mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("pending, but should be ready"),
        }
    }

    /// Polls once; it must be pending.
    #[track_caller]
    pub fn still_waits(&mut self) {
        assert!(self.poll().is_pending(), "ready, but should wait");
    }

    /// Whether it was woken since the last poll.
    pub fn is_woken(&self) -> bool {
        self.bell.rings() > self.heard
    }

    /// Its waker.
    pub fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
    }
}
