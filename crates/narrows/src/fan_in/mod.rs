//! Many writers, one reader: a lane for each sender, so no two senders touch the same lane, and a writer that floods its own
//! holds up no other. In order per sender only.
//!
//! ```
//! let (s, mut r) = narrows::fan_in::channel(16);
//! std::thread::scope(|scope| {
//!     for writer in 0..4 {
//!         let s = s.clone(); // a lane of its own
//!         scope.spawn(move || (0..100).for_each(|i| s.send((writer, i)).unwrap()));
//!     }
//!     drop(s);
//!     let mut next = [0; 4];
//!     for (writer, i) in r.iter() {
//!         assert_eq!(i, next[writer]);
//!         next[writer] += 1;
//!     }
//! });
//! ```
//! **Two messages of different senders may be received in either order**, also if one was sent because of the other. Where that
//! matters, and where there is one writer or little traffic, use [`bounded`](crate::bounded): it is in order over all.
//! It is not the faster one everywhere: with two processors and four writers a `bounded` channel with as many places in all took
//! less time per message. Measure where you mean to use it.
//! The capacity is per sender, too, so with many senders there is more inside; and who sleeps here leaves a ticket in each
//! lane, so ten thousand senders that are idle most of the time are better served by an ordinary channel.
//!
//! # Who is served
//! The lanes stand in a ring. The first is served until it is found empty, or [`BATCH`] messages of it were received; then it goes
//! to the end of the ring, where new lanes come in, too. So **at most `BATCH` messages of each lane that stands before it
//! are received before a lane's turn comes**, and no lane waits for ever, however many join.
//!
//! Empty means that every lane was empty at one moment within the call, as in every channel: the receiver is one, so nothing is
//! taken meanwhile, and a lane found empty was so when the first was looked at.

mod state;

use std::{
    fmt,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

pub use self::state::BATCH;
use self::state::{Core, Lane, State};
use crate::{
    arm::{Arm, Look, Seat, Ticket, Token, Who},
    channel::Chan,
    error::{RecvError, RecvTimeoutError, TryRecvError},
    handle,
    lanes::{self, LanesOp, Row, Rows, Source},
    select::SelectedOperation,
    sync::{Arc, Mutex, lock},
    time::Deadline,
    wait::Wait,
};

/// Makes a channel of lanes that hold so many messages each.
///
/// # Panics
/// If the capacity is 0: a sender does not know its receiver's turn, so it has to leave its message.
pub fn channel<T>(capacity_per_lane: usize) -> (Sender<T>, Receiver<T>) {
    pair(Some(capacity_per_lane))
}

/// The same with lanes without a bound.
///
/// ```
/// let (s, mut r) = narrows::fan_in::unbounded();
/// s.clone().send(1).unwrap();
/// assert_eq!(r.recv(), Ok(1));
/// # drop(s);
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    pair(None)
}

fn pair<T>(capacity: Option<usize>) -> (Sender<T>, Receiver<T>) {
    let (lane, first) = lanes::lane(capacity);
    let core = Arc::new(Core::new(capacity));
    let state = Mutex::new(State::new(first));
    (Sender { lane, core: core.clone() }, Receiver { state, core, rows: Rows::new() })
}

/// The sending end, with a lane of its own. A clone gets another lane.
///
/// It dereferences to the ordinary [`Sender`](crate::Sender) of its lane, with all its verbs, so that it can also stand in a
/// select. They are about the lane: its capacity, its length, its end ([`close`](crate::Sender::close) ends that lane alone).
/// A clone of *that* sender shares the lane, in order with it.
///
/// When the last sender goes, the receiver gets what is left and then `Disconnected`.
pub struct Sender<T> {
    lane: handle::Sender<T>,
    core: Arc<Core<T>>,
}

impl<T> Deref for Sender<T> {
    type Target = handle::Sender<T>;

    #[inline(always)]
    fn deref(&self) -> &handle::Sender<T> {
        &self.lane
    }
}

/// Makes a lane, which joins those of the receiver; it is closed if the receiver is gone, or has closed the channel.
impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        let (lane, here) = lanes::lane(self.core.capacity);
        self.core.join(here);
        Sender { lane, core: self.core.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.core.leave();
    }
}

/// The receiving end. There is one, and its verbs take it by `&mut`: nobody else receives meanwhile.
///
/// It can stand in [`select!`](crate::select), or be an [arm](crate::Select::arm) of a `Select`, to be completed with
/// [`recv_selected`](Receiver::recv_selected).
///
/// When it goes, messages left inside are dropped and sends fail, giving their message back.
pub struct Receiver<T> {
    /// Locked by selects, which share the receiver, and by those who only look.
    state: Mutex<State<T>>,
    core: Arc<Core<T>>,
    rows: Rows<T>,
}

impl<T> Receiver<T> {
    /// The state without the lock, for who has the receiver to itself.
    #[inline(always)]
    fn own(&mut self) -> (&mut State<T>, &Core<T>) {
        (self.state.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner), &self.core)
    }

    /// Under the lock; lanes that are gone are dropped after it.
    fn locked<R>(&self, f: impl FnOnce(&mut State<T>, &Core<T>) -> R) -> R {
        let mut state = lock(&self.state);
        let result = f(&mut state, &self.core);
        let gone = state.take_gone();
        drop(state);
        drop(gone);
        result
    }

    /// Receives the next message, waiting while every lane is empty.
    ///
    /// # Errors
    /// If every lane is empty and no sender is left, or the channel was closed, also if that happens while it waits.
    #[inline]
    pub fn recv(&mut self) -> Result<T, RecvError> {
        let mut message = None;
        if Chan::<T>::HAS_EASY_WAYS {
            self.own().0.take_easily(&mut message);
        }
        if let Some(message) = message { Ok(message) } else { self.recv_on() }
    }

    #[inline(never)]
    fn recv_on(&mut self) -> Result<T, RecvError> {
        let mut message = None;
        // An error is seen again by who waits.
        let _ = self.take(&mut message);
        if let Some(message) = message { Ok(message) } else { lanes::recv(self) }
    }

    /// Receives the next message if one is there.
    ///
    /// # Errors
    /// If every lane is empty, or empty and disconnected.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut message = None;
        if Chan::<T>::HAS_EASY_WAYS {
            self.own().0.take_easily(&mut message);
        }
        if let Some(message) = message { Ok(message) } else { self.try_recv_on() }
    }

    #[inline(never)]
    fn try_recv_on(&mut self) -> Result<T, TryRecvError> {
        let mut message = None;
        self.take(&mut message)?;
        Ok(message.expect("a receive that succeeded has its message"))
    }

    fn take(&mut self, into: &mut Option<T>) -> Result<(), TryRecvError> {
        let (state, core) = self.own();
        let taken = state.first(core, |lane| lane.take(into));
        drop(state.take_gone());
        taken
    }

    /// Receives the next message, waiting for at most `timeout`. A time-out beyond the clock's range never comes.
    ///
    /// # Errors
    /// If time has run out, or every lane is empty and disconnected.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        lanes::recv_by(self, Deadline::after(timeout))
    }

    /// Receives the next message, waiting until `deadline` at most. One that has passed already means: try once.
    ///
    /// # Errors
    /// If time has run out, or every lane is empty and disconnected.
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        lanes::recv_by(self, Deadline::At(deadline))
    }

    /// Receives the next message from a task: the future is ready when [`recv`](Receiver::recv) would return.
    ///
    /// # Cancel safety
    /// Dropping the future loses neither a message nor a wake-up.
    pub fn recv_async(&mut self) -> RecvFuture<'_, T> {
        RecvFuture(Wait::new(LanesOp::new(self)))
    }

    /// Completes a receive that a `Select` has chosen, to which this receiver was added as an arm.
    ///
    /// # Errors
    /// If every lane is empty and disconnected.
    ///
    /// # Panics
    /// If it was another arm that was chosen, as far as that can be told.
    pub fn recv_selected(&self, operation: SelectedOperation<'_>) -> Result<T, RecvError> {
        match operation.finish() {
            Token::DISCONNECTED => Err(RecvError),
            token => Ok(self.settle(token, |chan| lanes::complete(chan, token.slot()))),
        }
    }

    /// Does what is to be done with a chosen message, whose lane stays until then.
    fn settle<R>(&self, token: Token, act: impl FnOnce(&Chan<T>) -> R) -> R {
        let chan = self.locked(|state, _| state.chosen_of(token).map(Lane::chan_handle));
        let result = act(&chan.expect("passed a receiver that wasn't selected"));
        self.locked(|state, _| state.chosen_of(token).into_iter().for_each(Lane::settled));
        result
    }

    /// The messages as they come, until every lane is empty and disconnected. Waits for each.
    pub fn iter(&mut self) -> impl Iterator<Item = T> + use<'_, T> {
        std::iter::from_fn(|| self.recv().ok())
    }

    /// The messages that are there, until every lane is empty. Never waits.
    pub fn try_iter(&mut self) -> impl Iterator<Item = T> + use<'_, T> {
        std::iter::from_fn(|| self.try_recv().ok())
    }

    /// How many messages are inside, in all lanes together. Lanes are counted one after the other, while nothing is received.
    pub fn len(&self) -> usize {
        self.locked(|state, core| state.each(core).map(|lane| lane.outlet().len()).sum())
    }

    /// Whether no message is inside, at one moment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes every lane, also those of senders cloned later: what is inside can be received, and no more is sent. True if
    /// that made the difference.
    pub fn close(&self) -> bool {
        let was_open = !self.is_closed();
        let is_first = self.core.close();
        let chans: Vec<_> = self.locked(|state, core| state.each(core).cloned().collect());
        for chan in chans {
            chan.close();
        }
        was_open && is_first
    }

    /// Whether nothing more can be sent: [`close`](Receiver::close) was called, or no sender is left. Messages may be left.
    pub fn is_closed(&self) -> bool {
        self.locked(|state, core| state.is_over(core, |lane| lane.is_closed()))
    }

    /// Whether that is so and nothing is left: a receive would fail with `Disconnected`.
    pub fn is_disconnected(&self) -> bool {
        self.locked(|state, core| state.is_over(core, |lane| lane.is_drained()))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Lanes that had just joined go here, the others with the state.
        self.core.end();
    }
}

impl<T> Source<T> for &mut Receiver<T> {
    fn take(&mut self, into: &mut Option<T>) -> Result<(), TryRecvError> {
        Receiver::take(self, into)
    }

    fn looks_ready(&mut self) -> bool {
        let (state, core) = self.own();
        state.looks_ready(core)
    }

    fn enlist(&mut self, ticket: &dyn Fn(usize) -> Ticket, row: &mut Row<T>) -> bool {
        Receiver::enlist(self, ticket, row)
    }

    fn retract(&mut self, row: &mut Row<T>) {
        self.core.joins.retract(&mut row.own);
        row.retract();
    }
}

impl<T> Receiver<T> {
    /// The ticket among the joining first: a lane that joins later is heard of, and one that came before is in the row.
    fn enlist(&self, ticket: &dyn Fn(usize) -> Ticket, row: &mut Row<T>) -> bool {
        self.core.joins.enlist(ticket(0), &mut row.own);
        let mut stale = self.locked(|state, core| state.update(core, row));
        stale.retract();
        row.enlist(ticket).unwrap_or_else(|| self.core.is_over())
    }
}

impl<T> Arm for Receiver<T> {
    fn attempt(&self, who: Who<'_>) -> Option<Token> {
        match self.locked(|state, core| state.first(core, |lane| lane.choose(who))) {
            Ok(token) => Some(token),
            Err(TryRecvError::Disconnected) => Some(Token::DISCONNECTED),
            Err(TryRecvError::Empty) => None,
        }
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        !self.is_empty() || self.is_disconnected()
    }

    fn may_be_ready(&self) -> bool {
        self.locked(|state, core| state.looks_ready(core))
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.rows.enlist(ticket, seat, |ticket, row| Receiver::enlist(self, ticket, row))
    }

    fn retract(&self, seat: &mut Seat) {
        if let Some(mut row) = self.rows.leave(seat) {
            self.core.joins.retract(&mut row.own);
            row.retract();
        }
    }

    /// Another select may wait here.
    fn pass_on(&self) {
        let chans: Vec<_> = self.locked(|state, core| state.each(core).cloned().collect());
        for chan in chans {
            chan.outlet().pass_on_recv();
        }
    }

    fn abandon(&self, token: Token) {
        self.settle(token, |chan| chan.outlet().abandon_recv(Token::new(token.slot(), 0)));
    }
}

/// A receive in a task. From [`Receiver::recv_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct RecvFuture<'a, T>(Wait<LanesOp<T, &'a mut Receiver<T>>>);

impl<T> Future for RecvFuture<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
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
