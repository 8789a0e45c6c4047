//! The receiving end.

use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    time::{Duration, Instant},
};

use narrows::{
    Select, SelectedOperation,
    arm::{Arm, Entry, Look, Seat, Ticket, Token, Who},
    internal::{End, Itself, RecvEnd, SelectArm},
};

use crate::{
    channel::{Channel, Inspection},
    codec::{Codec, Postcard},
    connection::Membership,
    fault::{Fault, RecvError, RecvTimeoutError, TryRecvError},
    layout::BellName,
    lease::Lease,
    members::Role,
    queue::{Claimed, NotReceived, word::Position},
};

/// The receiving end of a channel between processes. May be cloned and shared; each message goes to one of all receivers.
pub struct Receiver<T, C = Postcard> {
    connection: Arc<Membership>,
    message: PhantomData<fn(C) -> T>,
}

impl<T, C: Codec<T>> Receiver<T, C> {
    pub(crate) fn new(connection: Arc<Membership>) -> Receiver<T, C> {
        connection.add_handle(Role::Receiver);
        Receiver { connection, message: PhantomData }
    }

    fn claim_by(&self, deadline: Option<Instant>) -> Result<Claimed, NotReceived> {
        let claimed = self.connection.wait(BellName::Items, deadline, || match self.connection.claim() {
            Err(NotReceived::Empty) => None,
            other => Some(other),
        });
        claimed.unwrap_or(Err(NotReceived::Empty))
    }

    /// Takes out what was claimed.
    fn take(&self, claimed: &Claimed) -> Result<T, Fault> {
        let raw = C::take(claimed);
        self.connection.finish(claimed)?;
        C::decode(raw?)
    }

    fn recv_by(&self, deadline: Option<Instant>) -> Result<T, NotReceived> {
        let claimed = self.claim_by(deadline)?;
        self.take(&claimed).map_err(NotReceived::Fault)
    }

    fn try_once(&self) -> Result<T, NotReceived> {
        let claimed = self.connection.claim()?;
        self.take(&claimed).map_err(NotReceived::Fault)
    }

    /// Receives a message, waiting for one.
    ///
    /// At most once: if this process dies after the message has left the channel, it is gone; until then it is another's.
    ///
    /// # Errors
    /// If the channel is empty and has ended, or see the fault.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_by(None).map_err(|why| match why {
            NotReceived::Empty | NotReceived::Disconnected => RecvError::Disconnected,
            NotReceived::Fault(fault) => RecvError::Fault(fault),
        })
    }

    /// Receives a message if there is one.
    ///
    /// # Errors
    /// If there is none, the channel has ended, or see the fault.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.try_once().map_err(not_now)
    }

    /// Receives a message, waiting for at most `timeout`. One beyond the clock's range never comes.
    ///
    /// # Errors
    /// If none came, the channel has ended, or see the fault.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_by(Instant::now().checked_add(timeout)).map_err(not_in_time)
    }

    /// Receives a message, waiting until `deadline` at most.
    ///
    /// # Errors
    /// If none came, the channel has ended, or see the fault.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_by(Some(deadline)).map_err(not_in_time)
    }

    /// Receives a message in a task.
    ///
    /// # Cancel safety
    /// Dropping the future loses no message.
    ///
    /// # Errors
    /// As [`recv`](Receiver::recv).
    pub async fn recv_async(&self) -> Result<T, RecvError> {
        let received = match self.try_once() {
            Err(NotReceived::Empty) => {
                let mut select = Select::new_biased();
                select.arm(self);
                let chosen = select.select_async().await;
                return self.complete(chosen);
            }
            other => other,
        };
        received.map_err(|why| match why {
            NotReceived::Empty | NotReceived::Disconnected => RecvError::Disconnected,
            NotReceived::Fault(fault) => RecvError::Fault(fault),
        })
    }

    /// Receives a message on trial, waiting for one: it is [accepted](Lease::accept), or given back when the lease is dropped or
    /// this process dies. At least once: who dies after the work and before accepting leaves it to be done again.
    ///
    /// The message keeps its slot meanwhile: in a channel of n messages at most n - 1 later ones overtake it.
    ///
    /// # Errors
    /// As [`recv`](Receiver::recv).
    pub fn lease(&self) -> Result<Lease<'_, T, C>, RecvError> {
        self.lease_by(None).map_err(|why| match why {
            NotReceived::Empty | NotReceived::Disconnected => RecvError::Disconnected,
            NotReceived::Fault(fault) => RecvError::Fault(fault),
        })
    }

    /// The same if there is a message.
    ///
    /// # Errors
    /// As [`try_recv`](Receiver::try_recv).
    pub fn try_lease(&self) -> Result<Lease<'_, T, C>, TryRecvError> {
        self.connection.claim().and_then(|claimed| self.hold(claimed)).map_err(not_now)
    }

    /// The same for at most `timeout`.
    ///
    /// # Errors
    /// As [`recv_timeout`](Receiver::recv_timeout).
    pub fn lease_timeout(&self, timeout: Duration) -> Result<Lease<'_, T, C>, RecvTimeoutError> {
        self.lease_by(Instant::now().checked_add(timeout)).map_err(not_in_time)
    }

    /// The same in a task.
    ///
    /// # Cancel safety
    /// Dropping the future loses no message.
    ///
    /// # Errors
    /// As [`recv`](Receiver::recv).
    pub async fn lease_async(&self) -> Result<Lease<'_, T, C>, RecvError> {
        loop {
            match self.connection.claim().and_then(|claimed| self.hold(claimed)) {
                Ok(lease) => return Ok(lease),
                Err(NotReceived::Disconnected) => return Err(RecvError::Disconnected),
                Err(NotReceived::Fault(fault)) => return Err(RecvError::Fault(fault)),
                Err(NotReceived::Empty) => {
                    let mut select = Select::new_biased();
                    select.arm(self);
                    select.ready_async().await;
                }
            }
        }
    }

    fn lease_by(&self, deadline: Option<Instant>) -> Result<Lease<'_, T, C>, NotReceived> {
        self.claim_by(deadline).and_then(|claimed| self.hold(claimed))
    }

    fn hold(&self, claimed: Claimed) -> Result<Lease<'_, T, C>, NotReceived> {
        Lease::new(&self.connection, claimed).map_err(NotReceived::Fault)
    }

    /// Completes the receive that a select has chosen, of which this receiver is an [arm](narrows::Select::arm).
    ///
    /// # Errors
    /// As [`recv`](Receiver::recv).
    pub fn complete(&self, operation: SelectedOperation<'_>) -> Result<T, RecvError> {
        let token = operation.finish();
        if token.slot() == CLAIMED {
            let claimed = self.connection.reopen(Position::from_bits(token.number()));
            return claimed.and_then(|claimed| self.take(&claimed)).map_err(RecvError::Fault);
        }
        self.try_once().map_err(|why| match why {
            NotReceived::Empty | NotReceived::Disconnected => RecvError::Disconnected,
            NotReceived::Fault(fault) => RecvError::Fault(fault),
        })
    }

    /// Messages one after the other, until the channel is empty and has ended, or is of no further use.
    pub fn iter(&self) -> impl Iterator<Item = Result<T, Fault>> {
        let mut is_over = false;
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            match self.recv() {
                Ok(message) => Some(Ok(message)),
                Err(RecvError::Disconnected) => None,
                Err(RecvError::Fault(fault)) => {
                    is_over = !matches!(fault, Fault::Decode(_));
                    Some(Err(fault))
                }
            }
        })
    }

    /// Closes the channel for everybody. False if it was closed.
    pub fn close(&self) -> bool {
        self.inspect().close()
    }

    /// Whether nothing will come any more but what is there.
    pub fn is_disconnected(&self) -> bool {
        self.connection.is_ended_for_receivers()
    }

    /// Who takes part, and how the channel is doing.
    pub fn inspect(&self) -> Inspection {
        self.channel().inspect()
    }

    /// The channel.
    pub fn channel(&self) -> Channel<T, C> {
        Channel::new(self.connection.clone())
    }
}

fn not_now(why: NotReceived) -> TryRecvError {
    match why {
        NotReceived::Empty => TryRecvError::Empty,
        NotReceived::Disconnected => TryRecvError::Disconnected,
        NotReceived::Fault(fault) => TryRecvError::Fault(fault),
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

/// Chosen, it has claimed a message: complete it with [`complete`](Receiver::complete).
impl<T, C: Codec<T>> Arm for Receiver<T, C> {
    fn attempt(&self, _: Who<'_>) -> Option<Token> {
        match self.connection.claim() {
            Ok(claimed) => Some(Token::new(CLAIMED, claimed.at.bits())),
            Err(NotReceived::Empty) => None,
            Err(_) => Some(Token::new(FAILED, 0)),
        }
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        self.connection.may_receive()
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.connection.enlist(BellName::Items, ticket, seat);
        Look { ready: self.connection.may_receive(), due: None }
    }

    fn retract(&self, seat: &mut Seat) {
        self.connection.retract(BellName::Items, seat);
    }

    fn pass_on(&self) {
        self.connection.bell(BellName::Items).ring();
    }

    fn abandon(&self, token: Token) {
        if token.slot() == CLAIMED
            && let Ok(claimed) = self.connection.reopen(Position::from_bits(token.number()))
        {
            self.connection.give_back(&claimed);
        }
    }
}

/// In [`select!`](narrows::select), `recv(receiver)` gives what [`recv`](Receiver::recv) would.
impl<T, C: Codec<T>> End for Receiver<T, C> {
    fn entry(&self) -> Entry<'_> {
        Entry::of(self)
    }
}

impl<T, C: Codec<T>> RecvEnd for Receiver<T, C> {
    type Message = T;
    type Error = RecvError;

    fn complete(&self, operation: SelectedOperation<'_>) -> Result<T, RecvError> {
        self.complete(operation)
    }
}

impl<T, C: Codec<T>> SelectArm<Itself> for Receiver<T, C> {
    type End = Receiver<T, C>;

    fn select_arm(&self) -> Option<&Self> {
        Some(self)
    }
}

impl<T, C> Clone for Receiver<T, C> {
    fn clone(&self) -> Self {
        self.connection.add_handle(Role::Receiver);
        Receiver { connection: self.connection.clone(), message: PhantomData }
    }
}

impl<T, C> Drop for Receiver<T, C> {
    fn drop(&mut self) {
        self.connection.drop_handle(Role::Receiver);
    }
}

impl<T, C> fmt::Debug for Receiver<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}
