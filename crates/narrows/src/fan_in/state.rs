//! The ring of lanes, and those who join and leave it.
//!
//! ```text
//! Core   lanes that have joined and were not seen yet; how many senders there are; closed?      shared with the senders
//! State  the ring: [being served, ...]; how much of its turn is left                            the receiver's
//!
//! a lane   joined --seen--> in the ring --its sender gone, empty, nothing chosen--> gone
//! ```
//! Invariants: while a sender lives its lane is in the one or the other, or was closed apart; once there is no sender, or the
//! channel is closed, no lane joins. The lock on `joined` is taken inside that on the state, never the other way round.

use std::collections::VecDeque;

use crate::{
    arm::{Token, Who},
    channel::Chan,
    error::TryRecvError,
    flavor::Outlet,
    handle::Receiver,
    lanes::{self, Row, chan},
    shared::Shared,
    sync::{AtomicUsize, Mutex, Ordering, fence, lock},
    wait::list::WaitList,
};

/// So many messages of a lane are received before it is the next one's turn, if it has so many. A turn costs about as much as a
/// message, and the next lane's lie on other cache lines: among so many that is little.
pub const BATCH: usize = 32;

/// So many lanes join before those that are over are looked for among them.
const SWEEP_AT: usize = 32;

#[derive(Debug)]
struct Joined<T> {
    lanes: Vec<Receiver<T>>,
    sweep_at: usize,
    senders: usize,
    is_closed: bool,
}

/// What the senders share with the receiver.
#[derive(Debug)]
pub(super) struct Core<T> {
    pub(super) capacity: Option<usize>,
    /// A hint that some have joined; written under the lock.
    has_joined: AtomicUsize,
    joined: Mutex<Joined<T>>,
    /// The receiver, if it waits for lanes or for the end.
    pub(super) joins: WaitList,
}

impl<T> Core<T> {
    pub(super) fn new(capacity: Option<usize>) -> Core<T> {
        let joined = Joined { lanes: Vec::new(), sweep_at: SWEEP_AT, senders: 1, is_closed: false };
        Core { capacity, has_joined: AtomicUsize::new(0), joined: Mutex::new(joined), joins: WaitList::new() }
    }

    /// A sender more, with its lane.
    pub(super) fn join(&self, lane: Receiver<T>) {
        let mut joined = lock(&self.joined);
        joined.senders += 1;
        if joined.is_closed {
            // Without a receiver the lane is closed.
            drop(joined);
            drop(lane);
            return;
        }
        joined.lanes.push(lane);
        let mut gone = Vec::new();
        if joined.lanes.len() >= joined.sweep_at {
            // Else a receiver that does not come would keep the lane of every sender there ever was.
            (gone, joined.lanes) = std::mem::take(&mut joined.lanes).into_iter().partition(Receiver::is_disconnected);
            joined.sweep_at = SWEEP_AT.max(joined.lanes.len() * 2);
        }
        // Relaxed: a hint for who has lanes to serve; who finds none takes the lock.
        self.has_joined.store(1, Ordering::Relaxed);
        drop(joined);
        drop(gone);
        self.tell();
    }

    /// A sender less; its lane ends by itself.
    pub(super) fn leave(&self) {
        let mut joined = lock(&self.joined);
        joined.senders -= 1;
        let is_last = joined.senders == 0;
        drop(joined);
        if is_last {
            self.tell();
        }
    }

    /// No lane joins any more.
    /// True for the call that did it.
    pub(super) fn close(&self) -> bool {
        let was_closed = std::mem::replace(&mut lock(&self.joined).is_closed, true);
        self.tell();
        !was_closed
    }

    /// The same without a receiver: those that had just joined go.
    pub(super) fn end(&self) {
        let mut joined = lock(&self.joined);
        joined.is_closed = true;
        let gone = std::mem::take(&mut joined.lanes);
        drop(joined);
        drop(gone);
    }

    fn tell(&self) {
        // SeqCst: pairs with the fence in `WaitList::enlist`: the receiver is found, or sees what has just been written.
        fence(Ordering::SeqCst);
        self.joins.notify_all_fenced();
    }

    /// Whether no lane joins any more.
    pub(super) fn is_over(&self) -> bool {
        lock(&self.joined).is_over()
    }
}

impl<T> Joined<T> {
    fn is_over(&self) -> bool {
        self.is_closed || self.senders == 0
    }
}

/// A lane in the ring.
#[derive(Debug)]
pub(super) struct Lane<T> {
    receiver: Receiver<T>,
    number: u64,
    /// So many of its messages are chosen by selects.
    chosen: usize,
}

impl<T> Lane<T> {
    #[inline(always)]
    fn chan(&self) -> &Chan<T> {
        chan(&self.receiver)
    }

    /// Takes its oldest message.
    pub(super) fn take(&self, into: &mut Option<T>) -> Result<(), TryRecvError> {
        let chan = self.chan();
        match chan.front_or_why() {
            Ok(front) => {
                front.take(into);
                Ok(())
            }
            Err(Some(why)) => Err(why),
            Err(None) => chan.outlet().recv(into, Who::THREAD),
        }
    }

    pub(super) fn choose(&mut self, who: Who<'_>) -> Result<Token, TryRecvError> {
        let token = lanes::unless_none(self.chan().outlet().choose_recv_quietly(who))?;
        self.chosen += 1;
        Ok(Token::new(token.slot(), self.number))
    }

    /// A handle that may outlive its stay in the ring.
    pub(super) fn chan_handle(&mut self) -> Shared<Chan<T>> {
        lanes::shared(&self.receiver).clone()
    }

    /// A chosen message was taken or given back.
    pub(super) fn settled(&mut self) {
        self.chosen -= 1;
    }
}

/// The ring.
#[derive(Debug)]
pub(super) struct State<T> {
    ring: VecDeque<Lane<T>>,
    /// How many messages the first may still have.
    left: usize,
    next_number: u64,
    /// Changes whenever a lane comes or goes.
    generation: u64,
    /// Out of the ring, to be dropped where no lock is held.
    gone: Vec<Lane<T>>,
}

impl<T> State<T> {
    pub(super) fn new(first: Receiver<T>) -> State<T> {
        let ring = VecDeque::from([Lane { receiver: first, number: 0, chosen: 0 }]);
        State { ring, left: BATCH, next_number: 1, generation: 1, gone: Vec::new() }
    }

    pub(super) fn take_gone(&mut self) -> Vec<Lane<T>> {
        std::mem::take(&mut self.gone)
    }

    /// The usual receive from the lane whose turn it is. Nothing is no answer.
    #[inline(always)]
    pub(super) fn take_easily(&mut self, into: &mut Option<T>) {
        if self.left > 0
            && let Some(lane) = self.ring.front()
            && lane.chan().recv_easily(into).is_ok()
        {
            self.left -= 1;
        }
    }

    /// Lets in who has joined; whether there was one.
    fn admit(&mut self, joined: &mut Joined<T>, core: &Core<T>) -> bool {
        // Relaxed: as in `join`.
        core.has_joined.store(0, Ordering::Relaxed);
        let before = self.ring.len();
        for receiver in joined.lanes.drain(..) {
            self.ring.push_back(Lane { receiver, number: self.next_number, chosen: 0 });
            self.next_number += 1;
        }
        let has_come = self.ring.len() > before;
        self.generation += u64::from(has_come);
        has_come
    }

    /// The first lane goes to the end of the ring.
    fn turn(&mut self) {
        self.left = BATCH;
        if self.ring.len() > 1 {
            self.ring.rotate_left(1);
        }
    }

    /// Serves the first lane of the ring of which `attempt` does not say that it is empty or at its end.
    pub(super) fn first<R>(
        &mut self,
        core: &Core<T>,
        mut attempt: impl FnMut(&mut Lane<T>) -> Result<R, TryRecvError>,
    ) -> Result<R, TryRecvError> {
        // Relaxed: as in `join`.
        if core.has_joined.load(Ordering::Relaxed) != 0 {
            self.admit(&mut lock(&core.joined), core);
        }
        if self.left == 0 {
            self.turn();
        }
        loop {
            let mut is_over = true;
            for _ in 0..self.ring.len() {
                let Some(lane) = self.ring.front_mut() else { break };
                match attempt(lane) {
                    Ok(result) => {
                        self.left -= 1;
                        return Ok(result);
                    }
                    Err(TryRecvError::Disconnected) if lane.chosen == 0 => {
                        self.gone.extend(self.ring.pop_front());
                        self.generation += 1;
                        self.left = BATCH;
                    }
                    Err(why) => {
                        is_over &= why == TryRecvError::Disconnected;
                        self.turn();
                    }
                }
            }
            // A lane that joined before the first was looked at is in the ring by now, or is found here.
            let mut joined = lock(&core.joined);
            if !self.admit(&mut joined, core) {
                let is_over = is_over && joined.is_over();
                return Err(if is_over { TryRecvError::Disconnected } else { TryRecvError::Empty });
            }
        }
    }

    /// A guess whether there is something to receive.
    pub(super) fn looks_ready(&self, core: &Core<T>) -> bool {
        // Relaxed: as in `join`.
        core.has_joined.load(Ordering::Relaxed) != 0
            || self.ring.iter().any(|lane| lanes::may_have_message(&lane.receiver))
    }

    /// The lane of a chosen message.
    pub(super) fn chosen_of(&mut self, token: Token) -> Option<&mut Lane<T>> {
        self.ring.iter_mut().find(|lane| lane.number == token.number())
    }

    /// Lets in who has joined, and makes `row` one of all lanes; what was in it, if it was another's.
    pub(super) fn update(&mut self, core: &Core<T>, row: &mut Row<T>) -> Row<T> {
        self.admit(&mut lock(&core.joined), core);
        if row.generation == self.generation {
            return Row::new();
        }
        let stale = row.take();
        row.set(self.ring.iter().map(|lane| &lane.receiver));
        row.generation = self.generation;
        stale
    }

    /// Every lane.
    pub(super) fn each<'a>(&'a mut self, core: &Core<T>) -> impl Iterator<Item = &'a Shared<Chan<T>>> {
        self.admit(&mut lock(&core.joined), core);
        self.ring.iter().map(|lane| lanes::shared(&lane.receiver))
    }

    /// Whether no lane joins any more, and all are `done`.
    pub(super) fn is_over(&mut self, core: &Core<T>, done: impl Fn(&dyn Outlet<T>) -> bool) -> bool {
        let is_over = {
            let mut joined = lock(&core.joined);
            self.admit(&mut joined, core);
            joined.is_over()
        };
        is_over && self.ring.iter().all(|lane| done(lane.chan().outlet()))
    }
}
