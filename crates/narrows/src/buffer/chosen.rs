//! What a select does with a buffer: the usual ways to choose and to finish, and the books on what is chosen.
//!
//! A chosen message stays in the queue, the next in line, until it is finished; then nothing but the count of what is held is
//! written to choose it, whose lowest bit says so. Whoever else comes for the next message moves it out first.
//!
//! Who chooses and does not take goes by the indices, as those do who look: a slot may say so a moment earlier, and then a
//! channel whose only message is chosen would not be full.

use std::collections::VecDeque;

use super::{Buffer, End, taker::Awaited};
use crate::{
    arm::{Token, Who},
    flavor::{Hold, Outlet, Stop},
    sync::Ordering,
};

/// In the count of what is held: the next message of the queue is chosen by a select.
const NEXT: usize = 1;
/// Some message is awaited by its sender, or was taken back by it.
pub(super) const MARKED: usize = 2;
/// Some message was put back, and is inside beyond those of the queue.
pub(super) const EXTRA: usize = 4;
/// Some message is out on a lease.
pub(super) const LEASED: usize = 8;
/// One that was chosen and then moved out of the queue.
pub(super) const MOVED: usize = 16;

/// How many are held.
pub(super) fn held_in(word: usize) -> usize {
    word / MOVED + (word & NEXT)
}

/// A message out of the queue, with its number in the stream.
#[derive(Debug)]
pub(super) struct Numbered<T> {
    pub(super) hold: Hold,
    pub(super) message: T,
}

/// What the receive role guards beside the queue. A chosen message is named by its number.
#[derive(Debug)]
pub(super) struct Books<T> {
    /// Messages chosen by a select and moved out of the queue.
    pub(super) chosen: Vec<Numbered<T>>,
    /// Given back, oldest first.
    pub(super) returned: VecDeque<Numbered<T>>,
    pub(super) awaited: Awaited<T>,
    /// Tombstones in the queue, of messages that their senders took back.
    pub(super) dead: usize,
    /// Messages out on a lease.
    pub(super) leases: usize,
    /// Places that are free, of which nobody was told.
    pub(super) untold: usize,
    /// Messages put back that are inside, in reserved places.
    pub(super) extras: usize,
}

impl<T> Default for Books<T> {
    fn default() -> Self {
        Books {
            chosen: Vec::new(),
            returned: VecDeque::new(),
            awaited: Awaited::default(),
            dead: 0,
            leases: 0,
            untold: 0,
            extras: 0,
        }
    }
}

impl<T> Books<T> {
    /// A chosen message that was moved out of the queue; its place is still in use.
    pub(super) fn unchoose(&mut self, token: Token) -> Option<Numbered<T>> {
        let at = self.chosen.iter().position(|chosen| chosen.hold.number == token.slot())?;
        Some(self.chosen.swap_remove(at))
    }
}

impl<T> Buffer<T> {
    /// The usual reservation of one place. False is no answer, only no place.
    #[inline(always)]
    pub(crate) fn reserve_place(&self) -> bool {
        let mut end = self.queue.producer();
        // Relaxed: as in `place`.
        let reserved = self.reserved().load(Ordering::Relaxed);
        let is_free = !end.is_closed() && end.used() < self.capacity - reserved;
        if is_free {
            self.set_reserved(reserved + 1);
        }
        is_free
    }

    /// The usual choice of a send. False is no answer. Where there is no bound, nothing need be kept for it.
    #[inline(always)]
    pub(crate) fn choose_place(&self) -> bool {
        if self.is_bounded { self.reserve_place() } else { !self.queue.is_closed() }
    }

    /// The same with the end, which is one more way to go on.
    pub(crate) fn choose_place_or_end(&self) -> Option<Token> {
        if self.choose_place() {
            return Some(Token::new(0, 0));
        }
        self.queue.is_closed().then_some(Token::DISCONNECTED)
    }

    /// Sends what was chosen to be sent; gives the message back if the channel is closed.
    #[inline(always)]
    pub(crate) fn fill_chosen(&self, message: T) -> Result<(), T> {
        self.fill(message, self.is_bounded)
    }

    /// Sends the message in `from`, which has it back if the channel is closed; a reserved place is used up in any case.
    pub(super) fn fill_from(&self, from: &mut Option<T>, is_reserved: bool) -> Result<(), Stop> {
        let sent = self.fill(from.take().expect("a message to send"), is_reserved);
        sent.map_err(|message| {
            *from = Some(message);
            Stop::Closed
        })
    }

    #[inline(always)]
    fn fill(&self, message: T, is_reserved: bool) -> Result<(), T> {
        let mut end = self.queue.producer();
        let reserved = is_reserved.then(|| self.sub_reserved(1));
        if end.is_closed() {
            if let Some(reserved) = reserved {
                self.set_reserved(reserved);
            }
            return Err(message);
        }
        end.push(message);
        // After the push, so that whoever sees no permit sees the message.
        if let Some(reserved) = reserved {
            self.set_reserved(reserved);
        }
        drop(end);
        self.watched.sent(1);
        self.receivers.notify_fenced(1);
        Ok(())
    }

    /// The usual choice of a receive: the number of the message. `None` is no answer, only no message.
    #[inline(always)]
    pub(crate) fn choose_front(&self) -> Option<usize> {
        let mut end = self.queue.consumer();
        let is_there = self.is_plain(&mut end) && end.has_next() && end.shows_next();
        is_there.then(|| self.choose_next(&mut end))
    }

    /// The same also where it is not the usual one.
    pub(crate) fn choose_lightly(&self) -> Option<Token> {
        let mut end = self.queue.consumer();
        if self.is_plain(&mut end) {
            if end.has_next() && end.shows_next() {
                return Some(Token::new(self.choose_next(&mut end), 0));
            }
            if !Self::drained(&mut end) {
                return None;
            }
        }
        drop(end);
        self.choose_recv(Who::THREAD)
    }

    /// Receives what was chosen into `into`, which is empty, if it is still in the queue.
    #[inline(always)]
    pub(crate) fn take_chosen(&self, token: Token, into: &mut Option<T>) {
        let mut end = self.queue.consumer();
        let word = self.held_word();
        if word & MARKED != 0 || !Self::is_next(&end, word, token) {
            return;
        }
        end.take(into);
        // The place first, then the count: a reader between the two sees `held` and takes the role (see `len`).
        self.set_held(word - NEXT);
        drop(end);
        self.watched.received(1);
        self.places_are_free(1);
    }

    /// Gives back what was chosen, if it is still in the queue.
    pub(super) fn leave_chosen(&self, token: Token) -> bool {
        let end = self.queue.consumer();
        let word = self.held_word();
        let is_next = Self::is_next(&end, word, token);
        if is_next {
            self.set_held(word - NEXT);
        }
        is_next
    }

    #[inline(always)]
    fn is_next(end: &End<'_, T>, word: usize, token: Token) -> bool {
        word & NEXT != 0 && end.taken() == token.slot()
    }

    /// Under the receive role: the next message to receive is that of the queue, and nobody has chosen it.
    #[inline(always)]
    pub(super) fn is_plain(&self, end: &mut End<'_, T>) -> bool {
        end.books_kept().is_none_or(|books| self.held_word() & (NEXT | MARKED) == 0 && books.returned.is_empty())
    }

    /// The message of the queue that is there; its number.
    #[inline(always)]
    pub(super) fn choose_next(&self, end: &mut End<'_, T>) -> usize {
        end.books(); // whose being there says that there may be something chosen
        self.set_held(self.held_word() + NEXT);
        end.taken()
    }

    /// The receive role, for those who want the next message that nobody has chosen.
    pub(super) fn consumer(&self) -> End<'_, T> {
        let mut end = self.queue.consumer();
        if self.held_word() & NEXT != 0 {
            self.set_apart(&mut end);
        }
        end
    }

    /// What a select has chosen makes way. Apart from `consumer`, whose stack would hold the message on its way in every call.
    #[cold]
    #[inline(never)]
    fn set_apart(&self, end: &mut End<'_, T>) {
        let hold = Hold { number: end.taken(), is_extra: false };
        let message = end.take_apart();
        end.books().chosen.push(Numbered { hold, message });
        self.set_held(self.held_word() - NEXT + MOVED);
    }

    /// Under the receive role.
    #[inline(always)]
    pub(super) fn held_word(&self) -> usize {
        // Relaxed: only the receive role, which the caller holds, writes it.
        self.queue.recv_count().load(Ordering::Relaxed)
    }
}
