//! What lies under the lock of a rendezvous channel: who waits, and what they show. mod.rs draws the states.

use std::collections::VecDeque;

use crate::{
    arm::{Stance, Ticket, Token, Who},
    wait::{
        party::{Party, Woken},
        tickets::{List, Payload},
        waiter::{self, Waiter},
    },
};

// Bits of a summary.
pub(super) const RECEIVERS: u8 = 1;
pub(super) const MESSAGES: u8 = 2;
pub(super) const RESERVED: u8 = 4;
pub(super) const CLOSED: u8 = 8;

/// What a waiting sender shows.
#[derive(Debug)]
pub(super) enum Offer<T> {
    Message(T),
    /// Its message is on the sender's side, for an attempt.
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
    /// Claimed to take what was handed to the channel.
    Told,
    /// A two-step select has chosen this receiver and will send, withdraw, or see the channel closed.
    Met,
    Filled(Numbered<T>),
    Withdrawn,
}

/// A message on its way, with its place in the order in which they left their senders.
#[derive(Debug)]
pub(super) struct Numbered<T> {
    pub(super) number: u64,
    pub(super) message: T,
}

impl<T> Payload for Offer<T> {
    fn forget(&mut self) {
        *self = Offer::Taken;
    }
}

impl<T> Offer<T> {
    /// Takes the message out, if there is one.
    pub(super) fn take(&mut self) -> Option<T> {
        if !matches!(self, Offer::Message(_)) {
            return None;
        }
        if let Offer::Message(message) = std::mem::replace(self, Offer::Taken) { Some(message) } else { None }
    }
}

impl<T> Want<T> {
    /// Takes the message out, if there is one.
    pub(super) fn take(&mut self) -> Option<Numbered<T>> {
        if !matches!(self, Want::Filled(_)) {
            return None;
        }
        if let Want::Filled(numbered) = std::mem::replace(self, Want::Waiting) { Some(numbered) } else { None }
    }
}

impl<T> Payload for Want<T> {
    /// A message, or the claim to one, is not the selector's to forget.
    fn outlives_its_selector(&self) -> bool {
        matches!(self, Want::Met | Want::Filled(_))
    }

    fn forget(&mut self) {
        *self = Want::Waiting;
    }
}

#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) senders: List<Offer<T>>,
    pub(super) receivers: List<Want<T>>,
    /// Messages that are the channel's, oldest first.
    handed: VecDeque<Numbered<T>>,
    /// So many of them are for the next who come: nobody that was told of them may still be expected.
    untold: usize,
    next_number: u64,
    /// Permits out: so many waiting receivers are spoken for.
    pub(super) reserved: usize,
    pub(super) closed: bool,
    /// Messages out on a lease.
    pub(super) leases: usize,
    /// As it was when the lock was last released.
    pub(super) summary: u8,
    /// Whether the cell is; while there is something, it is.
    pub(super) is_shut: bool,
    /// Who left a ticket last was a task.
    pub(super) is_used_by_tasks: bool,
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
        State {
            senders: List::new(),
            receivers: List::new(),
            handed: VecDeque::new(),
            untold: 0,
            next_number: 0,
            reserved: 0,
            closed: false,
            leases: 0,
            summary: 0,
            is_shut: false,
            is_used_by_tasks: false,
        }
    }

    /// What there is: 0 if nobody is to be found, nothing to be taken, and no end to tell of, so that two threads may meet
    /// beside the lock.
    pub(super) fn summarize(&self) -> u8 {
        let bit = |is: bool, bit| if is { bit } else { 0 };
        bit(self.receivers.linked() != 0, RECEIVERS)
            | bit(self.senders.linked() != 0 || !self.handed.is_empty(), MESSAGES)
            | bit(self.reserved != 0, RESERVED)
            | bit(self.closed, CLOSED)
    }

    /// Waiting receivers that a sender could claim now.
    pub(super) fn open_receivers(&mut self, who: Who<'_>) -> usize {
        let mut walk = self.receivers.start();
        let mut open = 0;
        while let Some((_, party, _)) = self.receivers.walk(&mut walk) {
            open += usize::from(party.stance() != Stance::Observer && !party.is(who) && party.is_open());
        }
        open
    }

    /// So many of those that wait are spoken for: by permits, and by messages that are here.
    pub(super) fn spoken_for(&self) -> usize {
        self.reserved.saturating_add(self.untold)
    }

    /// Has a sender to leave every waiting receiver alone?
    pub(super) fn is_spoken_for(&mut self, who: Who<'_>) -> bool {
        self.reserved > 0 && self.open_receivers(who) <= self.spoken_for()
    }

    /// Claims the first receiver that waits, for a sender. Those before it are told of the messages that are here: one that
    /// has gone back to waiting since they came may be open only now, and without a message of its own to take.
    pub(super) fn claim_receiver(&mut self, who: Who<'_>, woken: &mut Woken) -> Option<Token> {
        let mut walk = self.receivers.start();
        while let Some((key, party, want)) = self.receivers.walk(&mut walk) {
            if party.stance() == Stance::Observer || party.is(who) || !party.claim() {
                continue;
            }
            if self.untold == 0 {
                self.receivers.unlink(key.slot);
                return Some(key);
            }
            self.untold -= 1;
            *want = Want::Told;
            settle(party, woken);
            self.receivers.unlink(key.slot);
        }
        None
    }

    /// Gives back the claims of `n` permits on waiting receivers.
    pub(super) fn release(&mut self, n: usize) {
        self.reserved = self.reserved.checked_sub(n).expect("a place was given back that nobody had taken");
    }

    /// Numbers a message that leaves its sender.
    pub(super) fn number(&mut self, message: T) -> Numbered<T> {
        self.next_number += 1;
        Numbered { number: self.next_number, message }
    }

    pub(super) fn has_handed(&self) -> bool {
        !self.handed.is_empty()
    }

    /// Takes the oldest message that was handed over.
    pub(super) fn take_handed(&mut self) -> Option<Numbered<T>> {
        let oldest = self.handed.pop_front()?;
        self.untold = self.untold.saturating_sub(1);
        Some(oldest)
    }

    /// Leaves a message to the channel, at its place in the order.
    pub(super) fn hand(&mut self, message: Numbered<T>) {
        let at = self.handed.partition_point(|other| other.number < message.number);
        self.handed.insert(at, message);
        self.untold += 1;
    }

    /// Somebody who was told may not take what is there.
    pub(super) fn tell_another(&mut self) {
        self.untold = self.handed.len().min(self.untold + 1);
    }

    /// Claims a receiver for each message that nobody was told of. Done last under every lock.
    #[inline(always)]
    pub(super) fn tell(&mut self, woken: &mut Woken) {
        if self.untold > 0 {
            self.tell_some(woken);
        }
    }

    #[cold]
    fn tell_some(&mut self, woken: &mut Woken) {
        while self.untold > 0
            && let Some(key) = self.receivers.hand_out(None, woken)
        {
            self.untold -= 1;
            if let Some(want) = self.receivers.payload(key) {
                *want = Want::Told;
            }
        }
    }

    /// A receiver that was claimed has looked why, and waits on or takes what is there.
    pub(super) fn hear(&mut self, key: Token) {
        let Some(want) = self.receivers.payload(key) else { return };
        let was_told = matches!(want, Want::Told);
        if was_told || matches!(want, Want::Withdrawn) {
            *want = Want::Waiting;
        }
        if was_told {
            self.tell_another();
        }
    }

    /// Brings a message to a receiver that was claimed.
    pub(super) fn deliver(&mut self, key: Token, message: &mut Option<T>, woken: &mut Woken) {
        let Some(message) = message.take().map(|message| self.number(message)) else { return };
        let was_met = match self.receivers.payload(key) {
            Some(Want::Waiting) => false,
            Some(Want::Met) => true,
            _ => return self.hand(message), // a task that has left, or somebody who has what he wanted
        };
        let Some(is_task) = self.receivers.party(key).map(|party| party.is_task()) else { return };
        let came = if !is_task {
            // The oldest goes first: what a task was handed may still be here.
            self.handed.push_back(message);
            self.handed.pop_front().map_or(Want::Waiting, Want::Filled)
        } else if was_met {
            self.hand(message); // it may have gone on since, so another is told, too
            Want::Waiting
        } else {
            self.handed.push_back(message);
            Want::Told
        };
        if let Some(want) = self.receivers.payload(key) {
            *want = came;
        }
        self.settle(key, woken);
    }

    fn settle(&mut self, key: Token, woken: &mut Woken) {
        if let Some(party) = self.receivers.party(key) {
            settle(party, woken);
        }
    }

    /// Takes back the promise to a receiver that a select had chosen.
    pub(super) fn withdraw(&mut self, key: Token, woken: &mut Woken) {
        if let Some(want) = self.receivers.payload(key)
            && matches!(want, Want::Met)
        {
            *want = Want::Withdrawn;
            self.settle(key, woken);
        }
    }

    /// Finds a sender and takes its message into `into`, or makes it owe one.
    pub(super) fn find_sender(&mut self, into: &mut Option<T>, who: Who<'_>, woken: &mut Woken) -> Option<Found> {
        let mut walk = self.senders.start();
        while let Some((key, party, offer)) = self.senders.walk(&mut walk) {
            if party.is(who) || party.stance() == Stance::Observer {
                continue;
            }
            match offer {
                Offer::Message(_) if party.claim_finished() => {
                    *into = offer.take();
                    self.senders.remove_claimed(key, woken);
                    return Some(Found::Message);
                }
                Offer::Later if can_wait_for(party, who) && party.claim() => {
                    party.call(woken);
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
        self.receivers.add(Ticket::single(&waiter).into(), Want::Met, woken)
    }

    /// Shows the ticket of the sender `who` around: how many receivers could it meet now? The others hear of it: observers,
    /// and selectors that are awake. Each waiter is looked at once, for it opens and closes without this lock: either it was
    /// open, or it is marked and looks before it sleeps.
    pub(super) fn show_to_receivers(&mut self, who: Who<'_>, is_observer: bool, woken: &mut Woken) -> usize {
        let mut walk = self.receivers.start();
        let mut open = 0;
        while let Some((key, party, _)) = self.receivers.walk(&mut walk) {
            if party.is(who) {
                continue;
            }
            match party.stance() {
                Stance::Observer if is_observer => {}
                Stance::Observer => {
                    notify(party, woken);
                    self.receivers.unlink(key.slot);
                }
                _ if party.is_open() => open += 1,
                Stance::Arm => {
                    notify(party, woken);
                    self.receivers.unlink(key.slot);
                }
                Stance::Single => {} // it looks again before it sleeps
            }
        }
        open
    }

    /// The same for the ticket of a receiver: is there a sender that it could meet now? A sender without a message that
    /// may not be claimed by this receiver is told, and acts.
    pub(super) fn show_to_senders(&mut self, who: Who<'_>, is_observer: bool, woken: &mut Woken) -> bool {
        if self.closed {
            return false; // nothing is met any more
        }
        let mut walk = self.senders.start();
        let mut is_ready = false;
        while let Some((key, party, offer)) = self.senders.walk(&mut walk) {
            if party.is(who) {
                continue;
            }
            let only_hears = party.stance() == Stance::Observer || matches!(offer, Offer::Places);
            let is_open = party.is_open();
            let must_hear = match offer {
                _ if only_hears => !is_observer,
                Offer::Message(_) | Offer::Later if !is_open => party.stance() == Stance::Arm,
                Offer::Message(_) => {
                    is_ready = true;
                    false
                }
                Offer::Later if is_observer || can_wait_for(party, who) => {
                    is_ready = true;
                    false
                }
                Offer::Later => true,
                Offer::Taken | Offer::Met(_) | Offer::Places => false,
            };
            if must_hear && notify(party, woken) {
                self.senders.unlink(key.slot);
            }
        }
        is_ready
    }

    /// Is there a sender that a receiver could meet?
    pub(super) fn has_open_sender(&mut self, who: Who<'_>) -> bool {
        if self.closed {
            return false;
        }
        let mut walk = self.senders.start();
        while let Some((_, party, offer)) = self.senders.walk(&mut walk) {
            let offers = matches!(offer, Offer::Message(_) | Offer::Later) && party.stance() != Stance::Observer;
            if offers && !party.is(who) && party.is_open() {
                return true;
            }
        }
        false
    }

    /// Closed, and nothing can come back from a lease.
    pub(super) fn is_over(&self) -> bool {
        self.closed && self.leases == 0
    }

    /// The number of a message that was just received: it is older than all that are here.
    pub(super) fn number_of_oldest(&mut self) -> u64 {
        self.next_number += 1;
        self.handed.front().map_or(self.next_number, |first| first.number.saturating_sub(1))
    }

    /// A lease has ended: if it was the last, those who wait for the end go on.
    pub(super) fn end_lease(&mut self, woken: &mut Woken) {
        self.leases -= 1;
        if self.is_over() {
            self.receivers.hand_out_to_all(woken);
        }
    }

    pub(super) fn is_drained(&self) -> bool {
        self.is_over() && self.handed.is_empty()
    }
}

/// May this receiver wait until that select completes? Only a thread may, and only for a thread.
fn can_wait_for(sender: &Party, who: Who<'_>) -> bool {
    !sender.is_task() && !who.is_task
}

/// Wakes or marks the owner of a ticket, so that it attempts. True if the ticket has served.
fn notify(party: &mut Party, woken: &mut Woken) -> bool {
    let claimed = party.offer() == Some(waiter::Offer::Claimed);
    if claimed {
        party.call(woken);
    }
    claimed || party.stance() != Stance::Single
}

/// Wakes the owner of a ticket that was claimed before. A selector in a task may have been polled since, and wait for
/// other arms again: it is told to look at this one.
pub(super) fn settle(party: &mut Party, woken: &mut Woken) {
    if party.stance() == Stance::Arm && party.is_task() {
        party.offer();
    }
    party.call(woken);
}
