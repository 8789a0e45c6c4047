//! Who stands in line behind a ticket, and who is to be woken. Knows nothing about lists or messages.
//!
//! A thread, or an arm of a select, is claimed by the word of its waiter, which also says whether it looks for itself just
//! now. A task with a single operation has no such word: it does all it does to its ticket under the list's lock, so it
//! may be claimed as long as its ticket is linked, and to claim it is to take its waker.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::Waker,
};

use super::waiter::{self, Waiter};
use crate::{
    arm::{Stance, Ticket, Who},
    sync::Arc,
};

/// Who a ticket in a list stands for.
#[derive(Debug)]
pub(crate) enum Party {
    Waiter(Ticket),
    /// `None` once it was woken.
    Task(Option<Waker>),
}

impl From<Ticket> for Party {
    fn from(ticket: Ticket) -> Party {
        Party::Waiter(ticket)
    }
}

impl Party {
    /// A task may stop polling for ever; a thread that waits comes back.
    pub(crate) fn is_task(&self) -> bool {
        match self {
            Party::Waiter(ticket) => ticket.waiter.is_task(),
            Party::Task(_) => true,
        }
    }

    pub(crate) fn stance(&self) -> Stance {
        match self {
            Party::Waiter(ticket) => ticket.stance,
            Party::Task(_) => Stance::Single,
        }
    }

    /// Makes a task be woken by `waker`: by `spare`, its clone, for none is cloned under the lock. What is left in `spare` is
    /// to be dropped after it. False if there would have to be a spare.
    pub(super) fn set_waker(&mut self, waker: &Waker, spare: &mut Option<Waker>) -> bool {
        let Party::Task(own) = self else { return true };
        if own.as_ref().is_some_and(|own| own.will_wake(waker)) {
            return true;
        }
        let has_spare = spare.is_some();
        if has_spare {
            std::mem::swap(own, spare);
        }
        has_spare
    }

    /// Whether it is the one who attempts: a select does not meet itself.
    pub(crate) fn is(&self, who: Who<'_>) -> bool {
        matches!(self, Party::Waiter(ticket) if who.is(&ticket.waiter))
    }

    /// Whether one whose ticket is linked could be claimed now.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Party::Waiter(ticket) => ticket.waiter.is_open(),
            Party::Task(_) => true,
        }
    }

    /// Claims one whose ticket is linked. The claimer unlinks it, and has it woken once it holds no lock.
    pub(crate) fn claim(&self) -> bool {
        match self {
            Party::Waiter(ticket) => ticket.waiter.claim(ticket.arm),
            Party::Task(_) => true,
        }
    }

    /// The same of a single operation that the claimer has finished; it removes the ticket.
    pub(crate) fn claim_finished(&self) -> bool {
        match self {
            Party::Waiter(ticket) => ticket.waiter.claim(waiter::FINISHED),
            Party::Task(_) => true,
        }
    }

    /// Tells one whose ticket is linked that an attempt may succeed.
    #[inline(always)]
    pub(crate) fn offer(&self) -> Option<waiter::Offer> {
        match self {
            Party::Waiter(ticket) if ticket.stance != Stance::Single => Some(ticket.waiter.offer(ticket.arm)),
            party => party.claim().then_some(waiter::Offer::Claimed),
        }
    }

    /// Has it woken, after a claim; its ticket stays.
    pub(crate) fn call(&mut self, woken: &mut Woken) {
        match self {
            Party::Waiter(ticket) => woken.push(Sleeper::Waiter(ticket.waiter.clone())),
            Party::Task(waker) => {
                if let Some(waker) = waker.take() {
                    woken.push(Sleeper::Task(waker));
                }
            }
        }
    }

    /// Has it woken, after a claim; its ticket is gone.
    #[inline(always)]
    pub(crate) fn call_out(self, woken: &mut Woken) {
        match self {
            Party::Waiter(ticket) => woken.push(Sleeper::Waiter(ticket.waiter)),
            Party::Task(waker) => {
                if let Some(waker) = waker {
                    woken.push(Sleeper::Task(waker));
                }
            }
        }
    }

    /// Nobody wakes it any more: its selector is gone.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Party::Waiter(ticket) if ticket.waiter.is_ended())
    }
}

/// Who can be woken.
#[derive(Debug)]
pub(crate) enum Sleeper {
    Waiter(Arc<Waiter>),
    Task(Waker),
}

impl Sleeper {
    /// Never called under a lock.
    pub(crate) fn wake(self) {
        match self {
            Sleeper::Waiter(waiter) => waiter.wake(),
            Sleeper::Task(waker) => wake(waker),
        }
    }
}

/// Wakes a task. A waker that panics has had its panic reported; it must not keep the operation that woke it, or others,
/// from going on.
pub(crate) fn wake(waker: Waker) {
    let woken = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    // Not dropped: that, too, may panic.
    let _ = woken.map_err(std::mem::forget);
}

/// Who was claimed under a lock, to be woken after it. The usual one costs no allocation.
#[derive(Debug, Default)]
#[must_use = "who was claimed sleeps until it is woken"]
pub(crate) struct Woken {
    first: Option<Sleeper>,
    others: Option<Box<Others>>,
    /// Gone for good, and dropped here because that may run code of an executor.
    buried: Option<Party>,
}

#[derive(Debug, Default)]
struct Others {
    more: Vec<Sleeper>,
    buried: Vec<Party>,
}

impl Woken {
    #[inline]
    fn push(&mut self, sleeper: Sleeper) {
        if self.first.is_none() {
            self.first = Some(sleeper);
        } else {
            self.others().more.push(sleeper);
        }
    }

    /// Drops what is left of a ticket after the lock.
    #[inline]
    pub(crate) fn bury(&mut self, party: Party) {
        if matches!(party, Party::Task(None)) {
        } else if self.buried.is_none() {
            self.buried = Some(party);
        } else {
            self.others().buried.push(party);
        }
    }

    #[cold]
    fn others(&mut self) -> &mut Others {
        self.others.get_or_insert_default()
    }

    /// Wakes them, in order.
    #[inline]
    pub(crate) fn wake(self) {
        if let Some(first) = self.first {
            first.wake();
        }
        if let Some(others) = self.others {
            (*others).wake();
        }
    }
}

impl Others {
    #[cold]
    fn wake(self) {
        for sleeper in self.more {
            sleeper.wake();
        }
    }
}
