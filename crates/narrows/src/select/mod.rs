//! Select as users see it: adding operations, and the ways to choose one. How a choice is made stands in `run.rs`.

mod expansion;
mod handle;
mod macros;
mod operation;
mod run;

use std::{
    fmt,
    mem::ManuallyDrop,
    time::{Duration, Instant},
};

pub use self::operation::{ReadyFuture, SelectFuture, SelectedOperation};
use self::run::{Aim, SelectOp, Selector};
use crate::{
    arm::{Arm, Entry, Token},
    error::{ReadyTimeoutError, SelectTimeoutError, TryReadyError, TrySelectError},
    handle::{Receiver, Sender},
    time::Deadline,
};

/// What the macros expand to. Not for use by hand.
#[doc(hidden)]
pub mod internal {
    pub use super::{
        expansion::{select, select_timeout, try_select},
        handle::*,
    };
}

/// Waits for the first of several operations, chosen when the program runs.
///
/// Add operations with [`send`](Select::send), [`recv`](Select::recv) and the others; each has an index. Then choose
/// one with [`select`](Select::select) or a variant, and complete it with the handle it was added with, or a clone:
/// choosing makes it certain, completing does it. Where the operations are known beforehand,
/// [`select!`](crate::select!) reads better.
///
/// If several can proceed, one is picked at random; with [`new_biased`](Select::new_biased) the first. A `Select` may be
/// used again and again; that is cheaper than a new one each time, since it remembers which of many arms were not ready. Used
/// again, it may serve an arm that stays ready a few times (at most eight) before it picks anew.
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
pub struct Select<'a>(Selector<'a>);

impl<'a> Select<'a> {
    /// A selector without operations. Fair: among those that can proceed it picks at random.
    pub fn new() -> Select<'a> {
        Select(Selector::new(false))
    }

    /// A selector without operations, which picks the first that can proceed.
    ///
    /// An operation that can always proceed then keeps all behind it from ever being picked. Where other threads wait on
    /// the same channels, a selector that is used again may pass over an operation whose message was announced to one of
    /// them.
    pub fn new_biased() -> Select<'a> {
        Select(Selector::new(true))
    }

    /// Adds a send, and returns its index. Complete it with [`SelectedOperation::send`].
    pub fn send<T>(&mut self, s: &'a Sender<T>) -> usize {
        self.0.add(s.send_arm())
    }

    /// Adds a receive, and returns its index. Complete it with [`SelectedOperation::recv`].
    pub fn recv<T>(&mut self, r: &'a Receiver<T>) -> usize {
        self.0.add(r.recv_arm())
    }

    /// Adds a reservation, and returns its index. Complete it with [`SelectedOperation::reserve`].
    pub fn reserve<T>(&mut self, s: &'a Sender<T>) -> usize {
        self.0.add(s.permit_arm())
    }

    /// Adds something else that can be waited for, such as [`Closed`](crate::Closed), and returns its index. Complete it
    /// with [`SelectedOperation::finish`].
    pub fn arm(&mut self, arm: &'a (dyn Arm + Send + Sync)) -> usize {
        self.0.add(Entry { arm, target: None })
    }

    /// Removes the operation with that index. The others keep theirs; it is not given out again.
    ///
    /// # Panics
    /// If there is no such operation.
    pub fn remove(&mut self, index: usize) {
        self.0.remove(index);
    }

    fn assert_has_arms(&self) {
        assert!(self.0.has_arms(), "no operations have been added to `Select`");
    }

    /// Chooses an operation that can proceed at once.
    ///
    /// A send with capacity 0 may miss a receiver that has just come, and spins before it sleeps; `try_send` finds it.
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
        self.0.try_once(Aim::Choose).map(SelectedOperation::new).ok_or(TrySelectError)
    }

    /// Chooses an operation, waiting until one can proceed.
    ///
    /// # Panics
    /// If there are no operations.
    #[inline(always)]
    pub fn select(&mut self) -> SelectedOperation<'a> {
        let token = match self.0.choose_as_usual() {
            Some(token) => token,
            None => self.select_slow(),
        };
        SelectedOperation::new(self.0.of_served(token).expect("what was chosen was added"))
    }

    #[cold]
    fn select_slow(&mut self) -> Token {
        self.assert_has_arms();
        let chosen = self.0.run(Aim::Choose, Deadline::Never);
        ManuallyDrop::new(chosen.expect("without a deadline a select ends with a choice")).token
    }

    /// Chooses an operation, waiting for at most `timeout`.
    ///
    /// # Errors
    /// If none could proceed in time.
    pub fn select_timeout(&mut self, timeout: Duration) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.0.run(Aim::Choose, Deadline::after(timeout)).map(SelectedOperation::new).ok_or(SelectTimeoutError)
    }

    /// Chooses an operation, waiting until `deadline` at most.
    ///
    /// # Errors
    /// If none could proceed in time.
    pub fn select_deadline(&mut self, deadline: Instant) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.0.run(Aim::Choose, Deadline::At(deadline)).map(SelectedOperation::new).ok_or(SelectTimeoutError)
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
        self.0.begin(Aim::Choose, true);
        SelectFuture::new(SelectOp { select: &mut self.0 })
    }

    /// Finds an operation that would not block, and leaves it; its index. Somebody else may be quicker to use it.
    ///
    /// # Errors
    /// If there is none.
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        self.0.try_once(Aim::Observe).map(|chosen| chosen.index).ok_or(TryReadyError)
    }

    /// Waits until an operation would not block, and leaves it; its index.
    ///
    /// # Panics
    /// If there are no operations.
    pub fn ready(&mut self) -> usize {
        self.assert_has_arms();
        let chosen = self.0.run(Aim::Observe, Deadline::Never);
        chosen.expect("without a deadline a wait ends with a choice").index
    }

    /// Waits for at most `timeout` until an operation would not block; its index.
    ///
    /// # Errors
    /// If none became ready in time.
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, ReadyTimeoutError> {
        self.0.run(Aim::Observe, Deadline::after(timeout)).map(|chosen| chosen.index).ok_or(ReadyTimeoutError)
    }

    /// Waits until `deadline` at most until an operation would not block; its index.
    ///
    /// # Errors
    /// If none became ready in time.
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        self.0.run(Aim::Observe, Deadline::At(deadline)).map(|chosen| chosen.index).ok_or(ReadyTimeoutError)
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
        self.0.begin(Aim::Observe, true);
        ReadyFuture::new(SelectOp { select: &mut self.0 })
    }
}

/// A copy has the same operations, and waits on its own.
impl Clone for Select<'_> {
    fn clone(&self) -> Self {
        Select(self.0.copy())
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
