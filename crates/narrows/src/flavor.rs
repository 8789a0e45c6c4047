//! The flavours of a channel and the only place that tells them apart. Knows what a flavour must do ([`Inlet`], [`Outlet`]), not how.

use std::{
    collections::VecDeque,
    task::{Poll, Waker},
};

use crate::{
    arm::{Look, Seat, Ticket, Token, Who},
    buffer::Buffer,
    error::{RecvError, SendError, TryRecvError},
    governed::Governed,
    oneshot,
    time::Deadline,
    timer::Timer,
    zero::Zero,
};

/// Whether a message may be copied once more than it must be.
pub(crate) const fn is_small<T>() -> bool {
    size_of::<T>() <= 256
}

/// Where messages are between send and receive.
#[derive(Debug)]
pub(crate) enum Flavor<T> {
    /// A place for each of `n` messages, or as many as there are.
    Buffer(Buffer<T>),
    /// No place at all: a message goes from hand to hand.
    Zero(Zero<T>),
    /// The others, together: among three a match is two comparisons, among four a jump through a table.
    Seldom(Seldom<T>),
}

/// Flavours that no quick path knows.
#[derive(Debug)]
pub(crate) enum Seldom<T> {
    /// The clock is the sender.
    Timer(Timer<T>),
    /// Places under a lock, by rules. Boxed, so that it makes no other channel larger.
    Governed(Box<Governed<T>>),
}

impl<T> Flavor<T> {
    /// What a receiver uses.
    pub(crate) fn outlet(&self) -> &dyn Outlet<T> {
        match self {
            Flavor::Buffer(buffer) => buffer,
            Flavor::Zero(zero) => zero,
            Flavor::Seldom(Seldom::Timer(timer)) => timer,
            Flavor::Seldom(Seldom::Governed(governed)) => &**governed,
        }
    }

    /// What a sender uses; the clock needs none.
    pub(crate) fn inlet(&self) -> Option<&dyn Inlet<T>> {
        match self {
            Flavor::Buffer(buffer) => Some(buffer),
            Flavor::Zero(zero) => Some(zero),
            Flavor::Seldom(Seldom::Timer(_)) => None,
            Flavor::Seldom(Seldom::Governed(governed)) => Some(&**governed),
        }
    }
}

/// Why a send cannot happen now.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Stop {
    Full,
    Closed,
}

/// Says to who sent a message and waits for it to be received that it was; or brings it back.
pub(crate) type Receipt<T> = oneshot::Sender<Option<T>>;

/// Names a message that is out on a lease, and says whose place it keeps in use. Its maker alone knows more.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hold {
    pub(crate) number: usize,
    /// It was put back, into a place that was reserved for it.
    pub(crate) is_extra: bool,
}

/// How a send ended, unless it has to wait.
pub(crate) fn unless_full(sent: Result<(), Stop>) -> Option<Result<(), SendError<()>>> {
    match sent {
        Ok(()) => Some(Ok(())),
        Err(Stop::Closed) => Some(Err(SendError(()))),
        Err(Stop::Full) => None,
    }
}

/// The same for a receive.
pub(crate) fn unless_empty(received: Result<(), TryRecvError>) -> Option<Result<(), RecvError>> {
    match received {
        Ok(()) => Some(Ok(())),
        Err(TryRecvError::Disconnected) => Some(Err(RecvError)),
        Err(TryRecvError::Empty) => None,
    }
}

/// What a waiting sender shows.
#[derive(Debug)]
pub(crate) enum Offering<'a, T> {
    /// A message, which a receiver may take from the ticket.
    Message(&'a mut Option<T>),
    /// Nothing yet: a two-step select sends when it is completed.
    Later,
    /// It wants places, not to send now.
    Places(usize),
}

/// What a flavour does for senders. `seat` is the caller's ticket in the flavour's list, kept by it from call to call.
pub(crate) trait Inlet<T> {
    /// Sends now. The message is in `message`, or in the ticket; if it cannot go it is in `message` afterwards.
    fn send(&self, message: &mut Option<T>, seat: &mut Seat, who: Who<'_>) -> Result<(), Stop>;

    /// Shows the message to receivers for a short while, without a ticket, where there is no place to look for. True if it
    /// has gone.
    fn offer(&self, _message: &mut Option<T>, _deadline: Deadline) -> bool {
        false
    }

    /// Sends the first of `messages`, as many as there are places for; the rest stays. `Ok` if none does.
    fn send_many(&self, messages: &mut VecDeque<T>, who: Who<'_>) -> Result<(), Stop> {
        while let Some(message) = messages.pop_front() {
            let mut message = Some(message);
            if let Err(stop) = self.send(&mut message, &mut None, who) {
                if let Some(message) = message {
                    messages.push_front(message);
                }
                return Err(stop);
            }
        }
        Ok(())
    }

    /// Sends now, also if the channel is full: then the oldest message goes out for it, into `out`. `Full` if there is none.
    fn force_send(&self, message: &mut Option<T>, _out: &mut Option<T>, who: Who<'_>) -> Result<(), Stop> {
        self.send(message, &mut None, who)
    }

    /// As `send_reserved`, of a message whose sender waits for it to be received; its number. Not where a send does that anyway.
    fn send_awaited(&self, message: &mut Option<T>, _receipt: Receipt<T>) -> Result<usize, Stop> {
        self.send_reserved(message).map(|()| 0)
    }
    /// Takes such a message back into `into`. False if it has been received; or chosen or leased, which is to be the same; or
    /// its sender is about to hear of it.
    fn take_back(&self, _number: usize, _into: &mut Option<T>) -> bool {
        false
    }

    /// Takes `n` places for permits.
    fn reserve(&self, n: usize, who: Who<'_>) -> Result<(), Stop>;
    /// Gives `n` of them back.
    fn unreserve(&self, n: usize);
    /// Sends into a reserved place, which is used up in any case.
    /// The message stays in `message` if the channel is closed.
    fn send_reserved(&self, message: &mut Option<T>) -> Result<(), Stop>;

    /// Leaves a ticket, then looks whether the sender could go on.
    fn enlist_send(&self, ticket: Ticket, seat: &mut Seat, offering: Offering<'_, T>) -> Look;
    /// After a claim that was a mere wake-up.
    fn note_claim(&self, _seat: &mut Seat) {}
    /// Takes the ticket back, and the message if it is still in it.
    fn retract_send(&self, seat: &mut Seat, message: &mut Option<T>);
    /// Gives an unused wake-up to the next sender, behind `after`, if there is a place.
    fn pass_on_send(&self, after: Seat);

    /// Sends for a task, or leaves its ticket, to be woken by `waker`. The message is in the ticket meanwhile, if it may be
    /// taken from there; after an error it is in `message`.
    fn poll_send(&self, message: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), SendError<()>>>;
    /// Takes `n` places for a task in the same way.
    fn poll_reserve(&self, n: usize, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), SendError<()>>>;
    /// A task gives up: takes its ticket back, and the message if it is still in it, and passes on a wake-up that it did not
    /// use.
    fn leave_send(&self, seat: &mut Seat, message: &mut Option<T>);

    /// First step of a selected send: makes it certain.
    fn choose_send(&self, who: Who<'_>) -> Option<Token>;
    /// The same after a claim of the ticket.
    fn claimed_send(&self, seat: Seat) -> Option<Token>;
    /// Second step. The message stays in `message` if the channel is closed.
    fn complete_send(&self, token: Token, message: &mut Option<T>) -> Result<(), Stop>;
    /// Instead of the second step.
    fn abandon_send(&self, token: Token);

    /// Would a send of `n` find its places now, or the end?
    fn can_send(&self, n: usize, who: Who<'_>) -> bool;
    /// The same for a thread that asks again and again, as a guess.
    fn may_send(&self) -> bool {
        self.can_send(1, Who::THREAD)
    }

    /// Would `choose_send` choose?
    fn can_choose_send(&self, who: Who<'_>) -> bool {
        self.can_send(1, who)
    }

    /// How many pauses a sender that found no place had better make before it looks again.
    fn send_patience(&self) -> usize {
        0
    }

    /// Ends sending; true for the call that did it. Wakes everybody, after a fence.
    fn close(&self) -> bool;
    /// Takes the oldest message left, for whoever clears the channel; false if there is none.
    fn clear_one(&self, into: &mut Option<T>) -> bool;
}

/// A batch where there is no better way.
pub(crate) fn recv_one_by_one<T>(
    outlet: &(impl Outlet<T> + ?Sized),
    into: &mut Vec<T>,
    most: usize,
    who: Who<'_>,
) -> Result<usize, TryRecvError> {
    let mut message = None;
    let mut received = 0;
    while received < most {
        match outlet.recv(&mut message, who) {
            Ok(()) => into.extend(message.take()),
            Err(why) if received == 0 => return Err(why),
            Err(_) => break,
        }
        received += 1;
    }
    Ok(received)
}

/// What a flavour does for receivers.
pub(crate) trait Outlet<T> {
    /// Receives now, into `into`, which is empty. So with the other functions that receive: a large message is copied
    /// once, and not through the stack of every function on the way.
    fn recv(&self, into: &mut Option<T>, who: Who<'_>) -> Result<(), TryRecvError>;

    /// Receives what is there, `most` at most and at least one; how many.
    fn recv_many(&self, into: &mut Vec<T>, most: usize, who: Who<'_>) -> Result<usize, TryRecvError> {
        recv_one_by_one(self, into, most, who)
    }

    /// Receives on a lease, which keeps the place in use.
    fn lease(&self, into: &mut Option<T>, hold: &mut Option<Hold>, who: Who<'_>) -> Result<(), TryRecvError> {
        self.recv(into, who)?;
        *hold = Some(self.hold_received());
        Ok(())
    }
    /// The same for a task, as `poll_recv`.
    fn poll_lease(
        &self,
        into: &mut Option<T>,
        seat: &mut Seat,
        waker: &Waker,
        hold: &mut Option<Hold>,
    ) -> Poll<Result<(), RecvError>> {
        self.poll_recv(into, seat, waker).map_ok(|()| *hold = Some(self.hold_received()))
    }
    /// Makes a lease of a message that was received, where a sender may bring it.
    fn hold_received(&self) -> Hold {
        Hold::default()
    }
    /// The message was received for good.
    fn end_lease(&self, _hold: Hold) {}
    /// It comes back, to be received before all others that came later.
    fn give_back(&self, hold: Hold, message: T);
    /// Puts a message in front of all others, if there is a place.
    fn unrecv(&self, message: &mut Option<T>) -> Result<(), Stop>;

    /// Waits for a sender for a short while, without a ticket, where there is nothing to look for. True if a message came.
    fn want(&self, _into: &mut Option<T>, _deadline: Deadline) -> bool {
        false
    }

    /// Leaves a ticket, then looks whether the receiver could go on.
    fn enlist_recv(&self, ticket: Ticket, seat: &mut Seat) -> Look;
    /// After a claim: did a sender put a message into the ticket? Then the ticket has gone, too.
    fn was_received(&self, seat: &mut Seat, into: &mut Option<T>) -> bool;
    /// The same for a lease.
    fn was_leased(&self, seat: &mut Seat, into: &mut Option<T>, hold: &mut Option<Hold>) -> bool {
        let came = self.was_received(seat, into);
        if came {
            *hold = Some(self.hold_received());
        }
        came
    }
    /// Takes the ticket back.
    fn retract_recv(&self, seat: &mut Seat);
    /// Gives an unused wake-up to the next receiver, if there is a message.
    fn pass_on_recv(&self);

    /// Receives for a task, or leaves its ticket, to be woken by `waker`.
    fn poll_recv(&self, into: &mut Option<T>, seat: &mut Seat, waker: &Waker) -> Poll<Result<(), RecvError>>;
    /// A task gives up: takes its ticket back, and passes on a wake-up that it did not use.
    fn leave_recv(&self, seat: &mut Seat);
    /// First step of a selected receive: makes it certain.
    fn choose_recv(&self, who: Who<'_>) -> Option<Token>;
    /// The same under a lock, where nobody may be woken: places that it frees are told of when what was chosen is finished.
    fn choose_recv_quietly(&self, who: Who<'_>) -> Option<Token> {
        self.choose_recv(who)
    }
    /// The same after a claim of the ticket, which then goes with the token.
    fn claimed_recv(&self, seat: &mut Seat) -> Option<Token>;
    /// Second step; false means that the sender it was matched with withdrew.
    fn complete_recv(&self, token: Token, into: &mut Option<T>) -> bool;
    /// Instead of the second step.
    fn abandon_recv(&self, token: Token);

    /// Would a receive find a message now, or the end?
    fn can_recv(&self, who: Who<'_>) -> bool;
    /// The same for a thread that asks again and again, as a guess.
    fn may_recv(&self) -> bool {
        self.can_recv(Who::THREAD)
    }

    /// Was one of those that wait for a message overtaken, since this was asked last, by one without a ticket?
    fn was_a_receiver_overtaken(&self) -> bool {
        false
    }

    /// How many pauses a receiver that found no message had better make before it looks again.
    fn recv_patience(&self) -> usize {
        0
    }

    fn is_closed(&self) -> bool;
    /// Closed, and nothing is left to receive.
    fn is_drained(&self) -> bool;
    fn len(&self) -> usize;
    fn is_full(&self) -> bool;
    fn capacity(&self) -> Option<usize>;
}
