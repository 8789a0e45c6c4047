//! A channel of lanes, the most urgent first: first in, first out within a lane, and no lane waits for ever.
//!
//! ```
//! let ([urgent, usual], r) = narrows::priority::channel([8, 64]);
//! usual.send("usual").unwrap();
//! urgent.send("urgent").unwrap();
//! assert_eq!(r.recv(), Ok("urgent"));
//! assert_eq!(r.recv(), Ok("usual"));
//! ```
//! Each lane is an ordinary channel with a capacity of its own, and its senders are ordinary [`Sender`]s: a full lane holds up
//! only those who send into it. Give each message the lane of its urgency when it is sent; what must be sorted by a key of many
//! values belongs into a heap, not into a channel.
//!
//! # How long a message may be passed over
//! A lane's *age* is how many messages were served since its own turn, which is when one of its own was served or it was found
//! empty. With an age of `patience` ([`PATIENCE`] unless [`lanes`] is told another) the lane is due, and the oldest lane
//! that is due is served before any other. So of `n` lanes, **at most `patience + n - 2` messages of other lanes are received
//! while a message is the oldest of its lane**, whatever is sent meanwhile and by however many receivers it is received; the
//! k-th oldest of a lane is received after at most `k * (patience + n - 2)` of them. It is counted in messages, not in time.
//! Other than by that rule no message is received while one of a more urgent lane is there.

mod ages;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use self::ages::Ages;
use crate::{
    arm::{Arm, Look, Seat, Ticket, Token, Who},
    buffer::Front,
    error::{RecvError, RecvTimeoutError, TryRecvError},
    handle::{self, Sender},
    lanes::{self, LanesOp, Row, Rows, Source, chan},
    select::SelectedOperation,
    sync::{Arc, Mutex, lock},
    time::Deadline,
    wait::Wait,
};

/// How many messages are served while a lane waits, before it is due. Of three full lanes the most urgent gets 31 of 33.
pub const PATIENCE: usize = 32;

/// Makes a channel with a lane for each of the capacities; the first is the most urgent.
///
/// # Panics
/// If a capacity is 0: a lane must hold what is compared.
///
/// ```
/// let ([high, low], r) = narrows::priority::channel([1, 1]);
/// low.send(2).unwrap();
/// high.send(1).unwrap();
/// drop((high, low));
/// assert_eq!(r.iter().collect::<Vec<_>>(), [1, 2]);
/// ```
pub fn channel<T, const N: usize>(capacities: [usize; N]) -> ([Sender<T>; N], Receiver<T>) {
    array(capacities.map(Some))
}

/// The same with lanes without a bound.
///
/// ```
/// let ([high, low], r) = narrows::priority::unbounded();
/// (0..100).for_each(|i| low.send(i).unwrap());
/// high.send(-1).unwrap();
/// assert_eq!(r.recv(), Ok(-1));
/// ```
pub fn unbounded<T, const N: usize>() -> ([Sender<T>; N], Receiver<T>) {
    array([None; N])
}

/// The same with as many lanes as there are capacities, `None` for a lane without a bound, and with a patience of your own
/// (0 is taken for 1, which serves full lanes by turns; `usize::MAX` lets urgent messages hold up the others for ever).
///
/// # Panics
/// If a capacity is 0.
///
/// ```
/// let (senders, r) = narrows::priority::lanes([Some(1), Some(4), None], 10);
/// senders[2].send("hello").unwrap();
/// assert_eq!(r.recv(), Ok("hello"));
/// ```
pub fn lanes<T>(capacities: impl IntoIterator<Item = Option<usize>>, patience: usize) -> (Vec<Sender<T>>, Receiver<T>) {
    let (senders, lanes): (Vec<_>, Vec<_>) = capacities.into_iter().map(lanes::lane).unzip();
    (senders, Receiver::new(lanes, patience))
}

fn array<T, const N: usize>(bounds: [Option<usize>; N]) -> ([Sender<T>; N], Receiver<T>) {
    let (senders, r) = lanes(bounds, PATIENCE);
    let Ok(senders) = senders.try_into() else { unreachable!("a sender for each bound") };
    (senders, r)
}

#[derive(Debug)]
struct Core<T> {
    lanes: Box<[handle::Receiver<T>]>,
    /// Who takes a message, or chooses one, holds this from the first lane looked at to the last.
    ages: Mutex<Ages>,
    rows: Rows<T>,
}

/// A message found, to be taken without the lock: that wakes a sender.
enum Found<'a, T> {
    Front(Front<'a, T>),
    /// One that was given back: its lane, and its number there.
    Chosen(usize, usize),
}

impl<T> Core<T> {
    fn find(&self) -> Result<Found<'_, T>, TryRecvError> {
        lock(&self.ages).serve(|lane| {
            let chan = chan(&self.lanes[lane]);
            match chan.front_or_why() {
                Ok(front) => Ok(Found::Front(front)),
                Err(Some(why)) => Err(why),
                Err(None) => {
                    let token = lanes::unless_none(chan.outlet().choose_recv_quietly(Who::THREAD))?;
                    Ok(Found::Chosen(lane, token.slot()))
                }
            }
        })
    }

    fn take(&self, into: &mut Option<T>) -> Result<(), TryRecvError> {
        match self.find()? {
            Found::Front(front) => front.take(into),
            Found::Chosen(lane, number) => *into = Some(lanes::complete(chan(&self.lanes[lane]), number)),
        }
        Ok(())
    }

    fn choose(&self, who: Who<'_>) -> Result<Token, TryRecvError> {
        lock(&self.ages).serve(|lane| {
            let token = lanes::unless_none(chan(&self.lanes[lane]).outlet().choose_recv_quietly(who))?;
            Ok(Token::new(token.slot(), lane as u64))
        })
    }

    fn enlist(&self, ticket: &dyn Fn(usize) -> Ticket, row: &mut Row<T>) -> bool {
        if row.is_empty() {
            row.set(self.lanes.iter());
        }
        row.enlist(ticket).unwrap_or(true)
    }

    fn lane_of(&self, token: Token) -> &handle::Receiver<T> {
        let lane = usize::try_from(token.number()).ok().and_then(|lane| self.lanes.get(lane));
        lane.expect("passed a receiver that wasn't selected")
    }
}

/// The receiving end. Clone it for more receivers; each message goes to one of them, and the bound holds for all together.
///
/// It can stand in [`select!`](crate::select), or be an [arm](crate::Select::arm) of a `Select`, to be completed with
/// [`recv_selected`](Receiver::recv_selected).
///
/// When the last receiver goes, messages left inside are dropped and sends fail, giving their message back.
pub struct Receiver<T> {
    core: Arc<Core<T>>,
}

impl<T> Receiver<T> {
    fn new(lanes: Vec<handle::Receiver<T>>, patience: usize) -> Receiver<T> {
        let ages = Mutex::new(Ages::new(lanes.len(), patience));
        Receiver { core: Arc::new(Core { lanes: lanes.into(), ages, rows: Rows::new() }) }
    }

    /// Receives the next message, waiting while every lane is empty.
    ///
    /// # Errors
    /// If every lane is empty and disconnected, also if that happens while it waits.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        let mut message = None;
        // An error is seen again by who waits.
        let _ = self.core.take(&mut message);
        if let Some(message) = message { Ok(message) } else { lanes::recv(self) }
    }

    /// Receives the next message if one is there. Empty means that all lanes were, at one moment.
    ///
    /// # Errors
    /// If every lane is empty, or empty and disconnected.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut message = None;
        self.core.take(&mut message)?;
        Ok(message.expect("a receive that succeeded has its message"))
    }

    /// Receives the next message, waiting for at most `timeout`. A time-out beyond the clock's range never comes.
    ///
    /// # Errors
    /// If time has run out, or every lane is empty and disconnected.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        lanes::recv_by(self, Deadline::after(timeout))
    }

    /// Receives the next message, waiting until `deadline` at most. One that has passed already means: try once.
    ///
    /// # Errors
    /// If time has run out, or every lane is empty and disconnected.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        lanes::recv_by(self, Deadline::At(deadline))
    }

    /// Receives the next message from a task: the future is ready when [`recv`](Receiver::recv) would return.
    ///
    /// # Cancel safety
    /// Dropping the future loses neither a message nor a wake-up.
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture(Wait::new(LanesOp::new(self)))
    }

    /// Completes a receive that a `Select` has chosen, to which this receiver, or a clone, was added as an arm.
    ///
    /// # Errors
    /// If every lane is empty and disconnected.
    ///
    /// # Panics
    /// If it was another arm that was chosen, as far as that can be told.
    ///
    /// ```
    /// let ([high, low], r) = narrows::priority::channel([1, 1]);
    /// low.send(1).unwrap();
    /// let mut select = narrows::Select::new();
    /// select.arm(&r);
    /// let operation = select.select();
    /// assert_eq!(r.recv_selected(operation), Ok(1));
    /// # drop(high);
    /// ```
    pub fn recv_selected(&self, operation: SelectedOperation<'_>) -> Result<T, RecvError> {
        match operation.finish() {
            Token::DISCONNECTED => Err(RecvError),
            token => Ok(lanes::complete(chan(self.core.lane_of(token)), token.slot())),
        }
    }

    /// The messages as they come, until every lane is empty and disconnected. Waits for each.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'_, T> {
        std::iter::from_fn(|| self.recv().ok())
    }

    /// The messages that are there, until every lane is empty. Never waits.
    pub fn try_iter(&self) -> impl Iterator<Item = T> + use<'_, T> {
        std::iter::from_fn(|| self.try_recv().ok())
    }

    /// How many messages are inside, in all lanes together. Lanes are counted one after the other, while nothing is received.
    pub fn len(&self) -> usize {
        let _nothing_is_taken = lock(&self.core.ages);
        self.core.lanes.iter().map(handle::Receiver::len).sum()
    }

    /// Whether no message is inside, at one moment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes every lane: what is inside can be received, and no more is sent. True if a lane was open.
    pub fn close(&self) -> bool {
        self.core.lanes.iter().fold(false, |closed, lane| lane.close() | closed)
    }

    /// Whether every lane is closed, by [`close`](Receiver::close) or because its senders are gone. Messages may be left.
    pub fn is_closed(&self) -> bool {
        self.core.lanes.iter().all(handle::Receiver::is_closed)
    }

    /// Whether every lane is closed and nothing is left: a receive would fail with `Disconnected`.
    pub fn is_disconnected(&self) -> bool {
        let _nothing_is_taken = lock(&self.core.ages);
        self.core.lanes.iter().all(handle::Receiver::is_disconnected)
    }
}

impl<T> Source<T> for &Receiver<T> {
    fn take(&mut self, into: &mut Option<T>) -> Result<(), TryRecvError> {
        self.core.take(into)
    }

    fn looks_ready(&mut self) -> bool {
        self.may_be_ready()
    }

    fn enlist(&mut self, ticket: &dyn Fn(usize) -> Ticket, row: &mut Row<T>) -> bool {
        self.core.enlist(ticket, row)
    }
}

impl<T> Arm for Receiver<T> {
    fn attempt(&self, who: Who<'_>) -> Option<Token> {
        match self.core.choose(who) {
            Ok(token) => Some(token),
            Err(TryRecvError::Disconnected) => Some(Token::DISCONNECTED),
            Err(TryRecvError::Empty) => None,
        }
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        !self.is_empty() || self.is_disconnected()
    }

    fn may_be_ready(&self) -> bool {
        self.core.lanes.iter().any(lanes::may_have_message)
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.core.rows.enlist(ticket, seat, |ticket, row| self.core.enlist(ticket, row))
    }

    fn retract(&self, seat: &mut Seat) {
        if let Some(mut row) = self.core.rows.leave(seat) {
            row.retract();
        }
    }

    /// Which lane it came from is not known any more.
    fn pass_on(&self) {
        for lane in &self.core.lanes {
            chan(lane).outlet().pass_on_recv();
        }
    }

    fn abandon(&self, token: Token) {
        chan(self.core.lane_of(token)).outlet().abandon_recv(Token::new(token.slot(), 0));
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        Receiver { core: self.core.clone() }
    }
}

/// A receive in a task. From [`Receiver::recv_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct RecvFuture<'a, T>(Wait<LanesOp<T, &'a Receiver<T>>>);

impl<T> Future for RecvFuture<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}

impl<T> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("RecvFuture { .. }")
    }
}
