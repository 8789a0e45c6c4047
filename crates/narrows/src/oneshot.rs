//! A channel for one message: sent once, received once, in one allocation. Sending never waits.
//!
//! ```text
//! word  HEARD    somebody waits for the message         } set by who waits, never cleared:
//!       WATCHED  somebody waits for the end             } a bell rung for nobody does no harm
//!       SENT     the message was put in
//!       OVER     nothing more will come of it: the message was taken, or there will be none
//!
//!   0 --send--> SENT --recv, or the receiver goes--> SENT OVER
//!   0 --the sender goes, or the receiver closes----> OVER
//! ```
//! Invariant: the message is written by the sender before SENT, and read by who sets OVER beside SENT: each happens once.
//!
//! ```
//! let (s, r) = narrows::oneshot::channel();
//! std::thread::spawn(move || s.send("done"));
//! assert_eq!(r.recv(), Ok("done"));
//! ```

use std::{
    borrow::Borrow,
    fmt,
    marker::PhantomData,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{
    answer,
    arm::{Arm, Look, Seat, Ticket, Token, Who},
    error::{RecvError, RecvTimeoutError, SendError, TryRecvError},
    future::Closed,
    op::Ends,
    shared::Shared,
    sync::{AtomicUsize, Ordering, UnsafeCell},
    time::Deadline,
    wait::{
        self,
        bell::{self, Bell, Event, EventOp},
        task::TaskWait,
    },
};

const HEARD: usize = 1;
const WATCHED: usize = 2;
const SENT: usize = 4;
const OVER: usize = 8;

/// What the two ends share.
#[derive(Debug)]
pub(crate) struct Once<T> {
    word: AtomicUsize,
    message: UnsafeCell<Option<T>>,
    arrival: Bell,
    closing: Bell,
}

// SAFETY: the message is touched by one thread at a time, as the head of this file says, so it is moved between threads, not
// shared.
unsafe impl<T: Send> Sync for Once<T> {}

// What happens to a message when a holder panics is decided by its own drop; the channel is never left half done.
impl<T> UnwindSafe for Once<T> {}
impl<T> RefUnwindSafe for Once<T> {}

impl<T> Once<T> {
    #[inline(always)]
    fn new() -> Once<T> {
        Once { word: AtomicUsize::new(0), message: UnsafeCell::new(None), arrival: Bell::new(), closing: Bell::new() }
    }

    fn has(&self, flag: usize) -> bool {
        // Acquire: pairs with the Release of who sets it; what was done before is visible.
        self.word.load(Ordering::Acquire) & flag != 0
    }

    /// Sets `flag`, unless one of `unless` is set. What was there before.
    fn set(&self, flag: usize, unless: usize) -> Result<usize, usize> {
        // Relaxed: a first look.
        let mut before = self.word.load(Ordering::Relaxed);
        while before & unless == 0 {
            // AcqRel: Release publishes the message; Acquire pairs with who waits, whose ticket is then seen (`wait::bell`).
            match self.word.compare_exchange_weak(before, before | flag, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    answer::acted();
                    return Ok(before);
                }
                Err(now) => before = now,
            }
        }
        Err(before)
    }

    /// By the only sender, once.
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        // SAFETY: nobody else touches it before SENT.
        self.message.with_mut(|place| unsafe { *place = Some(message) });
        match self.set(SENT, OVER) {
            Ok(before) => {
                if before & HEARD != 0 {
                    self.arrival.ring();
                }
                Ok(())
            }
            // SAFETY: SENT was not set, and now will not be.
            Err(_) => match self.message.with_mut(|place| unsafe { (*place).take() }) {
                Some(message) => Err(SendError(message)),
                None => unreachable!("a message was just put here"),
            },
        }
    }

    /// No message will be sent. False if that was so, or one has been sent.
    fn close(&self) -> bool {
        let Ok(before) = self.set(OVER, SENT | OVER) else { return false };
        if before & HEARD != 0 {
            self.arrival.ring();
        }
        if before & WATCHED != 0 {
            self.closing.ring();
        }
        true
    }

    /// The message, or that there is none any more. `None`: it may still come.
    #[inline]
    fn take(&self) -> Option<Result<T, RecvError>> {
        // Acquire: as in `has`.
        let mut word = self.word.load(Ordering::Acquire);
        if word & SENT != 0 && word & OVER == 0 {
            // AcqRel: Acquire pairs with the Release in `send`, so the message is visible; Release for who asks afterwards.
            word = self.word.fetch_or(OVER, Ordering::AcqRel);
            if word & OVER == 0 {
                answer::acted();
                // SAFETY: SENT is set, and it is we who set OVER.
                return self.message.with_mut(|place| unsafe { (*place).take() }).map(Ok);
            }
        }
        (word & OVER != 0).then_some(Err(RecvError))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.has(OVER | SENT) || {
            answer::before_no();
            self.has(OVER | SENT)
        }
    }
}

/// The end, as the sender waits for it.
impl<T> Event for &Once<T> {
    type Output = ();

    fn bell(&self) -> &Bell {
        &self.closing
    }

    fn outcome(&self) -> Option<()> {
        self.is_closed().then_some(())
    }

    fn may_have_happened(&self) -> bool {
        self.has(OVER | SENT)
    }

    fn announce(&self) -> bool {
        // AcqRel: Release shows our ticket to who rings; Acquire as in `has`.
        self.word.fetch_or(WATCHED, Ordering::AcqRel) & (OVER | SENT) != 0
    }
}

/// The arrival of the message, or of the news that there is none. `H` is a receiver or a reference to one.
#[derive(Debug)]
struct Arrival<T, H> {
    receiver: H,
    message: PhantomData<fn() -> T>,
}

impl<T, H: Borrow<Receiver<T>>> Arrival<T, H> {
    fn op(receiver: H) -> EventOp<Arrival<T, H>> {
        EventOp::new(Arrival { receiver, message: PhantomData })
    }

    fn once(&self) -> &Once<T> {
        &self.receiver.borrow().once
    }
}

impl<T, H: Borrow<Receiver<T>>> Event for Arrival<T, H> {
    type Output = Result<T, RecvError>;

    fn bell(&self) -> &Bell {
        &self.once().arrival
    }

    #[inline]
    fn outcome(&self) -> Option<Result<T, RecvError>> {
        self.once().take().or_else(|| {
            answer::before_no();
            self.once().take()
        })
    }

    fn may_have_happened(&self) -> bool {
        self.once().has(SENT | OVER)
    }

    fn announce(&self) -> bool {
        // AcqRel: as for the end.
        self.once().word.fetch_or(HEARD, Ordering::AcqRel) & (SENT | OVER) != 0
    }
}

/// Makes a channel for one message.
///
/// ```
/// let (s, r) = narrows::oneshot::channel();
/// s.send(7).unwrap();
/// assert_eq!(r.recv(), Ok(7));
/// ```
#[inline]
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (there, here) = Shared::pair(Once::new);
    (Sender { once: there }, Receiver { once: here })
}

/// The end that sends one message. Dropped without, it ends the channel, and the receiver hears of it.
pub struct Sender<T> {
    once: Shared<Once<T>>,
}

impl<T> Sender<T> {
    /// Sends the message. Never waits.
    ///
    /// # Errors
    /// Gives the message back if the receiver has closed the channel, or is gone.
    #[inline]
    pub fn send(self, message: T) -> Result<(), SendError<T>> {
        self.once.send(message)
    }

    /// Whether the receiver has closed the channel, or is gone: nobody wants the message.
    pub fn is_closed(&self) -> bool {
        self.once.is_closed()
    }

    /// That nobody wants the message any more, as something to wait for: await it, [block](Closed::wait) on it, or
    /// select it.
    ///
    /// ```
    /// let (s, r) = narrows::oneshot::channel::<u32>();
    /// drop(r);
    /// s.closed().wait(); // the work for the answer may stop
    /// ```
    pub fn closed(&self) -> Closed<'_, T> {
        Closed::new(Ends::Once(&self.once))
    }
}

impl<T> Drop for Sender<T> {
    #[inline]
    fn drop(&mut self) {
        self.once.close();
    }
}

/// The end that receives the message.
///
/// It can be [awaited](IntoFuture), and be an [arm](crate::Select::arm) of a select, which is ready when
/// [`recv`](Receiver::recv) would not wait.
pub struct Receiver<T> {
    once: Shared<Once<T>>,
}

impl<T> Receiver<T> {
    /// Receives the message, waiting for it.
    ///
    /// # Errors
    /// If none will come: the sender is gone, the message has been received, or the channel was closed.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        if let Some(outcome) = self.once.take() {
            return outcome;
        }
        wait::block_slow(&mut Arrival::op(self), Deadline::Never).expect("without a deadline a wait ends with a result")
    }

    /// Receives the message if it is there.
    ///
    /// # Errors
    /// If it is not there yet, or none will come.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match Arrival::op(self).event.outcome() {
            Some(outcome) => outcome.map_err(|RecvError| TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    pub(crate) fn recv_by(&self, deadline: Deadline) -> Result<T, RecvTimeoutError> {
        match wait::block(&mut Arrival::op(self), deadline) {
            Some(outcome) => outcome.map_err(|RecvError| RecvTimeoutError::Disconnected),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Receives the message, waiting for at most `timeout`. A time-out beyond the clock's range never comes.
    ///
    /// # Errors
    /// If time has run out, or none will come.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_by(Deadline::after(timeout))
    }

    /// Receives the message, waiting until `deadline` at most. One that has passed already means: try once.
    ///
    /// # Errors
    /// If time has run out, or none will come.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_by(Deadline::At(deadline))
    }

    /// Receives the message from a task: the future is ready when [`recv`](Receiver::recv) would return. Works on any
    /// executor. To await the receiver itself takes it along.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the message stays for the next.
    #[inline]
    pub fn recv_async(&self) -> RecvFuture<T, &Receiver<T>> {
        RecvFuture(TaskWait::new(Arrival::op(self)))
    }

    /// Closes the channel: a message not sent by now never will be, and its sender hears of it. One that was sent can still
    /// be received. True if that made the difference.
    pub fn close(&self) -> bool {
        self.once.close()
    }

    /// Whether no message can be sent any more. One that was sent may be inside.
    pub fn is_closed(&self) -> bool {
        self.once.is_closed()
    }

    /// Whether a receive would fail with `Disconnected`: no message is inside, and none will come.
    pub fn is_disconnected(&self) -> bool {
        self.once.has(OVER) || {
            answer::before_no();
            self.once.has(OVER)
        }
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        self.once.close();
        drop(self.once.take());
    }
}

impl<T> Arm for Receiver<T> {
    fn attempt(&self, who: Who<'_>) -> Option<Token> {
        self.is_ready(who).then_some(Token::new(0, 0))
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        self.is_closed()
    }

    fn may_be_ready(&self) -> bool {
        Arrival { receiver: self, message: PhantomData }.may_have_happened()
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        bell::enlist(&Arrival { receiver: self, message: PhantomData }, ticket, seat)
    }

    fn retract(&self, seat: &mut Seat) {
        self.once.arrival.leave(seat);
    }
}

impl<T> IntoFuture for Receiver<T> {
    type Output = Result<T, RecvError>;
    type IntoFuture = RecvFuture<T, Receiver<T>>;

    #[inline]
    fn into_future(self) -> RecvFuture<T, Receiver<T>> {
        RecvFuture(TaskWait::new(Arrival::op(self)))
    }
}

/// The receive in a task. From [`Receiver::recv_async`], or by awaiting a receiver.
#[must_use = "a future does nothing until it is polled"]
pub struct RecvFuture<T, H: Borrow<Receiver<T>>>(TaskWait<EventOp<Arrival<T, H>>>);

impl<T, H: Borrow<Receiver<T>>> Future for RecvFuture<T, H> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = &mut self.0;
        if wait.is_fresh()
            && let Some(outcome) = wait.op().event.once().take()
        {
            wait.finish();
            return Poll::Ready(outcome);
        }
        wait.poll_on(cx, false)
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}

impl<T, H: Borrow<Receiver<T>>> fmt::Debug for RecvFuture<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("RecvFuture { .. }")
    }
}
