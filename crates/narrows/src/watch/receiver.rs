//! The receiving end of a watch, and its news as something to wait for. Each method that waits is one operation, run in
//! another way.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{
    ChangedFuture, Ref, WaitForFuture,
    state::{State, Version},
};
use crate::{
    answer,
    arm::{Arm, Look, Seat, Ticket, Token, Who},
    error::{RecvError, RecvTimeoutError, TryRecvError},
    future::Closed,
    op::Ends,
    shared::Shared,
    sync::{AtomicUsize, Ordering},
    time::Deadline,
    wait::{
        self,
        bell::{self, Bell, Event, EventOp},
    },
};

/// The end that sees the latest value. Clone it for more; a clone has seen what its original had seen, and from then on
/// each sees for itself.
///
/// It can be an [arm](crate::Select::arm) of a `Select`, which is ready when [`changed`](Receiver::changed) would not
/// wait, and stays so until the change has been seen; after the end for ever: take it out of a select that is used again.
/// In [`select!`](crate::select) it gives what `changed` gives, and the change has been seen:
///
/// ```
/// use narrows::{select, watch};
///
/// let (level, levels) = watch::channel(1);
/// let (_jobs, inbox) = narrows::unbounded::<u32>();
/// level.send(2).unwrap();
/// select! {
///     recv(levels) -> changed => {
///         changed.unwrap();
///         assert_eq!(*levels.borrow(), 2);
///     }
///     recv(inbox) -> job => println!("{job:?}"),
/// }
/// assert!(!levels.has_changed());
/// ```
///
/// Threads may share one by reference. Each change is then seen by one of them, so where all are to hear of it, give each a
/// clone. Only [`wait_for`](Receiver::wait_for) misses none, whatever the others have seen.
pub struct Receiver<T> {
    state: Shared<State<T>>,
    seen: AtomicUsize,
}

impl<T> Receiver<T> {
    /// The caller has counted this receiver.
    pub(super) fn new(state: Shared<State<T>>, seen: Version) -> Receiver<T> {
        Receiver { state, seen: AtomicUsize::new(seen) }
    }

    fn seen(&self) -> Version {
        // Acquire: pairs with the Release in `see` and `take`; a version that another thread has seen we do not look behind.
        self.seen.load(Ordering::Acquire)
    }

    /// The latest value, with its version, which is seen from now on.
    #[inline]
    pub(super) fn see(&self) -> (Ref<'_, T>, Version) {
        // Release: pairs with the Acquire in `seen`. It is done under the lock, so it never goes back.
        let (value, version) = self.state.pin(|version| self.seen.store(version, Ordering::Release));
        (Ref::new(value), version)
    }

    /// Looks at the latest value. A change stays unseen.
    ///
    /// ```
    /// let (s, r) = narrows::watch::channel(1);
    /// s.send(2).unwrap();
    /// assert_eq!(*r.borrow(), 2);
    /// assert!(r.has_changed());
    /// ```
    #[inline]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref::new(self.state.pin(|_| ()).0)
    }

    /// Looks at the latest value, which has then been seen: the next change is one after it.
    ///
    /// ```
    /// let (s, r) = narrows::watch::channel(1);
    /// s.send(2).unwrap();
    /// assert_eq!(*r.borrow_and_update(), 2);
    /// assert!(!r.has_changed());
    /// ```
    #[inline]
    pub fn borrow_and_update(&self) -> Ref<'_, T> {
        self.see().0
    }

    /// Whether there is a value that this receiver has not seen. After the end, too.
    pub fn has_changed(&self) -> bool {
        matches!(News::to(self).truly_what(), Some(Ok(_)))
    }

    /// Waits until there is a value that this receiver has not seen, and marks it as seen.
    ///
    /// # Errors
    /// If none will come: the channel is closed or its last sender gone, and the last value has been seen.
    ///
    /// ```
    /// let (s, r) = narrows::watch::channel(1);
    /// s.send(2).unwrap();
    /// drop(s);
    /// assert_eq!(r.changed(), Ok(()));
    /// assert_eq!(*r.borrow(), 2);
    /// assert!(r.changed().is_err());
    /// ```
    pub fn changed(&self) -> Result<(), RecvError> {
        let outcome = wait::block(&mut News::to(self).op(), Deadline::Never);
        outcome.expect("without a deadline a wait ends with a result")
    }

    /// Marks a value as seen that this receiver has not seen yet, if there is one.
    ///
    /// # Errors
    /// If there is none now, or none will come.
    pub fn try_changed(&self) -> Result<(), TryRecvError> {
        News::to(self).outcome().map_or(Err(TryRecvError::Empty), |outcome| outcome.map_err(TryRecvError::from))
    }

    fn changed_by(&self, deadline: Deadline) -> Result<(), RecvTimeoutError> {
        News::to(self).by(deadline)
    }

    /// As [`changed`](Receiver::changed), waiting for at most `timeout`. A time-out beyond the clock's range never comes.
    ///
    /// # Errors
    /// If time has run out, or no change will come.
    pub fn changed_timeout(&self, timeout: Duration) -> Result<(), RecvTimeoutError> {
        self.changed_by(Deadline::after(timeout))
    }

    /// As [`changed`](Receiver::changed), waiting until `deadline` at most. One that has passed already means: try once.
    ///
    /// # Errors
    /// If time has run out, or no change will come.
    pub fn changed_deadline(&self, deadline: Instant) -> Result<(), RecvTimeoutError> {
        self.changed_by(Deadline::At(deadline))
    }

    /// [`changed`](Receiver::changed) from a task. Works on any executor.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: a change that it has not given stays unseen.
    #[inline]
    pub fn changed_async(&self) -> ChangedFuture<'_, T> {
        ChangedFuture::new(News::to(self))
    }

    /// Waits for a value of which `is_wanted` holds; the latest is looked at first, seen or not. All that it is asked of has
    /// been seen. Of values that follow each other quickly only the later may be looked at. It runs without a lock.
    ///
    /// # Errors
    /// If none will come: it does not hold of the last value.
    ///
    /// ```
    /// let (s, r) = narrows::watch::channel(0);
    /// std::thread::spawn(move || (1..=5).for_each(|done| s.send(done).unwrap()));
    /// assert!(*r.wait_for(|done| *done >= 3).unwrap() >= 3);
    /// assert!(r.wait_for(|done| *done > 5).is_err()); // the sender is gone
    /// ```
    pub fn wait_for(&self, is_wanted: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, RecvError> {
        self.wait_for_by(is_wanted, Deadline::Never).map_err(|_| RecvError)
    }

    fn wait_for_by(
        &self,
        mut is_wanted: impl FnMut(&T) -> bool,
        deadline: Deadline,
    ) -> Result<Ref<'_, T>, RecvTimeoutError> {
        loop {
            // Before the look: values that come faster than they are judged do not put off the end of time.
            let is_late = deadline.has_passed();
            let (value, version) = self.see();
            if is_wanted(&value) {
                return Ok(value);
            }
            drop(value);
            match News::since(self, version).by(deadline) {
                Ok(()) if is_late => return Err(RecvTimeoutError::Timeout),
                outcome => outcome?,
            }
        }
    }

    /// As [`wait_for`](Receiver::wait_for), waiting for at most `timeout`. A time-out beyond the clock's range never comes.
    ///
    /// # Errors
    /// If time has run out, or none will come.
    pub fn wait_for_timeout(
        &self,
        is_wanted: impl FnMut(&T) -> bool,
        timeout: Duration,
    ) -> Result<Ref<'_, T>, RecvTimeoutError> {
        self.wait_for_by(is_wanted, Deadline::after(timeout))
    }

    /// As [`wait_for`](Receiver::wait_for), waiting until `deadline` at most. One that has passed already means: look once.
    ///
    /// # Errors
    /// If time has run out, or none will come.
    pub fn wait_for_deadline(
        &self,
        is_wanted: impl FnMut(&T) -> bool,
        deadline: Instant,
    ) -> Result<Ref<'_, T>, RecvTimeoutError> {
        self.wait_for_by(is_wanted, Deadline::At(deadline))
    }

    /// [`wait_for`](Receiver::wait_for) from a task. Works on any executor.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing but the mark: values that `is_wanted` has refused have been seen.
    pub fn wait_for_async<P: FnMut(&T) -> bool>(&self, is_wanted: P) -> WaitForFuture<'_, T, P> {
        WaitForFuture::new(self, is_wanted)
    }

    /// Closes the channel for everybody: the latest value is the last, and sends fail. True if that made the difference.
    pub fn close(&self) -> bool {
        self.state.close()
    }

    /// Whether no value can be sent any more. There may be one that this receiver has not seen.
    pub fn is_closed(&self) -> bool {
        self.state.board().is_closed()
    }

    /// The end of sending, as something to wait for: await it, [block](Closed::wait) on it, or select it.
    pub fn closed(&self) -> Closed<'_, T> {
        Closed::new(Ends::Watch(self.state.board()))
    }

    /// Whether [`changed`](Receiver::changed) would fail: no value can be sent any more, and the last has been seen.
    pub fn is_disconnected(&self) -> bool {
        matches!(News::to(self).truly_what(), Some(Err(_)))
    }
}

/// A value that was not seen, or the news that there will be none.
#[derive(Debug)]
pub(super) struct News<'a, T> {
    receiver: &'a Receiver<T>,
    /// By whom it was not seen: by who has looked at this version, or else by the receiver, who sees it then.
    than: Option<Version>,
}

impl<'a, T> News<'a, T> {
    pub(super) fn to(receiver: &'a Receiver<T>) -> News<'a, T> {
        News { receiver, than: None }
    }

    pub(super) fn since(receiver: &'a Receiver<T>, version: Version) -> News<'a, T> {
        News { receiver, than: Some(version) }
    }

    pub(super) fn op(self) -> EventOp<News<'a, T>> {
        EventOp::new(self)
    }

    fn by(self, deadline: Deadline) -> Result<(), RecvTimeoutError> {
        match wait::block(&mut self.op(), deadline) {
            Some(outcome) => outcome.map_err(RecvTimeoutError::from),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    fn seen(&self) -> Version {
        self.than.unwrap_or_else(|| self.receiver.seen())
    }

    /// What there is. `None` is no answer.
    fn what(&self) -> Option<Result<Version, RecvError>> {
        // What was seen is read first, so that the word is no older.
        let seen = self.seen();
        self.receiver.state.news_since(seen)
    }

    /// The same; a no is true at one moment within the call, in an order common to all channels.
    fn truly_what(&self) -> Option<Result<Version, RecvError>> {
        self.what().or_else(|| {
            answer::before_no();
            self.what()
        })
    }

    /// What there is; a change is then seen, and by one thread alone. `None` is no answer.
    #[inline]
    pub(super) fn take(&self) -> Option<Result<(), RecvError>> {
        loop {
            let seen = self.seen();
            let version = match self.receiver.state.news_since(seen)? {
                Ok(version) if self.than.is_none() => version,
                known => return Some(known.map(|_| ())),
            };
            // AcqRel: as in `Receiver::see`. If another thread was faster, this one looks again.
            if self.receiver.seen.compare_exchange(seen, version, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return Some(Ok(()));
            }
        }
    }
}

impl<T> Event for News<'_, T> {
    type Output = Result<(), RecvError>;

    fn bell(&self) -> &Bell {
        self.receiver.state.change_bell()
    }

    #[inline]
    fn outcome(&self) -> Option<Result<(), RecvError>> {
        self.take().or_else(|| {
            answer::before_no();
            self.take()
        })
    }

    fn may_have_happened(&self) -> bool {
        self.what().is_some()
    }

    fn announce(&self) -> bool {
        self.receiver.state.is_there_news(|| self.seen())
    }
}

impl<T> Arm for Receiver<T> {
    fn attempt(&self, who: Who<'_>) -> Option<Token> {
        self.is_ready(who).then_some(Token::new(0, 0))
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        News::to(self).truly_what().is_some()
    }

    fn may_be_ready(&self) -> bool {
        News::to(self).may_have_happened()
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        bell::enlist(&News::to(self), ticket, seat)
    }

    fn retract(&self, seat: &mut Seat) {
        self.state.change_bell().leave(seat);
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.state.add_receiver();
        Receiver::new(self.state.clone(), self.seen())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.state.drop_receiver();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}
