//! Channels with places for messages: a queue, a wait list per end, and the count of places.
//!
//! A place is in use by a message inside, by a permit, or by a message that a select has chosen and not yet finished.
//! Messages that were chosen and given back are served before the queue, oldest first.
//!
//! ```text
//! used  = messages inside + held + given back         head and tail of the queue
//! held  = chosen by a select, not finished            written under the receive role
//! reserved = permits out                              written under the send role
//! ```
//! Invariants: `used + reserved <= capacity`; `len = used - held`. What a select has chosen is received; given back, it is there
//! again, though others may have been told meanwhile that the channel is at its end.

use std::collections::VecDeque;

use crate::{
    arm::{Look, Seat, Ticket, Token, Who},
    error::TryRecvError,
    flavor::{Inlet, Offering, Outlet, Stop},
    queue::{Consumer, Producer, Queue},
    sync::{AtomicUsize, Ordering, fence},
    wait::list::WaitList,
};

/// A message out of the queue, with its number in the stream.
#[derive(Debug)]
struct Numbered<T> {
    number: usize,
    message: T,
}

/// What the receive role guards beside the queue.
#[derive(Debug)]
struct Books<T> {
    /// Messages chosen by a select; the token is the index.
    chosen: Vec<Option<Numbered<T>>>,
    /// Given back, oldest first.
    returned: VecDeque<Numbered<T>>,
}

type End<'a, T> = Consumer<'a, T, Books<T>>;

/// A bounded (`capacity > 0`) or unbounded channel.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    /// `usize::MAX` without a bound: so many places are never in use.
    capacity: usize,
    is_bounded: bool,
    queue: Queue<T, Books<T>>,
    reserved: AtomicUsize,
    held: AtomicUsize,
    senders: WaitList,
    receivers: WaitList,
}

impl<T> Buffer<T> {
    pub(crate) fn new(bound: Option<usize>) -> Buffer<T> {
        let capacity = bound.unwrap_or(usize::MAX);
        let books = Books { chosen: Vec::new(), returned: VecDeque::new() };
        Buffer {
            capacity,
            is_bounded: bound.is_some(),
            queue: Queue::new(capacity, books),
            reserved: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            senders: WaitList::new(),
            receivers: WaitList::new(),
        }
    }

    /// Would `n` more places make too many?
    fn is_short_of(&self, n: usize, used: usize) -> bool {
        // Relaxed: the send role writes it; without the role this is a look, repeated after a fence where it counts.
        let reserved = self.reserved.load(Ordering::Relaxed);
        used.saturating_add(reserved).saturating_add(n) > self.capacity
    }

    fn held(&self) -> usize {
        // Acquire: pairs with the Release of the receive role's changes, in the order argued in `len`.
        self.held.load(Ordering::Acquire)
    }

    /// The only way to a place: under the send role, open, and with a fence before the answer "full".
    fn with_room<R>(&self, n: usize, act: impl FnOnce(&mut Producer<'_, T, Books<T>>) -> R) -> Result<R, Stop> {
        let mut end = self.queue.producer();
        if end.is_closed() {
            return Err(Stop::Closed);
        }
        if self.is_short_of(n, end.used()) {
            // SeqCst: the answer must be true in the one order of all channels (contract, rule 4).
            fence(Ordering::SeqCst);
            if self.is_short_of(n, end.used()) {
                return Err(Stop::Full);
            }
        }
        Ok(act(&mut end))
    }

    fn add_reserved(&self, n: usize) {
        // Relaxed: only the send role, which the caller holds, writes it and relies on it.
        self.reserved.store(self.reserved.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }

    fn sub_reserved(&self, n: usize) {
        // Relaxed: as above.
        self.reserved.store(self.reserved.load(Ordering::Relaxed) - n, Ordering::Relaxed);
    }

    fn set_held(&self, held: usize) {
        // Release: pairs with the Acquire in `held`.
        self.held.store(held, Ordering::Release);
    }

    /// The next message, its place still in use.
    fn take(end: &mut End<'_, T>) -> Option<Numbered<T>> {
        if let Some(numbered) = end.books().returned.pop_front() {
            return Some(numbered);
        }
        let number = end.taken();
        end.take().map(|message| Numbered { number, message })
    }

    fn place_is_free(&self) {
        if self.is_bounded {
            self.senders.notify_one();
        }
    }

    /// Moves a chosen message out of its slot. Its place is still in use, and it no longer counts as held.
    fn unhold(&self, end: &mut End<'_, T>, token: Token) -> Option<Numbered<T>> {
        let numbered = end.books().chosen.get_mut(token.slot())?.take()?;
        Some(numbered)
    }

    fn drained(end: &mut End<'_, T>) -> bool {
        end.is_drained() && end.books().returned.is_empty()
    }
}

impl<T> Inlet<T> for Buffer<T> {
    fn send(&self, message: &mut Option<T>, _: &mut Seat, _: Who<'_>) -> Result<(), Stop> {
        self.with_room(1, |end| end.push(message.take().expect("a send owns its message until it is done")))?;
        self.receivers.notify_one();
        Ok(())
    }

    fn reserve(&self, n: usize, _: Who<'_>) -> Result<(), Stop> {
        self.with_room(n, |_| self.add_reserved(n))
    }

    fn unreserve(&self, n: usize) {
        let end = self.queue.producer();
        self.sub_reserved(n);
        drop(end);
        for _ in 0..n {
            self.place_is_free();
        }
    }

    fn send_reserved(&self, message: T) -> Result<(), T> {
        let mut end = self.queue.producer();
        self.sub_reserved(1);
        if end.is_closed() {
            return Err(message);
        }
        end.push(message);
        drop(end);
        self.receivers.notify_one();
        Ok(())
    }

    fn enlist_send(&self, ticket: Ticket, seat: &mut Seat, offering: Offering<'_, T>) -> Look {
        let n = if let Offering::Places(n) = offering { n } else { 1 };
        self.senders.enlist(ticket, seat);
        Look::ready(self.can_send(n, Who::THREAD))
    }

    fn was_sent(&self, _: Seat) -> bool {
        false
    }

    fn retract_send(&self, seat: &mut Seat, _: &mut Option<T>) {
        self.senders.retract(seat);
    }

    fn pass_on_send(&self, after: Seat) {
        if self.can_send(1, Who::THREAD) {
            self.senders.notify_after(after);
        }
    }

    fn choose_send(&self, who: Who<'_>) -> Option<Token> {
        match self.reserve(1, who) {
            Ok(()) => Some(Token::new(0, 0)),
            Err(Stop::Closed) => Some(Token::DISCONNECTED),
            Err(Stop::Full) => None,
        }
    }

    fn claimed_send(&self, _: Seat) -> Option<Token> {
        None
    }

    fn complete_send(&self, _: Token, message: T) -> Result<(), T> {
        self.send_reserved(message)
    }

    fn abandon_send(&self, _: Token) {
        self.unreserve(1);
    }

    fn can_send(&self, n: usize, _: Who<'_>) -> bool {
        self.is_closed() || !self.is_short_of(n, self.queue.used())
    }

    fn close(&self) -> bool {
        let mut end = self.queue.producer();
        if end.is_closed() {
            return false;
        }
        end.close();
        drop(end);
        self.senders.notify_all();
        self.receivers.notify_all();
        true
    }

    fn clear_one(&self) -> Option<T> {
        let mut end = self.queue.consumer();
        let numbered = Self::take(&mut end)?;
        end.give_back();
        Some(numbered.message)
    }
}

impl<T> Outlet<T> for Buffer<T> {
    fn recv(&self, _: &mut Seat, _: Who<'_>) -> Result<T, TryRecvError> {
        let mut end = self.queue.consumer();
        let Some(numbered) = Self::take(&mut end) else {
            let drained = Self::drained(&mut end);
            return Err(if drained { TryRecvError::Disconnected } else { TryRecvError::Empty });
        };
        end.give_back();
        drop(end);
        self.place_is_free();
        Ok(numbered.message)
    }

    fn enlist_recv(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.receivers.enlist(ticket, seat);
        Look::ready(self.can_recv(Who::THREAD))
    }

    fn was_received(&self, _: Seat) -> Option<T> {
        None
    }

    fn retract_recv(&self, seat: &mut Seat) {
        self.receivers.retract(seat);
    }

    fn pass_on_recv(&self) {
        if self.can_recv(Who::THREAD) {
            self.receivers.notify_one();
        }
    }

    fn choose_recv(&self, _: Seat, _: Who<'_>) -> Option<Token> {
        let mut end = self.queue.consumer();
        let Some(numbered) = Self::take(&mut end) else {
            return Self::drained(&mut end).then_some(Token::DISCONNECTED);
        };
        self.set_held(self.held() + 1);
        let chosen = &mut end.books().chosen;
        let slot = chosen.iter().position(Option::is_none).unwrap_or_else(|| {
            chosen.push(None);
            chosen.len() - 1
        });
        chosen[slot] = Some(numbered);
        Some(Token::new(slot, 0))
    }

    fn claimed_recv(&self, _: &mut Seat) -> Option<Token> {
        None
    }

    fn complete_recv(&self, token: Token) -> Option<T> {
        let mut end = self.queue.consumer();
        let numbered = self.unhold(&mut end, token)?;
        // The place first, then the count: a reader between the two sees `held` and takes the role (see `len`).
        end.give_back();
        self.set_held(self.held() - 1);
        drop(end);
        self.place_is_free();
        Some(numbered.message)
    }

    fn abandon_recv(&self, token: Token) {
        let mut end = self.queue.consumer();
        let Some(numbered) = self.unhold(&mut end, token) else { return };
        let returned = &mut end.books().returned;
        let at = returned.partition_point(|other| other.number < numbered.number);
        returned.insert(at, numbered);
        self.set_held(self.held() - 1);
        drop(end);
        self.receivers.notify_one();
    }

    fn can_recv(&self, _: Who<'_>) -> bool {
        self.is_closed() || self.len() > 0
    }

    fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    fn is_drained(&self) -> bool {
        self.is_closed() && Self::drained(&mut self.queue.consumer())
    }

    fn len(&self) -> usize {
        let head = self.queue.given_back();
        let used = self.queue.used();
        // With nothing held and no place given back meanwhile, `used` is the number of messages. A finishing select
        // gives back the place before it lowers `held`, so it cannot slip between these two looks.
        if self.held() == 0 && self.queue.given_back() == head {
            return used;
        }
        let end = self.queue.consumer();
        end.used() - self.held()
    }

    fn is_full(&self) -> bool {
        self.is_short_of(1, self.queue.used())
    }

    fn capacity(&self) -> Option<usize> {
        self.is_bounded.then_some(self.capacity)
    }
}
