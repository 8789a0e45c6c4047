//! The receiving end as users hold it. Every method is one line over an operation, with its documentation.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    arm::{Arm, Entry, Look, Seat, Target, Ticket, Token, Who, address},
    channel::{Chan, EXCLUSIVE},
    error::{RecvError, RecvTimeoutError, SetCapacityError, TryRecvError},
    future::{Closed, RecvFuture},
    iter::{Drain, Iter, TryIter},
    op::{Ends, RecvOp},
    queue::NotEasy,
    shared::Shared,
    time::Deadline,
    trace::{End, Mark},
    wait,
};

/// The receiving end of a channel. Clone it for more receivers; each message goes to one of them.
///
/// When the last receiver goes, messages left inside are dropped and sends fail, giving their message back.
///
/// ```
/// let (s, r) = narrows::unbounded();
/// s.send("hello").unwrap();
/// assert_eq!(r.recv(), Ok("hello"));
/// drop(s);
/// assert!(r.recv().is_err());
/// ```
pub struct Receiver<T> {
    arm: RecvArm<T>,
    mark: Mark,
}

impl<T> Receiver<T> {
    /// The caller has counted this receiver.
    #[track_caller]
    pub(crate) fn new(chan: Shared<Chan<T>>) -> Receiver<T> {
        Receiver { mark: chan.watched.mark(End::Recv, address(&*chan)), arm: RecvArm(Some(chan)) }
    }

    pub(crate) const fn never() -> Receiver<T> {
        Receiver { arm: RecvArm(None), mark: Mark::NONE }
    }

    pub(crate) fn chan(&self) -> Option<&Chan<T>> {
        self.mark.touch();
        self.arm.chan()
    }

    pub(crate) fn shared(&self) -> Option<&Shared<Chan<T>>> {
        self.arm.0.as_ref()
    }

    /// The arm that receives.
    pub(crate) fn recv_arm(&self) -> Entry<'_> {
        Entry { arm: &self.arm, target: Some(Target::Recv(self.chan().map_or(0, address))) }
    }

    /// For a select that has chosen to receive.
    #[inline(always)]
    pub(crate) fn complete_recv(&self, token: Token) -> Result<T, RecvError> {
        let mut message = None;
        if let Some(chan) = self.chan() {
            chan.take_chosen(token, &mut message);
        }
        if let Some(message) = message {
            return Ok(message);
        }
        self.complete_recv_slow(token)
    }

    #[cold]
    fn complete_recv_slow(&self, token: Token) -> Result<T, RecvError> {
        let Some(chan) = self.chan().filter(|_| token != Token::DISCONNECTED) else { return Err(RecvError) };
        let mut op = RecvOp::new(self);
        if op.complete(chan, token) {
            return Ok(op.take_message());
        }
        self.recv() // at capacity 0 the sender we were matched with has dropped its operation
    }

    pub(crate) fn recv_by(&self, deadline: Deadline) -> Result<T, RecvTimeoutError> {
        let mut op = RecvOp::new(self);
        match wait::block(&mut op, deadline) {
            Some(Ok(())) => Ok(op.take_message()),
            Some(Err(RecvError)) => Err(RecvTimeoutError::Disconnected),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Receives a message, waiting while the channel is empty.
    ///
    /// # Errors
    /// If the channel is empty and disconnected, also if that happens while it waits.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        let mut message = None;
        if let Some(chan) = self.chan().filter(|_| Chan::<T>::HAS_EASY_WAYS) {
            // An error is no answer.
            let _ = chan.recv_easily(&mut message);
        }
        if let Some(message) = message { Ok(message) } else { self.recv_on() }
    }

    #[inline(never)]
    fn recv_on(&self) -> Result<T, RecvError> {
        let mut op = RecvOp::new(self);
        if !op.take_if_there() {
            let is_new = self.chan().is_some_and(|chan| chan.governed().is_some());
            let received = wait::block_on(&mut op, is_new, Deadline::Never);
            received.expect("without a deadline a wait ends with a result")?;
        }
        Ok(op.take_message())
    }

    /// Receives a message if one is there. With capacity 0, that is if a sender is waiting.
    ///
    /// # Errors
    /// If the channel is empty, or empty and disconnected.
    ///
    /// ```
    /// use narrows::TryRecvError;
    /// let (s, r) = narrows::unbounded();
    /// assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    /// s.send(5).unwrap();
    /// drop(s);
    /// assert_eq!(r.try_recv(), Ok(5));
    /// assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let Some(chan) = self.chan() else { return Err(TryRecvError::Empty) };
        if chan.is_surely_empty() {
            return Err(TryRecvError::Empty);
        }
        let mut message = None;
        if Chan::<T>::HAS_EASY_WAYS {
            // An error is no answer.
            let _ = chan.recv_easily(&mut message);
        }
        if let Some(message) = message { Ok(message) } else { self.try_recv_on() }
    }

    #[inline(never)]
    fn try_recv_on(&self) -> Result<T, TryRecvError> {
        let mut op = RecvOp::new(self);
        op.try_at_once()?;
        Ok(op.take_message())
    }

    /// Takes the oldest message, if there is one to be seen at a glance. `None` is no answer: who has to know asks by
    /// [`try_recv`](Receiver::try_recv), which orders what it has seen among all that others did. For loops of narrows' own crates that
    /// wait next, and are told then.
    #[doc(hidden)]
    #[inline]
    pub fn glance(&self) -> Option<T> {
        let mut message = None;
        match self.chan()?.recv_at_a_glance(&mut message) {
            Ok(()) | Err(NotEasy::Empty) => message,
            Err(NotEasy::TakesMore) => self.try_recv_on().ok(),
        }
    }

    /// Receives a message, waiting for at most `timeout`. A time-out beyond the clock's range never comes.
    ///
    /// # Errors
    /// If time has run out, or the channel is empty and disconnected.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_by(Deadline::after(timeout))
    }

    /// Receives a message, waiting until `deadline` at most. One that has passed already means: try once.
    ///
    /// # Errors
    /// If time has run out, or the channel is empty and disconnected.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_by(Deadline::At(deadline))
    }

    /// Receives a message from a task: the future is ready when [`recv`](Receiver::recv) would return. Works on any
    /// executor.
    ///
    /// # Cancel safety
    /// Dropping the future loses neither a message nor a wake-up.
    #[inline]
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture::new(RecvOp::new(self))
    }

    /// The messages as they come, until the channel is empty and disconnected. Waits for each.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// The messages that are there, until the channel is empty. Never waits.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    /// At most as many messages as are inside now. Never waits, and ends even if senders keep up with it.
    pub fn drain(&self) -> Drain<'_, T> {
        Drain { receiver: self, left: self.len() }
    }

    /// How many messages are inside. Never more than the capacity.
    pub fn len(&self) -> usize {
        self.chan().map_or(0, |chan| chan.outlet().len())
    }

    /// Whether no message is inside. With capacity 0 always true.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every place is taken, by a message or by a permit. With capacity 0 always true.
    pub fn is_full(&self) -> bool {
        self.chan().is_none_or(|chan| chan.outlet().is_full())
    }

    /// How many messages may be inside; `None` without a bound.
    pub fn capacity(&self) -> Option<usize> {
        self.chan().map_or(Some(0), |chan| chan.outlet().capacity())
    }

    /// How much the messages inside weigh, where there is a [weigher](crate::Builder::weigher); else how many there are.
    pub fn weight(&self) -> usize {
        self.chan().map_or(0, Chan::weight)
    }

    /// Makes the capacity another while the channel is used; see [`Sender::set_capacity`](crate::Sender::set_capacity).
    ///
    /// # Errors
    /// If the capacity of this channel is fixed, or `cap` is 0.
    pub fn set_capacity(&self, cap: usize) -> Result<(), SetCapacityError> {
        self.chan().map_or(Err(SetCapacityError::Fixed), |chan| chan.set_capacity(cap))
    }

    /// How many messages were dropped by the [overflow policy](crate::Overflow). Where there is none, 0.
    pub fn dropped(&self) -> u64 {
        self.chan().map_or(0, Chan::dropped)
    }

    /// Whether both receive from the same channel. All receivers of [`never`](crate::never) do.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        match (&self.arm.0, &other.arm.0) {
            (Some(own), Some(other)) => own.is_same(other),
            (None, None) => true,
            _ => false,
        }
    }

    /// How many senders there are, owned permits included, weak ones not. The clock of a timer counts as one.
    pub fn sender_count(&self) -> usize {
        self.chan().map_or(0, |chan| chan.senders.count())
    }

    /// How many receivers there are, weak ones not.
    pub fn receiver_count(&self) -> usize {
        self.chan().map_or(1, |chan| chan.receivers.count())
    }

    /// The name the [builder](crate::builder) gave.
    pub fn name(&self) -> Option<&str> {
        self.chan()?.name()
    }

    /// Closes the channel for every sender; see [`Sender::close`](crate::Sender::close). Timers and `never` do not close: false.
    pub fn close(&self) -> bool {
        self.chan().is_some_and(Chan::close)
    }

    /// Closes the channel and takes out what is inside, oldest first. A message is received or taken out: what a receiver
    /// still gets meanwhile is not here, but none is lost to receivers that go because of the end.
    pub fn close_now(&self) -> Vec<T> {
        self.chan().map_or_else(Vec::new, Chan::close_now)
    }

    /// Whether the channel was closed, by [`close`](Receiver::close) or because one end is gone. Messages may be left.
    pub fn is_closed(&self) -> bool {
        self.chan().is_some_and(|chan| chan.outlet().is_closed())
    }

    /// Whether the channel is closed and nothing is left: a receive would fail with `Disconnected`.
    pub fn is_disconnected(&self) -> bool {
        self.chan().is_some_and(|chan| chan.outlet().is_drained())
    }

    /// The end of the channel as something to wait for: await it, [block](Closed::wait) on it, or select it.
    pub fn closed(&self) -> Closed<'_, T> {
        Closed::new(self.chan().map_or(Ends::Never, Ends::Channel))
    }

    /// A handle that does not keep the channel open.
    pub fn downgrade(&self) -> WeakReceiver<T> {
        self.chan().inspect(|chan| chan.watched.lend(End::Recv));
        WeakReceiver { chan: self.arm.0.clone() }
    }
}

impl<T> Clone for Receiver<T> {
    #[track_caller]
    fn clone(&self) -> Receiver<T> {
        if let Some(chan) = self.chan() {
            chan.receivers.join();
        }
        match &self.arm.0 {
            Some(chan) => Receiver::new(chan.clone()),
            None => Receiver::never(),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Some(chan) = &self.arm.0 {
            chan.drop_receiver(chan.is_last());
        }
    }
}

/// A receiver that does not keep its channel open. From [`Receiver::downgrade`].
pub struct WeakReceiver<T> {
    chan: Option<Shared<Chan<T>>>,
}

impl<T> WeakReceiver<T> {
    /// A receiver, if there is still one, and it is not [exclusive](crate::Exclusive).
    pub fn upgrade(&self) -> Option<Receiver<T>> {
        match &self.chan {
            Some(chan) => chan.receivers.rejoin(EXCLUSIVE).then(|| Receiver::new(chan.clone())),
            None => Some(Receiver::never()),
        }
    }
}

impl<T> Clone for WeakReceiver<T> {
    fn clone(&self) -> WeakReceiver<T> {
        WeakReceiver { chan: self.chan.clone() }
    }
}

/// A receiver as the arm that receives. The channel; none for a receiver that never gets anything.
struct RecvArm<T>(Option<Shared<Chan<T>>>);

impl<T> RecvArm<T> {
    fn chan(&self) -> Option<&Chan<T>> {
        self.0.as_deref()
    }
}

impl<T> Arm for RecvArm<T> {
    fn attempt(&self, who: Who<'_>) -> Option<Token> {
        self.chan()?.outlet().choose_recv(who)
    }

    fn attempt_lightly(&self, who: Who<'_>) -> Option<Token> {
        self.chan()?.choose_recv_lightly(who)
    }

    fn attempt_plainly(&self) -> Option<usize> {
        self.chan()?.choose_front()
    }

    fn is_ready(&self, who: Who<'_>) -> bool {
        self.chan().is_some_and(|chan| chan.outlet().can_recv(who))
    }

    fn may_be_ready(&self) -> bool {
        self.chan().is_some_and(|chan| chan.outlet().may_recv())
    }

    fn may_find_stored(&self) -> bool {
        self.chan().is_none_or(Chan::stores)
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.chan().map_or_else(Look::default, |chan| chan.outlet().enlist_recv(ticket, seat))
    }

    fn retract(&self, seat: &mut Seat) {
        if let Some(chan) = self.chan() {
            chan.outlet().retract_recv(seat);
        }
    }

    fn claimed(&self, seat: &mut Seat) -> Option<Token> {
        self.chan()?.outlet().claimed_recv(seat)
    }

    fn pass_on(&self) {
        if let Some(chan) = self.chan() {
            chan.outlet().pass_on_recv();
        }
    }

    fn abandon(&self, token: Token) {
        if let Some(chan) = self.chan().filter(|_| token != Token::DISCONNECTED) {
            chan.outlet().abandon_recv(token);
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}

impl<T> fmt::Debug for WeakReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("WeakReceiver { .. }")
    }
}
