//! What a task does that waits for a rendezvous: each poll is one look under the lock.

use std::task::{Poll, Waker};

use super::{
    Zero,
    state::{Found, Offer, State, Want},
};
use crate::{
    arm::{Seat, Token, Who},
    error::{RecvError, SendError},
    exchange::Sight,
    wait::{
        party::Woken,
        polled::{Polled, stand},
    },
};

impl<T> Zero<T> {
    /// Looks until it is clear what comes of it.
    fn poll_with<R>(
        &self,
        seat: &mut Seat,
        waker: &Waker,
        mut look: impl FnMut(&mut State<T>, &mut Seat, &mut Option<Waker>, &mut Woken) -> Polled<R>,
    ) -> Poll<R> {
        // One that has a ticket has most often been finished, and needs no other waker.
        let mut spare = seat.is_none().then(|| waker.clone());
        loop {
            match self.with(|state, woken| look(state, seat, &mut spare, woken)) {
                Polled::Done(result) => return Poll::Ready(result),
                Polled::Waits => return Poll::Pending,
                // Left of an exchange it would be the old one, which must not come back.
                Polled::Again => spare = None,
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
        if seat.is_none() && self.cell.give(message) == Sight::Peer {
            return Poll::Ready(Ok(()));
        }
        self.poll_with(seat, waker, |state, seat, spare, woken| {
            if seat.is_some_and(|key| state.senders.payload(key).is_none()) {
                *seat = None;
                return Polled::Done(Ok(())); // a receiver has taken it
            }
            let receiver = if state.closed || state.is_spoken_for(Who::TASK) {
                None
            } else {
                state.claim_receiver(Who::TASK, woken)
            };
            if state.closed || receiver.is_some() {
                state.leave_senders(seat, message, woken);
                let Some(receiver) = receiver else { return Polled::Done(Err(SendError(()))) };
                state.deliver(receiver, message, woken);
                return Polled::Done(Ok(()));
            }
            let Some(key) = stand(&mut state.senders, seat, waker, spare, || Offer::Taken, woken) else {
                return Polled::NeedsWaker;
            };
            state.senders.link(key);
            if let Some(message) = message.take()
                && let Some(offer) = seat.and_then(|key| state.senders.payload(key))
            {
                *offer = Offer::Message(message);
            }
            state.is_used_by_tasks = true;
            if state.show_to_receivers(Who::TASK, false, woken) > state.spoken_for() {
                Polled::Again
            } else {
                Polled::Waits
            }
        })
    }

    pub(super) fn poll_reserve_in_line(
        &self,
        n: usize,
        seat: &mut Seat,
        waker: &Waker,
    ) -> Poll<Result<(), SendError<()>>> {
        self.poll_with(seat, waker, |state, seat, spare, woken| {
            if state.closed {
                state.leave_senders(seat, &mut None, woken);
                return Polled::Done(Err(SendError(())));
            }
            // No overflow: more are waiting than the sum.
            let is_short = |state: &State<T>, open| n > 0 && open < state.spoken_for().saturating_add(n);
            let open = state.open_receivers(Who::TASK);
            if !is_short(state, open) {
                state.reserved += n;
                state.leave_senders(seat, &mut None, woken);
                return Polled::Done(Ok(()));
            }
            let was_claimed = seat.is_some_and(|key| !state.senders.is_linked(key));
            let Some(key) = stand(&mut state.senders, seat, waker, spare, || Offer::Places, woken) else {
                return Polled::NeedsWaker;
            };
            state.senders.link(key);
            // Too few for us, but perhaps enough for the next. Only those behind us are asked, so two who need many do not
            // wake each other for ever.
            if was_claimed && n > 1 {
                state.pass_on_to_senders(seat.map(Token::number), woken);
            }
            state.is_used_by_tasks = true;
            let open = state.show_to_receivers(Who::TASK, true, woken);
            if is_short(state, open) { Polled::Waits } else { Polled::Again }
        })
    }

    /// A sender gives up. Its message, if nobody has taken it, is in `message` afterwards.
    pub(super) fn leave_send_line(&self, seat: &mut Seat, message: &mut Option<T>) {
        self.with(|state, woken| state.leave_senders(seat, message, woken));
    }

    /// The number of the message, if it had one.
    pub(super) fn poll_recv_in_line(
        &self,
        into: &mut Option<T>,
        seat: &mut Seat,
        waker: &Waker,
    ) -> Poll<Result<Option<u64>, RecvError>> {
        if seat.is_none() && self.cell.take(into) == Sight::Peer {
            return Poll::Ready(Ok(None));
        }
        self.poll_with(seat, waker, |state, seat, spare, woken| {
            if let Some(key) = *seat {
                state.hear(key);
            }
            let mut came = None;
            if let Some(numbered) = state.take_handed() {
                *into = Some(numbered.message);
                came = Some(Ok(Some(numbered.number)));
            } else if state.is_over() {
                came = Some(Err(RecvError));
            } else if !state.closed
                && let Some(Found::Message) = state.find_sender(into, Who::TASK, woken)
            {
                came = Some(Ok(None));
            }
            if let Some(came) = came {
                if let Some(key) = seat.take() {
                    state.receivers.remove(key, woken);
                }
                return Polled::Done(came);
            }
            if let Some(key) = *seat
                && matches!(state.receivers.payload(key), Some(Want::Met))
            {
                // A select owes a message, and will tell us.
                let is_set = state.receivers.set_waker(key, waker, spare);
                return if is_set { Polled::Waits } else { Polled::NeedsWaker };
            }
            let Some(key) = stand(&mut state.receivers, seat, waker, spare, || Want::Waiting, woken) else {
                return Polled::NeedsWaker;
            };
            state.receivers.link(key);
            state.is_used_by_tasks = true;
            if state.show_to_senders(Who::TASK, false, woken) { Polled::Again } else { Polled::Waits }
        })
    }
}

impl<T> State<T> {
    /// Takes a sender's ticket back, and its message; a wake-up that it got goes on.
    fn leave_senders(&mut self, seat: &mut Seat, message: &mut Option<T>, woken: &mut Woken) {
        let Some(key) = seat.take() else { return };
        let Some(offer) = self.senders.payload(key) else { return };
        if let Some(own) = offer.take() {
            *message = Some(own);
        }
        let was_claimed = !self.senders.is_linked(key);
        self.senders.remove(key, woken);
        if was_claimed {
            self.pass_on_to_senders(None, woken);
        }
    }

    /// Gives a wake-up to the next sender behind that number, if there is somebody to meet.
    pub(super) fn pass_on_to_senders(&mut self, after: Option<u64>, woken: &mut Woken) {
        if self.closed || self.open_receivers(Who::THREAD) > self.spoken_for() {
            self.senders.hand_out(after, woken);
        }
    }
}
