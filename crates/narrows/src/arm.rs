//! What a select needs of an arm: the interface between [`Select`](crate::Select) and everything that can be waited for.
//!
//! **Unstable.** It is public so that other crates can put operations of their own, such as a message from another
//! process, into the same select. It may change in any version.
//!
//! An arm is attempted; if that fails it gets a [`Ticket`], which it keeps where its peer will find it and
//! [notifies](Ticket::notify) once when an attempt is worth while again; then it is attempted again, or the ticket is
//! retracted. An attempt that succeeds gives a [`Token`], and what the token stands for is the chooser's until it is
//! completed or abandoned.

use std::time::Instant;

use crate::{
    sync::Arc,
    wait::waiter::{Offer, Waiter},
};

/// Names a ticket in a list, or what an attempt has chosen. The numbers mean something to their maker alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    pub(crate) slot: usize,
    pub(crate) number: u64,
}

impl Token {
    /// Chosen because the channel has ended.
    pub(crate) const DISCONNECTED: Token = Token { slot: usize::MAX, number: u64::MAX };

    /// A token of the arm's own.
    pub const fn new(slot: usize, number: u64) -> Token {
        Token { slot, number }
    }

    /// The first number.
    pub const fn slot(self) -> usize {
        self.slot
    }

    /// The second number.
    pub const fn number(self) -> u64 {
        self.number
    }
}

/// Where an arm's ticket is, if it is out; kept for the arm by the select.
pub type Seat = Option<Token>;

/// How a ticket takes part.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Stance {
    /// One operation that waits.
    Single,
    /// An arm of a selector, which may be awake while its ticket is out.
    Arm,
    /// Wants to know of readiness but takes nothing, so a wake-up goes on to the next.
    Observer,
}

/// One waiter's entry in one list.
#[derive(Debug, Clone)]
pub struct Ticket {
    pub(crate) waiter: Arc<Waiter>,
    pub(crate) arm: usize,
    pub(crate) stance: Stance,
}

impl Ticket {
    pub(crate) fn single(waiter: &Arc<Waiter>) -> Ticket {
        Ticket { waiter: waiter.clone(), arm: 0, stance: Stance::Single }
    }

    /// Tells the waiter that its arm may be ready. True if that used the wake-up: nobody else need be told.
    ///
    /// A ticket that was notified has served and should be dropped. Not to be called under a lock that an
    /// [`Arm`] takes: a task may be polled on the spot.
    pub fn notify(&self) -> bool {
        let claimed = match self.stance {
            Stance::Single => self.waiter.claim(self.arm),
            Stance::Arm | Stance::Observer => self.waiter.offer(self.arm) == Offer::Claimed,
        };
        if claimed {
            self.waiter.wake();
        }
        claimed && self.stance != Stance::Observer
    }

    /// The waiter is gone for good; the ticket may be forgotten.
    pub fn is_dead(&self) -> bool {
        self.waiter.is_ended()
    }
}

/// Who attempts: decides what the peer may hand over, and keeps a select from meeting itself.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    /// The waiter whose tickets may be out already.
    pub(crate) waiter: Option<&'a Arc<Waiter>>,
    /// A task may never come back; a thread does.
    pub(crate) is_task: bool,
}

impl<'a> Who<'a> {
    pub(crate) const THREAD: Who<'static> = Who { waiter: None, is_task: false };
    pub(crate) const TASK: Who<'static> = Who { waiter: None, is_task: true };

    pub(crate) fn waiter(waiter: &'a Arc<Waiter>) -> Who<'a> {
        Who { waiter: Some(waiter), is_task: waiter.is_task() }
    }

    /// Is that ticket's waiter the one who attempts?
    pub(crate) fn is(self, other: &Arc<Waiter>) -> bool {
        self.waiter.is_some_and(|own| Arc::ptr_eq(own, other))
    }

    /// Whether a task attempts; one must not be made to wait.
    pub fn is_task(self) -> bool {
        self.is_task
    }
}

/// What enlisting found.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// An attempt may succeed now: the ticket came too late to hear of it.
    pub ready: bool,
    /// An attempt will succeed then, without anybody's notice.
    pub due: Option<Instant>,
}

impl Look {
    pub(crate) fn ready(ready: bool) -> Look {
        Look { ready, due: None }
    }
}

/// Something that a [`Select`](crate::Select) can wait for.
///
/// **Unstable**, see the [module](self).
pub trait Arm {
    /// Tries to choose this arm now. The chooser's tickets may be out, but it cannot be claimed meanwhile.
    fn attempt(&self, who: Who<'_>) -> Option<Token>;

    /// The same for who looks again before it sleeps or says that nothing is ready: `None` is then no answer, only no luck,
    /// and may cost less.
    fn attempt_lightly(&self, who: Who<'_>) -> Option<Token> {
        self.attempt(who)
    }

    /// The same where it is simple: the first number of the token, whose second is 0. So little comes back in registers; a
    /// token did in memory, which cost as much as the choice. `None` is no answer.
    fn attempt_plainly(&self) -> Option<usize> {
        None
    }

    /// Whether an attempt would succeed.
    fn is_ready(&self, who: Who<'_>) -> bool;

    /// A cheap guess of the same, for who asks again and again.
    fn may_be_ready(&self) -> bool {
        self.is_ready(Who::THREAD)
    }

    /// Whether a look without a ticket can find what a peer has left. If not, two that both only look never meet.
    fn may_find_stored(&self) -> bool {
        true
    }

    /// Keeps the ticket where the peer looks (again, if `seat` names it), notes in `seat` where that is, and then looks
    /// once more. The order matters: what happens after the look must find the ticket.
    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look;

    /// Takes the ticket back. Forgetting this is not unsafe; the ticket is then notified in vain.
    fn retract(&self, seat: &mut Seat);

    /// After the ticket was notified: what the peer has chosen for us, if it does such a thing.
    fn claimed(&self, _seat: &mut Seat) -> Option<Token> {
        None
    }

    /// The wake-up this arm got was not used: tells the next who waits, if there is still something to attempt.
    fn pass_on(&self) {}

    /// Gives back what an attempt has chosen.
    fn abandon(&self, _token: Token) {}
}

/// What a chosen operation is completed with: which operation, on the channel at which address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Send(usize),
    Recv(usize),
    Reserve(usize),
}

/// Identifies a channel while somebody holds it.
pub(crate) fn address<T>(channel: &T) -> usize {
    std::ptr::from_ref(channel).addr()
}

/// An arm as a select keeps it.
#[derive(Clone, Copy)]
#[doc(hidden)]
pub struct Entry<'a> {
    pub(crate) arm: &'a dyn Arm,
    /// `None` for arms of others, which complete themselves.
    pub(crate) target: Option<Target>,
}

impl<'a> Entry<'a> {
    /// An arm that completes itself.
    pub fn of(arm: &'a (dyn Arm + Send + Sync)) -> Entry<'a> {
        Entry { arm, target: None }
    }

    pub(crate) fn attempt(&self, who: Who<'_>, lightly: bool) -> Option<Token> {
        if lightly { self.arm.attempt_lightly(who) } else { self.arm.attempt(who) }
    }
}

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.target.fmt(f)
    }
}
