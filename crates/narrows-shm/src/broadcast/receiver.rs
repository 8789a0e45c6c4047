//! The receiving end of a broadcast: one place in the row, which all who use the same receiver share.

use std::{
    collections::BTreeMap,
    fmt,
    marker::PhantomData,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use narrows::{
    Select, SelectedOperation,
    arm::{Arm, Look, Seat, Ticket, Token, Who},
    broadcast::Lag,
};

use super::{
    enter::{Begin, enter},
    gate,
    row::Found,
};
use crate::{
    channel::Inspection,
    codec::{Codec, Postcard},
    connection::{Membership, lock},
    error::OpenError,
    fault::{Fault, RecvError, RecvTimeoutError, TryRecvError},
    layout::{BellName, Field, Layout},
    members::Role,
    queue::{
        Claimed, NotReceived,
        patience::LOOKS_AT_BUSY,
        word::{Position, SlotWord},
    },
    sync::{Ordering, fence},
};

/// The receiving end of a broadcast between processes; from [`Broadcast::subscribe`](super::Broadcast::subscribe). Every receiver gets
/// every message; threads and tasks that use the same receiver share its messages.
///
/// As an [arm](narrows::Select::arm) of a select it is completed with [`complete`](Receiver::complete).
pub struct Receiver<T, C: Codec<T> = Postcard> {
    connection: Arc<Membership>,
    lag: Lag,
    desk: Mutex<Desk>,
    message: PhantomData<fn(C) -> T>,
}

/// Where a receiver stands.
struct Desk {
    next: Position,
    /// How many messages it has taken: the number of each.
    taken: u64,
    missed: u64,
    is_cut_off: bool,
    /// It may have gone before the receiver was there.
    spared: Option<Position>,
    /// Chosen by selects and not completed yet.
    chosen: BTreeMap<u64, Vec<u8>>,
    /// Chosen, and then left to others.
    returned: BTreeMap<u64, Vec<u8>>,
}

/// So often a message may be written over while it is read, before older ones than half of the row are given up.
const TEARS: u32 = 8;

impl<T, C: Codec<T>> Receiver<T, C> {
    /// A receiver that is the participant behind `connection`.
    pub(super) fn new(connection: Arc<Membership>, begin: Begin, lag: Lag) -> Receiver<T, C> {
        let (next, spared) = enter(&connection, begin, lag);
        let desk = Desk {
            next,
            taken: 0,
            missed: 0,
            is_cut_off: false,
            spared,
            chosen: BTreeMap::new(),
            returned: BTreeMap::new(),
        };
        Receiver { connection, lag, desk: Mutex::new(desk), message: PhantomData }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
    }

    /// Takes the next message.
    fn take(&self) -> Result<T, NotReceived> {
        let raw = self.take_by(C::take).and_then(|(_, raw)| raw.map_err(NotReceived::Fault))?;
        C::decode(raw).map_err(NotReceived::Fault)
    }

    /// Takes the next message out by `copy`, and its number.
    fn take_by<R>(&self, copy: impl Fn(&Claimed) -> R) -> Result<(u64, R), NotReceived> {
        self.connection.check().map_err(NotReceived::Fault)?;
        let mut desk = self.desk();
        if let Some((number, bytes)) = desk.returned.pop_first() {
            return Ok((number, Claimed::private(&bytes, copy)));
        }
        let (mut busy, mut tears) = (0, 0);
        // Each turn goes on or is counted; in memory that is not what it should be, this is the bound.
        for _ in 0..self.connection.row().patience() {
            if desk.is_cut_off {
                return Err(NotReceived::Disconnected);
            }
            // Asked before we look: who has left by now has sent before.
            let is_ended = self.connection.is_ended_for_receivers();
            match self.connection.row().find_or_seal(desk.next) {
                Found::Message(word) => match self.read(&mut desk, word, &copy) {
                    Some(taken) => return taken,
                    None => tears += 1,
                },
                Found::Tomb => {
                    let next = self.after(desk.next);
                    self.go_to(&mut desk, next);
                }
                Found::Lost(mut next) => {
                    let layout = self.connection.layout();
                    if tears > TEARS {
                        let tail = self.connection.row().tail();
                        next = latest(layout, next, back(layout, tail, layout.shape().slots / 2));
                        tears = 0;
                    }
                    self.lose(&mut desk, next);
                }
                Found::Busy if busy < LOOKS_AT_BUSY => {
                    busy += 1;
                    std::hint::spin_loop();
                }
                Found::Closed => return Err(self.unless_damaged(NotReceived::Disconnected)),
                Found::Nothing if is_ended => return Err(self.unless_damaged(NotReceived::Disconnected)),
                Found::Nothing => return Err(self.unless_damaged(NotReceived::Empty)),
                Found::Busy => {
                    // Whoever only tries never sleeps, and so would never see to it that the dead are noticed.
                    self.connection.watch_peers();
                    return Err(NotReceived::Empty);
                }
                Found::Corrupt => {
                    return Err(NotReceived::Fault(Fault::Corrupt("a slot says what no slot can")));
                }
            }
        }
        Err(NotReceived::Empty)
    }

    #[cold]
    fn unless_damaged(&self, why: NotReceived) -> NotReceived {
        self.connection.check_damage().map_or_else(NotReceived::Fault, |()| why)
    }

    fn after(&self, at: Position) -> Position {
        at.next(self.connection.layout().shape().slots)
    }

    fn go_to(&self, desk: &mut Desk, next: Position) {
        desk.next = next;
        desk.spared = None;
        gate::publish(&self.connection, next);
        self.connection.bell(BellName::Places).ring_all();
    }

    /// What lies before `next` has gone.
    fn lose(&self, desk: &mut Desk, next: Position) {
        let lost = next.minus(desk.next, self.connection.layout().shape().slots);
        let spared = i64::from(desk.spared == Some(desk.next));
        let missed = u64::try_from(lost - spared).unwrap_or(0);
        if self.lag == Lag::Disconnect && missed > 0 {
            self.cut_off(desk);
        }
        desk.missed += missed;
        self.go_to(desk, next);
    }

    /// It receives nothing more: to the others it is no receiver any more.
    fn cut_off(&self, desk: &mut Desk) {
        desk.is_cut_off = true;
        self.connection.drop_handle(Role::Receiver);
    }

    /// Reads the message here; `None` if it was written over meanwhile.
    fn read<R>(
        &self,
        desk: &mut Desk,
        word: SlotWord,
        copy: impl Fn(&Claimed) -> R,
    ) -> Option<Result<(u64, R), NotReceived>> {
        let (layout, at) = (self.connection.layout(), desk.next);
        // Acquire: pairs with the Release of who wrote it; if that was the next lap, the word has changed for us too.
        let lengths = layout.slot_lengths(at.slot()).load(Ordering::Acquire);
        let copied = Claimed::watched(layout, at, lengths).map(|message| copy(&message));
        if !self.connection.row().is_still(at, word) {
            return None;
        }
        let next = self.after(at);
        self.go_to(desk, next);
        let number = desk.taken;
        desk.taken += 1;
        self.connection.count(Field::Received);
        let room = copied.ok_or(Fault::Corrupt("a message has no room where it is said to lie"));
        let sound = room.and_then(|copied| self.connection.check_damage().map(|()| (number, copied)));
        Some(sound.map_err(NotReceived::Fault))
    }

    fn recv_by(&self, deadline: Option<Instant>) -> Result<T, NotReceived> {
        let taken = self.connection.wait(BellName::Items, deadline, || match self.take() {
            Err(NotReceived::Empty) => None,
            other => Some(other),
        });
        taken.unwrap_or(Err(NotReceived::Empty))
    }

    /// Receives the next message, waiting for it.
    ///
    /// # Errors
    /// If the channel has ended and this receiver has seen all, or was cut off; or see the fault.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_by(None).map_err(not_any_more)
    }

    /// Receives the next message if it is there.
    ///
    /// # Errors
    /// If it is not, or as [`recv`](Receiver::recv).
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.take().map_err(|why| match why {
            NotReceived::Empty => TryRecvError::Empty,
            NotReceived::Disconnected => TryRecvError::Disconnected,
            NotReceived::Fault(fault) => TryRecvError::Fault(fault),
        })
    }

    /// Receives the next message, waiting for at most `timeout`. One beyond the clock's range never comes.
    ///
    /// # Errors
    /// If none came, or as [`recv`](Receiver::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_by(Instant::now().checked_add(timeout)).map_err(not_in_time)
    }

    /// Receives the next message, waiting until `deadline` at most.
    ///
    /// # Errors
    /// If none came, or as [`recv`](Receiver::recv).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_by(Some(deadline)).map_err(not_in_time)
    }

    /// Receives the next message in a task.
    ///
    /// # Cancel safety
    /// Dropping the future loses no message.
    ///
    /// # Errors
    /// As [`recv`](Receiver::recv).
    pub async fn recv_async(&self) -> Result<T, RecvError> {
        loop {
            match self.take() {
                Err(NotReceived::Empty) => {
                    let mut select = Select::new_biased();
                    select.arm(self);
                    select.ready_async().await;
                }
                other => return other.map_err(not_any_more),
            }
        }
    }

    /// Completes the receive that a select has chosen, of which this receiver is an [arm](narrows::Select::arm).
    ///
    /// # Errors
    /// As [`recv`](Receiver::recv).
    pub fn complete(&self, operation: SelectedOperation<'_>) -> Result<T, RecvError> {
        let token = operation.finish();
        let chosen = if token.slot() == TAKEN { self.desk().chosen.remove(&token.number()) } else { None };
        let message = match chosen {
            Some(bytes) => Claimed::private(&bytes, C::take).and_then(C::decode).map_err(NotReceived::Fault),
            None => self.take(),
        };
        message.map_err(not_any_more)
    }

    /// Messages one after the other, until the channel has ended.
    pub fn iter(&self) -> impl Iterator<Item = Result<T, Fault>> {
        std::iter::from_fn(|| match self.recv() {
            Ok(message) => Some(Ok(message)),
            Err(RecvError::Disconnected) => None,
            Err(RecvError::Fault(fault)) => Some(Err(fault)),
        })
    }

    /// What happens when it lags.
    pub fn lag(&self) -> Lag {
        self.lag
    }

    /// How many messages it has missed so far, as it lagged: those that it has found gone. Messages whose sender died on the way
    /// may be among them.
    pub fn missed(&self) -> u64 {
        self.desk().missed
    }

    /// Whether it has been cut off, as it lagged ([`Lag::Disconnect`]).
    pub fn was_cut_off(&self) -> bool {
        self.desk().is_cut_off
    }

    /// How many messages it has yet to see.
    pub fn len(&self) -> usize {
        let desk = self.desk();
        let slots = self.connection.layout().shape().slots;
        let ahead = self.connection.row().tail().minus(desk.next, slots).clamp(0, i64::from(slots));
        usize::try_from(ahead).unwrap_or(0) + desk.returned.len()
    }

    /// Whether it has seen every message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more receiver, which stands where this one stands, and lags as it does.
    ///
    /// # Errors
    /// It is another participant, and there may be no room for one; see [`OpenError`].
    pub fn try_clone(&self) -> Result<Self, OpenError> {
        let connection = super::another(&self.connection)?;
        // Held, so that this one stays where it is: it keeps the messages until the other does.
        let desk = self.desk();
        let clone = Receiver::new(connection, Begin::Beside(desk.next), self.lag);
        if desk.is_cut_off {
            clone.cut_off(&mut clone.desk());
        }
        drop(desk);
        Ok(clone)
    }

    /// Closes the channel for everybody: receivers get what they have not seen, and are then told the end. False if it was closed.
    pub fn close(&self) -> bool {
        self.inspect().close()
    }

    /// Whether nothing will come any more but what is there.
    pub fn is_closed(&self) -> bool {
        self.connection.is_ended_for_receivers()
    }

    /// Who takes part, and how the channel is doing.
    pub fn inspect(&self) -> Inspection {
        self.connection.inspect()
    }
}

/// So many positions before `at`, at most a lap.
fn back(layout: &Layout, at: Position, by: u32) -> Position {
    let slots = layout.shape().slots;
    match at.slot().checked_sub(by) {
        Some(slot) => Position::new(at.lap(), slot),
        None => Position::new(at.lap().wrapping_sub(1), slots - by.min(slots) + at.slot()),
    }
}

fn latest(layout: &Layout, a: Position, b: Position) -> Position {
    if a.minus(b, layout.shape().slots) >= 0 { a } else { b }
}

fn not_any_more(why: NotReceived) -> RecvError {
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

const TAKEN: usize = 1;
const FAILED: usize = 0;

/// Chosen, it has taken a message: complete it with [`complete`](Receiver::complete).
impl<T, C: Codec<T>> Arm for Receiver<T, C> {
    fn attempt(&self, _: Who<'_>) -> Option<Token> {
        let copy = |message: &Claimed| {
            let mut bytes = Vec::new();
            message.append_to(&mut bytes);
            bytes
        };
        match self.take_by(copy) {
            Ok((number, bytes)) => {
                self.desk().chosen.insert(number, bytes);
                Some(Token::new(TAKEN, number))
            }
            Err(NotReceived::Empty) => None,
            Err(_) => Some(Token::new(FAILED, 0)),
        }
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        let desk = self.desk();
        !desk.returned.is_empty() || desk.is_cut_off || self.connection.may_receive()
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.connection.enlist(BellName::Items, ticket, seat);
        let desk = self.desk();
        Look { ready: !desk.returned.is_empty() || desk.is_cut_off || self.connection.may_receive(), due: None }
    }

    fn retract(&self, seat: &mut Seat) {
        self.connection.retract(BellName::Items, seat);
    }

    fn pass_on(&self) {
        self.connection.bell(BellName::Items).ring_all();
    }

    fn abandon(&self, token: Token) {
        let mut desk = self.desk();
        if token.slot() == TAKEN
            && let Some(bytes) = desk.chosen.remove(&token.number())
        {
            desk.returned.insert(token.number(), bytes);
            drop(desk);
            // SeqCst: as in `Word::publish`, for who else uses this receiver.
            fence(Ordering::SeqCst);
            self.connection.bell(BellName::Items).ring_all();
        }
    }
}

impl<T, C: Codec<T>> Drop for Receiver<T, C> {
    fn drop(&mut self) {
        if self.connection.check().is_ok() {
            // Before the status changes and all are rung.
            gate::await_me(&self.connection, false);
        }
        if !self.was_cut_off() {
            self.connection.drop_handle(Role::Receiver);
        }
    }
}

impl<T, C: Codec<T>> fmt::Debug for Receiver<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}
