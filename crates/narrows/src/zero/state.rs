//! What lies under the lock of a rendezvous channel: who waits, and what they show. mod.rs draws the states.

use std::collections::VecDeque;

use crate::{
    arm::{Stance, Ticket, Token, Who},
    sync::Arc,
    wait::{
        list::{List, Woken},
        waiter::{self, Waiter},
    },
};

/// What a waiting sender shows.
#[derive(Debug)]
pub(super) enum Offer<T> {
    Message(T),
    /// Its message was taken, or is on the sender's side for an attempt.
    Taken,
    /// A two-step select without a message yet.
    Later,
    /// That select, chosen by this receiver.
    Met(Token),
    /// Wants to reserve: only told of receivers.
    Places,
}

/// What a waiting receiver shows.
#[derive(Debug)]
pub(super) enum Want<T> {
    Waiting,
    /// A two-step select has chosen this receiver and will send, withdraw, or see the channel closed.
    Met,
    Filled(T),
    Withdrawn,
}

#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) senders: List<Offer<T>>,
    pub(super) receivers: List<Want<T>>,
    /// Messages that are the channel's, oldest first.
    pub(super) handed: VecDeque<T>,
    /// Permits out: so many waiting receivers are spoken for.
    pub(super) reserved: usize,
    pub(super) closed: bool,
}

/// How a receiver found a sender.
pub(super) enum Found {
    /// Its message was taken.
    Message,
    /// A two-step select owes a message to this ticket of ours.
    Met(Token),
}

impl<T> State<T> {
    pub(super) fn new() -> State<T> {
        State { senders: List::new(), receivers: List::new(), handed: VecDeque::new(), reserved: 0, closed: false }
    }

    /// Waiting receivers that a sender could claim now.
    pub(super) fn open_receivers(&mut self, who: Who<'_>) -> usize {
        let mut walk = self.receivers.start();
        let mut open = 0;
        while let Some((_, ticket, _)) = self.receivers.walk(&mut walk) {
            open +=
                usize::from(ticket.stance != Stance::Observer && !who.is(&ticket.waiter) && ticket.waiter.is_open());
        }
        open
    }

    /// Is every waiting receiver spoken for by a permit?
    pub(super) fn is_spoken_for(&mut self, who: Who<'_>) -> bool {
        self.reserved > 0 && self.open_receivers(who) <= self.reserved
    }

    /// Claims the first receiver that waits.
    pub(super) fn claim_receiver(&mut self, who: Who<'_>) -> Option<Token> {
        let mut walk = self.receivers.start();
        while let Some((key, ticket, _)) = self.receivers.walk(&mut walk) {
            let may = ticket.stance != Stance::Observer && !who.is(&ticket.waiter);
            if may && ticket.waiter.claim(ticket.arm) {
                self.receivers.unlink(key.slot);
                return Some(key);
            }
        }
        None
    }

    /// Gives back the claims of `n` permits on waiting receivers.
    pub(super) fn release(&mut self, n: usize) {
        self.reserved = self.reserved.checked_sub(n).expect("a place was given back that nobody had taken");
    }

    /// Brings a message to a claimed receiver.
    pub(super) fn deliver(&mut self, key: Token, message: &mut Option<T>, woken: &mut Woken) {
        let waiter = self.receivers.waiter(key);
        let is_thread = waiter.as_ref().is_some_and(|waiter| !waiter.is_task());
        // The oldest goes first: what a task was handed may still be here.
        if !is_thread || !self.handed.is_empty() {
            self.handed.extend(message.take());
        }
        match self.receivers.payload(key) {
            Some(want) if is_thread => {
                if let Some(oldest) = message.take().or_else(|| self.handed.pop_front()) {
                    *want = Want::Filled(oldest);
                }
            }
            Some(want) => *want = Want::Waiting,
            None => return self.tell_any_receiver(woken),
        }
        woken.extend(waiter);
    }

    /// A message was left to the channel: somebody should come for it.
    pub(super) fn tell_any_receiver(&mut self, woken: &mut Woken) {
        self.receivers.hand_out(None, woken);
    }

    /// Finds a sender and takes its message into `into`, or makes it owe one.
    pub(super) fn find_sender(&mut self, into: &mut Option<T>, who: Who<'_>, woken: &mut Woken) -> Option<Found> {
        let mut walk = self.senders.start();
        while let Some((key, ticket, offer)) = self.senders.walk(&mut walk) {
            if who.is(&ticket.waiter) || ticket.stance == Stance::Observer {
                continue;
            }
            match offer {
                Offer::Message(_) if ticket.waiter.claim(ticket.arm) => {
                    if let Offer::Message(message) = std::mem::replace(offer, Offer::Taken) {
                        *into = Some(message);
                    }
                    woken.push(ticket.waiter.clone());
                    self.senders.unlink(key.slot);
                    return Some(Found::Message);
                }
                Offer::Later if can_wait_for(ticket, who) && ticket.waiter.claim(ticket.arm) => {
                    woken.push(ticket.waiter.clone());
                    self.senders.unlink(key.slot);
                    let own = self.meet(who, woken);
                    if let Some(offer) = self.senders.payload(key) {
                        *offer = Offer::Met(own);
                    }
                    return Some(Found::Met(own));
                }
                // Awake, or a select in a task: told when the receiver enlists, it attempts by itself.
                _ => {}
            }
        }
        None
    }

    /// A ticket of our own, not for others to find, in which a select will put its message.
    pub(super) fn meet(&mut self, who: Who<'_>, woken: &mut Woken) -> Token {
        let waiter = who.waiter.cloned().unwrap_or_else(Waiter::for_thread);
        self.receivers.add(Ticket::single(&waiter), Want::Met, woken)
    }

    /// Tells those senders of a new receiver that have no message it could take.
    pub(super) fn tell_senders(&mut self, receiver: &Ticket, woken: &mut Woken) {
        let mut walk = self.senders.start();
        while let Some((key, ticket, offer)) = self.senders.walk(&mut walk) {
            if Arc::ptr_eq(&ticket.waiter, &receiver.waiter) {
                continue;
            }
            let must_act = match offer {
                Offer::Places => true,
                Offer::Later => {
                    ticket.stance == Stance::Observer || !can_wait_for(ticket, Who::waiter(&receiver.waiter))
                }
                _ => ticket.stance == Stance::Observer,
            };
            let ticket = ticket.clone();
            if (must_act || ticket.stance == Stance::Arm && !ticket.waiter.is_open()) && tell(&ticket, woken) {
                self.senders.unlink(key.slot);
            }
        }
    }

    /// Tells observers among the receivers, and selectors that are awake, of a new sender.
    pub(super) fn tell_receivers(&mut self, sender: &Ticket, woken: &mut Woken) {
        let mut walk = self.receivers.start();
        while let Some((key, ticket, _)) = self.receivers.walk(&mut walk) {
            let is_own = Arc::ptr_eq(&ticket.waiter, &sender.waiter);
            let ticket = ticket.clone();
            if !is_own && (ticket.stance == Stance::Observer || !ticket.waiter.is_open()) {
                if tell(&ticket, woken) {
                    self.receivers.unlink(key.slot);
                }
            }
        }
    }

    /// Is there a sender whom this receiver could meet now?
    pub(super) fn sees_sender(&mut self, who: Who<'_>) -> bool {
        let mut walk = self.senders.start();
        while let Some((_, ticket, offer)) = self.senders.walk(&mut walk) {
            let fits = match offer {
                Offer::Message(_) => true,
                Offer::Later => can_wait_for(ticket, who),
                _ => false,
            };
            if fits && ticket.stance != Stance::Observer && !who.is(&ticket.waiter) && ticket.waiter.is_open() {
                return true;
            }
        }
        false
    }

    pub(super) fn is_drained(&self) -> bool {
        self.closed && self.handed.is_empty()
    }
}

/// May this receiver wait until that select completes? Only a thread may, and only for a thread.
pub(super) fn can_wait_for(sender: &Ticket, who: Who<'_>) -> bool {
    !sender.waiter.is_task() && !who.is_task
}

/// Wakes or marks the owner of a ticket, so that it attempts. True if the ticket has served.
pub(super) fn tell(ticket: &Ticket, woken: &mut Woken) -> bool {
    use waiter::Offer::{Claimed, Marked};
    if ticket.stance == Stance::Single {
        let claimed = ticket.waiter.claim(ticket.arm);
        if claimed {
            woken.push(ticket.waiter.clone());
        }
        return claimed;
    }
    match ticket.waiter.offer(ticket.arm) {
        Claimed => woken.push(ticket.waiter.clone()),
        Marked => {}
    }
    true
}
