//! Tickets in order of arrival. Knows nothing about locks or queues; `P` is what a ticket shows to the peer.
//!
//! A ticket is *linked* while the peer may find it. A claim unlinks it but leaves it in its slot until its owner takes
//! it back, so that what the peer put into it is not lost; where nothing can be put into it, a single operation's ticket
//! goes with the claim. Shown again, it stands at its old place.
//!
//! Invariant: linked tickets are in rising order of `number`; a key names one ticket for ever (its slot may be reused,
//! its number is not).

use std::task::Waker;

use super::{
    party::{Party, Woken},
    waiter::Offer,
};
use crate::arm::{Stance, Token};

/// What a ticket shows to the peer.
pub(crate) trait Payload {
    /// Whether its owner needs the ticket after a claim: a peer may have put something into it.
    fn outlives_its_claim(&self) -> bool {
        true
    }

    /// Whether the ticket has a value of its own once its selector is gone.
    fn outlives_its_selector(&self) -> bool {
        false
    }

    /// Drops what is in it, where it lies: it may be large.
    fn forget(&mut self);
}

impl Payload for () {
    fn outlives_its_claim(&self) -> bool {
        false
    }

    fn forget(&mut self) {}
}

/// What became of a thing that was offered to a ticket.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Offered {
    /// Its owner is to see to it.
    ToItsOwner,
    /// The peer did what the ticket is for, which is over.
    Finished,
    /// Somebody else was faster, and will offer it again.
    Gone,
}

/// Small: a task that waits, and there may be a million, has its memory and this.
#[derive(Debug)]
pub(super) struct Entry<P> {
    /// `FREE` of a slot that is not in use.
    number: u64,
    /// `UNLINKED` if it is not linked.
    prev: u32,
    /// Of a slot that is not in use, the next such slot.
    next: u32,
    party: Option<Party>,
    /// Forgotten in a slot that is not in use.
    payload: P,
}

#[cfg(all(target_pointer_width = "64", not(any(loom, narrows_check))))]
const _: () = assert!(size_of::<Entry<()>>() == 40);

impl<P> Entry<P> {
    fn is_linked(&self) -> bool {
        self.prev != UNLINKED
    }
}

/// As a key's slot: there is none.
pub(super) const NONE: usize = usize::MAX;
const FREE: u64 = u64::MAX;
/// As a link: the end. No slot has such a number, nor the next.
const END: u32 = u32::MAX;
const UNLINKED: u32 = END - 1;

#[expect(clippy::cast_possible_truncation, reason = "no more slots are made than fit")]
fn short(slot: usize) -> u32 {
    slot as u32
}

/// Memory is given back when a list that has grown beyond this many bytes, or slots, is empty.
const KEPT_BYTES: usize = 1 << 14;
const KEPT_SLOTS: u32 = 32;

/// A linked list over reused slots.
#[derive(Debug)]
pub(crate) struct List<P> {
    slots: Vec<Entry<P>>,
    in_use: u32,
    free: u32,
    first: u32,
    last: u32,
    linked: u32,
    sweep_at: u32,
    next_number: u64,
}

impl<P: Payload> List<P> {
    const KEPT: usize = {
        let most = KEPT_BYTES / size_of::<Entry<P>>();
        if most == 0 {
            1
        } else if most < KEPT_SLOTS as usize {
            most
        } else {
            KEPT_SLOTS as usize
        }
    };

    pub(crate) fn new() -> List<P> {
        List {
            slots: Vec::new(),
            in_use: 0,
            free: END,
            first: END,
            last: END,
            linked: 0,
            sweep_at: KEPT_SLOTS,
            next_number: 0,
        }
    }

    /// How many tickets there are, linked or not.
    pub(crate) fn in_use(&self) -> usize {
        self.in_use as usize
    }

    /// How many tickets the peer may find.
    #[inline]
    pub(crate) fn linked(&self) -> u32 {
        self.linked
    }

    /// Adds a ticket, unlinked.
    #[inline(always)]
    pub(crate) fn add(&mut self, party: Party, payload: P, woken: &mut Woken) -> Token {
        let number = self.next_number;
        self.next_number += 1;
        self.add_as(number, party, payload, woken)
    }

    /// Adds a ticket that had that number before.
    #[inline(always)]
    pub(super) fn add_as(&mut self, number: u64, party: Party, payload: P, woken: &mut Woken) -> Token {
        if self.in_use >= self.sweep_at {
            self.sweep(woken);
        }
        self.in_use += 1;
        let slot = self.free as usize;
        if let Some(entry) = self.slots.get_mut(slot) {
            self.free = entry.next;
            entry.number = number;
            entry.party = Some(party);
            entry.payload = payload;
            return Token { slot, number };
        }
        self.add_slot(number, party, payload)
    }

    #[cold]
    fn add_slot(&mut self, number: u64, party: Party, payload: P) -> Token {
        assert!(self.slots.len() < UNLINKED as usize, "more than 4 billion wait for the same");
        if self.slots.is_empty() {
            // As a rule one waits, and a vector begins with room for four.
            self.slots.reserve_exact(1);
        }
        self.slots.push(Entry { number, prev: UNLINKED, next: END, party: Some(party), payload });
        Token { slot: self.slots.len() - 1, number }
    }

    /// Forgets the tickets of selectors that are gone; they hold no message. Done when the list has doubled, so it costs O(1) a ticket.
    #[cold]
    fn sweep(&mut self, woken: &mut Woken) {
        for slot in 0..self.slots.len() {
            let entry = &self.slots[slot];
            if entry.party.as_ref().is_some_and(Party::is_over) && !entry.payload.outlives_its_selector() {
                self.unlink(slot);
                if let Some(party) = self.free(slot) {
                    woken.bury(party);
                }
            }
        }
        self.sweep_at = KEPT_SLOTS.max(self.in_use.saturating_mul(2));
    }

    /// Links a ticket at its place in the order; the newest goes last at once, an old one is near the front.
    #[inline(always)]
    pub(crate) fn link(&mut self, key: Token) {
        if self.get(key).is_none_or(|entry| entry.is_linked()) {
            return;
        }
        let mut next = END;
        if self.last != END && self.slots[self.last as usize].number > key.number {
            next = self.first;
            while self.slots[next as usize].number < key.number {
                next = self.slots[next as usize].next;
            }
        }
        let prev = if next == END { self.last } else { self.slots[next as usize].prev };
        let (slot, entry) = (short(key.slot), &mut self.slots[key.slot]);
        (entry.prev, entry.next) = (prev, next);
        *if prev == END { &mut self.first } else { &mut self.slots[prev as usize].next } = slot;
        *if next == END { &mut self.last } else { &mut self.slots[next as usize].prev } = slot;
        self.linked += 1;
    }

    /// Hides a ticket from the peer; it stays in its slot.
    #[inline]
    pub(crate) fn unlink(&mut self, slot: usize) {
        let entry = &mut self.slots[slot];
        let (prev, next) = (std::mem::replace(&mut entry.prev, UNLINKED), entry.next);
        if prev == UNLINKED {
            return;
        }
        *if prev == END { &mut self.first } else { &mut self.slots[prev as usize].next } = next;
        *if next == END { &mut self.last } else { &mut self.slots[next as usize].prev } = prev;
        self.linked -= 1;
    }

    /// Removes a ticket, linked or not, if it is still there. A message that is to live was taken out of what it shows before.
    pub(crate) fn remove(&mut self, key: Token, woken: &mut Woken) {
        if let Some(party) = self.take(key) {
            woken.bury(party);
        }
    }

    /// The same of one that was claimed, with whom to wake.
    #[inline(always)]
    pub(crate) fn remove_claimed(&mut self, key: Token, woken: &mut Woken) {
        if let Some(party) = self.take(key) {
            party.call_out(woken);
        }
    }

    /// The same of one whose operation was done. One that is awake sees that its ticket has gone.
    fn finish(&mut self, key: Token, woken: &mut Woken) {
        let Some(party) = self.take(key) else { return };
        if party.claim_finished() {
            party.call_out(woken);
        } else {
            woken.bury(party);
        }
    }

    #[inline(always)]
    fn take(&mut self, key: Token) -> Option<Party> {
        self.get(key)?;
        self.unlink(key.slot);
        let party = self.free(key.slot);
        if self.in_use == 0 && self.slots.len() > Self::KEPT {
            (self.slots, self.free, self.sweep_at) = (Vec::new(), END, KEPT_SLOTS);
        }
        party
    }

    /// Empties a slot whose ticket is not linked.
    #[inline]
    fn free(&mut self, slot: usize) -> Option<Party> {
        let entry = &mut self.slots[slot];
        entry.number = FREE;
        entry.next = self.free;
        self.free = short(slot);
        self.in_use -= 1;
        entry.payload.forget();
        entry.party.take()
    }

    pub(crate) fn is_linked(&mut self, key: Token) -> bool {
        self.get(key).is_some_and(|entry| entry.is_linked())
    }

    #[inline]
    pub(super) fn get(&mut self, key: Token) -> Option<&mut Entry<P>> {
        self.slots.get_mut(key.slot).filter(|entry| entry.number == key.number)
    }

    /// What a ticket shows, if it is still there.
    #[inline]
    pub(crate) fn payload(&mut self, key: Token) -> Option<&mut P> {
        self.get(key).map(|entry| &mut entry.payload)
    }

    /// Who is behind a ticket, if it is still there.
    #[inline]
    pub(crate) fn party(&mut self, key: Token) -> Option<&mut Party> {
        self.get(key).and_then(|entry| entry.party.as_mut())
    }

    /// As `Party::set_waker`, of who is behind a ticket.
    pub(crate) fn set_waker(&mut self, key: Token, waker: &Waker, spare: &mut Option<Waker>) -> bool {
        self.party(key).is_none_or(|party| party.set_waker(waker, spare))
    }

    /// Where to start a walk over the linked tickets.
    pub(crate) fn start(&self) -> Walk {
        Walk { next: self.first }
    }

    /// The next linked ticket of a walk. The one returned may be unlinked or removed before the next call.
    #[inline]
    pub(crate) fn walk(&mut self, walk: &mut Walk) -> Option<(Token, &mut Party, &mut P)> {
        let slot = walk.next as usize;
        // One past the last ends it.
        let entry = self.slots.get_mut(slot)?;
        walk.next = entry.next;
        let party = entry.party.as_mut()?;
        Some((Token { slot, number: entry.number }, party, &mut entry.payload))
    }

    /// Visits every ticket, linked or not.
    pub(crate) fn for_each(&mut self, mut visit: impl FnMut(&mut Party, &mut P)) {
        for entry in &mut self.slots {
            if let Some(party) = &mut entry.party {
                visit(party, &mut entry.payload);
            }
        }
    }

    /// Hands one wake-up to the first ticket behind `after` that takes it; observers on the way are woken too, and
    /// awake selectors are marked. Those to wake are added to `woken`. The ticket that took it, which may be gone.
    pub(crate) fn hand_out(&mut self, after: Option<u64>, woken: &mut Woken) -> Option<Token> {
        self.hand_out_or(after, woken, |_| Offered::ToItsOwner)
    }

    /// The same, but of each ticket `act` decides, by what it shows: the peer may do the operation itself.
    pub(crate) fn hand_out_or(
        &mut self,
        after: Option<u64>,
        woken: &mut Woken,
        mut act: impl FnMut(&mut P) -> Offered,
    ) -> Option<Token> {
        let mut walk = self.start();
        while let Some((key, party, payload)) = self.walk(&mut walk) {
            if after.is_some_and(|after| key.number <= after) {
                continue;
            }
            match act(payload) {
                Offered::ToItsOwner => {}
                Offered::Finished => {
                    self.finish(key, woken);
                    return Some(key);
                }
                Offered::Gone => return None,
            }
            // A single waiter that is awake looks again before it sleeps; its ticket stays.
            let Some(offer) = party.offer() else { continue };
            let stance = party.stance();
            if stance == Stance::Single && !payload.outlives_its_claim() {
                self.remove_claimed(key, woken);
                return Some(key);
            }
            if offer == Offer::Claimed {
                party.call(woken);
            }
            self.unlink(key.slot);
            if offer == Offer::Claimed && stance != Stance::Observer {
                return Some(key);
            }
        }
        None
    }

    /// Hands out `n` wake-ups, or as many as are wanted.
    pub(crate) fn hand_out_up_to(&mut self, n: usize, woken: &mut Woken) {
        for _ in 0..n {
            if self.hand_out(None, woken).is_none() {
                return;
            }
        }
    }

    /// Hands a wake-up to every ticket.
    pub(crate) fn hand_out_to_all(&mut self, woken: &mut Woken) {
        while self.hand_out(None, woken).is_some() {}
    }
}

/// A position in a walk over a list.
#[derive(Debug)]
pub(crate) struct Walk {
    next: u32,
}
