//! Waiting for the first message of several lanes. A lane is an ordinary channel that stores its messages, whose receiver is
//! kept here, so its senders are ordinary senders. Knows nothing of which lane is served first: that is for `priority`
//! and `fan_in`, each a [`Source`].
//!
//! Whoever waits leaves a ticket in every lane (a [`Row`]) and looks once more, as a select does, so no wake-up is lost for
//! the reasons given in `wait/README.md`: its argument is about one waiter with tickets in any number of lists.
//!
//! Invariants: a lane is attempted by who has its source to itself, so that nobody takes messages while several lanes are
//! looked at: a lane found empty was so when the first was looked at, and "all are empty" was true at that moment. No
//! ticket is left or taken back, and nobody is woken, under a source's lock.

mod rows;

pub(crate) use self::rows::Rows;
use crate::{
    arm::{Look, Seat, Stance, Ticket, Token, Who},
    channel::{Chan, bounded, unbounded},
    error::{RecvError, RecvTimeoutError, TryRecvError},
    flavor::unless_empty,
    handle::{Receiver, Sender},
    shared::Shared,
    sync::Arc,
    time::Deadline,
    wait::{self, Op, waiter::Waiter},
};

/// Makes a lane; `None` is without a bound. One without places could not be compared with others.
pub(crate) fn lane<T>(bound: Option<usize>) -> (Sender<T>, Receiver<T>) {
    assert_ne!(bound, Some(0), "a lane has room for one message at least");
    bound.map_or_else(unbounded, bounded)
}

/// The channel of a lane.
#[inline(always)]
pub(crate) fn chan<T>(lane: &Receiver<T>) -> &Chan<T> {
    lane.chan().expect("a lane is a channel")
}

/// A handle of it that does not count as a receiver.
pub(crate) fn shared<T>(lane: &Receiver<T>) -> &Shared<Chan<T>> {
    lane.shared().expect("a lane is a channel")
}

/// What a choice of a lane has come to.
pub(crate) fn unless_none(chosen: Option<Token>) -> Result<Token, TryRecvError> {
    match chosen {
        Some(Token::DISCONNECTED) => Err(TryRecvError::Disconnected),
        Some(token) => Ok(token),
        None => Err(TryRecvError::Empty),
    }
}

/// Takes what was chosen from a lane.
pub(crate) fn complete<T>(chan: &Chan<T>, chosen: usize) -> T {
    let (token, mut message) = (Token::new(chosen, 0), None);
    chan.take_chosen(token, &mut message);
    if message.is_none() {
        chan.outlet().complete_recv(token, &mut message);
    }
    message.expect("passed a receiver that wasn't selected")
}

/// A guess whether a message is there.
pub(crate) fn may_have_message<T>(lane: &Receiver<T>) -> bool {
    let outlet = chan(lane).outlet();
    outlet.may_recv() && !outlet.is_drained()
}

/// Several lanes, and the order in which they are served.
pub(crate) trait Source<T> {
    /// Takes the next message into `into`, which is empty. Empty and Disconnected are true of all lanes at one moment.
    fn take(&mut self, into: &mut Option<T>) -> Result<(), TryRecvError>;

    /// A guess whether that would succeed.
    fn looks_ready(&mut self) -> bool;

    /// Leaves a ticket in every lane, then looks once more whether there is a message, or the end.
    fn enlist(&mut self, ticket: &dyn Fn(usize) -> Ticket, row: &mut Row<T>) -> bool;

    /// Takes every ticket back.
    fn retract(&mut self, row: &mut Row<T>) {
        row.retract();
    }
}

#[derive(Debug)]
struct Spot<T> {
    chan: Shared<Chan<T>>,
    seat: Seat,
}

/// The tickets of one waiter: that in lane `i` is its arm `i + 1`. Its arm 0 is the source's own.
#[derive(Debug)]
pub(crate) struct Row<T> {
    spots: Vec<Spot<T>>,
    /// Which set of lanes it is for.
    pub(crate) generation: u64,
    pub(crate) own: Seat,
}

impl<T> Row<T> {
    pub(crate) fn new() -> Row<T> {
        Row { spots: Vec::new(), generation: 0, own: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spots.is_empty()
    }

    /// Makes it the row of these lanes, without tickets.
    pub(crate) fn set<'a>(&mut self, lanes: impl Iterator<Item = &'a Receiver<T>>)
    where
        T: 'a,
    {
        self.spots.extend(lanes.map(|lane| Spot { chan: shared(lane).clone(), seat: None }));
    }

    /// Takes out what is there.
    pub(crate) fn take(&mut self) -> Row<T> {
        Row { spots: std::mem::take(&mut self.spots), generation: 0, own: None }
    }

    /// Leaves the tickets. `Some(true)`: there is a message; `None`: every lane is at its end.
    pub(crate) fn enlist(&mut self, ticket: &dyn Fn(usize) -> Ticket) -> Option<bool> {
        let mut is_over = true;
        for (at, spot) in self.spots.iter_mut().enumerate() {
            let look = spot.chan.outlet().enlist_recv(ticket(at + 1), &mut spot.seat);
            // At its end a lane looks ready for ever. A message that a select gives back there finds the ticket.
            let is_drained = look.ready && spot.chan.outlet().is_drained();
            if look.ready && !is_drained {
                return Some(true);
            }
            is_over &= is_drained;
        }
        (!is_over).then_some(false)
    }

    pub(crate) fn retract(&mut self) {
        for spot in &mut self.spots {
            spot.chan.outlet().retract_recv(&mut spot.seat);
        }
    }

    /// The ticket of a single operation went with its claim.
    fn note_claim(&mut self, arm: usize) {
        if let Some(spot) = arm.checked_sub(1).and_then(|at| self.spots.get_mut(at)) {
            spot.chan.outlet().was_received(&mut spot.seat, &mut None);
        }
    }

    /// A wake-up by that lane may go unused, for we took from another.
    fn pass_on(&self, arm: usize) {
        if let Some(spot) = arm.checked_sub(1).and_then(|at| self.spots.get(at)) {
            spot.chan.outlet().pass_on_recv();
        }
    }
}

/// Receives the next message.
#[derive(Debug)]
pub(crate) struct LanesOp<T, S> {
    source: S,
    row: Row<T>,
}

impl<T, S: Source<T>> LanesOp<T, S> {
    pub(crate) fn new(source: S) -> LanesOp<T, S> {
        LanesOp { source, row: Row::new() }
    }
}

impl<T, S: Source<T>> Op for LanesOp<T, S> {
    type Output = Result<T, RecvError>;

    fn attempt(&mut self, _: Who<'_>) -> Option<Self::Output> {
        let mut message = None;
        let taken = unless_empty(self.source.take(&mut message))?;
        Some(taken.map(|()| message.expect("a receive that succeeded has its message")))
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        let ticket = |arm| Ticket { waiter: waiter.clone(), arm, stance: Stance::Single };
        Look::ready(self.source.enlist(&ticket, &mut self.row))
    }

    fn claimed(&mut self, arm: usize) -> Option<Self::Output> {
        self.row.note_claim(arm);
        None
    }

    fn retract(&mut self) {
        self.source.retract(&mut self.row);
    }

    fn pass_on(&mut self, arm: usize) {
        self.row.pass_on(arm);
    }

    fn looks_ready(&mut self) -> bool {
        self.source.looks_ready()
    }
}

/// Blocks for the next message.
#[cold]
pub(crate) fn recv_by<T>(source: impl Source<T>, deadline: Deadline) -> Result<T, RecvTimeoutError> {
    match wait::block(&mut LanesOp::new(source), deadline) {
        Some(received) => received.map_err(|RecvError| RecvTimeoutError::Disconnected),
        None => Err(RecvTimeoutError::Timeout),
    }
}

/// The same without a deadline.
pub(crate) fn recv<T>(source: impl Source<T>) -> Result<T, RecvError> {
    recv_by(source, Deadline::Never).map_err(|_| RecvError)
}
