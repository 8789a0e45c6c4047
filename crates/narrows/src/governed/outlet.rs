//! What a governed channel does for receivers.

use std::task::{Poll, Waker};

use super::{
    Governed,
    state::{CLOSED, MESSAGES, State, Waits},
};
use crate::{
    arm::{Look, Seat, Ticket, Token, Who},
    error::{RecvError, TryRecvError},
    flavor::{Hold, Outlet, Stop},
};

impl<T> Outlet<T> for Governed<T> {
    fn recv(&self, into: &mut Option<T>, _: Who<'_>) -> Result<(), TryRecvError> {
        self.with(|state, _| {
            if state.stock.take(into) {
                self.watched.received(1);
                return Ok(());
            }
            Err(state.why_not())
        })
    }

    fn recv_many(&self, into: &mut Vec<T>, most: usize, _: Who<'_>) -> Result<usize, TryRecvError> {
        // No memory is asked for under the lock.
        into.reserve(self.len().clamp(1, most));
        let most = most.min(into.capacity() - into.len());
        self.with(|state, _| {
            let before = into.len();
            let mut message = None;
            while into.len() - before < most && state.stock.take(&mut message) {
                into.extend(message.take());
            }
            let received = into.len() - before;
            self.watched.received(received);
            if received == 0 { Err(state.why_not()) } else { Ok(received) }
        })
    }

    fn lease(&self, into: &mut Option<T>, hold: &mut Option<Hold>, _: Who<'_>) -> Result<(), TryRecvError> {
        self.with(|state, _| {
            let number = state.stock.lease(into).ok_or_else(|| state.why_not())?;
            *hold = Some(Hold { number, is_extra: false });
            Ok(())
        })
    }

    fn poll_lease(
        &self,
        into: &mut Option<T>,
        seat: &mut Seat,
        waker: &Waker,
        hold: &mut Option<Hold>,
    ) -> Poll<Result<(), RecvError>> {
        self.poll_recv_in_line(seat, waker, |state| {
            let number = state.stock.lease(into);
            *hold = number.map(|number| Hold { number, is_extra: false });
            number.is_some()
        })
    }

    fn end_lease(&self, hold: Hold) {
        self.with(|state, _| state.stock.end_lease(hold.number, &mut None));
        self.watched.received(1);
    }

    fn give_back(&self, hold: Hold, message: T) {
        let mut message = Some(message);
        self.with(|state, _| state.stock.end_lease(hold.number, &mut message));
    }

    fn unrecv(&self, message: &mut Option<T>) -> Result<(), Stop> {
        let weight = self.weight_of(message.as_ref(), None);
        self.with(|state, _| {
            if !state.stock.admits(weight, 0) {
                return Err(Stop::Full);
            }
            state.stock.put_first(weight, message);
            self.watched.sent(1);
            Ok(())
        })
    }

    fn enlist_recv(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.with(|state, woken| {
            let key = *seat.get_or_insert_with(|| state.receivers.add(ticket.into(), Waits, woken));
            state.receivers.link(key);
            Look::ready(state.is_drained() || !state.stock.is_empty())
        })
    }

    fn was_received(&self, _: &mut Seat, _: &mut Option<T>) -> bool {
        false
    }

    fn retract_recv(&self, seat: &mut Seat) {
        if let Some(key) = seat.take() {
            self.with(|state, woken| state.receivers.remove(key, woken));
        }
    }

    fn pass_on_recv(&self) {
        self.with(State::pass_on_to_receivers);
    }

    fn poll_recv(&self, into: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), RecvError>> {
        let polled = self.poll_recv_in_line(seat, waker, |state| state.stock.take(into));
        self.watched.received((polled == Poll::Ready(Ok(()))).into());
        polled
    }

    fn leave_recv(&self, seat: &mut Seat) {
        self.leave_recv_line(seat);
    }

    fn choose_recv(&self, _: Who<'_>) -> Option<Token> {
        self.with(|state, _| match state.stock.choose() {
            Some(number) => Some(Token::new(0, number)),
            None => state.is_drained().then_some(Token::DISCONNECTED),
        })
    }

    fn claimed_recv(&self, _: &mut Seat) -> Option<Token> {
        None
    }

    fn complete_recv(&self, token: Token, into: &mut Option<T>) -> bool {
        let is_one = self.with(|state, _| state.stock.finish(token.number(), into));
        self.watched.received(is_one.into());
        is_one
    }

    fn abandon_recv(&self, token: Token) {
        self.with(|state, _| state.stock.give_back(token.number()));
    }

    fn can_recv(&self, _: Who<'_>) -> bool {
        self.with(|state, _| state.is_drained() || !state.stock.is_empty())
    }

    fn may_recv(&self) -> bool {
        self.shows(MESSAGES | CLOSED)
    }

    /// So that a task stands in line at once: with one lock the line costs it little, and nobody in it is passed over.
    fn was_a_receiver_overtaken(&self) -> bool {
        true
    }

    fn is_closed(&self) -> bool {
        self.with(|state, _| state.closed)
    }

    fn is_drained(&self) -> bool {
        self.with(|state, _| state.is_drained())
    }

    fn len(&self) -> usize {
        self.with(|state, _| state.stock.len())
    }

    fn is_full(&self) -> bool {
        self.with(|state, _| !state.may_reserve(1, None))
    }

    fn capacity(&self) -> Option<usize> {
        self.with(|state, _| state.stock.capacity())
    }
}
