//! How a receiver joins among senders: it says where it stands, and then looks whether they were faster.

use narrows::broadcast::{Lag, Start};

use super::gate;
use crate::{
    connection::Connection,
    members::Role,
    queue::word::Position,
    sync::{Ordering, fence},
};

/// Where a new receiver begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begin {
    At(Start),
    /// Beside one that stands there.
    Beside(Position),
}

/// So often a new receiver looks again whether senders were faster; those that see it cannot be any more.
const LOOKS_AT_TAIL: u32 = 1000;

/// Begins: where, and what may have gone before.
pub(super) fn enter(connection: &Connection, begin: Begin, lag: Lag) -> (Position, Option<Position>) {
    let (layout, row) = (connection.layout(), connection.row());
    let slots = layout.shape().slots;
    let mut next = match begin {
        Begin::At(Start::Now) => row.tail(),
        Begin::At(Start::Oldest) => row.oldest(),
        Begin::Beside(next) => next,
    };
    gate::publish(connection, next);
    gate::await_me(connection, lag == Lag::Wait);
    // Changes the status: what senders knew about the slowest receiver they know no more.
    connection.add_handle(Role::Receiver);
    if let Begin::Beside(_) = begin {
        return (next, None);
    }
    for _ in 0..LOOKS_AT_TAIL {
        // SeqCst: pairs with the fences of `Row`. Who claims without having seen us has looked before; then we see what he has
        // seen.
        fence(Ordering::SeqCst);
        let current = if let Begin::At(Start::Oldest) = begin {
            row.oldest()
        } else {
            // Nobody was promised what was sent meanwhile.
            let tail = row.tail();
            let is_there = tail.minus(next, slots) <= i64::from(slots);
            if is_there && lag == Lag::Wait { next } else { tail }
        };
        if current == next {
            break;
        }
        next = current;
        gate::publish(connection, next);
        if lag != Lag::Wait {
            break;
        }
    }
    // Of messages for which senders wait that one may have gone meanwhile, and no other.
    (next, (lag == Lag::Wait).then_some(next))
}
