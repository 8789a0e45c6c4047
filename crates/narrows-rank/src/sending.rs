//! A send that has begun: a future that owns its message, and can be waited for on a thread.

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
    error::{Error, SendError},
    home::Waiting,
    mailbox::{Answer, Mode, Pending},
    matching::Pattern,
    office::Recalled,
    parcel::{Carrier, Carries},
    rank::{Core, Group, Rank},
    sync::Arc,
    wait::{self, Unanswered},
    watch::Blocked,
};

type Reply<W> = oneshot::RecvFuture<Answer<<W as Carrier>::Parcel>, oneshot::Receiver<Answer<<W as Carrier>::Parcel>>>;

enum State<T, W: Carrier> {
    /// In a box, so that a large message makes no large future.
    Done(Result<(), Box<SendError<T>>>),
    Waits(Waits<W>),
    /// The result has been handed out.
    Over,
}

/// The message lies at `to`, and this hears when its sender may go on.
struct Waits<W: Carrier> {
    core: Arc<Core<W>>,
    group: Arc<Group>,
    to: usize,
    key: Pattern,
    number: u64,
    reply: Reply<W>,
}

/// A send that has begun, from [`Rank::isend`] and [`Rank::issend`]: await it, or [`wait`](Sending::wait) for it.
///
/// # Cancel safety
/// The message was sent when this was made. Dropping this does not take it back, [`cancel`](Sending::cancel) does.
#[must_use = "it may still wait for room, and says whether the message was sent"]
pub struct Sending<T, W: Carries<T>>(State<T, W>, PhantomData<fn(T)>);

impl<T, W: Carries<T>> Sending<T, W> {
    pub(crate) fn start(rank: &Rank<W>, to: usize, context: u64, tag: u32, message: T, mode: Mode) -> Sending<T, W> {
        Sending(Sending::begin(rank, to, context, tag, message, mode), PhantomData)
    }

    fn begin(rank: &Rank<W>, to: usize, context: u64, tag: u32, message: T, mode: Mode) -> State<T, W> {
        let failed = |message, error| State::Done(Err(Box::new(SendError { message, error })));
        let world = match rank.member(to) {
            Ok(world) => world as usize,
            Err(error) => return failed(message, error),
        };
        let key = Pattern::key(context, rank.core.number(), tag);
        let parcel = match W::pack(message) {
            Ok(parcel) => parcel,
            Err((message, why)) => return failed(message, Error::Encoding(why)),
        };
        rank.core.is_used();
        match rank.core.office.deliver(world, key, parcel, mode) {
            Ok(None) => State::Done(Ok(())),
            Ok(Some(Pending { number, reply })) => State::Waits(Waits {
                core: rank.core.clone(),
                group: rank.group.clone(),
                to: world,
                key,
                number,
                reply: reply.into_future(),
            }),
            Err((parcel, error)) => State::Done(unsent::<T, W>(parcel, rank.group.localize(error)).map_err(Box::new)),
        }
    }

    /// Blocks until it is done.
    ///
    /// # Errors
    /// As [`Rank::send`].
    pub fn wait(self) -> Result<(), SendError<T>> {
        self.wait_by(None)
    }

    /// Blocks for at most `timeout`.
    ///
    /// # Errors
    /// As [`Rank::send`], and [`Error::Timeout`]: then the message was taken back.
    pub fn wait_timeout(self, timeout: Duration) -> Result<(), SendError<T>> {
        self.wait_by(Instant::now().checked_add(timeout))
    }

    fn wait_by(mut self, deadline: Option<Instant>) -> Result<(), SendError<T>> {
        match mem::replace(&mut self.0, State::Over) {
            State::Done(result) => result.map_err(|unsent| *unsent),
            State::Waits(waits) => waits.wait_by(deadline),
            State::Over => Ok(()),
        }
    }

    /// Whether [`wait`](Sending::wait) would return at once.
    pub fn is_done(&self) -> bool {
        match &self.0 {
            State::Done(_) | State::Over => true,
            State::Waits(waits) => waits.reply.receiver().is_closed(),
        }
    }

    /// Takes the message back, unless somebody has taken it, or need not wait for that (an [`isend`](Rank::isend) within its bound
    /// was done as it began).
    pub fn cancel(mut self) -> Option<T> {
        match mem::replace(&mut self.0, State::Over) {
            State::Done(result) => result.err().map(|unsent| unsent.message),
            State::Waits(waits) => waits.recall().and_then(|parcel| W::unpack(parcel).ok()),
            State::Over => None,
        }
    }
}

/// The message back from its parcel.
fn unsent<T, W: Carries<T>>(parcel: W::Parcel, error: Error) -> Result<(), SendError<T>> {
    let message = W::unpack(parcel).expect("what was packed as a type is unpacked as that type");
    Err(SendError { message, error })
}

impl<W: Carrier> Waits<W> {
    /// The message, unless it was taken.
    fn recall(&self) -> Option<W::Parcel> {
        let is_here = match self.core.office.recall(self.to, self.number, &self.key) {
            Recalled::Back(parcel) => return Some(parcel),
            Recalled::Taken => true,
            Recalled::Asked => false,
        };
        let reply = self.reply.receiver();
        let answer = if is_here { reply.try_recv().ok() } else { reply.recv_timeout(Duration::MAX).ok() };
        answer.and_then(Result::err)
    }

    fn gone(&self) -> Error {
        self.group.localize(self.core.office.gone(self.to))
    }

    fn wait_by<T>(self, deadline: Option<Instant>) -> Result<(), SendError<T>>
    where
        W: Carries<T>,
    {
        let blocked = || {
            let (core, to, number, key) = (self.core.clone(), self.to, self.number, self.key);
            let is_pending = Box::new(move || core.office.holds_up(to, number, &key));
            Blocked { what: describe(&self.key, self.to), is_pending }
        };
        let error = match wait::wait(&self.core, self.reply.receiver(), deadline, blocked) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(parcel)) => return unsent::<T, W>(parcel, self.gone()),
            Err(Unanswered::Timeout) => Error::Timeout,
            Err(Unanswered::Deadlock(report)) => Error::Deadlock(report),
            Err(Unanswered::Lost) => self.gone(),
        };
        self.recall().map_or(Ok(()), |parcel| unsent::<T, W>(parcel, error))
    }
}

pub(crate) fn describe(key: &Pattern, to: usize) -> String {
    match (key.context() & 1, key.tag()) {
        (0, tag) => format!("until rank {to} takes its message with tag {}", tag.unwrap_or(0)),
        _ => format!("in a collective until rank {to} takes its part"),
    }
}

impl<T, W: Carries<T>> Future for Sending<T, W> {
    type Output = Result<(), SendError<T>>;

    /// # Panics
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Waits(waits) => {
                let waiting = Waiting::Send { number: waits.number, key: waits.key, to: waits.to };
                let result = match ready!(wait::poll(&waits.core, &mut waits.reply, cx, waiting)) {
                    Ok(Err(parcel)) => unsent::<T, W>(parcel, waits.gone()),
                    Ok(Ok(())) | Err(Unanswered::Lost | Unanswered::Timeout) => Ok(()),
                    Err(Unanswered::Deadlock(report)) => {
                        waits.recall().map_or(Ok(()), |parcel| unsent::<T, W>(parcel, Error::Deadlock(report)))
                    }
                };
                self.0 = State::Over;
                Poll::Ready(result)
            }
            State::Done(_) => match mem::replace(&mut self.0, State::Over) {
                State::Done(result) => Poll::Ready(result.map_err(|unsent| *unsent)),
                _ => unreachable!("it was seen to be done"),
            },
            State::Over => panic!("a send was polled after it was done"),
        }
    }
}

/// Nothing in it is pinned: the message lies in a parcel.
impl<T, W: Carries<T>> Unpin for Sending<T, W> {}

impl<T, W: Carries<T>> fmt::Debug for Sending<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("is_done", &self.is_done()).finish_non_exhaustive()
    }
}
