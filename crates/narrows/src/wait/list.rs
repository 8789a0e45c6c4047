//! Wait lists: tickets in order of arrival. Knows nothing about queues; `P` is what a ticket shows to the peer.
//!
//! A ticket is *linked* while the peer may find it. A claim unlinks it but leaves it in its slot until its owner takes
//! it back, so that what the peer put into it is not lost; where nothing can be put into it, a single operation's ticket
//! goes with the claim. Shown again, it stands at its old place.
//!
//! Invariant: linked tickets are in rising order of `number`; a key names one ticket for ever (its slot may be reused,
//! its number is not).

use super::waiter::{Offer, Waiter};
use crate::{
    arm::{Seat, Stance, Ticket, Token},
    late::Late,
    sync::{Arc, AtomicUsize, Mutex, Ordering, fence, lock, unmodelled::AtomicBool},
};

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
}

impl Payload for () {
    fn outlives_its_claim(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct Entry<P> {
    number: u64,
    prev: usize,
    next: usize,
    linked: bool,
    /// None only while it is taken out: alone, for what it shows may be large.
    ticket: Option<Ticket>,
    payload: P,
}

impl<P> Entry<P> {
    fn ticket(&self) -> &Ticket {
        self.ticket.as_ref().expect("a slot in use holds a ticket")
    }
}

const NONE: usize = usize::MAX;

/// Memory is given back when a list that has grown beyond this many slots is empty.
const KEPT_SLOTS: usize = 32;

/// A linked list over reused slots.
#[derive(Debug)]
pub(crate) struct List<P> {
    slots: Vec<Option<Entry<P>>>,
    free: Vec<usize>,
    first: usize,
    last: usize,
    linked: usize,
    next_number: u64,
    sweep_at: usize,
}

impl<P: Payload> List<P> {
    pub(crate) fn new() -> List<P> {
        List {
            slots: Vec::new(),
            free: Vec::new(),
            first: NONE,
            last: NONE,
            linked: 0,
            next_number: 0,
            sweep_at: KEPT_SLOTS,
        }
    }

    fn entry(&mut self, slot: usize) -> &mut Entry<P> {
        self.slots[slot].as_mut().expect("a linked or named slot holds a ticket")
    }

    fn look(&self, slot: usize) -> &Entry<P> {
        self.slots[slot].as_ref().expect("a linked or named slot holds a ticket")
    }

    /// How many tickets the peer may find.
    pub(crate) fn linked(&self) -> usize {
        self.linked
    }

    /// Adds a ticket, unlinked.
    pub(crate) fn add(&mut self, ticket: Ticket, payload: P, woken: &mut Woken) -> Token {
        let number = self.next_number;
        self.next_number += 1;
        self.add_as(number, ticket, payload, woken)
    }

    /// Adds a ticket that had that number before.
    fn add_as(&mut self, number: u64, ticket: Ticket, payload: P, woken: &mut Woken) -> Token {
        if self.slots.len() - self.free.len() >= self.sweep_at {
            self.sweep(woken);
        }
        let entry = Entry { number, prev: NONE, next: NONE, linked: false, ticket: Some(ticket), payload };
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot] = Some(entry);
            slot
        } else {
            self.slots.push(Some(entry));
            self.slots.len() - 1
        };
        Token { slot, number }
    }

    /// Forgets the tickets of selectors that are gone; they hold no message. Done when the list has doubled, so it costs O(1) a ticket.
    fn sweep(&mut self, woken: &mut Woken) {
        for slot in 0..self.slots.len() {
            let is_over = |entry: &Entry<P>| entry.ticket().waiter.is_ended() && !entry.payload.outlives_its_selector();
            if self.slots[slot].as_ref().is_some_and(is_over) {
                self.unlink(slot);
                if let Some(ticket) = self.slots[slot].as_mut().and_then(|entry| entry.ticket.take()) {
                    woken.bury(ticket.waiter);
                }
                self.slots[slot] = None;
                self.free.push(slot);
            }
        }
        self.sweep_at = KEPT_SLOTS.max(2 * (self.slots.len() - self.free.len()));
    }

    /// Links a ticket at its place in the order; the newest goes last at once, an old one is near the front.
    pub(crate) fn link(&mut self, key: Token) {
        let Some(entry) = self.get(key) else { return };
        if entry.linked {
            return;
        }
        let mut next = NONE;
        if self.last != NONE && self.look(self.last).number > key.number {
            next = self.first;
            while self.look(next).number < key.number {
                next = self.look(next).next;
            }
        }
        let prev = if next == NONE { self.last } else { self.look(next).prev };
        let entry = self.entry(key.slot);
        (entry.prev, entry.next, entry.linked) = (prev, next, true);
        *if prev == NONE { &mut self.first } else { &mut self.entry(prev).next } = key.slot;
        *if next == NONE { &mut self.last } else { &mut self.entry(next).prev } = key.slot;
        self.linked += 1;
    }

    /// Hides a ticket from the peer; it stays in its slot.
    pub(crate) fn unlink(&mut self, slot: usize) {
        let entry = self.entry(slot);
        if !entry.linked {
            return;
        }
        entry.linked = false;
        let (prev, next) = (entry.prev, entry.next);
        *if prev == NONE { &mut self.first } else { &mut self.entry(prev).next } = next;
        *if next == NONE { &mut self.last } else { &mut self.entry(next).prev } = prev;
        self.linked -= 1;
    }

    /// Drops a ticket, linked or not, if it is still there. A message that is to live was taken out of what it shows before.
    pub(crate) fn remove(&mut self, key: Token) {
        if self.get(key).is_some() {
            self.take(key.slot);
        }
    }

    /// The same with whom to wake.
    pub(crate) fn remove_claimed(&mut self, key: Token, woken: &mut Woken) {
        if self.get(key).is_some()
            && let Some(ticket) = self.take(key.slot)
        {
            woken.push(ticket.waiter);
        }
    }

    fn take(&mut self, slot: usize) -> Option<Ticket> {
        self.unlink(slot);
        let ticket = self.slots[slot].as_mut()?.ticket.take();
        self.slots[slot] = None;
        self.free.push(slot);
        if self.free.len() == self.slots.len() && self.slots.len() > KEPT_SLOTS {
            (self.slots, self.free, self.sweep_at) = (Vec::new(), Vec::new(), KEPT_SLOTS);
        }
        ticket
    }

    pub(crate) fn is_linked(&mut self, key: Token) -> bool {
        self.get(key).is_some_and(|entry| entry.linked)
    }

    fn get(&mut self, key: Token) -> Option<&mut Entry<P>> {
        self.slots.get_mut(key.slot)?.as_mut().filter(|entry| entry.number == key.number)
    }

    /// What a ticket shows, if it is still there.
    pub(crate) fn payload(&mut self, key: Token) -> Option<&mut P> {
        self.get(key).map(|entry| &mut entry.payload)
    }

    /// A ticket, if it is still there.
    pub(crate) fn look_at(&self, key: Token) -> Option<&Ticket> {
        let entry = self.slots.get(key.slot)?.as_ref()?;
        (entry.number == key.number).then(|| entry.ticket())
    }

    /// Where to start a walk over the linked tickets.
    pub(crate) fn start(&self) -> Walk {
        Walk { next: self.first }
    }

    /// The next linked ticket of a walk. The one returned may be unlinked or removed before the next call.
    pub(crate) fn walk(&mut self, walk: &mut Walk) -> Option<(Token, &Ticket, &mut P)> {
        if walk.next == NONE {
            return None;
        }
        let slot = walk.next;
        let entry = self.slots[slot].as_mut().expect("a linked slot holds a ticket");
        walk.next = entry.next;
        let ticket = entry.ticket.as_ref().expect("a slot in use holds a ticket");
        Some((Token { slot, number: entry.number }, ticket, &mut entry.payload))
    }

    /// Visits every ticket, linked or not.
    pub(crate) fn for_each(&mut self, mut visit: impl FnMut(&Ticket, &mut P)) {
        for entry in self.slots.iter_mut().flatten() {
            if let Some(ticket) = &entry.ticket {
                visit(ticket, &mut entry.payload);
            }
        }
    }

    /// Hands one wake-up to the first ticket behind `after` that takes it; observers on the way are woken too, and
    /// awake selectors are marked. Those to wake are added to `woken`. The ticket that took it, which may be gone.
    pub(crate) fn hand_out(&mut self, after: Option<u64>, woken: &mut Woken) -> Option<Token> {
        let mut walk = self.start();
        while let Some((key, ticket, payload)) = self.walk(&mut walk) {
            if after.is_some_and(|after| key.number <= after) {
                continue;
            }
            let stance = ticket.stance;
            let claimed = match stance {
                Stance::Single => ticket.waiter.claim(ticket.arm).then_some(Offer::Claimed),
                Stance::Arm | Stance::Observer => Some(ticket.waiter.offer(ticket.arm)),
            };
            // A single waiter that is awake looks again before it sleeps; its ticket stays.
            let Some(offer) = claimed else { continue };
            if stance == Stance::Single && !payload.outlives_its_claim() {
                if let Some(ticket) = self.take(key.slot) {
                    woken.push(ticket.waiter);
                }
                return Some(key);
            }
            if offer == Offer::Claimed {
                woken.push(ticket.waiter.clone());
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
    next: usize,
}

/// Waiters claimed under a lock, to be woken after it. The usual one costs no allocation.
#[derive(Debug, Default)]
#[must_use = "claimed waiters sleep until they are woken"]
pub(crate) struct Woken {
    first: Option<Arc<Waiter>>,
    others: Option<Box<Others>>,
}

#[derive(Debug, Default)]
struct Others {
    more: Vec<Arc<Waiter>>,
    /// Gone for good; dropped here because that may drop a waker.
    dead: Vec<Arc<Waiter>>,
}

impl Woken {
    #[inline]
    pub(crate) fn push(&mut self, waiter: Arc<Waiter>) {
        if self.first.is_none() {
            self.first = Some(waiter);
        } else {
            self.others().more.push(waiter);
        }
    }

    /// Drops a waiter after the lock.
    fn bury(&mut self, waiter: Arc<Waiter>) {
        self.others().dead.push(waiter);
    }

    #[cold]
    fn others(&mut self) -> &mut Others {
        self.others.get_or_insert_default()
    }

    /// Wakes them, in order.
    #[inline]
    pub(crate) fn wake(self) {
        if let Some(first) = self.first {
            first.wake();
        }
        if let Some(others) = self.others {
            (*others).wake();
        }
    }
}

impl Others {
    #[cold]
    fn wake(self) {
        for waiter in self.more {
            waiter.wake();
        }
    }
}

/// A list behind a lock, made when the first comes to wait, with a count that lets the other side see without the lock that
/// nobody waits.
#[derive(Debug)]
pub(crate) struct WaitList {
    waiting: AtomicUsize,
    line: Late<Line>,
}

#[derive(Debug)]
struct Line {
    /// One that was woken found nothing, for somebody without a ticket was faster. A hint.
    was_overtaken: AtomicBool,
    list: Mutex<List<()>>,
}

impl WaitList {
    #[inline(always)]
    pub(crate) fn new() -> WaitList {
        WaitList { waiting: AtomicUsize::new(0), line: Late::new() }
    }

    fn line(&self) -> &Line {
        self.line.get_or_make(|| Line { was_overtaken: AtomicBool::new(false), list: Mutex::new(List::new()) })
    }

    /// Runs `f` on the list and wakes, afterwards and without the lock, whom it claimed.
    fn with<R>(&self, f: impl FnOnce(&mut List<()>, &mut Woken) -> R) -> R {
        let mut woken = Woken::default();
        let mut list = lock(&self.line().list);
        let result = f(&mut list, &mut woken);
        // Relaxed: stands before the waiter's fence, and is read behind the publisher's (wait/README.md, "Dekker").
        self.waiting.store(list.linked(), Ordering::Relaxed);
        drop(list);
        woken.wake();
        result
    }

    /// Leaves a ticket, or shows one again that `key` names. The caller then does a fence against those who publish
    /// (wait/README.md, "Dekker") and looks once more at what it waits for.
    pub(crate) fn show(&self, ticket: Ticket, key: &mut Seat) {
        self.with(|list, woken| {
            let shown = match *key {
                Some(key) if list.get(key).is_some() => key,
                // Claimed since its waiter opened: not to be found until that is settled.
                Some(_) if ticket.waiter.is_claimed() => return,
                // Claimed before: back to its old place.
                Some(key) => list.add_as(key.number, ticket, (), woken),
                None => list.add(ticket, (), woken),
            };
            if key.is_some() && !list.is_linked(shown) {
                // Relaxed: a hint.
                self.line().was_overtaken.store(true, Ordering::Relaxed);
            }
            list.link(shown);
            *key = Some(shown);
        });
    }

    /// Whether one of those who stand in line was overtaken since this was asked last.
    pub(crate) fn was_overtaken(&self) -> bool {
        // Relaxed, both: a hint.
        let flag = self.line.get().map(|line| &line.was_overtaken).filter(|flag| flag.load(Ordering::Relaxed));
        flag.inspect(|flag| flag.store(false, Ordering::Relaxed)).is_some()
    }

    /// Notes that the ticket of a single operation was claimed, and so is no longer here: `retract` then needs no lock.
    pub(crate) fn was_claimed(key: &mut Seat) {
        if let Some(key) = key {
            key.slot = NONE;
        }
    }

    /// The same with the fence, against publishers that do one too.
    pub(crate) fn enlist(&self, ticket: Ticket, key: &mut Seat) {
        self.show(ticket, key);
        // SeqCst: between showing the ticket and the caller's look.
        fence(Ordering::SeqCst);
    }

    /// Takes a ticket back.
    pub(crate) fn retract(&self, key: &mut Seat) {
        if let Some(key) = key.take()
            && key.slot != NONE
        {
            self.with(|list, _| list.remove(key));
        }
    }

    /// Whether anybody waits. The caller has published what they wait for, and done its fence.
    #[inline(always)]
    pub(super) fn is_waited_on(&self) -> bool {
        // Relaxed: ordered by the fence.
        self.waiting.load(Ordering::Relaxed) != 0
    }

    /// Wakes the first waiters, if any, after `n` things were published.
    pub(crate) fn notify(&self, n: usize) {
        // SeqCst: between the caller's publish and the look (wait/README.md, "Dekker").
        fence(Ordering::SeqCst);
        self.notify_fenced(n);
    }

    /// The same, after the caller's own fence.
    #[inline(always)]
    pub(crate) fn notify_fenced(&self, n: usize) {
        if self.is_waited_on() {
            self.notify_slow(n);
        }
    }

    #[cold]
    fn notify_slow(&self, n: usize) {
        self.with(|list, woken| list.hand_out_up_to(n, woken));
    }

    /// Gives the wake-up of one that was claimed to the first waiter behind the ticket `after`, if `still` there is
    /// something to wake for.
    ///
    /// Without a fence: whoever published that something claimed us after its own. A waiter whose fence came first had
    /// its ticket out by then, and the claim has let us see it; one whose fence came later has seen what was published.
    pub(crate) fn pass_on(&self, after: Seat, still: impl FnOnce() -> bool) {
        if self.is_waited_on() && still() {
            self.with(|list, woken| list.hand_out(after.map(|key| key.number), woken));
        }
    }

    /// Wakes every waiter, after the caller's own fence.
    pub(crate) fn notify_all_fenced(&self) {
        if self.is_waited_on() {
            self.with(List::hand_out_to_all);
        }
    }
}
