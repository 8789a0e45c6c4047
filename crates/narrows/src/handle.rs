//! The two ends of a channel as users hold them. Every method is one line over an operation, with its documentation.

use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    time::{Duration, Instant},
};

use crate::{
    arm::{Arm, Look, Seat, Ticket, Token, Who},
    channel::Chan,
    error::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError},
    flavor::{Offering, Stop},
    future::{Closed, RecvFuture, ReserveFuture, ReserveManyFuture, SendFuture},
    iter::{Drain, Iter, TryIter},
    op::{PlaceOp, RecvOp, SendOp},
    permit::{Permit, Permits},
    sync::Arc,
    time::Deadline,
    wait,
};

/// The sending end of a channel. Clone it for more senders; threads and tasks may use the same one.
///
/// When the last sender goes, receivers get what is left and then `Disconnected`.
///
/// ```
/// let (s, r) = narrows::bounded(4);
/// let s2 = s.clone();
/// std::thread::spawn(move || s2.send(1).unwrap()).join().unwrap();
/// s.send(2).unwrap();
/// drop(s);
/// assert_eq!(r.iter().collect::<Vec<_>>(), [1, 2]);
/// ```
pub struct Sender<T> {
    /// The channel. It is wrapped so that a select can have two kinds of arms of one sender, both by reference.
    end: PermitArm<T>,
}

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
    /// The channel; none for a receiver that never gets anything.
    chan: Option<Arc<Chan<T>>>,
}

impl<T> Sender<T> {
    /// The caller has counted this sender.
    pub(crate) fn new(chan: Arc<Chan<T>>) -> Sender<T> {
        Sender { end: PermitArm(chan) }
    }

    pub(crate) fn chan(&self) -> &Chan<T> {
        &self.end.0
    }

    /// The arm that takes a place instead of sending.
    pub(crate) fn permit_arm(&self) -> &PermitArm<T> {
        &self.end
    }

    fn send_by(&self, message: T, deadline: Deadline) -> Result<(), SendTimeoutError<T>> {
        let mut op = SendOp::new(self.chan(), message);
        match wait::block(&mut op, deadline) {
            Some(done) => Ok(done?),
            None => Err(SendTimeoutError::Timeout(op.into_message())),
        }
    }

    /// Sends a message, waiting while the channel is full. With capacity 0, waits until a receiver takes it.
    ///
    /// # Errors
    /// Gives the message back if the channel is disconnected, also if that happens while it waits.
    ///
    /// ```
    /// let (s, r) = narrows::bounded(1);
    /// assert_eq!(s.send(1), Ok(()));
    /// drop(r);
    /// assert_eq!(s.send(2), Err(narrows::SendError(2)));
    /// ```
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        let mut op = SendOp::new(self.chan(), message);
        wait::block(&mut op, Deadline::Never).expect("without a deadline a wait ends with a result")
    }

    /// Sends a message if that is possible at once. With capacity 0, that is if a receiver is waiting.
    ///
    /// # Errors
    /// Gives the message back if the channel is full or disconnected.
    ///
    /// ```
    /// let (s, r) = narrows::bounded(1);
    /// assert!(s.try_send(1).is_ok());
    /// assert!(s.try_send(2).unwrap_err().is_full());
    /// # drop(r);
    /// ```
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut op = SendOp::new(self.chan(), message);
        op.try_now(Who::THREAD).map_err(|stop| match stop {
            Stop::Full => TrySendError::Full(op.into_message()),
            Stop::Closed => TrySendError::Disconnected(op.into_message()),
        })
    }

    /// Sends a message, waiting for at most `timeout`. A time-out beyond the clock's range never comes.
    ///
    /// # Errors
    /// Gives the message back if time has run out or the channel is disconnected.
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_by(message, Deadline::after(timeout))
    }

    /// Sends a message, waiting until `deadline` at most. One that has passed already means: try once.
    ///
    /// # Errors
    /// Gives the message back if time has run out or the channel is disconnected.
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_by(message, Deadline::At(deadline))
    }

    /// Sends a message from a task: the future is ready when [`send`](Sender::send) would return. Works on any executor.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready sends nothing and drops the message, unless a receiver at capacity 0 had
    /// taken it already. To keep a message over a cancellation, [reserve](Sender::reserve_async) first.
    pub fn send_async(&self, message: T) -> SendFuture<'_, T> {
        SendFuture::new(SendOp::new(self.chan(), message))
    }

    /// Waits for a place and takes it; [`Permit::send`] then never waits. With capacity 0, waits for a receiver.
    ///
    /// # Errors
    /// If the channel is disconnected.
    ///
    /// ```
    /// let (s, r) = narrows::bounded(1);
    /// let permit = s.reserve().unwrap();
    /// assert!(s.try_send(0).is_err()); // the place is taken
    /// permit.send(1).unwrap();
    /// assert_eq!(r.recv(), Ok(1));
    /// ```
    pub fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.reserve_places(1, Deadline::Never).map(|()| Permit::new(self)).map_err(|_| SendError(()))
    }

    /// Takes a place if there is one now.
    ///
    /// # Errors
    /// If the channel is full or disconnected.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_reserve_places(1).map(|()| Permit::new(self))
    }

    /// Takes a place, waiting for at most `timeout`.
    ///
    /// # Errors
    /// If time has run out or the channel is disconnected.
    pub fn reserve_timeout(&self, timeout: Duration) -> Result<Permit<'_, T>, SendTimeoutError<()>> {
        self.reserve_places(1, Deadline::after(timeout)).map(|()| Permit::new(self))
    }

    /// Takes a place, waiting until `deadline` at most.
    ///
    /// # Errors
    /// If time has run out or the channel is disconnected.
    pub fn reserve_deadline(&self, deadline: Instant) -> Result<Permit<'_, T>, SendTimeoutError<()>> {
        self.reserve_places(1, Deadline::At(deadline)).map(|()| Permit::new(self))
    }

    /// Takes a place from a task.
    ///
    /// # Cancel safety
    /// Dropping the future takes no place and loses no wake-up.
    pub fn reserve_async(&self) -> ReserveFuture<'_, T> {
        ReserveFuture::new(self)
    }

    /// Takes `n` places at once, waiting until so many are free together. Those who need fewer may overtake.
    ///
    /// # Errors
    /// If the channel is disconnected.
    ///
    /// # Panics
    /// If `n` is more than the capacity, which could never succeed. (With capacity 0, `n` receivers must be waiting.)
    pub fn reserve_many(&self, n: usize) -> Result<Permits<'_, T>, SendError<()>> {
        self.reserve_places(n, Deadline::Never).map(|()| Permits::new(self, n)).map_err(|_| SendError(()))
    }

    /// Takes `n` places if so many are free now.
    ///
    /// # Errors
    /// If the channel has too few free places or is disconnected.
    ///
    /// # Panics
    /// If `n` is more than the capacity.
    pub fn try_reserve_many(&self, n: usize) -> Result<Permits<'_, T>, TrySendError<()>> {
        self.try_reserve_places(n).map(|()| Permits::new(self, n))
    }

    /// Takes `n` places at once from a task.
    ///
    /// # Cancel safety
    /// Dropping the future takes no place and loses no wake-up.
    ///
    /// # Panics
    /// If `n` is more than the capacity.
    pub fn reserve_many_async(&self, n: usize) -> ReserveManyFuture<'_, T> {
        self.check_many(n);
        ReserveManyFuture::new(self, n)
    }

    fn check_many(&self, n: usize) {
        if let Some(cap) = self.capacity().filter(|cap| *cap > 0) {
            assert!(n <= cap, "{n} permits can never be had from a channel of capacity {cap}");
        }
    }

    fn try_reserve_places(&self, n: usize) -> Result<(), TrySendError<()>> {
        self.check_many(n);
        self.chan().inlet().reserve(n, Who::THREAD).map_err(|stop| match stop {
            Stop::Full => TrySendError::Full(()),
            Stop::Closed => TrySendError::Disconnected(()),
        })
    }

    fn reserve_places(&self, n: usize, deadline: Deadline) -> Result<(), SendTimeoutError<()>> {
        self.check_many(n);
        match wait::block(&mut PlaceOp::new(self, n), deadline) {
            Some(done) => Ok(done?),
            None => Err(SendTimeoutError::Timeout(())),
        }
    }

    /// How many messages are inside. Never more than the capacity.
    pub fn len(&self) -> usize {
        self.chan().outlet().len()
    }

    /// Whether no message is inside. With capacity 0 always true.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every place is taken, by a message or by a permit. With capacity 0 always true.
    pub fn is_full(&self) -> bool {
        self.chan().outlet().is_full()
    }

    /// How many messages may be inside; `None` without a bound.
    pub fn capacity(&self) -> Option<usize> {
        self.chan().outlet().capacity()
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Arc::ptr_eq(&self.end.0, &other.end.0)
    }

    /// How many senders there are, owned permits included, weak ones not.
    pub fn sender_count(&self) -> usize {
        self.chan().senders.count()
    }

    /// How many receivers there are, weak ones not.
    pub fn receiver_count(&self) -> usize {
        self.chan().receivers.count()
    }

    /// The name the [builder](crate::builder) gave.
    pub fn name(&self) -> Option<&str> {
        self.chan().name.as_deref()
    }

    /// Closes the channel for every sender: from now on sends fail and give their message back; receivers get what is
    /// inside and then `Disconnected`. May be called by anyone, any number of times; true for the call that did it.
    ///
    /// ```
    /// let (s, r) = narrows::unbounded();
    /// s.send(1).unwrap();
    /// assert!(s.close());
    /// assert!(s.send(2).is_err());
    /// assert_eq!(r.recv(), Ok(1));
    /// assert!(r.recv().is_err());
    /// ```
    pub fn close(&self) -> bool {
        self.chan().close()
    }

    /// Closes the channel and takes out what is inside, oldest first.
    pub fn close_now(&self) -> Vec<T> {
        self.chan().close();
        std::iter::from_fn(|| self.chan().clear_one()).collect()
    }

    /// Whether the channel was closed, by [`close`](Sender::close) or because one end is gone: a send would fail.
    pub fn is_closed(&self) -> bool {
        self.chan().outlet().is_closed()
    }

    /// The same as [`is_closed`](Sender::is_closed): a send would fail with `Disconnected`.
    pub fn is_disconnected(&self) -> bool {
        self.is_closed()
    }

    /// The end of the channel as something to wait for: await it, [block](Closed::wait) on it, or select it.
    pub fn closed(&self) -> Closed<'_, T> {
        Closed::new(Some(self.chan()))
    }

    /// A handle that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { chan: self.end.0.clone() }
    }
}

impl<T> Receiver<T> {
    /// The caller has counted this receiver.
    pub(crate) fn new(chan: Arc<Chan<T>>) -> Receiver<T> {
        Receiver { chan: Some(chan) }
    }

    pub(crate) const fn never() -> Receiver<T> {
        Receiver { chan: None }
    }

    pub(crate) fn chan(&self) -> Option<&Chan<T>> {
        self.chan.as_deref()
    }

    fn recv_by(&self, deadline: Deadline) -> Result<T, RecvTimeoutError> {
        match wait::block(&mut RecvOp::new(self), deadline) {
            Some(done) => Ok(done?),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Receives a message, waiting while the channel is empty.
    ///
    /// # Errors
    /// If the channel is empty and disconnected, also if that happens while it waits.
    pub fn recv(&self) -> Result<T, RecvError> {
        wait::block(&mut RecvOp::new(self), Deadline::Never).expect("without a deadline a wait ends with a result")
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
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let chan = self.chan().ok_or(TryRecvError::Empty)?;
        chan.outlet().recv(&mut None, Who::THREAD)
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

    /// Whether both receive from the same channel. All receivers of [`never`](crate::never) do.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        match (&self.chan, &other.chan) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
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
        self.chan()?.name.as_deref()
    }

    /// Closes the channel for every sender; see [`Sender::close`]. Timers and `never` do not close: false.
    pub fn close(&self) -> bool {
        self.chan().is_some_and(Chan::close)
    }

    /// Closes the channel and takes out what is inside, oldest first.
    pub fn close_now(&self) -> Vec<T> {
        self.close();
        std::iter::from_fn(|| self.chan()?.clear_one()).collect()
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
        Closed::new(self.chan())
    }

    /// A handle that does not keep the channel open.
    pub fn downgrade(&self) -> WeakReceiver<T> {
        WeakReceiver { chan: self.chan.clone() }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.chan().senders.join();
        Sender::new(self.end.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.chan().drop_sender();
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        if let Some(chan) = self.chan() {
            chan.receivers.join();
        }
        Receiver { chan: self.chan.clone() }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Some(chan) = self.chan() {
            chan.drop_receiver();
        }
    }
}

/// A sender that does not keep its channel open. From [`Sender::downgrade`].
pub struct WeakSender<T> {
    chan: Arc<Chan<T>>,
}

/// A receiver that does not keep its channel open. From [`Receiver::downgrade`].
pub struct WeakReceiver<T> {
    chan: Option<Arc<Chan<T>>>,
}

impl<T> WeakSender<T> {
    /// A sender, if there is still one.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.chan.senders.rejoin().then(|| Sender::new(self.chan.clone()))
    }
}

impl<T> WeakReceiver<T> {
    /// A receiver, if there is still one.
    pub fn upgrade(&self) -> Option<Receiver<T>> {
        match &self.chan {
            Some(chan) => chan.receivers.rejoin().then(|| Receiver::new(chan.clone())),
            None => Some(Receiver::never()),
        }
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> WeakSender<T> {
        WeakSender { chan: self.chan.clone() }
    }
}

impl<T> Clone for WeakReceiver<T> {
    fn clone(&self) -> WeakReceiver<T> {
        WeakReceiver { chan: self.chan.clone() }
    }
}

// What happens to a message when a holder panics is decided by its own drop; the channel's state is never left half done.
impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

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

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("WeakSender { .. }")
    }
}

impl<T> fmt::Debug for WeakReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("WeakReceiver { .. }")
    }
}

/// As an arm, a sender sends: choosing takes a place, completing sends into it.
impl<T> Arm for Sender<T> {
    fn attempt(&self, _: Seat, who: Who<'_>) -> Option<Token> {
        self.chan().inlet().choose_send(who)
    }

    fn is_ready(&self, who: Who<'_>) -> bool {
        self.chan().inlet().can_send(1, who)
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.chan().inlet().enlist_send(ticket, seat, Offering::Later)
    }

    fn retract(&self, seat: &mut Seat) {
        self.chan().inlet().retract_send(seat, &mut None);
    }

    fn claimed(&self, seat: &mut Seat) -> Option<Token> {
        self.chan().inlet().claimed_send(*seat)
    }

    fn pass_on(&self) {
        self.chan().inlet().pass_on_send(None);
    }

    fn abandon(&self, token: Token) {
        if token != Token::DISCONNECTED {
            self.chan().inlet().abandon_send(token);
        }
    }

    fn channel(&self) -> usize {
        std::ptr::from_ref(self.chan()).addr()
    }
}

/// A sender as the arm that takes a place for a permit.
pub(crate) struct PermitArm<T>(Arc<Chan<T>>);

impl<T> Arm for PermitArm<T> {
    fn attempt(&self, _: Seat, who: Who<'_>) -> Option<Token> {
        match self.0.inlet().reserve(1, who) {
            Ok(()) => Some(Token::new(0, 0)),
            Err(Stop::Closed) => Some(Token::DISCONNECTED),
            Err(Stop::Full) => None,
        }
    }

    fn is_ready(&self, who: Who<'_>) -> bool {
        self.0.inlet().can_send(1, who)
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.0.inlet().enlist_send(ticket, seat, Offering::Places(1))
    }

    fn retract(&self, seat: &mut Seat) {
        self.0.inlet().retract_send(seat, &mut None);
    }

    fn pass_on(&self) {
        self.0.inlet().pass_on_send(None);
    }

    fn abandon(&self, token: Token) {
        if token != Token::DISCONNECTED {
            self.0.inlet().unreserve(1);
        }
    }

    fn channel(&self) -> usize {
        std::ptr::from_ref::<Chan<T>>(&self.0).addr()
    }
}

impl<T> Arm for Receiver<T> {
    fn attempt(&self, seat: Seat, who: Who<'_>) -> Option<Token> {
        self.chan()?.outlet().choose_recv(seat, who)
    }

    fn is_ready(&self, who: Who<'_>) -> bool {
        self.chan().is_some_and(|chan| chan.outlet().can_recv(who))
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

    fn channel(&self) -> usize {
        self.chan().map_or(0, |chan| std::ptr::from_ref(chan).addr())
    }
}
