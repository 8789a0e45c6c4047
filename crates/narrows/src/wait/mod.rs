//! Waiting: the only loop that sleeps for an operation, blocked or polled. Knows operations only by [`Op`].
//!
//! The protocol and the argument why no wake-up is lost stand in README.md beside this file.

pub(crate) mod list;
pub(crate) mod waiter;

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use self::waiter::Waiter;
use crate::{
    arm::{Look, Who},
    park,
    sync::Arc,
    time::{Alarm, Deadline},
};

/// An operation: it owns its message and its result.
pub(crate) trait Op {
    type Output;

    /// Tries now. The waiter, if any, is not claimable meanwhile.
    fn attempt(&mut self, who: Who<'_>) -> Option<Self::Output>;

    /// Leaves tickets where the peers look, then looks once more. The waiter is open already.
    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look;

    /// After a claim of `arm`: the result, if the peer finished the operation; else it was a mere wake-up.
    fn claimed(&mut self, arm: usize) -> Option<Self::Output>;

    /// Takes every ticket back.
    fn retract(&mut self);

    /// A wake-up for `arm` may go unused: gives it to the next in line if there is still something to do.
    fn pass_on(&mut self, arm: usize);

    /// A cheap guess, without a ticket, whether an attempt is worth while. Used for spinning only.
    fn looks_ready(&mut self) -> bool;

    /// Whether looking without a ticket can find what a peer has left.
    fn may_find_stored(&self) -> bool {
        true
    }

    /// The waiter to use; a selector that is used again keeps its own.
    fn waiter(&mut self, is_task: bool) -> Arc<Waiter> {
        if is_task { Waiter::for_task() } else { Waiter::for_thread() }
    }
}

/// Blocks the calling thread until the operation is done, or `None` once the deadline has passed.
pub(crate) fn block<O: Op>(op: &mut O, deadline: Deadline) -> Option<O::Output> {
    if let Some(output) = op.attempt(Who::THREAD) {
        return Some(output);
    }
    block_slow(op, deadline)
}

#[cold]
fn block_slow<O: Op>(op: &mut O, deadline: Deadline) -> Option<O::Output> {
    let mut spin = park::Spin::new();
    // Where nothing is stored, two that both only look never meet; then the spinning is done with the ticket out.
    while op.may_find_stored() && spin.turn() && !deadline.has_passed() {
        if op.looks_ready()
            && let Some(output) = op.attempt(Who::THREAD)
        {
            return Some(output);
        }
    }
    if deadline.has_passed() {
        return None;
    }
    let waiter = op.waiter(false);
    let mut claim = None;
    let output = loop {
        waiter.open();
        let look = op.enlist(&waiter);
        if !look.ready {
            park::sleep(|| waiter.is_claimed(), deadline.min(look.due.into()));
        }
        if let Some(arm) = waiter.close() {
            claim = Some(arm);
            if let Some(output) = op.claimed(arm) {
                claim = None; // the peer finished us: no wake-up is left over
                break Some(output);
            }
        }
        if let Some(output) = op.attempt(Who::waiter(&waiter)) {
            break Some(output);
        }
        if deadline.has_passed() {
            break None;
        }
    };
    op.retract();
    if let Some(arm) = claim {
        op.pass_on(arm);
    }
    Waiter::recycle(waiter);
    output
}

/// The operation as a future. Dropping it cancels: tickets back, an unused wake-up passed on.
#[derive(Debug)]
pub(crate) struct Wait<O: Op> {
    op: O,
    waiter: Option<Arc<Waiter>>,
    alarm: Option<Alarm>,
    claim: Option<usize>,
    done: bool,
}

impl<O: Op> Unpin for Wait<O> {}

impl<O: Op> Wait<O> {
    pub(crate) fn new(op: O) -> Wait<O> {
        Wait { op, waiter: None, alarm: None, claim: None, done: false }
    }

    pub(crate) fn op(&self) -> &O {
        &self.op
    }

    /// Makes a finished wait ready for the next one of its kind.
    #[cfg(feature = "futures")]
    pub(crate) fn again(&mut self) {
        self.done = false;
    }

    /// What a claim since the last poll brought.
    fn settle(&mut self) -> Option<O::Output> {
        let arm = self.waiter.as_ref()?.close()?;
        self.claim = Some(arm);
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
        if let Some(waiter) = self.waiter.take() {
            self.op.retract();
            if let Some(arm) = self.claim.take() {
                self.op.pass_on(arm);
            }
            waiter.forget_waker();
            Waiter::recycle(waiter);
        }
    }

    fn poll_once(&mut self, cx: &mut Context<'_>) -> Option<O::Output> {
        if let Some(output) = self.settle() {
            return Some(output);
        }
        match &self.waiter {
            None => {
                if let Some(output) = self.op.attempt(Who::TASK) {
                    return Some(output);
                }
                let waiter = self.op.waiter(true);
                waiter.set_waker(cx.waker());
                self.waiter = Some(waiter);
            }
            Some(waiter) => waiter.set_waker(cx.waker()),
        }
        loop {
            let waiter = self.waiter.as_ref().expect("set above");
            if let Some(output) = self.op.attempt(Who::waiter(waiter)) {
                return Some(output);
            }
            waiter.open();
            let look = self.op.enlist(waiter);
            if !look.ready {
                Alarm::set(&mut self.alarm, look.due, waiter);
                return None;
            }
            if let Some(output) = self.settle() {
                return Some(output);
            }
        }
    }
}

impl<O: Op> Future for Wait<O> {
    type Output = O::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Output> {
        assert!(!self.done, "polled after it was finished");
        match self.poll_once(cx) {
            Some(output) => {
                self.finish();
                Poll::Ready(output)
            }
            None => Poll::Pending,
        }
    }
}

impl<O: Op> Drop for Wait<O> {
    fn drop(&mut self) {
        if !self.done {
            // Whatever a peer put into our ticket stays the channel's; what it took is gone.
            drop(self.settle());
            self.finish();
        }
    }
}
