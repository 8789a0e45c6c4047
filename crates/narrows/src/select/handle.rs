//! What the expansion of [`select!`](crate::select) calls, apart from the choice itself. Knows nothing about syntax.

use std::ops::Deref;

use crate::{
    Event, Receiver, RecvError, SelectedOperation, Sender, TryRecvError,
    arm::{Entry, Token},
    broadcast, fan_in, oneshot, priority, watch,
};

/// What an arm of the macros may name: a sender, a receiver, an event, whatever dereferences to one, or an `Option` of these,
/// where `None` disables the arm.
///
/// `How` tells the ways apart, so that the compiler finds the one that fits even where the type of what is named is
/// known only later, as with the parameter of a closure.
#[diagnostic::on_unimplemented(
    message = "an arm of `select!` cannot name a `{Self}`",
    label = "expected a sender, a receiver or an `Option` of one"
)]
pub trait SelectArm<How> {
    /// A sender, a receiver of any kind, or an `Event`.
    type End: End;

    /// The end of the channel, or `None` where the arm is disabled.
    fn select_arm(&self) -> Option<&Self::End>;
}

/// A sender, a receiver of any kind, or an `Event`; also one of another crate, which makes its entry by [`Entry::of`].
pub trait End {
    /// The arm that this end is.
    fn entry(&self) -> Entry<'_>;
}

impl<T> End for Sender<T> {
    fn entry(&self) -> Entry<'_> {
        self.send_arm()
    }
}

impl<T> End for Receiver<T> {
    fn entry(&self) -> Entry<'_> {
        self.recv_arm()
    }
}

impl<T> End for oneshot::Receiver<T> {
    fn entry(&self) -> Entry<'_> {
        Entry { arm: self, target: None }
    }
}

impl End for Event<'_> {
    fn entry(&self) -> Entry<'_> {
        Entry { arm: self, target: None }
    }
}

impl<T> End for watch::Receiver<T> {
    fn entry(&self) -> Entry<'_> {
        Entry { arm: self, target: None }
    }
}

impl<T> End for broadcast::Receiver<T> {
    fn entry(&self) -> Entry<'_> {
        Entry { arm: &self.own, target: None }
    }
}

impl<T> End for priority::Receiver<T> {
    fn entry(&self) -> Entry<'_> {
        Entry { arm: self, target: None }
    }
}

impl<T> End for fan_in::Receiver<T> {
    fn entry(&self) -> Entry<'_> {
        Entry { arm: self, target: None }
    }
}

/// What a `recv` arm may name.
#[diagnostic::on_unimplemented(
    message = "an arm `recv` of `select!` cannot name a `{Self}`",
    label = "expected a receiver or an `Option` of one"
)]
pub trait RecvEnd: End {
    /// What it receives.
    type Message;
    /// What it says instead.
    type Error;

    /// Completes the operation that was chosen.
    fn complete(&self, operation: SelectedOperation<'_>) -> Result<Self::Message, Self::Error>;
}

impl<T> RecvEnd for Receiver<T> {
    type Message = T;
    type Error = RecvError;

    #[inline(always)]
    fn complete(&self, operation: SelectedOperation<'_>) -> Result<T, RecvError> {
        operation.recv(self)
    }
}

impl<T> RecvEnd for oneshot::Receiver<T> {
    type Message = T;
    type Error = RecvError;

    fn complete(&self, operation: SelectedOperation<'_>) -> Result<T, RecvError> {
        operation.finish();
        // It is there, unless another thread with this receiver was faster.
        self.try_recv().map_err(|_| RecvError)
    }
}

impl RecvEnd for Event<'_> {
    type Message = ();
    type Error = RecvError;

    fn complete(&self, operation: SelectedOperation<'_>) -> Result<(), RecvError> {
        operation.finish();
        Ok(())
    }
}

impl<T> RecvEnd for watch::Receiver<T> {
    type Message = ();
    type Error = RecvError;

    fn complete(&self, operation: SelectedOperation<'_>) -> Result<(), RecvError> {
        operation.finish();
        match self.try_changed() {
            // There was a change, though another thread with this receiver was faster to see it.
            Ok(()) | Err(TryRecvError::Empty) => Ok(()),
            Err(TryRecvError::Disconnected) => Err(RecvError),
        }
    }
}

impl<T: Clone> RecvEnd for broadcast::Receiver<T> {
    type Message = T;
    type Error = RecvError;

    fn complete(&self, operation: SelectedOperation<'_>) -> Result<T, RecvError> {
        match operation.finish() {
            Token::DISCONNECTED => Err(RecvError),
            _ => self.recv_promised(),
        }
    }
}

impl<T> RecvEnd for priority::Receiver<T> {
    type Message = T;
    type Error = RecvError;

    fn complete(&self, operation: SelectedOperation<'_>) -> Result<T, RecvError> {
        self.recv_selected(operation)
    }
}

impl<T> RecvEnd for fan_in::Receiver<T> {
    type Message = T;
    type Error = RecvError;

    fn complete(&self, operation: SelectedOperation<'_>) -> Result<T, RecvError> {
        self.recv_selected(operation)
    }
}

/// It is a handle itself.
#[derive(Debug)]
pub struct Itself;

/// It dereferences to something that will do.
#[derive(Debug)]
pub struct ByDeref<How>(How);

/// It is an `Option` of something that will do.
#[derive(Debug)]
pub struct ByOption<How>(How);

impl<T> SelectArm<Itself> for Sender<T> {
    type End = Sender<T>;

    fn select_arm(&self) -> Option<&Sender<T>> {
        Some(self)
    }
}

impl<T> SelectArm<Itself> for Receiver<T> {
    type End = Receiver<T>;

    fn select_arm(&self) -> Option<&Receiver<T>> {
        Some(self)
    }
}

impl<T> SelectArm<Itself> for oneshot::Receiver<T> {
    type End = oneshot::Receiver<T>;

    fn select_arm(&self) -> Option<&oneshot::Receiver<T>> {
        Some(self)
    }
}

impl<'a> SelectArm<Itself> for Event<'a> {
    type End = Event<'a>;

    fn select_arm(&self) -> Option<&Event<'a>> {
        Some(self)
    }
}

impl<T> SelectArm<Itself> for watch::Receiver<T> {
    type End = watch::Receiver<T>;

    fn select_arm(&self) -> Option<&Self::End> {
        Some(self)
    }
}

impl<T> SelectArm<Itself> for broadcast::Receiver<T> {
    type End = broadcast::Receiver<T>;

    fn select_arm(&self) -> Option<&Self::End> {
        Some(self)
    }
}

impl<T> SelectArm<Itself> for priority::Receiver<T> {
    type End = priority::Receiver<T>;

    fn select_arm(&self) -> Option<&Self::End> {
        Some(self)
    }
}

impl<T> SelectArm<Itself> for fan_in::Receiver<T> {
    type End = fan_in::Receiver<T>;

    fn select_arm(&self) -> Option<&Self::End> {
        Some(self)
    }
}

impl<How, P: Deref<Target: SelectArm<How>> + ?Sized> SelectArm<ByDeref<How>> for P {
    type End = <P::Target as SelectArm<How>>::End;

    fn select_arm(&self) -> Option<&Self::End> {
        (**self).select_arm()
    }
}

impl<How, A: SelectArm<How>> SelectArm<ByOption<How>> for Option<A> {
    type End = A::End;

    fn select_arm(&self) -> Option<&A::End> {
        self.as_ref()?.select_arm()
    }
}

/// The receiver that a `recv` arm names.
pub fn receiver<How, A: SelectArm<How, End: RecvEnd> + ?Sized>(named: &A) -> Option<&A::End> {
    named.select_arm()
}

/// Completes a `recv` arm.
#[inline(always)]
pub fn received<E: RecvEnd>(
    operation: Option<SelectedOperation<'_>>,
    receiver: Option<&E>,
) -> Result<E::Message, E::Error> {
    present(receiver).complete(present(operation))
}

/// The sender that a `send` arm names.
pub fn sender<How, T, A: SelectArm<How, End = Sender<T>> + ?Sized>(named: &A) -> Option<&Sender<T>> {
    named.select_arm()
}

/// A handle as an entry of the array to choose from.
pub fn entry<E: End>(handle: Option<&E>) -> Option<Entry<'_>> {
    handle.map(E::entry)
}

/// The place of the arm that was chosen, or `usize::MAX`, and the operation to complete.
///
/// They are told apart so that the expansion never borrows the operation: a future whose bodies `.await` would keep it.
pub fn outcome(operation: Option<SelectedOperation<'_>>) -> (usize, Option<SelectedOperation<'_>>) {
    let place = operation.as_ref().map_or(usize::MAX, SelectedOperation::index);
    (place, operation)
}

/// What the chosen arm has: its operation, and its handle, which is `Some` or the arm would have been disabled.
pub fn present<H>(part: Option<H>) -> H {
    part.expect("select chose an arm that is disabled")
}

/// Where an index belongs to none of the arms.
#[cold]
pub fn no_such_arm() -> ! {
    unreachable!("select chose an arm that is not there")
}
