//! What a task does that waits in a list under its channel's own lock: each poll is one look under it. No waker is cloned there.

use std::task::Waker;

use super::{
    party::{Party, Woken},
    tickets::{List, Payload},
};
use crate::arm::{Seat, Token};

/// What a look under the lock came to.
pub(crate) enum Polled<R> {
    Done(R),
    /// Its ticket is out.
    Waits,
    /// Somebody has become open since: looks again.
    Again,
    /// It has to stand in line with another waker, which is cloned outside the lock.
    NeedsWaker,
}

/// The ticket of a task, a new one or its old, to be linked. `None` if that takes a waker that is not in `spare`.
pub(crate) fn stand<P: Payload>(
    list: &mut List<P>,
    seat: &mut Seat,
    waker: &Waker,
    spare: &mut Option<Waker>,
    payload: impl FnOnce() -> P,
    woken: &mut Woken,
) -> Option<Token> {
    if let Some(key) = *seat {
        return list.set_waker(key, waker, spare).then_some(key);
    }
    let waker = spare.take()?;
    *seat = Some(list.add(Party::Task(Some(waker)), payload(), woken));
    *seat
}
