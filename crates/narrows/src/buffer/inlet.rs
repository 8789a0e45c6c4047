//! What a buffer does for senders.

use std::{
    collections::VecDeque,
    task::{Poll, Waker},
};

use super::{Buffer, truly};
use crate::{
    answer,
    arm::{Look, Seat, Ticket, Token, Who},
    error::SendError,
    flavor::{Inlet, Offering, Receipt, Stop, unless_full},
    sync::{Ordering, fence},
    wait::list,
};

impl<T> Inlet<T> for Buffer<T> {
    fn send(&self, message: &mut Option<T>, seat: &mut Seat, _: Who<'_>) -> Result<(), Stop> {
        if message.is_none() && !self.reclaim(message, seat) {
            return Ok(());
        }
        self.with_room(1, |end| end.push_from(message))?;
        self.watched.sent(1);
        self.receivers.notify_fenced(1);
        Ok(())
    }

    fn send_many(&self, messages: &mut VecDeque<T>, _: Who<'_>) -> Result<(), Stop> {
        while !messages.is_empty() {
            let mut end = self.queue.producer();
            if end.is_closed() {
                return Err(Stop::Closed);
            }
            let mut room = self.room(&mut end);
            if room == 0 {
                answer::before_no();
                room = self.room(&mut end);
            }
            if room == 0 {
                return Err(Stop::Full);
            }
            let n = room.min(messages.len());
            end.push_many(messages, n);
            drop(end);
            self.watched.sent(n);
            self.receivers.notify_fenced(n);
        }
        Ok(())
    }

    fn reserve(&self, n: usize, _: Who<'_>) -> Result<(), Stop> {
        // Relaxed: only the send role, under which this runs, writes it. No overflow: there was room.
        self.with_room(n, |_| self.set_reserved(self.reserved().load(Ordering::Relaxed) + n))
    }

    fn unreserve(&self, n: usize) {
        let end = self.queue.producer();
        self.set_reserved(self.sub_reserved(n));
        drop(end);
        self.places_are_free(n);
    }

    fn force_send(&self, message: &mut Option<T>, out: &mut Option<T>, _: Who<'_>) -> Result<(), Stop> {
        self.force(message, out)
    }

    fn send_awaited(&self, message: &mut Option<T>, receipt: Receipt<T>) -> Result<usize, Stop> {
        self.fill_awaited(message, receipt)
    }

    fn take_back(&self, number: usize, into: &mut Option<T>) -> bool {
        self.take_awaited_back(number, into)
    }

    fn send_reserved(&self, message: &mut Option<T>) -> Result<(), Stop> {
        self.fill_from(message, true)
    }

    fn enlist_send(&self, ticket: Ticket, seat: &mut Seat, offering: Offering<'_, T>) -> Look {
        let (n, shown) = match offering {
            Offering::Message(message) => (1, (self.shows_messages() && message.is_some()).then_some(message)),
            Offering::Later => (1, None),
            Offering::Places(n) => (n, None),
        };
        self.senders.show(ticket, seat, shown);
        Look::ready(self.may_go_on(n))
    }

    fn note_claim(&self, seat: &mut Seat) {
        list::was_claimed(seat);
    }

    fn retract_send(&self, seat: &mut Seat, message: &mut Option<T>) {
        // A message that is here would change places with what the ticket shows, and go with it.
        if message.is_none() {
            self.reclaim(message, seat);
        }
        self.senders.retract(seat);
    }

    fn pass_on_send(&self, after: Seat) {
        if self.senders.is_waited_on() && self.can_send(1, Who::THREAD) {
            self.admit(after, 1);
        }
    }

    fn poll_send(&self, message: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), SendError<()>>> {
        self.poll_send_in_line(message, seat, waker)
    }

    fn poll_reserve(&self, n: usize, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), SendError<()>>> {
        self.poll_for_places(n, seat, waker, || unless_full(self.reserve(n, Who::TASK)))
    }

    fn leave_send(&self, seat: &mut Seat, message: &mut Option<T>) {
        self.leave_send_line(seat, message);
    }

    fn choose_send(&self, who: Who<'_>) -> Option<Token> {
        let chosen = if self.is_bounded {
            self.reserve(1, who)
        } else if self.queue.is_closed() {
            Err(Stop::Closed)
        } else {
            Ok(())
        };
        match chosen {
            Ok(()) => Some(Token::new(0, 0)),
            Err(Stop::Closed) => Some(Token::DISCONNECTED),
            Err(Stop::Full) => None,
        }
    }

    fn claimed_send(&self, _: Seat) -> Option<Token> {
        None
    }

    fn complete_send(&self, _: Token, message: &mut Option<T>) -> Result<(), Stop> {
        self.fill_from(message, self.is_bounded)
    }

    fn abandon_send(&self, _: Token) {
        if self.is_bounded {
            self.unreserve(1);
        }
    }

    fn can_send(&self, n: usize, _: Who<'_>) -> bool {
        truly(|| self.queue.is_closed() || !self.looks_short_of(n))
    }

    fn may_send(&self) -> bool {
        // Relaxed: a guess.
        self.queue.looks_free(self.capacity) || self.closed.load(Ordering::Relaxed) != 0
    }

    fn send_patience(&self) -> usize {
        self.patience()
    }

    fn close(&self) -> bool {
        if self.queue.is_closed() {
            return false;
        }
        let mut end = self.queue.producer();
        if end.is_closed() {
            return false;
        }
        end.close();
        // Relaxed: a hint.
        self.closed.store(1, Ordering::Relaxed);
        drop(end);
        // SeqCst: as in `WaitList::notify`, for both lists and for our caller's.
        fence(Ordering::SeqCst);
        self.senders.notify_all_fenced();
        self.receivers.notify_all_fenced();
        true
    }

    fn clear_one(&self, into: &mut Option<T>) -> bool {
        let is_one = self.clear_next(into);
        self.watched.cleared(is_one);
        is_one
    }
}
