//! A question asked by a task. By hand and not an `async fn`, in which each await would move the message, and all that waits for
//! the answer, once more.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use narrows::{RecvError, oneshot};

use crate::{
    address::Addr,
    ask::{Asked, last_look},
    cycle::Question,
    error::{AskError, TellError},
    mailbox::{Envelope, Manner},
};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The question under way.
pub(crate) struct Asking<'a, M, A> {
    address: &'a Addr<M>,
    deadline: Option<Instant>,
    step: Step<'a, M>,
    /// `None` if there is no question.
    answer: Option<oneshot::RecvFuture<A, oneshot::Receiver<A>>>,
    alarm: Option<Boxed<'a, ()>>,
    may_give_way: bool,
    /// If an actor asks: while it waits.
    question: Option<Question>,
}

enum Step<'a, M> {
    Send(M),
    Place(Boxed<'a, Result<(), TellError<M>>>),
    Answer,
    Fail(AskError<M>),
    Over,
}

impl<'a, M: Send, A> Asking<'a, M, A> {
    #[inline]
    pub(crate) fn new(
        address: &'a Addr<M>,
        asked: Result<Asked<M, A>, AskError<M>>,
        deadline: Option<Instant>,
    ) -> Asking<'a, M, A> {
        let (step, answer, question) = match asked {
            Ok(Asked { message, answer, question }) => (Step::Send(message), Some(answer.into_future()), question),
            Err(error) => (Step::Fail(error), None, None),
        };
        // Under a virtual clock the alarm alone moves time on.
        let may_give_way = !address.mail().clock.is_virtual();
        Asking { address, deadline, step, answer, alarm: None, may_give_way, question }
    }

    fn send(&self, message: M) -> Result<Step<'a, M>, AskError<M>> {
        let (address, deadline) = (self.address, self.deadline);
        let manner = address.mail().manner;
        let sent = match manner {
            Manner::DropOldest => address.put_by(message, deadline),
            Manner::Refuse | Manner::Wait | Manner::Staged => address.try_tell(message),
        };
        match sent {
            Ok(()) => Ok(Step::Answer),
            Err(TellError::Full(message)) if matches!(manner, Manner::Wait | Manner::Staged) => {
                Ok(Step::Place(Box::pin(address.put_in_time(message, deadline))))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<A, AskError<M>>> {
        loop {
            match &mut self.step {
                Step::Answer => return self.poll_answer(cx),
                Step::Place(place) => {
                    ready!(place.as_mut().poll(cx))?;
                    self.step = Step::Answer;
                }
                Step::Send(_) | Step::Fail(_) | Step::Over => match mem::replace(&mut self.step, Step::Over) {
                    Step::Send(message) => self.step = self.send(message)?,
                    Step::Fail(error) => return Poll::Ready(Err(error)),
                    Step::Place(_) | Step::Answer | Step::Over => panic!("polled after it was finished"),
                },
            }
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<A, AskError<M>>> {
        let answer = self.answer.as_mut().expect("a question that was sent has an answer");
        if let Poll::Ready(answer) = Pin::new(&mut *answer).poll(cx) {
            return Poll::Ready(answer.map_err(|RecvError| AskError::Unanswered));
        }
        let Some(at) = self.deadline else { return Poll::Pending };
        // Most answers have come by the next turn, and an alarm costs more than that.
        if mem::take(&mut self.may_give_way) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let clock = &self.address.mail().clock;
        ready!(self.alarm.get_or_insert_with(|| Box::pin(clock.until(at))).as_mut().poll(cx));
        Poll::Ready(last_look(answer.receiver()))
    }
}

impl<M: Send> Addr<M> {
    /// A place is waited for without the message, so that it can come back.
    async fn put_in_time(&self, message: M, deadline: Option<Instant>) -> Result<(), TellError<M>> {
        let place = self.mail().slot.reserve_async();
        let place = match deadline {
            None => Some(place.await),
            Some(at) => self.mail().clock.within(at, place).await,
        };
        match place {
            Some(Ok(permit)) => {
                permit.send(Envelope::Message(message)).map_err(|error| TellError::Stopped(error.into_inner().open()))
            }
            Some(Err(_)) => Err(TellError::Stopped(message)),
            None => Err(TellError::Full(message)),
        }
    }
}

// What is pinned is in boxes; all else is moved.
impl<M, A> Unpin for Asking<'_, M, A> {}

impl<M: Send, A> Future for Asking<'_, M, A> {
    type Output = Result<A, AskError<M>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.get_mut();
        let outcome = ready!(me.poll_step(cx));
        (me.step, me.question) = (Step::Over, None);
        Poll::Ready(outcome)
    }
}
