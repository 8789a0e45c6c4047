//! The answering end.

use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    time::{Duration, Instant},
};

use narrows::{
    Select, SelectedOperation,
    arm::{Arm, Look, Seat, Ticket, Token, Who},
};

use super::{Answer, Incoming, error::ReplyError};
use crate::{
    channel::Inspection,
    codec::{Codec, Postcard, sealed::Sealed},
    connection::{Connection, Membership},
    fault::{Fault, RecvError, RecvTimeoutError, TryRecvError},
    layout::{BellName, Field},
    members::{Role, boot_nanos},
    queue::{Claimed, NotReceived, word::Position},
    sync::{Ordering, fence},
};

impl Connection {
    fn claim_call(&self) -> Result<Position, NotReceived> {
        self.check().map_err(NotReceived::Fault)?;
        // Asked before we look: who begins later sees it, too.
        let is_closed = self.is_closed();
        if is_closed {
            // SeqCst: pairs with the fence in `begin_call`.
            fence(Ordering::SeqCst);
            if self.calls().has_coming() {
                // Who is about to submit a call rings in either case.
                return self.claim_pending()?.ok_or(NotReceived::Empty);
            }
        }
        let why = if is_closed { NotReceived::Disconnected } else { NotReceived::Empty };
        self.claim_pending()?.ok_or(why)
    }

    fn claim_pending(&self) -> Result<Option<Position>, NotReceived> {
        let claimed = self.calls().claim_oldest(boot_nanos).map_err(|why| NotReceived::Fault(why.into()))?;
        self.check_damage().map_err(NotReceived::Fault)?;
        let items = self.bell(BellName::Items);
        // The ring that woke us may have been for two calls.
        if claimed.is_some() && items.has_sleepers() && self.calls().has_pending(boot_nanos) {
            items.ring();
        }
        Ok(claimed)
    }

    pub(crate) fn may_serve(&self) -> bool {
        let is_at_end = || self.is_closed() && !self.calls().has_coming();
        self.calls().has_pending(boot_nanos) || is_at_end() || self.check().is_err()
    }
}

/// Answers calls: requests `Q`, replies `R`. May be cloned and shared; each call goes to one of all servers, in the order in which
/// calls were begun.
pub struct Server<Q, R, C = Postcard> {
    connection: Arc<Membership>,
    message: PhantomData<fn(R, C) -> Q>,
}

impl<Q, R, C: Codec<Q> + Codec<R>> Server<Q, R, C> {
    pub(crate) fn new(connection: Arc<Membership>) -> Server<Q, R, C> {
        connection.add_handle(Role::Receiver);
        Server { connection, message: PhantomData }
    }

    /// Takes out the request of a call that we have claimed.
    fn open(&self, at: Position) -> Result<Incoming<Q, R, C>, Fault> {
        // From here on whatever goes wrong leaves the call unanswered.
        let answer = Answer::new(self.connection.clone(), at);
        let layout = self.connection.layout();
        // Relaxed: published with the call.
        let len = layout.slot_lengths(at.slot()).load(Ordering::Relaxed);
        let claimed = usize::try_from(len).ok().and_then(|len| Claimed::of_call(layout, at, len));
        let claimed = claimed.ok_or(Fault::Corrupt("a request is longer than there is room"))?;
        let raw = <C as Sealed<Q>>::take(&claimed)?;
        self.connection.check_damage()?;
        self.connection.count(Field::Received);
        // Whoever works and does not sleep is to hear that the client has died, too.
        self.connection.watch_peers();
        Ok(Incoming::new(<C as Sealed<Q>>::decode(raw)?, answer))
    }

    fn try_once(&self) -> Result<Incoming<Q, R, C>, NotReceived> {
        let at = self.connection.claim_call()?;
        self.open(at).map_err(NotReceived::Fault)
    }

    fn next_by(&self, deadline: Option<Instant>) -> Result<Incoming<Q, R, C>, NotReceived> {
        let claimed = self.connection.wait(BellName::Items, deadline, || match self.connection.claim_call() {
            Err(NotReceived::Empty) => None,
            other => Some(other),
        });
        let at = claimed.unwrap_or(Err(NotReceived::Empty))?;
        self.open(at).map_err(NotReceived::Fault)
    }

    /// The next call, waiting for one.
    ///
    /// # Errors
    /// If it was closed and no call is left; or see the fault. A request that cannot be decoded is one: its client is told that
    /// the call is unanswered, and the next call may do better.
    #[allow(clippy::should_implement_trait)] // it waits, and errors are not the end
    pub fn next(&self) -> Result<Incoming<Q, R, C>, RecvError> {
        self.next_by(None).map_err(ended)
    }

    /// The next call if there is one.
    ///
    /// # Errors
    /// If there is none, or as [`next`](Server::next).
    pub fn try_next(&self) -> Result<Incoming<Q, R, C>, TryRecvError> {
        self.try_once().map_err(|why| match why {
            NotReceived::Empty => TryRecvError::Empty,
            NotReceived::Disconnected => TryRecvError::Disconnected,
            NotReceived::Fault(fault) => TryRecvError::Fault(fault),
        })
    }

    /// The next call, waiting for at most `timeout`. One beyond the clock's range never comes.
    ///
    /// # Errors
    /// If none came, or as [`next`](Server::next).
    pub fn next_timeout(&self, timeout: Duration) -> Result<Incoming<Q, R, C>, RecvTimeoutError> {
        self.next_by(Instant::now().checked_add(timeout)).map_err(not_in_time)
    }

    /// The next call, waiting until `deadline` at most.
    ///
    /// # Errors
    /// If none came, or as [`next`](Server::next).
    pub fn next_deadline(&self, deadline: Instant) -> Result<Incoming<Q, R, C>, RecvTimeoutError> {
        self.next_by(Some(deadline)).map_err(not_in_time)
    }

    /// The next call, in a task.
    ///
    /// # Cancel safety
    /// Dropping the future loses no call.
    ///
    /// # Errors
    /// As [`next`](Server::next).
    pub async fn next_async(&self) -> Result<Incoming<Q, R, C>, RecvError> {
        loop {
            match self.try_once() {
                Err(NotReceived::Empty) => {
                    let mut select = Select::new_biased();
                    select.arm(self);
                    select.ready_async().await;
                }
                other => return other.map_err(ended),
            }
        }
    }

    /// Completes what a select has chosen, of which this server is an [arm](narrows::Select::arm).
    ///
    /// # Errors
    /// As [`next`](Server::next).
    pub fn complete(&self, operation: SelectedOperation<'_>) -> Result<Incoming<Q, R, C>, RecvError> {
        let token = operation.finish();
        if token.slot() == CLAIMED {
            return self.open(Position::from_bits(token.number())).map_err(RecvError::Fault);
        }
        self.try_once().map_err(ended)
    }

    /// Answers call after call until it is closed and none is left. A request that cannot be decoded, and a reply that cannot be
    /// encoded or is too long, leave their call unanswered, and the next is served.
    ///
    /// # Errors
    /// The segment cannot be used any more: see the fault.
    pub fn serve(&self, mut answer: impl FnMut(Q) -> R) -> Result<(), Fault> {
        loop {
            let replied = match self.next() {
                Ok(incoming) => {
                    let (request, to) = incoming.into_parts();
                    to.reply(answer(request))
                }
                Err(RecvError::Disconnected) => return Ok(()),
                Err(RecvError::Fault(Fault::Decode(_))) => continue,
                Err(RecvError::Fault(fault)) => return Err(fault),
            };
            if let Err(ReplyError::Fault(_, fault @ (Fault::Corrupt(_) | Fault::Forked))) = replied {
                return Err(fault);
            }
        }
    }

    /// Closes it for everybody: no call can be begun any more; those that are under way are still served. False if it was closed.
    pub fn close(&self) -> bool {
        self.inspect().close()
    }

    /// Who takes part, and how many calls are under way.
    pub fn inspect(&self) -> Inspection {
        self.connection.inspect()
    }
}

fn ended(why: NotReceived) -> RecvError {
    match why {
        NotReceived::Empty | NotReceived::Disconnected => RecvError::Disconnected,
        NotReceived::Fault(fault) => RecvError::Fault(fault),
    }
}

fn not_in_time(why: NotReceived) -> RecvTimeoutError {
    match why {
        NotReceived::Empty => RecvTimeoutError::Timeout,
        NotReceived::Disconnected => RecvTimeoutError::Disconnected,
        NotReceived::Fault(fault) => RecvTimeoutError::Fault(fault),
    }
}

const CLAIMED: usize = 1;
const FAILED: usize = 0;

/// Chosen, it has claimed a call: [complete](Server::complete) it.
impl<Q, R, C: Codec<Q> + Codec<R>> Arm for Server<Q, R, C> {
    fn attempt(&self, _: Who<'_>) -> Option<Token> {
        match self.connection.claim_call() {
            Ok(at) => Some(Token::new(CLAIMED, at.bits())),
            Err(NotReceived::Empty) => None,
            Err(_) => Some(Token::new(FAILED, 0)),
        }
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        self.connection.may_serve()
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.connection.enlist(BellName::Items, ticket, seat);
        Look { ready: self.connection.may_serve(), due: None }
    }

    fn retract(&self, seat: &mut Seat) {
        self.connection.retract(BellName::Items, seat);
    }

    fn pass_on(&self) {
        self.connection.bell(BellName::Items).ring();
    }

    fn abandon(&self, token: Token) {
        if token.slot() != CLAIMED || self.connection.check().is_err() {
            return;
        }
        let at = Position::from_bits(token.number());
        if let Ok(is_pending) = self.connection.calls().give_back(at) {
            self.connection.ring_client(at);
            if is_pending { self.connection.bell(BellName::Items).ring() } else { self.connection.ring_free() }
        }
    }
}

impl<Q, R, C> Clone for Server<Q, R, C> {
    fn clone(&self) -> Self {
        self.connection.add_handle(Role::Receiver);
        Server { connection: self.connection.clone(), message: PhantomData }
    }
}

impl<Q, R, C> Drop for Server<Q, R, C> {
    fn drop(&mut self) {
        self.connection.drop_handle(Role::Receiver);
    }
}

impl<Q, R, C> fmt::Debug for Server<Q, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Server { .. }")
    }
}
