//! A receive that has begun: it has its place in line, gives it up when dropped, and loses no message by that.

use std::{
    fmt,
    marker::PhantomData,
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use narrows::{RecvError, oneshot};

use crate::{
    choice::Status,
    error::Error,
    mailbox::{Found, Letter, Patience},
    matching::Pattern,
    parcel::{Carrier, Carries},
    probe::Matched,
    rank::{Core, Group, Rank},
    sync::Arc,
    wait::{self, Unanswered},
    watch::Blocked,
};

/// What a receive hears.
type Heard<W> = Result<Letter<<W as Carrier>::Parcel>, Error>;

/// A receive that waits, of whatever type.
pub(crate) struct Posted<W: Carrier> {
    pub(crate) core: Arc<Core<W>>,
    pub(crate) group: Arc<Group>,
    pattern: Pattern,
    number: u64,
    /// None once it has been heard.
    reply: Option<oneshot::RecvFuture<Heard<W>, oneshot::Receiver<Heard<W>>>>,
}

impl<W: Carrier> Posted<W> {
    pub(crate) fn new(rank: &Rank<W>, pattern: Pattern, number: u64, reply: oneshot::Receiver<Heard<W>>) -> Posted<W> {
        let (core, group) = (rank.core.clone(), rank.group.clone());
        Posted { core, group, pattern, number, reply: Some(reply.into_future()) }
    }

    fn is_done(&self) -> bool {
        self.reply.as_ref().is_none_or(|reply| reply.receiver().is_closed())
    }

    pub(crate) fn wait_by(&mut self, deadline: Option<Instant>) -> Heard<W> {
        let Some(reply) = self.reply.take() else { return Err(Error::Ended) };
        let blocked = || {
            let (core, number, pattern) = (self.core.clone(), self.number, self.pattern);
            let is_pending = Box::new(move || core.mailbox().is_asked(number, &pattern));
            Blocked { what: describe(&self.pattern), is_pending }
        };
        let error = match wait::wait(&self.core, reply.receiver(), deadline, blocked) {
            Ok(heard) => return heard,
            Err(Unanswered::Timeout) => Error::Timeout,
            Err(Unanswered::Deadlock(report)) => Error::Deadlock(report),
            Err(Unanswered::Lost) => Error::Ended,
        };
        if self.core.mailbox().withdraw(self.number, &self.pattern) {
            return Err(error);
        }
        // It was taken out of its line to be told something, which is on its way.
        reply.receiver().recv_timeout(Duration::MAX).unwrap_or(Err(error))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Heard<W>> {
        let reply = self.reply.as_mut().expect("a receive was polled after it was done");
        match Pin::new(reply).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(heard) => {
                self.reply = None;
                Poll::Ready(heard.unwrap_or_else(|RecvError| Err(Error::Ended)))
            }
        }
    }
}

/// Who is on the way to hand over a message gets it back, or has handed it over, and then it is put back here.
impl<W: Carrier> Drop for Posted<W> {
    fn drop(&mut self) {
        let Some(reply) = self.reply.take() else { return };
        if self.core.mailbox().withdraw(self.number, &self.pattern) || reply.receiver().close() {
            return;
        }
        if let Ok(Ok(letter)) = reply.receiver().try_recv() {
            self.core.mailbox().put_back(letter);
        }
    }
}

pub(crate) fn describe(pattern: &Pattern) -> String {
    let from = pattern.source().map_or("any rank".to_owned(), |rank| format!("rank {rank}"));
    match (pattern.context() & 1, pattern.tag()) {
        (0, None) => format!("for a message from {from} with any tag"),
        (0, Some(tag)) => format!("for a message from {from} with tag {tag}"),
        (_, tag) => format!("in {} for {from}", crate::collective::name(tag.unwrap_or(0))),
    }
}

/// The message out of a letter.
pub(crate) fn open<T, W: Carries<T>>(letter: Letter<W::Parcel>, group: &Group) -> Result<(T, Status), Error> {
    let status = group.status(&letter.key);
    let message = W::unpack(letter.parcel).map_err(Error::Encoding)?;
    Ok((message, status))
}

enum State<W: Carrier> {
    /// It goes back if nobody waits for this.
    Done(Matched<W>),
    Failed(Error),
    Waits(Posted<W>),
    /// The result has been handed out.
    Over,
}

/// A receive that has begun, from [`Rank::irecv`]: await it, or [`wait`](Receiving::wait) for it.
///
/// # Cancel safety
/// Dropping it loses nothing: a message that was on its way to it goes back to where it was, and to the next who asks.
#[must_use = "a message may be on its way to it"]
pub struct Receiving<T, W: Carries<T>>(State<W>, PhantomData<fn() -> T>);

impl<T, W: Carries<T>> Receiving<T, W> {
    /// `is_all_it_does`: the rank does nothing else meanwhile, so that it is of no use to wait for itself.
    pub(crate) fn start(rank: &Rank<W>, pattern: Pattern, is_all_it_does: bool) -> Receiving<T, W> {
        let group = is_all_it_does.then_some(&rank.group.members);
        let state = match rank.core.mailbox().receive(pattern, Some(W::wanted()), &Patience::Wait(group)) {
            Found::Here(letter) => State::Done(rank.matched(letter)),
            Found::Refused(error) => State::Failed(rank.group.localize(error)),
            Found::Posted(number, reply) => State::Waits(Posted::new(rank, pattern, number, reply)),
            Found::Nothing => State::Failed(Error::Timeout),
        };
        Receiving(state, PhantomData)
    }

    pub(crate) fn failed(error: Error) -> Receiving<T, W> {
        Receiving(State::Failed(error), PhantomData)
    }

    /// What is there now.
    pub(crate) fn look(rank: &Rank<W>, pattern: Pattern) -> Result<Option<(T, Status)>, Error> {
        match rank.core.mailbox().receive(pattern, Some(W::wanted()), &Patience::Try) {
            Found::Here(letter) => open::<T, W>(letter, &rank.group).map(Some),
            Found::Refused(error) => Err(rank.group.localize(error)),
            Found::Posted(..) | Found::Nothing => Ok(None),
        }
    }

    /// Blocks until there is a message.
    ///
    /// # Errors
    /// As [`Rank::recv`].
    pub fn wait(self) -> Result<(T, Status), Error> {
        self.wait_by(None)
    }

    /// Blocks for at most `timeout`.
    ///
    /// # Errors
    /// As [`Rank::recv`], and [`Error::Timeout`]: then it gave up its place, and no message.
    pub fn wait_timeout(self, timeout: Duration) -> Result<(T, Status), Error> {
        self.wait_by(Instant::now().checked_add(timeout))
    }

    fn wait_by(mut self, deadline: Option<Instant>) -> Result<(T, Status), Error> {
        match mem::replace(&mut self.0, State::Over) {
            State::Done(matched) => matched.open(),
            State::Failed(error) => Err(error),
            State::Waits(mut posted) => {
                let heard = posted.wait_by(deadline);
                heard
                    .map_err(|error| posted.group.localize(error))
                    .and_then(|letter| open::<T, W>(letter, &posted.group))
            }
            State::Over => Err(Error::Ended),
        }
    }

    /// Whether [`wait`](Receiving::wait) would return at once.
    pub fn is_done(&self) -> bool {
        match &self.0 {
            State::Done(_) | State::Failed(_) | State::Over => true,
            State::Waits(posted) => posted.is_done(),
        }
    }
}

impl<T, W: Carries<T>> Future for Receiving<T, W> {
    type Output = Result<(T, Status), Error>;

    /// # Panics
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Waits(posted) => match posted.poll(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(heard) => {
                    let heard = heard.map_err(|error| posted.group.localize(error));
                    let result = heard.and_then(|letter| open::<T, W>(letter, &posted.group));
                    self.0 = State::Over;
                    Poll::Ready(result)
                }
            },
            State::Done(_) | State::Failed(_) => match mem::replace(&mut self.0, State::Over) {
                State::Done(matched) => Poll::Ready(matched.open()),
                State::Failed(error) => Poll::Ready(Err(error)),
                _ => unreachable!("it was seen to be done"),
            },
            State::Over => panic!("a receive was polled after it was done"),
        }
    }
}

/// Nothing in it is pinned: a message lies in a parcel until it is handed out.
impl<T, W: Carries<T>> Unpin for Receiving<T, W> {}

impl<T, W: Carries<T>> fmt::Debug for Receiving<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving").field("is_done", &self.is_done()).finish_non_exhaustive()
    }
}
