//! Request and reply: a request carries the sender of its answer. Each question has a channel of its own, so an answer that
//! comes too late finds nobody, and never the next question.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{
    error::{AskError, AskTimeoutError, RecvError, RecvTimeoutError},
    future::SendFuture,
    handle::Sender,
    oneshot,
    time::{self, Alarm, Deadline},
};

impl<T> Sender<T> {
    /// Sends a request that carries the sender of its answer, and waits for the answer.
    ///
    /// `request` makes the message. Who receives it answers with [`oneshot::Sender::send`], which never waits, or drops the
    /// sender.
    ///
    /// # Errors
    /// Gives the request back if the channel is disconnected; or if no answer will come. The answer to a request that came
    /// back reaches nobody: ask anew.
    ///
    /// ```
    /// use narrows::{bounded, oneshot};
    ///
    /// struct Count(String, oneshot::Sender<usize>);
    ///
    /// let (server, requests) = bounded(16);
    /// std::thread::spawn(move || {
    ///     for Count(text, reply) in requests {
    ///         let _ = reply.send(text.len()); // whoever asked may have gone
    ///     }
    /// });
    /// assert_eq!(server.ask(|reply| Count("seven".into(), reply)).unwrap(), 5);
    /// ```
    pub fn ask<A>(&self, request: impl FnOnce(oneshot::Sender<A>) -> T) -> Result<A, AskError<T>> {
        let (reply, answer) = oneshot::channel();
        self.send(request(reply))?;
        answer.recv().map_err(|RecvError| AskError::Unanswered)
    }

    /// The same, waiting for at most `timeout` altogether.
    ///
    /// # Errors
    /// Gives the request back if it was not sent; or if no answer came in time, or none will come. An answer is received, or
    /// comes back to who sends it.
    pub fn ask_timeout<A>(
        &self,
        request: impl FnOnce(oneshot::Sender<A>) -> T,
        timeout: Duration,
    ) -> Result<A, AskTimeoutError<T>> {
        self.ask_by(request, Deadline::after(timeout))
    }

    /// The same, waiting until `deadline` at most.
    ///
    /// # Errors
    /// As [`ask_timeout`](Sender::ask_timeout).
    pub fn ask_deadline<A>(
        &self,
        request: impl FnOnce(oneshot::Sender<A>) -> T,
        deadline: Instant,
    ) -> Result<A, AskTimeoutError<T>> {
        self.ask_by(request, Deadline::At(deadline))
    }

    fn ask_by<A>(
        &self,
        request: impl FnOnce(oneshot::Sender<A>) -> T,
        deadline: Deadline,
    ) -> Result<A, AskTimeoutError<T>> {
        let (reply, answer) = oneshot::channel();
        self.send_by(request(reply), deadline)?;
        answer.recv_by(deadline).or_else(|why| match why {
            RecvTimeoutError::Timeout => last_look(&answer),
            RecvTimeoutError::Disconnected => Err(AskTimeoutError::Unanswered),
        })
    }

    /// [`ask`](Sender::ask) from a task. Works on any executor. The request is made at once, and sent by the first poll.
    ///
    /// # Cancel safety
    /// Dropping the future drops the request, unless it was sent; an answer that was not yet sent then comes back to who
    /// sends it.
    pub fn ask_async<A>(&self, request: impl FnOnce(oneshot::Sender<A>) -> T) -> AskFuture<'_, T, A> {
        let (reply, answer) = oneshot::channel();
        AskFuture { request: Some(self.send_async(request(reply))), answer: Some(answer.into_future()) }
    }

    /// [`ask_timeout`](Sender::ask_timeout) from a task; the time begins now. A time-out beyond the clock's range never comes.
    ///
    /// # Panics
    /// As [`ask_deadline_async`](Sender::ask_deadline_async).
    ///
    /// # Cancel safety
    /// As [`ask_async`](Sender::ask_async).
    pub fn ask_timeout_async<A>(
        &self,
        request: impl FnOnce(oneshot::Sender<A>) -> T,
        timeout: Duration,
    ) -> AskDeadlineFuture<'_, T, A> {
        AskDeadlineFuture { ask: self.ask_async(request), deadline: Deadline::after(timeout), alarm: None }
    }

    /// [`ask_deadline`](Sender::ask_deadline) from a task, woken by the crate's own timer. Works on any executor.
    ///
    /// # Panics
    /// When polled, if the system gives no thread for the timer.
    ///
    /// # Cancel safety
    /// As [`ask_async`](Sender::ask_async).
    pub fn ask_deadline_async<A>(
        &self,
        request: impl FnOnce(oneshot::Sender<A>) -> T,
        deadline: Instant,
    ) -> AskDeadlineFuture<'_, T, A> {
        AskDeadlineFuture { ask: self.ask_async(request), deadline: Deadline::At(deadline), alarm: None }
    }
}

/// When time has run out: the answer has come after all, or from now on comes back to who sends it.
fn last_look<T, A>(answer: &oneshot::Receiver<A>) -> Result<A, AskTimeoutError<T>> {
    if answer.close() {
        return Err(AskTimeoutError::Timeout);
    }
    answer.try_recv().map_err(|_| AskTimeoutError::Unanswered)
}

/// A question asked by a task. From [`Sender::ask_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct AskFuture<'a, T, A> {
    /// Until it is sent.
    request: Option<SendFuture<'a, T>>,
    /// Until it is over.
    answer: Option<oneshot::RecvFuture<A, oneshot::Receiver<A>>>,
}

impl<T, A> AskFuture<'_, T, A> {
    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<A, AskError<T>>> {
        let answer = self.answer.as_mut().expect("polled after it was finished");
        if let Some(request) = &mut self.request {
            let Poll::Ready(sent) = Pin::new(request).poll(cx) else { return Poll::Pending };
            self.request = None;
            if let Err(unsent) = sent {
                return Poll::Ready(Err(unsent.into()));
            }
        }
        Pin::new(answer).poll(cx).map_err(|RecvError| AskError::Unanswered)
    }

    fn give_up(&mut self) -> Result<A, AskTimeoutError<T>> {
        let answer = self.answer.take().expect("it is not over");
        match self.request.take().and_then(SendFuture::give_up) {
            Some(request) => Err(AskTimeoutError::Unsent(request)),
            None => last_look(answer.receiver()),
        }
    }
}

impl<T, A> Future for AskFuture<'_, T, A> {
    type Output = Result<A, AskError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.poll_on(cx);
        if polled.is_ready() {
            self.answer = None;
        }
        polled
    }
}

/// The same with a time limit. From [`Sender::ask_deadline_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct AskDeadlineFuture<'a, T, A> {
    ask: AskFuture<'a, T, A>,
    deadline: Deadline,
    alarm: Option<Box<Alarm>>,
}

impl<T, A> Future for AskDeadlineFuture<'_, T, A> {
    type Output = Result<A, AskTimeoutError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = &mut *self;
        let polled = match Pin::new(&mut me.ask).poll(cx) {
            Poll::Ready(answer) => Poll::Ready(answer.map_err(AskTimeoutError::from)),
            Poll::Pending if me.deadline.has_passed() => Poll::Ready(me.ask.give_up()),
            Poll::Pending => Poll::Pending,
        };
        let due = me.deadline.at().filter(|_| polled.is_pending());
        time::set_alarm(&mut me.alarm, due, cx.waker());
        polled
    }
}

impl<T, A> fmt::Debug for AskFuture<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("AskFuture { .. }")
    }
}

impl<T, A> fmt::Debug for AskDeadlineFuture<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("AskDeadlineFuture { .. }")
    }
}
