//! Batches: several messages for one step into the channel. What does not fit, or was not there, is waited for by the single
//! operations; so a batch waits as they do, and has no waiting of its own.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{
    arm::Who,
    error::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError},
    flavor::Stop,
    handle::{Receiver, Sender},
    op::{RecvOp, SendOp},
    time::{self, Alarm, Deadline},
    wait::task::TaskWait,
};

impl<T> Sender<T> {
    /// Sends all messages, oldest first, waiting while the channel is full. Each step into the channel takes as many as
    /// there are places for, so messages of others may come between.
    ///
    /// ```
    /// use std::collections::VecDeque;
    /// let (s, r) = narrows::bounded(100);
    /// let mut batch = VecDeque::from([1, 2, 3]);
    /// s.send_many(&mut batch).unwrap();
    /// assert!(batch.is_empty());
    /// assert_eq!(r.drain().collect::<Vec<_>>(), [1, 2, 3]);
    /// ```
    ///
    /// # Errors
    /// If the channel is disconnected. What was not sent stays in `messages`.
    pub fn send_many(&self, messages: &mut VecDeque<T>) -> Result<(), SendError<()>> {
        self.send_many_by(messages, Deadline::Never).map_err(|_| SendError(()))
    }

    /// Sends as many messages as now find a place, oldest first; how many. The rest stays in `messages`.
    ///
    /// # Errors
    /// If there are messages, and none of them could be sent: the channel is full or disconnected.
    pub fn try_send_many(&self, messages: &mut VecDeque<T>) -> Result<usize, TrySendError<()>> {
        let before = messages.len();
        let stop = self.chan().inlet().send_many(messages, Who::THREAD).err();
        match (before - messages.len(), stop) {
            (0, Some(Stop::Full)) => Err(TrySendError::Full(())),
            (0, Some(Stop::Closed)) => Err(TrySendError::Disconnected(())),
            (sent, _) => Ok(sent),
        }
    }

    /// Sends all messages as [`send_many`](Sender::send_many) does, waiting for at most `timeout` altogether.
    ///
    /// # Errors
    /// If time has run out or the channel is disconnected. What was not sent stays in `messages`.
    pub fn send_many_timeout(&self, messages: &mut VecDeque<T>, timeout: Duration) -> Result<(), SendTimeoutError<()>> {
        self.send_many_by(messages, Deadline::after(timeout))
    }

    /// Sends all messages as [`send_many`](Sender::send_many) does, waiting until `deadline` at most.
    ///
    /// # Errors
    /// If time has run out or the channel is disconnected. What was not sent stays in `messages`.
    pub fn send_many_deadline(
        &self,
        messages: &mut VecDeque<T>,
        deadline: Instant,
    ) -> Result<(), SendTimeoutError<()>> {
        self.send_many_by(messages, Deadline::At(deadline))
    }

    fn send_many_by(&self, messages: &mut VecDeque<T>, deadline: Deadline) -> Result<(), SendTimeoutError<()>> {
        loop {
            match self.chan().inlet().send_many(messages, Who::THREAD) {
                Ok(()) => return Ok(()),
                Err(Stop::Closed) => return Err(SendTimeoutError::Disconnected(())),
                Err(Stop::Full) => {}
            }
            let Some(first) = messages.pop_front() else { return Ok(()) };
            self.send_by(first, deadline).map_err(|error| match error {
                SendTimeoutError::Timeout(first) => {
                    messages.push_front(first);
                    SendTimeoutError::Timeout(())
                }
                SendTimeoutError::Disconnected(first) => {
                    messages.push_front(first);
                    SendTimeoutError::Disconnected(())
                }
            })?;
        }
    }

    /// Sends all messages from a task: the future is ready when [`send_many`](Sender::send_many) would return.
    ///
    /// # Cancel safety
    /// When the future is dropped, what was not sent is in `messages`, in order.
    pub fn send_many_async<'a>(&'a self, messages: &'a mut VecDeque<T>) -> SendManyFuture<'a, T> {
        SendManyFuture { sender: self, messages, first: None }
    }
}

impl<T> Receiver<T> {
    /// Receives what is there, `most` messages at most, and waits if there is none. They are put at the end of `into`;
    /// returns how many. With `most` 0 that is 0, at once.
    ///
    /// ```
    /// let (s, r) = narrows::unbounded();
    /// (0..10).for_each(|i| s.send(i).unwrap());
    /// let mut batch = Vec::new();
    /// assert_eq!(r.recv_many(&mut batch, 4), Ok(4));
    /// assert_eq!(batch, [0, 1, 2, 3]);
    /// ```
    ///
    /// # Errors
    /// If the channel is empty and disconnected.
    pub fn recv_many(&self, into: &mut Vec<T>, most: usize) -> Result<usize, RecvError> {
        self.recv_many_by(into, most, Deadline::Never).map_err(|_| RecvError)
    }

    /// Receives what is there, `most` messages at most, and never waits; how many.
    ///
    /// # Errors
    /// If there is none, and `most` is not 0.
    pub fn try_recv_many(&self, into: &mut Vec<T>, most: usize) -> Result<usize, TryRecvError> {
        self.take_many(into, most, Who::THREAD)
    }

    fn take_many(&self, into: &mut Vec<T>, most: usize, who: Who<'_>) -> Result<usize, TryRecvError> {
        if most == 0 {
            return Ok(0);
        }
        self.chan().ok_or(TryRecvError::Empty)?.outlet().recv_many(into, most, who)
    }

    /// Receives all that is inside now, and never waits; how many. Ends even if senders keep up with it. With capacity 0
    /// nothing ever is inside.
    pub fn drain_into(&self, into: &mut Vec<T>) -> usize {
        let most = self.len();
        self.try_recv_many(into, most).unwrap_or(0)
    }

    /// Receives as [`recv_many`](Receiver::recv_many) does, waiting for at most `timeout`.
    ///
    /// # Errors
    /// If time has run out, or the channel is empty and disconnected.
    pub fn recv_many_timeout(
        &self,
        into: &mut Vec<T>,
        most: usize,
        timeout: Duration,
    ) -> Result<usize, RecvTimeoutError> {
        self.recv_many_by(into, most, Deadline::after(timeout))
    }

    /// Receives as [`recv_many`](Receiver::recv_many) does, waiting until `deadline` at most.
    ///
    /// # Errors
    /// If time has run out, or the channel is empty and disconnected.
    pub fn recv_many_deadline(
        &self,
        into: &mut Vec<T>,
        most: usize,
        deadline: Instant,
    ) -> Result<usize, RecvTimeoutError> {
        self.recv_many_by(into, most, Deadline::At(deadline))
    }

    fn recv_many_by(&self, into: &mut Vec<T>, most: usize, deadline: Deadline) -> Result<usize, RecvTimeoutError> {
        match self.try_recv_many(into, most) {
            Ok(received) => return Ok(received),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {}
        }
        into.push(self.recv_by(deadline)?);
        Ok(1 + self.try_recv_many(into, most - 1).unwrap_or(0))
    }

    /// Receives at least one message and at most `most`: waits as long as it takes for the first, and then at most
    /// `linger` for the batch to fill. They are put at the end of `into`; returns how many. With `most` 0 that is 0, at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// let (s, r) = narrows::unbounded();
    /// (0..3).for_each(|i| s.send(i).unwrap());
    /// let mut batch = Vec::new();
    /// assert_eq!(r.recv_batch(&mut batch, 100, Duration::from_millis(1)), Ok(3));
    /// ```
    ///
    /// # Errors
    /// If the channel is empty and disconnected. If that happens while the batch fills, it ends there.
    pub fn recv_batch(&self, into: &mut Vec<T>, most: usize, linger: Duration) -> Result<usize, RecvError> {
        let mut received = self.recv_many(into, most)?;
        let deadline = Deadline::after(linger);
        while received < most {
            let Ok(more) = self.recv_many_by(into, most - received, deadline) else { break };
            received += more;
        }
        Ok(received)
    }

    /// Receives several messages from a task: the future is ready when [`recv_many`](Receiver::recv_many) would return.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: what was received is in `into`.
    pub fn recv_many_async<'a>(&'a self, into: &'a mut Vec<T>, most: usize) -> RecvManyFuture<'a, T> {
        self.recv_batch_async(into, most, Duration::ZERO)
    }

    /// Receives a batch from a task: the future is ready when [`recv_batch`](Receiver::recv_batch) would return. It is woken by
    /// the crate's own timer.
    ///
    /// # Panics
    /// When polled, if the system gives no thread for the timer.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: what was received is in `into`.
    pub fn recv_batch_async<'a>(
        &'a self,
        into: &'a mut Vec<T>,
        most: usize,
        linger: Duration,
    ) -> RecvManyFuture<'a, T> {
        let next = TaskWait::new(RecvOp::new(self));
        RecvManyFuture { receiver: self, into, most, received: 0, linger, deadline: None, next, alarm: None }
    }
}

/// The send of several messages in a task. From [`Sender::send_many_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct SendManyFuture<'a, T> {
    sender: &'a Sender<T>,
    messages: &'a mut VecDeque<T>,
    /// The send of what was the first, which waits.
    first: Option<TaskWait<SendOp<'a, T>>>,
}

impl<T> SendManyFuture<'_, T> {
    /// The first message again, unless it was taken.
    fn take_back(&mut self) {
        if let Some(message) = self.first.take().and_then(|mut first| first.give_up().take_unsent()) {
            self.messages.push_front(message);
        }
    }
}

impl<T> Future for SendManyFuture<'_, T> {
    type Output = Result<(), SendError<()>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if let Some(first) = &mut this.first {
                match first.poll_on(cx, false) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(())) => this.first = None,
                    Poll::Ready(Err(error)) => {
                        this.take_back();
                        return Poll::Ready(Err(error));
                    }
                }
            }
            match this.sender.chan().inlet().send_many(this.messages, Who::TASK) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Stop::Closed) => return Poll::Ready(Err(SendError(()))),
                Err(Stop::Full) => {}
            }
            let first = this.messages.pop_front();
            this.first = first.map(|message| TaskWait::new(SendOp::new(this.sender.chan(), message)));
        }
    }
}

// A message is never pinned.
impl<T> Unpin for SendManyFuture<'_, T> {}

impl<T> Drop for SendManyFuture<'_, T> {
    fn drop(&mut self) {
        self.take_back();
    }
}

/// The receive of several messages in a task. From [`Receiver::recv_many_async`] and [`Receiver::recv_batch_async`].
#[must_use = "a future does nothing until it is polled"]
pub struct RecvManyFuture<'a, T> {
    receiver: &'a Receiver<T>,
    into: &'a mut Vec<T>,
    most: usize,
    received: usize,
    linger: Duration,
    /// Of a batch that has begun.
    deadline: Option<Deadline>,
    next: TaskWait<RecvOp<T, &'a Receiver<T>>>,
    alarm: Option<Box<Alarm>>,
}

impl<T> RecvManyFuture<'_, T> {
    /// Takes what is there for it. `Some` if it has come to its end.
    fn take(&mut self) -> Result<Option<usize>, RecvError> {
        match self.receiver.take_many(self.into, self.most - self.received, Who::TASK) {
            Ok(more) => self.received += more,
            Err(TryRecvError::Disconnected) if self.received == 0 => return Err(RecvError),
            Err(TryRecvError::Disconnected) => return Ok(Some(self.received)),
            Err(TryRecvError::Empty) => {}
        }
        if self.received == 0 {
            return Ok((self.most == 0).then_some(0));
        }
        let linger = self.linger;
        let deadline = self.deadline.get_or_insert_with(|| Deadline::after(linger));
        let is_over = self.received == self.most || linger.is_zero() || deadline.has_passed();
        Ok(is_over.then_some(self.received))
    }
}

impl<T> Future for RecvManyFuture<'_, T> {
    type Output = Result<usize, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        assert!(!this.next.is_over(), "polled after it was finished");
        loop {
            if let Some(outcome) = this.take().transpose() {
                this.next.give_up();
                this.alarm = None;
                return Poll::Ready(outcome);
            }
            match this.next.poll_recv(cx) {
                Poll::Ready(Ok(message)) => {
                    this.into.push(message);
                    this.received += 1;
                    this.next = TaskWait::new(RecvOp::new(this.receiver));
                }
                // The end: the next look says so, too.
                Poll::Ready(Err(RecvError)) => this.next = TaskWait::new(RecvOp::new(this.receiver)),
                Poll::Pending => {
                    let due = this.deadline.and_then(Deadline::at);
                    if due.is_some() || this.alarm.is_some() {
                        time::set_alarm(&mut this.alarm, due, cx.waker());
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

// A message is never pinned.
impl<T> Unpin for RecvManyFuture<'_, T> {}

impl<T> fmt::Debug for SendManyFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SendManyFuture { .. }")
    }
}

impl<T> fmt::Debug for RecvManyFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("RecvManyFuture { .. }")
    }
}
