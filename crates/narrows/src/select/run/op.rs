//! One use of a selector, as an operation that the loop in `wait` runs.

use std::task::Waker;

use super::{Aim, Chosen, FEW_ARMS, Selector};
use crate::{
    arm::{Look, Target, Who},
    sync::Arc,
    trace::{Aims, Operation},
    wait::{Op, waiter::Waiter},
};

/// One use of a selector, as an operation.
pub(in crate::select) struct SelectOp<'s, 'a> {
    pub(in crate::select) select: &'s mut Selector<'a>,
}

impl<'a> Op for SelectOp<'_, 'a> {
    type Output = Chosen<'a>;

    fn aims(&self, aims: &mut Aims) {
        for slot in self.select.slots.iter().flatten() {
            match slot.entry.target {
                Some(Target::Send(address)) => aims.address(Operation::Send, address),
                Some(Target::Recv(address)) => aims.address(Operation::Recv, address),
                Some(Target::Reserve(address)) => aims.address(Operation::Reserve, address),
                None => aims.unknown(),
            }
        }
    }

    fn attempt(&mut self, who: Who<'_>) -> Option<Chosen<'a>> {
        self.select.attempt(who, true)
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        self.select.enlist_cold(waiter);
        self.select.take_notices();
        let run = &self.select.run;
        Look { ready: !run.candidates.is_empty(), due: run.due.first().map(|(at, _)| *at) }
    }

    fn claimed(&mut self, arm: usize) -> Option<Chosen<'a>> {
        self.select.make_candidate(arm);
        self.select.run.first = Some(arm);
        if self.select.run.aim != Some(Aim::Choose) {
            return None;
        }
        let slot = self.select.slot(arm)?;
        let token = slot.entry.arm.claimed(&mut slot.seat)?;
        let chosen = Chosen { entry: Some(slot.entry), index: slot.index, token };
        self.select.served(arm);
        Some(chosen)
    }

    fn attempt_last(&mut self, who: Who<'_>) -> Option<Chosen<'a>> {
        let waiter = self.select.waiter(who.is_task);
        self.select.attempt_all(who).or_else(|| self.select.confirm_none(&waiter))
    }

    /// Leaves the tickets out for the next use, if there has been more than one.
    fn retract(&mut self) {
        if self.select.run.uses < 2 {
            self.select.retract_all();
        }
    }

    fn pass_on(&mut self, arm: usize) {
        if let Some(slot) = self.select.slot(arm) {
            slot.entry.arm.pass_on();
        }
    }

    fn looks_ready(&mut self) -> bool {
        let select = &mut *self.select;
        select.glance_at_notices();
        if !select.run.candidates.is_empty() {
            return true;
        }
        if select.run.cold.len() > FEW_ARMS {
            return false;
        }
        let looks_ready = |at: &usize| {
            let slot = select.slots[*at].as_ref();
            slot.is_some_and(|slot| slot.entry.arm.may_be_ready())
        };
        let ready = select.run.cold.iter().any(looks_ready);
        if ready {
            select.warm_cold();
        }
        ready
    }

    fn may_find_stored(&self) -> bool {
        self.select.may_find_stored
    }

    fn waiter(&mut self) -> Arc<Waiter> {
        let waiter = self.select.waiter(false);
        waiter.set_thread(); // a selector may move from thread to thread
        waiter
    }

    fn open_waiter(&mut self, waker: &Waker) -> Arc<Waiter> {
        let waiter = self.select.waiter(true);
        waiter.set_waker(waker);
        waiter.open();
        waiter
    }

    /// It stays with the selector while tickets are out.
    fn put_back(&mut self, waiter: Arc<Waiter>) {
        if self.select.run.uses < 2 {
            self.select.run.waiter = None;
            Waiter::recycle(waiter);
        }
    }
}

#[cfg(all(test, not(any(loom, narrows_check))))]
mod tests {
    use super::*;

    /// Two selects that both only looked spun in vain, all their yields, before each message.
    #[test]
    fn with_a_rendezvous_it_waits_with_its_tickets_out() {
        let (s, r) = crate::bounded::<u32>(0);
        let (s1, r1) = crate::bounded::<u32>(1);
        let mut select = Selector::new(false);
        select.add(s1.send_arm());
        select.add(r1.recv_arm());
        assert!(SelectOp { select: &mut select }.may_find_stored());
        for entry in [s.send_arm(), s.permit_arm(), r.recv_arm()] {
            let mut select = select.copy();
            select.add(entry);
            assert!(!SelectOp { select: &mut select }.may_find_stored());
        }
    }
}
