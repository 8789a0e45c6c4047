//! Receiving on trial: a lease, which is acknowledged or gives its message back; and the rights of an only receiver, to look at a
//! message and to put one back.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use crate::{
    arm::{Look, Who},
    channel::Chan,
    error::{RecvError, RecvTimeoutError, TryRecvError, TrySendError},
    flavor::{Hold, unless_empty},
    future::RecvFuture,
    handle::Receiver,
    op::RecvOp,
    sync::Arc,
    time::Deadline,
    trace::Aims,
    wait::{
        self, Op,
        task::{TaskOp, TaskWait},
        waiter::Waiter,
    },
};

/// A message received on trial: [accepted](Lease::accept), or given back when this is dropped.
///
/// Meanwhile it is not inside any more, but keeps its place in use, and receivers do not hear of the end of the channel. Given back, it
/// is served before all that came later. With capacity 0 it is given back to the channel, which then holds it for the next
/// receiver.
///
/// Forgetting one costs its message and its place, and who waits for the message to be received waits on.
///
/// ```
/// let (s, r) = narrows::bounded(2);
/// s.send("first").unwrap();
/// s.send("second").unwrap();
/// drop(r.lease().unwrap()); // the work failed
/// assert_eq!(r.lease().unwrap().accept(), "first");
/// ```
#[must_use = "a lease that is dropped gives its message back"]
pub struct Lease<'a, T> {
    chan: &'a Chan<T>,
    hold: Hold,
    /// There until it ends.
    message: Option<T>,
}

impl<T> Lease<'_, T> {
    /// Takes the message for good, and frees its place.
    pub fn accept(mut self) -> T {
        let message = self.message.take().expect("it is there until the lease ends");
        self.chan.outlet().end_lease(self.hold);
        message
    }
}

impl<T> Deref for Lease<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.message.as_ref().expect("it is there until the lease ends")
    }
}

impl<T> DerefMut for Lease<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.message.as_mut().expect("it is there until the lease ends")
    }
}

impl<T> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.chan.outlet().give_back(self.hold, message);
        }
    }
}

/// Receives one message on a lease; waits as a receive does.
#[derive(Debug)]
struct LeaseOp<'a, T> {
    recv: RecvOp<T, &'a Receiver<T>>,
    receiver: &'a Receiver<T>,
    /// Of a message that is here; none yet if a panic came between the two.
    hold: Option<Hold>,
}

impl<'a, T> LeaseOp<'a, T> {
    fn new(receiver: &'a Receiver<T>) -> Self {
        LeaseOp { recv: RecvOp::new(receiver), receiver, hold: None }
    }

    fn try_now(&mut self, who: Who<'_>) -> Result<(), TryRecvError> {
        let chan = self.receiver.chan().ok_or(TryRecvError::Empty)?;
        chan.outlet().lease(self.recv.landing(), &mut self.hold, who)
    }

    /// A sender has brought the message.
    fn hold_received(&mut self) {
        if let Some(chan) = self.receiver.chan() {
            self.hold = Some(chan.outlet().hold_received());
        }
    }

    fn take(&mut self) -> Lease<'a, T> {
        let chan = self.receiver.chan().expect("a message came from a channel");
        let hold = self.hold.unwrap_or_else(|| chan.outlet().hold_received());
        Lease { chan, hold, message: Some(self.recv.take_message()) }
    }
}

impl<T> Op for LeaseOp<'_, T> {
    type Output = Result<(), RecvError>;

    fn aims(&self, aims: &mut Aims) {
        self.recv.aims(aims);
    }

    fn attempt(&mut self, who: Who<'_>) -> Option<Self::Output> {
        unless_empty(self.try_now(who))
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        self.recv.enlist(waiter)
    }

    fn claimed(&mut self, _: usize) -> Option<Self::Output> {
        self.recv.claimed_lease(&mut self.hold)
    }

    fn disclaim(&mut self, arm: usize) -> bool {
        self.recv.disclaim(arm)
    }

    fn retract(&mut self) {
        self.recv.retract();
    }

    fn pass_on(&mut self, arm: usize) {
        self.recv.pass_on(arm);
    }

    fn looks_ready(&mut self) -> bool {
        self.recv.looks_ready()
    }

    fn may_find_stored(&self) -> bool {
        self.recv.may_find_stored()
    }

    fn is_worth_a_try(&self) -> bool {
        self.recv.is_worth_a_try()
    }

    fn meet(&mut self, deadline: Deadline) -> Option<Self::Output> {
        let came = self.recv.meet(deadline)?;
        self.hold_received();
        Some(came)
    }
}

/// Given up between the two, by a panic of somebody's waker, it keeps nothing.
impl<T> Drop for LeaseOp<'_, T> {
    fn drop(&mut self) {
        if let Some(chan) = self.receiver.chan()
            && let Some(message) = self.recv.landing().take()
        {
            let hold = self.hold.unwrap_or_else(|| chan.outlet().hold_received());
            chan.outlet().give_back(hold, message);
        }
    }
}

impl<T> TaskOp for LeaseOp<'_, T> {
    fn poll(&mut self, waker: &Waker) -> Poll<Self::Output> {
        self.recv.poll_lease(waker, &mut self.hold)
    }

    fn leave(&mut self) {
        self.recv.leave();
    }

    fn is_in_line(&self) -> bool {
        self.recv.is_in_line()
    }

    fn due(&self) -> Option<Instant> {
        self.recv.due()
    }
}

impl<T> Receiver<T> {
    /// Receives a message on a lease, waiting for it: it is given back unless it is accepted.
    ///
    /// # Errors
    /// If the channel is empty and disconnected, and no other lease is out.
    pub fn lease(&self) -> Result<Lease<'_, T>, RecvError> {
        self.lease_by(Deadline::Never).map_err(|_| RecvError)
    }

    /// Receives a message on a lease if one is there.
    ///
    /// # Errors
    /// If the channel is empty, or empty and disconnected.
    pub fn try_lease(&self) -> Result<Lease<'_, T>, TryRecvError> {
        let mut op = LeaseOp::new(self);
        op.try_now(Who::THREAD)?;
        Ok(op.take())
    }

    /// Receives a message on a lease, waiting for at most `timeout`.
    ///
    /// # Errors
    /// If time has run out, or the channel is empty and disconnected.
    pub fn lease_timeout(&self, timeout: Duration) -> Result<Lease<'_, T>, RecvTimeoutError> {
        self.lease_by(Deadline::after(timeout))
    }

    /// Receives a message on a lease, waiting until `deadline` at most.
    ///
    /// # Errors
    /// If time has run out, or the channel is empty and disconnected.
    pub fn lease_deadline(&self, deadline: Instant) -> Result<Lease<'_, T>, RecvTimeoutError> {
        self.lease_by(Deadline::At(deadline))
    }

    fn lease_by(&self, deadline: Deadline) -> Result<Lease<'_, T>, RecvTimeoutError> {
        let mut op = LeaseOp::new(self);
        match wait::block(&mut op, deadline) {
            Some(Ok(())) => Ok(op.take()),
            Some(Err(RecvError)) => Err(RecvTimeoutError::Disconnected),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Receives a message on a lease from a task.
    ///
    /// # Cancel safety
    /// Dropping the future loses neither a message nor a wake-up.
    pub fn lease_async(&self) -> LeaseFuture<'_, T> {
        LeaseFuture(TaskWait::new(LeaseOp::new(self)))
    }

    /// The rights of an only receiver, if there is no other: while they are held there will be none. `None` also for timers and
    /// [`never`](crate::never).
    ///
    /// ```
    /// let (s, mut r) = narrows::bounded(2);
    /// s.send(1).unwrap();
    /// let mut only = r.try_exclusive().unwrap();
    /// assert_eq!(*only.try_peek().unwrap(), 1);
    /// let message = only.recv().unwrap();
    /// only.unrecv(message).unwrap();
    /// drop(only);
    /// assert_eq!(r.recv(), Ok(1));
    /// ```
    pub fn try_exclusive(&mut self) -> Option<Exclusive<'_, T>> {
        let chan = self.chan().filter(|chan| chan.has_inlet())?;
        chan.receivers.make_exclusive().then_some(Exclusive { receiver: self })
    }
}

/// The wait for a lease in a task. From [`Receiver::lease_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct LeaseFuture<'a, T>(TaskWait<LeaseOp<'a, T>>);

impl<'a, T> Future for LeaseFuture<'a, T> {
    type Output = Result<Lease<'a, T>, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_on(cx, false).map_ok(|()| self.0.op_mut().take())
    }
}

/// The only receiver of a channel: while this is held it is not cloned, and [`WeakReceiver::upgrade`](crate::WeakReceiver::upgrade)
/// gives none. From [`Receiver::try_exclusive`].
///
/// After one was forgotten, weak receivers give none for ever.
pub struct Exclusive<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T> Exclusive<'_, T> {
    /// Looks at the next message, waiting for it. It is still the next afterwards, unless it is accepted.
    ///
    /// # Errors
    /// If the channel is empty and disconnected.
    pub fn peek(&self) -> Result<Lease<'_, T>, RecvError> {
        self.receiver.lease()
    }

    /// Looks at the next message if it is there.
    ///
    /// # Errors
    /// If the channel is empty, or empty and disconnected.
    pub fn try_peek(&self) -> Result<Lease<'_, T>, TryRecvError> {
        self.receiver.try_lease()
    }

    /// Looks at the next message, waiting for at most `timeout`.
    ///
    /// # Errors
    /// If time has run out, or the channel is empty and disconnected.
    pub fn peek_timeout(&self, timeout: Duration) -> Result<Lease<'_, T>, RecvTimeoutError> {
        self.receiver.lease_timeout(timeout)
    }

    /// Looks at the next message from a task.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub fn peek_async(&self) -> LeaseFuture<'_, T> {
        self.receiver.lease_async()
    }

    /// Puts a message in front of all others, also of a closed channel. With capacity 0 there is always room.
    ///
    /// # Errors
    /// Gives the message back if the channel is full: its place has been taken since it was received.
    pub fn unrecv(&mut self, message: T) -> Result<(), TrySendError<T>> {
        let chan = self.receiver.chan().expect("there is none without a channel");
        let mut message = Some(message);
        let put_back = chan.outlet().unrecv(&mut message);
        put_back.map_err(|_| TrySendError::Full(message.expect("a message that was not put back is here")))
    }

    /// As [`Receiver::recv`].
    ///
    /// # Errors
    /// If the channel is empty and disconnected.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.receiver.recv()
    }

    /// As [`Receiver::try_recv`].
    ///
    /// # Errors
    /// If the channel is empty, or empty and disconnected.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.receiver.try_recv()
    }

    /// As [`Receiver::recv_timeout`].
    ///
    /// # Errors
    /// If time has run out, or the channel is empty and disconnected.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.receiver.recv_timeout(timeout)
    }

    /// As [`Receiver::recv_async`].
    ///
    /// # Cancel safety
    /// Dropping the future loses neither a message nor a wake-up.
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        self.receiver.recv_async()
    }

    /// How many messages are inside.
    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Whether no message is inside.
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}

impl<T> Drop for Exclusive<'_, T> {
    fn drop(&mut self) {
        if let Some(chan) = self.receiver.chan() {
            chan.receivers.end_exclusive();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Lease<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&**self).finish()
    }
}

impl<T> fmt::Debug for LeaseFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("LeaseFuture { .. }")
    }
}

impl<T> fmt::Debug for Exclusive<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Exclusive { .. }")
    }
}
