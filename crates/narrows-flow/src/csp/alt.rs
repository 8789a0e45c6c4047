//! An alternative: several communications, of which one happens. Knows nothing of the processes it is used in, and
//! waits by a `Select` alone. Invariant: the message of a send is made only once that send was chosen.

use std::{
    fmt,
    time::{Duration, Instant},
};

use narrows::{Receiver, Select, SelectedOperation, Sender, arm::Arm, check};

use super::NoChoice;

/// Several communications, of which one happens: Hoare's choice, occam's `ALT`.
///
/// Each branch names an end of a channel and the event that it is to be called: the enum of these events is the
/// alphabet of the process. [`choose`](Alt::choose) waits until a branch can proceed, does it, and returns its event;
/// what is to be done then stands in a `match` on it, which may change whatever the guards look at.
///
/// A *guard* is the `Option` around the end: of `None` the branch is never taken, as in [`select!`](narrows::select).
/// [`when`](super::when) makes one of a condition. A guard also fails when its channel has ended: so a loop `while let
/// Ok(event) = ...` ends when everybody it could hear or tell is gone, which is what Hoare's repetitive command did.
///
/// ```
/// use narrows::bounded;
/// use narrows_flow::csp::{Alt, when};
///
/// enum Event {
///     Put(u32),
///     Got,
/// }
///
/// // BUFFER = a place for two: put?x while there is room, get!first while there is something
/// let ((put, input), (output, get)) = (bounded(0), bounded(0));
/// let buffer = std::thread::spawn(move || {
///     let mut held = Vec::new();
///     while let Ok(event) = Alt::new()
///         .recv(when(held.len() < 2, &input), Event::Put)
///         .send(when(!held.is_empty(), &output), || held[0], Event::Got)
///         .choose()
///     {
///         match event {
///             Event::Put(number) => held.push(number),
///             Event::Got => _ = held.remove(0),
///         }
///     }
/// });
/// put.send(1).unwrap();
/// put.send(2).unwrap(); // both are in the buffer; a third would wait
/// drop(put);
/// assert_eq!(get.iter().collect::<Vec<u32>>(), [1, 2]);
/// buffer.join().unwrap();
/// ```
///
/// What happens when no branch can proceed is said by [`otherwise`](Alt::otherwise) or [`timeout`](Alt::timeout), if at
/// all. An alternative is made anew for each choice, which allocates for each branch; where that counts,
/// [`select!`](narrows::select) does the same for less.
#[must_use = "an alternative does nothing until it is to choose"]
pub struct Alt<'a, E> {
    branches: Vec<Box<dyn Branch<'a, E> + Send + 'a>>,
    is_in_order: bool,
    /// A guard was true, whether or not its channel turns out to have ended.
    had_guard: bool,
    otherwise: Option<E>,
    timeout: Option<(Instant, E)>,
}

/// One communication that can be chosen.
trait Branch<'a, E> {
    fn add(&self, select: &mut Select<'a>);

    /// Does what was chosen; `None` if its channel has ended.
    fn finish(self: Box<Self>, operation: SelectedOperation<'_>) -> Option<E>;
}

struct Take<'a, T, F, G> {
    end: &'a Receiver<T>,
    received: F,
    ended: G,
}

impl<'a, T, E, F: FnOnce(T) -> E, G: FnOnce() -> Option<E>> Branch<'a, E> for Take<'a, T, F, G> {
    fn add(&self, select: &mut Select<'a>) {
        select.recv(self.end);
    }

    fn finish(self: Box<Self>, operation: SelectedOperation<'_>) -> Option<E> {
        match operation.recv(self.end) {
            Ok(message) => Some((self.received)(message)),
            Err(_) => (self.ended)(),
        }
    }
}

struct Offer<'a, T, M, E, G> {
    end: &'a Sender<T>,
    message: M,
    sent: E,
    unsent: G,
}

impl<'a, T, M: FnOnce() -> T, E, G: FnOnce(T) -> Option<E>> Branch<'a, E> for Offer<'a, T, M, E, G> {
    fn add(&self, select: &mut Select<'a>) {
        select.send(self.end);
    }

    fn finish(self: Box<Self>, operation: SelectedOperation<'_>) -> Option<E> {
        let Offer { end, message, sent, unsent } = *self;
        match operation.send(end, message()) {
            Ok(()) => Some(sent),
            Err(error) => unsent(error.into_inner()),
        }
    }
}

struct Happens<'a, E> {
    arm: &'a (dyn Arm + Send + Sync),
    event: E,
}

impl<'a, E> Branch<'a, E> for Happens<'a, E> {
    fn add(&self, select: &mut Select<'a>) {
        select.arm(self.arm);
    }

    fn finish(self: Box<Self>, operation: SelectedOperation<'_>) -> Option<E> {
        operation.finish();
        Some(self.event)
    }
}

impl<'a, E: Send + 'a> Alt<'a, E> {
    fn with(is_in_order: bool) -> Self {
        Alt { branches: Vec::new(), is_in_order, had_guard: false, otherwise: None, timeout: None }
    }

    /// An alternative without branches. Fair: of several that can proceed it takes one at random, at even odds.
    pub fn new() -> Self {
        Alt::with(false)
    }

    /// An alternative that takes, of several branches that can proceed, the one that was added first: occam's `PRI
    /// ALT`.
    ///
    /// A branch that can always proceed then keeps those behind it from ever being taken.
    ///
    /// ```
    /// use narrows::unbounded;
    /// use narrows_flow::csp::Alt;
    ///
    /// let ((urgent, first), (usual, second)) = (unbounded(), unbounded());
    /// usual.send("usual").unwrap();
    /// urgent.send("urgent").unwrap();
    /// let next = || Alt::in_order().recv(&first, |job| job).recv(&second, |job| job).choose();
    /// assert_eq!((next(), next()), (Ok("urgent"), Ok("usual")));
    /// ```
    pub fn in_order() -> Self {
        Alt::with(true)
    }

    fn add<B: Branch<'a, E> + Send + 'a>(mut self, branch: Option<B>) -> Self {
        self.had_guard |= branch.is_some();
        self.branches.extend(branch.map(|branch| Box::new(branch) as _));
        self
    }

    /// `end?message -> received(message)`: receives.
    pub fn recv<T: Send + 'a>(
        self,
        end: impl Into<Option<&'a Receiver<T>>>,
        received: impl FnOnce(T) -> E + Send + 'a,
    ) -> Self {
        self.add(end.into().map(|end| Take { end, received, ended: || None }))
    }

    /// The same, and that the channel has ended is an event as well, instead of a guard that fails.
    ///
    /// ```
    /// use narrows::bounded;
    /// use narrows_flow::csp::Alt;
    ///
    /// let ((_work, jobs), (quit, until)) = (bounded::<u32>(0), bounded::<()>(0));
    /// drop(quit);
    /// let event = Alt::new().recv(&jobs, Some).recv_or_end(&until, |()| None, None).choose();
    /// assert_eq!(event, Ok(None), "nobody holds it back any more, so it ends although there may be work");
    /// ```
    pub fn recv_or_end<T: Send + 'a>(
        self,
        end: impl Into<Option<&'a Receiver<T>>>,
        received: impl FnOnce(T) -> E + Send + 'a,
        ended: E,
    ) -> Self {
        self.add(end.into().map(|end| Take { end, received, ended: || Some(ended) }))
    }

    /// `end!message -> sent`: sends.
    ///
    /// The message is made when the send was chosen, so make it of what you keep, and take that out when the event has
    /// come: if it turns out that nobody receives any more, the guard fails and this message is dropped. Where that
    /// would lose it use [`send_or_end`](Alt::send_or_end). With capacity 0 a receiver waits meanwhile.
    pub fn send<T: Send + 'a>(
        self,
        end: impl Into<Option<&'a Sender<T>>>,
        message: impl FnOnce() -> T + Send + 'a,
        sent: E,
    ) -> Self {
        self.add(end.into().map(|end| Offer { end, message, sent, unsent: |_| None }))
    }

    /// The same, and that nobody receives any more is an event as well, which brings the message back.
    ///
    /// ```
    /// use narrows::bounded;
    /// use narrows_flow::csp::Alt;
    ///
    /// let (out, nobody) = bounded(0);
    /// drop(nobody);
    /// let job = Box::new(7); // there is no second one
    /// let event = Alt::new().send_or_end(&out, || job, None, Some).choose();
    /// assert_eq!(event, Ok(Some(Box::new(7))));
    /// ```
    pub fn send_or_end<T: Send + 'a>(
        self,
        end: impl Into<Option<&'a Sender<T>>>,
        message: impl FnOnce() -> T + Send + 'a,
        sent: E,
        unsent: impl FnOnce(T) -> E + Send + 'a,
    ) -> Self {
        self.add(end.into().map(|end| Offer { end, message, sent, unsent: |message| Some(unsent(message)) }))
    }

    /// Something else that happens, such as [`CancelToken::cancelled`](narrows::CancelToken::cancelled).
    ///
    /// ```
    /// use narrows::{CancelToken, bounded};
    /// use narrows_flow::csp::Alt;
    ///
    /// let (_s, r) = bounded::<u32>(0);
    /// let token = CancelToken::new();
    /// token.cancel();
    /// assert_eq!(Alt::new().recv(&r, Some).happens(&token.cancelled(), None).choose(), Ok(None));
    /// ```
    pub fn happens<A: Arm + Send + Sync + 'a>(self, arm: impl Into<Option<&'a A>>, event: E) -> Self {
        self.add(arm.into().map(|arm| Happens { arm, event }))
    }

    /// What happens when no branch can proceed at once: `SKIP` in the place of waiting. A second one replaces the
    /// first.
    ///
    /// Two that meet on a channel of capacity 0 and both only look in this way may miss each other again and again.
    pub fn otherwise(mut self, event: E) -> Self {
        self.otherwise = Some(event);
        self
    }

    /// What happens when no branch could proceed in that time from now. Of several time-outs the earliest counts; one
    /// beyond the clock's range never comes.
    pub fn timeout(self, timeout: Duration, event: E) -> Self {
        match check::now().checked_add(timeout) {
            Some(deadline) => self.deadline(deadline, event),
            None => self,
        }
    }

    /// What happens when no branch could proceed until then.
    pub fn deadline(mut self, deadline: Instant, event: E) -> Self {
        if self.timeout.as_ref().is_none_or(|(earlier, _)| deadline < *earlier) {
            self.timeout = Some((deadline, event));
        }
        self
    }

    fn select(&self) -> Select<'a> {
        let mut select = if self.is_in_order { Select::new_biased() } else { Select::new() };
        for branch in &self.branches {
            branch.add(&mut select);
        }
        select
    }

    /// Does what was chosen. If its guard fails after all, the branch is gone.
    fn finish(&mut self, operation: SelectedOperation<'_>) -> Option<E> {
        self.branches.remove(operation.index()).finish(operation)
    }

    /// Waits until a branch can proceed, does it, and returns its event.
    ///
    /// External choice: who offers the other side of a branch decides. Both sides of a channel may be branches of
    /// alternatives, sends as well as receives.
    ///
    /// # Errors
    /// If no branch can ever proceed: all guards are false, or the channels of those that were true have ended. That is
    /// Hoare's `STOP` and occam's `ALT` without a true guard, told instead of stood still for. With
    /// [`otherwise`](Alt::otherwise) or [`timeout`](Alt::timeout) there is always something that can happen, and so no
    /// error.
    pub fn choose(mut self) -> Result<E, NoChoice> {
        let mut is_too_late = false;
        while !self.branches.is_empty() && !is_too_late {
            let mut select = self.select();
            let operation = match (&self.otherwise, &self.timeout) {
                (Some(_), _) => select.try_select().ok(),
                (None, Some((deadline, _))) => select.select_deadline(*deadline).ok(),
                (None, None) => Some(select.select()),
            };
            is_too_late = operation.is_none();
            if let Some(event) = operation.and_then(|operation| self.finish(operation)) {
                return Ok(event);
            }
        }
        if let (false, None, Some((deadline, _))) = (is_too_late, &self.otherwise, &self.timeout) {
            _ = narrows::never::<()>().recv_deadline(*deadline);
        }
        self.no_branch()
    }

    /// The same in a task.
    ///
    /// A task is not waited for: with capacity 0, a sender may choose it just as it turns to another branch. That send
    /// has happened, and its message is the channel's, for the next who receives.
    ///
    /// # Errors
    /// As [`choose`](Alt::choose).
    ///
    /// # Cancel safety
    /// Dropping the future chooses nothing: none of its messages was made, and none that it was to receive is lost.
    pub async fn choose_async(mut self) -> Result<E, NoChoice> {
        let clock = self.timeout.as_ref().map(|(deadline, _)| narrows::at(*deadline));
        let mut is_too_late = false;
        while !self.branches.is_empty() {
            let mut select = self.select();
            let operation = if is_too_late || self.otherwise.is_some() {
                select.try_select().ok()
            } else {
                let is_due = clock.as_ref().map(|clock| select.recv(clock));
                let operation = select.select_async().await;
                if let (Some(clock), true) = (&clock, is_due == Some(operation.index())) {
                    _ = operation.recv(clock);
                    // What can proceed by now comes first.
                    is_too_late = true;
                    continue;
                }
                Some(operation)
            };
            let has_none = operation.is_none();
            if let Some(event) = operation.and_then(|operation| self.finish(operation)) {
                return Ok(event);
            }
            if has_none {
                return self.no_branch();
            }
        }
        if let (false, None, Some(clock)) = (is_too_late, &self.otherwise, &clock) {
            _ = clock.recv_async().await;
        }
        self.no_branch()
    }

    /// No branch could proceed, or can ever.
    fn no_branch(self) -> Result<E, NoChoice> {
        let event = self.otherwise.or(self.timeout.map(|(_, event)| event));
        event.ok_or(if self.had_guard { NoChoice::AllEnded } else { NoChoice::AllFalse })
    }
}

impl<'a, E: Send + 'a> Default for Alt<'a, E> {
    fn default() -> Self {
        Alt::new()
    }
}

impl<E> fmt::Debug for Alt<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut alt = f.debug_struct("Alt");
        alt.field("branches", &self.branches.len()).field("is_in_order", &self.is_in_order).finish_non_exhaustive()
    }
}
