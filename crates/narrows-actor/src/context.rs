//! What an actor sees of its surroundings while it handles a message.

use std::{
    cell::{Cell, RefCell},
    fmt,
    time::{Duration, Instant},
};

use crate::{
    address::Addr,
    desk::{Desk, How, Signal},
    mailbox::{Mail, Outside, WeakOutside},
    reason::ActorId,
    sync::{Arc, Weak},
    timers::{TimerId, Timers},
};

/// What an actor is given with each message: its own address, timers, whom it watches.
pub struct Cx<M> {
    pub(crate) mail: Mail<M>,
    outside: RefCell<WeakOutside<M>>,
    timers: RefCell<Timers<M>>,
    next_due: Cell<Option<Instant>>,
    watched: RefCell<Vec<Weak<Desk>>>,
    linked: RefCell<Vec<Weak<Desk>>>,
    life: Cell<u64>,
}

impl<M> Cx<M> {
    pub(crate) fn new(mail: Mail<M>, outside: WeakOutside<M>) -> Cx<M> {
        Cx {
            mail,
            outside: RefCell::new(outside),
            timers: RefCell::new(Timers::new()),
            next_due: Cell::new(None),
            watched: RefCell::default(),
            linked: RefCell::default(),
            life: Cell::new(0),
        }
    }

    /// The actor's own address, to be given to others. While it has one itself it does not end for want of others.
    pub fn addr(&self) -> Addr<M> {
        let known = self.outside.borrow().upgrade();
        let outside = known.unwrap_or_else(|| {
            let outside = Arc::new(Outside { mail: self.mail.clone() });
            self.outside.replace(Arc::downgrade(&outside));
            outside
        });
        Addr::new(outside)
    }

    /// The actor's name.
    pub fn name(&self) -> &str {
        &self.mail.desk.name
    }

    /// The actor's number.
    pub fn id(&self) -> ActorId {
        self.mail.desk.id
    }

    /// Which life this is: 1 for the first, one more after each restart.
    pub fn life(&self) -> u64 {
        self.life.get()
    }

    /// The time, by the clock that timers go by: in a test that may be a virtual one.
    pub fn now(&self) -> Instant {
        self.mail.clock.now()
    }

    /// Has the actor handle this message after `delay`, past its mailbox, however full that is. A timer ends with the life
    /// that set it. One beyond the clock's range never goes off.
    pub fn after(&self, delay: Duration, message: M) -> TimerId {
        let due = self.mail.clock.after(delay).unwrap_or_else(|| far_away(self.now()));
        let id = self.timers.borrow_mut().after(due, message);
        self.reckon();
        id
    }

    /// Has the actor handle a message from `make` every `period`, the first after one. One that comes late moves none of the
    /// others, and what was missed altogether is left out.
    ///
    /// # Panics
    /// If `period` is 0: the actor would do nothing else.
    pub fn every(&self, period: Duration, make: impl FnMut() -> M + Send + 'static) -> TimerId {
        assert!(!period.is_zero(), "a timer with a period of 0 would always be due; use a longer one");
        let due = self.mail.clock.after(period).unwrap_or_else(|| far_away(self.now()));
        let id = self.timers.borrow_mut().every(due, period, make);
        self.reckon();
        id
    }

    /// Cancels a timer; false if it had gone off for the last time.
    pub fn cancel(&self, timer: TimerId) -> bool {
        let cancelled = self.timers.borrow_mut().cancel(timer);
        self.reckon();
        cancelled.is_some()
    }

    /// Has this life hear, by [`down`](crate::Actor::down), of each end of a life of that actor, as many watchers as it may have. If
    /// it is over already it hears of that. To be undone with [`unwatch`](Cx::unwatch).
    pub fn watch<N>(&self, other: &Addr<N>) {
        self.watched.borrow_mut().push(Arc::downgrade(other.desk()));
        other.desk().watched_by(&self.mail.desk);
    }

    /// Ends every watch of that actor. News that are on their way still come.
    pub fn unwatch<N>(&self, other: &Addr<N>) {
        forget(&self.watched, other.desk());
        other.desk().unwatched_by(&self.mail.desk);
    }

    /// Links this life and the present one of that actor: the end of each is told to the other by
    /// [`linked`](crate::Actor::linked), and by default a failure of the one is a failure of the other.
    pub fn link<N>(&self, other: &Addr<N>) {
        self.linked.borrow_mut().push(Arc::downgrade(other.desk()));
        self.mail.desk.linked_with(other.desk());
        other.desk().linked_with(&self.mail.desk);
    }

    /// Ends the link with that actor.
    pub fn unlink<N>(&self, other: &Addr<N>) {
        forget(&self.linked, other.desk());
        self.mail.desk.unlinked_from(other.desk());
        other.desk().unlinked_from(&self.mail.desk);
    }

    /// Tells the actor itself to stop, for good. What is being handled is finished.
    pub fn stop(&self, how: How) {
        self.mail.desk.signal(Signal::Stop(how));
    }

    /// What was watched is over.
    pub(crate) fn heard_last_of(&self, id: ActorId) {
        for list in [&self.watched, &self.linked] {
            list.borrow_mut().retain(|weak| weak.upgrade().is_some_and(|desk| desk.id != id));
        }
    }

    fn reckon(&self) {
        self.next_due.set(self.timers.borrow().next_due());
    }

    #[inline(always)]
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.next_due.get()
    }

    /// The message of a timer that is due.
    pub(crate) fn take_due(&self) -> Option<M> {
        let now = self.now();
        let fired = self.timers.borrow_mut().take_due(now)?;
        self.reckon();
        // Code of the user runs under no borrow: it may panic, and then the timer is gone with its life.
        let (message, again) = fired.into_message();
        if let Some(again) = again {
            let dropped = self.timers.borrow_mut().put_back(again, now);
            self.reckon();
            drop(dropped);
        }
        Some(message)
    }

    /// Nothing can come any more: no address, no timer, nobody watched.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.next_due.get().is_none()
            && self.watched.borrow().is_empty()
            && self.linked.borrow().is_empty()
            && self.outside.borrow().strong_count() == 0
    }

    pub(crate) fn begin_life(&self, life: u64) {
        self.life.set(life);
    }

    /// Timers, watches and links are of one life.
    pub(crate) fn end_life(&self) {
        for weak in self.watched.take() {
            if let Some(other) = weak.upgrade() {
                other.unwatched_by(&self.mail.desk);
            }
        }
        self.linked.take();
        let timers = self.timers.replace(Timers::new());
        self.reckon();
        // What they hold is the user's, and its drop may panic.
        let _ = crate::reason::guarded(|| drop(timers));
    }
}

fn forget(list: &RefCell<Vec<Weak<Desk>>>, desk: &Arc<Desk>) {
    list.borrow_mut().retain(|weak| !std::ptr::eq(weak.as_ptr(), Arc::as_ptr(desk)));
}

/// So far that it is never.
fn far_away(now: Instant) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    now.checked_add(CENTURY).unwrap_or(now)
}

impl<M> fmt::Debug for Cx<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("name", &self.name()).field("life", &self.life()).finish_non_exhaustive()
    }
}
