//! What the one lock of a governed channel guards: the stock, and a line of those who wait at either end.
//!
//! A send that waits has its message in its ticket (`Bid`), and who makes room puts it inside: its owner then finds its
//! ticket gone. Who wants units, for a permit or a select, is woken instead, and takes them itself.
//!
//! ```text
//! a bid with a message      --there is room, and none before it waits for more--> inside, its ticket gone
//! a bid without one         --woken for a unit--> out of the line, to come back or to take it
//! a message's owner awake   its message is in its hands (`Bid::message` is `None`), its ticket keeps its place
//! ```
//! Messages in line go in in order: the first of them that is too heavy for what is free holds up all behind it, and all that
//! come without a ticket. So the heavy are not overtaken for ever, and since nobody need be awake for it, one whose future
//! was forgotten holds up nobody either.
//!
//! Invariant: where units are free, and some of those in line could go on with them, somebody was woken for them and has
//! not been seen since. No message that weighs nothing is the first in line while the capacity is not exceeded.

use super::stock::Stock;
use crate::{
    arm::{Seat, Token, Who},
    error::TryRecvError,
    flavor::Stop,
    wait::{
        party::Woken,
        tickets::{List, Offered, Payload},
    },
};

/// Of the summary: what it is worth while to try for.
pub(super) const MESSAGES: u8 = 1;
pub(super) const ROOM: u8 = 2;
pub(super) const CLOSED: u8 = 4;

/// What a ticket of a sender shows.
#[derive(Debug)]
pub(super) struct Bid<T> {
    number: u64,
    /// The weight of a message, or how many units are wanted.
    pub(super) units: usize,
    /// It waits to send, not for units.
    is_send: bool,
    pub(super) message: Option<T>,
}

impl<T> Bid<T> {
    pub(super) fn of_send(weight: usize) -> Bid<T> {
        Bid { number: 0, units: weight, is_send: true, message: None }
    }

    pub(super) fn for_units(units: usize) -> Bid<T> {
        Bid { number: 0, units, is_send: false, message: None }
    }

    pub(super) fn is_send(&self) -> bool {
        self.is_send
    }

    /// The same without its message.
    pub(super) fn again(&self) -> Bid<T> {
        Bid { message: None, ..*self }
    }
}

impl<T> Payload for Bid<T> {
    fn forget(&mut self) {
        self.message = None;
    }
}

/// A ticket of a receiver shows nothing. It keeps its place when it is claimed.
#[derive(Debug)]
pub(super) struct Waits;

impl Payload for Waits {
    fn forget(&mut self) {}
}

#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) stock: Stock<T>,
    pub(super) closed: bool,
    /// How many messages the policy has shed.
    pub(super) shed: u64,
    pub(super) senders: List<Bid<T>>,
    pub(super) receivers: List<Waits>,
    /// One that waited to send has left the line: those that it held up may go on.
    has_line_moved: bool,
    /// So often a message that weighs nothing came in line since there was none.
    weightless: usize,
    /// Leases were out when the lock was last released.
    had_leases: bool,
    /// How much room there was when the lock was last released.
    room: i128,
    /// What is shown without the lock.
    pub(super) summary: u8,
}

impl<T> State<T> {
    pub(super) fn new(capacity: Option<usize>) -> State<T> {
        let stock = Stock::new(capacity);
        State {
            closed: false,
            shed: 0,
            senders: List::new(),
            receivers: List::new(),
            has_line_moved: false,
            weightless: 0,
            had_leases: false,
            room: stock.room(),
            summary: 0,
            stock,
        }
    }

    /// Before the lock is released: whoever can go on because of what was done under it is served, or woken.
    pub(super) fn settle(&mut self, woken: &mut Woken) {
        let room = self.stock.room();
        let freed = if std::mem::take(&mut self.has_line_moved) { room.max(1) } else { room.saturating_sub(self.room) };
        if freed > 0 && self.senders.linked() > 0 {
            let wakes = usize::try_from(freed.min(room).max(0)).unwrap_or(usize::MAX);
            self.serve(None, wakes, woken);
        }
        self.room = self.stock.room();
        // Who waits for the end may have waited for the last lease.
        if self.closed && self.stock.leases == 0 && self.had_leases {
            self.receivers.hand_out_to_all(woken);
        }
        self.had_leases = self.stock.leases > 0;
        let news = std::mem::take(&mut self.stock.news);
        if self.receivers.linked() > 0 {
            self.receivers.hand_out_up_to(news, woken);
        }
    }

    pub(super) fn summarize(&self) -> u8 {
        let messages = if self.stock.is_empty() { 0 } else { MESSAGES };
        let room = if self.stock.has_room(1) { ROOM } else { 0 };
        messages | room | if self.closed { CLOSED } else { 0 }
    }

    /// Goes along the line of senders, behind `after`: puts messages inside, and wakes those who want units, `wakes` of them at
    /// most, until what is free is used up or promised.
    pub(super) fn serve(&mut self, after: Option<u64>, wakes: usize, woken: &mut Woken) {
        self.serve_in_order(after, wakes, woken);
        if self.weightless > 0 && !self.closed {
            self.let_weightless_in(woken);
        }
    }

    #[inline(never)]
    fn serve_in_order(&mut self, after: Option<u64>, mut wakes: usize, woken: &mut Woken) {
        let State { stock, senders, closed, .. } = self;
        let mut promised = 0;
        loop {
            let mut wants = 0;
            let served = senders.hand_out_or(after, woken, |bid| {
                if bid.message.is_some() && !*closed {
                    if !stock.admits(bid.units, promised) {
                        return Offered::Gone;
                    }
                    stock.put(bid.units, &mut bid.message);
                    wants = 0;
                    return Offered::Finished;
                }
                // One that wants more than is free is woken for what there is, and gives the rest of it to those behind.
                let free = stock.room() - promised;
                wants = if bid.units as i128 <= free { bid.units.max(1) } else { 1 };
                if wakes == 0 || stock.room() <= promised { Offered::Gone } else { Offered::ToItsOwner }
            });
            if served.is_none() {
                return;
            }
            if wants > 0 {
                promised += wants as i128;
                wakes -= 1;
            }
        }
    }

    /// The first messages in line that weigh nothing go in, also behind those who want units where there are none.
    #[cold]
    fn let_weightless_in(&mut self, woken: &mut Woken) {
        while let Some((number, 0)) = self.first_message() {
            if !self.stock.admits(0, 0) {
                return;
            }
            let State { stock, senders, .. } = self;
            senders.hand_out_or(number.checked_sub(1), woken, |bid| {
                stock.put(0, &mut bid.message);
                Offered::Finished
            });
        }
        if self.first_message().is_none() {
            self.weightless = 0;
        }
    }

    /// The ticket's number and the weight of the first message in line.
    fn first_message(&mut self) -> Option<(u64, usize)> {
        let mut walk = self.senders.start();
        while let Some((key, _, bid)) = self.senders.walk(&mut walk) {
            if bid.message.is_some() {
                return Some((key.number(), bid.units));
            }
        }
        None
    }

    /// Does a message in line, before the ticket of that number, wait for more than is free?
    fn is_held_up(&mut self, own: Option<u64>) -> bool {
        if self.senders.linked() == 0 {
            return false;
        }
        let mut walk = self.senders.start();
        while let Some((key, _, bid)) = self.senders.walk(&mut walk) {
            if own.is_some_and(|own| key.number() >= own) {
                return false;
            }
            if bid.message.is_some() {
                let weight = bid.units;
                return !self.stock.admits(weight, 0);
            }
        }
        false
    }

    /// The number of the first ticket of who attempts, linked or not.
    fn number_of(&mut self, who: Who<'_>) -> Option<u64> {
        let mut number = None;
        if who.waiter.is_some() {
            self.senders.for_each(|party, bid| {
                if party.is(who) {
                    number = Some(number.map_or(bid.number, |number: u64| number.min(bid.number)));
                }
            });
        }
        number
    }

    /// May a message of that weight go in, whose ticket has that number?
    pub(super) fn may_put(&mut self, weight: usize, own: Option<u64>) -> bool {
        self.stock.admits(weight, 0) && !self.is_held_up(own)
    }

    /// May so many units be taken, by whom the ticket of that number is?
    pub(super) fn may_reserve(&mut self, units: usize, own: Option<u64>) -> bool {
        units == 0 || (self.stock.has_room(units) && !self.is_held_up(own))
    }

    /// The same for who has a ticket perhaps.
    pub(super) fn may_reserve_for(&mut self, units: usize, who: Who<'_>) -> bool {
        self.may_reserve(units, None)
            || (self.stock.has_room(units) && {
                let own = self.number_of(who);
                own.is_some() && self.may_reserve(units, own)
            })
    }

    pub(super) fn reserve(&mut self, units: usize, who: Who<'_>) -> Result<(), Stop> {
        if self.closed {
            return Err(Stop::Closed);
        }
        if !self.may_reserve_for(units, who) {
            return Err(Stop::Full);
        }
        self.stock.reserve(units);
        Ok(())
    }

    /// The ticket of a sender, if it is still there.
    pub(super) fn bid(&mut self, seat: Seat) -> Option<&mut Bid<T>> {
        self.senders.payload(seat?)
    }

    /// Links a sender's ticket, and moves the message that it is to show into it.
    pub(super) fn show(&mut self, key: Token, message: &mut Option<T>) {
        if let Some(bid) = self.senders.payload(key) {
            bid.number = key.number();
            if message.is_some() {
                // In its place, for it may be large.
                std::mem::swap(&mut bid.message, message);
            }
            self.weightless += usize::from(bid.units == 0 && bid.message.is_some());
        }
        self.senders.link(key);
    }

    /// Takes a sender's ticket back, and its message.
    pub(super) fn leave_senders(&mut self, seat: &mut Seat, message: &mut Option<T>, woken: &mut Woken) {
        let Some(key) = seat.take() else { return };
        let Some(bid) = self.senders.payload(key) else { return };
        self.has_line_moved |= bid.is_send;
        if bid.message.is_some() {
            std::mem::swap(&mut bid.message, message);
        }
        self.senders.remove(key, woken);
    }

    /// Gives a wake-up to the next sender behind that number, if it could go on.
    pub(super) fn pass_on_to_senders(&mut self, after: Option<u64>, woken: &mut Woken) {
        if self.closed || self.stock.has_room(1) {
            self.serve(after, 1, woken);
        }
    }

    /// Gives a wake-up to the next receiver, if it could go on.
    pub(super) fn pass_on_to_receivers(&mut self, woken: &mut Woken) {
        if self.closed || !self.stock.is_empty() {
            self.receivers.hand_out(None, woken);
        }
    }

    pub(super) fn why_not(&self) -> TryRecvError {
        if self.is_drained() { TryRecvError::Disconnected } else { TryRecvError::Empty }
    }

    pub(super) fn is_drained(&self) -> bool {
        self.closed && self.stock.is_empty() && self.stock.leases == 0
    }
}
