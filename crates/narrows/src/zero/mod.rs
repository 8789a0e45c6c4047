//! Channels without places: a message goes from hand to hand. Threads that run meet in the exchange cell (`exchange`); who
//! sleeps, is a task or a select waits in one of two lists under one lock, and the message rides in a ticket.
//!
//! ```text
//! a sender's ticket     Message --receiver claims--> gone                it has the message
//!                       Later   --receiver claims--> Met(receiver)      a two-step select, which sends when completed
//! a receiver's ticket   Waiting --sender claims----> Filled             into a thread's ticket
//!                       Waiting --sender claims----> Told               a task: its message goes to `handed`
//!                       Waiting --select claims----> Met --completes--> Filled | --withdraws, close--> Withdrawn
//! ```
//! A thread that waits comes back for what is in its ticket; a task may not. So a message for a task is *handed* to the
//! channel, and any receiver may take it, oldest first. For the same reason nobody waits for a task: a thread that
//! receives does not claim a select in a task, which has no message yet; that is told, and acts when it is polled.
//!
//! A thread that may wait shows itself in the cell first, spins, and comes to the lists only when that was in vain. Whoever
//! needs no ticket to act, a `try_` call or a poll, looks into the cell and may match what it shows; nobody else is shown
//! in it. It counts as waiting for those alone who can match it: a permit and a two-step select's send need a ticket to
//! point at, and by enlisting make the receiver in the cell take one. So an offer or a want in the cell is like one with a
//! time-out: it may be taken back at any moment, and its thread comes to the lists later.
//!
//! Invariants: the lists and all that belongs to them change under the one lock; nothing is woken, cloned or dropped under
//! it. The cell is open only while they say nothing (`State::summarize`), so it overtakes nobody. Receivers are served
//! from `handed` before anything else, so order is kept. After `close` nothing is met any more.

mod state;
mod task;

use self::state::{CLOSED, Found, MESSAGES, Numbered, Offer, RECEIVERS, State, Want, settle};
use std::task::{Poll, Waker};

use crate::{
    answer,
    arm::{Look, Seat, Stance, Ticket, Token, Who},
    error::{RecvError, SendError, TryRecvError},
    exchange::{Cell, Sight},
    flavor::{Hold, Inlet, Offering, Outlet, Stop},
    park,
    sync::{Mutex, Ordering, fence, lock, unmodelled::AtomicU8},
    time::Deadline,
    wait::party::Woken,
};

/// A rendezvous channel.
#[derive(Debug)]
pub(crate) struct Zero<T> {
    /// Boxed: it is as large as a message.
    cell: Box<Cell<T>>,
    state: Mutex<State<T>>,
    /// Of the state when the lock was last released: a hint.
    summary: AtomicU8,
}

impl<T> Zero<T> {
    pub(crate) fn new() -> Zero<T> {
        Zero { cell: Cell::new(), state: Mutex::new(State::new()), summary: AtomicU8::new(0) }
    }

    /// Open, and nobody waits to receive, at one moment within the call. A no is no answer.
    #[inline(never)] // its callers keep what they need for the other flavours in registers
    pub(crate) fn has_no_receiver(&self) -> bool {
        self.cell.look_for_receiver() == Sight::Nobody
    }

    /// The same with senders.
    #[inline(never)]
    pub(crate) fn has_no_sender(&self) -> bool {
        self.cell.look_for_sender() == Sight::Nobody
    }

    /// Runs `f` under the lock; whom it claimed is woken after it. The cell is shut while there is something in the state.
    fn with<R>(&self, f: impl FnOnce(&mut State<T>, &mut Woken) -> R) -> R {
        let mut woken = Woken::default();
        let mut state = lock(&self.state);
        answer::locked();
        let result = f(&mut state, &mut woken);
        state.tell(&mut woken);
        let summary = state.summarize();
        let before = std::mem::replace(&mut state.summary, summary);
        if summary != before {
            // Relaxed: a hint.
            self.summary.store(summary, Ordering::Relaxed);
            if summary != 0 && !std::mem::replace(&mut state.is_shut, true) {
                self.cell.shut();
            }
            // Tasks do not meet in the cell: left shut after one, it need not be opened and shut for each message.
            if summary == 0 && !state.is_used_by_tasks {
                state.is_shut = false;
                self.cell.open();
            }
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

    /// What a claim of the receiver's ticket `key` brought: the number of the message that is now in `into`, and the ticket has
    /// gone; none if it was a mere wake-up, or the select that met it withdrew or saw the channel closed. Pending if that select
    /// has not decided, for which a thread waits. What is handed to the channel is taken at once, whomever it was meant for.
    fn outcome(state: &mut State<T>, key: Token, into: &mut Option<T>, woken: &mut Woken) -> Poll<Option<u64>> {
        let is_task = state.receivers.party(key).is_none_or(|party| party.is_task());
        let message = match state.receivers.payload(key) {
            Some(Want::Met) if !is_task => return Poll::Pending,
            Some(want @ Want::Filled(_)) => want.take(),
            _ => {
                state.hear(key);
                state.take_handed()
            }
        };
        let Some(Numbered { number, message }) = message else { return Poll::Ready(None) };
        state.receivers.remove(key, woken);
        *into = Some(message);
        Poll::Ready(Some(number))
    }

    /// Waits until the select that met `key` has decided.
    fn await_meeting(&self, key: Token, into: &mut Option<T>) -> Option<u64> {
        loop {
            if let Poll::Ready(came) = self.with(|state, woken| Self::outcome(state, key, into, woken)) {
                return came;
            }
            let settled = || !matches!(lock(&self.state).receivers.payload(key), Some(Want::Met));
            park::sleep(settled, Deadline::Never);
        }
    }

    /// A send where the cell has nothing to say.
    #[cold]
    fn send_locked(&self, message: &mut Option<T>, seat: &mut Seat, who: Who<'_>) -> Result<(), Stop> {
        self.with(|state, woken| {
            // An attempt has the message in hand; nobody can claim us meanwhile.
            if let Some(own) = seat.and_then(|key| state.senders.payload(key)).and_then(Offer::take) {
                *message = Some(own);
            }
            if state.closed {
                return Err(Stop::Closed);
            }
            if state.is_spoken_for(who) {
                return Err(Stop::Full);
            }
            let key = state.claim_receiver(who, woken).ok_or(Stop::Full)?;
            state.deliver(key, message, woken);
            Ok(())
        })
    }

    /// A receive where the cell has nothing to say; the number of the message, if it had one.
    #[cold]
    fn recv_locked(&self, into: &mut Option<T>, who: Who<'_>) -> Result<Option<u64>, TryRecvError> {
        loop {
            let mut number = None;
            let found = self.with(|state, woken| {
                if let Some(numbered) = state.take_handed() {
                    *into = Some(numbered.message);
                    number = Some(numbered.number);
                    return Ok(Found::Message);
                }
                if state.closed {
                    return Err(if state.is_over() { TryRecvError::Disconnected } else { TryRecvError::Empty });
                }
                state.find_sender(into, who, woken).ok_or(TryRecvError::Empty)
            })?;
            let Found::Met(own) = found else { return Ok(number) };
            let came = self.await_meeting(own, into);
            self.with(|state, woken| state.receivers.remove(own, woken));
            if came.is_some() {
                return Ok(came);
            }
            // The select that we met withdrew: look for another sender.
        }
    }
}

impl<T> Zero<T> {
    /// What a claim brought to a ticket: the number of the message that is now in `into`.
    fn brought(&self, seat: &mut Seat, into: &mut Option<T>) -> Option<u64> {
        let key = (*seat)?;
        let came = match self.with(|state, woken| Self::outcome(state, key, into, woken)) {
            Poll::Ready(came) => came,
            Poll::Pending => self.await_meeting(key, into),
        };
        if came.is_some() {
            *seat = None;
        }
        came
    }

    /// Makes a lease of a message that was received. With a number it has its place among others that are out, too; without, it
    /// came straight from its sender, and later than they.
    #[expect(clippy::cast_possible_truncation, reason = "it comes back among few, and soon")]
    fn hold(&self, number: Option<u64>) -> Hold {
        self.with(|state, _| {
            state.leases += 1;
            Hold { number: number.unwrap_or_else(|| state.number_of_oldest()) as usize, is_extra: false }
        })
    }
}

impl<T> Inlet<T> for Zero<T> {
    fn send(&self, message: &mut Option<T>, seat: &mut Seat, who: Who<'_>) -> Result<(), Stop> {
        // With a ticket out the message is in the ticket.
        if seat.is_none() {
            match self.cell.give(message) {
                Sight::Peer => return Ok(()),
                Sight::Nobody => return Err(Stop::Full),
                Sight::Shut => {}
            }
        }
        self.send_locked(message, seat, who)
    }

    fn offer(&self, message: &mut Option<T>, deadline: Deadline) -> bool {
        self.cell.offer(message, deadline)
    }

    fn reserve(&self, n: usize, who: Who<'_>) -> Result<(), Stop> {
        self.with(|state, _| {
            if state.closed {
                return Err(Stop::Closed);
            }
            // No overflow: more are waiting than the sum.
            if n > 0 && state.open_receivers(who) < state.spoken_for().saturating_add(n) {
                return Err(Stop::Full);
            }
            state.reserved += n;
            Ok(())
        })
    }

    fn unreserve(&self, n: usize) {
        self.with(|state, woken| {
            state.release(n);
            // Receivers that were spoken for are free again, and a sender may have been turned away meanwhile. Only those are
            // woken who can meet one: what a sender offers is found by nobody from then until it looks again.
            let free = state.open_receivers(Who::THREAD).saturating_sub(state.spoken_for());
            state.senders.hand_out_up_to(n.min(free), woken);
        });
    }

    fn send_reserved(&self, message: &mut Option<T>) -> Result<(), Stop> {
        self.with(|state, woken| {
            state.release(1);
            if state.closed {
                return Err(Stop::Closed);
            }
            // The receiver that was counted may have left.
            let key = state.claim_receiver(Who::THREAD, woken).ok_or(Stop::Full)?;
            state.deliver(key, message, woken);
            Ok(())
        })
    }

    fn enlist_send(&self, ticket: Ticket, seat: &mut Seat, offering: Offering<'_, T>) -> Look {
        self.with(|state, woken| {
            if let Some(Offer::Met(_)) = seat.and_then(|key| state.senders.payload(key)) {
                return Look::ready(true); // claimed since the waiter opened
            }
            let n = if let Offering::Places(n) = offering { n } else { 1 };
            let (offer, is_observer) = match offering {
                // Polled in vain, it has left its message in the ticket.
                Offering::Message(message) => (message.take().map(Offer::Message), false),
                Offering::Later => (Some(Offer::Later), ticket.stance == Stance::Observer),
                Offering::Places(_) => (Some(Offer::Places), true),
            };
            state.is_used_by_tasks = ticket.waiter.is_task();
            let open = state.show_to_receivers(Who::waiter(&ticket.waiter), is_observer, woken);
            let key = *seat.get_or_insert_with(|| state.senders.add(ticket.into(), Offer::Taken, woken));
            if let Some((shown, offer)) = state.senders.payload(key).zip(offer) {
                *shown = offer;
            }
            state.senders.link(key);
            Look::ready(state.closed || open >= state.spoken_for().saturating_add(n))
        })
    }

    fn retract_send(&self, seat: &mut Seat, message: &mut Option<T>) {
        let Some(key) = seat.take() else { return };
        self.with(|state, woken| {
            if let Some(own) = state.senders.payload(key).and_then(Offer::take) {
                *message = Some(own);
            }
            state.senders.remove(key, woken);
        });
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

    fn pass_on_send(&self, after: Seat) {
        self.with(|state, woken| state.pass_on_to_senders(after.map(Token::number), woken));
    }

    fn choose_send(&self, who: Who<'_>) -> Option<Token> {
        if !self.cell.is_shut() {
            return None;
        }
        self.with(|state, woken| {
            if state.closed {
                return Some(Token::DISCONNECTED);
            }
            if state.is_spoken_for(who) {
                return None;
            }
            let key = state.claim_receiver(who, woken)?;
            if let Some(want) = state.receivers.payload(key) {
                *want = Want::Met;
            }
            Some(key)
        })
    }

    fn claimed_send(&self, seat: Seat) -> Option<Token> {
        self.with(|state, _| match seat.and_then(|key| state.senders.payload(key)) {
            Some(Offer::Met(receiver)) => Some(*receiver),
            _ => None,
        })
    }

    fn complete_send(&self, token: Token, message: &mut Option<T>) -> Result<(), Stop> {
        self.with(|state, woken| {
            if state.closed {
                return Err(Stop::Closed);
            }
            state.deliver(token, message, woken);
            Ok(())
        })
    }

    fn abandon_send(&self, token: Token) {
        self.with(|state, woken| state.withdraw(token, woken));
    }

    fn can_send(&self, n: usize, who: Who<'_>) -> bool {
        self.cell.is_shut()
            && self.with(|state, _| state.closed || state.open_receivers(who) >= state.spoken_for().saturating_add(n))
    }

    fn may_send(&self) -> bool {
        self.shows(RECEIVERS | CLOSED) || self.cell.shows_receiver()
    }

    fn close(&self) -> bool {
        let closed = self.with(|state, woken| {
            if std::mem::replace(&mut state.closed, true) {
                return false;
            }
            state.senders.hand_out_to_all(woken);
            state.receivers.hand_out_to_all(woken);
            state.receivers.for_each(|party, want| {
                if matches!(want, Want::Met) {
                    *want = Want::Withdrawn;
                    settle(party, woken);
                }
            });
            true
        });
        // SeqCst: as in `WaitList::notify`, for our caller's list.
        fence(Ordering::SeqCst);
        closed
    }

    fn clear_one(&self, into: &mut Option<T>) -> bool {
        self.with(|state, _| *into = state.take_handed().map(|numbered| numbered.message));
        into.is_some()
    }
}

impl<T> Outlet<T> for Zero<T> {
    fn recv(&self, into: &mut Option<T>, who: Who<'_>) -> Result<(), TryRecvError> {
        match self.cell.take(into) {
            Sight::Peer => return Ok(()),
            Sight::Nobody => return Err(TryRecvError::Empty),
            Sight::Shut => {}
        }
        self.recv_locked(into, who).map(|_| ())
    }

    fn want(&self, into: &mut Option<T>, deadline: Deadline) -> bool {
        self.cell.want(into, deadline)
    }

    fn enlist_recv(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.with(|state, woken| {
            let is_waiting = state.is_over() || state.has_handed();
            if let Some(key) = *seat {
                match state.receivers.payload(key) {
                    // Claimed since the waiter opened.
                    Some(Want::Filled(_)) => return Look::ready(true),
                    Some(Want::Met) if !ticket.waiter.is_task() => return Look::ready(true),
                    Some(Want::Told) if ticket.stance == Stance::Single => return Look::ready(true),
                    // A select owes a message to this task; it will tell us.
                    Some(Want::Met) => return Look::ready(is_waiting),
                    _ => state.hear(key),
                }
            }
            if is_waiting && ticket.stance == Stance::Single {
                // It will take that, and is not to be found meanwhile: a second message would come for nobody.
                return Look::ready(true);
            }
            state.is_used_by_tasks = ticket.waiter.is_task();
            let is_observer = ticket.stance == Stance::Observer;
            let sees_sender = state.show_to_senders(Who::waiter(&ticket.waiter), is_observer, woken);
            let key = *seat.get_or_insert_with(|| state.receivers.add(ticket.into(), Want::Waiting, woken));
            state.receivers.link(key);
            Look::ready(is_waiting || sees_sender)
        })
    }

    fn was_received(&self, seat: &mut Seat, into: &mut Option<T>) -> bool {
        self.brought(seat, into).is_some()
    }

    fn was_leased(&self, seat: &mut Seat, into: &mut Option<T>, hold: &mut Option<Hold>) -> bool {
        let number = self.brought(seat, into);
        if number.is_some() {
            *hold = Some(self.hold(number));
        }
        number.is_some()
    }

    fn retract_recv(&self, seat: &mut Seat) {
        let Some(key) = seat.take() else { return };
        self.with(|state, woken| {
            let is_single = state.receivers.party(key).is_some_and(|party| party.stance() == Stance::Single);
            match state.receivers.payload(key) {
                Some(want @ Want::Filled(_)) => {
                    if let Some(numbered) = want.take() {
                        state.hand(numbered);
                    }
                }
                // A select passes on what it does not use by itself.
                Some(Want::Told) if is_single => state.tell_another(),
                _ => {}
            }
            state.receivers.remove(key, woken);
        });
    }

    fn poll_recv(&self, into: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), RecvError>> {
        self.poll_recv_in_line(into, seat, waker).map_ok(|_| ())
    }

    fn leave_recv(&self, seat: &mut Seat) {
        self.retract_recv(seat);
    }

    fn pass_on_recv(&self) {
        self.with(|state, woken| {
            state.tell_another();
            if state.closed {
                state.receivers.hand_out(None, woken);
            }
        });
    }

    fn choose_recv(&self, who: Who<'_>) -> Option<Token> {
        if self.cell.look_for_sender() == Sight::Nobody {
            return None;
        }
        self.with(|state, woken| {
            let mut message = None;
            let mut chosen = state.take_handed();
            if chosen.is_none() && self.cell.take(&mut message) == Sight::Peer {
                chosen = message.take().map(|message| state.number(message));
            }
            if chosen.is_none() {
                if state.closed {
                    return state.is_over().then_some(Token::DISCONNECTED);
                }
                if let Found::Met(own) = state.find_sender(&mut message, who, woken)? {
                    return Some(own);
                }
                chosen = message.map(|message| state.number(message));
            }
            let own = state.meet(who, woken);
            if let (Some(want), Some(chosen)) = (state.receivers.payload(own), chosen) {
                *want = Want::Filled(chosen);
            }
            Some(own)
        })
    }

    fn claimed_recv(&self, seat: &mut Seat) -> Option<Token> {
        let key = (*seat)?;
        let chosen = self.with(|state, _| match state.receivers.payload(key) {
            Some(want @ Want::Withdrawn) => {
                *want = Want::Waiting;
                false
            }
            Some(Want::Met | Want::Filled(_)) => state.receivers.party(key).is_some_and(|party| !party.is_task()),
            _ => false,
        });
        // The ticket goes with the token.
        chosen.then(|| seat.take().unwrap_or(key))
    }

    fn complete_recv(&self, token: Token, into: &mut Option<T>) -> bool {
        let came = self.await_meeting(token, into);
        self.with(|state, woken| state.receivers.remove(token, woken));
        came.is_some()
    }

    fn abandon_recv(&self, token: Token) {
        self.retract_recv(&mut Some(token));
    }

    fn lease(&self, into: &mut Option<T>, hold: &mut Option<Hold>, who: Who<'_>) -> Result<(), TryRecvError> {
        let number = match self.cell.take(into) {
            Sight::Peer => None,
            Sight::Nobody => return Err(TryRecvError::Empty),
            Sight::Shut => self.recv_locked(into, who)?,
        };
        *hold = Some(self.hold(number));
        Ok(())
    }

    fn poll_lease(
        &self,
        into: &mut Option<T>,
        seat: &mut Seat,
        waker: &Waker,
        hold: &mut Option<Hold>,
    ) -> Poll<Result<(), RecvError>> {
        self.poll_recv_in_line(into, seat, waker).map_ok(|number| *hold = Some(self.hold(number)))
    }

    fn hold_received(&self) -> Hold {
        self.hold(None)
    }

    fn end_lease(&self, _: Hold) {
        self.with(State::end_lease);
    }

    fn give_back(&self, hold: Hold, message: T) {
        self.with(|state, woken| {
            state.hand(Numbered { number: hold.number as u64, message });
            state.end_lease(woken);
        });
    }

    fn unrecv(&self, message: &mut Option<T>) -> Result<(), Stop> {
        let message = message.take().expect("a message to put back");
        self.with(|state, _| {
            let number = state.number_of_oldest();
            state.hand(Numbered { number, message });
        });
        Ok(())
    }

    fn can_recv(&self, who: Who<'_>) -> bool {
        match self.cell.look_for_sender() {
            Sight::Peer => true,
            Sight::Nobody => false,
            Sight::Shut => self.with(|state, _| state.is_over() || state.has_handed() || state.has_open_sender(who)),
        }
    }

    fn may_recv(&self) -> bool {
        self.shows(MESSAGES | CLOSED) || self.cell.shows_sender()
    }

    fn is_closed(&self) -> bool {
        self.cell.is_shut() && self.with(|state, _| state.closed)
    }

    fn is_drained(&self) -> bool {
        self.cell.is_shut() && self.with(|state, _| state.is_drained())
    }

    fn len(&self) -> usize {
        0
    }

    fn is_full(&self) -> bool {
        true
    }

    fn capacity(&self) -> Option<usize> {
        Some(0)
    }
}
