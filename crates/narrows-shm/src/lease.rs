//! Receiving on trial, and sending without a copy.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    time::{Duration, Instant},
};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{
    codec::{Codec, Plain, Postcard},
    connection::Connection,
    fault::{Fault, SendError, TrySendError},
    layout::BellName,
    queue::{Bytes, Claimed, NotSent, Outgoing},
    sender::Sender,
};

/// A message received on trial: [accepted](Lease::accept), or given back when this is dropped. From
/// [`lease`](crate::Receiver::lease).
///
/// Of [plain data](Plain) it is read where it lies. Forgetting a lease keeps its message until this process has ended.
#[must_use = "a lease that is dropped gives its message back"]
pub struct Lease<'a, T, C: Codec<T> = Postcard> {
    connection: &'a Connection,
    claimed: Claimed,
    held: C::Held,
    is_over: bool,
}

impl<'a, T, C: Codec<T>> Lease<'a, T, C> {
    pub(crate) fn new(connection: &'a Connection, claimed: Claimed) -> Result<Self, Fault> {
        match C::hold(&claimed) {
            Ok(held) if connection.hold(&claimed) => Ok(Lease { connection, claimed, held, is_over: false }),
            Ok(_) => Err(Fault::Corrupt("a slot was changed while it was read")),
            Err(fault) => {
                // Whoever got it next could make no more of it.
                connection.finish(&claimed)?;
                Err(fault)
            }
        }
    }

    /// Accepts the message: it has been received, and its place is free.
    ///
    /// # Errors
    /// If the segment is damaged; see the fault.
    pub fn accept(mut self) -> Result<(), Fault> {
        self.is_over = true;
        self.connection.check()?;
        self.connection.finish(&self.claimed)
    }
}

impl<T, C: Codec<T>> Deref for Lease<'_, T, C> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.held
    }
}

impl<T, C: Codec<T>> Drop for Lease<'_, T, C> {
    fn drop(&mut self) {
        if !self.is_over {
            self.connection.give_back(&self.claimed);
        }
    }
}

impl<T, C: Codec<T>> fmt::Debug for Lease<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Lease { .. }")
    }
}

/// A message of plain data that is made where it will be read, in shared memory. From [`Sender::loan`].
///
/// What it holds to begin with is left over from other messages. Dropped, it is not sent.
#[must_use = "a loan that is dropped is not sent"]
pub struct Loan<'a, T> {
    connection: &'a Connection,
    room: Room<'a, T>,
}

enum Room<'a, T> {
    /// In the segment.
    Shared(Outgoing<'a>, *mut T),
    /// In a channel whose messages all lie in their slots, which are claimed for the moment of a copy only.
    Own(Box<T>),
}

// SAFETY: it is a unique reference to a `T` in memory that is ours until it is sent.
unsafe impl<T: Send> Send for Loan<'_, T> {}
// SAFETY: as above; shared, it is only read.
unsafe impl<T: Sync> Sync for Loan<'_, T> {}

impl<T: FromBytes + IntoBytes + Immutable + KnownLayout> Sender<T, Plain> {
    /// Room for a message, to be filled in place and [sent](Loan::send); waits for room.
    ///
    /// # Errors
    /// If the channel is closed.
    pub fn loan(&self) -> Result<Loan<'_, T>, SendError<()>> {
        match self.loan_by(None) {
            Ok(loan) => Ok(loan),
            Err(NotSent::Full | NotSent::Disconnected) => Err(SendError::Disconnected(())),
            Err(NotSent::Fault(fault)) => Err(SendError::Fault((), fault)),
        }
    }

    /// The same if there is room.
    ///
    /// # Errors
    /// If there is none, or the channel is closed.
    pub fn try_loan(&self) -> Result<Loan<'_, T>, TrySendError<()>> {
        match self.loan_by(Some(Duration::ZERO)) {
            Ok(loan) => Ok(loan),
            Err(NotSent::Full) => Err(TrySendError::Full(())),
            Err(NotSent::Disconnected) => Err(TrySendError::Disconnected(())),
            Err(NotSent::Fault(fault)) => Err(TrySendError::Fault((), fault)),
        }
    }

    fn loan_by(&self, timeout: Option<Duration>) -> Result<Loan<'_, T>, NotSent> {
        let connection = self.connection();
        if connection.layout().shape().blocks == 0 {
            let message = T::new_box_zeroed().expect("memory for a message");
            return Ok(Loan { connection, room: Room::Own(message) });
        }
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut outgoing = Outgoing::new(connection);
        let memory = connection.wait(BellName::Places, deadline, || {
            if let Err(fault) = connection.check() {
                return Some(Err(NotSent::Fault(fault)));
            }
            if connection.is_ended_for_senders() {
                return Some(Err(NotSent::Disconnected));
            }
            match outgoing.blocks(size_of::<T>()) {
                Err(NotSent::Full) => None,
                other => Some(other),
            }
        });
        let message = memory.unwrap_or(Err(NotSent::Full))?.cast::<T>();
        if !message.is_aligned() {
            return Err(NotSent::Fault(Fault::Corrupt("its blocks lie across the alignment of its type")));
        }
        outgoing.set_written();
        Ok(Loan { connection, room: Room::Shared(outgoing, message) })
    }
}

impl<T: IntoBytes + Immutable> Loan<'_, T> {
    /// Sends it, waiting for a place.
    ///
    /// # Errors
    /// If the channel is closed.
    pub fn send(mut self) -> Result<(), SendError<()>> {
        let sent = match &mut self.room {
            Room::Shared(outgoing, _) => self.connection.send_outgoing(outgoing, Bytes::written(size_of::<T>()), None),
            Room::Own(message) => self.connection.send_bytes(Bytes::new(message.as_bytes(), false), None),
        };
        match sent {
            Ok(_) => Ok(()),
            Err(NotSent::Full | NotSent::Disconnected) => Err(SendError::Disconnected(())),
            Err(NotSent::Fault(fault)) => Err(SendError::Fault((), fault)),
        }
    }
}

impl<T> Deref for Loan<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.room {
            // SAFETY: it points to blocks that were claimed for a `T`, on a boundary of a page; any bytes are a `T`, and nobody
            // else touches them until they are sent.
            Room::Shared(_, message) => unsafe { &**message },
            Room::Own(message) => message,
        }
    }
}

impl<T> DerefMut for Loan<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.room {
            // SAFETY: as above, and this is the only reference.
            Room::Shared(_, message) => unsafe { &mut **message },
            Room::Own(message) => message,
        }
    }
}

impl<T> fmt::Debug for Loan<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Loan { .. }")
    }
}
