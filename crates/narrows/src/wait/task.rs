//! A task that waits for a single operation. Its ticket is its waker, and all that happens to it happens under its list's
//! lock (`party.rs`): no waiter of its own, and nothing to open or close from poll to poll.

use std::{
    task::{Context, Poll, Waker},
    time::Instant,
};

use super::Op;
use crate::{
    arm::Who,
    park::{self, Spin, Turns},
    sync::MODELLED,
    time::{self, Alarm},
    trace::Pending,
};

/// An operation that a task may wait for in line.
pub(crate) trait TaskOp: Op {
    /// Does it, or leaves a ticket, or lets it stand, by which `waker` is woken; then looks once more.
    fn poll(&mut self, waker: &Waker) -> Poll<Self::Output>;

    /// Gives up: the ticket is taken back, and a wake-up that was not used is passed on. What a peer took stays taken.
    fn leave(&mut self);

    /// Whether its ticket is out.
    fn is_in_line(&self) -> bool;

    /// When it can go on without anybody's notice.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Whether it may wait without a ticket for a while, about to be polled again. It does not while one of those in line
    /// was overtaken lately; nor where a peer that finds a ticket does the operation.
    fn may_give_way(&self) -> bool {
        false
    }
}

/// Such an operation under way. Dropping it cancels.
#[derive(Debug)]
pub(crate) struct TaskWait<O: TaskOp> {
    op: O,
    is_done: bool,
    /// Of a task without a ticket: how often it still gives way.
    turns: Option<Turns>,
    alarm: Option<Box<Alarm>>,
    watched: Pending,
}

impl<O: TaskOp> Unpin for TaskWait<O> {}

impl<O: TaskOp> TaskWait<O> {
    #[inline]
    pub(crate) fn new(op: O) -> TaskWait<O> {
        TaskWait { op, is_done: false, turns: None, alarm: None, watched: Pending::NONE }
    }

    #[inline]
    pub(crate) fn op(&self) -> &O {
        &self.op
    }

    #[inline]
    pub(crate) fn op_mut(&mut self) -> &mut O {
        &mut self.op
    }

    /// It has not waited yet, and is not over: nothing of it is in any list.
    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        !self.op.is_in_line() && !self.is_done
    }

    /// Whether it is to give way before it is tried: the task has done as much as its scheduler lets it do in a poll.
    #[inline]
    pub(crate) fn is_spent(&self, cx: &Context<'_>) -> bool {
        self.is_fresh() && park::is_spent(cx)
    }

    /// It was done, or given up.
    pub(crate) fn is_over(&self) -> bool {
        self.is_done
    }

    /// Ends it: the operation was done.
    #[inline]
    pub(crate) fn finish(&mut self) {
        self.is_done = true;
        self.watched = Pending::NONE;
        if let Some(turns) = self.turns.take() {
            turns.helped();
        }
    }

    /// Cancels it: what a peer took stays taken, and what it did not is in the operation.
    pub(crate) fn give_up(&mut self) -> &mut O {
        self.is_done = true;
        self.turns = None;
        self.cancel();
        &mut self.op
    }

    /// Makes one that is over ready for the next of its kind.
    #[cfg(feature = "futures")]
    pub(crate) fn again(&mut self) {
        self.is_done = false;
    }

    /// Polls; `tried` says that a quick attempt has just failed, of a fresh operation. Where a peer may leave something, such
    /// a one first gives way a few times: most often the peer is a task that only waits for its turn.
    #[inline(never)]
    pub(crate) fn poll_on(&mut self, cx: &mut Context<'_>, tried: bool) -> Poll<O::Output> {
        assert!(!self.is_done, "polled after it was finished");
        if !tried && self.is_spent(cx) {
            return Poll::Pending;
        }
        let looks_ready = tried && self.rest();
        let gives_way = tried && !looks_ready && self.gives_way();
        // That it is pending must be as true as if it had left a ticket (contract, rule 4).
        let mut polled = Poll::Pending;
        if gives_way || looks_ready || (!tried && !self.op.is_in_line()) {
            polled = self.op.attempt(Who::TASK).map_or(Poll::Pending, Poll::Ready);
        }
        if polled.is_pending() && !gives_way {
            polled = self.op.poll(cx.waker());
        }
        if polled.is_ready() {
            self.finish();
            self.alarm = None;
        } else if gives_way {
            cx.waker().wake_by_ref();
        } else {
            self.watched.pends(|aims| self.op.aims(aims));
            let due = self.op.due();
            if due.is_some() || self.alarm.is_some() {
                time::set_alarm(&mut self.alarm, due, cx.waker());
            }
        }
        polled
    }

    /// Lets a peer that runs get ahead: who looks at once at what it is about to fill, or to empty, takes turns with it for
    /// each message. Whether it seems worth while to try again.
    fn rest(&mut self) -> bool {
        let patience = if MODELLED { 0 } else { self.op.patience() };
        patience > 0 && Spin::new().only_rest(patience, || self.op.looks_ready())
    }

    /// Whether to be polled again rather than to leave a ticket.
    fn gives_way(&mut self) -> bool {
        self.op.may_give_way() && self.turns.get_or_insert_with(Turns::new).turn()
    }

    #[cold]
    fn cancel(&mut self) {
        self.alarm = None;
        self.op.leave();
    }
}

impl<O: TaskOp> Drop for TaskWait<O> {
    #[inline]
    fn drop(&mut self) {
        if self.op.is_in_line() {
            self.cancel();
        }
    }
}
