//! Channels whose sender is the clock: `after`, `at` and `tick`. One place: the message that is due.
//!
//! A late receiver gets one message, not all those it missed. The next comes a period after that one was due, so that a
//! loop of receives does not drift, or, if that has passed too, a period from now.

use std::{
    collections::VecDeque,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use crate::{
    answer,
    arm::{Look, Seat, Ticket, Token, Who},
    error::{RecvError, TryRecvError},
    flavor::{Hold, Outlet, Stop, unless_empty},
    sync::{Mutex, Ordering, fence, lock},
    time,
    wait::list::WaitList,
};

#[derive(Debug)]
struct State {
    /// When the next message comes; `None` once the only one has been received.
    next: Option<Instant>,
    period: Option<Duration>,
    /// Chosen by a select and not finished; the token is the index.
    chosen: Vec<Option<Instant>>,
    /// Chosen and given back.
    returned: VecDeque<Instant>,
}

/// A channel that the clock sends into.
#[derive(Debug)]
pub(crate) struct Timer<T> {
    state: Mutex<State>,
    /// Told only when a chosen message comes back; the clock itself tells nobody.
    receivers: WaitList,
    /// `T` is `Instant`; this says so without the flavours having to know.
    message: fn(Instant) -> T,
}

impl Timer<Instant> {
    pub(crate) fn new(first: Option<Instant>, period: Option<Duration>) -> Timer<Instant> {
        let state = State { next: first, period, chosen: Vec::new(), returned: VecDeque::new() };
        Timer { state: Mutex::new(state), receivers: WaitList::new(), message: std::convert::identity }
    }
}

impl<T> Timer<T> {
    /// When the next message comes.
    pub(crate) fn due(&self) -> Option<Instant> {
        lock(&self.state).next
    }
}

impl State {
    fn is_due(&self) -> bool {
        !self.returned.is_empty() || self.next.is_some_and(time::has_come)
    }

    fn take(&mut self) -> Option<Instant> {
        answer::acted();
        if let Some(returned) = self.returned.pop_front() {
            return Some(returned);
        }
        let due = self.next.filter(|next| time::has_come(*next))?;
        let now = time::now();
        self.next = self.period.and_then(|period| {
            let in_rhythm = due.checked_add(period).filter(|next| *next > now);
            in_rhythm.or_else(|| now.checked_add(period))
        });
        Some(due)
    }
}

impl<T> Timer<T> {
    /// Waits for a message, which `attempt` takes.
    fn poll_for<R>(&self, seat: &mut Seat, waker: &Waker, attempt: impl FnMut() -> Option<R>) -> Poll<R> {
        let look = || {
            // SeqCst: as in `WaitList::enlist`.
            fence(Ordering::SeqCst);
            self.can_recv(Who::THREAD)
        };
        let pass_on = |after: Seat| {
            if after.is_none() {
                self.pass_on_recv();
            }
        };
        self.receivers.poll(seat, waker, attempt, look, pass_on)
    }
}

impl<T> Outlet<T> for Timer<T> {
    fn recv(&self, into: &mut Option<T>, _: Who<'_>) -> Result<(), TryRecvError> {
        *into = Some((self.message)(lock(&self.state).take().ok_or(TryRecvError::Empty)?));
        Ok(())
    }

    fn enlist_recv(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.receivers.enlist(ticket, seat);
        let due = self.due();
        Look { ready: self.can_recv(Who::THREAD), due }
    }

    fn was_received(&self, _: &mut Seat, _: &mut Option<T>) -> bool {
        false
    }

    fn retract_recv(&self, seat: &mut Seat) {
        self.receivers.retract(seat);
    }

    fn pass_on_recv(&self) {
        if self.can_recv(Who::THREAD) {
            self.receivers.notify(1);
        }
    }

    fn poll_recv(&self, into: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), RecvError>> {
        self.poll_for(seat, waker, || unless_empty(self.recv(into, Who::TASK)))
    }

    fn leave_recv(&self, seat: &mut Seat) {
        if self.receivers.leave(seat) {
            self.pass_on_recv();
        }
    }

    fn choose_recv(&self, _: Who<'_>) -> Option<Token> {
        let mut state = lock(&self.state);
        let message = state.take()?;
        let slot = state.chosen.iter().position(Option::is_none).unwrap_or(state.chosen.len());
        if slot == state.chosen.len() {
            state.chosen.push(None);
        }
        state.chosen[slot] = Some(message);
        Some(Token::new(slot, 0))
    }

    fn claimed_recv(&self, _: &mut Seat) -> Option<Token> {
        None
    }

    fn complete_recv(&self, token: Token, into: &mut Option<T>) -> bool {
        let message = lock(&self.state).chosen.get_mut(token.slot()).and_then(Option::take);
        *into = message.map(self.message);
        into.is_some()
    }

    fn abandon_recv(&self, token: Token) {
        let mut state = lock(&self.state);
        let message = state.chosen.get_mut(token.slot()).and_then(Option::take);
        state.returned.extend(message);
        drop(state);
        answer::acted();
        self.receivers.notify(1);
    }

    fn lease(&self, into: &mut Option<T>, hold: &mut Option<Hold>, who: Who<'_>) -> Result<(), TryRecvError> {
        let slot = self.choose_recv(who).ok_or(TryRecvError::Empty)?.slot();
        *hold = Some(Hold { number: slot, is_extra: false });
        *into = lock(&self.state).chosen[slot].map(self.message);
        Ok(())
    }

    fn poll_lease(
        &self,
        into: &mut Option<T>,
        seat: &mut Seat,
        waker: &Waker,
        hold: &mut Option<Hold>,
    ) -> Poll<Result<(), RecvError>> {
        self.poll_for(seat, waker, || unless_empty(self.lease(into, hold, Who::TASK)))
    }

    fn end_lease(&self, hold: Hold) {
        self.complete_recv(Token::new(hold.number, 0), &mut None);
    }

    fn give_back(&self, hold: Hold, _: T) {
        self.abandon_recv(Token::new(hold.number, 0));
    }

    /// A clock strikes by itself.
    fn unrecv(&self, _: &mut Option<T>) -> Result<(), Stop> {
        Err(Stop::Full)
    }

    fn can_recv(&self, _: Who<'_>) -> bool {
        lock(&self.state).is_due()
    }

    fn is_closed(&self) -> bool {
        false
    }

    fn is_drained(&self) -> bool {
        false
    }

    fn len(&self) -> usize {
        usize::from(self.can_recv(Who::THREAD))
    }

    fn is_full(&self) -> bool {
        self.can_recv(Who::THREAD)
    }

    fn capacity(&self) -> Option<usize> {
        Some(1)
    }
}
