//! The sending end of a broadcast: that of a queue, without what asks who has received a message.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    channel::Inspection,
    codec::{Bytes, Codec, Postcard},
    fault::{Fault, SendError, SendTimeoutError, TrySendError},
    sender::{self, SendArm},
};

/// The sending end of a broadcast between processes; from [`Broadcast::sender`](super::Broadcast::sender). May be cloned and shared.
///
/// Where there are no receivers, messages are sent to nobody.
pub struct Sender<T, C = Postcard>(pub(super) sender::Sender<T, C>);

impl<T, C: Codec<T>> Sender<T, C> {
    /// Sends a message to every receiver there is now, waiting for those that lag and are to be waited for.
    ///
    /// Once this returns the message is in the channel, whatever becomes of this process.
    ///
    /// # Errors
    /// Gives the message back if the channel is closed or cannot take it.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.0.send(message)
    }

    /// Sends a message if nobody need be waited for.
    ///
    /// # Errors
    /// Gives the message back.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(message)
    }

    /// Sends a message, waiting for at most `timeout`. One beyond the clock's range never comes.
    ///
    /// # Errors
    /// Gives the message back.
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.0.send_timeout(message, timeout)
    }

    /// Sends a message, waiting until `deadline` at most.
    ///
    /// # Errors
    /// Gives the message back.
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.0.send_deadline(message, deadline)
    }

    /// Sends a message from a task.
    ///
    /// # Cancel safety
    /// Dropping the future before it is done sends nothing and drops the message.
    ///
    /// # Errors
    /// As [`send`](Sender::send).
    pub async fn send_async(&self, message: T) -> Result<(), SendError<T>> {
        self.0.send_async(message).await
    }

    /// A send of this message as an [arm](narrows::Select::arm) of a select. That it is chosen means that it is sent; some may have
    /// seen it, so it is not taken back.
    ///
    /// # Errors
    /// If the message cannot be serialized.
    pub fn arm(&self, message: &T) -> Result<SendArm<'_>, Fault> {
        self.0.arm(message)
    }

    /// Closes the channel for everybody: receivers get what they have not seen, and are then told the end. False if it was closed.
    pub fn close(&self) -> bool {
        self.0.close()
    }

    /// Whether a send would fail because the channel has ended.
    pub fn is_closed(&self) -> bool {
        self.0.is_disconnected()
    }

    /// Who takes part, and how the channel is doing.
    pub fn inspect(&self) -> Inspection {
        self.0.inspect()
    }
}

impl Sender<Vec<u8>, Bytes> {
    /// Sends bytes that need not be in a `Vec`.
    ///
    /// # Errors
    /// If the channel is closed or cannot take them.
    pub fn send_slice(&self, bytes: &[u8]) -> Result<(), SendError<()>> {
        self.0.send_slice(bytes)
    }
}

impl<T, C> Clone for Sender<T, C> {
    fn clone(&self) -> Self {
        Sender(self.0.clone())
    }
}

impl<T, C> fmt::Debug for Sender<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}
