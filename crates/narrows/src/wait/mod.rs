//! Waiting: the only loop that sleeps for an operation, blocked or polled. Knows operations only by [`Op`].
//!
//! The protocol and the argument why no wake-up is lost stand in README.md beside this file.

pub(crate) mod bell;
pub(crate) mod list;
#[cfg(all(test, loom))]
mod model;
pub(crate) mod party;
pub(crate) mod polled;
pub(crate) mod task;
pub(crate) mod tickets;
pub(crate) mod waiter;

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use self::waiter::Waiter;
use crate::{
    arm::{Look, Who},
    park,
    sync::Arc,
    time::{Alarm, Deadline},
    trace::{self, Aims},
};

/// An operation: it owns its message and its result.
pub(crate) trait Op {
    /// How it ended. A message received stays in the operation, so that it is not copied on its way out of the loop.
    type Output;

    /// What it waits for, for those who watch.
    fn aims(&self, aims: &mut Aims) {
        aims.unknown();
    }

    /// Tries now. The waiter, if any, is not claimable meanwhile.
    fn attempt(&mut self, who: Who<'_>) -> Option<Self::Output>;

    /// Tries for the last time: if it fails, that nothing was ready must have been true at one moment. One attempt at one
    /// thing is such a moment.
    fn attempt_last(&mut self, who: Who<'_>) -> Option<Self::Output> {
        self.attempt(who)
    }

    /// Leaves tickets where the peers look, then looks once more. The waiter is open already.
    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look;

    /// After a claim of `arm`: the result, if the peer finished the operation; else it was a mere wake-up.
    fn claimed(&mut self, arm: usize) -> Option<Self::Output>;

    /// After a claim of `arm` that came too late, for the operation is given up: true if it was more than a wake-up.
    fn disclaim(&mut self, arm: usize) -> bool {
        self.claimed(arm).is_some()
    }

    /// Takes every ticket back.
    fn retract(&mut self);

    /// A wake-up for `arm` may go unused: gives it to the next in line if there is still something to do.
    fn pass_on(&mut self, arm: usize);

    /// A cheap guess, without a ticket, whether an attempt is worth while. Used for spinning only.
    fn looks_ready(&mut self) -> bool;

    /// How many pauses to make before the first look, if the peer is as near as can be: who looks at once at what a peer is
    /// about to fill, or to empty, takes turns with it for each message.
    fn patience(&mut self) -> usize {
        0
    }

    /// Whether looking without a ticket can find what a peer has left.
    fn may_find_stored(&self) -> bool {
        true
    }

    /// May an attempt succeed? A guess, before a ticket goes out, whose look will see the same for sure.
    fn is_worth_a_try(&self) -> bool {
        true
    }

    /// Spins, where that is not so, in sight of the peer: it may finish the operation.
    fn meet(&mut self, _deadline: Deadline) -> Option<Self::Output> {
        None
    }

    /// The waiter to use in a thread; a selector that is used again keeps its own.
    fn waiter(&mut self) -> Arc<Waiter> {
        Waiter::for_thread()
    }

    /// The same in a task, open, and with its waker.
    fn open_waiter(&mut self, waker: &Waker) -> Arc<Waiter> {
        let waiter = Waiter::for_task();
        waiter.set_waker(waker);
        waiter.open();
        waiter
    }

    /// The wait is over.
    fn put_back(&mut self, waiter: Arc<Waiter>) {
        Waiter::recycle(waiter);
    }
}

impl<O: Op> Op for &mut O {
    type Output = O::Output;

    fn aims(&self, aims: &mut Aims) {
        (**self).aims(aims);
    }

    fn attempt(&mut self, who: Who<'_>) -> Option<O::Output> {
        (**self).attempt(who)
    }

    fn attempt_last(&mut self, who: Who<'_>) -> Option<O::Output> {
        (**self).attempt_last(who)
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        (**self).enlist(waiter)
    }

    fn claimed(&mut self, arm: usize) -> Option<O::Output> {
        (**self).claimed(arm)
    }

    fn disclaim(&mut self, arm: usize) -> bool {
        (**self).disclaim(arm)
    }

    fn retract(&mut self) {
        (**self).retract();
    }

    fn pass_on(&mut self, arm: usize) {
        (**self).pass_on(arm);
    }

    fn looks_ready(&mut self) -> bool {
        (**self).looks_ready()
    }

    fn patience(&mut self) -> usize {
        (**self).patience()
    }

    fn may_find_stored(&self) -> bool {
        (**self).may_find_stored()
    }

    fn is_worth_a_try(&self) -> bool {
        (**self).is_worth_a_try()
    }

    fn meet(&mut self, deadline: Deadline) -> Option<O::Output> {
        (**self).meet(deadline)
    }

    fn waiter(&mut self) -> Arc<Waiter> {
        (**self).waiter()
    }

    fn open_waiter(&mut self, waker: &Waker) -> Arc<Waiter> {
        (**self).open_waiter(waker)
    }

    fn put_back(&mut self, waiter: Arc<Waiter>) {
        (**self).put_back(waiter);
    }
}

/// Blocks the calling thread until the operation is done, or `None` once the deadline has passed.
pub(crate) fn block<O: Op>(op: &mut O, deadline: Deadline) -> Option<O::Output> {
    if op.may_find_stored()
        && let Some(output) = op.attempt(Who::THREAD)
    {
        return Some(output);
    }
    block_slow(op, deadline)
}

/// The same, perhaps after such a look.
#[cold]
pub(crate) fn block_on<O: Op>(op: &mut O, is_new: bool, deadline: Deadline) -> Option<O::Output> {
    if is_new { block(op, deadline) } else { block_slow(op, deadline) }
}

/// The same after a look at what is stored.
#[cold]
pub(crate) fn block_slow<O: Op>(op: &mut O, deadline: Deadline) -> Option<O::Output> {
    let output = if op.may_find_stored() {
        spin_for(op, deadline)
    } else {
        // Two that both only look never meet; then the spinning is done in sight of the peer.
        op.meet(deadline).or_else(|| if op.is_worth_a_try() { op.attempt(Who::THREAD) } else { None })
    };
    if output.is_some() {
        return output;
    }
    let _blocked = trace::blocks(deadline != Deadline::Never, |aims| op.aims(aims));
    // Dropped, also by a panic of the hook, it cancels as a future does.
    let mut wait = Wait::new(op);
    let output = wait.block(deadline);
    wait.finish();
    output
}

/// Looks again and again for a short while, for what a peer may leave.
fn spin_for<O: Op>(op: &mut O, deadline: Deadline) -> Option<O::Output> {
    let mut spin = park::Spin::of_wait();
    let patience = op.patience();
    // Where pauses do not help and each wait is for little, yields in sight of the peer serve better, with a ticket out
    // (`park::sleep`): it may finish the operation.
    if patience == 0 && !spin.pauses() {
        return None;
    }
    if patience > 0
        && spin.rest(patience, || op.looks_ready())
        && let Some(output) = op.attempt(Who::THREAD)
    {
        return Some(output);
    }
    while spin.turn() && !deadline.has_passed() {
        if op.looks_ready()
            && let Some(output) = op.attempt(Who::THREAD)
        {
            return Some(output);
        }
    }
    None
}

/// An operation under way. Dropping it cancels: tickets back, an unused wake-up passed on.
#[derive(Debug)]
pub(crate) struct Wait<O: Op> {
    op: O,
    waiter: Option<Arc<Waiter>>,
    alarm: Option<Alarm>,
    watched: trace::Pending,
    /// The last claim, if it was a mere wake-up. It may be left over when the operation ends.
    claim: Option<usize>,
    /// Claimed since the waiter got its waker, which the claimer has taken or is about to take.
    is_woken: bool,
    done: bool,
}

impl<O: Op> Unpin for Wait<O> {}

impl<O: Op> Wait<O> {
    #[inline]
    pub(crate) fn new(op: O) -> Wait<O> {
        Wait { op, waiter: None, alarm: None, watched: trace::Pending::NONE, claim: None, is_woken: false, done: false }
    }

    /// The loop of a thread.
    fn block(&mut self, deadline: Deadline) -> Option<O::Output> {
        let waiter = self.op.waiter();
        self.waiter = Some(waiter.clone());
        loop {
            waiter.open();
            let look = self.op.enlist(&waiter);
            if !look.ready {
                park::sleep(|| waiter.is_claimed(), deadline.min(look.due.into()));
            }
            let settled = self.settle();
            if settled.is_some() {
                return settled;
            }
            if deadline.has_passed() {
                return self.op.attempt_last(Who::waiter(&waiter));
            }
            let output = self.op.attempt(Who::waiter(&waiter));
            if output.is_some() {
                return output;
            }
        }
    }

    /// What a claim since the last poll brought.
    fn settle(&mut self) -> Option<O::Output> {
        let arm = self.waiter.as_ref()?.close()?;
        self.claim = Some(arm);
        self.is_woken = true;
        let output = self.op.claimed(arm);
        if output.is_some() {
            self.claim = None;
        }
        output
    }

    /// Ends the wait: nothing of it is left in any list.
    fn finish(&mut self) {
        self.done = true;
        self.alarm = None;
        self.watched = trace::Pending::NONE;
        let Some(waiter) = self.waiter.take() else { return };
        self.op.retract();
        if waiter.is_task() && !self.is_woken {
            waiter.forget_waker();
        }
        self.op.put_back(waiter);
        if let Some(arm) = self.claim.take() {
            self.op.pass_on(arm);
        }
    }

    /// The loop of a task, from poll to poll.
    fn poll_once(&mut self, cx: &mut Context<'_>) -> Option<O::Output> {
        let mut output = self.settle();
        if output.is_none() {
            let who = self.waiter.as_ref().map_or(Who::TASK, Who::waiter);
            output = self.op.attempt(who);
        }
        if output.is_some() {
            return output;
        }
        if let Some(waiter) = &self.waiter {
            self.is_woken = false;
            waiter.set_waker(cx.waker());
            waiter.open();
        }
        loop {
            let waiter = self.waiter.get_or_insert_with(|| self.op.open_waiter(cx.waker()));
            let look = self.op.enlist(waiter);
            if !look.ready {
                Alarm::set(&mut self.alarm, look.due, waiter);
                return None;
            }
            output = self.settle();
            let waiter = self.waiter.as_ref()?;
            if output.is_none() {
                output = self.op.attempt(Who::waiter(waiter));
            }
            if output.is_some() {
                return output;
            }
            waiter.open();
        }
    }

    #[cold]
    fn cancel(&mut self) {
        if let Some(arm) = self.waiter.as_ref().and_then(|waiter| waiter.close()) {
            self.is_woken = true;
            // What a peer took is gone; what it gave goes back to the channel.
            self.claim = (!self.op.disclaim(arm)).then_some(arm);
        }
        self.finish();
    }
}

impl<O: Op> Future for Wait<O> {
    type Output = O::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Output> {
        assert!(!self.done, "polled after it was finished");
        if self.waiter.is_none() && park::is_spent(cx) {
            return Poll::Pending;
        }
        let Some(output) = self.poll_once(cx) else {
            let me = &mut *self;
            me.watched.pends(|aims| me.op.aims(aims));
            return Poll::Pending;
        };
        self.finish();
        Poll::Ready(output)
    }
}

impl<O: Op> Drop for Wait<O> {
    #[inline]
    fn drop(&mut self) {
        // A wait that is over has no waiter any more, and one that did not begin has none yet.
        if self.waiter.is_some() {
            self.cancel();
        }
    }
}
