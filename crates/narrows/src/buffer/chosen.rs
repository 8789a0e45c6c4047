//! What a select does with a buffer: the usual ways to choose and to finish, and the books on what is chosen.
//!
//! A chosen message stays in the queue, the next in line, until it is finished; then nothing but a count is written to choose it.
//! Whoever else comes for the next message moves it out first.
//!
//! Who chooses and does not take goes by the indices, as those do who look: a slot may say so a moment earlier, and then a
//! channel whose only message is chosen would not be full.

use std::collections::VecDeque;

use super::{Buffer, End};
use crate::{
    arm::{Token, Who},
    flavor::Outlet,
    sync::Ordering,
};

/// A message out of the queue, with its number in the stream.
#[derive(Debug)]
pub(super) struct Numbered<T> {
    pub(super) number: usize,
    pub(super) message: T,
}

/// What the receive role guards beside the queue.
#[derive(Debug)]
pub(super) struct Books<T> {
    /// The next message of the queue is chosen by a select, with this token.
    pub(super) next_is_chosen: Option<usize>,
    /// Messages chosen by a select and moved out of the queue; the token is the index.
    chosen: Vec<Option<Numbered<T>>>,
    /// Given back, oldest first.
    pub(super) returned: VecDeque<Numbered<T>>,
}

impl<T> Default for Books<T> {
    fn default() -> Self {
        Books { next_is_chosen: None, chosen: Vec::new(), returned: VecDeque::new() }
    }
}

/// The next message to receive is that of the queue, and nobody has chosen it.
#[inline(always)]
pub(super) fn are_plain<T>(end: &mut End<'_, T>) -> bool {
    end.books_kept().is_none_or(|books| books.next_is_chosen.is_none() && books.returned.is_empty())
}

impl<T> Books<T> {
    /// A token that is not out.
    pub(super) fn free_token(&self) -> usize {
        self.chosen.iter().position(Option::is_none).unwrap_or(self.chosen.len())
    }

    pub(super) fn keep(&mut self, token: usize, message: Numbered<T>) {
        if token == self.chosen.len() {
            self.chosen.push(None);
        }
        self.chosen[token] = Some(message);
    }

    /// A chosen message that was moved out of the queue; its place is still in use.
    pub(super) fn unchoose(&mut self, token: Token) -> Option<Numbered<T>> {
        self.chosen.get_mut(token.slot())?.take()
    }
}

impl<T> Buffer<T> {
    /// The usual choice of a send. `None` is no answer, only no place.
    #[inline]
    pub(crate) fn choose_place(&self) -> Option<Token> {
        let mut end = self.queue.producer();
        if end.is_closed() {
            return Some(Token::DISCONNECTED);
        }
        // Relaxed: as in `place`.
        let reserved = self.reserved().load(Ordering::Relaxed);
        let is_free = end.used() < self.capacity - reserved;
        if !is_free {
            return None;
        }
        self.set_reserved(reserved + 1);
        Some(Token::new(0, 0))
    }

    /// Sends into a reserved place, which is used up in any case; gives the message back if the channel is closed.
    #[inline]
    pub(crate) fn fill_reserved(&self, message: T) -> Result<(), T> {
        let mut end = self.queue.producer();
        let reserved = self.sub_reserved(1);
        if end.is_closed() {
            self.set_reserved(reserved);
            return Err(message);
        }
        end.push(message);
        // After the push, so that whoever sees no permit sees the message.
        self.set_reserved(reserved);
        drop(end);
        self.receivers.notify_fenced(1);
        Ok(())
    }

    /// The usual choice of a receive. `None` is no answer, only no message.
    #[inline]
    pub(crate) fn choose_front(&self) -> Option<Token> {
        let mut end = self.queue.consumer();
        if are_plain(&mut end) {
            if end.has_next() && end.shows_next() {
                return Some(self.choose_next(&mut end));
            }
            if !end.is_drained() {
                return None;
            }
        }
        drop(end);
        self.choose_recv(Who::THREAD)
    }

    /// Receives what was chosen, if it is still in the queue.
    #[inline]
    pub(crate) fn take_chosen(&self, token: Token) -> Option<T> {
        let mut end = self.queue.consumer();
        end.books_kept()?.next_is_chosen.take_if(|next| *next == token.slot())?;
        let message = end.take();
        // The place first, then the count: a reader between the two sees `held` and takes the role (see `len`).
        self.set_held(self.held() - 1);
        drop(end);
        if self.is_bounded {
            self.senders.notify_fenced(1);
        }
        Some(message)
    }

    /// The message of the queue that is there.
    #[inline]
    pub(super) fn choose_next(&self, end: &mut End<'_, T>) -> Token {
        let books = end.books();
        let token = books.free_token();
        books.next_is_chosen = Some(token);
        self.set_held(self.held() + 1);
        Token::new(token, 0)
    }

    /// The receive role, for those who want the next message that nobody has chosen.
    pub(super) fn consumer(&self) -> End<'_, T> {
        let mut end = self.queue.consumer();
        if let Some(token) = end.books_kept().and_then(|books| books.next_is_chosen.take()) {
            let (number, message) = (end.taken(), end.take_apart());
            end.books().keep(token, Numbered { number, message });
        }
        end
    }
}
