//! Those who wait for a place. A waiting send shows its message, so that who makes room can put it there at once: its owner
//! then has nothing left to do, and a receiver meets with one message more for each send that waits.

use std::task::{Poll, Waker};

use super::Buffer;
use crate::{
    arm::{Seat, Who},
    error::SendError,
    flavor::{Inlet, Outlet, is_small, unless_full},
    wait::list::{self, Offered, Payload, Standing},
};

/// What a waiting sender shows: its message. A thread keeps a large one, and who wants places has none.
pub(super) type Parcel<T> = Option<T>;

impl<T> Payload for Parcel<T> {
    fn outlives_its_claim(&self) -> bool {
        self.is_some()
    }

    fn forget(&mut self) {
        *self = None;
    }
}

impl<T> Buffer<T> {
    /// Trials at capacity 64: without it 10 ns a message, with 5 to 8 pauses 6, with 12 more again; at 1 each hurts.
    pub(super) fn patience(&self) -> usize {
        (self.capacity / 8).min(8)
    }

    /// Whether a thread shows its message while it waits, where each place counts. With more of them it is better off if it
    /// keeps its end of the channel to itself; and a large message would be copied twice more.
    pub(super) fn shows_messages(&self) -> bool {
        is_small::<T>() && self.patience() == 0
    }

    /// For an attempt of a thread, or the end of its wait: takes its message back, unless it is not in line. False if the
    /// message has been sent from there.
    #[cold]
    pub(super) fn reclaim(&self, message: &mut Option<T>, seat: &mut Seat) -> bool {
        let Some(key) = seat.filter(|key| !list::is_out(*key)) else { return false };
        let is_here = self.senders.take_back(key, message).is_some();
        list::was_claimed(seat);
        is_here
    }

    /// A send, whose message is in its ticket while it waits.
    pub(super) fn poll_send_in_line(
        &self,
        message: &mut Option<T>,
        seat: &mut Seat,
        waker: &Waker,
    ) -> Poll<Result<(), SendError<()>>> {
        let mut was_claimed = false;
        if let Some(key) = *seat {
            match self.senders.visit(key, waker, message) {
                Standing::Waits if !self.can_send(1, Who::TASK) => return Poll::Pending,
                Standing::Waits if self.step_out(message, seat, &mut was_claimed) => {}
                // Left over from a poll that panicked: its message is here, so nobody has put it anywhere.
                Standing::Gone if message.is_some() => {}
                Standing::Waits | Standing::Gone => {
                    *seat = None;
                    return Poll::Ready(Ok(()));
                }
                Standing::Claimed => was_claimed = true,
            }
        }
        loop {
            // That it must wait has to be true before its own message may lie in the place that it waits for.
            if self.can_send(1, Who::TASK)
                && let Some(sent) = unless_full(self.send(message, seat, Who::TASK))
            {
                *seat = None;
                if was_claimed {
                    self.pass_on_send(None);
                }
                return Poll::Ready(sent);
            }
            self.senders.stand(waker, seat, Some(message));
            if !self.may_go_on(1) {
                return Poll::Pending;
            }
            if !self.step_out(message, seat, &mut was_claimed) {
                *seat = None;
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Takes the ticket back for an attempt, and its message. False if that was put in its place.
    fn step_out(&self, message: &mut Option<T>, seat: &Seat, was_claimed: &mut bool) -> bool {
        let taken = seat.and_then(|key| self.senders.take_back(key, message));
        *was_claimed |= taken == Some(true);
        taken.is_some()
    }

    /// Takes the ticket of a task back, and its message if it has one that nobody has put anywhere.
    pub(super) fn leave_send_line(&self, seat: &mut Seat, message: &mut Option<T>) {
        let Some(key) = seat.take() else { return };
        // Not there any more, it has been sent, or had wanted places and was claimed.
        if self.senders.take_back(key, message).unwrap_or(true) {
            self.pass_on_send(None);
        }
    }

    /// Waits for `n` places, which `attempt` takes.
    pub(super) fn poll_for_places<R>(
        &self,
        n: usize,
        seat: &mut Seat,
        waker: &Waker,
        attempt: impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        let look = || self.may_go_on(n);
        self.senders.poll(seat, waker, attempt, look, |after| {
            // Too few places for us, but perhaps enough for the next. Only those behind us are asked, so two who need many
            // do not wake each other for ever.
            if after.is_none() || n > 1 {
                self.pass_on_send(after);
            }
        })
    }

    /// Waits for a message, which `attempt` takes.
    #[inline(always)]
    pub(super) fn poll_in_line<R>(
        &self,
        seat: &mut Seat,
        waker: &Waker,
        attempt: impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        self.receivers.poll(
            seat,
            waker,
            attempt,
            || self.may_take(),
            |after| {
                if after.is_none() {
                    self.pass_on_recv();
                }
            },
        )
    }

    /// Between leaving word for senders and sleeping: may a receiver go on?
    pub(super) fn may_take(&self) -> bool {
        self.queue.fence_against_producers();
        self.has_something()
    }

    /// Between leaving word for receivers and sleeping: may one who wants `n` places go on?
    pub(super) fn may_go_on(&self, n: usize) -> bool {
        self.queue.fence_against_consumers();
        self.queue.is_closed() || !self.looks_short_of(n)
    }

    /// `n` places have become free: the first who wait, behind `after`, get them.
    #[cold]
    pub(super) fn admit(&self, after: Seat, n: usize) {
        let mut admitted = 0;
        let ((), woken) = self.senders.locked(|list, woken| {
            for _ in 0..n {
                let act = |message: &mut Parcel<T>| {
                    let offered = self.put_for(message);
                    admitted += usize::from(offered == Offered::Finished);
                    offered
                };
                if list.hand_out_or(after.map(|key| key.number), woken, act).is_none() {
                    return;
                }
            }
        });
        if admitted != 0 {
            self.watched.sent(admitted);
            self.receivers.notify_fenced(admitted);
        }
        woken.wake();
    }

    /// Puts the message of a waiting send into a free place, if that takes no waiting for others.
    fn put_for(&self, message: &mut Option<T>) -> Offered {
        if message.is_none() {
            return Offered::ToItsOwner;
        }
        let Some(mut end) = self.queue.producer_if_free() else { return Offered::ToItsOwner };
        if end.is_closed() {
            return Offered::ToItsOwner;
        }
        if self.is_short_of(1, &mut end) {
            return Offered::Gone;
        }
        end.push_from(message);
        Offered::Finished
    }
}
