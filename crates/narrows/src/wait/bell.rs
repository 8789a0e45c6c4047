//! Those who wait for what is told to everybody. Knows nothing of what that is: whether it has happened, and whether anybody
//! waits, stands in a word of its owner's.
//!
//! ```text
//! who waits                                     who makes it happen
//!   W1  its ticket is in the line                 H1  word: happened, in one step that sees what was there
//!   W2  word: WAITED FOR, likewise                H2  there was WAITED FOR? rings: takes every ticket out, and claims
//!   W3  there was HAPPENED? goes on
//! ```
//! W2 and H1 change the same word, so one comes after the other and sees it: the ticket is found, or its owner does not
//! sleep. Everybody is woken, so a wake-up need never be passed on.
//!
//! Invariant: a ticket is in the line until it is rung for, taken back, or its selector is gone.

use std::task::{Poll, Waker};

use super::{
    Op,
    party::{Party, Woken},
    task::TaskOp,
    waiter::{Offer, Waiter},
};
use crate::{
    arm::{Look, Seat, Ticket, Token, Who},
    sync::{Arc, Mutex, lock},
};

/// The line of those who wait.
#[derive(Debug)]
pub(crate) struct Bell {
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    /// Most often there is one, and it needs no memory of its own.
    first: Option<Place>,
    others: Vec<Place>,
    next_number: u64,
}

#[derive(Debug)]
struct Place {
    number: u64,
    party: Party,
}

impl Line {
    fn find(&mut self, seat: Seat) -> Option<&mut Party> {
        let number = seat?.number;
        let place = self.first.iter_mut().chain(&mut self.others).find(|place| place.number == number);
        place.map(|place| &mut place.party)
    }

    fn add(&mut self, party: Party, seat: &mut Seat, woken: &mut Woken) {
        let number = self.next_number;
        self.next_number += 1;
        *seat = Some(Token::new(0, number));
        let place = Place { number, party };
        if self.first.is_none() {
            self.first = Some(place);
            return;
        }
        if self.others.len() == self.others.capacity() {
            self.sweep(woken);
        }
        self.others.push(place);
    }

    /// Forgets the tickets of selectors that are gone. Done when there is no room for another, so it costs O(1) a ticket.
    fn sweep(&mut self, woken: &mut Woken) {
        let mut at = 0;
        while at < self.others.len() {
            if self.others[at].party.is_over() {
                woken.bury(self.others.swap_remove(at).party);
            } else {
                at += 1;
            }
        }
    }

    fn remove(&mut self, number: u64) -> Option<Party> {
        let place = if self.first.as_ref().is_some_and(|place| place.number == number) {
            self.first.take()
        } else {
            let at = self.others.iter().position(|place| place.number == number)?;
            Some(self.others.swap_remove(at))
        };
        place.map(|place| place.party)
    }
}

impl Bell {
    #[inline(always)]
    pub(crate) fn new() -> Bell {
        Bell { line: Mutex::new(Line { first: None, others: Vec::new(), next_number: 0 }) }
    }

    /// Runs `f` on the line; who is then in the list is woken, or dropped, without the lock.
    fn with<R>(&self, f: impl FnOnce(&mut Line, &mut Woken) -> R) -> R {
        let mut woken = Woken::default();
        let result = f(&mut lock(&self.line), &mut woken);
        woken.wake();
        result
    }

    /// W1, unless the ticket that `seat` names is still there.
    pub(crate) fn show(&self, ticket: Ticket, seat: &mut Seat) {
        self.with(|line, woken| match line.find(*seat) {
            Some(_) => woken.bury(ticket.into()),
            None => line.add(ticket.into(), seat, woken),
        });
    }

    /// The same of a task, woken by `waker` from now on.
    pub(crate) fn stand(&self, waker: &Waker, seat: &mut Seat) {
        let mut spare = None;
        let mut is_there = false;
        while !is_there {
            is_there = self.with(|line, woken| {
                let standing = line.find(*seat);
                if let Some(Party::Task(Some(own))) = &standing
                    && own.will_wake(waker)
                {
                    return true;
                }
                // None is cloned under the lock.
                let Some(waker) = spare.take() else { return false };
                let party = Party::Task(Some(waker));
                match standing {
                    Some(standing) => woken.bury(std::mem::replace(standing, party)),
                    None => line.add(party, seat, woken),
                }
                true
            });
            if !is_there {
                spare = Some(waker.clone());
            }
        }
    }

    /// Takes a ticket back.
    pub(crate) fn leave(&self, seat: &mut Seat) {
        let Some(Token { number, .. }) = seat.take() else { return };
        self.with(|line, woken| {
            if let Some(party) = line.remove(number) {
                woken.bury(party);
            }
        });
    }

    /// H2: wakes everybody.
    #[cold]
    pub(crate) fn ring(&self) {
        self.with(|line, woken| {
            let others = std::mem::take(&mut line.others);
            for Place { party, .. } in line.first.take().into_iter().chain(others) {
                // One that is awake looks again before it sleeps, in W3.
                match party.offer() {
                    Some(Offer::Claimed) => party.call_out(woken),
                    Some(Offer::Marked) | None => woken.bury(party),
                }
            }
        });
    }
}

/// What a bell is rung for.
pub(crate) trait Event {
    type Output;

    fn bell(&self) -> &Bell;

    /// What it has brought, if it has happened. A no is true at one moment within the call, in an order common to all
    /// channels.
    fn outcome(&self) -> Option<Self::Output>;

    /// A guess of the same, which takes nothing.
    fn may_have_happened(&self) -> bool;

    /// W2 and W3: that somebody waits. Whether it has happened.
    fn announce(&self) -> bool;
}

/// The wait for it.
#[derive(Debug)]
pub(crate) struct EventOp<E> {
    pub(crate) event: E,
    seat: Seat,
}

impl<E: Event> EventOp<E> {
    #[inline]
    pub(crate) fn new(event: E) -> EventOp<E> {
        EventOp { event, seat: None }
    }
}

/// Leaves a ticket, and looks once more.
pub(crate) fn enlist(event: &impl Event, ticket: Ticket, seat: &mut Seat) -> Look {
    event.bell().show(ticket, seat);
    Look::ready(event.announce())
}

/// What a task does that waits.
pub(crate) fn poll<E: Event>(event: &E, seat: &mut Seat, waker: &Waker) -> Poll<E::Output> {
    loop {
        if let Some(outcome) = event.outcome() {
            event.bell().leave(seat);
            return Poll::Ready(outcome);
        }
        event.bell().stand(waker, seat);
        if !event.announce() {
            return Poll::Pending;
        }
    }
}

impl<E: Event> Op for EventOp<E> {
    type Output = E::Output;

    #[inline]
    fn attempt(&mut self, _: Who<'_>) -> Option<E::Output> {
        self.event.outcome()
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        enlist(&self.event, Ticket::single(waiter), &mut self.seat)
    }

    fn claimed(&mut self, _: usize) -> Option<E::Output> {
        None
    }

    fn retract(&mut self) {
        self.event.bell().leave(&mut self.seat);
    }

    /// Everybody has been told.
    fn pass_on(&mut self, _: usize) {}

    fn looks_ready(&mut self) -> bool {
        self.event.may_have_happened()
    }
}

impl<E: Event> TaskOp for EventOp<E> {
    fn poll(&mut self, waker: &Waker) -> Poll<E::Output> {
        poll(&self.event, &mut self.seat, waker)
    }

    fn leave(&mut self) {
        self.event.bell().leave(&mut self.seat);
    }

    fn is_in_line(&self) -> bool {
        self.seat.is_some()
    }
}
