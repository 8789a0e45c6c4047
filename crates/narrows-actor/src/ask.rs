//! Questions. Each has a channel of its own for its one answer, so a late answer reaches nobody, and never the next question.

use std::{
    fmt,
    time::{Duration, Instant},
};

use narrows::{RecvError, RecvTimeoutError, oneshot};

use crate::{
    address::Addr,
    asking::Asking,
    current,
    cycle::{Edge, Question},
    error::AskError,
    mailbox::Manner,
    sync::Arc,
};

/// How an actor answers a question: once, or not at all. Dropped without an answer, it tells whoever asked.
///
/// It is a value: the actor may keep it, and answer after other messages, or pass it on to another.
pub struct Reply<T> {
    // Before the sender, so that who hears of the answer finds the edge closed.
    open: Option<Open>,
    sender: oneshot::Sender<T>,
    deadline: Option<Instant>,
}

/// An edge that is open while the question is.
struct Open(Arc<Edge>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Reply<T> {
    /// Answers. If nobody waits any more the answer is dropped; [`try_send`](Reply::try_send) gives it back.
    #[inline]
    pub fn send(self, answer: T) {
        drop(self.try_send(answer));
    }

    /// Answers.
    ///
    /// # Errors
    /// Gives the answer back if nobody waits for it any more.
    #[inline]
    pub fn try_send(self, answer: T) -> Result<(), T> {
        let Reply { open, sender, .. } = self;
        drop(open);
        sender.send(answer).map_err(narrows::SendError::into_inner)
    }

    /// When whoever asked gives up; `None` if never. A question that is asked in order to answer this one should have the same
    /// [deadline](Addr::ask_deadline).
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether somebody still waits for the answer. If not, the work for it may be left out.
    pub fn is_wanted(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Says that the question is now with that actor, which will answer it. Only cycles of questions are found by this: a
    /// question counts as being with the actor that was asked, until it is said to be with another.
    pub fn pass_to<M>(&self, other: &Addr<M>) {
        if let Some(Open(edge)) = &self.open {
            edge.lead_to(other.desk());
        }
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// A question that is made, and what its answer comes by.
pub(crate) struct Asked<M, A> {
    pub(crate) message: M,
    pub(crate) answer: oneshot::Receiver<A>,
    /// If an actor asks: while it waits.
    pub(crate) question: Option<Question>,
}

impl<M> Addr<M> {
    /// Sends a question, and waits for its answer, for at most `timeout` altogether; [`Duration::MAX`] is for ever.
    ///
    /// `question` makes the message, as a rule a variant of an enum.
    ///
    /// # Errors
    /// Gives the question back if it was not sent. If no answer came in time, or none will come. If an actor asks, and the actor
    /// that is asked waits, perhaps through others, for the one that asks, that is an error at once, which
    /// [names](crate::Cycle) them.
    #[inline]
    pub fn ask<A>(&self, question: impl FnOnce(Reply<A>) -> M, timeout: Duration) -> Result<A, AskError<M>> {
        self.ask_by(question, self.mail().clock.after(timeout))
    }

    /// The same, waiting until `deadline` at most.
    ///
    /// # Errors
    /// As [`ask`](Addr::ask).
    pub fn ask_deadline<A>(&self, question: impl FnOnce(Reply<A>) -> M, deadline: Instant) -> Result<A, AskError<M>> {
        self.ask_by(question, Some(deadline))
    }

    fn ask_by<A>(&self, question: impl FnOnce(Reply<A>) -> M, deadline: Option<Instant>) -> Result<A, AskError<M>> {
        let Asked { message, answer, question: _question } = self.make(question, deadline)?;
        self.put_by(message, deadline)?;
        if self.mail().manner == Manner::Staged
            && let Some(kit) = current::kit()
        {
            let came = kit.drive_until(deadline, || match answer.try_recv() {
                Ok(answer) => Some(Ok(answer)),
                Err(narrows::TryRecvError::Disconnected) => Some(Err(AskError::Unanswered)),
                Err(narrows::TryRecvError::Empty) => None,
            });
            return came.unwrap_or_else(|| last_look(&answer));
        }
        let Some(at) = deadline else { return answer.recv().map_err(|RecvError| AskError::Unanswered) };
        answer.recv_deadline(at).or_else(|why| match why {
            RecvTimeoutError::Timeout => last_look(&answer),
            RecvTimeoutError::Disconnected => Err(AskError::Unanswered),
        })
    }

    #[inline]
    fn make<A>(
        &self,
        question: impl FnOnce(Reply<A>) -> M,
        deadline: Option<Instant>,
    ) -> Result<Asked<M, A>, AskError<M>> {
        let asks = match current::actor() {
            Some(me) => Some(Question::begin(me, self.desk()).map_err(AskError::Cycle)?),
            None => None,
        };
        let (sender, answer) = oneshot::channel();
        let open = asks.as_ref().map(|asks| Open(asks.edge.clone()));
        Ok(Asked { message: question(Reply { open, sender, deadline }), answer, question: asks })
    }

    /// [`ask`](Addr::ask) from a task; the time begins now. Works on any executor. The question is made at once, and sent by the
    /// first poll.
    ///
    /// # Errors
    /// As [`ask`](Addr::ask).
    ///
    /// # Cancel safety
    /// Dropping the future drops the question, unless it was sent; an answer that was not yet sent then comes back to who
    /// gives it.
    pub fn ask_async<'a, A: Send + 'a>(
        &'a self,
        question: impl FnOnce(Reply<A>) -> M,
        timeout: Duration,
    ) -> impl Future<Output = Result<A, AskError<M>>> + Send + 'a
    where
        M: Send,
    {
        let deadline = self.mail().clock.after(timeout);
        Asking::new(self, self.make(question, deadline), deadline)
    }
}

/// When time has run out: the answer has come after all, or from now on comes back to who gives it.
pub(crate) fn last_look<M, A>(answer: &oneshot::Receiver<A>) -> Result<A, AskError<M>> {
    if answer.close() {
        return Err(AskError::Timeout);
    }
    answer.try_recv().map_err(|_| AskError::Unanswered)
}
