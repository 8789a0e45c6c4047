//! A receive that has begun: it has its place in line, gives it up when dropped, and loses no message by that.

use std::{
    fmt,
    marker::PhantomData,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use narrows::oneshot;

use crate::{
    choice::Status,
    error::Error,
    home::Waiting,
    mailbox::{Found, Letter, Patience},
    matching::Pattern,
    parcel::{Carrier, Carries, Wanted},
    probe::Matched,
    rank::{Core, Group, Rank},
    sync::Arc,
    wait::{self, Unanswered},
    watch::Blocked,
};

/// What a receive is to end with.
type Heard<W> = Result<Letter<<W as Carrier>::Parcel>, Error>;
/// What it hears: none if it is to fetch its message.
type Word<W> = Result<Option<Letter<<W as Carrier>::Parcel>>, Error>;

/// A receive that waits, of whatever type.
pub(crate) struct Posted<W: Carrier> {
    pub(crate) core: Arc<Core<W>>,
    pub(crate) group: Arc<Group>,
    pattern: Pattern,
    wanted: Option<Wanted>,
    /// The rank does nothing else meanwhile.
    is_all_it_does: bool,
    number: u64,
    /// It was polled: the mailbox knows that it is waited for.
    is_attended: bool,
    /// None once it has been heard.
    reply: Option<oneshot::RecvFuture<Word<W>, oneshot::Receiver<Word<W>>>>,
}

impl<W: Carrier> Posted<W> {
    /// Begins to receive.
    pub(crate) fn begin(rank: &Rank<W>, pattern: Pattern, wanted: Option<Wanted>, is_all_it_does: bool) -> Begun<W> {
        let group = is_all_it_does.then_some(&rank.group.members);
        match rank.core.mailbox().receive(pattern, wanted, &Patience::Wait(group)) {
            Found::Here(letter) => Begun::Done(Ok(letter)),
            Found::Refused(error) => Begun::Done(Err(error)),
            Found::Nothing => Begun::Done(Err(Error::Timeout)),
            Found::Posted(number, reply) => {
                let (core, group, reply) = (rank.core.clone(), rank.group.clone(), Some(reply.into_future()));
                let is_attended = is_all_it_does;
                Begun::Waits(Posted { core, group, pattern, wanted, is_all_it_does, number, is_attended, reply })
            }
        }
    }

    /// The message that it was called for. None if that was taken back, so that this waits again.
    fn fetch(&mut self) -> Option<Heard<W>> {
        let group = self.is_all_it_does.then_some(&self.group.members);
        match self.core.mailbox().fetch(self.number, self.pattern, self.wanted, &Patience::Wait(group)) {
            Found::Here(letter) => Some(Ok(letter)),
            Found::Refused(error) => Some(Err(error)),
            Found::Nothing => Some(Err(Error::Timeout)),
            Found::Posted(_, reply) => {
                self.reply = Some(reply.into_future());
                None
            }
        }
    }

    fn is_done(&self) -> bool {
        self.reply.as_ref().is_none_or(|reply| reply.receiver().is_closed())
    }

    pub(crate) fn wait_by(&mut self, deadline: Option<Instant>) -> Heard<W> {
        loop {
            match self.hear_by(deadline) {
                Ok(Some(letter)) => return Ok(letter),
                Err(error) => return Err(error),
                Ok(None) => {
                    if let Some(heard) = self.fetch() {
                        return heard;
                    }
                }
            }
        }
    }

    fn hear_by(&mut self, deadline: Option<Instant>) -> Word<W> {
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
        if !mem::replace(&mut self.is_attended, true)
            && let Some(letter) = self.core.mailbox().attend(self.number, &self.pattern)
        {
            self.reply = None;
            return Poll::Ready(Ok(letter));
        }
        loop {
            let reply = self.reply.as_mut().expect("a receive was polled after it was done");
            let waiting = Waiting::Receive { number: self.number, pattern: self.pattern };
            let word = match ready!(wait::poll(&self.core, reply, cx, waiting)) {
                Ok(word) => word,
                Err(Unanswered::Lost | Unanswered::Timeout) => Err(Error::Ended),
                Err(Unanswered::Deadlock(report)) => {
                    if !self.core.mailbox().withdraw(self.number, &self.pattern) {
                        // It was taken out of its line to be told something else, which is on its way and wakes this.
                        return Poll::Pending;
                    }
                    Err(Error::Deadlock(report))
                }
            };
            self.reply = None;
            match word {
                Ok(Some(letter)) => return Poll::Ready(Ok(letter)),
                Err(error) => return Poll::Ready(Err(error)),
                Ok(None) => {
                    if let Some(heard) = self.fetch() {
                        return Poll::Ready(heard);
                    }
                }
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
        match reply.receiver().try_recv() {
            Ok(Ok(Some(letter))) => self.core.mailbox().put_back(letter),
            Ok(Ok(None)) => self.core.mailbox().unclaim(self.number),
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

/// A receive that has begun.
pub(crate) enum Begun<W: Carrier> {
    Done(Heard<W>),
    Waits(Posted<W>),
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
/// Dropping it loses nothing: a message that was on its way to it goes back to where it was, and to the next who asks. If it had
/// been awaited and its message came by [`ssend`](Rank::ssend), that goes on waiting: so whoever has polled this polls it again
/// or drops it, for a sender may wait for that.
#[must_use = "a message may be on its way to it"]
pub struct Receiving<T, W: Carries<T>>(State<W>, PhantomData<fn() -> T>);

impl<T, W: Carries<T>> Receiving<T, W> {
    /// `is_all_it_does`: the rank does nothing else meanwhile, so that it is of no use to wait for itself.
    pub(crate) fn start(rank: &Rank<W>, pattern: Pattern, is_all_it_does: bool) -> Receiving<T, W> {
        let state = match Posted::begin(rank, pattern, Some(W::wanted()), is_all_it_does) {
            Begun::Done(Ok(letter)) => State::Done(rank.matched(letter)),
            Begun::Done(Err(error)) => State::Failed(rank.group.localize(error)),
            Begun::Waits(posted) => State::Waits(posted),
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
