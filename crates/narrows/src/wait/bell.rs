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
//! What can be undone again happens under the lock of the line where somebody waits ([`Bell::ring_if`]): then who
//! was rung for knows that it happened while the ticket was there, whatever has become of it since ([`Event::told`]).
//!
//! Where H1 is under a lock and W3 a look under the same, W2 and its mark are not needed: whoever does H1 after the look
//! finds the ticket by the lock ([`Bell::ring_if_waited_for`]), and who did it before is seen. So it may happen again and
//! again, and no mark has to be taken back in between.
//!
//! Invariant: a ticket is in the line until it is rung for, taken back, or its selector is gone.

use std::{
    task::{Poll, Waker},
    time::Instant,
};

use super::{
    Op,
    party::{Party, Woken},
    task::TaskOp,
    tickets::List,
    waiter::{Offer, Waiter},
};
use crate::{
    arm::{Look, Seat, Ticket, Token, Who},
    sync::{Arc, AtomicU8, Mutex, Ordering, lock, made},
    trace::Aims,
};

/// The line of those who wait.
#[derive(Debug)]
pub(crate) struct Bell {
    /// 1 if there may be a ticket; written under the lock.
    has_tickets: AtomicU8,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    /// Most often there is one, and it needs no memory of its own.
    first: Option<Party>,
    /// The number of its ticket.
    number: u64,
    others: Option<Box<List<()>>>,
}

/// The slot of the first; a list has none of that number.
const FIRST: usize = usize::MAX;

impl Line {
    fn is_first(&self, key: Token) -> bool {
        key.slot == FIRST && key.number == self.number && self.first.is_some()
    }

    fn has(&mut self, key: Token) -> bool {
        self.is_first(key) || self.others.as_mut().is_some_and(|others| others.is_linked(key))
    }

    fn has_tickets(&self) -> bool {
        self.first.is_some() || self.others.as_ref().is_some_and(|others| others.in_use() != 0)
    }

    fn add(&mut self, party: Party, seat: &mut Seat, woken: &mut Woken) {
        if self.first.is_none() {
            self.number += 1;
            self.first = Some(party);
            *seat = Some(Token::new(FIRST, self.number));
            return;
        }
        let others = self.others.get_or_insert_with(|| Box::new(List::new()));
        let key = others.add(party, (), woken);
        others.link(key);
        *seat = Some(key);
    }

    fn remove(&mut self, key: Token, woken: &mut Woken) {
        if self.is_first(key) {
            self.first.take().into_iter().for_each(|party| woken.bury(party));
        } else if let Some(others) = &mut self.others {
            others.remove(key, woken);
        }
    }

    /// As `List::set_waker`.
    fn set_waker(&mut self, key: Token, waker: &Waker, spare: &mut Option<Waker>) -> bool {
        match (&mut self.first, &mut self.others) {
            (Some(party), _) if key.slot == FIRST => party.set_waker(waker, spare),
            (_, Some(others)) => others.set_waker(key, waker, spare),
            _ => true,
        }
    }
}

impl Bell {
    #[inline(always)]
    pub(crate) fn new() -> Bell {
        made();
        let line = Line { first: None, number: 0, others: None };
        Bell { has_tickets: AtomicU8::new(0), line: Mutex::new(line) }
    }

    /// Runs `f` on the line; who is then in the list is woken, or dropped, without the lock.
    fn with<R>(&self, f: impl FnOnce(&mut Line, &mut Woken) -> R) -> R {
        let mut woken = Woken::default();
        let mut line = lock(&self.line);
        let result = f(&mut line, &mut woken);
        // Release: pairs with the Acquire in `leave`; whoever was claimed here was so before.
        self.has_tickets.store(line.has_tickets().into(), Ordering::Release);
        drop(line);
        woken.wake();
        result
    }

    /// W1, unless the ticket that `seat` names is still there.
    pub(crate) fn show(&self, ticket: Ticket, seat: &mut Seat) {
        self.with(|line, woken| {
            if seat.is_some_and(|key| line.has(key)) {
                woken.bury(ticket.into());
                return;
            }
            if let Some(key) = *seat {
                line.remove(key, woken);
            }
            line.add(ticket.into(), seat, woken);
        });
    }

    /// The same of a task, woken by `waker` from now on. True if its ticket was rung for; then it has none.
    pub(crate) fn stand(&self, waker: &Waker, seat: &mut Seat) -> bool {
        let mut spare = None;
        let mut was_rung_for = false;
        while !self.with(|line, woken| {
            if let Some(key) = *seat {
                if line.has(key) {
                    return line.set_waker(key, waker, &mut spare);
                }
                (*seat, was_rung_for) = (None, true);
                return true;
            }
            let clone = spare.take();
            let has_clone = clone.is_some();
            if has_clone {
                line.add(Party::Task(clone), seat, woken);
            }
            has_clone
        }) {
            // None is cloned under the lock.
            spare = Some(waker.clone());
        }
        was_rung_for
    }

    /// Takes a ticket back.
    pub(crate) fn leave(&self, seat: &mut Seat) {
        let Some(key) = seat.take() else { return };
        // Acquire: pairs with the Release in `with`. No value older than what was written when our ticket came is seen here, and
        // since then 0 was written only if that has gone; a claim of it came before, so none reaches our next wait.
        if self.has_tickets.load(Ordering::Acquire) != 0 {
            self.with(|line, woken| line.remove(key, woken));
        }
    }

    /// H2 where W3 and H1 are under one lock.
    #[inline]
    pub(crate) fn ring_if_waited_for(&self) {
        // Acquire: pairs with the Release in `with`. Of those who have looked before H1 no ticket is missed: it came before
        // their look, and so, by the lock, before this one.
        if self.has_tickets.load(Ordering::Acquire) != 0 {
            self.ring();
        }
    }

    /// H2: wakes everybody.
    #[cold]
    pub(crate) fn ring(&self) {
        self.ring_if(|| true);
    }

    /// H1 and H2 in one: if it `happens`, which is said under the lock, everybody is woken who stood in line then.
    pub(crate) fn ring_if(&self, happens: impl FnOnce() -> bool) {
        self.with(|line, woken| {
            if !happens() {
                return;
            }
            if let Some(first) = line.first.take() {
                // One that is awake looks again before it sleeps, in W3.
                match first.offer() {
                    Some(Offer::Claimed) => first.call_out(woken),
                    Some(Offer::Marked) | None => woken.bury(first),
                }
            }
            if let Some(others) = &mut line.others {
                others.hand_out_to_all(woken);
            }
        });
    }
}

/// What a bell is rung for.
pub(crate) trait Event {
    type Output;

    fn bell(&self) -> &Bell;

    /// As [`Op::aims`].
    fn aims(&self, aims: &mut Aims) {
        aims.unknown();
    }

    /// What it has brought, if it has happened. A no is true at one moment within the call, in an order common to all
    /// channels.
    fn outcome(&self) -> Option<Self::Output>;

    /// A guess of the same, which takes nothing.
    fn may_have_happened(&self) -> bool;

    /// W2 and W3: that somebody waits. Whether it has happened. Where a lock stands for W2, a look under that.
    fn announce(&self) -> bool;

    /// What it has brought who was rung for, or saw that it had happened, if that is enough: it may have been undone
    /// since.
    fn told(&self) -> Option<Self::Output> {
        None
    }

    /// When it happens without a ring, and is there for who looks.
    fn due(&self) -> Option<Instant> {
        None
    }
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
    Look { ready: event.announce(), due: event.due() }
}

/// What a task does that waits.
pub(crate) fn poll<E: Event>(event: &E, seat: &mut Seat, waker: &Waker) -> Poll<E::Output> {
    loop {
        if event.may_have_happened() {
            // First, for it may run code of the executor, and what that panics over is not to be what was taken.
            event.bell().leave(seat);
            if let Some(outcome) = event.outcome().or_else(|| event.told()) {
                return Poll::Ready(outcome);
            }
        }
        let has_happened = event.bell().stand(waker, seat) || event.announce();
        if !has_happened {
            return Poll::Pending;
        }
        if let Some(outcome) = event.told() {
            event.bell().leave(seat);
            return Poll::Ready(outcome);
        }
    }
}

impl<E: Event> Op for EventOp<E> {
    type Output = E::Output;

    fn aims(&self, aims: &mut Aims) {
        self.event.aims(aims);
    }

    #[inline]
    fn attempt(&mut self, _: Who<'_>) -> Option<E::Output> {
        self.event.outcome()
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        enlist(&self.event, Ticket::single(waiter), &mut self.seat)
    }

    fn claimed(&mut self, _: usize) -> Option<E::Output> {
        self.event.told()
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

    fn due(&self) -> Option<Instant> {
        self.event.due()
    }
}
