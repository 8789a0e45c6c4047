//! The single operations: send, receive, reserve, and waiting for the end. Each owns its message and its ticket; how it
//! waits is the business of `wait`.

use std::{
    borrow::Borrow,
    marker::PhantomData,
    task::{Context, Poll, Waker},
    time::Instant,
};

use crate::{
    arm::{Look, Seat, Ticket, Token, Who},
    channel::Chan,
    error::{RecvError, SendError, TryRecvError},
    flavor::{Hold, Offering, Stop, unless_empty, unless_full},
    governed::Governed,
    handle::{Receiver, Sender},
    oneshot::Once,
    park,
    queue::NotEasy,
    sync::{Arc, Ordering, fence},
    time::Deadline,
    trace::{Aims, Operation},
    wait::{
        Op,
        bell::{self, Event},
        task::{TaskOp, TaskWait},
        waiter::{FINISHED, Waiter},
    },
    watch::Board,
};

/// Sends one message. If that fails it stays in here, so that it is not copied on its way out of the loop.
#[derive(Debug)]
pub(crate) struct SendOp<'a, T> {
    chan: &'a Chan<T>,
    message: Option<T>,
    seat: Seat,
}

impl<'a, T> SendOp<'a, T> {
    #[inline]
    pub(crate) fn new(chan: &'a Chan<T>, message: T) -> SendOp<'a, T> {
        SendOp { chan, message: Some(message), seat: None }
    }

    /// The usual send, if it is possible at once.
    #[inline]
    pub(crate) fn send_quickly(&mut self) -> bool {
        if Chan::<T>::HAS_EASY_WAYS && self.chan.send_easily(&mut self.message) {
            return true;
        }
        self.chan.stores() && self.send_if_room()
    }

    /// The same after an easy way was tried.
    #[inline(never)]
    pub(crate) fn send_if_room(&mut self) -> bool {
        let place = self.chan.place();
        let is_free = place.is_some();
        if let Some(place) = place {
            place.fill(&mut self.message);
        }
        is_free
    }

    /// The message of a send that did not happen.
    pub(crate) fn take_message(&mut self) -> T {
        self.message.take().expect("a send that did not happen has its message")
    }

    /// The message of a send that was given up, unless it was taken.
    pub(crate) fn take_unsent(&mut self) -> Option<T> {
        self.message.take()
    }

    /// One attempt.
    pub(crate) fn try_now(&mut self, who: Who<'_>) -> Result<(), Stop> {
        self.chan.inlet().send(&mut self.message, &mut self.seat, who)
    }
}

impl<T> Op for SendOp<'_, T> {
    type Output = Result<(), SendError<()>>;

    fn aims(&self, aims: &mut Aims) {
        aims.channel(Operation::Send, &self.chan.watched);
    }

    fn attempt(&mut self, who: Who<'_>) -> Option<Self::Output> {
        let sent = self.try_now(who);
        if sent == Err(Stop::Full) && self.chan.governed().is_some_and(Governed::fails_when_full) {
            return Some(Err(SendError(())));
        }
        unless_full(sent)
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        let offering = Offering::Message(&mut self.message);
        self.chan.inlet().enlist_send(Ticket::single(waiter), &mut self.seat, offering)
    }

    fn claimed(&mut self, arm: usize) -> Option<Self::Output> {
        if arm == FINISHED {
            self.seat = None;
            return Some(Ok(()));
        }
        // With its message still in it the ticket outlives the claim.
        if self.message.is_some() {
            self.chan.inlet().note_claim(&mut self.seat);
        }
        None
    }

    fn retract(&mut self) {
        self.chan.inlet().retract_send(&mut self.seat, &mut self.message);
    }

    fn pass_on(&mut self, _: usize) {
        self.chan.inlet().pass_on_send(None);
    }

    fn looks_ready(&mut self) -> bool {
        self.chan.inlet().may_send()
    }

    fn patience(&mut self) -> usize {
        self.chan.inlet().send_patience()
    }

    fn meet(&mut self, deadline: Deadline) -> Option<Self::Output> {
        self.chan.inlet().offer(&mut self.message, deadline).then_some(Ok(()))
    }

    fn may_find_stored(&self) -> bool {
        self.chan.stores()
    }

    fn is_worth_a_try(&self) -> bool {
        self.chan.stores() || self.chan.inlet().may_send()
    }
}

impl<T> TaskOp for SendOp<'_, T> {
    fn poll(&mut self, waker: &Waker) -> Poll<Self::Output> {
        self.chan.inlet().poll_send(&mut self.message, &mut self.seat, waker)
    }

    fn leave(&mut self) {
        self.chan.inlet().leave_send(&mut self.seat, &mut self.message);
    }

    fn is_in_line(&self) -> bool {
        self.seat.is_some()
    }
}

/// Receives one message, which stays in here. `H` is a receiver or a reference to one.
#[derive(Debug)]
pub(crate) struct RecvOp<T, H> {
    handle: H,
    message: Option<T>,
    seat: Seat,
}

impl<T, H: Borrow<Receiver<T>>> RecvOp<T, H> {
    #[inline]
    pub(crate) fn new(handle: H) -> RecvOp<T, H> {
        RecvOp { handle, message: None, seat: None }
    }

    /// The usual receive, if it is possible at once.
    #[inline]
    fn take_quickly(&mut self) -> bool {
        let Some(chan) = self.handle.borrow().chan() else { return false };
        if !Chan::<T>::HAS_EASY_WAYS {
            return self.take_if_there();
        }
        match chan.recv_easily(&mut self.message) {
            Ok(()) => true,
            Err(NotEasy::TakesMore) => self.take_if_there(),
            Err(NotEasy::Empty) => false,
        }
    }

    /// The same after an easy way was tried.
    #[inline(never)]
    pub(crate) fn take_if_there(&mut self) -> bool {
        let front = self.handle.borrow().chan().and_then(Chan::front);
        let is_there = front.is_some();
        if let Some(front) = front {
            front.take(&mut self.message);
        }
        is_there
    }

    /// The usual attempt of a thread that does not wait.
    pub(crate) fn try_at_once(&mut self) -> Result<(), TryRecvError> {
        let why = match self.handle.borrow().chan().ok_or(TryRecvError::Empty)?.front_or_why() {
            Ok(front) => {
                front.take(&mut self.message);
                return Ok(());
            }
            Err(why) => why,
        };
        why.map_or_else(|| self.try_now(Who::THREAD), Err)
    }

    /// The second step of a receive that a select has chosen.
    pub(crate) fn complete(&mut self, chan: &Chan<T>, token: Token) -> bool {
        chan.outlet().complete_recv(token, &mut self.message)
    }

    /// Where the message comes to lie.
    pub(crate) fn landing(&mut self) -> &mut Option<T> {
        &mut self.message
    }

    /// As `TaskOp::poll`, on a lease.
    pub(crate) fn poll_lease(&mut self, waker: &Waker, hold: &mut Option<Hold>) -> Poll<Result<(), RecvError>> {
        let Some(chan) = self.handle.borrow().chan() else { return Poll::Pending };
        chan.outlet().poll_lease(&mut self.message, &mut self.seat, waker, hold)
    }

    /// As `Op::claimed`, on a lease.
    pub(crate) fn claimed_lease(&mut self, hold: &mut Option<Hold>) -> Option<Result<(), RecvError>> {
        let chan = self.handle.borrow().chan()?;
        chan.outlet().was_leased(&mut self.seat, &mut self.message, hold).then_some(Ok(()))
    }

    /// The message of a receive that succeeded.
    pub(crate) fn take_message(&mut self) -> T {
        self.handle.borrow().chan().inspect(|chan| chan.watched.handed_over());
        self.message.take().expect("a receive that succeeded has its message")
    }

    /// One attempt.
    pub(crate) fn try_now(&mut self, who: Who<'_>) -> Result<(), TryRecvError> {
        let chan = self.handle.borrow().chan().ok_or(TryRecvError::Empty)?;
        chan.outlet().recv(&mut self.message, who)
    }
}

impl<T, H: Borrow<Receiver<T>>> Op for RecvOp<T, H> {
    type Output = Result<(), RecvError>;

    fn aims(&self, aims: &mut Aims) {
        if let Some(chan) = self.handle.borrow().chan() {
            aims.channel(Operation::Recv, &chan.watched);
        }
    }

    fn attempt(&mut self, who: Who<'_>) -> Option<Self::Output> {
        unless_empty(self.try_now(who))
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        match self.handle.borrow().chan() {
            Some(chan) => chan.outlet().enlist_recv(Ticket::single(waiter), &mut self.seat),
            None => Look::default(),
        }
    }

    fn claimed(&mut self, _: usize) -> Option<Self::Output> {
        let chan = self.handle.borrow().chan()?;
        chan.outlet().was_received(&mut self.seat, &mut self.message).then_some(Ok(()))
    }

    /// What is in the ticket goes back with it, what was handed to a task is the channel's.
    fn disclaim(&mut self, _: usize) -> bool {
        false
    }

    fn retract(&mut self) {
        if let Some(chan) = self.handle.borrow().chan() {
            chan.outlet().retract_recv(&mut self.seat);
        }
    }

    /// Where nothing is stored `retract` has done it, under the lock that took the ticket back.
    fn pass_on(&mut self, _: usize) {
        if let Some(chan) = self.handle.borrow().chan().filter(|chan| chan.stores()) {
            chan.outlet().pass_on_recv();
        }
    }

    fn looks_ready(&mut self) -> bool {
        self.handle.borrow().chan().is_some_and(|chan| chan.outlet().may_recv())
    }

    fn patience(&mut self) -> usize {
        self.handle.borrow().chan().map_or(0, |chan| chan.outlet().recv_patience())
    }

    fn meet(&mut self, deadline: Deadline) -> Option<Self::Output> {
        let chan = self.handle.borrow().chan()?;
        chan.outlet().want(&mut self.message, deadline).then_some(Ok(()))
    }

    fn may_find_stored(&self) -> bool {
        self.handle.borrow().chan().is_none_or(Chan::stores)
    }

    fn is_worth_a_try(&self) -> bool {
        self.handle.borrow().chan().is_none_or(|chan| chan.stores() || chan.outlet().may_recv())
    }
}

impl<T, H: Borrow<Receiver<T>>> TaskOp for RecvOp<T, H> {
    fn poll(&mut self, waker: &Waker) -> Poll<Self::Output> {
        let Some(chan) = self.handle.borrow().chan() else { return Poll::Pending };
        chan.outlet().poll_recv(&mut self.message, &mut self.seat, waker)
    }

    fn leave(&mut self) {
        if let Some(chan) = self.handle.borrow().chan() {
            chan.outlet().leave_recv(&mut self.seat);
        }
    }

    fn is_in_line(&self) -> bool {
        self.seat.is_some()
    }

    fn due(&self) -> Option<Instant> {
        self.handle.borrow().chan().and_then(Chan::due)
    }

    fn may_give_way(&self) -> bool {
        self.handle.borrow().chan().is_some_and(|chan| chan.stores() && !chan.outlet().was_a_receiver_overtaken())
    }
}

impl<T, H: Borrow<Receiver<T>>> TaskWait<RecvOp<T, H>> {
    /// Polls for a message.
    #[inline]
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        let tried = self.is_fresh();
        if tried && park::is_spent(cx) {
            return Poll::Pending;
        }
        if tried && self.op_mut().take_quickly() {
            self.finish();
            return Poll::Ready(Ok(self.op_mut().take_message()));
        }
        self.poll_on(cx, tried).map_ok(|()| self.op_mut().take_message())
    }
}

/// Takes `n` places at once. `H` is a sender or a reference to one.
#[derive(Debug)]
pub(crate) struct PlaceOp<T, H> {
    handle: H,
    n: usize,
    seat: Seat,
    /// A wake-up came for one place, and we may need more.
    has_wake_up: bool,
    message: PhantomData<fn() -> T>,
}

impl<T, H: Borrow<Sender<T>>> PlaceOp<T, H> {
    pub(crate) fn new(handle: H, n: usize) -> PlaceOp<T, H> {
        PlaceOp { handle, n, seat: None, has_wake_up: false, message: PhantomData }
    }

    pub(crate) fn chan(&self) -> &Chan<T> {
        self.handle.borrow().chan()
    }
}

impl<T, H: Borrow<Sender<T>>> Op for PlaceOp<T, H> {
    type Output = Result<(), SendError<()>>;

    fn aims(&self, aims: &mut Aims) {
        aims.channel(Operation::Reserve, &self.chan().watched);
    }

    fn attempt(&mut self, who: Who<'_>) -> Option<Self::Output> {
        let had_wake_up = std::mem::take(&mut self.has_wake_up);
        match self.chan().inlet().reserve(self.n, who) {
            Ok(()) => Some(Ok(())),
            Err(Stop::Closed) => Some(Err(SendError(()))),
            Err(Stop::Full) => {
                // Too few places for us, but perhaps enough for the next. Only those behind us are asked, so two who
                // need many do not wake each other for ever.
                if had_wake_up && self.n > 1 {
                    self.chan().inlet().pass_on_send(self.seat);
                }
                None
            }
        }
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        let n = self.n;
        let inlet = self.handle.borrow().chan().inlet();
        inlet.enlist_send(Ticket::single(waiter), &mut self.seat, Offering::Places(n))
    }

    fn claimed(&mut self, _: usize) -> Option<Self::Output> {
        self.has_wake_up = true;
        None
    }

    fn retract(&mut self) {
        self.handle.borrow().chan().inlet().retract_send(&mut self.seat, &mut None);
    }

    fn pass_on(&mut self, _: usize) {
        self.chan().inlet().pass_on_send(None);
    }

    fn looks_ready(&mut self) -> bool {
        self.chan().inlet().can_send(self.n, Who::THREAD)
    }

    fn may_find_stored(&self) -> bool {
        self.chan().stores()
    }
}

impl<T, H: Borrow<Sender<T>>> TaskOp for PlaceOp<T, H> {
    fn poll(&mut self, waker: &Waker) -> Poll<Self::Output> {
        self.handle.borrow().chan().inlet().poll_reserve(self.n, &mut self.seat, waker)
    }

    fn leave(&mut self) {
        self.handle.borrow().chan().inlet().leave_send(&mut self.seat, &mut None);
    }

    fn is_in_line(&self) -> bool {
        self.seat.is_some()
    }
}

/// Whose end is waited for.
#[derive(Debug)]
pub(crate) enum Ends<'a, T> {
    Channel(&'a Chan<T>),
    Once(&'a Once<T>),
    Watch(&'a Board),
    Never,
}

impl<T> Clone for Ends<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ends<'_, T> {}

impl<T> Ends<'_, T> {
    pub(crate) fn have_come(&self) -> bool {
        match self {
            Ends::Channel(chan) => chan.outlet().is_closed(),
            Ends::Once(once) => once.is_closed(),
            Ends::Watch(board) => board.is_closed(),
            Ends::Never => false,
        }
    }

    pub(crate) fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        match self {
            Ends::Channel(chan) => {
                chan.closing.enlist(ticket, seat);
                Look::ready(chan.outlet().is_closed())
            }
            Ends::Once(once) => bell::enlist(once, ticket, seat),
            Ends::Watch(board) => bell::enlist(*board, ticket, seat),
            Ends::Never => Look::default(),
        }
    }

    pub(crate) fn retract(&self, seat: &mut Seat) {
        match self {
            Ends::Channel(chan) => chan.closing.retract(seat),
            Ends::Once(once) => once.bell().leave(seat),
            Ends::Watch(board) => board.bell().leave(seat),
            Ends::Never => {}
        }
    }

    fn poll(&self, seat: &mut Seat, waker: &Waker) -> Poll<()> {
        match self {
            Ends::Channel(chan) => {
                let look = || {
                    // SeqCst: as in `WaitList::enlist`.
                    fence(Ordering::SeqCst);
                    chan.outlet().is_closed()
                };
                chan.closing.poll(seat, waker, || chan.outlet().is_closed().then_some(()), look, |_| ())
            }
            Ends::Once(once) => bell::poll(once, seat, waker),
            Ends::Watch(board) => bell::poll(*board, seat, waker),
            Ends::Never => Poll::Pending,
        }
    }
}

/// Waits for the end.
#[derive(Debug)]
pub(crate) struct ClosedOp<'a, T> {
    pub(crate) ends: Ends<'a, T>,
    seat: Seat,
}

impl<'a, T> ClosedOp<'a, T> {
    pub(crate) fn new(ends: Ends<'a, T>) -> ClosedOp<'a, T> {
        ClosedOp { ends, seat: None }
    }
}

impl<T> Op for ClosedOp<'_, T> {
    type Output = ();

    fn aims(&self, aims: &mut Aims) {
        match self.ends {
            Ends::Channel(chan) => aims.channel(Operation::Closed, &chan.watched),
            Ends::Once(_) | Ends::Watch(_) => aims.unknown(),
            Ends::Never => {}
        }
    }

    fn attempt(&mut self, _: Who<'_>) -> Option<()> {
        self.ends.have_come().then_some(())
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        self.ends.enlist(Ticket::single(waiter), &mut self.seat)
    }

    fn claimed(&mut self, _: usize) -> Option<()> {
        None
    }

    fn retract(&mut self) {
        self.ends.retract(&mut self.seat);
    }

    /// The end wakes everybody.
    fn pass_on(&mut self, _: usize) {}

    fn looks_ready(&mut self) -> bool {
        false
    }
}

impl<T> TaskOp for ClosedOp<'_, T> {
    fn poll(&mut self, waker: &Waker) -> Poll<()> {
        self.ends.poll(&mut self.seat, waker)
    }

    fn leave(&mut self) {
        self.retract();
    }

    fn is_in_line(&self) -> bool {
        self.seat.is_some()
    }
}
