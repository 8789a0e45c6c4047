//! A rank: its number, its place in a group, and the verbs.

use std::{sync::Arc as StdArc, time::Duration};

use crate::{
    choice::{Source, Status, Tags},
    error::{Error, SendError},
    mailbox::{Mailbox, Mode},
    matching::Pattern,
    office::Office,
    parcel::{Carrier, Carries, Local},
    receiving::Receiving,
    sending::Sending,
    sync::{Arc, AtomicU32, AtomicU64},
};

/// What all handles of one rank share.
#[derive(Debug)]
pub(crate) struct Core<W: Carrier> {
    /// Its number in the world.
    pub(crate) rank: usize,
    pub(crate) office: Arc<Office<W::Parcel>>,
    /// How many groups it has offered a number for, so that none is offered twice; the world itself had the first.
    pub(crate) groups: AtomicU64,
}

impl<W: Carrier> Core<W> {
    /// Its number as keys have it.
    pub(crate) fn number(&self) -> u32 {
        u32::try_from(self.rank).expect("a world has fewer ranks")
    }

    pub(crate) fn mailbox(&self) -> &Mailbox<W::Parcel> {
        self.office.mailbox(self.rank)
    }

    /// By the thread that this is called on.
    pub(crate) fn is_used(&self) {
        if let Some(home) = self.office.home(self.rank) {
            home.is_used();
        }
    }

    pub(crate) fn end(&self, how: &str) {
        self.office.end(self.rank, how);
    }
}

/// Ends its rank with the last handle, if nobody else has.
#[derive(Debug)]
pub(crate) struct Life<W: Carrier>(pub(crate) Arc<Core<W>>);

impl<W: Carrier> Drop for Life<W> {
    fn drop(&mut self) {
        self.0.end(if std::thread::panicking() { "panicked" } else { "was dropped" });
    }
}

/// Some ranks that talk to each other, as one of them sees it.
#[derive(Debug)]
pub(crate) struct Group {
    /// Even; the one above it is for collectives.
    pub(crate) context: u64,
    /// By their numbers in the world.
    pub(crate) members: Arc<[u32]>,
    pub(crate) index: usize,
    /// How many collectives this rank has begun in it.
    pub(crate) collectives: AtomicU32,
}

impl Group {
    pub(crate) fn new(context: u64, members: Arc<[u32]>, index: usize) -> Group {
        Group { context, members, index, collectives: AtomicU32::new(0) }
    }

    fn number(&self, world: usize) -> usize {
        // In a group of all in their order each has its own number.
        if self.members.get(world).is_some_and(|member| *member as usize == world) {
            return world;
        }
        self.members.iter().position(|member| *member as usize == world).unwrap_or(world)
    }

    pub(crate) fn status(&self, key: &Pattern) -> Status {
        let source = key.source().map_or(0, |source| self.number(source as usize));
        Status { source, tag: key.tag().unwrap_or(0) }
    }

    /// An error in the numbers of this group.
    pub(crate) fn localize(&self, error: Error) -> Error {
        match error {
            Error::Gone { rank, how } => Error::Gone { rank: self.number(rank), how },
            Error::WrongType { wanted, found, source, tag } => {
                Error::WrongType { wanted, found, source: self.number(source), tag }
            }
            other => other,
        }
    }
}

/// One rank of a world, and its place in it: what its code sends and receives by. `W` is the kind of world, [`Local`] for ranks
/// that are threads or tasks of one process.
///
/// Every verb has a form that blocks its thread ([`send`](Rank::send), [`recv`](Rank::recv)) and one that is a future
/// ([`isend`](Rank::isend), [`irecv`](Rank::irecv)), which owns all that it needs and can be waited for on a thread, too.
///
/// Messages from one rank to another do not overtake each other where a receive fits both. A clone is the same rank once more.
#[derive(Debug)]
pub struct Rank<W: Carrier = Local> {
    pub(crate) core: Arc<Core<W>>,
    pub(crate) group: Arc<Group>,
    pub(crate) life: StdArc<Life<W>>,
}

impl<W: Carrier> Clone for Rank<W> {
    fn clone(&self) -> Rank<W> {
        if let Some(home) = self.core.office.home(self.core.rank) {
            home.share();
        }
        self.again()
    }
}

impl<W: Carrier> Rank<W> {
    /// A clone that is not handed to others.
    pub(crate) fn again(&self) -> Rank<W> {
        Rank { core: self.core.clone(), group: self.group.clone(), life: self.life.clone() }
    }
}

impl<W: Carrier> Rank<W> {
    pub(crate) fn new(rank: usize, office: Arc<Office<W::Parcel>>, members: Arc<[u32]>) -> Rank<W> {
        let core = Arc::new(Core { rank, office, groups: AtomicU64::new(1) });
        let life = StdArc::new(Life(core.clone()));
        Rank { core, group: Arc::new(Group::new(0, members, rank)), life }
    }

    /// Its number in its group, from 0.
    pub fn rank(&self) -> usize {
        self.group.index
    }

    /// How many ranks its group has.
    pub fn size(&self) -> usize {
        self.group.members.len()
    }

    /// The number in the world of a rank of this group.
    pub(crate) fn member(&self, rank: usize) -> Result<u32, Error> {
        self.group.members.get(rank).copied().ok_or(Error::NoSuchRank { rank, size: self.size() })
    }

    pub(crate) fn pattern(&self, from: Source, tag: Tags) -> Result<Pattern, Error> {
        self.core.is_used();
        let source = from.0.map(|rank| self.member(rank)).transpose()?;
        Ok(Pattern::new(self.group.context, source, tag.0))
    }

    fn start<T>(&self, to: usize, tag: u32, message: T, mode: Mode) -> Sending<T, W>
    where
        W: Carries<T>,
    {
        Sending::start(self, to, self.group.context, tag, message, mode)
    }

    /// Sends, and waits while [too many](crate#what-is-bounded) of this rank's messages lie unasked for at `to`.
    ///
    /// # Errors
    /// If there is no such rank, or it has ended, also while this waits; gives the message back. All ranks waiting for each
    /// other is an error, too.
    pub fn send<T>(&self, to: usize, tag: u32, message: T) -> Result<(), SendError<T>>
    where
        W: Carries<T>,
    {
        self.start(to, tag, message, Mode::Bounded).wait()
    }

    /// Sends, and waits until it was received. A receive that is waited for and then dropped has not; one that was
    /// [begun](Rank::irecv) and that nobody has waited for yet has, once the message is there for it.
    ///
    /// # Errors
    /// As [`send`](Rank::send).
    pub fn ssend<T>(&self, to: usize, tag: u32, message: T) -> Result<(), SendError<T>>
    where
        W: Carries<T>,
    {
        self.start(to, tag, message, Mode::Synchronous).wait()
    }

    /// Sends without ever waiting for a receiver: the message lies at `to` until it is asked for, however many do.
    ///
    /// # Errors
    /// As [`send`](Rank::send), but for what it says of waiting.
    pub fn bsend<T>(&self, to: usize, tag: u32, message: T) -> Result<(), SendError<T>>
    where
        W: Carries<T>,
    {
        self.start(to, tag, message, Mode::Buffered).wait()
    }

    /// [`send`](Rank::send) for at most `timeout`.
    ///
    /// # Errors
    /// As [`send`](Rank::send), and [`Error::Timeout`]: then the message was not sent.
    pub fn send_timeout<T>(&self, to: usize, tag: u32, message: T, timeout: Duration) -> Result<(), SendError<T>>
    where
        W: Carries<T>,
    {
        self.start(to, tag, message, Mode::Bounded).wait_timeout(timeout)
    }

    /// Begins a [`send`](Rank::send). The message is on its way when this returns; the future is ready when `send` would
    /// return.
    ///
    /// ```
    /// use narrows_rank::{Tag, World};
    ///
    /// World::threads(2).run(|me| {
    ///     let peer = 1 - me.rank();
    ///     let sent = me.isend(peer, 1, me.rank());
    ///     let (theirs, _) = me.recv::<usize>(peer, Tag(1))?;
    ///     assert_eq!(theirs, peer);
    ///     Ok(sent.wait()?)
    /// })?;
    /// # Ok::<(), narrows_rank::RunError>(())
    /// ```
    pub fn isend<T>(&self, to: usize, tag: u32, message: T) -> Sending<T, W>
    where
        W: Carries<T>,
    {
        self.start(to, tag, message, Mode::Bounded)
    }

    /// Begins an [`ssend`](Rank::ssend): the future is ready when that would return.
    pub fn issend<T>(&self, to: usize, tag: u32, message: T) -> Sending<T, W>
    where
        W: Carries<T>,
    {
        self.start(to, tag, message, Mode::Synchronous)
    }

    /// Receives the oldest message that fits, waiting for it.
    ///
    /// ```
    /// use narrows_rank::{Any, Tag, World};
    ///
    /// World::threads(3).run(|me| {
    ///     if me.rank() > 0 {
    ///         me.send(0, 7, format!("from {}", me.rank()))?;
    ///         return Ok(());
    ///     }
    ///     for _ in 1..me.size() {
    ///         let (text, from) = me.recv::<String>(Any, Tag(7))?;
    ///         assert_eq!(text, format!("from {}", from.source));
    ///     }
    ///     Ok(())
    /// })?;
    /// # Ok::<(), narrows_rank::RunError>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::WrongType`] if that message is of another type: it stays. [`Error::Gone`] or [`Error::AllGone`] if whom it could
    /// come from has ended. [`Error::Deadlock`] if all ranks wait for each other.
    pub fn recv<T>(&self, from: impl Into<Source>, tag: impl Into<Tags>) -> Result<(T, Status), Error>
    where
        W: Carries<T>,
    {
        self.receive(from.into(), tag.into(), true).wait()
    }

    /// Receives the oldest message that fits if it is there; `None` if not.
    ///
    /// # Errors
    /// As [`recv`](Rank::recv), but for what it says of waiting.
    pub fn try_recv<T>(&self, from: impl Into<Source>, tag: impl Into<Tags>) -> Result<Option<(T, Status)>, Error>
    where
        W: Carries<T>,
    {
        Receiving::look(self, self.pattern(from.into(), tag.into())?)
    }

    /// [`recv`](Rank::recv) for at most `timeout`.
    ///
    /// # Errors
    /// As [`recv`](Rank::recv), and [`Error::Timeout`].
    pub fn recv_timeout<T>(
        &self,
        from: impl Into<Source>,
        tag: impl Into<Tags>,
        timeout: Duration,
    ) -> Result<(T, Status), Error>
    where
        W: Carries<T>,
    {
        self.receive(from.into(), tag.into(), true).wait_timeout(timeout)
    }

    /// Begins a receive. It has its place in line when this returns: of two that fit a message, the one begun first gets it.
    ///
    /// One from [`Any`](crate::Any) also waits when all other ranks have ended: this rank may send to itself.
    pub fn irecv<T>(&self, from: impl Into<Source>, tag: impl Into<Tags>) -> Receiving<T, W>
    where
        W: Carries<T>,
    {
        self.receive(from.into(), tag.into(), false)
    }

    fn receive<T>(&self, from: Source, tag: Tags, is_all_it_does: bool) -> Receiving<T, W>
    where
        W: Carries<T>,
    {
        match self.pattern(from, tag) {
            Ok(pattern) => Receiving::start(self, pattern, is_all_it_does),
            Err(error) => Receiving::failed(error),
        }
    }

    /// Sends to one rank and receives from another, both begun before either is waited for: so a ring of ranks that all do
    /// this goes on, whatever is full.
    ///
    /// # Errors
    /// As [`send`](Rank::send) and [`recv`](Rank::recv). If the send fails a message received meanwhile is put back.
    pub fn send_recv<S, R>(
        &self,
        to: usize,
        send_tag: u32,
        message: S,
        from: impl Into<Source>,
        recv_tag: impl Into<Tags>,
    ) -> Result<(R, Status), Error>
    where
        W: Carries<S> + Carries<R>,
    {
        let receiving = self.irecv::<R>(from, recv_tag);
        self.isend(to, send_tag, message).wait()?;
        receiving.wait()
    }
}
