//! What is decided when a channel is made, and how one is found.

use std::{
    marker::PhantomData,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    sync::Arc,
};

use crate::{
    channel::{self, Channel},
    codec::{Bytes, Codec, Plain, Postcard},
    connection::{self, Connection, Membership},
    error::OpenError,
    hand,
    layout::{Kind, Layout, PAGE, SLOT_HEAD, Shape},
    members::{HAD_RECEIVERS, HAD_SENDERS, REMOVED},
    receiver::Receiver,
    segment::{Segment, path_of},
    sender::Sender,
};

/// Receivers are told the end when the last sender has left.
pub(crate) const ENDS_WITH_SENDERS: u32 = 1;
/// Senders are told the end when the last receiver has left.
pub(crate) const ENDS_WITH_RECEIVERS: u32 = 2;
/// The name stays when everybody has left.
pub(crate) const KEEPS: u32 = 4;

/// Messages of up to this many bytes lie in their slot: two cache lines with its head.
const SHORT: u32 = 112;
/// Where all slots together take at most this, every message lies in its slot.
const SMALL: u64 = 128 << 10;
/// The same where all messages are equally long, so that nothing is wasted.
const SMALL_PLAIN: u64 = 4 << 20;
const USUAL_CAPACITY: u32 = 1024;
pub(crate) const USUAL_MAX_LEN: u32 = 64 << 10;
const USUAL_PARTICIPANTS: u32 = 64;
/// Room for long messages, if nobody says how much: for so many of the longest, and at least so many bytes.
const USUAL_LONGEST: u64 = 8;
const USUAL_MEMORY: u64 = 1 << 20;

/// How to make a channel, or find one.
///
/// What is said here counts for the one who makes it; who finds it there takes it as it is, if it is of the same type.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("narrows-doc-options-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let jobs = folder.join("jobs");
/// # let jobs = jobs.to_str().unwrap();
/// use narrows_shm::options;
///
/// // In one process:
/// let sender = options().capacity(64).sender::<(u32, String)>(jobs)?;
/// // In another:
/// let receiver = options().receiver::<(u32, String)>(jobs)?;
///
/// sender.send((1, "resize".into())).unwrap();
/// assert_eq!(receiver.recv().unwrap(), (1, "resize".into()));
/// # Ok::<(), narrows_shm::OpenError>(())
/// ```
#[derive(Debug)]
pub struct Options<C = Postcard> {
    pub(crate) capacity: Option<u32>,
    pub(crate) max_len: Option<u32>,
    pub(crate) memory: Option<u64>,
    pub(crate) participants: u32,
    flags: Option<u32>,
    keeps: bool,
    finding: Finding,
    codec: PhantomData<C>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    Either,
    Existing,
    New,
}

/// The usual choices: 1,024 messages of up to 64 KiB, made if it is not there.
pub fn options() -> Options {
    Options {
        capacity: None,
        max_len: None,
        memory: None,
        participants: USUAL_PARTICIPANTS,
        flags: None,
        keeps: false,
        finding: Finding::Either,
        codec: PhantomData,
    }
}

impl<C> Options<C> {
    fn with_codec<D>(self) -> Options<D> {
        let Options { capacity, max_len, memory, participants, flags, keeps, finding, .. } = self;
        Options { capacity, max_len, memory, participants, flags, keeps, finding, codec: PhantomData }
    }

    /// Messages are [`Plain`] data.
    pub fn plain(self) -> Options<Plain> {
        self.with_codec()
    }

    /// Messages are [`Bytes`].
    pub fn bytes(self) -> Options<Bytes> {
        self.with_codec()
    }

    /// How many messages there are room for; at least 1. They take 32 to 128 bytes each even while there are none.
    #[must_use]
    pub fn capacity(mut self, messages: u32) -> Self {
        self.capacity = Some(messages);
        self
    }

    /// How many bytes the longest message may have; of plain data it is known.
    #[must_use]
    pub fn max_len(mut self, bytes: u32) -> Self {
        self.max_len = Some(bytes);
        self
    }

    /// How many bytes there are for messages that are too long for a slot, in all. At least one of the longest fits. A sender waits
    /// where they are used up, as it does where there are [`capacity`](Options::capacity) messages.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// How many processes may take part at a time; at most 1,024, and 64 if it is not said.
    #[must_use]
    pub fn participants(mut self, processes: u32) -> Self {
        self.participants = processes;
        self
    }

    /// The channel does not end when its last sender leaves, but when somebody closes it; and stays when all have left.
    #[must_use]
    pub fn keep_open(mut self) -> Self {
        self.flags = Some(self.flags.unwrap_or(0) & !ENDS_WITH_SENDERS);
        self.keeps = true;
        self
    }

    /// Sends fail when the last receiver has left, as they do in one process. If it is not said, a named channel keeps what is sent
    /// for the next receiver.
    #[must_use]
    pub fn end_with_receivers(mut self) -> Self {
        self.flags = Some(self.flags.unwrap_or(ENDS_WITH_SENDERS) | ENDS_WITH_RECEIVERS);
        self
    }

    /// Only a channel that is there already.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.finding = Finding::Existing;
        self
    }

    /// Only a new channel.
    #[must_use]
    pub fn create_new(mut self) -> Self {
        self.finding = Finding::New;
        self
    }

    fn shape<T>(&self, kind: Kind, flags: u32) -> Result<Shape, OpenError>
    where
        C: Codec<T>,
    {
        let invalid = |what| Err(OpenError::Unsupported(what));
        let slots = self.capacity.unwrap_or(USUAL_CAPACITY);
        if slots == 0 {
            return invalid("a capacity of at least 1");
        }
        if C::align() > PAGE {
            return invalid("messages aligned to at most 4096 bytes");
        }
        let fixed = C::fixed_len().map(u32::try_from).transpose().ok().flatten();
        if fixed.is_none() && C::fixed_len().is_some() {
            return invalid("messages of less than 4 GiB");
        }
        let max_len = fixed.or(self.max_len).unwrap_or(USUAL_MAX_LEN);
        let in_slots = u64::from(slots).saturating_mul(SLOT_HEAD as u64 + u64::from(max_len));
        let is_small = in_slots <= if fixed.is_some() { SMALL_PLAIN } else { SMALL };
        let inline = if max_len <= SHORT || is_small && self.memory.is_none() { max_len } else { SHORT };
        let has_blocks = max_len > inline || C::needs_blocks();
        let block_len = if fixed.is_some() {
            let page = u32::try_from(PAGE).expect("a page is small");
            let Some(len) = max_len.max(1).checked_next_multiple_of(page) else {
                return invalid("messages of less than 4 GiB");
            };
            len
        } else {
            (max_len / 64).next_power_of_two().clamp(256, 64 << 10)
        };
        let longest = u64::from(max_len.div_ceil(block_len)) * u64::from(block_len);
        let memory = self.memory.unwrap_or((USUAL_LONGEST * longest).max(USUAL_MEMORY));
        let memory = memory.clamp(longest, longest.saturating_mul(u64::from(slots)).max(longest));
        let Ok(blocks) = u32::try_from(memory.div_ceil(u64::from(block_len))) else {
            return invalid("less memory");
        };
        Ok(Shape {
            kind,
            slots,
            inline: if C::needs_blocks() { 0 } else { inline },
            max_len,
            blocks: if has_blocks { blocks } else { 0 },
            block_len: if has_blocks { block_len } else { 0 },
            participants: self.participants,
            flags,
            type_hash: C::hash(),
        })
    }

    pub(crate) fn flags(&self, usual: u32) -> u32 {
        self.flags.unwrap_or(usual) | if self.keeps { KEEPS } else { 0 }
    }

    /// Finds the channel of that name, or makes it, and takes part in it. A name with a `/` in it is a path.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open<T>(&self, name: &str) -> Result<Channel<T, C>, OpenError>
    where
        C: Codec<T>,
    {
        self.connect::<T>(Kind::Queue, name).map(Channel::new)
    }

    /// Takes part in a channel of this kind and name.
    pub(crate) fn connect<T>(&self, kind: Kind, name: &str) -> Result<Arc<Membership>, OpenError>
    where
        C: Codec<T>,
    {
        let shape = || self.shape::<T>(kind, self.flags(ENDS_WITH_SENDERS));
        self.find(name, kind, C::hash(), &C::name(), shape)
    }

    /// Finds what bears that name, or makes it by `shape`, and joins it, if it is of this kind and type.
    pub(crate) fn find(
        &self,
        name: &str,
        kind: Kind,
        type_hash: u64,
        type_name: &str,
        shape: impl Fn() -> Result<Shape, OpenError>,
    ) -> Result<Arc<Membership>, OpenError> {
        let path = path_of(name)?;
        // Each turn somebody else has made it, or has taken it away.
        for _ in 0..1000 {
            let found = match Segment::open(&path) {
                Ok(_) if self.finding == Finding::New => Err(OpenError::AlreadyExists),
                Ok(segment) => take_part(segment, kind, type_hash, type_name),
                Err(OpenError::NotFound) if self.finding != Finding::Existing => create(&path, &shape()?, type_name)
                    .and_then(|segment| take_part(segment, kind, type_hash, type_name)),
                Err(error) => return Err(error),
            };
            match found {
                Ok(connection) => return Ok(connection),
                Err(OpenError::AlreadyExists) if self.finding != Finding::New => {}
                Err(OpenError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Err(OpenError::Unsupported("a name that others do not make and take away all the time"))
    }

    pub(crate) fn take_part<T>(kind: Kind, segment: Segment) -> Result<Arc<Membership>, OpenError>
    where
        C: Codec<T>,
    {
        take_part(segment, kind, C::hash(), &C::name())
    }

    /// A sender of the channel of that name; see [`open`](Options::open).
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn sender<T>(&self, name: &str) -> Result<Sender<T, C>, OpenError>
    where
        C: Codec<T>,
    {
        self.open(name).map(|channel| channel.sender())
    }

    /// A receiver of the channel of that name; see [`open`](Options::open).
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn receiver<T>(&self, name: &str) -> Result<Receiver<T, C>, OpenError>
    where
        C: Codec<T>,
    {
        self.open(name).map(|channel| channel.receiver())
    }

    /// A channel without a name, to be [handed](Channel::hand_out) to others. It ends for either side when the other has left.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn anonymous<T>(&self) -> Result<Channel<T, C>, OpenError>
    where
        C: Codec<T>,
    {
        self.connect_anonymously::<T>(Kind::Queue).map(Channel::new)
    }

    pub(crate) fn connect_anonymously<T>(&self, kind: Kind) -> Result<Arc<Membership>, OpenError>
    where
        C: Codec<T>,
    {
        let shape = self.shape::<T>(kind, self.flags(ENDS_WITH_SENDERS | ENDS_WITH_RECEIVERS))?;
        let segment = Segment::anonymous(Layout::len_of(&shape)?, |segment| {
            Layout::write_head(segment, &shape, &C::name());
        })?;
        Self::take_part(kind, segment)
    }

    /// Takes part in a channel that was handed over.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn adopt<T>(&self, file: OwnedFd) -> Result<Channel<T, C>, OpenError>
    where
        C: Codec<T>,
    {
        Self::take_part(Kind::Queue, Segment::adopt(file)?).map(Channel::new)
    }

    /// Takes part in the channel that the parent of this process has [passed](Channel::pass_to_child) to it; once.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn inherited<T>(&self, variable: &str) -> Result<Channel<T, C>, OpenError>
    where
        C: Codec<T>,
    {
        self.adopt(hand::inherited(variable)?)
    }

    /// Takes part in a channel that comes over this socket, [sent](Channel::send_over) by its peer. The socket must block.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn received<T>(&self, socket: &UnixStream) -> Result<Channel<T, C>, OpenError>
    where
        C: Codec<T>,
    {
        self.adopt(channel::received(socket)?)
    }
}

fn create(path: &Path, shape: &Shape, type_name: &str) -> Result<Segment, OpenError> {
    Segment::create(path, Layout::len_of(shape)?, |segment| Layout::write_head(segment, shape, type_name))
}

/// Whether all who took part in it may be dead: then nobody has taken its name away, and whoever comes begins anew.
fn is_left_over(layout: &Layout) -> bool {
    layout.shape().flags & KEEPS == 0
        && layout.status() & (HAD_SENDERS | HAD_RECEIVERS) != 0
        && layout.members().all(|entry| entry.identity.is_alive() == Some(false))
}

fn take_part(segment: Segment, kind: Kind, type_hash: u64, type_name: &str) -> Result<Arc<Membership>, OpenError> {
    let (layout, name) = Layout::read(segment)?;
    if layout.shape().kind != kind || layout.shape().type_hash != type_hash {
        let told = format!("it is {} of {name}, and here {kind} of {type_name} is asked for", layout.shape().kind);
        return Err(OpenError::Mismatch(told));
    }
    if layout.status() & REMOVED != 0 {
        // Whoever was about to take the name away has not done so.
        connection::remove_if_idle(&layout)?;
        return Err(OpenError::NotFound);
    }
    if is_left_over(&layout) {
        connection::sweep(&layout)?;
        if connection::remove_if_idle(&layout)? {
            return Err(OpenError::NotFound);
        }
    }
    Ok(Membership::new(Connection::new(Arc::new(layout))?))
}
