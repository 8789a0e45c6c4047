//! What a buffer does for receivers.

use std::task::{Poll, Waker};

use super::{Buffer, chosen::Numbered, truly};
use crate::{
    answer,
    arm::{Look, Seat, Ticket, Token, Who},
    error::{RecvError, TryRecvError},
    flavor::{self, Hold, Outlet, Stop, unless_empty},
    sync::Ordering,
    wait::list,
};

impl<T> Outlet<T> for Buffer<T> {
    fn recv(&self, into: &mut Option<T>, _: Who<'_>) -> Result<(), TryRecvError> {
        match self.front_or_why() {
            Ok(front) => {
                front.take(into);
                Ok(())
            }
            Err(Some(why)) => Err(why),
            Err(None) => self.take_slow(into),
        }
    }

    fn recv_many(&self, into: &mut Vec<T>, most: usize, who: Who<'_>) -> Result<usize, TryRecvError> {
        // No memory is asked for under the role.
        into.reserve(self.count().clamp(1, most));
        let most = most.min(into.capacity() - into.len());
        let mut end = self.queue.consumer();
        if !self.is_plain(&mut end) || !end.is_whole() {
            drop(end);
            return flavor::recv_one_by_one(self, into, most, who);
        }
        if !end.has_next_for_sure() {
            return Err(Self::why_not(&mut end));
        }
        let n = end.take_many(into, most);
        drop(end);
        self.watched.received(n);
        self.places_are_free(n);
        Ok(n)
    }

    fn enlist_recv(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.receivers.show(ticket, seat, None);
        Look::ready(self.may_take())
    }

    fn was_received(&self, seat: &mut Seat, _: &mut Option<T>) -> bool {
        list::was_claimed(seat);
        false
    }

    fn retract_recv(&self, seat: &mut Seat) {
        self.receivers.retract(seat);
    }

    fn pass_on_recv(&self) {
        self.receivers.pass_on(|| self.can_recv(Who::THREAD));
    }

    fn poll_recv(&self, into: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), RecvError>> {
        self.poll_in_line(seat, waker, || unless_empty(self.recv(into, Who::TASK)))
    }

    fn leave_recv(&self, seat: &mut Seat) {
        if self.receivers.leave(seat) {
            self.pass_on_recv();
        }
    }

    fn choose_recv(&self, _: Who<'_>) -> Option<Token> {
        self.taking(|taker| self.choose_by(taker))
    }

    fn choose_recv_quietly(&self, _: Who<'_>) -> Option<Token> {
        self.taking_untold(|taker| self.choose_by(taker))
    }

    fn claimed_recv(&self, _: &mut Seat) -> Option<Token> {
        None
    }

    fn complete_recv(&self, token: Token, into: &mut Option<T>) -> bool {
        let is_one = self.taking(|taker| {
            let Some(Numbered { hold, message }) = taker.end.books().unchoose(token) else { return false };
            *into = Some(message);
            taker.release(hold);
            true
        });
        self.watched.received(is_one.into());
        is_one
    }

    fn abandon_recv(&self, token: Token) {
        if !self.leave_chosen(token) {
            self.taking(|taker| {
                if let Some(numbered) = taker.end.books().unchoose(token) {
                    taker.put_back(numbered);
                }
            });
        }
        self.receivers.notify_fenced(1);
    }

    fn lease(&self, into: &mut Option<T>, hold: &mut Option<Hold>, _: Who<'_>) -> Result<(), TryRecvError> {
        self.taking(|taker| {
            let taken = taker.take_out().ok_or_else(|| Self::why_not(&mut taker.end))?;
            taker.end.books().leases += 1;
            *hold = Some(taken.hold);
            *into = Some(taken.message);
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
        self.poll_in_line(seat, waker, || unless_empty(self.lease(into, hold, Who::TASK)))
    }

    fn end_lease(&self, hold: Hold) {
        self.finish_lease(hold);
    }

    fn give_back(&self, hold: Hold, message: T) {
        self.return_lease(hold, message);
    }

    fn unrecv(&self, message: &mut Option<T>) -> Result<(), Stop> {
        self.unreceive(message)
    }

    fn can_recv(&self, _: Who<'_>) -> bool {
        truly(|| self.has_something())
    }

    fn may_recv(&self) -> bool {
        // Relaxed: a guess.
        self.queue.looks_filled() || self.closed.load(Ordering::Relaxed) != 0
    }

    fn was_a_receiver_overtaken(&self) -> bool {
        self.receivers.was_overtaken()
    }

    #[expect(clippy::cast_possible_truncation, reason = "only small differences count")]
    fn recv_patience(&self) -> usize {
        let patience = self.patience();
        if patience == 0 {
            return 0; // and nothing is written, where the sender looks, too
        }
        let taken = self.queue.given_back() as u32;
        // Relaxed, both: a guess.
        let before = self.last_wait.load(Ordering::Relaxed);
        self.last_wait.store(taken, Ordering::Relaxed);
        // One message a wait may be a question and an answer, which are not to be delayed, or the two ends may have fallen
        // into step: now and then that is tried.
        if taken.wrapping_sub(before) > 1 || taken.is_multiple_of(32) { patience } else { 0 }
    }

    fn is_closed(&self) -> bool {
        truly(|| self.queue.is_closed())
    }

    fn is_drained(&self) -> bool {
        answer::before_no();
        self.has_ended()
    }

    fn len(&self) -> usize {
        // Every answer also says what has not happened.
        answer::before_no();
        self.count()
    }

    fn is_full(&self) -> bool {
        answer::before_no();
        self.looks_short_of(1)
    }

    fn capacity(&self) -> Option<usize> {
        self.is_bounded.then_some(self.capacity)
    }
}
