//! How a thread waits for an answer: through narrows' own waiting, and after a while where a deadlock is heard of.

use std::time::{Duration, Instant};

use narrows::{RecvTimeoutError, after, never, oneshot, select};

use crate::{
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
