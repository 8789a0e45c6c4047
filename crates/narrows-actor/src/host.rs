//! How an actor waits: its thread sleeps, its task is polled again, or a test steps it. All else is one loop, in `cell.rs`.

use std::{
    future::{Future, poll_fn, ready},
    pin::pin,
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
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

/// For how long an actor works before it gives way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Span {
    Endless,
    /// For so many messages.
    Messages(u32),
    /// For that time, or so many messages.
    Time(Duration, u32),
}

/// The time for which an actor has worked. The clock is looked at after 4 messages, then after twice as many each time: few of
/// those that take long go by unseen, and those that take nanoseconds do not pay for it.
#[derive(Debug)]
pub(crate) struct Slice {
    span: Span,
    left: u32,
    step: u32,
    handled: u32,
    began: Option<Instant>,
}

const FIRST_STEP: u32 = 4;
const LAST_STEP: u32 = 256;

impl Slice {
    pub(crate) fn new(span: Span) -> Slice {
        let left = match span {
            Span::Endless => u32::MAX,
            Span::Messages(count) => count,
            Span::Time(..) => FIRST_STEP,
        };
        Slice { span, left, step: left, handled: 0, began: None }
    }

    /// One more message was handled: whether it is time to give way.
    #[inline(always)]
    pub(crate) fn is_over(&mut self, now: impl FnOnce() -> Instant) -> bool {
        self.left -= 1;
        self.left == 0 && self.look(now)
    }

    #[inline(never)]
    fn look(&mut self, now: impl FnOnce() -> Instant) -> bool {
        let (time, most) = match self.span {
            Span::Endless => {
                self.left = u32::MAX;
                return false;
            }
            Span::Messages(_) => return true,
            Span::Time(time, most) => (time, most),
        };
        let now = now();
        let began = *self.began.get_or_insert(now);
        self.handled += self.step;
        self.step = LAST_STEP.min(2 * self.step);
        self.left = self.step;
        self.handled >= most || now.saturating_duration_since(began) >= time
    }
}

/// What waits, and how long it works without giving way.
pub(crate) trait Host: Send + Sync + 'static {
    /// Before [`turn`](Host::turn).
    const SLICE: Span;

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
    const SLICE: Span = Span::Endless;

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
    // As long as others of its executor may well wait. Giving way costs: an executor may wake another of its threads for it.
    const SLICE: Span = Span::Time(Duration::from_micros(50), 4096);

    /// It dozes only once it has looked in vain, and waits in line: what comes then wakes it, and so does a ring.
    async fn message<M: Send>(&self, mailbox: &Inside<M>, desk: &Desk, due: Option<Instant>) -> Waited<M> {
        let mut receiving = pin!(async {
            match due {
                None => mailbox.recv_async().await.map(Some),
                Some(at) => until(mailbox, at).await.transpose(),
            }
        });
        let mut dozes = false;
        poll_fn(|cx| {
            if let Poll::Ready(received) = receiving.as_mut().poll(cx) {
                if dozes {
                    desk.wake();
                }
                return Poll::Ready(match received {
                    Ok(Some(envelope)) => Waited::Came(envelope),
                    Ok(None) => Waited::Look,
                    Err(_) => Waited::Ended,
                });
            }
            dozes = dozes || desk.doze();
            if dozes { Poll::Pending } else { Poll::Ready(Waited::Look) }
        })
        .await
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
    const SLICE: Span = Span::Messages(1);

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

#[cfg(all(test, not(narrows_check)))]
mod tests {
    use super::*;

    /// How many messages of that length are handled in one slice.
    fn handled(span: Span, message: Duration) -> u32 {
        let (mut slice, mut now) = (Slice::new(span), Instant::now());
        (1..=1_000_000)
            .find(|_| {
                now += message;
                slice.is_over(|| now)
            })
            .unwrap_or(u32::MAX)
    }

    #[test]
    fn a_slice_is_over_when_its_time_is_whatever_the_messages_take() {
        let span = Span::Time(Duration::from_micros(50), 4096);
        // The clock is looked at after 4, 12, 28 and so on, and the first look begins.
        assert_eq!(handled(span, Duration::from_millis(1)), 12);
        assert_eq!(handled(span, Duration::from_micros(1)), 60);
        let few = handled(span, Duration::from_nanos(40));
        assert!((1250..1250 + 2 * LAST_STEP).contains(&few), "{few}");
        let none = handled(span, Duration::ZERO);
        assert!((4096..4096 + LAST_STEP).contains(&none), "{none}");
    }

    #[test]
    fn a_slice_may_be_of_one_message_or_endless() {
        assert_eq!(handled(Span::Messages(1), Duration::ZERO), 1);
        assert_eq!(handled(Span::Endless, Duration::from_secs(1)), u32::MAX);
    }
}
