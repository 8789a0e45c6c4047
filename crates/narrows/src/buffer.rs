//! Channels with places for messages: a queue, a wait list per end, and the count of places.
//!
//! A place is in use by a message inside, by a permit, or by a message that a select has chosen and not yet finished.
//! Messages that were chosen and given back are served before the queue, oldest first. A chosen message stays in the queue, the
//! next in line, until it is finished or somebody else comes for the next, who moves it out first.
//!
//! ```text
//! used  = messages inside + held + given back         head and tail of the queue
//! held  = chosen by a select, not finished            written under the receive role (`chosen.rs` says how)
//! reserved = permits out                              written under the send role
//! ```
//! Invariants: `used + reserved <= capacity`; `len = used - held`. What a select has chosen is received; given back, it is there
//! again, though others may have been told meanwhile that the channel is at its end.

mod chosen;
mod line;

use std::task::{Poll, Waker};

use self::{
    chosen::{Books, MOVED, Numbered, held_in},
    line::Parcel,
};
use crate::{
    answer,
    arm::{Look, Seat, Ticket, Token, Who},
    error::{RecvError, SendError, TryRecvError},
    flavor::{Inlet, Offering, Outlet, Stop, unless_full},
    queue::{Consumer, NotEasy, Producer, Queue},
    role,
    sync::{AtomicU8, AtomicU32, AtomicUsize, Ordering, fence},
    wait::list::{self, WaitList},
};

type End<'a, T> = Consumer<'a, T, Books<T>>;

/// A bounded (`capacity > 0`) or unbounded channel.
#[derive(Debug)]
#[repr(C)] // the queue last: what its ends write is to lie apart from what all read
pub(crate) struct Buffer<T> {
    /// `usize::MAX` without a bound: so many places are never in use.
    capacity: usize,
    is_bounded: bool,
    /// Set behind the queue's own bit, for those who spin: it lies apart from what the ends write.
    closed: AtomicU8,
    /// What was taken when a receiver last had to wait.
    last_wait: AtomicU32,
    senders: WaitList<Parcel<T>>,
    receivers: WaitList,
    queue: Queue<T, Books<T>>,
}

impl<T> Buffer<T> {
    #[inline(always)]
    pub(crate) fn new(bound: Option<usize>) -> Buffer<T> {
        let capacity = bound.unwrap_or(usize::MAX);
        role::prepare();
        Buffer {
            capacity,
            is_bounded: bound.is_some(),
            closed: AtomicU8::new(0),
            last_wait: AtomicU32::new(0),
            senders: WaitList::new(),
            receivers: WaitList::new(),
            queue: Queue::new(capacity),
        }
    }

    /// The usual send of a thread that has the bias, of the message in `from`. False is no answer.
    #[inline(always)]
    pub(crate) fn send_easily(&self, from: &mut Option<T>) -> bool {
        let Some(mut end) = self.queue.producer_easily() else { return false };
        // Relaxed: only the send role, which we hold, writes it.
        if self.reserved().load(Ordering::Relaxed) != 0 || !end.push_easily(from, self.capacity) {
            return false;
        }
        drop(end);
        self.receivers.notify_fenced(1);
        true
    }

    /// The usual receive of a thread that has the bias, into `into`, which is empty. An error is no answer.
    #[inline(always)]
    pub(crate) fn recv_easily(&self, into: &mut Option<T>) -> Result<(), NotEasy> {
        let mut end = self.queue.consumer_easily().ok_or(NotEasy::TakesMore)?;
        if !self.is_plain(&mut end) {
            return Err(NotEasy::TakesMore);
        }
        end.take_easily(into)?;
        drop(end);
        self.places_are_free(1);
        Ok(())
    }

    /// The usual send, found possible at once: a place, to be filled. `None` is no answer, only no place.
    #[inline(always)]
    pub(crate) fn place(&self) -> Option<Place<'_, T>> {
        let mut end = self.queue.producer();
        // Relaxed: only the send role, which we hold, writes it.
        let is_free = !end.is_closed() && self.reserved().load(Ordering::Relaxed) == 0 && end.has_place(self.capacity);
        is_free.then_some(Place { buffer: self, end })
    }

    /// The same with the answer, if there is no place. `Err(None)`: there are permits, which `send` reckons with.
    pub(crate) fn place_or_why(&self) -> Result<Place<'_, T>, Option<Stop>> {
        let mut end = self.queue.producer();
        if end.is_closed() {
            return Err(Some(Stop::Closed));
        }
        // Relaxed: as above.
        if self.reserved().load(Ordering::Relaxed) != 0 {
            return Err(None);
        }
        if !end.has_place(self.capacity) {
            answer::before_no();
            if !end.has_place(self.capacity) {
                return Err(Some(Stop::Full));
            }
        }
        Ok(Place { buffer: self, end })
    }

    /// The usual receive, found possible at once: the oldest message, to be taken. `None` is no answer, only no message.
    #[inline(always)]
    pub(crate) fn front(&self) -> Option<Front<'_, T>> {
        let mut end = self.queue.consumer();
        let is_there = self.is_plain(&mut end) && end.has_next();
        is_there.then_some(Front { buffer: self, end })
    }

    /// The same with the answer, if there is no message. `Err(None)`: one was given back, which `recv` serves.
    pub(crate) fn front_or_why(&self) -> Result<Front<'_, T>, Option<TryRecvError>> {
        let mut end = self.queue.consumer();
        if !self.is_plain(&mut end) {
            return Err(None);
        }
        if end.has_next_for_sure() {
            return Ok(Front { buffer: self, end });
        }
        Err(Some(if end.is_drained() { TryRecvError::Disconnected } else { TryRecvError::Empty }))
    }

    /// Open and full, for sure, at one moment within the call.
    ///
    /// Who sends on looks at what receivers write as seldom as may be; who has heard no expects it again.
    #[inline(always)]
    pub(crate) fn is_surely_full(&self) -> bool {
        answer::is_asking_again() && self.queue.is_surely_full(self.capacity)
    }

    /// Open and empty, in the same way.
    #[inline(always)]
    pub(crate) fn is_surely_empty(&self) -> bool {
        answer::is_asking_again() && self.queue.is_surely_empty()
    }

    /// Written under the send role alone.
    fn reserved(&self) -> &AtomicUsize {
        self.queue.send_count()
    }

    /// Would `n` more places make too many?
    fn exceeds(&self, used: usize, reserved: usize, n: usize) -> bool {
        // A sum beyond the range of numbers is beyond any capacity.
        let sum = used.checked_add(reserved).and_then(|sum| sum.checked_add(n));
        sum.is_none_or(|sum| sum > self.capacity)
    }

    /// Under the send role: would `n` more be too many? Only a receive can change a yes.
    fn is_short_of(&self, n: usize, end: &mut Producer<'_, T, Books<T>>) -> bool {
        // Relaxed: only the send role, which the caller holds, writes it.
        self.exceeds(end.used(), self.reserved().load(Ordering::Relaxed), n)
    }

    /// Without the role: was `n` too many, at one moment within the call?
    fn looks_short_of(&self, n: usize) -> bool {
        // Acquire: pairs with the Release in `set_reserved`. A permit that was used has its message counted in `used`.
        if self.reserved().load(Ordering::Acquire) == 0 {
            return self.exceeds(self.queue.used(), 0, n);
        }
        // A message that goes into a reserved place changes both numbers, so they are read together.
        self.is_short_of(n, &mut self.queue.producer())
    }

    fn held(&self) -> usize {
        // Acquire: pairs with the Release of the receive role's changes, in the order argued in `len`.
        held_in(self.queue.recv_count().load(Ordering::Acquire))
    }

    /// The only way to a place: under the send role, open, and with a fence before the answer "full".
    fn with_room<R>(&self, n: usize, act: impl FnOnce(&mut Producer<'_, T, Books<T>>) -> R) -> Result<R, Stop> {
        let mut end = self.queue.producer();
        if end.is_closed() {
            return Err(Stop::Closed);
        }
        if self.is_short_of(n, &mut end) {
            answer::before_no();
            if self.is_short_of(n, &mut end) {
                return Err(Stop::Full);
            }
        }
        Ok(act(&mut end))
    }

    /// Under the send role. A place is used or given back only if it was taken: more than that would let a message be
    /// written over another, so it ends here.
    fn sub_reserved(&self, n: usize) -> usize {
        // Relaxed: only the send role, which the caller holds, writes it.
        let reserved = self.reserved().load(Ordering::Relaxed);
        reserved.checked_sub(n).expect("a place was given back that nobody had taken")
    }

    fn set_reserved(&self, reserved: usize) {
        // Release: pairs with the Acquire in `looks_short_of`.
        self.reserved().store(reserved, Ordering::Release);
        answer::acted();
    }

    #[inline(always)]
    fn set_held(&self, word: usize) {
        // Release: pairs with the Acquire in `held`.
        self.queue.recv_count().store(word, Ordering::Release);
        answer::acted();
    }

    /// Takes the next message into `into`, and gives back a place. False if there is none.
    fn take(end: &mut End<'_, T>, into: &mut Option<T>) -> bool {
        let Some(Numbered { message, .. }) = end.books_kept().and_then(|books| books.returned.pop_front()) else {
            return end.take_if_any(into);
        };
        *into = Some(message);
        end.give_back();
        true
    }

    /// Whether or not there is a bound: so many permits may be out that no number is left for another place.
    #[inline(always)]
    fn places_are_free(&self, n: usize) {
        if self.senders.is_waited_on() {
            self.admit(None, n);
        }
    }

    fn drained(end: &mut End<'_, T>) -> bool {
        end.is_drained() && end.books_kept().is_none_or(|books| books.returned.is_empty())
    }
}

/// The send role, with a free place.
#[derive(Debug)]
pub(crate) struct Place<'a, T> {
    buffer: &'a Buffer<T>,
    end: Producer<'a, T, Books<T>>,
}

impl<T> Place<'_, T> {
    #[inline(always)]
    pub(crate) fn put(mut self, message: T) {
        self.end.push(message);
        self.show();
    }

    /// The same with the message in `from`, which is then empty.
    #[inline(always)]
    pub(crate) fn fill(mut self, from: &mut Option<T>) {
        self.end.push_from(from);
        self.show();
    }

    #[inline(always)]
    fn show(self) {
        drop(self.end);
        self.buffer.receivers.notify_fenced(1);
    }
}

/// The receive role, with a message.
#[derive(Debug)]
pub(crate) struct Front<'a, T> {
    buffer: &'a Buffer<T>,
    end: End<'a, T>,
}

impl<T> Front<'_, T> {
    /// Receives it into `into`, which is empty.
    #[inline(always)]
    pub(crate) fn take(mut self, into: &mut Option<T>) {
        self.end.take(into);
        drop(self.end);
        self.buffer.places_are_free(1);
    }
}

impl<T> Inlet<T> for Buffer<T> {
    fn send(&self, message: &mut Option<T>, seat: &mut Seat, _: Who<'_>) -> Result<(), Stop> {
        if message.is_none() && !self.reclaim(message, seat) {
            return Ok(());
        }
        self.with_room(1, |end| end.push_from(message))?;
        self.receivers.notify_fenced(1);
        Ok(())
    }

    fn reserve(&self, n: usize, _: Who<'_>) -> Result<(), Stop> {
        // Relaxed: only the send role, under which this runs, writes it. No overflow: there was room.
        self.with_room(n, |_| self.set_reserved(self.reserved().load(Ordering::Relaxed) + n))
    }

    fn unreserve(&self, n: usize) {
        let end = self.queue.producer();
        self.set_reserved(self.sub_reserved(n));
        drop(end);
        self.places_are_free(n);
    }

    fn send_reserved(&self, message: &mut Option<T>) -> Result<(), Stop> {
        self.fill_from(message, true)
    }

    fn enlist_send(&self, ticket: Ticket, seat: &mut Seat, offering: Offering<'_, T>) -> Look {
        let (n, shown) = match offering {
            Offering::Message(message) => (1, (self.shows_messages() && message.is_some()).then_some(message)),
            Offering::Later => (1, None),
            Offering::Places(n) => (n, None),
        };
        self.senders.show(ticket, seat, shown);
        Look::ready(self.may_go_on(n))
    }

    fn note_claim(&self, seat: &mut Seat) {
        list::was_claimed(seat);
    }

    fn retract_send(&self, seat: &mut Seat, message: &mut Option<T>) {
        // A message that is here would change places with what the ticket shows, and go with it.
        if message.is_none() {
            self.reclaim(message, seat);
        }
        self.senders.retract(seat);
    }

    fn pass_on_send(&self, after: Seat) {
        if self.senders.is_waited_on() && self.can_send(1, Who::THREAD) {
            self.admit(after, 1);
        }
    }

    fn poll_send(&self, message: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), SendError<()>>> {
        self.poll_send_in_line(message, seat, waker)
    }

    fn poll_reserve(&self, n: usize, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), SendError<()>>> {
        self.poll_for_places(n, seat, waker, || unless_full(self.reserve(n, Who::TASK)))
    }

    fn leave_send(&self, seat: &mut Seat, message: &mut Option<T>) {
        self.leave_send_line(seat, message);
    }

    fn choose_send(&self, who: Who<'_>) -> Option<Token> {
        let chosen = if self.is_bounded {
            self.reserve(1, who)
        } else if self.queue.is_closed() {
            Err(Stop::Closed)
        } else {
            Ok(())
        };
        match chosen {
            Ok(()) => Some(Token::new(0, 0)),
            Err(Stop::Closed) => Some(Token::DISCONNECTED),
            Err(Stop::Full) => None,
        }
    }

    fn claimed_send(&self, _: Seat) -> Option<Token> {
        None
    }

    fn complete_send(&self, _: Token, message: &mut Option<T>) -> Result<(), Stop> {
        self.fill_from(message, self.is_bounded)
    }

    fn abandon_send(&self, _: Token) {
        if self.is_bounded {
            self.unreserve(1);
        }
    }

    fn can_send(&self, n: usize, _: Who<'_>) -> bool {
        truly(|| self.queue.is_closed() || !self.looks_short_of(n))
    }

    fn may_send(&self) -> bool {
        // Relaxed: a guess.
        self.queue.looks_free(self.capacity) || self.closed.load(Ordering::Relaxed) != 0
    }

    fn send_patience(&self) -> usize {
        self.patience()
    }

    fn close(&self) -> bool {
        if self.queue.is_closed() {
            return false;
        }
        let mut end = self.queue.producer();
        if end.is_closed() {
            return false;
        }
        end.close();
        // Relaxed: a hint.
        self.closed.store(1, Ordering::Relaxed);
        drop(end);
        // SeqCst: as in `WaitList::notify`, for both lists and for our caller's.
        fence(Ordering::SeqCst);
        self.senders.notify_all_fenced();
        self.receivers.notify_all_fenced();
        true
    }

    fn clear_one(&self, into: &mut Option<T>) -> bool {
        self.queue.used() > 0 && Self::take(&mut self.consumer(), into)
    }
}

impl<T> Outlet<T> for Buffer<T> {
    fn recv(&self, into: &mut Option<T>, _: Who<'_>) -> Result<(), TryRecvError> {
        let mut end = self.consumer();
        if !Self::take(&mut end, into) {
            let drained = Self::drained(&mut end);
            return Err(if drained { TryRecvError::Disconnected } else { TryRecvError::Empty });
        }
        drop(end);
        self.places_are_free(1);
        Ok(())
    }

    fn enlist_recv(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.receivers.show(ticket, seat, None);
        Look::ready(self.may_take())
    }

    fn was_received(&self, seat: &mut Seat, _: &mut Option<T>) -> bool {
        list::was_claimed(seat);
        false
    }

    fn retract_recv(&self, seat: &mut Seat) {
        self.receivers.retract(seat);
    }

    fn pass_on_recv(&self) {
        self.receivers.pass_on(|| self.can_recv(Who::THREAD));
    }

    fn poll_recv(&self, into: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), RecvError>> {
        self.poll_recv_in_line(into, seat, waker)
    }

    fn leave_recv(&self, seat: &mut Seat) {
        if self.receivers.leave(seat) {
            self.pass_on_recv();
        }
    }

    fn choose_recv(&self, _: Who<'_>) -> Option<Token> {
        let mut end = self.consumer();
        if let Some(message) = end.books_kept().and_then(|books| books.returned.pop_front()) {
            let number = message.number;
            end.books().chosen.push(message);
            self.set_held(self.held_word() + MOVED);
            return Some(Token::new(number, 0));
        }
        if end.has_next_for_sure() && end.shows_next() {
            return Some(Token::new(self.choose_next(&mut end), 0));
        }
        Self::drained(&mut end).then_some(Token::DISCONNECTED)
    }

    fn claimed_recv(&self, _: &mut Seat) -> Option<Token> {
        None
    }

    fn complete_recv(&self, token: Token, into: &mut Option<T>) -> bool {
        let mut end = self.consumer();
        let Some(Numbered { message, .. }) = end.books().unchoose(token) else { return false };
        *into = Some(message);
        // In this order as in `take_chosen`.
        end.give_back();
        self.set_held(self.held_word() - MOVED);
        drop(end);
        self.places_are_free(1);
        true
    }

    fn abandon_recv(&self, token: Token) {
        let mut end = self.queue.consumer();
        if !self.leave_chosen(&end, token) {
            let books = end.books();
            let Some(numbered) = books.unchoose(token) else { return };
            let returned = &mut books.returned;
            let at = returned.partition_point(|other| other.number < numbered.number);
            returned.insert(at, numbered);
            self.set_held(self.held_word() - MOVED);
        }
        drop(end);
        self.receivers.notify_fenced(1);
    }

    fn can_recv(&self, _: Who<'_>) -> bool {
        truly(|| self.queue.is_closed() || self.count() > 0)
    }

    fn may_recv(&self) -> bool {
        // Relaxed: a guess.
        self.queue.looks_filled() || self.closed.load(Ordering::Relaxed) != 0
    }

    fn was_a_receiver_overtaken(&self) -> bool {
        self.receivers.was_overtaken()
    }

    #[expect(clippy::cast_possible_truncation, reason = "only small differences count")]
    fn recv_patience(&self) -> usize {
        let patience = self.patience();
        if patience == 0 {
            return 0; // and nothing is written, where the sender looks, too
        }
        let taken = self.queue.given_back() as u32;
        // Relaxed, both: a guess.
        let before = self.last_wait.load(Ordering::Relaxed);
        self.last_wait.store(taken, Ordering::Relaxed);
        // One message a wait may be a question and an answer, which are not to be delayed, or the two ends may have fallen
        // into step: now and then that is tried.
        if taken.wrapping_sub(before) > 1 || taken.is_multiple_of(32) { patience } else { 0 }
    }

    fn is_closed(&self) -> bool {
        truly(|| self.queue.is_closed())
    }

    fn is_drained(&self) -> bool {
        answer::before_no();
        self.queue.is_closed() && Self::drained(&mut self.consumer())
    }

    fn len(&self) -> usize {
        // Every answer also says what has not happened.
        answer::before_no();
        self.count()
    }

    fn is_full(&self) -> bool {
        answer::before_no();
        self.looks_short_of(1)
    }

    fn capacity(&self) -> Option<usize> {
        self.is_bounded.then_some(self.capacity)
    }
}

impl<T> Buffer<T> {
    /// Messages inside, at one moment within the call.
    fn count(&self) -> usize {
        let head = self.queue.given_back();
        let used = self.queue.used();
        // With nothing held and no place given back meanwhile, `used` is the number of messages. A finishing select
        // gives back the place before it lowers `held`, so it cannot slip between these two looks.
        if self.held() == 0 && self.queue.given_back() == head {
            return used.min(self.capacity);
        }
        let end = self.queue.consumer();
        // A push or a give-back may be half seen (see the head of `queue`).
        end.used().saturating_sub(self.held()).min(self.capacity)
    }
}

/// A no must be true in the one order of all channels.
fn truly(look: impl Fn() -> bool) -> bool {
    look() || {
        answer::before_no();
        look()
    }
}
