//! A call under way.

use std::{fmt, marker::PhantomData, sync::Arc, time::Instant};

use narrows::{
    SelectedOperation,
    arm::{Arm, Look, Seat, Ticket, Token, Who},
};

use super::{
    STRANGE_SLOT,
    client::ready,
    error::CallError,
    slots::{GivenUp, State},
};
use crate::{
    bell::Bell,
    codec::{Codec, Postcard, sealed::Sealed},
    connection::Membership,
    fault::Fault,
    layout::{BellName, Field},
    queue::{Claimed, word::Position},
    sync::Ordering,
};

/// A call under way; from [`Client::begin`](crate::rpc::Client::begin). Dropping it cancels the call: a server that has begun with it is told so, and the
/// answer is dropped.
#[must_use = "dropping a call cancels it"]
pub struct Call<Q, R, C = Postcard> {
    connection: Arc<Membership>,
    at: Position,
    /// Until the call is over.
    request: Option<Q>,
    deadline: Option<Instant>,
    message: PhantomData<fn(C) -> R>,
}

impl<Q, R, C> Call<Q, R, C> {
    pub(super) fn new(
        connection: Arc<Membership>,
        at: Position,
        request: Q,
        deadline: Option<Instant>,
    ) -> Call<Q, R, C> {
        Call { connection, at, request: Some(request), deadline, message: PhantomData }
    }

    /// Whether waiting would end at once.
    pub fn is_over(&self) -> bool {
        let is_over = self.connection.is_call_over(self.at);
        if !is_over {
            // Who looks now and then instead of waiting is to hear of the death of a server that came after the call.
            self.connection.watch_peers();
        }
        is_over
    }

    /// The call as an [arm](narrows::Select::arm) of a select, chosen when its answer is there, or none will come; then
    /// [complete](Call::complete) it. A select does not know of the call's deadline.
    pub fn arm(&self) -> CallArm {
        CallArm { connection: self.connection.clone(), at: self.at }
    }

    /// When the call ends, answered or not.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Gives the call up. What became of it; `None` if that cannot be told.
    fn give_up(&self) -> Option<GivenUp> {
        if self.connection.check().is_err() {
            return None;
        }
        let given_up = self.connection.calls().give_up(self.at).ok()?;
        if given_up == GivenUp::Unserved {
            self.connection.ring_free();
        }
        Some(given_up)
    }
}

impl<Q, R, C: Codec<Q> + Codec<R>> Call<Q, R, C> {
    /// Waits for the answer, until the call's [deadline](Call::deadline) at most.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn wait(mut self) -> Result<R, CallError<Q>> {
        let (connection, deadline) = (self.connection.clone(), self.deadline);
        let bell = Bell::new(connection.layout().call_bell(self.at.slot()));
        let outcome = connection.wait_on(bell, Field::BlockedSending, deadline, || self.conclude());
        outcome.unwrap_or_else(|| self.run_out())
    }

    /// The same in a task.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn wait_async(mut self) -> Result<R, CallError<Q>> {
        loop {
            if let Some(outcome) = self.conclude() {
                return outcome;
            }
            if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return self.run_out();
            }
            ready(&self.arm(), self.deadline).await;
        }
    }

    /// Completes the call whose [arm](Call::arm) a select has chosen.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn complete(self, operation: SelectedOperation<'_>) -> Result<R, CallError<Q>> {
        operation.finish();
        self.wait()
    }

    /// What came of the call, if it is over.
    fn conclude(&mut self) -> Option<Result<R, CallError<Q>>> {
        let connection = &*self.connection;
        Some(match connection.call_state(self.at) {
            Ok(State::Serving) => return None,
            Ok(State::Pending) => {
                let ended = connection.lacks_servers()?;
                if !connection.calls().take_back(self.at) {
                    return None;
                }
                connection.ring_free();
                Err(ended.with(self.request.take().expect("it is not over")))
            }
            Ok(State::Done) => return Some(self.take_reply()),
            Ok(state @ (State::Failed | State::Unanswered)) => {
                self.request = None;
                connection.release_call(self.at);
                Err(if state == State::Failed { CallError::ServerDied } else { CallError::Unanswered })
            }
            Ok(State::Free | State::Requesting | State::Cancelled) => self.end_with(STRANGE_SLOT),
            Err(fault) => self.end_with(fault),
        })
    }

    fn end_with(&mut self, fault: Fault) -> Result<R, CallError<Q>> {
        self.request = None;
        Err(CallError::Fault(None, fault))
    }

    fn take_reply(&mut self) -> Result<R, CallError<Q>> {
        let layout = self.connection.layout();
        // Relaxed: published with the answer.
        let len = layout.slot_lengths(self.at.slot()).load(Ordering::Relaxed);
        let claimed = usize::try_from(len).ok().and_then(|len| Claimed::of_call(layout, self.at, len));
        let raw = claimed.map(|claimed| <C as Sealed<R>>::take(&claimed));
        self.connection.release_call(self.at);
        self.request = None;
        let reply = self
            .connection
            .check_damage()
            .and_then(|()| raw.unwrap_or(Err(Fault::Corrupt("an answer is longer than there is room"))));
        reply.and_then(<C as Sealed<R>>::decode).map_err(|fault| CallError::Fault(None, fault))
    }

    /// Time has run out: the answer has come after all, or nobody waits for it from now on.
    fn run_out(&mut self) -> Result<R, CallError<Q>> {
        match self.give_up() {
            Some(GivenUp::Unserved) => Err(CallError::Unsent(self.request.take().expect("it is not over"))),
            Some(GivenUp::Cancelled) => {
                self.request = None;
                Err(CallError::Timeout)
            }
            Some(GivenUp::Over) => self.conclude().unwrap_or_else(|| self.end_with(STRANGE_SLOT)),
            None => {
                let fault = self.connection.check().err().unwrap_or(STRANGE_SLOT);
                self.end_with(fault)
            }
        }
    }
}

/// A call as an arm of a select; from [`Call::arm`].
#[derive(Debug)]
pub struct CallArm {
    connection: Arc<Membership>,
    at: Position,
}

impl CallArm {
    fn is_over(&self) -> bool {
        self.connection.is_call_over(self.at)
    }
}

impl Arm for CallArm {
    fn attempt(&self, _: Who<'_>) -> Option<Token> {
        self.is_over().then_some(Token::new(0, 0))
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        self.is_over()
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.connection.enlist_for(Some(self.at), BellName::Received, ticket, seat);
        Look { ready: self.is_over(), due: None }
    }

    fn retract(&self, seat: &mut Seat) {
        self.connection.retract(BellName::Received, seat);
    }
}

impl<Q, R, C> Drop for Call<Q, R, C> {
    fn drop(&mut self) {
        if self.request.is_some() && self.give_up() == Some(GivenUp::Over) {
            self.connection.release_call(self.at);
        }
    }
}

impl<Q, R, C> fmt::Debug for Call<Q, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Call { .. }")
    }
}
