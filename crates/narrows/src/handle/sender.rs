//! The sending end as users hold it. Every method is one line over an operation, with its documentation.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    arm::{Arm, Entry, Look, Seat, Target, Ticket, Token, Who, address},
    channel::Chan,
    error::{SendError, SendTimeoutError, SetCapacityError, TrySendError},
    flavor::{Offering, Stop},
    future::{Closed, ReserveFuture, ReserveManyFuture, SendFuture},
    op::{Ends, PlaceOp, SendOp},
    permit::{Permit, Permits},
    shared::Shared,
    time::Deadline,
    trace::{End, Mark},
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
    /// The channel. It is wrapped twice so that a select can have two kinds of arms of one sender, both by reference.
    arm: SendArm<T>,
    mark: Mark,
}

impl<T> Sender<T> {
    /// The caller has counted this sender.
    #[track_caller]
    pub(crate) fn new(chan: Shared<Chan<T>>) -> Sender<T> {
        let mark = chan.watched.mark(End::Send, address(&*chan));
        Sender { mark, arm: SendArm(PermitArm(chan)) }
    }

    pub(crate) fn chan(&self) -> &Chan<T> {
        self.mark.touch();
        &self.arm.0.0
    }

    fn shared(&self) -> &Shared<Chan<T>> {
        &self.arm.0.0
    }

    /// The arm that sends.
    pub(crate) fn send_arm(&self) -> Entry<'_> {
        Entry { arm: &self.arm, target: Some(Target::Send(address(self.chan()))) }
    }

    /// The arm that takes a place instead of sending.
    pub(crate) fn permit_arm(&self) -> Entry<'_> {
        Entry { arm: &self.arm.0, target: Some(Target::Reserve(address(self.chan()))) }
    }

    pub(crate) fn send_by(&self, message: T, deadline: Deadline) -> Result<(), SendTimeoutError<T>> {
        let mut op = SendOp::new(self.chan(), message);
        match wait::block(&mut op, deadline) {
            Some(Ok(())) => Ok(()),
            Some(Err(SendError(()))) if self.is_closed() => Err(SendTimeoutError::Disconnected(op.take_message())),
            // Also of a policy that does not wait.
            Some(Err(SendError(()))) | None => Err(SendTimeoutError::Timeout(op.take_message())),
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
    #[inline]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        if !Chan::<T>::HAS_EASY_WAYS {
            return self.send_large(message);
        }
        let mut message = Some(message);
        self.chan().send_easily(&mut message);
        if let Some(message) = message { self.send_on(message) } else { Ok(()) }
    }

    #[inline]
    fn send_large(&self, message: T) -> Result<(), SendError<T>> {
        let Some(place) = self.chan().place() else { return self.send_on(message) };
        place.put(message);
        Ok(())
    }

    #[inline(never)]
    fn send_on(&self, message: T) -> Result<(), SendError<T>> {
        let mut op = SendOp::new(self.chan(), message);
        if op.send_if_room() {
            return Ok(());
        }
        let sent = wait::block_on(&mut op, self.chan().governed().is_some(), Deadline::Never);
        let sent = sent.expect("without a deadline a wait ends with a result");
        sent.map_err(|SendError(())| SendError(op.take_message()))
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
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        if self.chan().is_surely_full() {
            return Err(TrySendError::Full(message));
        }
        self.try_send_now(message)
    }

    /// Apart, so that little stands before the answer to who asks again and again.
    #[inline(never)]
    fn try_send_now(&self, message: T) -> Result<(), TrySendError<T>> {
        if !Chan::<T>::HAS_EASY_WAYS {
            return self.try_send_on(message);
        }
        let mut message = Some(message);
        self.chan().send_easily(&mut message);
        if let Some(message) = message { self.try_send_on(message) } else { Ok(()) }
    }

    fn try_send_on(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.chan().place_or_why() {
            Ok(place) => {
                place.put(message);
                Ok(())
            }
            Err(Some(Stop::Full)) => Err(TrySendError::Full(message)),
            Err(Some(Stop::Closed)) => Err(TrySendError::Disconnected(message)),
            Err(None) => self.try_send_slow(message),
        }
    }

    #[cold]
    fn try_send_slow(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut op = SendOp::new(self.chan(), message);
        op.try_now(Who::THREAD).map_err(|stop| match stop {
            Stop::Full => TrySendError::Full(op.take_message()),
            Stop::Closed => TrySendError::Disconnected(op.take_message()),
        })
    }

    /// Sends a message, and never waits: if the channel is full the oldest message goes out for it, and is returned. (One
    /// that its sender [waits for to be received](Sender::send_sync) goes back to that sender.)
    ///
    /// # Errors
    /// Gives the message back if the channel is disconnected; or if it is full and nothing can go out, for every place is that
    /// of a permit, or of a message chosen by a select or on a lease. With capacity 0 as [`try_send`](Sender::try_send).
    ///
    /// ```
    /// let (s, r) = narrows::bounded(1);
    /// assert_eq!(s.force_send("old"), Ok(None));
    /// assert_eq!(s.force_send("new"), Ok(Some("old")));
    /// assert_eq!(r.recv(), Ok("new"));
    /// ```
    pub fn force_send(&self, message: T) -> Result<Option<T>, TrySendError<T>> {
        let (mut message, mut out) = (Some(message), None);
        match self.chan().inlet().force_send(&mut message, &mut out, Who::THREAD) {
            Ok(()) => Ok(out),
            Err(Stop::Full) => Err(TrySendError::Full(give_back(message).0)),
            Err(Stop::Closed) => Err(TrySendError::Disconnected(give_back(message).0)),
        }
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
    /// Dropping the future before it is ready sends nothing and drops the message, unless a receiver had taken it already, or
    /// had put it in the place that it made free; then it stays sent. To keep a message over a cancellation, and to know,
    /// [reserve](Sender::reserve_async) first.
    #[inline]
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
    /// With capacity 0 a place is a receiver that waits. One that has just come, and spins before it sleeps, is there for
    /// `try_send` alone; whoever tries again and again to reserve should expect some tries more.
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

    /// For permits.
    pub(crate) fn send_reserved(&self, message: T) -> Result<(), SendError<T>> {
        let mut message = Some(message);
        self.chan().inlet().send_reserved(&mut message).map_err(|_| give_back(message))
    }

    /// For a select that has chosen to send.
    #[inline]
    pub(crate) fn complete_send(&self, token: Token, message: T) -> Result<(), SendError<T>> {
        if token == Token::DISCONNECTED {
            return Err(SendError(message));
        }
        self.chan().complete_send(token, message).map_err(SendError)
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

    /// How much the messages inside weigh, where there is a [weigher](crate::Builder::weigher); else how many there are.
    pub fn weight(&self) -> usize {
        self.chan().weight()
    }

    /// Makes the capacity another while the channel is used; see [`Builder::resizable`](crate::Builder::resizable).
    ///
    /// More of it lets those go on who wait for it. If there is less, what is inside stays; nothing comes in until there is room
    /// below the new capacity, and meanwhile `len` may be above it.
    ///
    /// # Errors
    /// If the capacity of this channel is fixed, or `cap` is 0.
    ///
    /// ```
    /// let (s, r) = narrows::builder().resizable().bounded(1);
    /// s.send(1).unwrap();
    /// assert!(s.try_send(2).is_err());
    /// r.set_capacity(2).unwrap();
    /// assert!(s.try_send(2).is_ok());
    ///
    /// let (s, _r) = narrows::bounded::<u8>(1);
    /// assert_eq!(s.set_capacity(2), Err(narrows::SetCapacityError::Fixed));
    /// ```
    pub fn set_capacity(&self, cap: usize) -> Result<(), SetCapacityError> {
        self.chan().set_capacity(cap)
    }

    /// How many messages were dropped by the [overflow policy](crate::Overflow). Where there is none, 0.
    pub fn dropped(&self) -> u64 {
        self.chan().dropped()
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        self.shared().is_same(other.shared())
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
        self.chan().name()
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

    /// Closes the channel and takes out what is inside, oldest first. A message is received or taken out: what a receiver
    /// still gets meanwhile is not here, but none is lost to receivers that go because of the end.
    pub fn close_now(&self) -> Vec<T> {
        self.chan().close_now()
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
        Closed::new(Ends::Channel(self.chan()))
    }

    /// A handle that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender<T> {
        self.chan().senders.lend();
        self.chan().watched.lend(End::Send);
        WeakSender { chan: self.shared().clone() }
    }
}

/// The error of a send that did not happen.
fn give_back<T>(message: Option<T>) -> SendError<T> {
    SendError(message.expect("a send that did not happen has its message"))
}

impl<T> Clone for Sender<T> {
    #[track_caller]
    fn clone(&self) -> Sender<T> {
        self.chan().senders.join();
        Sender::new(self.shared().clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if !self.shared().is_last() {
            self.chan().drop_sender();
        }
    }
}

/// A sender that does not keep its channel open. From [`Sender::downgrade`].
pub struct WeakSender<T> {
    chan: Shared<Chan<T>>,
}

impl<T> WeakSender<T> {
    /// A sender, if there is still one.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.chan.senders.rejoin(0).then(|| Sender::new(self.chan.clone()))
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> WeakSender<T> {
        WeakSender { chan: self.chan.clone() }
    }
}

/// A sender as the arm that sends: choosing takes a place, completing sends into it.
struct SendArm<T>(PermitArm<T>);

impl<T> SendArm<T> {
    fn chan(&self) -> &Chan<T> {
        &self.0.0
    }
}

impl<T> Arm for SendArm<T> {
    fn attempt(&self, who: Who<'_>) -> Option<Token> {
        self.chan().inlet().choose_send(who)
    }

    fn attempt_lightly(&self, who: Who<'_>) -> Option<Token> {
        self.chan().choose_send_lightly(who)
    }

    fn attempt_plainly(&self) -> Option<usize> {
        self.chan().choose_place()
    }

    fn is_ready(&self, who: Who<'_>) -> bool {
        self.chan().inlet().can_choose_send(who)
    }

    fn may_be_ready(&self) -> bool {
        self.chan().inlet().may_send()
    }

    fn may_find_stored(&self) -> bool {
        self.0.may_find_stored()
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
}

/// A sender as the arm that takes a place for a permit.
struct PermitArm<T>(Shared<Chan<T>>);

impl<T> Arm for PermitArm<T> {
    fn attempt(&self, who: Who<'_>) -> Option<Token> {
        match self.0.inlet().reserve(1, who) {
            Ok(()) => Some(Token::new(0, 0)),
            Err(Stop::Closed) => Some(Token::DISCONNECTED),
            Err(Stop::Full) => None,
        }
    }

    fn is_ready(&self, who: Who<'_>) -> bool {
        self.0.inlet().can_send(1, who)
    }

    fn may_find_stored(&self) -> bool {
        self.0.stores()
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
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("WeakSender { .. }")
    }
}
