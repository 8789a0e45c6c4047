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
mod inlet;
mod line;
mod outlet;
mod taker;

use self::{
    chosen::{Books, LEASED, held_in},
    line::Parcel,
};
use crate::{
    answer,
    error::TryRecvError,
    flavor::Stop,
    queue::{Consumer, NotEasy, Producer, Queue},
    role,
    sync::{AtomicU8, AtomicU32, AtomicUsize, Ordering, fence},
    trace,
    wait::list::WaitList,
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
    watched: trace::Channel,
    queue: Queue<T, Books<T>>,
}

impl<T> Buffer<T> {
    #[inline(always)]
    pub(crate) fn new(bound: Option<usize>, watched: trace::Channel) -> Buffer<T> {
        let capacity = bound.unwrap_or(usize::MAX);
        role::prepare();
        Buffer {
            capacity,
            is_bounded: bound.is_some(),
            closed: AtomicU8::new(0),
            last_wait: AtomicU32::new(0),
            senders: WaitList::new(),
            receivers: WaitList::new(),
            watched,
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
        self.watched.sent(1);
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
        self.watched.received(1);
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
        Err(Some(Self::why_not(&mut end)))
    }

    /// Open and full, for sure, at one moment within the call.
    ///
    /// Who sends on looks at what receivers write as seldom as may be; who has heard no expects it again.
    #[inline(always)]
    pub(crate) fn is_surely_full(&self) -> bool {
        answer::is_asking_again() && self.queue.is_surely_full(self.capacity)
    }

    /// Open and empty, in the same way. What was put back is beside the queue, and looked at first: it is served
    /// before the queue, and by an only receiver, so none of it comes between the two looks.
    #[inline(always)]
    pub(crate) fn is_surely_empty(&self) -> bool {
        answer::is_asking_again() && self.apart() == 0 && self.queue.is_surely_empty()
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

    /// Under the send role: how many more there are places for.
    fn room(&self, end: &mut Producer<'_, T, Books<T>>) -> usize {
        // Relaxed: only the send role, which the caller holds, writes it.
        let reserved = self.reserved().load(Ordering::Relaxed);
        self.capacity.saturating_sub(end.used()).saturating_sub(reserved)
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

    /// What is held and what was put back; 0 if nothing is.
    fn apart(&self) -> usize {
        // Acquire: pairs with the Release of the receive role's changes, in the order argued in `len`.
        self.queue.recv_count().load(Ordering::Acquire)
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
        // Release: pairs with the Acquire in `apart`.
        self.queue.recv_count().store(word, Ordering::Release);
        answer::acted();
    }

    /// Whether or not there is a bound: so many permits may be out that no number is left for another place.
    #[inline(always)]
    fn places_are_free(&self, n: usize) {
        if self.senders.is_waited_on() {
            self.admit(None, n);
        }
    }

    fn why_not(end: &mut End<'_, T>) -> TryRecvError {
        if Self::drained(end) { TryRecvError::Disconnected } else { TryRecvError::Empty }
    }

    fn drained(end: &mut End<'_, T>) -> bool {
        end.is_drained() && end.books_kept().is_none_or(|books| books.returned.is_empty() && books.leases == 0)
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
        self.buffer.watched.sent(1);
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
        self.buffer.watched.received(1);
        self.buffer.places_are_free(1);
    }
}

impl<T> Buffer<T> {
    /// Is there a message, or the end? That has not come while a lease is out, though the channel is closed: its message may
    /// come back.
    fn has_something(&self) -> bool {
        self.queue.is_closed() && !self.is_leased() || self.count() > 0
    }

    fn is_leased(&self) -> bool {
        self.apart() & LEASED != 0 && {
            // SeqCst: between a ticket shown and the look; pairs with that in `News::tell`, between the end of the last lease and
            // the look for tickets.
            fence(Ordering::SeqCst);
            self.apart() & LEASED != 0
        }
    }

    /// Messages inside, at one moment within the call.
    fn count(&self) -> usize {
        let head = self.queue.given_back();
        let used = self.queue.used();
        // With nothing held and no place given back meanwhile, `used` is the number of messages. A finishing select
        // gives back the place before it lowers `held`, so it cannot slip between these two looks.
        if self.apart() == 0 && self.queue.given_back() == head {
            return used.min(self.capacity);
        }
        let mut end = self.queue.consumer();
        // A push or a give-back may be half seen (see the head of `queue`).
        let extras = end.books_kept().map_or(0, |books| books.extras);
        (end.used().saturating_sub(held_in(self.held_word())) + extras).min(self.capacity)
    }
}

/// A no must be true in the one order of all channels.
fn truly(look: impl Fn() -> bool) -> bool {
    look() || {
        answer::before_no();
        look()
    }
}
