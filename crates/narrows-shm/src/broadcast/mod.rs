//! Channels that give every message to every receiver, in every process, in one order for all.
//!
//! ```
//! # let folder = std::env::temp_dir().join(format!("narrows-doc-broadcast-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let news = folder.join("news");
//! # let news = news.to_str().unwrap();
//! use narrows_shm::{broadcast::{Lag, Start}, options};
//!
//! // In each program that listens:
//! let receiver = options().broadcast::<String>(news)?.subscribe(Start::Now, Lag::Wait)?;
//!
//! // In one that has something to say:
//! let sender = options().broadcast::<String>(news)?.sender();
//! sender.send("up".into()).unwrap();
//!
//! assert_eq!(receiver.recv().unwrap(), "up");
//! # Ok::<(), narrows_shm::OpenError>(())
//! ```
//!
//! It is for events that several programs each have to see; for work that one of them is to do there is the queue. Names and
//! meanings are those of [`narrows::broadcast`], with these differences:
//!
//! * Each receiver is one [participant](crate::Options::participants), and making one can fail.
//! * A send to nobody is none that fails, unless the channel was made to
//!   [end with its receivers](crate::Options::end_with_receivers).
//! * Who is killed holds nobody up: what a sender had not finished is skipped, and a receiver is not waited for any more.
//!
//! What is kept: the last messages, up to the [capacity](crate::Options::capacity), also those that all have seen, for who begins
//! with [`Start::Oldest`]. One goes when its place or its [memory](crate::Options::memory) is needed, and all with the last who
//! takes part.

mod enter;
mod gate;
mod receiver;
mod row;
mod sender;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(all(test, not(loom)))]
mod walk;

use std::{fmt, io, marker::PhantomData, os::fd::OwnedFd, sync::Arc};

pub use narrows::broadcast::{Lag, Start};

use self::enter::Begin;
pub(crate) use self::gate::{
    after_send, claim_place, len, make_room, may_make_room, may_receive, may_send, recover, run_of,
};
pub use self::{receiver::Receiver, sender::Sender};
use crate::{
    channel::Inspection,
    codec::{Codec, Postcard},
    connection::{Connection, Membership},
    error::OpenError,
    layout::{Kind, Layout},
    options::Options,
    segment::Segment,
};

/// A broadcast between processes, in which this one takes part. From [`Options::broadcast`].
pub struct Broadcast<T, C = Postcard> {
    connection: Arc<Membership>,
    message: PhantomData<fn(T) -> (T, C)>,
}

impl<C> Options<C> {
    /// Finds the broadcast of that name, or makes it, and takes part in it; see the [module](crate::broadcast).
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn broadcast<T>(&self, name: &str) -> Result<Broadcast<T, C>, OpenError>
    where
        C: Codec<T>,
    {
        self.connect::<T>(Kind::Broadcast, name).map(Broadcast::new)
    }

    /// A broadcast without a name, to be [handed](Broadcast::hand_out) to others. It ends for either side when the other has left.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn anonymous_broadcast<T>(&self) -> Result<Broadcast<T, C>, OpenError>
    where
        C: Codec<T>,
    {
        self.connect_anonymously::<T>(Kind::Broadcast).map(Broadcast::new)
    }

    /// Takes part in a broadcast that was handed over.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn adopt_broadcast<T>(&self, file: OwnedFd) -> Result<Broadcast<T, C>, OpenError>
    where
        C: Codec<T>,
    {
        Self::take_part::<T>(Kind::Broadcast, Segment::adopt(file)?).map(Broadcast::new)
    }
}

/// Takes part once more in the same segment.
fn another(connection: &Connection) -> Result<Arc<Membership>, OpenError> {
    connection.check().map_err(|_| OpenError::Forked)?;
    let (layout, _) = Layout::read(connection.layout().segment().again()?)?;
    if layout.shape() != connection.layout().shape() {
        return Err(OpenError::Corrupt("its head has changed"));
    }
    Ok(Membership::new(Connection::new(Arc::new(layout))?))
}

impl<T, C: Codec<T>> Broadcast<T, C> {
    fn new(connection: Arc<Membership>) -> Broadcast<T, C> {
        Broadcast { connection, message: PhantomData }
    }

    /// A sender. The channel has senders as long as there is one anywhere.
    pub fn sender(&self) -> Sender<T, C> {
        Sender(crate::Sender::new(self.connection.clone()))
    }

    /// A receiver, which begins there, and for which that happens when it lags.
    ///
    /// # Errors
    /// It is another participant, and there may be no room for one; see [`OpenError`].
    pub fn subscribe(&self, start: Start, lag: Lag) -> Result<Receiver<T, C>, OpenError> {
        Ok(Receiver::new(another(&self.connection)?, Begin::At(start), lag))
    }

    /// What can be seen and done from outside.
    pub fn inspect(&self) -> Inspection {
        self.connection.inspect()
    }

    /// The open file of this channel, for who is to [take part](Options::adopt_broadcast).
    ///
    /// # Errors
    /// The system has refused.
    pub fn hand_out(&self) -> io::Result<OwnedFd> {
        self.connection.layout().segment().hand_out()
    }
}

impl<T, C> fmt::Debug for Broadcast<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Broadcast { .. }")
    }
}
