//! Channels that are governed: what is to happen when one is full, who gets what nobody receives, how much a message weighs
//! (`rules.rs`), and a capacity that changes while it is used. A ring can do none of it. It is for who wants one of these,
//! and not for speed: every operation takes one plain lock.
//!
//! ```text
//! mod.rs     the lock, and what each end does under it; the hook, the weigher and all drops are outside
//! stock.rs   what lies inside, and how much of it
//! state.rs   the two lines of those who wait, and who of them may go on
//! line.rs    tasks in line
//! ```
//! One lock over all of it: a look and the ticket that is left because of it are one step, so no fence stands between them,
//! and an answer "no" was true while the lock was held. What a step has made possible for others is found out once, before
//! the lock is released (`State::settle`); they are woken after it, and then what was shed is dropped, or the hook called.
//!
//! Invariants: no code of the user runs under the lock; a message is weighed once, and keeps its weight; only what is in the
//! queue is ever shed, so neither what is promised to a permit nor what a select has chosen.

mod line;
mod rules;
mod state;
mod stock;

use std::task::{Poll, Waker};

pub use self::rules::Overflow;
pub(crate) use self::rules::Rules;
use self::{
    rules::Shed,
    state::{Bid, CLOSED, MESSAGES, ROOM, State, Waits},
};
use crate::{
    answer,
    arm::{Look, Seat, Ticket, Token, Who},
    error::{RecvError, SendError, SetCapacityError, TryRecvError},
    flavor::{Hold, Inlet, Offering, Outlet, Stop},
    sync::{Mutex, Ordering, fence, lock, unmodelled::AtomicU8},
    trace,
    wait::party::Woken,
};

/// What a select has chosen to send with: a unit that is reserved for it, or the policy, which always knows a way.
const BY_UNIT: Token = Token::new(0, 0);
const BY_POLICY: Token = Token::new(1, 0);

/// The slot in the seat of a sender that has no ticket, but whose message was weighed; the number is its weight.
const WEIGHED: usize = usize::MAX - 1;

/// What the seat of a sender says.
enum Seated {
    Nowhere,
    Weighed(usize),
    InLine(Token),
}

impl Seated {
    #[expect(clippy::cast_possible_truncation, reason = "a weight comes back as it was")]
    fn of(seat: Seat) -> Seated {
        match seat {
            None => Seated::Nowhere,
            Some(token) if token.slot() == WEIGHED => Seated::Weighed(token.number() as usize),
            Some(key) => Seated::InLine(key),
        }
    }

    fn ticket(seat: Seat) -> Seat {
        if let Seated::InLine(key) = Seated::of(seat) { Some(key) } else { None }
    }
}

/// A channel under a lock.
#[derive(Debug)]
pub(crate) struct Governed<T> {
    state: Mutex<State<T>>,
    /// Of the state when the lock was last released: a hint.
    summary: AtomicU8,
    rules: Rules<T>,
    watched: trace::Channel,
}

impl<T> Governed<T> {
    pub(crate) fn new(capacity: Option<usize>, rules: Rules<T>, watched: trace::Channel) -> Governed<T> {
        let mut state = State::new(capacity);
        state.summary = state.summarize();
        Governed { summary: AtomicU8::new(state.summary), state: Mutex::new(state), rules, watched }
    }

    /// Runs `f` under the lock; whom it lets go on is woken after it.
    fn with<R>(&self, f: impl FnOnce(&mut State<T>, &mut Woken) -> R) -> R {
        let mut woken = Woken::default();
        let mut state = lock(&self.state);
        answer::locked();
        let result = f(&mut state, &mut woken);
        state.settle(&mut woken);
        let summary = state.summarize();
        if std::mem::replace(&mut state.summary, summary) != summary {
            // Relaxed: a hint.
            self.summary.store(summary, Ordering::Relaxed);
        }
        drop(state);
        answer::acted();
        woken.wake();
        result
    }

    /// Was there one of these when the lock was last released? A guess.
    fn shows(&self, bits: u8) -> bool {
        // Relaxed: a hint.
        self.summary.load(Ordering::Relaxed) & bits != 0
    }

    /// A full channel makes a send fail, not wait.
    pub(crate) fn fails_when_full(&self) -> bool {
        self.rules.overflow == Overflow::Fail
    }

    /// The weight of a message to send: weighed here, unless it was before. What is in line has it in its ticket.
    fn weight_of(&self, message: Option<&T>, seat: Seat) -> usize {
        match (Seated::of(seat), message) {
            (Seated::Weighed(weight), _) => weight,
            (Seated::Nowhere, Some(message)) => self.rules.weigh(message),
            (Seated::Nowhere, None) | (Seated::InLine(_), _) => 1,
        }
    }

    /// Puts a message inside, or does what the policy says.
    fn put(
        &self,
        state: &mut State<T>,
        message: &mut Option<T>,
        weight: usize,
        own: Option<u64>,
        shed: &mut Shed<T>,
    ) -> Result<(), Stop> {
        if state.closed {
            return Err(Stop::Closed);
        }
        let mut may_put = state.may_put(weight, own);
        if !may_put {
            match self.rules.overflow {
                Overflow::Block | Overflow::Fail => return Err(Stop::Full),
                Overflow::DropNewest => {}
                Overflow::DropOldest => {
                    may_put = state.stock.push_out_oldest(weight, |oldest| {
                        state.shed += 1;
                        shed.push(oldest);
                    });
                }
            }
        }
        if may_put {
            state.stock.put(weight, message);
        } else {
            state.shed += 1;
            message.take().into_iter().for_each(|newest| shed.push(newest));
        }
        Ok(())
    }

    /// For what was shed under the lock, after it.
    fn bury(&self, mut shed: Shed<T>) {
        if !shed.is_empty() {
            self.rules.bury(|message| shed.next(message));
        }
    }

    /// What is left when nobody will receive it.
    #[cold]
    pub(crate) fn bury_all(&self) {
        self.rules.bury(|message| self.clear_one(message));
    }

    /// The capacity from now on.
    pub(crate) fn set_capacity(&self, capacity: usize) -> Result<(), SetCapacityError> {
        if capacity == 0 {
            return Err(SetCapacityError::Zero);
        }
        let before = self.with(|state, _| state.stock.set_capacity(capacity));
        before.map(|_| ()).ok_or(SetCapacityError::Fixed)
    }

    /// How much the messages inside weigh.
    pub(crate) fn weight(&self) -> usize {
        self.with(|state, _| state.stock.weight())
    }

    /// How many messages the policy has shed.
    pub(crate) fn shed_count(&self) -> u64 {
        self.with(|state, _| state.shed)
    }
}

impl<T> Inlet<T> for Governed<T> {
    fn send(&self, message: &mut Option<T>, seat: &mut Seat, _: Who<'_>) -> Result<(), Stop> {
        let mut weight = self.weight_of(message.as_ref(), *seat);
        let mut shed = Shed::new();
        let done = self.with(|state, woken| {
            let mut own = Seated::ticket(*seat);
            if let Some(key) = own {
                if let Some(bid) = state.bid(own) {
                    weight = bid.units;
                    if message.is_none() {
                        std::mem::swap(&mut bid.message, message);
                    }
                }
                if message.is_none() {
                    return Ok(()); // who made room has put it inside
                }
                let done = self.put(state, message, weight, Some(key.number()), &mut shed);
                if done != Err(Stop::Full) {
                    state.leave_senders(&mut own, &mut None, woken);
                }
                return done;
            }
            self.put(state, message, weight, None, &mut shed)
        });
        if done.is_err() && seat.is_none() && self.rules.weigher.is_some() {
            *seat = Some(Token::new(WEIGHED, weight as u64));
        }
        self.bury(shed);
        done
    }

    fn reserve(&self, n: usize, who: Who<'_>) -> Result<(), Stop> {
        self.with(|state, _| state.reserve(n, who))
    }

    fn unreserve(&self, n: usize) {
        self.with(|state, _| state.stock.unreserve(n));
    }

    fn send_reserved(&self, message: &mut Option<T>) -> Result<(), Stop> {
        let weight = self.weight_of(message.as_ref(), None);
        self.with(|state, _| {
            state.stock.unreserve(1);
            if state.closed {
                return Err(Stop::Closed);
            }
            state.stock.put(weight, message);
            Ok(())
        })
    }

    fn enlist_send(&self, ticket: Ticket, seat: &mut Seat, offering: Offering<'_, T>) -> Look {
        let drops = self.rules.overflow.drops();
        let (mut bid, message, is_ready) = match offering {
            Offering::Message(message) => (Bid::of_send(self.weight_of(message.as_ref(), *seat)), message, false),
            Offering::Later => (Bid::for_units(1), &mut None, drops),
            Offering::Places(n) => (Bid::for_units(n), &mut None, false),
        };
        self.with(|state, woken| {
            let key = match Seated::ticket(*seat) {
                Some(key) => {
                    let Some(own) = state.bid(Some(key)) else { return Look::ready(true) }; // put inside since
                    bid = own.again();
                    key
                }
                None => state.senders.add(ticket.into(), bid.again(), woken),
            };
            *seat = Some(key);
            state.show(key, message);
            let number = Some(key.number());
            let may_go =
                if bid.is_send() { state.may_put(bid.units, number) } else { state.may_reserve(bid.units, number) };
            Look::ready(is_ready || may_go || state.closed)
        })
    }

    fn retract_send(&self, seat: &mut Seat, message: &mut Option<T>) {
        let Seated::InLine(key) = Seated::of(seat.take()) else { return };
        self.with(|state, woken| state.leave_senders(&mut Some(key), message, woken));
    }

    fn pass_on_send(&self, after: Seat) {
        self.with(|state, woken| state.pass_on_to_senders(after.map(Token::number), woken));
    }

    fn poll_send(&self, message: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), SendError<()>>> {
        self.poll_send_in_line(message, seat, waker)
    }

    fn poll_reserve(&self, n: usize, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), SendError<()>>> {
        self.poll_reserve_in_line(n, seat, waker)
    }

    fn leave_send(&self, seat: &mut Seat, message: &mut Option<T>) {
        self.leave_send_line(seat, message);
    }

    fn choose_send(&self, who: Who<'_>) -> Option<Token> {
        let drops = self.rules.overflow.drops();
        self.with(|state, _| {
            if drops && !state.closed {
                return Some(BY_POLICY);
            }
            match state.reserve(1, who) {
                Ok(()) => Some(BY_UNIT),
                Err(Stop::Closed) => Some(Token::DISCONNECTED),
                Err(Stop::Full) => None,
            }
        })
    }

    fn claimed_send(&self, _: Seat) -> Option<Token> {
        None
    }

    fn complete_send(&self, token: Token, message: &mut Option<T>) -> Result<(), Stop> {
        if token == BY_POLICY {
            return self.send(message, &mut None, Who::THREAD);
        }
        self.send_reserved(message)
    }

    fn abandon_send(&self, token: Token) {
        if token != BY_POLICY {
            self.unreserve(1);
        }
    }

    fn can_send(&self, n: usize, who: Who<'_>) -> bool {
        self.with(|state, _| state.closed || state.may_reserve_for(n, who))
    }

    fn can_choose_send(&self, who: Who<'_>) -> bool {
        self.rules.overflow.drops() || self.can_send(1, who)
    }

    fn may_send(&self) -> bool {
        self.shows(ROOM | CLOSED) || self.rules.overflow.drops()
    }

    fn close(&self) -> bool {
        let closed = self.with(|state, woken| {
            if std::mem::replace(&mut state.closed, true) {
                return false;
            }
            state.senders.hand_out_to_all(woken);
            state.receivers.hand_out_to_all(woken);
            true
        });
        // SeqCst: as in `WaitList::notify`, for our caller's list.
        fence(Ordering::SeqCst);
        closed
    }

    fn clear_one(&self, into: &mut Option<T>) -> bool {
        self.with(|state, _| state.stock.take(into))
    }
}

impl<T> Outlet<T> for Governed<T> {
    fn recv(&self, into: &mut Option<T>, _: Who<'_>) -> Result<(), TryRecvError> {
        self.with(|state, _| {
            if state.stock.take(into) {
                return Ok(());
            }
            Err(if state.closed { TryRecvError::Disconnected } else { TryRecvError::Empty })
        })
    }

    fn enlist_recv(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.with(|state, woken| {
            let key = *seat.get_or_insert_with(|| state.receivers.add(ticket.into(), Waits, woken));
            state.receivers.link(key);
            Look::ready(state.closed || !state.stock.is_empty())
        })
    }

    fn was_received(&self, _: &mut Seat, _: &mut Option<T>) -> bool {
        false
    }

    fn retract_recv(&self, seat: &mut Seat) {
        if let Some(key) = seat.take() {
            self.with(|state, woken| state.receivers.remove(key, woken));
        }
    }

    fn pass_on_recv(&self) {
        self.with(State::pass_on_to_receivers);
    }

    fn poll_recv(&self, into: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), RecvError>> {
        self.poll_recv_in_line(into, seat, waker)
    }

    fn leave_recv(&self, seat: &mut Seat) {
        self.leave_recv_line(seat);
    }

    fn choose_recv(&self, _: Who<'_>) -> Option<Token> {
        self.with(|state, _| match state.stock.choose() {
            Some(number) => Some(Token::new(0, number)),
            None => state.closed.then_some(Token::DISCONNECTED),
        })
    }

    fn claimed_recv(&self, _: &mut Seat) -> Option<Token> {
        None
    }

    fn complete_recv(&self, token: Token, into: &mut Option<T>) -> bool {
        self.with(|state, _| state.stock.finish(token.number(), into))
    }

    fn abandon_recv(&self, token: Token) {
        self.with(|state, _| state.stock.give_back(token.number()));
    }

    fn give_back(&self, _: Hold, message: T) {
        self.with(|state, _| state.stock.put_first(1, message));
    }

    fn unrecv(&self, message: &mut Option<T>) -> Result<(), Stop> {
        let message = message.take().expect("a message to put back");
        self.with(|state, _| state.stock.put_first(1, message));
        Ok(())
    }

    fn can_recv(&self, _: Who<'_>) -> bool {
        self.with(|state, _| state.closed || !state.stock.is_empty())
    }

    fn may_recv(&self) -> bool {
        self.shows(MESSAGES | CLOSED)
    }

    /// So that a task stands in line at once: with one lock the line costs it little, and nobody in it is passed over.
    fn was_a_receiver_overtaken(&self) -> bool {
        true
    }

    fn is_closed(&self) -> bool {
        self.with(|state, _| state.closed)
    }

    fn is_drained(&self) -> bool {
        self.with(|state, _| state.is_drained())
    }

    fn len(&self) -> usize {
        self.with(|state, _| state.stock.len())
    }

    fn is_full(&self) -> bool {
        self.with(|state, _| !state.may_reserve(1, None))
    }

    fn capacity(&self) -> Option<usize> {
        self.with(|state, _| state.stock.capacity())
    }
}

/// What a select chose and was leaked with is still here.
impl<T> Drop for Governed<T> {
    fn drop(&mut self) {
        self.rules.bury(|message| lock(&self.state).stock.take_any(message));
    }
}
