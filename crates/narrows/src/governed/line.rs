//! What a task does that waits at a governed channel: each poll is one look under the lock.

use std::task::{Poll, Waker};

use super::{
    Governed, Seated,
    rules::Shed,
    state::{Bid, State, Waits},
};
use crate::{
    arm::{Seat, Token},
    error::{RecvError, SendError},
    flavor::Stop,
    wait::{
        party::Woken,
        polled::{Polled, stand},
    },
};

impl<T> Governed<T> {
    /// Looks until it is clear what comes of it.
    fn poll_with<R>(
        &self,
        waker: &Waker,
        mut look: impl FnMut(&mut State<T>, &mut Option<Waker>, &mut Woken) -> Polled<R>,
    ) -> Poll<R> {
        let mut spare = None;
        loop {
            match self.with(|state, woken| look(state, &mut spare, woken)) {
                Polled::Done(result) => return Poll::Ready(result),
                Polled::Waits => return Poll::Pending,
                Polled::Again => {}
                Polled::NeedsWaker => spare = Some(waker.clone()),
            }
        }
    }

    pub(super) fn poll_send_in_line(
        &self,
        message: &mut Option<T>,
        seat: &mut Seat,
        waker: &Waker,
    ) -> Poll<Result<(), SendError<()>>> {
        let weight = self.weight_of(message.as_ref(), *seat);
        if let Seated::Weighed(_) = Seated::of(*seat) {
            *seat = None;
        }
        let mut shed = Shed::new();
        let polled = self.poll_with(waker, |state, spare, woken| {
            if seat.is_some() {
                let Some(bid) = state.bid(*seat) else {
                    *seat = None;
                    return Polled::Done(Ok(())); // who made room has put it inside
                };
                let (weight, own) = (bid.units, seat.map(Token::number));
                if state.closed {
                    state.leave_senders(seat, message, woken);
                    return Polled::Done(Err(SendError(())));
                }
                if state.may_put(weight, own) {
                    state.leave_senders(seat, message, woken);
                    state.stock.put(weight, message);
                    return Polled::Done(Ok(()));
                }
            } else {
                let done = self.put(state, message, weight, None, &mut shed);
                if done != Err(Stop::Full) || self.fails_when_full() {
                    return Polled::Done(done.map_err(|_| SendError(())));
                }
            }
            let Some(key) = stand(&mut state.senders, seat, waker, spare, || Bid::of_send(weight), woken) else {
                return Polled::NeedsWaker;
            };
            state.show(key, message);
            Polled::Waits
        });
        self.bury(shed);
        polled
    }

    pub(super) fn poll_reserve_in_line(
        &self,
        n: usize,
        seat: &mut Seat,
        waker: &Waker,
    ) -> Poll<Result<(), SendError<()>>> {
        self.poll_with(waker, |state, spare, woken| {
            if state.closed {
                state.leave_senders(seat, &mut None, woken);
                return Polled::Done(Err(SendError(())));
            }
            if state.may_reserve(n, seat.map(Token::number)) {
                state.stock.reserve(n);
                let was_claimed = seat.is_some_and(|key| !state.senders.is_linked(key));
                state.leave_senders(seat, &mut None, woken);
                if was_claimed {
                    state.pass_on_to_senders(None, woken);
                }
                return Polled::Done(Ok(()));
            }
            let was_claimed = seat.is_some_and(|key| !state.senders.is_linked(key));
            let Some(key) = stand(&mut state.senders, seat, waker, spare, || Bid::for_units(n), woken) else {
                return Polled::NeedsWaker;
            };
            state.show(key, &mut None);
            // Too few for us, but perhaps enough for the next. Only those behind us are asked, so two who need many do not
            // wake each other for ever.
            if was_claimed && n > 1 {
                state.pass_on_to_senders(Some(key.number()), woken);
            }
            Polled::Waits
        })
    }

    /// A sender gives up. Its message, if nobody has put it inside, is in `message` afterwards.
    pub(super) fn leave_send_line(&self, seat: &mut Seat, message: &mut Option<T>) {
        let Seated::InLine(key) = Seated::of(seat.take()) else { return };
        let mut seat = Some(key);
        self.with(|state, woken| {
            let was_claimed = state.bid(seat).is_some() && !state.senders.is_linked(key);
            state.leave_senders(&mut seat, message, woken);
            if was_claimed {
                state.pass_on_to_senders(None, woken);
            }
        });
    }

    /// Waits for a message, which `take` takes.
    pub(super) fn poll_recv_in_line(
        &self,
        seat: &mut Seat,
        waker: &Waker,
        mut take: impl FnMut(&mut State<T>) -> bool,
    ) -> Poll<Result<(), RecvError>> {
        self.poll_with(waker, |state, spare, woken| {
            let came = if take(state) {
                Ok(())
            } else if state.is_drained() {
                Err(RecvError)
            } else {
                let Some(key) = stand(&mut state.receivers, seat, waker, spare, || Waits, woken) else {
                    return Polled::NeedsWaker;
                };
                state.receivers.link(key);
                return Polled::Waits;
            };
            if let Some(key) = seat.take() {
                state.receivers.remove(key, woken);
            }
            Polled::Done(came)
        })
    }

    pub(super) fn leave_recv_line(&self, seat: &mut Seat) {
        let Some(key) = seat.take() else { return };
        self.with(|state, woken| {
            let was_claimed = !state.receivers.is_linked(key);
            state.receivers.remove(key, woken);
            if was_claimed {
                state.pass_on_to_receivers(woken);
            }
        });
    }
}
