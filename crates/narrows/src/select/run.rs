//! Select: waiting for the first of several operations. Knows arms only by [`Arm`].
//!
//! A selector keeps for each arm where it stands:
//!
//! ```text
//! Candidate --attempt fails--> Cold --enlist--> Watched --notified, or due--> Candidate
//! ```
//! A selector that is used once visits every arm. One that is used again leaves its tickets out between uses, so that
//! from then on it attempts only the arms that were notified: a use costs the arms that are ready, not all of them. With few
//! arms an attempt costs less than a ticket, to us and to the peer who finds it; then tickets are left only to sleep.
//!
//! Invariants: an arm that is Watched has its ticket out and was not ready when last looked at, or a notice of it is on
//! its way; the waiter is open only inside `wait`, and what a claim chose is used by that very use.

mod op;

use std::{collections::BTreeSet, time::Instant};

pub(super) use self::op::SelectOp;
use crate::{
    arm::{Entry, Seat, Stance, Ticket, Token, Who},
    park,
    sync::{Arc, MODELLED},
    time::{self, Deadline, pick},
    wait::{self, Op, waiter::Waiter},
};

/// So many arms are looked at each time, in a use as in a spin; beyond them a use would not be short.
const FEW_ARMS: usize = if MODELLED { 2 } else { 16 };

/// A ready arm that was picked is served so often, if it stays ready: the next message lies on the same cache line, and the
/// peer has time for more than one. Without it a select over 4 channels of 64 places cost 1.7 times as much.
const ROW: usize = 8;

/// Where an arm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Candidate,
    Cold,
    Watched,
}

struct Slot<'a> {
    entry: Entry<'a>,
    /// What the user calls this arm. Slots are used again, indices are not.
    index: usize,
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
    /// Arms to attempt, those to enlist, and when the timers among the watched are due. All by slot; a slot is in at most
    /// one of the first two.
    candidates: Vec<usize>,
    cold: Vec<usize>,
    due: BTreeSet<(Instant, usize)>,
    /// Notices on their way into the candidates; kept for its memory.
    notices: Vec<usize>,
    /// The claimed arm, to be attempted before the others.
    first: Option<usize>,
    /// The last use left the usual state: a thread chooses, fairly, among few arms, and those not watched are candidates.
    is_usual: bool,
    /// The arm served last, and how often it may be served before another is picked.
    served: usize,
    row: usize,
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
    free: Vec<usize>,
    next_index: usize,
    is_biased: bool,
    /// Every arm may find what is stored.
    may_find_stored: bool,
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
        Selector {
            slots: Vec::new(),
            free: Vec::new(),
            next_index: 0,
            is_biased,
            may_find_stored: true,
            run: Run::default(),
        }
    }

    /// Uses up an index without an arm.
    pub(super) fn add_none(&mut self) {
        self.next_index += 1;
    }

    pub(super) fn add(&mut self, entry: Entry<'a>) -> usize {
        let index = self.next_index;
        self.next_index += 1;
        self.may_find_stored &= entry.arm.may_find_stored();
        let slot = Some(Slot { entry, index, standing: Standing::Candidate, seat: None });
        let at = if let Some(at) = self.free.pop() {
            self.slots[at] = slot;
            at
        } else {
            self.slots.push(slot);
            self.slots.len() - 1
        };
        self.run.candidates.push(at);
        self.run.is_usual = false;
        index
    }

    pub(super) fn remove(&mut self, index: usize) {
        let is_named = |slot: &Option<Slot<'_>>| slot.as_ref().is_some_and(|slot| slot.index == index);
        let at = self.slots.iter().position(is_named);
        let at = at.unwrap_or_else(|| panic!("there is no operation with index {index}"));
        if let Some(mut slot) = self.slots[at].take() {
            slot.entry.arm.retract(&mut slot.seat);
        }
        self.run.is_usual = false;
        // A notice still on its way names whoever has the slot next, who is then attempted once in vain.
        self.run.candidates.retain(|other| *other != at);
        self.run.cold.retain(|other| *other != at);
        self.run.due.retain(|(_, other)| *other != at);
        self.free.push(at);
    }

    /// The same arms under the same indices, nothing known.
    pub(super) fn copy(&self) -> Selector<'a> {
        let mut copy = Selector::new(self.is_biased);
        let mut slots: Vec<_> = self.slots.iter().flatten().collect();
        slots.sort_unstable_by_key(|slot| slot.index);
        for slot in slots {
            copy.next_index = slot.index;
            copy.add(slot.entry);
        }
        copy.next_index = self.next_index;
        copy
    }

    fn arms(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn has_arms(&self) -> bool {
        self.arms() > 0
    }

    fn has_few_arms(&self) -> bool {
        self.arms() <= FEW_ARMS
    }

    fn slot(&mut self, at: usize) -> Option<&mut Slot<'a>> {
        self.slots.get_mut(at).and_then(Option::as_mut)
    }

    fn make_candidate(&mut self, at: usize) {
        if let Some(slot) = self.slot(at)
            && slot.standing == Standing::Watched
        {
            slot.standing = Standing::Candidate;
            self.run.candidates.push(at);
        }
    }

    /// A future of ours that was forgotten left the waiter open, and it may have been claimed since. A thread closes it itself.
    fn close_forgotten(&mut self) {
        let waiter = self.run.waiter.as_ref().filter(|waiter| waiter.is_task());
        if let Some(arm) = waiter.and_then(|waiter| waiter.close()) {
            self.make_candidate(arm);
            self.run.first = Some(arm);
        }
    }

    /// Makes what is known fit for this aim, from a thread or a task.
    fn prepare(&mut self, aim: Aim, is_task: bool) {
        let is_other_kind = self.run.waiter.as_ref().is_some_and(|waiter| waiter.is_task() != is_task);
        if is_other_kind || self.run.aim.is_some_and(|before| before != aim) {
            self.start_over();
        }
        self.run.aim = Some(aim);
        self.run.first = None;
        self.run.is_usual = false;
        self.close_forgotten();
    }

    /// Begins a use.
    pub(super) fn begin(&mut self, aim: Aim, is_task: bool) {
        self.prepare(aim, is_task);
        self.run.uses += 1;
        if self.run.uses > 1 && !self.has_few_arms() {
            let waiter = self.waiter(is_task);
            self.enlist_cold(&waiter);
        } else {
            self.warm_cold();
        }
    }

    /// Makes candidates of the cold arms.
    fn warm_cold(&mut self) {
        for at in self.run.cold.drain(..) {
            if let Some(slot) = &mut self.slots[at] {
                slot.standing = Standing::Candidate;
                self.run.candidates.push(at);
            }
        }
    }

    /// Makes every arm a candidate, whatever is known of it.
    fn warm_all(&mut self) {
        self.warm_cold();
        for at in 0..self.slots.len() {
            self.make_candidate(at);
        }
    }

    /// Takes every ticket back.
    fn retract_all(&mut self) {
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let Some(slot) = slot else { continue };
            slot.entry.arm.retract(&mut slot.seat);
            if slot.standing == Standing::Watched {
                slot.standing = Standing::Cold;
                self.run.cold.push(at);
            }
        }
        self.run.due.clear();
    }

    /// Forgets what the tickets out were for.
    fn start_over(&mut self) {
        self.retract_all();
        self.warm_cold();
        if let Some(waiter) = self.run.waiter.take() {
            end(&waiter);
        }
        self.run.uses = 0;
    }

    /// The waiter that stays with this selector.
    fn waiter(&mut self, is_task: bool) -> Arc<Waiter> {
        let new = || if is_task { Waiter::for_task() } else { Waiter::for_thread() };
        self.run.waiter.get_or_insert_with(new).clone()
    }

    /// Makes candidates of the arms that were notified and of those that are due, as far as can be seen at a glance.
    fn glance_at_notices(&mut self) {
        if self.run.waiter.as_ref().is_some_and(|waiter| waiter.may_have_marks()) {
            self.take_marks();
        }
        if !self.run.due.is_empty() {
            self.take_due();
        }
    }

    /// The same for sure, before it sleeps or says that nothing is ready.
    fn take_notices(&mut self) {
        self.take_marks();
        self.take_due();
    }

    fn take_marks(&mut self) {
        let Some(waiter) = &self.run.waiter else { return };
        let mut notices = std::mem::take(&mut self.run.notices);
        waiter.take_marks(&mut notices);
        for at in notices.drain(..) {
            self.make_candidate(at);
        }
        self.run.notices = notices;
    }

    fn take_due(&mut self) {
        if self.run.due.is_empty() {
            return;
        }
        while let Some(&(due, at)) = self.run.due.first().filter(|(due, _)| time::has_come(*due)) {
            self.run.due.remove(&(due, at));
            self.make_candidate(at);
        }
    }

    /// Leaves the tickets of the cold arms; those that look ready after all become candidates.
    fn enlist_cold(&mut self, waiter: &Arc<Waiter>) {
        let stance = if self.run.aim == Some(Aim::Observe) { Stance::Observer } else { Stance::Arm };
        for at in self.run.cold.drain(..) {
            let Some(slot) = &mut self.slots[at] else { continue };
            let ticket = Ticket { waiter: waiter.clone(), arm: at, stance };
            let look = slot.entry.arm.enlist(ticket, &mut slot.seat);
            slot.standing = if look.ready { Standing::Candidate } else { Standing::Watched };
            if look.ready {
                self.run.candidates.push(at);
            } else if let Some(time) = look.due {
                self.run.due.insert((time, at));
            }
        }
    }

    /// Attempts the candidates until one succeeds. Those that fail become cold, unless they will be looked at next time
    /// anyway. That none succeeds is an answer only if they are not attempted `lightly`.
    fn attempt(&mut self, who: Who<'_>, lightly: bool) -> Option<Chosen<'a>> {
        self.glance_at_notices();
        let aim = self.run.aim.unwrap_or(Aim::Choose);
        // With a ticket out it is no longer a guess that decides: a peer may have stopped where guess and truth differ, and
        // only whoever enters the role waits for that peer.
        // The first ready arm is the one to take if the select is biased, so no guess passes over it.
        let looks_first = lightly && who.waiter.is_none() && self.may_find_stored && !self.is_biased;
        if self.is_biased {
            let slots = &self.slots;
            let index = |at: &usize| slots[*at].as_ref().map(|slot| slot.index);
            self.run.candidates.sort_unstable_by_key(|at| std::cmp::Reverse(index(at)));
        }
        let mut left = self.run.candidates.len();
        let mut first = self.run.first.take().filter(|_| !self.is_biased);
        let mut chosen = None;
        while left > 0 && chosen.is_none() {
            if !self.is_biased {
                let claimed = first.take().and_then(|arm| self.run.candidates[..left].iter().position(|at| *at == arm));
                self.run.candidates.swap(claimed.unwrap_or_else(|| pick(left)), left - 1);
            }
            let at = self.run.candidates[left - 1];
            let slot = self.slots[at].as_ref().filter(|slot| !looks_first || slot.entry.arm.may_be_ready());
            chosen = slot.and_then(|slot| slot.attempt(aim, who, lightly)).map(|chosen| (at, chosen));
            if chosen.is_none() {
                left -= 1;
            }
        }
        if chosen.is_none() || !self.has_few_arms() {
            self.cool_from(left);
        }
        let (at, chosen) = chosen?;
        self.served(at);
        Some(chosen)
    }

    /// The candidates from there on were attempted in vain.
    fn cool_from(&mut self, left: usize) {
        for at in self.run.candidates.drain(left..) {
            if let Some(slot) = &mut self.slots[at] {
                slot.standing = Standing::Cold;
                self.run.cold.push(at);
            }
        }
    }

    fn served(&mut self, at: usize) {
        (self.run.served, self.run.row) = (at, ROW - 1);
        if let Some(slot) = self.slot(at) {
            slot.serve();
        }
    }

    /// Attempts every arm, also those that are watched: another waiter may have been told of a message that is still there.
    fn attempt_all(&mut self, who: Who<'_>) -> Option<Chosen<'a>> {
        self.warm_all();
        // Of several, the second look gives the answer; of one, this.
        self.attempt(who, self.arms() > 1)
    }

    /// "None is ready" must have been true at one moment. Arms are looked at one after the other, so the first may become
    /// ready while we look at the last, and the last cease to be: tickets are out during a second look, and a notice sends
    /// us round again. Each further round means that somebody else got on.
    fn confirm_none(&mut self, waiter: &Arc<Waiter>) -> Option<Chosen<'a>> {
        loop {
            // The waiter is not open: it cannot be claimed, only told.
            self.enlist_cold(waiter);
            self.take_notices();
            if self.run.candidates.is_empty() {
                return None;
            }
            let chosen = self.attempt(Who::waiter(waiter), true);
            if chosen.is_some() {
                return chosen;
            }
        }
    }

    pub(super) fn try_once(&mut self, aim: Aim) -> Option<Chosen<'a>> {
        self.prepare(aim, false);
        self.attempt_all(Who::THREAD).or_else(|| self.confirm())
    }

    /// The second half of `try_once`, after every arm was attempted in vain.
    pub(super) fn confirm(&mut self) -> Option<Chosen<'a>> {
        if self.arms() < 2 {
            return None; // one attempt was one moment
        }
        self.cool_from(0);
        let waiter = self.waiter(false);
        let chosen = self.confirm_none(&waiter);
        let mut op = SelectOp { select: self };
        op.retract();
        op.put_back(waiter);
        chosen
    }

    /// A choice in the usual state: one try, of the arm that is then the one `served`. `None` is no answer.
    #[inline(always)]
    pub(super) fn choose_as_usual(&mut self) -> Option<Token> {
        let run = &mut self.run;
        if !run.is_usual || run.waiter.as_ref().is_some_and(|waiter| waiter.may_have_marks()) {
            return None;
        }
        if run.row == 0 {
            let at = run.candidates[pick(run.candidates.len())];
            // One that is not ready is passed over for the one served so far.
            if self.slots[at].as_ref()?.entry.arm.may_be_ready() {
                run.served = at;
            }
            run.row = ROW;
        }
        run.row -= 1;
        let slot = self.slots[run.served].as_mut()?;
        let token = match slot.entry.arm.attempt_plainly() {
            Some(number) => Token::new(number, 0),
            None if self.may_find_stored => return None,
            None => slot.entry.arm.attempt_lightly(Who::THREAD)?,
        };
        slot.serve();
        Some(token)
    }

    /// What was chosen of the arm served last. Whoever lets go of a `Chosen` for this passes on its token alone, so that
    /// a choice is put together where it is used: copied through memory it cost as much as making it.
    #[inline(always)]
    pub(super) fn of_served(&self, token: Token) -> Option<Chosen<'a>> {
        let slot = self.slots[self.run.served].as_ref()?;
        Some(Chosen { entry: Some(slot.entry), index: slot.index, token })
    }

    /// Whether the next use may begin with [`Selector::choose_as_usual`], as this one has served an arm.
    fn is_usual(&self) -> bool {
        let run = &self.run;
        let is_plain = run.aim == Some(Aim::Choose) && !self.is_biased && self.has_few_arms();
        is_plain && run.uses > 1 && run.cold.is_empty() && run.due.is_empty() && !run.candidates.is_empty()
    }

    pub(super) fn run(&mut self, aim: Aim, deadline: Deadline) -> Option<Chosen<'a>> {
        if !self.has_arms() {
            park::sleep(|| false, deadline);
            return None;
        }
        if deadline.has_passed() {
            return self.try_once(aim);
        }
        self.begin(aim, false);
        let chosen = wait::block(&mut SelectOp { select: self }, deadline);
        self.run.is_usual = chosen.is_some() && self.is_usual();
        chosen
    }
}

impl<'a> Slot<'a> {
    /// An arm that was served waits behind the others from now on.
    #[inline]
    fn serve(&mut self) {
        if self.seat.is_some() {
            self.entry.arm.retract(&mut self.seat);
        }
    }

    fn attempt(&self, aim: Aim, who: Who<'_>, lightly: bool) -> Option<Chosen<'a>> {
        match aim {
            Aim::Choose => {
                let token = self.entry.attempt(who, lightly)?;
                Some(Chosen { entry: Some(self.entry), index: self.index, token })
            }
            Aim::Observe => self.entry.arm.is_ready(who).then_some(Chosen {
                entry: None,
                index: self.index,
                token: Token::new(0, 0),
            }),
        }
    }
}

/// What a use has chosen. Dropped, it gives that back.
pub(super) struct Chosen<'a> {
    /// None if nothing was chosen, only found ready, or once it is completed.
    pub(super) entry: Option<Entry<'a>>,
    pub(super) index: usize,
    pub(super) token: Token,
}

impl Drop for Chosen<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take().filter(|_| self.token != Token::DISCONNECTED) {
            entry.arm.abandon(self.token);
        }
    }
}
