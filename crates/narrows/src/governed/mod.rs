//! Channels that are governed: what is to happen when one is full, who gets what nobody receives, how much a message weighs
//! (`rules.rs`), and a capacity that changes while it is used. A ring can do none of it. It is for who wants one of these,
//! and not for speed: every operation takes one plain lock.
//!
//! ```text
//! mod.rs     the lock; the hook, the weigher and all drops are outside
//! inlet.rs   what a sender does under it, and outlet.rs a receiver
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

mod inlet;
mod line;
mod outlet;
mod rules;
mod state;
mod stock;

pub use self::rules::Overflow;
pub(crate) use self::rules::Rules;
use self::{rules::Shed, state::State};
use crate::{
    answer,
    arm::{Seat, Token},
    error::SetCapacityError,
    flavor::{Inlet, Stop},
    sync::{Mutex, MutexGuard, Ordering, lock, unmodelled::AtomicU8},
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
        let before = state.stock.put_so_far();
        let result = f(&mut state, &mut woken);
        self.release(state, before, woken);
        result
    }

    /// The end of each of its many instances.
    #[inline(never)]
    fn release(&self, mut state: MutexGuard<'_, State<T>>, before: usize, mut woken: Woken) {
        state.settle(&mut woken);
        let sent = state.stock.put_so_far().wrapping_sub(before);
        let heard = std::mem::take(&mut state.stock.heard);
        let summary = state.summarize();
        if std::mem::replace(&mut state.summary, summary) != summary {
            // Relaxed: a hint.
            self.summary.store(summary, Ordering::Relaxed);
        }
        drop(state);
        answer::acted();
        self.watched.sent(sent);
        woken.wake();
        for receipt in heard {
            // Who awaited it may have gone.
            let _ = receipt.send(None);
        }
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
        if message.is_none() {
            return Ok(()); // sent by a poll in which the hook panicked
        }
        let mut may_put = state.may_put(weight, own);
        if !may_put {
            match self.rules.overflow {
                Overflow::Block | Overflow::Fail => return Err(Stop::Full),
                Overflow::DropNewest => {}
                Overflow::DropOldest => {
                    may_put = state.stock.push_out_oldest(weight, |stock| {
                        state.shed += 1;
                        self.watched.cleared(true);
                        shed.push_with(|into| stock.take_unreceived(into));
                    });
                }
            }
        }
        if may_put {
            state.stock.put(weight, message);
        } else {
            state.shed += 1;
            shed.push(message);
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

/// What a select chose and was leaked with is still here.
impl<T> Drop for Governed<T> {
    fn drop(&mut self) {
        self.rules.bury(|message| lock(&self.state).stock.take_any(message));
    }
}
