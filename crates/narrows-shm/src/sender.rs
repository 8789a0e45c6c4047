//! The sending end.

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

use crate::{
    channel::{Channel, Inspection},
    codec::{Bytes as BytesCodec, Codec, Postcard},
    connection::{Connection, Membership},
    fault::{Fault, SendError, SendTimeoutError, TrySendError},
    layout::BellName,
    members::{HAS_RECEIVERS, Role},
    queue::{Bytes, NotSent, Outgoing, word::Position},
};

/// The sending end of a channel between processes. May be cloned and shared.
pub struct Sender<T, C = Postcard> {
    connection: Arc<Membership>,
    message: PhantomData<fn(T) -> C>,
}

/// So many attempts without blocks to be had before the others are asked to leave some.
const ATTEMPTS_BEFORE_ASKING: u32 = 100;

impl Connection {
    /// Sends, waiting for room until the deadline.
    pub(crate) fn send_bytes(&self, bytes: Bytes<'_>, deadline: Option<Instant>) -> Result<Position, NotSent> {
        let mut outgoing = Outgoing::new(self);
        self.send_outgoing(&mut outgoing, bytes, deadline)
    }

    pub(crate) fn send_outgoing(
        &self,
        outgoing: &mut Outgoing<'_>,
        bytes: Bytes<'_>,
        deadline: Option<Instant>,
    ) -> Result<Position, NotSent> {
        let mut attempts = 0;
        let sent = self.wait(BellName::Places, deadline, || match outgoing.attempt(bytes) {
            Err(NotSent::Full) => {
                attempts += 1;
                outgoing.want_if(attempts > ATTEMPTS_BEFORE_ASKING);
                None
            }
            other => Some(other),
        });
        sent.unwrap_or(Err(NotSent::Full))
    }

    /// Waits until what lies at `at` was received. False if it was taken back instead.
    fn wait_until_received(&self, at: Position, deadline: Option<Instant>) -> bool {
        // Nobody is there to take it, and nobody who comes would hear of it.
        let is_hopeless = || self.is_ended_for_senders() && self.layout().status() & HAS_RECEIVERS == 0;
        let outcome = self.wait(BellName::Received, deadline, || {
            if self.was_received(at) {
                return Some(true);
            }
            (self.is_lost(at) || is_hopeless() && self.withdraw(at)).then_some(false)
        });
        outcome.unwrap_or_else(|| {
            // Somebody has it in hand? Then what becomes of it is waited for.
            let decided = self.wait(BellName::Received, None, || {
                if self.was_received(at) {
                    return Some(true);
                }
                (self.is_lost(at) || self.withdraw(at)).then_some(false)
            });
            decided.unwrap_or(false)
        })
    }
}

impl<T, C: Codec<T>> Sender<T, C> {
    pub(crate) fn new(connection: Arc<Membership>) -> Sender<T, C> {
        connection.add_handle(Role::Sender);
        Sender { connection, message: PhantomData }
    }

    fn send_by(&self, message: &T, deadline: Option<Instant>) -> Result<Position, NotSent> {
        C::encode(message, |bytes| self.connection.send_bytes(Bytes::new(bytes, C::needs_blocks()), deadline))
            .unwrap_or_else(|fault| Err(NotSent::Fault(fault)))
    }

    fn try_encoded(&self, message: &T) -> Result<Position, NotSent> {
        C::encode(message, |bytes| Outgoing::new(&self.connection).attempt(Bytes::new(bytes, C::needs_blocks())))
            .unwrap_or_else(|fault| Err(NotSent::Fault(fault)))
    }

    /// Sends a message, waiting for room.
    ///
    /// Once this returns the message is in the channel, whatever becomes of this process.
    ///
    /// # Errors
    /// Gives the message back if the channel is closed or cannot take it.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self.send_by(&message, None) {
            Ok(_) => Ok(()),
            Err(NotSent::Full | NotSent::Disconnected) => Err(SendError::Disconnected(message)),
            Err(NotSent::Fault(fault)) => Err(SendError::Fault(message, fault)),
        }
    }

    /// Sends a message if there is room.
    ///
    /// # Errors
    /// Gives the message back.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.try_encoded(&message) {
            Ok(_) => Ok(()),
            Err(NotSent::Full) => Err(TrySendError::Full(message)),
            Err(NotSent::Disconnected) => Err(TrySendError::Disconnected(message)),
            Err(NotSent::Fault(fault)) => Err(TrySendError::Fault(message, fault)),
        }
    }

    /// Sends a message, waiting for room for at most `timeout`. One beyond the clock's range never comes.
    ///
    /// # Errors
    /// Gives the message back.
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let sent = self.send_by(&message, Instant::now().checked_add(timeout));
        timed(sent.map(drop), message)
    }

    /// Sends a message, waiting for room until `deadline` at most.
    ///
    /// # Errors
    /// Gives the message back.
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        let sent = self.send_by(&message, Some(deadline));
        timed(sent.map(drop), message)
    }

    /// Sends a message and waits until somebody has received it, or has accepted his lease.
    ///
    /// # Errors
    /// Gives the message back if the channel is closed or cannot take it, or if it ends before anybody took it.
    pub fn send_sync(&self, message: T) -> Result<(), SendError<T>> {
        match self.send_by(&message, None) {
            Ok(at) if self.connection.wait_until_received(at, None) => Ok(()),
            Ok(_) | Err(NotSent::Full | NotSent::Disconnected) => Err(SendError::Disconnected(message)),
            Err(NotSent::Fault(fault)) => Err(SendError::Fault(message, fault)),
        }
    }

    /// The same for at most `timeout`: then the message is taken back, unless somebody has begun to receive it, whose outcome is
    /// waited for.
    ///
    /// # Errors
    /// Gives the message back; it is then not in the channel.
    pub fn send_sync_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        let deadline = Instant::now().checked_add(timeout);
        match self.send_by(&message, deadline) {
            Ok(at) if self.connection.wait_until_received(at, deadline) => Ok(()),
            Ok(_) if self.is_disconnected() => Err(SendTimeoutError::Disconnected(message)),
            Ok(_) => Err(SendTimeoutError::Timeout(message)),
            Err(why) => timed(Err(why), message),
        }
    }

    /// Sends a message from a task.
    ///
    /// # Cancel safety
    /// Dropping the future before it is done sends nothing and drops the message.
    ///
    /// # Errors
    /// As [`send`](Sender::send).
    pub async fn send_async(&self, message: T) -> Result<(), SendError<T>> {
        let sent = match self.try_encoded(&message) {
            Err(NotSent::Full) => match self.arm_of(&message) {
                Err(fault) => Err(NotSent::Fault(fault)),
                Ok(arm) => {
                    let mut select = Select::new_biased();
                    select.arm(&arm);
                    let chosen = select.select_async().await;
                    arm.outcome(chosen.finish())
                }
            },
            sent => sent.map(drop),
        };
        match sent {
            Ok(()) => Ok(()),
            Err(NotSent::Full | NotSent::Disconnected) => Err(SendError::Disconnected(message)),
            Err(NotSent::Fault(fault)) => Err(SendError::Fault(message, fault)),
        }
    }

    fn arm_of(&self, message: &T) -> Result<SendArm<'_>, Fault> {
        let bytes = C::encode(message, <[u8]>::to_vec)?;
        Ok(SendArm { connection: &self.connection, bytes, needs_blocks: C::needs_blocks() })
    }

    /// A send of this message as an [arm](narrows::Select::arm) of a select. That it is chosen means that it is sent.
    ///
    /// # Errors
    /// If the message cannot be serialized.
    pub fn arm(&self, message: &T) -> Result<SendArm<'_>, Fault> {
        self.arm_of(message)
    }

    /// Closes the channel for everybody. False if it was closed.
    pub fn close(&self) -> bool {
        self.inspect().close()
    }

    /// Whether a send would fail because the channel has ended.
    pub fn is_disconnected(&self) -> bool {
        self.connection.is_ended_for_senders()
    }

    /// Who takes part, and how the channel is doing.
    pub fn inspect(&self) -> Inspection {
        self.channel().inspect()
    }

    /// The channel.
    pub fn channel(&self) -> Channel<T, C> {
        Channel::new(self.connection.clone())
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Sender<Vec<u8>, BytesCodec> {
    /// Sends bytes that need not be in a `Vec`.
    ///
    /// # Errors
    /// If the channel is closed or cannot take them.
    pub fn send_slice(&self, bytes: &[u8]) -> Result<(), SendError<()>> {
        match self.connection.send_bytes(Bytes::new(bytes, false), None) {
            Ok(_) => Ok(()),
            Err(NotSent::Full | NotSent::Disconnected) => Err(SendError::Disconnected(())),
            Err(NotSent::Fault(fault)) => Err(SendError::Fault((), fault)),
        }
    }

    /// The same, waiting for room for at most `timeout`.
    ///
    /// # Errors
    /// If there was no room in time, or the channel is closed or cannot take them.
    pub fn send_slice_timeout(&self, bytes: &[u8], timeout: Duration) -> Result<(), SendTimeoutError<()>> {
        // Most often there is room, and the time need not be asked for.
        let (mut outgoing, bytes) = (Outgoing::new(&self.connection), Bytes::new(bytes, false));
        let sent = match outgoing.attempt(bytes) {
            Err(NotSent::Full) => {
                self.connection.send_outgoing(&mut outgoing, bytes, Instant::now().checked_add(timeout))
            }
            other => other,
        };
        timed(sent.map(drop), ())
    }
}

pub(crate) fn timed<T>(sent: Result<(), NotSent>, message: T) -> Result<(), SendTimeoutError<T>> {
    match sent {
        Ok(()) => Ok(()),
        Err(NotSent::Full) => Err(SendTimeoutError::Timeout(message)),
        Err(NotSent::Disconnected) => Err(SendTimeoutError::Disconnected(message)),
        Err(NotSent::Fault(fault)) => Err(SendTimeoutError::Fault(message, fault)),
    }
}

impl<T, C> Clone for Sender<T, C> {
    fn clone(&self) -> Self {
        self.connection.add_handle(Role::Sender);
        Sender { connection: self.connection.clone(), message: PhantomData }
    }
}

impl<T, C> Drop for Sender<T, C> {
    fn drop(&mut self) {
        self.connection.drop_handle(Role::Sender);
    }
}

impl<T, C> fmt::Debug for Sender<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}

/// A send as an arm of a select; from [`Sender::arm`].
#[derive(Debug)]
pub struct SendArm<'a> {
    connection: &'a Connection,
    bytes: Vec<u8>,
    needs_blocks: bool,
}

const SENT: usize = 1;
const FAILED: usize = 0;

impl SendArm<'_> {
    fn attempt_once(&self) -> Result<Position, NotSent> {
        Outgoing::new(self.connection).attempt(self.bytes())
    }

    fn bytes(&self) -> Bytes<'_> {
        Bytes::new(&self.bytes, self.needs_blocks)
    }

    fn outcome(&self, token: Token) -> Result<(), NotSent> {
        if token.slot() == SENT { Ok(()) } else { self.attempt_once().map(drop) }
    }

    /// Completes the operation that was chosen.
    ///
    /// # Errors
    /// If the channel is closed or cannot take the message.
    pub fn complete(&self, operation: SelectedOperation<'_>) -> Result<(), SendError<()>> {
        match self.outcome(operation.finish()) {
            Ok(()) => Ok(()),
            Err(NotSent::Full | NotSent::Disconnected) => Err(SendError::Disconnected(())),
            Err(NotSent::Fault(fault)) => Err(SendError::Fault((), fault)),
        }
    }
}

impl Arm for SendArm<'_> {
    fn attempt(&self, _: Who<'_>) -> Option<Token> {
        // An attempt without a place would take blocks and give them back, which calls all others who wait for some.
        if !self.connection.may_send_bytes(self.bytes()) {
            return None;
        }
        match self.attempt_once() {
            Ok(at) => Some(Token::new(SENT, at.bits())),
            Err(NotSent::Full) => None,
            Err(_) => Some(Token::new(FAILED, 0)),
        }
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        self.connection.may_send_bytes(self.bytes())
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.connection.enlist(BellName::Places, ticket, seat);
        Look { ready: self.connection.may_send_bytes(self.bytes()), due: None }
    }

    fn retract(&self, seat: &mut Seat) {
        self.connection.retract(BellName::Places, seat);
    }

    fn pass_on(&self) {
        self.connection.bell(BellName::Places).ring();
    }

    fn abandon(&self, token: Token) {
        if token.slot() == SENT {
            self.connection.withdraw(Position::from_bits(token.number()));
        }
    }
}
