//! What a rule asks of a channel: how a pair is made, and what its two ends can do. A rule that is written over these is asked of every
//! kind of channel that has them, in whatever crate it is. The words and errors are those of `narrows`.

use crate::kind::Kind;
use crate::way::{LONG, Side, Verb};
use narrows::{Receiver, RecvError, RecvTimeoutError, Select, SelectedOperation, SendError, SendTimeoutError, Sender};
use narrows::{TryRecvError, TrySendError, select};
use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

/// Channels that hold so many messages.
pub trait Bound: Copy + fmt::Display + Send + 'static {
    /// What `capacity()` should answer.
    fn capacity(self) -> Option<usize>;

    /// How many messages go in without a receiver, but no more than `most`.
    fn holds(self, most: usize) -> usize {
        self.capacity().unwrap_or(most).min(most)
    }

    /// Whether Full, Empty and the count are true also beside somebody who was stopped in the middle of an operation.
    fn refuses_truly(self) -> bool {
        true
    }

    /// How often a second somebody who sleeps looks after others, though nobody has called him.
    fn looks_per_second(self) -> u64 {
        0
    }

    /// How often a rule repeats what makes many channels at once: less where each is an open file.
    fn crowds(self) -> usize {
        10
    }
}

/// Channels that carry messages of this type.
pub trait Pairs<T>: Bound {
    /// The sending end.
    type Sender: SendEnd<Message = T> + 'static;
    /// The receiving end.
    type Receiver: RecvEnd<Message = T> + 'static;

    /// Makes a pair.
    fn pair(self) -> (Self::Sender, Self::Receiver);

    /// Fills a bounded channel.
    fn fill(self, s: &Self::Sender, mut make: impl FnMut(usize) -> T) {
        for i in 0..self.capacity().unwrap_or(0) {
            assert!(s.try_send(make(i)).is_ok(), "Full at {i} of {self}");
        }
    }
}

/// An end to send by. Each method promises what that of [`narrows::Sender`] does.
pub trait SendEnd: Clone + Send + Sync {
    /// What is sent.
    type Message: Send;

    /// `send`.
    fn send(&self, message: Self::Message) -> Result<(), SendError<Self::Message>>;
    /// `try_send`.
    fn try_send(&self, message: Self::Message) -> Result<(), TrySendError<Self::Message>>;
    /// `send_timeout`.
    fn send_timeout(&self, message: Self::Message, time: Duration) -> Result<(), SendTimeoutError<Self::Message>>;
    /// `send_deadline`.
    fn send_deadline(&self, message: Self::Message, at: Instant) -> Result<(), SendTimeoutError<Self::Message>>;
    /// `send_async`.
    fn send_async(&self, message: Self::Message) -> impl Future<Output = Result<(), SendError<Self::Message>>> + Send;
    /// Sends by a select of one arm.
    fn send_selected(
        &self,
        side: Side,
        message: Self::Message,
    ) -> impl Future<Output = Result<(), SendError<Self::Message>>> + Send;
    /// Sends by a select of which each of `lines` is an arm, to whichever is chosen.
    fn send_to_any(side: Side, lines: &[Self], message: Self::Message) -> impl Future<Output = ()> + Send;
    /// Waits until there was room, and does not use it.
    fn wait_for_room(&self) -> impl Future<Output = ()> + Send;
    /// `close`.
    fn close(&self) -> bool;
    /// `is_closed`.
    fn is_closed(&self) -> bool;
    /// `len`.
    fn len(&self) -> usize;
    /// `is_empty`.
    fn is_empty(&self) -> bool;
    /// `is_full`.
    fn is_full(&self) -> bool;
    /// `capacity`.
    fn capacity(&self) -> Option<usize>;

    /// The same, if it is `narrows`' own: of that more can be asked.
    fn local(&self) -> Option<&Sender<Self::Message>> {
        None
    }

    /// Sends by this verb, waiting as long as it takes.
    fn send_by(
        &self,
        side: Side,
        message: Self::Message,
    ) -> impl Future<Output = Result<(), SendError<Self::Message>>> + Send {
        async move {
            match side.verb {
                Verb::Plain => self.send(message),
                Verb::Timed => self.send_timeout(message, LONG).map_err(|why| match why {
                    SendTimeoutError::Disconnected(message) => SendError(message),
                    SendTimeoutError::Timeout(_) => panic!("an hour has passed"),
                }),
                Verb::Async => self.send_async(message).await,
                Verb::Select | Verb::SelectAsync => self.send_selected(side, message).await,
                Verb::Macro | Verb::Permit | Verb::PermitAsync => {
                    let s = self.local().expect("a channel that is sent to so");
                    match side.verb {
                        Verb::Macro => select! { send(s, message) -> answer => answer },
                        Verb::Permit => match s.reserve() {
                            Ok(permit) => permit.send(message),
                            Err(SendError(())) => Err(SendError(message)),
                        },
                        _ => match s.reserve_async().await {
                            Ok(permit) => permit.send(message),
                            Err(SendError(())) => Err(SendError(message)),
                        },
                    }
                }
            }
        }
    }
}

/// An end to receive by. Each method promises what that of [`narrows::Receiver`] does.
pub trait RecvEnd: Clone + Send + Sync {
    /// What is received.
    type Message: Send;

    /// `recv`.
    fn recv(&self) -> Result<Self::Message, RecvError>;
    /// `try_recv`.
    fn try_recv(&self) -> Result<Self::Message, TryRecvError>;
    /// `recv_timeout`.
    fn recv_timeout(&self, time: Duration) -> Result<Self::Message, RecvTimeoutError>;
    /// `recv_deadline`.
    fn recv_deadline(&self, at: Instant) -> Result<Self::Message, RecvTimeoutError>;
    /// `recv_async`.
    fn recv_async(&self) -> impl Future<Output = Result<Self::Message, RecvError>> + Send;
    /// Adds a receive to a select; its index.
    fn add_to<'a>(&'a self, select: &mut Select<'a>) -> usize;
    /// Completes a receive that a select has chosen.
    fn complete(&self, chosen: SelectedOperation<'_>) -> Result<Self::Message, RecvError>;
    /// `close`.
    fn close(&self) -> bool;
    /// Closes, and takes out what is left.
    fn close_now(&self) -> Vec<Self::Message>;
    /// `is_closed`.
    fn is_closed(&self) -> bool;
    /// `is_disconnected`.
    fn is_disconnected(&self) -> bool;
    /// `len`.
    fn len(&self) -> usize;
    /// `is_empty`.
    fn is_empty(&self) -> bool;
    /// `is_full`.
    fn is_full(&self) -> bool;
    /// `capacity`.
    fn capacity(&self) -> Option<usize>;

    /// The same, if it is `narrows`' own: of that more can be asked.
    fn local(&self) -> Option<&Receiver<Self::Message>> {
        None
    }

    /// All messages until it is told the end.
    fn take_all(&self) -> Vec<Self::Message> {
        std::iter::from_fn(|| self.recv().ok()).collect()
    }

    /// All messages that are there.
    fn take_ready(&self) -> Vec<Self::Message> {
        std::iter::from_fn(|| self.try_recv().ok()).collect()
    }

    /// Receives by this verb, waiting as long as it takes.
    fn recv_by(&self, side: Side) -> impl Future<Output = Result<Self::Message, RecvError>> + Send {
        async move {
            match side.verb {
                Verb::Plain | Verb::Permit => self.recv(),
                Verb::Timed => self.recv_timeout(LONG).map_err(|why| match why {
                    RecvTimeoutError::Disconnected => RecvError,
                    RecvTimeoutError::Timeout => panic!("an hour has passed"),
                }),
                Verb::Async | Verb::PermitAsync => self.recv_async().await,
                Verb::Macro => {
                    let r = self.local().expect("a channel that is received from so");
                    select! { recv(r) -> answer => answer }
                }
                Verb::Select | Verb::SelectAsync => {
                    let mut select = Select::new();
                    self.add_to(&mut select);
                    let chosen = if side.is_task() { select.select_async().await } else { select.select() };
                    self.complete(chosen)
                }
            }
        }
    }
}

impl Bound for Kind {
    fn capacity(self) -> Option<usize> {
        self.capacity()
    }
}

impl<T: Send + 'static> Pairs<T> for Kind {
    type Sender = Sender<T>;
    type Receiver = Receiver<T>;

    fn pair(self) -> (Sender<T>, Receiver<T>) {
        self.pair()
    }
}

impl<T: Send> SendEnd for Sender<T> {
    type Message = T;

    fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.send(message)
    }
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.try_send(message)
    }
    fn send_timeout(&self, message: T, time: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_timeout(message, time)
    }
    fn send_deadline(&self, message: T, at: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_deadline(message, at)
    }
    fn send_async(&self, message: T) -> impl Future<Output = Result<(), SendError<T>>> + Send {
        self.send_async(message)
    }
    async fn send_selected(&self, side: Side, message: T) -> Result<(), SendError<T>> {
        let mut select = Select::new();
        select.send(self);
        let chosen = if side.is_task() { select.select_async().await } else { select.select() };
        chosen.send(self, message)
    }
    async fn send_to_any(side: Side, lines: &[Self], message: T) {
        let mut message = message;
        loop {
            let mut select = Select::new();
            for s in lines {
                select.send(s);
            }
            let chosen = if side.is_task() { select.select_async().await } else { select.select() };
            let line = &lines[chosen.index()];
            match chosen.send(line, message) {
                Ok(()) => return,
                // The receiver that was matched may have chosen another arm.
                Err(back) => {
                    assert!(line.capacity() == Some(0) && !line.is_closed());
                    message = back.0;
                }
            }
        }
    }
    async fn wait_for_room(&self) {
        drop(self.reserve_async().await);
    }
    fn close(&self) -> bool {
        self.close()
    }
    fn is_closed(&self) -> bool {
        self.is_closed()
    }
    fn len(&self) -> usize {
        self.len()
    }
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
    fn is_full(&self) -> bool {
        self.is_full()
    }
    fn capacity(&self) -> Option<usize> {
        self.capacity()
    }
    fn local(&self) -> Option<&Sender<T>> {
        Some(self)
    }
}

impl<T: Send> RecvEnd for Receiver<T> {
    type Message = T;

    fn recv(&self) -> Result<T, RecvError> {
        self.recv()
    }
    fn try_recv(&self) -> Result<T, TryRecvError> {
        self.try_recv()
    }
    fn recv_timeout(&self, time: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_timeout(time)
    }
    fn recv_deadline(&self, at: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_deadline(at)
    }
    fn recv_async(&self) -> impl Future<Output = Result<T, RecvError>> + Send {
        self.recv_async()
    }
    fn add_to<'a>(&'a self, select: &mut Select<'a>) -> usize {
        select.recv(self)
    }
    fn complete(&self, chosen: SelectedOperation<'_>) -> Result<T, RecvError> {
        chosen.recv(self)
    }
    fn close(&self) -> bool {
        self.close()
    }
    fn close_now(&self) -> Vec<T> {
        self.close_now()
    }
    fn is_closed(&self) -> bool {
        self.is_closed()
    }
    fn is_disconnected(&self) -> bool {
        self.is_disconnected()
    }
    fn len(&self) -> usize {
        self.len()
    }
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
    fn is_full(&self) -> bool {
        self.is_full()
    }
    fn capacity(&self) -> Option<usize> {
        self.capacity()
    }
    fn local(&self) -> Option<&Receiver<T>> {
        Some(self)
    }
}
