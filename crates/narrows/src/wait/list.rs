//! Wait lists: tickets behind a lock, and a count that is seen without it. Knows nothing about queues; `P` is what a ticket
//! shows to the peer.

use std::task::{Poll, Waker};

pub(crate) use super::tickets::{Offered, Payload};
use super::{
    party::{Party, Woken},
    tickets::{List, NONE},
};
use crate::{
    arm::{Seat, Ticket, Token},
    late::Late,
    sync::{AtomicU32, Mutex, Ordering, fence, lock, made, unmodelled::AtomicBool},
};

/// Notes that the ticket of a single operation was claimed, and so is no longer in its list: `retract` then needs no lock.
pub(crate) fn was_claimed(key: &mut Seat) {
    if let Some(key) = key {
        key.slot = NONE;
    }
}

/// Whether that was noted.
pub(crate) fn is_out(key: Token) -> bool {
    key.slot == NONE
}

/// A list behind a lock, made when the first comes to wait, with a count that lets the other side see without the lock that
/// nobody waits.
#[derive(Debug)]
pub(crate) struct WaitList<P = ()> {
    waiting: AtomicU32,
    /// One that was woken found nothing, for somebody without a ticket was faster. A hint.
    was_overtaken: AtomicBool,
    line: Late<Line<P>>,
}

/// A line of the cache, where a lock is small: each wait and each wake-up touches all of it.
#[derive(Debug)]
#[repr(align(64))]
struct Line<P>(Mutex<List<P>>);

// Elsewhere a lock may be larger, and the list takes two.
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(any(loom, narrows_check))))]
const _: () = assert!(size_of::<Line<()>>() == 64);

/// What a task finds in the place of its ticket.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It is linked, as it was.
    Waits,
    /// It was claimed, and is taken back.
    Claimed,
    /// It is not there any more.
    Gone,
}

impl<P: Payload + Default> WaitList<P> {
    #[inline(always)]
    pub(crate) fn new() -> WaitList<P> {
        made();
        WaitList { waiting: AtomicU32::new(0), was_overtaken: AtomicBool::new(false), line: Late::new() }
    }

    fn line(&self) -> &Line<P> {
        self.line.get_or_make(|| Line(Mutex::new(List::new())))
    }

    /// Runs `f` on the list; who was claimed is to be woken.
    pub(crate) fn locked<R>(&self, f: impl FnOnce(&mut List<P>, &mut Woken) -> R) -> (R, Woken) {
        let mut woken = Woken::default();
        let mut list = lock(&self.line().0);
        let result = f(&mut list, &mut woken);
        // Relaxed: stands before the waiter's fence, and is read behind the publisher's (wait/README.md, "Dekker").
        self.waiting.store(list.linked(), Ordering::Relaxed);
        drop(list);
        (result, woken)
    }

    /// Runs `f` on the list and wakes, afterwards and without the lock, whom it claimed.
    fn with<R>(&self, f: impl FnOnce(&mut List<P>, &mut Woken) -> R) -> R {
        let (result, woken) = self.locked(f);
        woken.wake();
        result
    }

    /// Leaves a ticket, or shows one again that `key` names. The caller then does a fence against those who publish
    /// (wait/README.md, "Dekker") and looks once more at what it waits for.
    /// What it shows is moved out of `payload`.
    pub(crate) fn show(&self, ticket: Ticket, key: &mut Seat, payload: Option<&mut P>) {
        self.with(|list, woken| {
            let is_there = key.is_some_and(|key| list.get(key).is_some());
            // Claimed since its waiter opened: not to be found until that is settled.
            if key.is_some() && !is_there && ticket.waiter.is_claimed() {
                return;
            }
            self.place(list, Party::Waiter(ticket), payload, key, woken);
        });
    }

    /// The same of a task with a single operation, woken by `waker` from now on.
    /// What it shows is moved out of `payload`. True if it had been claimed.
    #[inline(always)]
    pub(crate) fn stand(&self, waker: &Waker, key: &mut Seat, payload: Option<&mut P>) -> bool {
        let mut spare = Some(waker.clone());
        self.with(|list, woken| {
            if let Some(key) = key.filter(|key| list.get(*key).is_some()) {
                list.set_waker(key, waker, &mut spare);
                return false;
            }
            let was_claimed = key.is_some();
            self.place(list, Party::Task(spare.take()), payload, key, woken);
            was_claimed
        })
    }

    /// What became of the ticket of a task, which is woken by `waker` from now on.
    /// What it shows is swapped with `own` if it is taken back.
    pub(crate) fn visit(&self, key: Token, waker: &Waker, own: &mut P) -> Standing {
        let mut spare = None;
        loop {
            let standing = self.with(|list, woken| {
                if !list.is_linked(key) {
                    let Some(shown) = list.payload(key) else { return Some(Standing::Gone) };
                    std::mem::swap(shown, own);
                    list.remove(key, woken);
                    return Some(Standing::Claimed);
                }
                list.set_waker(key, waker, &mut spare).then_some(Standing::Waits)
            });
            match standing {
                Some(standing) => return standing,
                None => spare = Some(waker.clone()),
            }
        }
    }

    /// Takes a ticket back, with what it shows, swapped with `own`. Whether it had been claimed; `None` if it is not
    /// there.
    pub(crate) fn take_back(&self, key: Token, own: &mut P) -> Option<bool> {
        self.with(|list, woken| {
            let was_claimed = !list.is_linked(key);
            std::mem::swap(list.payload(key)?, own);
            list.remove(key, woken);
            Some(was_claimed)
        })
    }

    /// What a task does that waits in this list: attempts, unless it has just done so, then stands in line and looks once
    /// more. `look` does the fence. A wake-up that may go unused is passed on, behind the ticket that is given if the task
    /// waits on.
    pub(crate) fn poll<R>(
        &self,
        seat: &mut Seat,
        waker: &Waker,
        mut attempt: impl FnMut() -> Option<R>,
        look: impl Fn() -> bool,
        pass_on: impl Fn(Seat),
    ) -> Poll<R> {
        let mut was_tried = seat.is_none();
        loop {
            if !std::mem::take(&mut was_tried)
                && let Some(result) = attempt()
            {
                if self.leave(seat) {
                    pass_on(None);
                }
                return Poll::Ready(result);
            }
            if self.stand(waker, seat, None) {
                pass_on(*seat);
            }
            if !look() {
                return Poll::Pending;
            }
        }
    }

    /// Links a ticket: a new one, or one that was claimed at its old place.
    #[inline(always)]
    fn place(&self, list: &mut List<P>, party: Party, payload: Option<&mut P>, key: &mut Seat, woken: &mut Woken) {
        let shown = match *key {
            Some(key) if list.get(key).is_some() => key,
            Some(key) => list.add_as(key.number, party, P::default(), woken),
            None => list.add(party, P::default(), woken),
        };
        // In its place, for it may be large.
        if let Some((shown, payload)) = list.payload(shown).zip(payload) {
            std::mem::swap(shown, payload);
        }
        if key.is_some() && !list.is_linked(shown) {
            // Relaxed: a hint.
            self.was_overtaken.store(true, Ordering::Relaxed);
        }
        list.link(shown);
        *key = Some(shown);
    }

    /// Whether one of those who stand in line was overtaken since this was asked last.
    pub(crate) fn was_overtaken(&self) -> bool {
        // Relaxed, both: a hint.
        let was_overtaken = self.was_overtaken.load(Ordering::Relaxed);
        if was_overtaken {
            self.was_overtaken.store(false, Ordering::Relaxed);
        }
        was_overtaken
    }

    /// The same with the fence, against publishers that do one too.
    pub(crate) fn enlist(&self, ticket: Ticket, key: &mut Seat) {
        self.show(ticket, key, None);
        // SeqCst: between showing the ticket and the caller's look.
        fence(Ordering::SeqCst);
    }

    /// Takes a ticket back.
    pub(crate) fn retract(&self, key: &mut Seat) {
        if let Some(key) = key.take()
            && key.slot != NONE
        {
            self.with(|list, woken| list.remove(key, woken));
        }
    }

    /// The same of a task: whether it had been claimed.
    pub(crate) fn leave(&self, key: &mut Seat) -> bool {
        let Some(key) = key.take() else { return false };
        // Relaxed: that our ticket is counted we wrote ourselves, in an earlier poll, so what says that none is left is later. Who
        // claimed ours took it out with that, as it shows nothing.
        if self.waiting.load(Ordering::Relaxed) == 0 && !P::default().outlives_its_claim() {
            return true;
        }
        self.with(|list, woken| {
            let was_claimed = list.get(key).is_none();
            list.remove(key, woken);
            was_claimed
        })
    }

    /// Whether anybody waits. The caller has published what they wait for, and done its fence.
    #[inline(always)]
    pub(crate) fn is_waited_on(&self) -> bool {
        // Relaxed: ordered by the fence.
        self.waiting.load(Ordering::Relaxed) != 0
    }

    /// Wakes the first waiters, if any, after `n` things were published.
    pub(crate) fn notify(&self, n: usize) {
        // SeqCst: between the caller's publish and the look (wait/README.md, "Dekker").
        fence(Ordering::SeqCst);
        self.notify_fenced(n);
    }

    /// The same, after the caller's own fence.
    #[inline(always)]
    pub(crate) fn notify_fenced(&self, n: usize) {
        if self.is_waited_on() {
            self.notify_slow(n);
        }
    }

    #[cold]
    fn notify_slow(&self, n: usize) {
        self.with(|list, woken| list.hand_out_up_to(n, woken));
    }

    /// Gives the wake-up of one that was claimed to the first waiter, if `still` there is something to wake for.
    ///
    /// Without a fence: whoever published that something claimed us after its own. A waiter whose fence came first had
    /// its ticket out by then, and the claim has let us see it; one whose fence came later has seen what was published.
    pub(crate) fn pass_on(&self, still: impl FnOnce() -> bool) {
        if self.is_waited_on() && still() {
            self.with(|list, woken| list.hand_out(None, woken));
        }
    }

    /// Wakes every waiter, after the caller's own fence.
    #[inline(always)]
    pub(crate) fn notify_all_fenced(&self) {
        if self.is_waited_on() {
            self.with(List::hand_out_to_all);
        }
    }
}
