//! What a governed channel does for senders.

use std::{
    collections::VecDeque,
    task::{Poll, Waker},
};

use super::{
    BY_POLICY, BY_UNIT, Governed, Seated, WEIGHED,
    rules::{Shed, bring_back},
    state::{Bid, CLOSED, ROOM},
};
use crate::{
    arm::{Look, Seat, Ticket, Token, Who},
    error::SendError,
    flavor::{Inlet, Offering, Receipt, Stop},
    sync::{Ordering, fence},
};

impl<T> Governed<T> {
    /// The weight of a message that is sent by a unit, which is given back if the weigher panics.
    fn weight_for_unit(&self, message: Option<&T>) -> usize {
        struct GiveBack<'a, T>(&'a Governed<T>);
        impl<T> Drop for GiveBack<'_, T> {
            fn drop(&mut self) {
                self.0.unreserve(1);
            }
        }
        let unit = GiveBack(self);
        let weight = self.weight_of(message, None);
        std::mem::forget(unit);
        weight
    }

    /// Each is weighed where it is, so that one at which the weigher panics stays in the batch.
    fn send_each(&self, messages: &mut VecDeque<T>) -> Result<(), Stop> {
        while let Some(next) = messages.front() {
            let weight = self.rules.weigh(next);
            let mut message = messages.pop_front();
            if let Err(stop) = self.send(&mut message, &mut Some(Token::new(WEIGHED, weight as u64)), Who::THREAD) {
                if let Some(message) = message {
                    messages.push_front(message);
                }
                return Err(stop);
            }
        }
        Ok(())
    }
}

impl<T> Inlet<T> for Governed<T> {
    fn send(&self, message: &mut Option<T>, seat: &mut Seat, _: Who<'_>) -> Result<(), Stop> {
        let mut weight = self.weight_of(message.as_ref(), *seat);
        let mut shed = Shed::new();
        let done = self.with(|state, woken| {
            let mut own = Seated::ticket(*seat);
            if let Some(key) = own {
                if let Some(bid) = state.bid(own) {
                    weight = bid.units;
                    if message.is_none() {
                        std::mem::swap(&mut bid.message, message);
                    }
                }
                if message.is_none() {
                    return Ok(()); // who made room has put it inside
                }
                let done = self.put(state, message, weight, Some(key.number()), &mut shed);
                if done != Err(Stop::Full) {
                    state.leave_senders(&mut own, &mut None, woken);
                }
                return done;
            }
            self.put(state, message, weight, None, &mut shed)
        });
        if done.is_err() && seat.is_none() && self.rules.weigher.is_some() {
            *seat = Some(Token::new(WEIGHED, weight as u64));
        }
        self.bury(shed);
        done
    }

    fn send_many(&self, messages: &mut VecDeque<T>, _: Who<'_>) -> Result<(), Stop> {
        // No weigher and no hook is called under the lock, so what needs one goes by itself.
        if self.rules.weigher.is_some() || self.rules.overflow.drops() {
            return self.send_each(messages);
        }
        self.with(|state, _| {
            while !messages.is_empty() {
                if state.closed {
                    return Err(Stop::Closed);
                }
                if !state.may_put(1, None) {
                    return Err(Stop::Full);
                }
                state.stock.put(1, &mut messages.pop_front());
            }
            Ok(())
        })
    }

    fn force_send(&self, message: &mut Option<T>, out: &mut Option<T>, _: Who<'_>) -> Result<(), Stop> {
        let weight = self.weight_of(message.as_ref(), None);
        let mut shed = Shed::new();
        let mut receipt = None;
        let mut has_one = false;
        let done = self.with(|state, _| {
            if state.closed {
                return Err(Stop::Closed);
            }
            if !state.may_put(weight, None) {
                let made_room = state.stock.push_out_oldest(weight, |stock| {
                    self.watched.cleared(true);
                    if std::mem::replace(&mut has_one, true) {
                        state.shed += 1;
                        shed.push_with(|into| stock.take_unreceived(into));
                    } else {
                        receipt = stock.take_unreceived(out);
                    }
                });
                if !made_room {
                    return Err(Stop::Full);
                }
            }
            state.stock.put(weight, message);
            Ok(())
        });
        bring_back(out, receipt);
        self.bury(shed);
        done
    }

    fn send_awaited(&self, message: &mut Option<T>, receipt: Receipt<T>) -> Result<usize, Stop> {
        let weight = self.weight_for_unit(message.as_ref());
        self.with(|state, _| {
            state.stock.unreserve(1);
            if state.closed {
                return Err(Stop::Closed);
            }
            Ok(state.stock.put_awaited(weight, message, Some(receipt)))
        })
    }

    fn take_back(&self, number: usize, into: &mut Option<T>) -> bool {
        let receipt = self.with(|state, _| state.stock.take_back(number, into));
        self.watched.cleared(into.is_some());
        // Dropped here, without the lock.
        receipt.is_some() && into.is_some()
    }

    fn reserve(&self, n: usize, who: Who<'_>) -> Result<(), Stop> {
        self.with(|state, _| state.reserve(n, who))
    }

    fn unreserve(&self, n: usize) {
        self.with(|state, _| state.stock.unreserve(n));
    }

    fn send_reserved(&self, message: &mut Option<T>) -> Result<(), Stop> {
        let weight = self.weight_for_unit(message.as_ref());
        self.with(|state, _| {
            state.stock.unreserve(1);
            if state.closed {
                return Err(Stop::Closed);
            }
            state.stock.put(weight, message);
            Ok(())
        })
    }

    fn enlist_send(&self, ticket: Ticket, seat: &mut Seat, offering: Offering<'_, T>) -> Look {
        let drops = self.rules.overflow.drops();
        let (mut bid, message, is_ready) = match offering {
            Offering::Message(message) => (Bid::of_send(self.weight_of(message.as_ref(), *seat)), message, false),
            Offering::Later => (Bid::for_units(1), &mut None, drops),
            Offering::Places(n) => (Bid::for_units(n), &mut None, false),
        };
        self.with(|state, woken| {
            let key = match Seated::ticket(*seat) {
                Some(key) => {
                    let Some(own) = state.bid(Some(key)) else { return Look::ready(true) }; // put inside since
                    bid = own.again();
                    key
                }
                None => state.senders.add(ticket.into(), bid.again(), woken),
            };
            *seat = Some(key);
            state.show(key, message);
            let number = Some(key.number());
            let may_go =
                if bid.is_send() { state.may_put(bid.units, number) } else { state.may_reserve(bid.units, number) };
            Look::ready(is_ready || may_go || state.closed)
        })
    }

    fn retract_send(&self, seat: &mut Seat, message: &mut Option<T>) {
        let Seated::InLine(key) = Seated::of(seat.take()) else { return };
        self.with(|state, woken| state.leave_senders(&mut Some(key), message, woken));
    }

    fn pass_on_send(&self, after: Seat) {
        self.with(|state, woken| state.pass_on_to_senders(after.map(Token::number), woken));
    }

    fn poll_send(&self, message: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), SendError<()>>> {
        self.poll_send_in_line(message, seat, waker)
    }

    fn poll_reserve(&self, n: usize, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), SendError<()>>> {
        self.poll_reserve_in_line(n, seat, waker)
    }

    fn leave_send(&self, seat: &mut Seat, message: &mut Option<T>) {
        self.leave_send_line(seat, message);
    }

    fn choose_send(&self, who: Who<'_>) -> Option<Token> {
        let drops = self.rules.overflow.drops();
        self.with(|state, _| {
            if drops && !state.closed {
                return Some(BY_POLICY);
            }
            match state.reserve(1, who) {
                Ok(()) => Some(BY_UNIT),
                Err(Stop::Closed) => Some(Token::DISCONNECTED),
                Err(Stop::Full) => None,
            }
        })
    }

    fn claimed_send(&self, _: Seat) -> Option<Token> {
        None
    }

    fn complete_send(&self, token: Token, message: &mut Option<T>) -> Result<(), Stop> {
        if token == BY_POLICY {
            return self.send(message, &mut None, Who::THREAD);
        }
        self.send_reserved(message)
    }

    fn abandon_send(&self, token: Token) {
        if token != BY_POLICY {
            self.unreserve(1);
        }
    }

    fn can_send(&self, n: usize, who: Who<'_>) -> bool {
        self.with(|state, _| state.closed || state.may_reserve_for(n, who))
    }

    fn can_choose_send(&self, who: Who<'_>) -> bool {
        self.rules.overflow.drops() || self.can_send(1, who)
    }

    fn may_send(&self) -> bool {
        self.shows(ROOM | CLOSED) || self.rules.overflow.drops()
    }

    fn close(&self) -> bool {
        let closed = self.with(|state, woken| {
            if std::mem::replace(&mut state.closed, true) {
                return false;
            }
            state.senders.hand_out_to_all(woken);
            state.receivers.hand_out_to_all(woken);
            true
        });
        // SeqCst: as in `WaitList::notify`, for our caller's list.
        fence(Ordering::SeqCst);
        closed
    }

    fn clear_one(&self, into: &mut Option<T>) -> bool {
        loop {
            let receipt = self.with(|state, _| state.stock.take_unreceived(into));
            if into.is_none() {
                return false;
            }
            self.watched.cleared(true);
            bring_back(into, receipt);
            if into.is_some() {
                return true;
            }
        }
    }
}
