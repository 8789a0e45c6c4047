//! The queue: each message to one receiver. Puts messages into slots and blocks, and takes them out; never waits.
//!
//! ```text
//! send     blocks, if it is long: claim, copy    place: claim, copy if it is short, commit     ring
//! receive  message: claim    blocks: make them ours    copy    commit    free the blocks       ring
//! ```
//! Whoever dies before a commit has done nothing: a send is no message, a receive leaves it to others. The blocks of a message
//! change hands before its slot is free again, so they are found by the slot or by the owner, whoever dies where.

pub(crate) mod courtesy;
pub(crate) mod patience;
pub(crate) mod recovery;
pub(crate) mod ring;
mod wake;
pub(crate) mod word;

use self::{
    patience::Patience,
    ring::{NoMessage, NoPlace, Ring, Words},
    wake::Bells,
    word::{Owner, Position},
};
use crate::{
    bell::Bell,
    broadcast,
    connection::Connection,
    copy,
    fault::Fault,
    layout::{BellName, Field, Layout, Often, Seldom},
    members::{CLOSED, HAD_RECEIVERS, HAD_SENDERS, HAS_RECEIVERS, HAS_SENDERS},
    options::{ENDS_WITH_RECEIVERS, ENDS_WITH_SENDERS},
    pool::{self, Blocks, Run},
    sync::{Ordering, Word, fence},
};

impl Words for Layout {
    #[inline]
    fn slots(&self) -> u32 {
        self.shape().slots
    }
    #[inline]
    fn slot(&self, index: u32) -> &Word {
        self.slot(index)
    }
    #[inline]
    fn head(&self) -> &Word {
        self.often(Often::Head)
    }
    #[inline]
    fn tail(&self) -> &Word {
        self.often(Often::Tail)
    }
    fn rescues(&self) -> &Word {
        self.seldom(Seldom::Rescues)
    }
    #[inline]
    fn limit(&self) -> &Word {
        self.seldom(Seldom::Limit)
    }
    #[inline]
    fn is_closed(&self) -> bool {
        self.status() & CLOSED != 0
    }
}

impl Blocks for Layout {
    fn blocks(&self) -> u32 {
        self.shape().blocks
    }
    fn block(&self, index: u32) -> &Word {
        self.block(index)
    }
}

/// Why nothing was sent.
#[derive(Debug)]
pub(crate) enum NotSent {
    Full,
    Disconnected,
    Fault(Fault),
}

/// Why nothing was received.
#[derive(Debug)]
pub(crate) enum NotReceived {
    Empty,
    Disconnected,
    Fault(Fault),
}

/// Instead of blocks: the message lies in its slot.
const IN_SLOT: u32 = u32::MAX;

fn lengths(len: usize, first: u32) -> u64 {
    u64::from(u32::try_from(len).expect("checked against the longest")) << 32 | u64::from(first)
}

/// A message on its way in: what it has got hold of so far.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    connection: &'a Connection,
    run: Option<Run>,
    /// It is in its blocks already.
    is_written: bool,
    /// The last attempt failed for want of blocks.
    lacks_blocks: bool,
    is_wanting: bool,
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Outgoing<'a> {
        Outgoing { connection, run: None, is_written: false, lacks_blocks: false, is_wanting: false }
    }

    /// Gets hold of blocks for so many bytes: where they are to be written, by who then says
    /// [`written`](Self::set_written).
    pub(crate) fn blocks(&mut self, len: usize) -> Result<*mut u8, NotSent> {
        let layout = self.connection.layout();
        if self.run.is_none() {
            let run = self.claim_blocks(layout.blocks_for(len));
            self.lacks_blocks = run.is_err();
            self.run = Some(run?);
        }
        let first = self.run.map_or(0, |run| run.first);
        Ok(layout.block_bytes(first, len))
    }

    pub(crate) fn set_written(&mut self) {
        self.is_written = true;
    }

    fn claim_blocks(&mut self, count: u32) -> Result<Run, NotSent> {
        let (layout, me) = (self.connection.layout(), self.connection.me());
        if courtesy::is_due(layout.seldom(Seldom::Wanted), me, courtesy::now) {
            return Err(NotSent::Full);
        }
        let claim = || pool::claim(layout, me, count, self.connection.block_hint());
        let run = claim().or_else(|| broadcast::make_room(self.connection, claim)).ok_or(NotSent::Full)?;
        self.connection.set_block_hint(run.first);
        self.want(false);
        Ok(run)
    }

    /// The same if it is time to ask.
    pub(crate) fn want_if(&mut self, is_time: bool) {
        if is_time && self.lacks_blocks {
            self.want(true);
        }
    }

    /// Asks the others to leave the blocks to us for once, or no more.
    fn want(&mut self, is_wanting: bool) {
        let (wanted, me) = (self.connection.layout().seldom(Seldom::Wanted), self.connection.me());
        if is_wanting && self.run.is_none() {
            self.is_wanting |= courtesy::ask(wanted, me, courtesy::now());
        } else if !is_wanting && self.is_wanting {
            self.is_wanting = false;
            courtesy::stop_asking(wanted, me);
            // SeqCst: as in `Word::publish`.
            fence(Ordering::SeqCst);
            Bell::new(self.connection.layout().bell(BellName::Places)).ring_all();
        }
    }

    /// Sends `bytes`, or those that were written into blocks, if there is a place. Where it now lies.
    #[inline]
    pub(crate) fn attempt(&mut self, bytes: Bytes<'_>) -> Result<Position, NotSent> {
        let connection = self.connection;
        let layout = connection.layout();
        connection.check().map_err(NotSent::Fault)?;
        let len = bytes.len();
        if len > layout.shape().max_len as usize {
            return Err(NotSent::Fault(Fault::TooLong { len, max: layout.shape().max_len as usize }));
        }
        if connection.is_ended_for_senders() {
            return Err(NotSent::Disconnected);
        }
        // What is always copied out may lie anywhere.
        let needs_blocks = bytes.needs_blocks && !connection.is_broadcast();
        let is_short = len <= layout.shape().inline as usize && self.run.is_none() && !needs_blocks;
        if !is_short && !self.is_written {
            let into = self.blocks(len)?;
            bytes.copy_to(into, connection.is_broadcast());
            self.is_written = true;
        }
        let at = self.claim_place()?;
        if is_short {
            bytes.copy_to(layout.slot_bytes(at.slot()), connection.is_broadcast());
        }
        let first = self.run.map_or(IN_SLOT, |run| run.first);
        // Release: published with the slot, or, to a receiver of a broadcast who was reading what lay here before, with the claim.
        layout.slot_lengths(at.slot()).store(lengths(len, first), Ordering::Release);
        let committed = connection.ring().commit_place(at);
        // The message's now.
        self.run = None;
        committed.map_err(|_| NotSent::Fault(Fault::Corrupt("a slot was changed while it was written")))?;
        connection.check_damage().map_err(NotSent::Fault)?;
        connection.count(Field::Sent);
        connection.after_send();
        Ok(at)
    }

    fn claim_place(&self) -> Result<Position, NotSent> {
        let ring = self.connection.ring();
        let is_broadcast = self.connection.is_broadcast();
        let mut patience = Patience::new();
        loop {
            let claimed = if is_broadcast { broadcast::claim_place(self.connection) } else { ring.claim_place() };
            match claimed {
                Ok(at) => return Ok(at),
                Err(NoPlace::Full) => {
                    self.connection.check_segment().map_err(NotSent::Fault)?;
                    return Err(NotSent::Full);
                }
                Err(NoPlace::Closed) => return Err(NotSent::Disconnected),
                Err(NoPlace::Corrupt) => {
                    return Err(NotSent::Fault(Fault::Corrupt("a slot says what no slot can")));
                }
                Err(NoPlace::Busy) if patience.goes_on() => {}
                Err(NoPlace::Busy) => return Err(NotSent::Full),
            }
        }
    }
}

impl Drop for Outgoing<'_> {
    fn drop(&mut self) {
        self.want(false);
        if let Some(run) = self.run.take() {
            pool::release(self.connection.layout(), run);
            Bell::new(self.connection.layout().bell(BellName::Places)).ring_all();
        }
    }
}

/// The bytes of a message, wherever they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a> {
    from: &'a [u8],
    /// They are to lie on the boundary of a page.
    needs_blocks: bool,
    /// They have been written into the blocks already, so many.
    written: Option<usize>,
}

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8], needs_blocks: bool) -> Bytes<'a> {
        Bytes { from: bytes, needs_blocks, written: None }
    }

    pub(crate) fn written(len: usize) -> Bytes<'static> {
        Bytes { from: &[], needs_blocks: true, written: Some(len) }
    }

    fn len(&self) -> usize {
        self.written.unwrap_or(self.from.len())
    }

    /// Writes a message into the slot of a call that is ours. False if it is too long.
    #[inline]
    pub(crate) fn copy_to_call(self, layout: &Layout, at: Position) -> bool {
        let into = layout.call_bytes(at.slot(), self.len());
        into.map(|into| self.copy_to(into, false)).is_some()
    }

    #[inline]
    fn copy_to(self, into: *mut u8, is_watched: bool) {
        if is_watched {
            // SAFETY: as below; slots and blocks lie on boundaries of 16 bytes and have whole words.
            return unsafe { copy::into_shared(self.from, into) };
        }
        // SAFETY: `into` is where a slot's or a run's bytes lie; it has room for `len`, as was checked against `inline` or as the
        // run was claimed for. Nobody else touches it: the slot's word, or the block's, says that it is ours.
        unsafe { into.copy_from_nonoverlapping(self.from.as_ptr(), self.from.len()) };
    }
}

/// A message that we have claimed: to be [finished](Connection::finish) or [given back](Connection::give_back).
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) at: Position,
    bytes: *const u8,
    len: usize,
    run: Option<Run>,
    /// It is not ours: others may write there.
    is_watched: bool,
}

// SAFETY: it points to memory that is shared by processes and is ours as long as the claim is, in whatever thread.
unsafe impl Send for Claimed {}
// SAFETY: as above; shared, it is only read.
unsafe impl Sync for Claimed {}

impl Claimed {
    /// The message of a broadcast that lies at `at` and has such lengths, without a claim to it. `None` if it can lie nowhere.
    pub(crate) fn watched(layout: &Layout, at: Position, lengths: u64) -> Option<Claimed> {
        let len = usize::try_from(lengths >> 32).unwrap_or(usize::MAX);
        let bytes = match broadcast::run_of(layout, lengths) {
            None => layout.slot_bytes(at.slot()),
            Some(run) if !pool::lies_inside(layout, run) || len > layout.shape().max_len as usize => return None,
            Some(run) => layout.block_bytes(run.first, len),
        };
        Some(Claimed { at, bytes, len, run: None, is_watched: true })
    }

    /// The message that was copied out to `bytes`, for as long as `with` looks at it.
    pub(crate) fn private<R>(bytes: &[u8], with: impl FnOnce(&Claimed) -> R) -> R {
        let at = Position::new(0, 0);
        with(&Claimed { at, bytes: bytes.as_ptr(), len: bytes.len(), run: None, is_watched: false })
    }

    /// What lies in the slot of a call that is ours; `None` if it cannot be so long.
    pub(crate) fn of_call(layout: &Layout, at: Position, len: usize) -> Option<Claimed> {
        Some(Claimed { at, bytes: layout.call_bytes(at.slot(), len)?, len, run: None, is_watched: false })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where it lies: `len` bytes that stay as they are until the claim ends.
    pub(crate) fn bytes(&self) -> *const u8 {
        self.bytes
    }

    #[inline]
    pub(crate) fn copy_to(&self, into: &mut [std::mem::MaybeUninit<u8>]) {
        assert_eq!(into.len(), self.len, "room for the whole message");
        if self.is_watched {
            // SAFETY: the bytes lie in a slot or in blocks, on a boundary of 16 bytes, in whole words.
            return unsafe { copy::from_shared(self.bytes, into) };
        }
        // SAFETY: there are `len` bytes, as was checked against the segment when it was claimed; `into` is as long and is not in
        // the segment. If another process writes there against the rules, some bytes are copied, whichever.
        unsafe { into.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(self.bytes, self.len) };
    }

    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.reserve(self.len);
        self.copy_to(&mut bytes.spare_capacity_mut()[..self.len]);
        // SAFETY: `copy_to` has written so many behind those that were there.
        unsafe { bytes.set_len(bytes.len() + self.len) };
    }
}

impl Connection {
    #[inline]
    fn ring(&self) -> Ring<'_, Layout> {
        Ring::new(self.layout(), self.me())
    }

    /// Claims a message.
    #[inline]
    pub(crate) fn claim(&self) -> Result<Claimed, NotReceived> {
        self.check().map_err(NotReceived::Fault)?;
        if let Some(at) = self.claim_rescued() {
            return self.open(at);
        }
        match self.ring().claim_message() {
            Ok(at) => self.open(at),
            Err(why) => self.claim_slowly(why),
        }
    }

    fn claim_rescued(&self) -> Option<Position> {
        self.look_for_rescued(|seen| self.ring().claim_rescued(seen))
    }

    #[cold]
    fn claim_slowly(&self, mut why: NoMessage) -> Result<Claimed, NotReceived> {
        let mut patience = Patience::new();
        loop {
            // Asked before we look again: who has left by now has sent before.
            let is_ended = why == NoMessage::Closed || self.is_ended_for_receivers();
            if why == NoMessage::Empty && !is_ended {
                self.check_segment().map_err(NotReceived::Fault)?;
                return Err(NotReceived::Empty);
            }
            if !patience.goes_on() {
                return Err(NotReceived::Empty);
            }
            if let Some(at) = self.claim_rescued() {
                return self.open(at);
            }
            why = match self.ring().claim_message() {
                Ok(at) => return self.open(at),
                Err(NoMessage::Corrupt) => {
                    return Err(NotReceived::Fault(Fault::Corrupt("a slot says what no slot can")));
                }
                Err(NoMessage::Empty | NoMessage::Closed) if is_ended && !self.ring().has_any() => {
                    self.check_segment().map_err(NotReceived::Fault)?;
                    return Err(NotReceived::Disconnected);
                }
                Err(why) => why,
            };
        }
    }

    /// What lies in a slot that we have claimed.
    #[inline]
    fn open(&self, at: Position) -> Result<Claimed, NotReceived> {
        let layout = self.layout();
        // Relaxed: published with the slot.
        let word = layout.slot_lengths(at.slot()).load(Ordering::Relaxed);
        let len = usize::try_from(word >> 32).unwrap_or(usize::MAX);
        let first = u32::try_from(word & u64::from(u32::MAX)).unwrap_or(IN_SLOT);
        if first == IN_SLOT && len <= layout.shape().inline as usize {
            return Ok(Claimed { at, bytes: layout.slot_bytes(at.slot()), len, run: None, is_watched: false });
        }
        let run = Run { first, count: layout.blocks_for(len) };
        let is_good = first != IN_SLOT && len <= layout.shape().max_len as usize && pool::adopt(layout, self.me(), run);
        if !is_good {
            // Nobody else could make more of it; the channel goes on without it.
            let _ = self.ring().commit_message(at);
            return Err(NotReceived::Fault(Fault::Corrupt("a message has no room where it is said to lie")));
        }
        Ok(Claimed { at, bytes: layout.block_bytes(first, len), len, run: Some(run), is_watched: false })
    }

    /// The message that we claimed at `at` some time ago.
    pub(crate) fn reopen(&self, at: Position) -> Result<Claimed, Fault> {
        self.check()?;
        self.open(at).map_err(|why| match why {
            NotReceived::Fault(fault) => fault,
            NotReceived::Empty | NotReceived::Disconnected => Fault::Corrupt("a claimed message is gone"),
        })
    }

    /// Keeps a claimed message for longer.
    pub(crate) fn hold(&self, claimed: &Claimed) -> bool {
        let is_held = self.ring().hold(claimed.at);
        if is_held {
            self.bells().after_hold(&self.ring());
        }
        is_held
    }

    /// A claimed message has been taken out.
    #[inline]
    pub(crate) fn finish(&self, claimed: &Claimed) -> Result<(), Fault> {
        let committed = self.ring().commit_message(claimed.at);
        committed.map_err(|_| Fault::Corrupt("a slot was changed while it was read"))?;
        if let Some(run) = claimed.run {
            pool::release(self.layout(), run);
        }
        self.check_damage()?;
        self.count(Field::Received);
        self.after_receive();
        Ok(())
    }

    /// A claimed message is left to others.
    pub(crate) fn give_back(&self, claimed: &Claimed) {
        if self.check().is_err() {
            return;
        }
        if let Some(run) = claimed.run {
            pool::keep(self.layout(), self.me(), run);
        }
        if self.ring().give_back(claimed.at).is_ok() {
            self.count(Field::GivenBack);
            self.layout().ring_all();
        }
    }

    /// Takes a message of ours back that nobody has claimed.
    pub(crate) fn withdraw(&self, at: Position) -> bool {
        // Of a broadcast some have seen it.
        if self.is_broadcast() || !self.ring().claim_back(at) {
            return false;
        }
        // By now its blocks may be nobody's, if somebody has had it and given it back; so they are made ours first.
        if let Ok(claimed) = self.open(at) {
            // Damaged, it is no more in there than otherwise.
            let _ = self.ring().commit_message(at);
            if let Some(run) = claimed.run {
                pool::release(self.layout(), run);
            }
        }
        self.layout().ring_all();
        true
    }

    pub(crate) fn was_received(&self, at: Position) -> bool {
        self.ring().was_received(at)
    }

    /// Whether what was sent at `at` is in no state that a message can be in, or the segment is none any more.
    pub(crate) fn is_lost(&self, at: Position) -> bool {
        self.check().is_err() || !self.ring().was_received(at) && !self.ring().is_there(at)
    }

    #[inline]
    fn bells(&self) -> Bells<'_> {
        Bells {
            items: self.bell(BellName::Items),
            places: self.bell(BellName::Places),
            received: self.bell(BellName::Received),
        }
    }

    #[inline]
    fn after_send(&self) {
        if self.is_broadcast() {
            return broadcast::after_send(self);
        }
        self.bells().after_send(&self.ring());
    }

    #[inline]
    fn after_receive(&self) {
        let has_blocks = self.layout().shape().blocks != 0;
        self.bells().after_receive(&self.ring(), has_blocks, || self.is_ended_for_receivers());
    }

    #[inline]
    pub(crate) fn is_ended_for_senders(&self) -> bool {
        let status = self.layout().status();
        status & CLOSED != 0
            || self.layout().shape().flags & ENDS_WITH_RECEIVERS != 0
                && status & (HAD_RECEIVERS | HAS_RECEIVERS) == HAD_RECEIVERS
    }

    /// No message will come any more, but those that are there.
    pub(crate) fn is_ended_for_receivers(&self) -> bool {
        let status = self.layout().status();
        status & CLOSED != 0
            || self.layout().shape().flags & ENDS_WITH_SENDERS != 0
                && status & (HAD_SENDERS | HAS_SENDERS) == HAD_SENDERS
    }

    /// Whether [`claim`](Connection::claim) would give an answer: a select asks until it does. The end is none as long as somebody
    /// has a message that may come back.
    pub(crate) fn may_receive(&self) -> bool {
        if self.is_broadcast() {
            return broadcast::may_receive(self);
        }
        self.ring().may_receive()
            || self.may_be_rescued()
            || self.check().is_err()
            || self.is_ended_for_receivers() && !self.ring().has_any()
    }

    /// Whether there is a place, for messages that need no more.
    pub(crate) fn may_send(&self) -> bool {
        if self.is_broadcast() {
            return broadcast::may_send(self);
        }
        self.ring().may_send() || self.is_ended_for_senders() || self.check().is_err()
    }

    /// Whether a message of so many bytes could be sent, or its sender be told why not.
    pub(crate) fn may_send_bytes(&self, bytes: Bytes<'_>) -> bool {
        let (layout, len) = (self.layout(), bytes.len());
        let shape = layout.shape();
        let is_short = len <= shape.inline as usize && !bytes.needs_blocks || len > shape.max_len as usize;
        let is_our_turn = !courtesy::is_due(layout.seldom(Seldom::Wanted), self.me(), courtesy::now);
        let has_room = || pool::has_room(layout, layout.blocks_for(len)) || broadcast::may_make_room(self);
        let has_blocks = || is_our_turn && has_room();
        self.is_ended_for_senders() || self.check().is_err() || self.may_send() && (is_short || has_blocks())
    }
}

/// How many messages there are.
pub(crate) fn len(layout: &Layout) -> u32 {
    Ring::new(layout, Owner::new(0, 0)).len()
}

/// Whether there is a message, or one may come back.
pub(crate) fn has_any(layout: &Layout) -> bool {
    Ring::new(layout, Owner::new(0, 0)).has_any()
}
