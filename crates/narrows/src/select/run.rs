//! Select: waiting for the first of several operations. Knows arms only by [`Arm`].
//!
//! A selector keeps for each arm where it stands:
//!
//! ```text
//! Candidate --attempt fails--> Cold --enlist--> Watched --notified, or due--> Candidate
//! ```
//! A selector that is used once visits every arm. One that is used again leaves its tickets out between uses, so that
//! from then on it attempts only the arms that were notified: a use costs the arms that are ready, not all of them.
//!
//! Invariants: an arm that is Watched has its ticket out and was not ready when last looked at, or a notice of it is on
//! its way; the waiter is open only inside `wait`, and what a claim chose is used by that very use.

use std::{collections::BTreeSet, time::Instant};

use crate::{
    arm::{Entry, Look, Seat, Stance, Ticket, Token, Who},
    park,
    sync::Arc,
    time::{Deadline, pick},
    wait::{self, Op, waiter::Waiter},
};

/// Where an arm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Candidate,
    Cold,
    Watched,
}

#[derive(Clone)]
struct Slot<'a> {
    entry: Entry<'a>,
    standing: Standing,
    seat: Seat,
}

/// What a use is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// Choose an operation.
    Choose,
    /// Find one that is ready, and leave it.
    Observe,
}

/// The part that lives from use to use. It does not borrow the arms, so that a `Select` may be made before them.
#[derive(Default)]
struct Run {
    waiter: Option<Arc<Waiter>>,
    aim: Option<Aim>,
    uses: usize,
    /// Arms to attempt, those to enlist, and when the timers among the watched are due. All by index; an index is in at
    /// most one of the first two, and names no arm once that is removed.
    candidates: Vec<usize>,
    cold: Vec<usize>,
    due: BTreeSet<(Instant, usize)>,
    /// The claimed arm, to be attempted before the others.
    first: Option<usize>,
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            end(&waiter);
        }
    }
}

/// Tickets still out are forgotten by their lists, and keep no waker meanwhile.
fn end(waiter: &Waiter) {
    waiter.end();
    if waiter.is_task() {
        waiter.forget_waker();
    }
}

/// The arms, and what is known of each.
pub(super) struct Selector<'a> {
    slots: Vec<Option<Slot<'a>>>,
    is_biased: bool,
    run: Run,
}

// SAFETY: an arm of ours reaches its channel only under the channel's locks, and what a selector does with a message is
// to move it inside the channel; it never drops or clones one, and hands one out only to who holds the typed handle.
// Arms of others are added as `dyn Arm + Send + Sync`.
unsafe impl Send for Selector<'_> {}
// SAFETY: as above; besides, every method that does something takes `&mut self`.
unsafe impl Sync for Selector<'_> {}

impl<'a> Selector<'a> {
    pub(super) fn new(is_biased: bool) -> Selector<'a> {
        Selector { slots: Vec::new(), is_biased, run: Run::default() }
    }

    /// Uses up an index without an arm.
    pub(super) fn add_none(&mut self) {
        self.slots.push(None);
    }

    pub(super) fn remove(&mut self, index: usize) {
        let slot = self.slots.get_mut(index).and_then(Option::take);
        let mut slot = slot.unwrap_or_else(|| panic!("there is no operation with index {index}"));
        slot.entry.arm.retract(&mut slot.seat);
    }

    /// The same arms, nothing known.
    pub(super) fn copy(&self) -> Selector<'a> {
        let mut copy = Selector::new(self.is_biased);
        for slot in &self.slots {
            match slot {
                Some(slot) => {
                    copy.add(slot.entry);
                }
                None => copy.add_none(),
            }
        }
        copy
    }

    pub(super) fn add(&mut self, entry: Entry<'a>) -> usize {
        let index = self.slots.len();
        self.slots.push(Some(Slot { entry, standing: Standing::Candidate, seat: None }));
        self.run.candidates.push(index);
        index
    }

    pub(super) fn has_arms(&self) -> bool {
        self.slots.iter().any(Option::is_some)
    }

    fn make_candidate(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut)
            && slot.standing == Standing::Watched
        {
            slot.standing = Standing::Candidate;
            self.run.candidates.push(index);
        }
    }

    /// Begins a use.
    pub(super) fn begin(&mut self, aim: Aim, is_task: bool) {
        let is_other_kind = self.run.waiter.as_ref().is_some_and(|waiter| waiter.is_task() != is_task);
        if is_other_kind || self.run.aim.is_some_and(|before| before != aim) {
            self.start_over();
        }
        self.run.aim = Some(aim);
        self.run.uses += 1;
        self.run.first = None;
        // A future of ours that was forgotten may have been claimed meanwhile.
        if let Some(arm) = self.run.waiter.as_ref().and_then(|waiter| waiter.close()) {
            self.make_candidate(arm);
            self.run.first = Some(arm);
        }
        if self.run.uses > 1 {
            let waiter = self.waiter(is_task);
            self.enlist_cold(&waiter);
        } else {
            self.warm_up();
        }
        self.take_notices();
    }

    /// Makes every arm a candidate again, whatever is known of it.
    fn warm_up(&mut self) {
        for index in std::mem::take(&mut self.run.cold) {
            if let Some(slot) = &mut self.slots[index] {
                slot.standing = Standing::Candidate;
                self.run.candidates.push(index);
            }
        }
        for index in 0..self.slots.len() {
            self.make_candidate(index);
        }
    }

    /// Takes every ticket back.
    fn retract_all(&mut self) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let Some(slot) = slot else { continue };
            slot.entry.arm.retract(&mut slot.seat);
            if slot.standing == Standing::Watched {
                slot.standing = Standing::Cold;
                self.run.cold.push(index);
            }
        }
        self.run.due.clear();
    }

    /// Forgets what the tickets out were for.
    fn start_over(&mut self) {
        self.retract_all();
        self.warm_up();
        if let Some(waiter) = self.run.waiter.take() {
            end(&waiter);
        }
        self.run.uses = 0;
    }

    /// The waiter that stays with this selector.
    fn waiter(&mut self, is_task: bool) -> Arc<Waiter> {
        let new = || if is_task { Waiter::for_task() } else { Waiter::for_thread() };
        let waiter = self.run.waiter.get_or_insert_with(new).clone();
        if !is_task {
            waiter.set_thread(); // a selector may move from thread to thread
        }
        waiter
    }

    /// Makes candidates of the arms that were notified and of those that are due.
    fn take_notices(&mut self) {
        let Some(waiter) = &self.run.waiter else { return };
        let mut notices = Vec::new();
        waiter.take_marks(&mut notices);
        for index in notices {
            self.make_candidate(index);
        }
        if self.run.due.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(&(at, index)) = self.run.due.first().filter(|(at, _)| *at <= now) {
            self.run.due.remove(&(at, index));
            self.make_candidate(index);
        }
    }

    /// Leaves the tickets of the cold arms; true if one of these looks ready after all.
    fn enlist_cold(&mut self, waiter: &Arc<Waiter>) -> bool {
        let stance = if self.run.aim == Some(Aim::Observe) { Stance::Observer } else { Stance::Arm };
        let mut is_ready = false;
        for index in std::mem::take(&mut self.run.cold) {
            let Some(slot) = &mut self.slots[index] else { continue };
            let ticket = Ticket { waiter: waiter.clone(), arm: index, stance };
            let look = slot.entry.arm.enlist(ticket, &mut slot.seat);
            slot.standing = if look.ready { Standing::Candidate } else { Standing::Watched };
            if look.ready {
                self.run.candidates.push(index);
                is_ready = true;
            } else if let Some(at) = look.due {
                self.run.due.insert((at, index));
            }
        }
        is_ready
    }

    /// Attempts the candidates until one succeeds; those that fail become cold.
    fn attempt(&mut self, who: Who<'_>) -> Option<Chosen<'a>> {
        self.take_notices();
        let aim = self.run.aim.unwrap_or(Aim::Choose);
        if self.is_biased {
            self.run.candidates.sort_unstable_by(|a, b| b.cmp(a));
        }
        let mut left = self.run.candidates.len();
        let mut first = self.run.first.take().filter(|_| !self.is_biased);
        let mut chosen = None;
        while left > 0 && chosen.is_none() {
            if !self.is_biased {
                let claimed = first.take().and_then(|arm| self.run.candidates[..left].iter().position(|i| *i == arm));
                self.run.candidates.swap(claimed.unwrap_or_else(|| pick(left)), left - 1);
            }
            let index = self.run.candidates[left - 1];
            chosen = self.slots[index].as_mut().and_then(|slot| {
                let token = match aim {
                    Aim::Choose => slot.entry.arm.attempt(who),
                    Aim::Observe => slot.entry.arm.is_ready(who).then_some(Token::new(0, 0)),
                }?;
                Some(Chosen { entry: slot.entry, index, token })
            });
            if chosen.is_none() {
                left -= 1;
            }
        }
        for index in self.run.candidates.drain(left..) {
            if let Some(slot) = &mut self.slots[index] {
                slot.standing = Standing::Cold;
                self.run.cold.push(index);
            }
        }
        if let Some(chosen) = &chosen {
            self.served(chosen.index);
        }
        chosen
    }

    /// An arm that was served waits behind the others from now on.
    fn served(&mut self, index: usize) {
        if let Some(slot) = &mut self.slots[index] {
            slot.entry.arm.retract(&mut slot.seat);
        }
    }

    pub(super) fn try_once(&mut self, aim: Aim) -> Option<Chosen<'a>> {
        self.begin(aim, false);
        // "None is ready" must be true, so nothing is left out: another waiter may have been told of a message that is
        // still there.
        self.warm_up();
        self.attempt(Who::THREAD)
    }

    pub(super) fn run(&mut self, aim: Aim, deadline: Deadline) -> Option<Chosen<'a>> {
        if !self.has_arms() {
            park::sleep(|| false, deadline);
            return None;
        }
        self.begin(aim, false);
        if deadline.has_passed() {
            self.warm_up(); // as in `try_once`
        }
        wait::block(&mut SelectOp { select: self }, deadline)
    }
}

/// What a use has chosen.
pub(super) struct Chosen<'a> {
    pub(super) entry: Entry<'a>,
    pub(super) index: usize,
    pub(super) token: Token,
}

/// One use of a selector, as an operation.
pub(super) struct SelectOp<'s, 'a> {
    pub(super) select: &'s mut Selector<'a>,
}

/// Spinning looks at every arm each time; beyond so many it would not be short.
const SPIN_ARMS: usize = 16;

impl<'a> Op for SelectOp<'_, 'a> {
    type Output = Chosen<'a>;

    fn attempt(&mut self, who: Who<'_>) -> Option<Chosen<'a>> {
        self.select.attempt(who)
    }

    fn enlist(&mut self, waiter: &Arc<Waiter>) -> Look {
        self.select.enlist_cold(waiter);
        self.select.take_notices();
        let run = &self.select.run;
        Look { ready: !run.candidates.is_empty(), due: run.due.first().map(|(at, _)| *at) }
    }

    fn claimed(&mut self, arm: usize) -> Option<Chosen<'a>> {
        let slot = self.select.slots.get_mut(arm)?.as_mut()?;
        let chosen = match (self.select.run.aim, slot.entry.arm.claimed(&mut slot.seat)) {
            (Some(Aim::Choose), Some(token)) => Some(Chosen { entry: slot.entry, index: arm, token }),
            _ => None,
        };
        self.select.make_candidate(arm);
        self.select.run.first = Some(arm);
        if chosen.is_some() {
            self.select.served(arm);
        }
        chosen
    }

    /// Leaves the tickets out for the next use, if there has been more than one.
    fn retract(&mut self) {
        if self.select.run.uses < 2 {
            self.select.retract_all();
        }
    }

    fn pass_on(&mut self, arm: usize) {
        if let Some(slot) = self.select.slots.get(arm).and_then(Option::as_ref) {
            slot.entry.arm.pass_on();
        }
    }

    fn looks_ready(&mut self) -> bool {
        let select = &mut *self.select;
        select.take_notices();
        if !select.run.candidates.is_empty() {
            return true;
        }
        if select.run.cold.len() > SPIN_ARMS {
            return false;
        }
        let ready = select
            .run
            .cold
            .iter()
            .any(|index| select.slots[*index].as_ref().is_some_and(|slot| slot.entry.arm.is_ready(Who::THREAD)));
        if ready {
            select.warm_up();
        }
        ready
    }

    fn waiter(&mut self, is_task: bool) -> Arc<Waiter> {
        self.select.waiter(is_task)
    }

    /// It stays with the selector.
    fn put_back(&mut self, _: Arc<Waiter>) {}
}
