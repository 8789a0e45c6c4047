//! How far receivers have come, and what senders may write therefore; the blocks of messages; what the dead leave.
//!
//! The blocks of a message belong to its slot. Who claims the slot next, or takes the message out for want of blocks, makes them
//! his own, then has the slot name none, then frees them: at no instant does a slot name blocks that are another's.

use super::row::{Found, Row};
use crate::{
    connection::Connection,
    layout::{BellName, Field, Layout, Seldom},
    members::Role,
    pool::{self, Run},
    queue::{
        ring::NoPlace,
        word::{Owner, Position},
    },
    sync::Ordering,
};

impl Connection {
    pub(super) fn row(&self) -> Row<'_, Layout> {
        Row::new(self.layout(), self.me())
    }
}

/// The blocks of a message with these lengths; `None` if it lies in its slot.
pub(crate) fn run_of(layout: &Layout, lengths: u64) -> Option<Run> {
    let len = usize::try_from(lengths >> 32).unwrap_or(usize::MAX);
    let first = u32::try_from(lengths & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    (len > layout.shape().inline as usize).then(|| Run { first, count: layout.blocks_for(len) })
}

/// Frees what the slot holds; it is `owner`'s.
fn empty(layout: &Layout, owner: Owner, slot: u32) {
    if let Some(run) = disown(layout, owner, slot) {
        pool::release(layout, run);
    }
}

/// What the slot held is `owner`'s, to be freed.
fn disown(layout: &Layout, owner: Owner, slot: u32) -> Option<Run> {
    let lengths = layout.slot_lengths(slot);
    // Acquire: pairs with the Release of who wrote it; Release, in turn, shows the claim to a receiver who is reading.
    let run = run_of(layout, lengths.load(Ordering::Acquire))?;
    let is_run = pool::adopt(layout, owner, run);
    lengths.store(0, Ordering::Release);
    is_run.then_some(run)
}

fn capacity(layout: &Layout) -> i64 {
    let slots = layout.shape().slots;
    // Relaxed: a bound that somebody has set at some time.
    match layout.seldom(Seldom::Limit).load(Ordering::Relaxed) {
        0 => i64::from(slots),
        limit => i64::from(slots).min(i64::try_from(limit).unwrap_or(i64::MAX)),
    }
}

fn cursor_of(layout: &Layout, index: u32) -> Position {
    // Acquire: pairs with `publish`: what a receiver has read before it was read.
    let bits = layout.participant(index, Field::Cursor).load(Ordering::Acquire);
    Position::from_hint(bits, layout.shape().slots)
}

/// The place of the receiver that is farthest behind `at`, of those that are `meant`.
fn slowest(layout: &Layout, at: Position, meant: impl Fn(u32, u64) -> bool) -> Option<Position> {
    let slots = layout.shape().slots;
    let cursors = layout.members().filter(|entry| meant(entry.owner.index(), entry.roles));
    cursors.map(|entry| cursor_of(layout, entry.owner.index())).max_by_key(|&cursor| at.minus(cursor, slots))
}

/// Whether every receiver that is waited for is less than `enough` behind `at`; after a fence.
fn is_lag_below(connection: &Connection, at: Position, enough: i64) -> bool {
    let layout = connection.layout();
    let slots = layout.shape().slots;
    let is_below = |slowest: Option<Position>| slowest.is_none_or(|slowest| at.minus(slowest, slots) < enough);
    // Whoever joins says where he stands before this changes.
    let status = layout.status();
    let mut known = connection.slowest();
    if known.0 == status && is_below(known.1) {
        return true;
    }
    // Acquire: pairs with the Release of `await_me`; the cursor is then written.
    let is_awaited = |index, _| layout.participant(index, Field::Awaited).load(Ordering::Acquire) == 1;
    *known = (status, slowest(layout, at, is_awaited));
    is_below(known.1)
}

/// Claims the next place, and frees what was in it.
pub(crate) fn claim_place(connection: &Connection) -> Result<Position, NoPlace> {
    let layout = connection.layout();
    let capacity = capacity(layout);
    let claimed = connection.row().claim_place(|at| is_lag_below(connection, at, capacity));
    match claimed {
        Ok(at) => empty(layout, connection.me(), at.slot()),
        // Whoever only tries never sleeps, and so would never see to it that the dead are noticed.
        Err(NoPlace::Full | NoPlace::Busy) => connection.watch_peers(),
        Err(NoPlace::Closed | NoPlace::Corrupt) => {}
    }
    claimed
}

/// Takes out the oldest messages until `claim` finds blocks.
pub(crate) fn make_room(connection: &Connection, claim: impl Fn() -> Option<Run>) -> Option<Run> {
    if !connection.is_broadcast() {
        return None;
    }
    let (layout, me) = (connection.layout(), connection.me());
    for _ in 0..layout.shape().slots {
        // What all have seen lies before the slowest.
        let may = |at| is_lag_below(connection, at, 0);
        if !connection.row().evict(may, |slot| empty(layout, me, slot)) {
            connection.watch_peers();
            return None;
        }
        // Who found the slot in our hands may sleep by now, and we may have nothing to send in the end.
        layout.ring_all();
        if let Some(run) = claim() {
            return Some(run);
        }
    }
    None
}

/// Whether there are messages that all have seen, and that have not been taken out.
pub(crate) fn may_make_room(connection: &Connection) -> bool {
    if !connection.is_broadcast() {
        return false;
    }
    let oldest = connection.row().oldest();
    oldest != connection.row().tail() && is_lag_below(connection, oldest, 0)
}

/// Whether a place could be claimed now, or the end be told.
pub(crate) fn may_send(connection: &Connection) -> bool {
    let row = connection.row();
    let at = row.tail();
    let has_place = match row.find(at) {
        Found::Nothing => is_lag_below(connection, at, capacity(connection.layout())),
        Found::Closed | Found::Corrupt => true,
        _ => false,
    };
    has_place || connection.is_ended_for_senders() || connection.check().is_err()
}

/// Whether there is something for the receiver that this connection is, or the end to be told.
pub(crate) fn may_receive(connection: &Connection) -> bool {
    let is_ended = connection.is_ended_for_receivers();
    match connection.row().find(cursor_of(connection.layout(), connection.me().index())) {
        Found::Nothing => is_ended || connection.check().is_err(),
        Found::Busy => false,
        _ => true,
    }
}

/// All receivers are to look, and all senders whose message may go into what is left.
pub(crate) fn after_send(connection: &Connection) {
    connection.bell(BellName::Items).ring_all();
    connection.bell(BellName::Places).ring_all();
}

/// How many messages some receiver has yet to see.
pub(crate) fn len(layout: &Layout) -> u32 {
    let slots = layout.shape().slots;
    let tail = Row::new(layout, Owner::new(0, 0)).tail();
    let slowest = slowest(layout, tail, |_, roles| roles & Role::Receiver as u64 != 0);
    let len = slowest.map_or(0, |slowest| tail.minus(slowest, slots));
    u32::try_from(len.clamp(0, i64::from(slots))).unwrap_or(slots)
}

/// Puts right what `gone` has left. May be done again.
pub(crate) fn recover(layout: &Layout, gone: Owner) {
    let row = Row::new(layout, gone);
    for slot in 0..layout.shape().slots {
        let is_its = row.recover(slot, gone, |slot| {
            disown(layout, gone, slot);
        });
        // Whatever becomes of the slot meanwhile: if these blocks are still those of `gone`, the slot names them.
        // Acquire: as in `disown`.
        if !is_its && let Some(run) = run_of(layout, layout.slot_lengths(slot).load(Ordering::Acquire)) {
            pool::keep(layout, gone, run);
        }
    }
    // What is left is named by no slot.
    pool::release_all(layout, gone);
}

/// Says how far the receiver has come.
pub(super) fn publish(connection: &Connection, cursor: Position) {
    connection.layout().participant(connection.me().index(), Field::Cursor).publish(cursor.bits());
}

/// Senders wait for this receiver, or no more.
pub(super) fn await_me(connection: &Connection, is_awaited: bool) {
    // Release: pairs with `is_lag_below`; what it says about the cursor comes first.
    connection
        .layout()
        .participant(connection.me().index(), Field::Awaited)
        .store(is_awaited.into(), Ordering::Release);
}
