//! The receive role for those who keep its books: what is chosen, given back, leased, or awaited by its sender. Whom it concerns
//! is told when the role is free again.
//!
//! Invariant: of a message that is awaited, somebody hears once: its sender, that it was taken or comes back; or nobody,
//! because the sender took it back.

use std::collections::VecDeque;

use super::{
    Buffer, End,
    chosen::{EXTRA, LEASED, MARKED, MOVED, Numbered},
};
use crate::{
    answer,
    arm::Token,
    error::TryRecvError,
    flavor::{Hold, Receipt, Stop},
    queue::{before, is_before},
    sync::{Ordering, fence},
};

/// Those who wait to hear that their message was taken, in the order of the messages.
#[derive(Debug)]
pub(super) struct Awaited<T>(VecDeque<(usize, Receipt<T>)>);

impl<T> Default for Awaited<T> {
    fn default() -> Self {
        Awaited(VecDeque::new())
    }
}

impl<T> Awaited<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn remove(&mut self, number: usize) -> Option<Receipt<T>> {
        let at = self.0.partition_point(|(other, _)| is_before(*other, number));
        let is_here = self.0.get(at).is_some_and(|(other, _)| *other == number);
        if is_here { self.0.remove(at).map(|(_, receipt)| receipt) } else { None }
    }
}

/// The holder of the receive role, who notes what others are to be told.
pub(super) struct Taker<'a, T> {
    buffer: &'a Buffer<T>,
    pub(super) end: End<'a, T>,
    news: News<T>,
}

/// What others are to be told without the role.
#[must_use]
pub(super) struct News<T> {
    /// Places that became free.
    places: usize,
    /// The same of places that were reserved for messages put back.
    reserved: usize,
    /// Of the message that was taken.
    receipt: Option<Receipt<T>>,
    /// Of a message that its sender took back.
    void: Option<Receipt<T>>,
    /// Those who wait for the end may have waited for this.
    may_be_the_end: bool,
}

impl<T> News<T> {
    pub(super) fn tell(self, buffer: &Buffer<T>) {
        if self.may_be_the_end && buffer.queue.is_closed() {
            // SeqCst: as in `WaitList::notify`.
            fence(Ordering::SeqCst);
            buffer.receivers.notify_all_fenced();
        }
        if self.places > 0 {
            buffer.places_are_free(self.places);
        }
        if self.reserved > 0 {
            buffer.release(self.reserved);
        }
        if let Some(receipt) = self.receipt {
            was_received(receipt);
        }
    }
}

/// Apart from `tell`, whose stack would hold room for a message in every call.
#[cold]
#[inline(never)]
fn was_received<T>(receipt: Receipt<T>) {
    // Who awaited it may have gone.
    let _ = receipt.send(None);
}

impl<T> Taker<'_, T> {
    fn word(&self) -> usize {
        self.buffer.held_word()
    }

    /// Takes the next message, and gives back its place. False if there is none.
    pub(super) fn take(&mut self, into: &mut Option<T>) -> bool {
        let number;
        if let Some(returned) = self.end.books_kept().and_then(|books| books.returned.pop_front()) {
            *into = Some(returned.message);
            number = returned.hold.number;
            if returned.hold.is_extra {
                self.count(true, true);
                self.news.reserved += 1;
            } else {
                self.end.give_back();
                self.news.places += 1;
            }
        } else {
            number = self.end.taken();
            if !self.end.take_if_any(into) {
                return false;
            }
            self.news.places += 1;
        }
        self.news.receipt = self.end.books_kept().and_then(|books| books.awaited.remove(number));
        true
    }

    /// Takes the next message out; its place stays in use.
    pub(super) fn take_out(&mut self) -> Option<Numbered<T>> {
        if let Some(returned) = self.end.books_kept().and_then(|books| books.returned.pop_front()) {
            self.count(returned.hold.is_extra, true);
            return Some(returned);
        }
        if !self.end.has_next_for_sure() || !self.end.shows_next() {
            return None;
        }
        let hold = Hold { number: self.end.taken(), is_extra: false };
        let message = self.end.take_apart();
        self.count(false, true);
        Some(Numbered { hold, message })
    }

    /// In the count of what is held, a message goes out or comes back: it is no longer, or again, one of those inside.
    fn count(&mut self, is_extra: bool, is_out: bool) {
        let word = self.word();
        if !is_extra {
            self.buffer.set_held(if is_out { word + MOVED } else { word - MOVED });
            return;
        }
        let extras = &mut self.end.books().extras;
        *extras = if is_out { *extras - 1 } else { *extras + 1 };
        let flag = if *extras == 0 { 0 } else { EXTRA };
        self.buffer.set_held(word & !EXTRA | flag);
    }

    /// What was taken out is received: its place is free.
    pub(super) fn release(&mut self, hold: Hold) {
        if hold.is_extra {
            self.news.reserved += 1;
        } else {
            // The place first, then the count: a reader between the two sees that something is held and takes the role.
            self.end.give_back();
            self.count(false, false);
            self.news.places += 1;
        }
        self.news.receipt = self.end.books().awaited.remove(hold.number);
    }

    /// What was taken out is there again, at its place in the order.
    pub(super) fn put_back(&mut self, numbered: Numbered<T>) {
        self.count(numbered.hold.is_extra, false);
        let returned = &mut self.end.books().returned;
        let at = returned.partition_point(|other| is_before(other.hold.number, numbered.hold.number));
        returned.insert(at, numbered);
    }

    fn end_lease(&mut self) {
        let books = self.end.books();
        books.leases -= 1;
        self.news.may_be_the_end = true;
    }

    /// Tombstones that were passed have given back their places.
    fn note_passed(&mut self) {
        let passed = self.end.take_passed();
        if passed > 0 {
            self.end.books().dead -= passed;
            self.buffer.set_held(self.word() - passed * MOVED);
            self.news.places += passed;
        }
    }
}

impl<T> Buffer<T> {
    /// Runs `f` with the receive role; who is to be told hears of it without the role.
    pub(super) fn taking<R>(&self, f: impl FnOnce(&mut Taker<'_, T>) -> R) -> R {
        let (result, news) = self.taking_quietly(f);
        news.tell(self);
        result
    }

    /// The same where nobody may be told now, of what has nothing to tell but of places that tombstones had: who takes the role
    /// next tells of them.
    pub(super) fn taking_untold<R>(&self, f: impl FnOnce(&mut Taker<'_, T>) -> R) -> R {
        let (result, _nothing) = self.taking_quietly(|taker| {
            let result = f(taker);
            taker.note_passed();
            let places = std::mem::take(&mut taker.news.places);
            if places > 0 {
                taker.end.books().untold = places;
            }
            result
        });
        result
    }

    fn taking_quietly<R>(&self, f: impl FnOnce(&mut Taker<'_, T>) -> R) -> (R, News<T>) {
        let news = News { places: 0, reserved: 0, receipt: None, void: None, may_be_the_end: false };
        let mut taker = Taker { buffer: self, end: self.consumer(), news };
        taker.news.places = taker.end.books_kept().map_or(0, |books| std::mem::take(&mut books.untold));
        let result = f(&mut taker);
        taker.note_passed();
        self.note_marks(&mut taker.end);
        (result, taker.news)
    }

    /// Chooses the next message.
    pub(super) fn choose_by(&self, taker: &mut Taker<'_, T>) -> Option<Token> {
        if taker.end.books_kept().is_some_and(|books| !books.returned.is_empty())
            && let Some(chosen) = taker.take_out()
        {
            let number = chosen.hold.number;
            taker.end.books().chosen.push(chosen);
            return Some(Token::new(number, 0));
        }
        let end = &mut taker.end;
        if end.has_next_for_sure() && end.shows_next() {
            return Some(Token::new(self.choose_next(end), 0));
        }
        Self::drained(end).then_some(Token::DISCONNECTED)
    }

    /// Closed, and nothing is left, nor out on a lease.
    pub(super) fn has_ended(&self) -> bool {
        self.queue.is_closed() && self.taking_untold(|taker| Self::drained(&mut taker.end))
    }

    /// A receive where it is not the usual one.
    #[cold]
    pub(super) fn take_slow(&self, into: &mut Option<T>) -> Result<(), TryRecvError> {
        // The place of one that was put back is given back under the send role, which comes first.
        let send_end = (self.apart() & EXTRA != 0).then(|| self.queue.producer());
        let (taken, mut news) =
            self.taking_quietly(|taker| if taker.take(into) { Ok(()) } else { Err(Self::why_not(&mut taker.end)) });
        if send_end.is_some() && news.reserved > 0 {
            self.set_reserved(self.sub_reserved(news.reserved));
            news.places += std::mem::take(&mut news.reserved);
        }
        drop(send_end);
        self.watched.received(taken.is_ok().into());
        news.tell(self);
        taken
    }

    /// Shows whether there is more to do than to take the next message, and whether a lease is out.
    fn note_marks(&self, end: &mut End<'_, T>) {
        let Some(books) = end.books_kept() else { return };
        let marked = if books.awaited.is_empty() && books.dead == 0 { 0 } else { MARKED };
        let leased = if books.leases == 0 { 0 } else { LEASED };
        let word = self.held_word();
        let now = word & !(MARKED | LEASED) | marked | leased;
        if word != now {
            self.set_held(now);
        }
    }

    pub(super) fn clear_next(&self, into: &mut Option<T>) -> bool {
        // Acquire: pairs with the Release in `set_held`.
        while self.queue.used() > 0 || self.queue.recv_count().load(Ordering::Acquire) != 0 {
            let (is_there, mut news) = self.taking_quietly(|taker| taker.take(into));
            let receipt = news.receipt.take();
            news.tell(self);
            let Some(receipt) = receipt else { return is_there };
            // It was not received, so it goes back to who sent it, if he is there.
            match receipt.send(into.take()) {
                Ok(()) => {}
                Err(unsent) => {
                    *into = unsent.0;
                    return true;
                }
            }
        }
        false
    }

    /// Sends the message in `from`; if the channel is full, in the place of the oldest, which is then in `out`. `Full` if all
    /// places are those of permits, or of messages that are chosen or leased.
    pub(super) fn force(&self, from: &mut Option<T>, out: &mut Option<T>) -> Result<(), Stop> {
        let mut end = self.queue.producer();
        if end.is_closed() {
            return Err(Stop::Closed);
        }
        if !self.is_short_of(1, &mut end) {
            end.push_from(from);
            drop(end);
            self.watched.sent(1);
            self.receivers.notify_fenced(1);
            return Ok(());
        }
        // The send role is ours, so that nobody else gets the place.
        let (_, mut news) = self.taking_quietly(|taker| taker.take(out));
        if news.reserved > 0 {
            news.reserved -= 1;
            news.places += 1;
            self.set_reserved(self.sub_reserved(1));
        }
        let is_free = !self.is_short_of(1, &mut end);
        if is_free {
            end.push_from(from);
            news.places = news.places.saturating_sub(1);
        }
        drop(end);
        self.watched.cleared(out.is_some());
        if is_free {
            self.watched.sent(1);
            self.receivers.notify_fenced(1);
        }
        if let Some(receipt) = news.receipt.take()
            && let Err(unsent) = receipt.send(out.take())
        {
            // Else it went back to who had sent it, and waits for it to be received.
            *out = unsent.0;
        }
        news.tell(self);
        if is_free { Ok(()) } else { Err(Stop::Full) }
    }

    /// Sends the message in `from` into a reserved place, which is used up in any case, and notes that it is awaited; its number.
    pub(super) fn fill_awaited(&self, from: &mut Option<T>, receipt: Receipt<T>) -> Result<usize, Stop> {
        let mut end = self.queue.producer();
        let reserved = self.sub_reserved(1);
        if end.is_closed() {
            self.set_reserved(reserved);
            return Err(Stop::Closed);
        }
        let number = end.pushed();
        // Noted before it can be taken.
        let mut consumer = self.queue.consumer();
        consumer.books().awaited.0.push_back((number, receipt));
        self.note_marks(&mut consumer);
        drop(consumer);
        end.push_from(from);
        self.set_reserved(reserved);
        drop(end);
        self.watched.sent(1);
        self.receivers.notify_fenced(1);
        Ok(number)
    }

    /// Takes an awaited message back, if it is still inside. If not, somebody has it, or its sender is about to hear of it.
    pub(super) fn take_awaited_back(&self, number: usize, into: &mut Option<T>) -> bool {
        let is_back = self.taking(|taker| {
            let Some(books) = taker.end.books_kept() else { return false };
            let Some(receipt) = books.awaited.remove(number) else { return false };
            taker.news.void = Some(receipt);
            if let Some(at) = books.returned.iter().position(|other| other.hold.number == number) {
                *into = books.returned.remove(at).map(|numbered| numbered.message);
                taker.end.give_back();
                taker.news.places += 1;
                return true;
            }
            match taker.end.take_at(number, into) {
                Some(true) => taker.news.places += 1,
                Some(false) => {
                    taker.end.books().dead += 1;
                    taker.count(false, true);
                }
                None => return false,
            }
            true
        });
        self.watched.cleared(is_back);
        is_back
    }

    pub(super) fn finish_lease(&self, hold: Hold) {
        self.taking(|taker| {
            taker.release(hold);
            taker.end_lease();
        });
        self.watched.received(1);
    }

    pub(super) fn return_lease(&self, hold: Hold, message: T) {
        self.taking(|taker| {
            taker.put_back(Numbered { hold, message });
            taker.end_lease();
        });
        // Without a fence of its own: until now the count said that something is held, so who looked took the role, before us, and
        // its ticket is seen, or after us, and sees the message.
        self.receivers.notify_fenced(1);
    }

    /// Puts a message that was received back in front of all others.
    pub(super) fn unreceive(&self, from: &mut Option<T>) -> Result<(), Stop> {
        let mut end = self.queue.producer();
        if self.is_short_of(1, &mut end) {
            answer::before_no();
            if self.is_short_of(1, &mut end) {
                return Err(Stop::Full);
            }
        }
        // Relaxed: only the send role, which we hold, writes it. No overflow: there was room.
        self.set_reserved(self.reserved().load(Ordering::Relaxed) + 1);
        drop(end);
        self.taking(|taker| {
            let taken = taker.end.taken();
            let returned = &mut taker.end.books().returned;
            let number = before(returned.front().map_or(taken, |first| first.hold.number));
            let message = from.take().expect("a message to put back");
            returned.push_front(Numbered { hold: Hold { number, is_extra: true }, message });
            taker.count(true, false);
        });
        self.watched.sent(1);
        // Without a fence: the only receiver is here, so nobody comes to wait; there may be tickets of futures that were forgotten.
        self.receivers.notify_fenced(1);
        Ok(())
    }

    /// Gives back `n` reserved places.
    fn release(&self, n: usize) {
        let end = self.queue.producer();
        self.set_reserved(self.sub_reserved(n));
        drop(end);
        self.places_are_free(n);
    }
}
