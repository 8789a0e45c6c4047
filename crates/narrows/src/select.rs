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

use std::{
    collections::BTreeSet,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{
    arm::{Arm, Look, Seat, Stance, Ticket, Token, Who},
    error::{ReadyTimeoutError, RecvError, SelectTimeoutError, SendError, TryReadyError, TrySelectError},
    handle::{Receiver, Sender},
    park,
    permit::Permit,
    sync::Arc,
    time::{Deadline, pick},
    wait::{self, Op, Wait, waiter::Waiter},
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
    arm: &'a dyn Arm,
    standing: Standing,
    seat: Seat,
}

/// What a use is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
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
        if let Some(waiter) = &self.waiter {
            waiter.end(); // tickets still out are forgotten by their lists
        }
    }
}

/// Waits for the first of several operations, chosen when the program runs.
///
/// Add operations with [`send`](Select::send), [`recv`](Select::recv) and the others; each has an index. Then choose
/// one with [`select`](Select::select) or a variant, and complete it with the handle it was added with, or a clone:
/// choosing makes it certain, completing does it. Where the operations are known beforehand,
/// [`select!`](crate::select!) reads better.
///
/// If several can proceed, one is picked at random; with [`new_biased`](Select::new_biased) the first. A `Select` may be
/// used again and again; that is cheaper than a new one each time, since arms that are not ready are not visited again.
///
/// ```
/// use narrows::{Select, unbounded};
/// let (s1, r1) = unbounded();
/// let (_s2, r2) = unbounded::<u32>();
/// s1.send(7).unwrap();
///
/// let mut select = Select::new();
/// let first = select.recv(&r1);
/// let second = select.recv(&r2);
/// let operation = select.select();
/// match operation.index() {
///     i if i == first => assert_eq!(operation.recv(&r1), Ok(7)),
///     i if i == second => println!("{:?}", operation.recv(&r2)),
///     _ => unreachable!(),
/// }
/// ```
pub struct Select<'a> {
    slots: Vec<Option<Slot<'a>>>,
    is_biased: bool,
    run: Run,
}

// SAFETY: an arm of ours reaches its channel only under the channel's locks, and what a selector does with a message is
// to move it inside the channel; it never drops or clones one, and hands one out only to who holds the typed handle.
// Arms of others are added as `dyn Arm + Send + Sync`.
unsafe impl Send for Select<'_> {}
// SAFETY: as above; besides, every method that does something takes `&mut self`.
unsafe impl Sync for Select<'_> {}

impl<'a> Select<'a> {
    /// A selector without operations. Fair: among those that can proceed it picks at random.
    pub fn new() -> Select<'a> {
        Select { slots: Vec::new(), is_biased: false, run: Run::default() }
    }

    /// A selector without operations, which picks the first that can proceed.
    ///
    /// An operation that can always proceed then keeps all behind it from ever being picked.
    pub fn new_biased() -> Select<'a> {
        Select { is_biased: true, ..Select::new() }
    }

    fn add(&mut self, arm: &'a dyn Arm) -> usize {
        let index = self.slots.len();
        self.slots.push(Some(Slot { arm, standing: Standing::Candidate, seat: None }));
        self.run.candidates.push(index);
        index
    }

    /// Adds a send, and returns its index. Complete it with [`SelectedOperation::send`].
    pub fn send<T>(&mut self, s: &'a Sender<T>) -> usize {
        self.add(s)
    }

    /// Adds a receive, and returns its index. Complete it with [`SelectedOperation::recv`].
    pub fn recv<T>(&mut self, r: &'a Receiver<T>) -> usize {
        self.add(r)
    }

    /// Adds a reservation, and returns its index. Complete it with [`SelectedOperation::reserve`].
    pub fn reserve<T>(&mut self, s: &'a Sender<T>) -> usize {
        self.add(s.permit_arm())
    }

    /// Adds something else that can be waited for, such as [`Closed`](crate::Closed), and returns its index. Complete it
    /// with [`SelectedOperation::finish`].
    pub fn arm(&mut self, arm: &'a (dyn Arm + Send + Sync)) -> usize {
        self.add(arm)
    }

    /// Removes the operation with that index. The others keep theirs; it is not given out again.
    ///
    /// # Panics
    /// If there is no such operation.
    pub fn remove(&mut self, index: usize) {
        let slot = self.slots.get_mut(index).and_then(Option::take);
        let mut slot = slot.unwrap_or_else(|| panic!("there is no operation with index {index}"));
        slot.arm.retract(&mut slot.seat);
    }

    fn has_arms(&self) -> bool {
        self.slots.iter().any(Option::is_some)
    }

    fn assert_has_arms(&self) {
        assert!(self.has_arms(), "no operations have been added to `Select`");
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
    fn begin(&mut self, aim: Aim, is_task: bool) {
        let is_other_kind = self.run.waiter.as_ref().is_some_and(|waiter| waiter.is_task() != is_task);
        if is_other_kind || self.run.aim.is_some_and(|before| before != aim) {
            self.start_over();
        }
        self.run.aim = Some(aim);
        self.run.uses += 1;
        self.run.first = None;
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
            slot.arm.retract(&mut slot.seat);
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
            waiter.end();
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
            let look = slot.arm.enlist(ticket, &mut slot.seat);
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
                    Aim::Choose => slot.arm.attempt(slot.seat, who),
                    Aim::Observe => slot.arm.is_ready(who).then_some(Token::new(0, 0)),
                }?;
                Some(Chosen { arm: slot.arm, index, token })
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
            slot.arm.retract(&mut slot.seat);
        }
    }

    fn try_once(&mut self, aim: Aim) -> Option<Chosen<'a>> {
        self.begin(aim, false);
        // "None is ready" must be true, so nothing is left out: another waiter may have been told of a message that is
        // still there.
        self.warm_up();
        self.attempt(Who::THREAD)
    }

    fn run(&mut self, aim: Aim, deadline: Deadline) -> Option<Chosen<'a>> {
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

    /// Chooses an operation that can proceed at once.
    ///
    /// # Errors
    /// If none can.
    ///
    /// ```
    /// use narrows::{Select, unbounded};
    /// let (_s, r) = unbounded::<u32>();
    /// let mut select = Select::new();
    /// select.recv(&r);
    /// assert!(select.try_select().is_err());
    /// ```
    pub fn try_select(&mut self) -> Result<SelectedOperation<'a>, TrySelectError> {
        self.try_once(Aim::Choose).map(SelectedOperation::new).ok_or(TrySelectError)
    }

    /// Chooses an operation, waiting until one can proceed.
    ///
    /// # Panics
    /// If there are no operations.
    pub fn select(&mut self) -> SelectedOperation<'a> {
        self.assert_has_arms();
        let chosen = self.run(Aim::Choose, Deadline::Never);
        SelectedOperation::new(chosen.expect("without a deadline a select ends with a choice"))
    }

    /// Chooses an operation, waiting for at most `timeout`.
    ///
    /// # Errors
    /// If none could proceed in time.
    pub fn select_timeout(&mut self, timeout: Duration) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.run(Aim::Choose, Deadline::after(timeout)).map(SelectedOperation::new).ok_or(SelectTimeoutError)
    }

    /// Chooses an operation, waiting until `deadline` at most.
    ///
    /// # Errors
    /// If none could proceed in time.
    pub fn select_deadline(&mut self, deadline: Instant) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.run(Aim::Choose, Deadline::At(deadline)).map(SelectedOperation::new).ok_or(SelectTimeoutError)
    }

    /// Chooses an operation from a task.
    ///
    /// # Cancel safety
    /// Dropping the future chooses nothing and loses neither a message nor a wake-up.
    ///
    /// # Panics
    /// If there are no operations.
    pub fn select_async(&mut self) -> SelectFuture<'_, 'a> {
        self.assert_has_arms();
        self.begin(Aim::Choose, true);
        SelectFuture(Wait::new(SelectOp { select: self }))
    }

    /// Finds an operation that would not block, and leaves it; its index. Somebody else may be quicker to use it.
    ///
    /// # Errors
    /// If there is none.
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        self.try_once(Aim::Observe).map(|chosen| chosen.index).ok_or(TryReadyError)
    }

    /// Waits until an operation would not block, and leaves it; its index.
    ///
    /// # Panics
    /// If there are no operations.
    pub fn ready(&mut self) -> usize {
        self.assert_has_arms();
        let chosen = self.run(Aim::Observe, Deadline::Never);
        chosen.expect("without a deadline a wait ends with a choice").index
    }

    /// Waits for at most `timeout` until an operation would not block; its index.
    ///
    /// # Errors
    /// If none became ready in time.
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, ReadyTimeoutError> {
        self.run(Aim::Observe, Deadline::after(timeout)).map(|chosen| chosen.index).ok_or(ReadyTimeoutError)
    }

    /// Waits until `deadline` at most until an operation would not block; its index.
    ///
    /// # Errors
    /// If none became ready in time.
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        self.run(Aim::Observe, Deadline::At(deadline)).map(|chosen| chosen.index).ok_or(ReadyTimeoutError)
    }

    /// Waits in a task until an operation would not block; its index.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Panics
    /// If there are no operations.
    pub fn ready_async(&mut self) -> ReadyFuture<'_, 'a> {
        self.assert_has_arms();
        self.begin(Aim::Observe, true);
        ReadyFuture(Wait::new(SelectOp { select: self }))
    }
}

/// A copy has the same operations, and waits on its own.
impl Clone for Select<'_> {
    fn clone(&self) -> Self {
        let mut copy = Select { is_biased: self.is_biased, ..Select::new() };
        for slot in &self.slots {
            match slot {
                Some(slot) => {
                    copy.add(slot.arm);
                }
                None => copy.slots.push(None),
            }
        }
        copy
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Select::new()
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Select { .. }")
    }
}

/// What a use has chosen.
struct Chosen<'a> {
    arm: &'a dyn Arm,
    index: usize,
    token: Token,
}

/// One use of a selector, as an operation.
struct SelectOp<'s, 'a> {
    select: &'s mut Select<'a>,
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
        let chosen = match (self.select.run.aim, slot.arm.claimed(&mut slot.seat)) {
            (Some(Aim::Choose), Some(token)) => Some(Chosen { arm: slot.arm, index: arm, token }),
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
            slot.arm.pass_on();
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
            .any(|index| select.slots[*index].as_ref().is_some_and(|slot| slot.arm.is_ready(Who::THREAD)));
        if ready {
            select.warm_up();
        }
        ready
    }

    fn waiter(&mut self, is_task: bool) -> Arc<Waiter> {
        self.select.waiter(is_task)
    }
}

/// A select in a task. From [`Select::select_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct SelectFuture<'s, 'a>(Wait<SelectOp<'s, 'a>>);

impl<'a> Future for SelectFuture<'_, 'a> {
    type Output = SelectedOperation<'a>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<SelectedOperation<'a>> {
        Pin::new(&mut self.0).poll(cx).map(SelectedOperation::new)
    }
}

/// The wait for readiness in a task. From [`Select::ready_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct ReadyFuture<'s, 'a>(Wait<SelectOp<'s, 'a>>);

impl Future for ReadyFuture<'_, '_> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        Pin::new(&mut self.0).poll(cx).map(|chosen| chosen.index)
    }
}

impl fmt::Debug for SelectFuture<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SelectFuture { .. }")
    }
}

impl fmt::Debug for ReadyFuture<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("ReadyFuture { .. }")
    }
}

/// A chosen operation, to be completed with the handle it was added with, or a clone of it.
///
/// Until then it keeps its place or message. Dropped uncompleted it gives them back and panics, unless the thread is
/// panicking already. Forgotten (`mem::forget`) it keeps that one place or message; with capacity 0 the matched peer
/// waits until the channel is closed.
#[must_use = "a chosen operation must be completed"]
pub struct SelectedOperation<'a> {
    /// None once completed.
    arm: Option<&'a dyn Arm>,
    index: usize,
    token: Token,
}

impl<'a> SelectedOperation<'a> {
    fn new(chosen: Chosen<'a>) -> SelectedOperation<'a> {
        SelectedOperation { arm: Some(chosen.arm), index: chosen.index, token: chosen.token }
    }

    /// The index that the operation got when it was added.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Passes the token on to who completes, if it is for that channel.
    fn complete(&mut self, channel: usize, what: &str) -> Token {
        let is_same = self.arm.is_some_and(|arm| arm.channel() == channel);
        assert!(is_same, "passed a {what} that wasn't selected");
        self.arm = None;
        self.token
    }

    /// Completes a send.
    ///
    /// # Errors
    /// Gives the message back if the channel is disconnected.
    ///
    /// # Panics
    /// If the operation was not added with a sender of this channel.
    pub fn send<T>(mut self, s: &Sender<T>, msg: T) -> Result<(), SendError<T>> {
        match self.complete(s.channel(), "sender") {
            Token::DISCONNECTED => Err(SendError(msg)),
            token => s.chan().inlet().complete_send(token, msg).map_err(SendError),
        }
    }

    /// Completes a receive.
    ///
    /// # Errors
    /// If the channel is empty and disconnected.
    ///
    /// # Panics
    /// If the operation was not added with a receiver of this channel.
    pub fn recv<T>(mut self, r: &Receiver<T>) -> Result<T, RecvError> {
        let token = self.complete(r.channel(), "receiver");
        match r.chan() {
            Some(chan) if token != Token::DISCONNECTED => match chan.outlet().complete_recv(token) {
                Some(message) => Ok(message),
                None => r.recv(), // at capacity 0 the sender we were matched with has dropped its operation
            },
            _ => Err(RecvError),
        }
    }

    /// Completes a reservation.
    ///
    /// # Errors
    /// If the channel is disconnected.
    ///
    /// # Panics
    /// If the operation was not added with a sender of this channel.
    pub fn reserve<T>(mut self, s: &Sender<T>) -> Result<Permit<'_, T>, SendError<()>> {
        match self.complete(s.permit_arm().channel(), "sender") {
            Token::DISCONNECTED => Err(SendError(())),
            _ => Ok(Permit::new(s)),
        }
    }

    /// Completes an operation that was added with [`Select::arm`]: the token its attempt gave, which is now the caller's.
    pub fn finish(mut self) -> Token {
        self.arm = None;
        self.token
    }
}

impl Drop for SelectedOperation<'_> {
    fn drop(&mut self) {
        if let Some(arm) = self.arm.take() {
            arm.abandon(self.token);
            assert!(std::thread::panicking(), "dropped a `SelectedOperation` without completing the operation");
        }
    }
}

impl fmt::Debug for SelectedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectedOperation").field("index", &self.index).finish_non_exhaustive()
    }
}

/// What `select!` expands to: a select over arms of which some may be disabled. The index of the chosen one is its
/// position. With none enabled it never ends.
#[doc(hidden)]
pub(crate) mod internal {
    use super::{
        Aim, Arm, Chosen, Deadline, Duration, Select, SelectTimeoutError, SelectedOperation, TrySelectError, Who, park,
        pick,
    };

    type Arms<'a, const N: usize> = [Option<&'a dyn Arm>; N];

    /// One round without a selector, hence without allocation.
    fn attempt<'a, const N: usize>(arms: &Arms<'a, N>, is_biased: bool) -> Option<Chosen<'a>> {
        let mut order: [usize; N] = std::array::from_fn(|i| i);
        for left in (1..=N).rev() {
            let at = if is_biased { N - left } else { pick(left) };
            let index = order[at];
            if !is_biased {
                order.swap(at, left - 1);
            }
            if let Some(arm) = arms[index]
                && let Some(token) = arm.attempt(None, Who::THREAD)
            {
                return Some(Chosen { arm, index, token });
            }
        }
        None
    }

    fn selector<'a, const N: usize>(arms: &Arms<'a, N>, is_biased: bool) -> Select<'a> {
        let mut select = Select { is_biased, ..Select::new() };
        for arm in arms {
            match arm {
                Some(arm) => {
                    select.add(*arm);
                }
                None => select.slots.push(None),
            }
        }
        select
    }

    fn run<'a, const N: usize>(arms: &Arms<'a, N>, is_biased: bool, deadline: Deadline) -> Option<Chosen<'a>> {
        if let Some(chosen) = attempt(arms, is_biased) {
            return Some(chosen);
        }
        if arms.iter().all(Option::is_none) {
            park::sleep(|| false, deadline);
            return None;
        }
        selector(arms, is_biased).run(Aim::Choose, deadline)
    }

    pub fn try_select<const N: usize>(
        arms: Arms<'_, N>,
        is_biased: bool,
    ) -> Result<SelectedOperation<'_>, TrySelectError> {
        attempt(&arms, is_biased).map(SelectedOperation::new).ok_or(TrySelectError)
    }

    pub fn select<const N: usize>(arms: Arms<'_, N>, is_biased: bool) -> SelectedOperation<'_> {
        let chosen = run(&arms, is_biased, Deadline::Never);
        SelectedOperation::new(chosen.expect("without a deadline a select ends with a choice"))
    }

    pub fn select_timeout<const N: usize>(
        arms: Arms<'_, N>,
        is_biased: bool,
        timeout: Duration,
    ) -> Result<SelectedOperation<'_>, SelectTimeoutError> {
        run(&arms, is_biased, Deadline::after(timeout)).map(SelectedOperation::new).ok_or(SelectTimeoutError)
    }
}
