//! A call that a server has begun with, and the right to answer it.

use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{error::ReplyError, slots::State};
use crate::{
    codec::{Codec, Postcard, sealed::Sealed},
    connection::{Connection, Membership},
    fault::Fault,
    layout::CallField,
    members::boot_nanos,
    queue::{Bytes, word::Position},
    sync::Ordering,
};

impl Connection {
    /// Ends the call that we serve. False if nobody waits for the answer.
    fn end_call(&self, at: Position, state: State) -> Result<bool, Fault> {
        let is_told = self.calls().finish(at, state)?;
        if is_told {
            self.ring_client(at);
        } else {
            self.ring_free();
        }
        Ok(is_told)
    }
}

/// A call that this server has begun with; from [`Server::next`](crate::rpc::Server::next). Dropped without a reply, its client is told at once that it is
/// [unanswered](crate::rpc::CallError::Unanswered).
pub struct Incoming<Q, R, C = Postcard> {
    request: Q,
    answer: Answer<R, C>,
}

impl<Q, R, C> Incoming<Q, R, C> {
    pub(super) fn new(request: Q, answer: Answer<R, C>) -> Incoming<Q, R, C> {
        Incoming { request, answer }
    }

    /// What is asked.
    pub fn request(&self) -> &Q {
        &self.request
    }

    /// What is asked, and the right to answer, which may go to another thread.
    pub fn into_parts(self) -> (Q, Answer<R, C>) {
        (self.request, self.answer)
    }

    /// Whether nobody waits for the answer any more: the client has given up or died, or time has run out.
    pub fn is_cancelled(&self) -> bool {
        self.answer.is_cancelled()
    }

    /// When the client will give up.
    pub fn deadline(&self) -> Option<Instant> {
        self.answer.deadline()
    }
}

impl<Q, R, C: Codec<R>> Incoming<Q, R, C> {
    /// Answers. Never waits: a call has room for its reply.
    ///
    /// # Errors
    /// Gives the reply back if nobody waits for it, or it cannot be given.
    pub fn reply(self, reply: R) -> Result<(), ReplyError<R>> {
        self.answer.reply(reply)
    }
}

impl<Q, R, C> fmt::Debug for Incoming<Q, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Incoming { .. }")
    }
}

/// The right to answer a call, and the duty; from [`Incoming::into_parts`].
#[must_use = "dropping it leaves the call unanswered"]
pub struct Answer<R, C = Postcard> {
    connection: Arc<Membership>,
    at: Position,
    is_open: bool,
    message: PhantomData<fn(R, C)>,
}

impl<R, C> Answer<R, C> {
    pub(super) fn new(connection: Arc<Membership>, at: Position) -> Answer<R, C> {
        Answer { connection, at, is_open: true, message: PhantomData }
    }

    /// As [`Incoming::is_cancelled`].
    pub fn is_cancelled(&self) -> bool {
        let due = self.due();
        self.connection.check().is_err()
            || self.connection.calls().is_cancelled(self.at)
            || due != 0 && due <= boot_nanos()
    }

    /// As [`Incoming::deadline`].
    pub fn deadline(&self) -> Option<Instant> {
        let due = Some(self.due()).filter(|&due| due != 0)?;
        let now = (Instant::now(), boot_nanos());
        let left = Duration::from_nanos(due.saturating_sub(now.1));
        now.0.checked_add(left)
    }

    fn due(&self) -> u64 {
        // Relaxed: published with the call.
        self.connection.layout().call_word(self.at.slot(), CallField::Due).load(Ordering::Relaxed)
    }
}

impl<R, C: Codec<R>> Answer<R, C> {
    /// As [`Incoming::reply`].
    ///
    /// # Errors
    /// Gives the reply back.
    pub fn reply(mut self, reply: R) -> Result<(), ReplyError<R>> {
        let (connection, at) = (self.connection.clone(), self.at);
        if let Err(fault) = connection.check() {
            return Err(ReplyError::Fault(reply, fault));
        }
        let layout = connection.layout();
        let written = <C as Sealed<R>>::encode(&reply, |bytes| {
            let (len, max) = (bytes.len(), layout.shape().max_len as usize);
            if !Bytes::new(bytes, false).copy_to_call(layout, at) {
                return Err(Fault::TooLong { len, max });
            }
            // Relaxed: published with the answer.
            layout.slot_lengths(at.slot()).store(len as u64, Ordering::Relaxed);
            Ok(())
        });
        if let Err(fault) = written.and_then(|written| written) {
            return Err(ReplyError::Fault(reply, fault));
        }
        self.is_open = false;
        match connection.end_call(at, State::Done).and_then(|is_told| connection.check_damage().map(|()| is_told)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(ReplyError::Cancelled(reply)),
            Err(fault) => Err(ReplyError::Fault(reply, fault)),
        }
    }
}

impl<R, C> Drop for Answer<R, C> {
    fn drop(&mut self) {
        if self.is_open && self.connection.check().is_ok() {
            // Only what is corrupt can be in the way, and the client finds that, too.
            let _ = self.connection.end_call(self.at, State::Unanswered);
        }
    }
}

impl<R, C> fmt::Debug for Answer<R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Answer { .. }")
    }
}
