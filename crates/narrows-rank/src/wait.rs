//! How a thread or a task waits for an answer: through narrows' own waiting, and where a deadlock is heard of.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use narrows::{RecvError, RecvTimeoutError, after, never, oneshot, select};

use crate::{
    home::Waiting,
    parcel::Carrier,
    rank::Core,
    sync::Arc,
    watch::{Alarm, Blocked},
};

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    Timeout,
    Deadlock(Arc<str>),
    /// Whoever was to answer is no more.
    Lost,
}

impl From<RecvTimeoutError> for Unanswered {
    fn from(error: RecvTimeoutError) -> Unanswered {
        match error {
            RecvTimeoutError::Timeout => Unanswered::Timeout,
            RecvTimeoutError::Disconnected => Unanswered::Lost,
        }
    }
}

/// Blocks until there is an answer, or until the deadline. Only a wait without one can be part of a deadlock.
pub(crate) fn wait<W: Carrier, A>(
    core: &Core<W>,
    reply: &oneshot::Receiver<A>,
    deadline: Option<Instant>,
    blocked: impl Fn() -> Blocked,
) -> Result<A, Unanswered> {
    core.is_used();
    if let Some(deadline) = deadline {
        return Ok(reply.recv_deadline(deadline)?);
    }
    let Some(patience) = core.office.patience() else {
        return Ok(reply.recv_timeout(Duration::MAX)?);
    };
    match reply.recv_timeout(patience) {
        Err(RecvTimeoutError::Timeout) => {}
        answer => return Ok(answer?),
    }
    'changes: loop {
        let Some(alarm) = core.office.enter(core.rank, blocked()) else {
            return Ok(reply.recv_timeout(Duration::MAX)?);
        };
        let answer = loop {
            let again = if core.office.speak() { never() } else { after(patience) };
            select! {
                recv(reply) -> answer => break answer.map_err(|_| Unanswered::Lost),
                recv(alarm) -> alarm => match alarm {
                    Ok(Alarm::LookAgain) => continue 'changes,
                    Ok(Alarm::Deadlock(report)) => break Err(Unanswered::Deadlock(report)),
                    Err(_) => break Err(Unanswered::Lost),
                },
                recv(again) -> _ => {}
            }
        };
        core.office.leave(core.rank);
        return answer;
    }
}

/// Polls for an answer. A rank that is a task may be told instead that all wait, if this waited when it was polled before.
pub(crate) fn poll<W: Carrier, A>(
    core: &Core<W>,
    reply: &mut oneshot::RecvFuture<A, oneshot::Receiver<A>>,
    cx: &mut Context<'_>,
    waiting: Waiting,
) -> Poll<Result<A, Unanswered>> {
    let home = core.office.home(core.rank).and_then(|home| Some((home, home.waker_for(cx.waker())?)));
    let answer = match &home {
        Some((_, waker)) => Pin::new(reply).poll(&mut Context::from_waker(waker)),
        None => Pin::new(reply).poll(cx),
    };
    match answer {
        Poll::Ready(answer) => Poll::Ready(answer.map_err(|RecvError| Unanswered::Lost)),
        Poll::Pending => match home.and_then(|(home, _)| home.waits(waiting)) {
            Some(report) => Poll::Ready(Err(Unanswered::Deadlock(report))),
            None => Poll::Pending,
        },
    }
}
