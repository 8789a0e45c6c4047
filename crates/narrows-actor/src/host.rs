//! How an actor waits: its thread sleeps, its task is polled again, or a test steps it. All else is one loop, in `cell.rs`.

use std::{
    future::{Future, poll_fn, ready},
    pin::pin,
    task::{Context, Poll, Wake, Waker},
    time::Instant,
};

use narrows::{Receiver, RecvTimeoutError, Select, TryRecvError};

use crate::{
    desk::{Desk, Signal},
    kit::Stage,
    mailbox::{Envelope, Inside},
    sync::{self, Arc, AtomicBool, Ordering},
};

/// What a wait for the mailbox brought.
#[derive(Debug)]
pub(crate) enum Waited<M> {
    Came(Envelope<M>),
    /// The time has come, or a signal.
    Look,
    /// The mailbox is closed and empty.
    Ended,
}

/// What waits, and for how many messages it works without giving way.
pub(crate) trait Host: Send + Sync + 'static {
    /// How many messages are handled before [`turn`](Host::turn).
    const BUDGET: u32;

    /// Waits for a message, a ring among them, until `due` at most.
    fn message<M: Send>(
        &self,
        mailbox: &Inside<M>,
        desk: &Desk,
        due: Option<Instant>,
    ) -> impl Future<Output = Waited<M>> + Send;

    /// Waits for a signal, until `due` at most. `None` when time has run out.
    fn signal(&self, lane: &Receiver<Signal>, due: Option<Instant>) -> impl Future<Output = Option<Signal>> + Send;

    /// Gives way to others.
    fn turn(&self) -> impl Future<Output = ()> + Send;

    /// Waits for a future of the user.
    fn attend<F: Future<Output: Send> + Send>(&self, future: F) -> impl Future<Output = F::Output> + Send;

    /// Something happened that a test may want to know of.
    fn note(&self, _desk: &Desk, _what: impl FnOnce() -> String) {}
}

/// A thread of its own. Nothing here is ever pending.
#[derive(Debug)]
pub(crate) struct OnThread;

impl Host for OnThread {
    const BUDGET: u32 = u32::MAX;

    fn message<M: Send>(
        &self,
        mailbox: &Inside<M>,
        desk: &Desk,
        due: Option<Instant>,
    ) -> impl Future<Output = Waited<M>> + Send {
        if !desk.doze() {
            return ready(Waited::Look);
        }
        let received = match due {
            None => mailbox.recv().map_err(Into::into),
            Some(at) => mailbox.recv_deadline(at),
        };
        desk.wake();
        ready(match received {
            Ok(envelope) => Waited::Came(envelope),
            Err(RecvTimeoutError::Timeout) => Waited::Look,
            Err(RecvTimeoutError::Disconnected) => Waited::Ended,
        })
    }

    fn signal(&self, lane: &Receiver<Signal>, due: Option<Instant>) -> impl Future<Output = Option<Signal>> + Send {
        ready(match due {
            None => lane.recv().ok(),
            Some(at) => lane.recv_deadline(at).ok(),
        })
    }

    fn turn(&self) -> impl Future<Output = ()> + Send {
        ready(())
    }

    fn attend<F: Future<Output: Send> + Send>(&self, future: F) -> impl Future<Output = F::Output> + Send {
        ready(sync::block_on(future))
    }
}

/// A task of any executor.
#[derive(Debug)]
pub(crate) struct OnTask;

impl Host for OnTask {
    // As many as an actor may handle while others of its executor wait: some microseconds of usual work. With 64 giving way was dear.
    const BUDGET: u32 = 256;

    async fn message<M: Send>(&self, mailbox: &Inside<M>, desk: &Desk, due: Option<Instant>) -> Waited<M> {
        if !desk.doze() {
            return Waited::Look;
        }
        let received = match due {
            None => mailbox.recv_async().await.map(Some),
            Some(at) => until(mailbox, at).await.transpose(),
        };
        desk.wake();
        match received {
            Ok(Some(envelope)) => Waited::Came(envelope),
            Ok(None) => Waited::Look,
            Err(_) => Waited::Ended,
        }
    }

    async fn signal(&self, lane: &Receiver<Signal>, due: Option<Instant>) -> Option<Signal> {
        match due {
            None => lane.recv_async().await.ok(),
            Some(at) => until(lane, at).await.and_then(Result::ok),
        }
    }

    async fn turn(&self) {
        let mut has_given_way = false;
        poll_fn(|cx| {
            if has_given_way {
                return Poll::Ready(());
            }
            has_given_way = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    async fn attend<F: Future<Output: Send> + Send>(&self, future: F) -> F::Output {
        future.await
    }
}

/// A message, unless time runs out before.
async fn until<T: Send>(receiver: &Receiver<T>, at: Instant) -> Option<Result<T, narrows::RecvError>> {
    let alarm = narrows::at(at);
    let mut select = Select::new_biased();
    let message = select.recv(receiver);
    select.recv(&alarm);
    let chosen = select.select_async().await;
    if chosen.index() == message {
        return Some(chosen.recv(receiver));
    }
    let _ = chosen.recv(&alarm);
    None
}

/// A step at a time, driven by a test.
#[derive(Debug)]
pub(crate) struct OnStage {
    pub(crate) stage: Arc<Stage>,
}

impl OnStage {
    fn look<T>(
        &self,
        due: Option<Instant>,
        mut look: impl FnMut() -> Option<T> + Send,
        late: impl Fn() -> T + Send,
    ) -> impl Future<Output = T> + Send {
        poll_fn(move |_| {
            let late = || due.is_some_and(|at| self.stage.time.now() >= at).then(&late);
            if let Some(found) = look().or_else(late) {
                self.stage.has_worked();
                return Poll::Ready(found);
            }
            if let Some(at) = due {
                self.stage.time.set_alarm(at);
            }
            Poll::Pending
        })
    }
}

impl Host for OnStage {
    const BUDGET: u32 = 1;

    fn message<M: Send>(
        &self,
        mailbox: &Inside<M>,
        desk: &Desk,
        due: Option<Instant>,
    ) -> impl Future<Output = Waited<M>> + Send {
        let look = move || match mailbox.try_recv() {
            Ok(envelope) => Some(Waited::Came(envelope)),
            Err(TryRecvError::Disconnected) => Some(Waited::Ended),
            Err(TryRecvError::Empty) => desk.is_called().then_some(Waited::Look),
        };
        self.look(due, look, || Waited::Look)
    }

    fn signal(&self, lane: &Receiver<Signal>, due: Option<Instant>) -> impl Future<Output = Option<Signal>> + Send {
        let look = move || match lane.try_recv() {
            Ok(signal) => Some(Some(signal)),
            Err(TryRecvError::Disconnected) => Some(None),
            Err(TryRecvError::Empty) => None,
        };
        self.look(due, look, || None)
    }

    async fn turn(&self) {
        self.stage.has_worked();
        let mut has_given_way = false;
        poll_fn(|_| {
            if has_given_way {
                return Poll::Ready(());
            }
            has_given_way = true;
            Poll::Pending
        })
        .await;
    }

    /// Polls the future when it was woken, or time has passed; else a poll would do nothing, and nobody could tell.
    async fn attend<F: Future<Output: Send> + Send>(&self, future: F) -> F::Output {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        let (mut future, mut polled_at) = (pin!(future), self.stage.time.now());
        poll_fn(|_| {
            let now = self.stage.time.now();
            // Acquire: pairs with the Release of who wakes.
            if !woken.0.swap(false, Ordering::Acquire) && now == polled_at {
                return Poll::Pending;
            }
            polled_at = now;
            self.stage.has_worked();
            future.as_mut().poll(&mut Context::from_waker(&waker))
        })
        .await
    }

    fn note(&self, desk: &Desk, what: impl FnOnce() -> String) {
        self.stage.note(desk, what());
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        // Release: pairs with the Acquire in `attend`.
        self.0.store(true, Ordering::Release);
    }
}
