//! A token by which work is told to stop, and below it tokens for its parts.
//!
//! ```text
//!      root            a node holds the one above it, and is known to it by a weak reference in a slot, which it
//!     /    \           empties when it goes. So a node lives as long as a token of it or of one below, and what
//!  part    part        is above keeps nothing of what has gone.
//!   |
//! request              cancel: the flag first, then the list of those below is taken, and so on with each of
//!                      them; then all are woken
//! ```
//! Why it was cancelled is said before the flag, under the lock of that list, and only by the first, who finds the flag
//! unset: so whoever sees a flag finds the reason, in that node or in the nearest above that has one. A moment at which
//! a node is cancelled is known to it and to all below from the start; who looks after it, or waits until it, cancels.
//!
//! Nobody is missed: who makes a child puts it into the list, and who cancels takes the list, under one lock. Who comes
//! first has its child found there; who comes second sees the flag, and its child is cancelled from the start.
//!
//! Invariants: one lock is held at a time, and none while anybody is woken or a node dropped. Neither cancelling nor
//! dropping goes down the stack with the tree.

use std::{
    fmt,
    pin::{Pin, pin},
    task::Poll,
    time::{Duration, Instant},
};

use super::{
    CancelReason, Event, Source,
    flag::{Flag, Marked},
};
use crate::{
    sync::{
        Mutex, Ordering, lock,
        unmodelled::{Arc, AtomicUsize, Weak},
    },
    time::Deadline,
};

pub(super) struct Node {
    flag: Flag,
    above: Option<Arc<Node>>,
    /// Where it stands in the list of the one above, or `NONE`.
    slot: AtomicUsize,
    below: Mutex<Below>,
    /// The earliest of its own and those above.
    deadline: Deadline,
}

struct Below {
    list: List,
    /// Why this node was cancelled, if not by one above.
    reason: Option<CancelReason>,
}

const NONE: usize = usize::MAX;

/// Those directly below, in slots that are used again.
struct List {
    slots: Vec<Slot>,
    in_use: usize,
    /// A free slot, which names the next.
    free: usize,
}

enum Slot {
    Used(Weak<Node>),
    Free(usize),
}

/// A list that has grown beyond this gives its memory back when it is empty.
const KEPT_SLOTS: usize = 32;

impl List {
    const EMPTY: List = List { slots: Vec::new(), in_use: 0, free: NONE };

    fn add(&mut self, node: Weak<Node>) -> usize {
        self.in_use += 1;
        let slot = self.free;
        if let Some(free) = self.slots.get_mut(slot) {
            if let Slot::Free(next) = std::mem::replace(free, Slot::Used(node)) {
                self.free = next;
            }
            return slot;
        }
        self.slots.push(Slot::Used(node));
        self.slots.len() - 1
    }

    /// What is left of it is dropped without the lock. In a list that was taken there is nothing.
    fn remove(&mut self, slot: usize) -> Option<(Slot, Vec<Slot>)> {
        let used = std::mem::replace(self.slots.get_mut(slot)?, Slot::Free(self.free));
        (self.free, self.in_use) = (slot, self.in_use - 1);
        let mut rest = Vec::new();
        if self.in_use == 0 && self.slots.len() > KEPT_SLOTS {
            rest = std::mem::replace(self, List::EMPTY).slots;
        }
        Some((used, rest))
    }
}

impl Node {
    fn new(above: Option<Arc<Node>>, own: Deadline) -> Arc<Node> {
        let (slot, below) = (AtomicUsize::new(NONE), Mutex::new(Below { list: List::EMPTY, reason: None }));
        let deadline = above.as_ref().map_or(own, |above| own.min(above.deadline));
        let flag = if deadline == Deadline::Never { Flag::new() } else { Flag::clocked() };
        Arc::new(Node { flag, above, slot, below, deadline })
    }

    pub(super) fn flag(&self) -> &Flag {
        &self.flag
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.at()
    }

    /// As far as one load tells, and the clock if there is a deadline.
    #[inline]
    pub(super) fn is_cancelled(&self) -> bool {
        self.flag.has_happened_or(|| self.is_too_late())
    }

    /// Whether the deadline has passed. If so it is cancelled.
    #[cold]
    fn is_too_late(&self) -> bool {
        let is_too_late = self.deadline.has_passed();
        if is_too_late {
            self.cancel(CancelReason::Deadline);
        }
        is_too_late
    }

    /// Notes a child; false if this is cancelled, and nobody would look for it any more.
    fn adopt(&self, child: &Arc<Node>) -> bool {
        let weak = Arc::downgrade(child);
        let mut below = lock(&self.below);
        // The flag is set before the list is taken under this lock.
        let adopts = !self.flag.has_happened();
        if adopts {
            // Relaxed: read by who drops it last, whose reference goes back to ours.
            child.slot.store(below.list.add(weak), Ordering::Relaxed);
        }
        adopts
    }

    fn take_below(&self) -> Vec<Arc<Node>> {
        let list = std::mem::replace(&mut lock(&self.below).list, List::EMPTY);
        let nodes = list.slots.iter().filter_map(|slot| match slot {
            Slot::Used(node) => node.upgrade(),
            Slot::Free(_) => None,
        });
        nodes.collect()
    }

    /// Whether this reason is the first, and so the one.
    fn say(&self, reason: CancelReason) -> bool {
        let mut below = lock(&self.below);
        let is_first = below.reason.is_none() && !self.flag.has_happened();
        if is_first {
            below.reason = Some(reason);
        }
        is_first
    }

    /// Of a node that is cancelled.
    fn reason(&self) -> Option<CancelReason> {
        let mut node = self;
        loop {
            let reason = lock(&node.below).reason.clone();
            if reason.is_some() {
                return reason;
            }
            node = node.above.as_deref()?;
        }
    }

    /// Everything is marked before anybody is woken: who wakes sees all below cancelled.
    fn cancel(&self, reason: CancelReason) -> bool {
        let is_first = self.say(reason);
        // Also if another was first: it may not have come this far, and whoever has called this finds it cancelled.
        let marked = self.flag.mark();
        if marked == Marked::Again {
            return is_first;
        }
        let (mut left, mut waited_for) = (self.take_below(), Vec::new());
        while let Some(node) = left.pop() {
            match node.flag.mark() {
                Marked::Again => {}
                Marked::ForNobody => left.append(&mut node.take_below()),
                Marked::ForWaiters => {
                    left.append(&mut node.take_below());
                    waited_for.push(node);
                }
            }
        }
        if marked == Marked::ForWaiters {
            self.flag.bell().ring();
        }
        for node in waited_for {
            node.flag.bell().ring();
        }
        is_first
    }

    /// Takes it out of the list above; whom that leaves.
    fn leave(&mut self) -> Option<Arc<Node>> {
        let above = self.above.take()?;
        let slot = *self.slot.get_mut();
        if slot != NONE {
            let rest = lock(&above.below).list.remove(slot);
            drop(rest);
        }
        Some(above)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut above = self.leave();
        // Often the last to hold the one above; a long chain of these would be too deep for the stack.
        while let Some(node) = above {
            above = Arc::into_inner(node).and_then(|mut node| node.leave());
        }
    }
}

/// Tells work to stop, at a place where it can: whoever works looks at it now and then, or waits for it beside its
/// channels.
///
/// Clones are the same token. A [`child`](CancelToken::child) is cancelled with its parent, and may be cancelled alone.
/// A token may have a [deadline](CancelToken::with_deadline), and [says why](CancelToken::reason) it was cancelled. To
/// drop a token cancels nothing, see [`drop_guard`](CancelToken::drop_guard) for that.
///
/// ```
/// use narrows::CancelToken;
///
/// let server = CancelToken::new();
/// let request = server.child();
/// let worker = std::thread::spawn({
///     let request = request.clone();
///     move || request.cancelled().wait()
/// });
/// assert!(!request.is_cancelled());
/// server.cancel();
/// assert!(request.is_cancelled());
/// worker.join().unwrap();
/// ```
#[derive(Clone)]
pub struct CancelToken {
    node: Arc<Node>,
}

impl CancelToken {
    /// A token that is not cancelled, below no other.
    pub fn new() -> CancelToken {
        CancelToken { node: Node::new(None, Deadline::Never) }
    }

    /// A token that is cancelled at that moment, for the reason [`Deadline`](CancelReason::Deadline), if not before.
    ///
    /// Whoever waits for it is woken then. No thread is kept for it: whoever looks after that moment, or waits until
    /// it, sees it cancelled, and the first to see it wakes the others.
    ///
    /// ```
    /// use narrows::{CancelReason, CancelToken};
    /// use std::time::Instant;
    ///
    /// let token = CancelToken::with_deadline(Instant::now());
    /// token.cancelled().wait();
    /// assert_eq!(token.reason(), Some(CancelReason::Deadline));
    /// ```
    pub fn with_deadline(deadline: Instant) -> CancelToken {
        CancelToken { node: Node::new(None, Deadline::At(deadline)) }
    }

    /// The same so long from now. A time-out beyond the clock's range never comes.
    pub fn with_timeout(timeout: Duration) -> CancelToken {
        CancelToken { node: Node::new(None, Deadline::after(timeout)) }
    }

    /// A token that is cancelled when this one is, if not before. When it is gone nothing of it is left here.
    ///
    /// It holds the tokens it comes from, so that who is above them all still reaches it when those between were
    /// dropped. It has this one's deadline.
    #[must_use]
    pub fn child(&self) -> CancelToken {
        self.child_by(Deadline::Never)
    }

    /// The same, and cancelled at that moment, if that is earlier than this one's deadline.
    ///
    /// ```
    /// use narrows::CancelToken;
    /// use std::time::{Duration, Instant};
    ///
    /// let soon = Instant::now() + Duration::from_secs(60);
    /// let request = CancelToken::with_deadline(soon);
    /// assert_eq!(request.child_with_deadline(soon + Duration::from_secs(60)).deadline(), Some(soon));
    /// ```
    #[must_use]
    pub fn child_with_deadline(&self, deadline: Instant) -> CancelToken {
        self.child_by(Deadline::At(deadline))
    }

    /// The same so long from now. A time-out beyond the clock's range never comes.
    #[must_use]
    pub fn child_with_timeout(&self, timeout: Duration) -> CancelToken {
        self.child_by(Deadline::after(timeout))
    }

    fn child_by(&self, deadline: Deadline) -> CancelToken {
        let node = Node::new(Some(self.node.clone()), deadline);
        if !self.node.adopt(&node) {
            node.flag.set();
        }
        CancelToken { node }
    }

    /// Cancels this token and all below it. True if that made the difference to this one: of all calls, of one.
    ///
    /// All below are cancelled before anybody is woken, which the calling thread does; except that what is below a
    /// token that another thread is cancelling just now is left to that one.
    pub fn cancel(&self) -> bool {
        self.cancel_because(CancelReason::Asked)
    }

    /// The same, and says why. The first reason stays; those below that are cancelled by this have it, too.
    ///
    /// ```
    /// use narrows::{CancelReason, CancelToken};
    ///
    /// let scope = CancelToken::new();
    /// let task = scope.child();
    /// assert!(scope.cancel_because("a sibling failed"));
    /// assert!(!task.cancel_because("too late to say so"));
    /// assert_eq!(task.reason(), Some(CancelReason::from("a sibling failed")));
    /// ```
    pub fn cancel_because(&self, reason: impl Into<CancelReason>) -> bool {
        !self.node.is_too_late() && self.node.cancel(reason.into())
    }

    /// Why it was cancelled, or the one above it that was; `None` if it is not.
    pub fn reason(&self) -> Option<CancelReason> {
        if self.is_cancelled() { self.node.reason() } else { None }
    }

    /// When it is cancelled at the latest: the earliest deadline, its own or one above.
    pub fn deadline(&self) -> Option<Instant> {
        self.node.deadline()
    }

    /// Whether it is cancelled. One load, and a look at the clock if there is a deadline: that another thread is
    /// cancelling it just now, the next look may be the first to see. What that thread did before is visible then.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled()
    }

    /// That it is cancelled, as something to wait for: await it, [block](Event::wait) on it, or select it.
    ///
    /// ```
    /// use narrows::{CancelToken, bounded, select};
    ///
    /// let (s, r) = bounded::<u32>(1);
    /// let token = CancelToken::new();
    /// token.cancel();
    /// let received = select! {
    ///     recv(r) -> message => message.ok(),
    ///     recv(token.cancelled()) -> _ => None,
    /// };
    /// assert_eq!(received, None);
    /// # drop(s);
    /// ```
    pub fn cancelled(&self) -> Event<'_> {
        Event::new(Source::Token(&self.node))
    }

    /// Runs a future until it is done or the token cancelled, whatever comes first; `None` if it was cancelled. If both
    /// have come that is what counts.
    ///
    /// # Cancel safety
    /// Dropped, or cancelled, it drops the future where it stands; what that loses is for the future to say.
    ///
    /// ```
    /// # let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    /// # use std::{pin::pin, task::Poll};
    /// let token = narrows::CancelToken::new();
    /// let mut work = pin!(token.run_until_cancelled(std::future::pending::<u32>()));
    /// assert!(work.as_mut().poll(&mut task).is_pending());
    /// token.cancel();
    /// assert_eq!(work.poll(&mut task), Poll::Ready(None));
    /// ```
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        let (mut cancelled, mut future) = (self.cancelled(), pin!(future));
        let first = std::future::poll_fn(|cx| match Pin::new(&mut cancelled).poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => future.as_mut().poll(cx).map(Some),
        });
        first.await
    }

    /// A guard that cancels the token when it is dropped, also by a panic, or by the end of a task.
    ///
    /// ```
    /// let token = narrows::CancelToken::new();
    /// drop(token.clone().drop_guard());
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> CancelGuard {
        CancelGuard { token: Some(self) }
    }
}

impl Default for CancelToken {
    fn default() -> CancelToken {
        CancelToken::new()
    }
}

/// Cancels its token when it is dropped. From [`CancelToken::drop_guard`].
#[must_use = "a guard that is dropped cancels its token"]
#[derive(Debug)]
pub struct CancelGuard {
    token: Option<CancelToken>,
}

impl CancelGuard {
    /// Gives the token back, which is then not cancelled.
    #[must_use]
    pub fn disarm(mut self) -> CancelToken {
        self.token.take().expect("a guard has its token until it is disarmed")
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("flag", &self.flag).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_cancelled = self.node.flag.has_happened();
        f.debug_struct("CancelToken").field("is_cancelled", &is_cancelled).finish_non_exhaustive()
    }
}
