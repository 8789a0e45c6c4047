//! A channel that this process takes part in, before it is said what for; and what can be seen and done from outside.

use std::{
    fmt, io,
    marker::PhantomData,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use crate::{
    broadcast,
    codec::{Codec, Postcard},
    connection::{self, Connection, Membership},
    error::OpenError,
    hand,
    layout::{Field, Kind, Layout, Seldom},
    members::{CLOSED, REMOVED, Role, boot_nanos},
    options::ENDS_WITH_SENDERS,
    pool, queue,
    receiver::Receiver,
    rpc,
    segment::{Segment, path_of},
    sender::Sender,
    sync::Ordering,
};

/// A channel between processes, in which this one takes part.
pub struct Channel<T, C = Postcard> {
    connection: Arc<Membership>,
    message: PhantomData<fn(T) -> (T, C)>,
}

impl<T, C: Codec<T>> Channel<T, C> {
    pub(crate) fn new(connection: Arc<Membership>) -> Channel<T, C> {
        Channel { connection, message: PhantomData }
    }

    /// A sender. The channel has senders as long as there is one anywhere.
    pub fn sender(&self) -> Sender<T, C> {
        Sender::new(self.connection.clone())
    }

    /// A receiver.
    pub fn receiver(&self) -> Receiver<T, C> {
        Receiver::new(self.connection.clone())
    }

    /// What can be seen and done from outside.
    pub fn inspect(&self) -> Inspection {
        self.connection.inspect()
    }

    /// The open file of a channel without a name, for who is to [take part](crate::Options::adopt).
    ///
    /// # Errors
    /// The channel has a name, by which others find it; or the system has refused.
    pub fn hand_out(&self) -> io::Result<OwnedFd> {
        let segment = self.connection.layout().segment();
        if segment.path().is_some() {
            let told = "the channel has a name: others find it by that, and only one without a name is handed out";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, told));
        }
        segment.hand_out()
    }

    /// Hands a channel without a name to the child that this command starts, which finds it in the environment variable
    /// `variable`, by [`inherited`](crate::Options::inherited). No other child gets it.
    ///
    /// # Errors
    /// As [`hand_out`](Channel::hand_out).
    pub fn pass_to_child(&self, command: &mut Command, variable: &str) -> io::Result<()> {
        hand::inherit(self.hand_out()?, command, variable)
    }

    /// Hands a channel without a name to the peer of this socket, also that of another user, who takes it by
    /// [`received`](crate::Options::received). The socket must block.
    ///
    /// # Errors
    /// As [`hand_out`](Channel::hand_out), or the socket fails.
    pub fn send_over(&self, socket: &UnixStream) -> io::Result<()> {
        hand::send_fd(socket, self.hand_out()?, TAG)
    }
}

/// What goes over the socket with the file.
const TAG: &[u8] = b"narrows channel";

/// Takes the file of a channel from a socket.
pub(crate) fn received(socket: &UnixStream) -> io::Result<OwnedFd> {
    let (file, tag) = hand::recv_fd(socket, TAG.len())?;
    if tag != TAG {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "what came over the socket is no channel"));
    }
    Ok(file)
}

/// Who is at the other end of a socket: the process and the user, as the system knows them. To be asked before a channel is handed
/// out or taken.
///
/// # Errors
/// The system has refused.
pub fn peer(socket: &UnixStream) -> io::Result<(u32, u32)> {
    hand::peer(socket)
}

impl<T, C> fmt::Debug for Channel<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Channel { .. }")
    }
}

/// A channel seen from outside: who takes part, and how it is doing. Whoever looks does not take part.
#[derive(Debug, Clone)]
pub struct Inspection(Arc<Layout>);

impl Connection {
    pub(crate) fn inspect(&self) -> Inspection {
        Inspection(self.shared_layout().clone())
    }
}

/// One process that takes part in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Participant {
    /// Its process.
    pub pid: u32,
    /// It has senders.
    pub is_sender: bool,
    /// It has receivers.
    pub is_receiver: bool,
    /// How many messages it has sent.
    pub sent: u64,
    /// How many it has received.
    pub received: u64,
    /// How many it has given back.
    pub given_back: u64,
    /// How long its threads have waited for room.
    pub blocked_sending: Duration,
    /// How long its threads have waited for messages.
    pub blocked_receiving: Duration,
    /// How long the thread has waited that waits now.
    pub waiting: Option<Duration>,
    /// How long it has taken part.
    pub age: Duration,
}

/// The channel of that name, seen from outside.
///
/// # Errors
/// See [`OpenError`].
pub fn inspect(name: &str) -> Result<Inspection, OpenError> {
    let (layout, _) = Layout::read(Segment::open(&path_of(name)?)?)?;
    Ok(Inspection(Arc::new(layout)))
}

/// The names and files of all channels in the folder for them.
///
/// # Errors
/// See [`OpenError`].
pub fn names() -> Result<Vec<(String, PathBuf)>, OpenError> {
    crate::segment::names()
}

/// Removes what makers that died have left half built in the folder of the channels: how many files.
///
/// # Errors
/// See [`OpenError`].
pub fn clean() -> Result<usize, OpenError> {
    Ok(crate::segment::sweep_temporaries(&crate::segment::folder()?)?)
}

impl Inspection {
    /// Its file; `None` of a channel without a name.
    pub fn path(&self) -> Option<&Path> {
        self.0.segment().path()
    }

    /// Those who take part; also those who have died and were not [swept](Inspection::sweep) yet.
    pub fn participants(&self) -> Vec<Participant> {
        let now = boot_nanos();
        let since = |then: u64| Duration::from_nanos(now.saturating_sub(then));
        self.0
            .members()
            .map(|entry| {
                // Relaxed: figures to look at.
                let field = |field| self.0.participant(entry.owner.index(), field).load(Ordering::Relaxed);
                let waits_since = field(Field::Since);
                Participant {
                    pid: entry.identity.pid,
                    is_sender: entry.roles & Role::Sender as u64 != 0,
                    is_receiver: entry.roles & Role::Receiver as u64 != 0,
                    sent: field(Field::Sent),
                    received: field(Field::Received),
                    given_back: field(Field::GivenBack),
                    blocked_sending: Duration::from_nanos(field(Field::BlockedSending)),
                    blocked_receiving: Duration::from_nanos(field(Field::BlockedReceiving)),
                    waiting: (waits_since != 0).then(|| since(waits_since)),
                    age: since(field(Field::Joined)),
                }
            })
            .collect()
    }

    /// How many messages there are; of a broadcast, how many some receiver has yet to see; how many calls are under way.
    pub fn len(&self) -> u32 {
        match self.0.shape().kind {
            Kind::Queue => queue::len(&self.0),
            Kind::Broadcast => broadcast::len(&self.0),
            Kind::Calls => rpc::len(&self.0),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages there may be now.
    pub fn capacity(&self) -> u32 {
        // Relaxed: a bound that somebody has set.
        let limit = self.0.seldom(Seldom::Limit).load(Ordering::Relaxed);
        let slots = self.0.shape().slots;
        if limit == 0 { slots } else { u32::try_from(limit).unwrap_or(slots).min(slots) }
    }

    /// How many there may be at most: for so many it was made.
    pub fn max_capacity(&self) -> u32 {
        self.0.shape().slots
    }

    /// Changes how many messages there may be; those beyond stay.
    ///
    /// # Errors
    /// It must be 1 to [`max_capacity`](Inspection::max_capacity).
    pub fn set_capacity(&self, messages: u32) -> Result<(), OpenError> {
        if messages == 0 || messages > self.0.shape().slots {
            return Err(OpenError::Unsupported("a capacity of at least 1 and at most what the channel was made for"));
        }
        // Relaxed: whoever sends next sees it, or the one after.
        self.0.seldom(Seldom::Limit).store(u64::from(messages), Ordering::Relaxed);
        self.0.ring_all();
        Ok(())
    }

    /// How many bytes the longest message may have.
    pub fn max_len(&self) -> u32 {
        self.0.shape().max_len
    }

    /// How many bytes there are for long messages, and how many of them are free.
    pub fn memory(&self) -> (u64, u64) {
        let shape = self.0.shape();
        let bytes = |blocks: u32| u64::from(blocks) * u64::from(shape.block_len);
        (bytes(shape.blocks), bytes(pool::free(&*self.0)))
    }

    /// Whether it ends only when it is [closed](crate::Options::keep_open), not when the last sender leaves.
    pub fn is_kept_open(&self) -> bool {
        self.0.shape().flags & ENDS_WITH_SENDERS == 0
    }

    /// How many bytes its file has.
    pub fn size(&self) -> usize {
        self.0.segment().len()
    }

    /// Closes it: every send fails from now on; receivers take out what is left and are told the end. False if it was closed.
    pub fn close(&self) -> bool {
        self.0.close()
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.0.status() & (CLOSED | REMOVED) != 0
    }

    /// Puts right what the dead have left: how many they were.
    ///
    /// # Errors
    /// The system has refused, or this process is a fork of the one that opened the channel.
    pub fn sweep(&self) -> Result<usize, OpenError> {
        connection::sweep(&self.0)
    }

    /// Takes the name away, if nobody takes part and no message is left: whether it did.
    ///
    /// # Errors
    /// The system has refused, or this process is a fork of the one that opened the channel.
    pub fn remove_if_idle(&self) -> Result<bool, OpenError> {
        connection::remove_if_idle(&self.0)
    }
}
