//! Who takes part: a table of processes with their roles and figures, and what is done when one leaves or dies.
//!
//! ```text
//! entry    FREE --(its lock is taken)--> LIVE(epoch) --(left, or died and put right)--> FREE
//! status   version | how it ends: CLOSED REMOVED | who has been there: HAS_SENDERS HAD_SENDERS HAS_RECEIVERS HAD_RECEIVERS
//! ```
//! Each live entry's byte is locked by an open file description of its process; the kernel drops the lock when that dies. To take
//! such a lock is the proof that its holder is gone. A child of `fork` keeps its parent's lock: then the proof is that there is no
//! process of that number and start time. The sole right to put right what the dead left is a second lock. Whoever dies while
//! doing so is followed by the next, who does it all again.
//!
//! `status` says whether anybody sends or receives, and changes in one step with a count of its versions: who computes it from the
//! table and is overtaken by somebody who comes or goes computes it again. So a sender that joins comes before the end, or after.

use std::{io, time::Duration};

use crate::{
    bell::Bell,
    error::OpenError,
    layout::{BellName, Field, Kind, Layout, Seldom},
    locks,
    process::Identity,
    queue::{courtesy, word::Owner},
    sync::Ordering,
};

/// What somebody does with a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Role {
    Sender = 1,
    Receiver = 2,
}

const LIVE: u64 = 1;
const EPOCH: u32 = 8;

/// Locks: one byte for each entry, one for each that is being put right, one for who removes the segment.
const RECOVERY: u64 = 1 << 20;
const ADMINISTRATION: u64 = 1 << 21;

/// The channel was closed, and is closed for good.
pub(crate) const CLOSED: u64 = 1;
/// Its name has been taken away; nobody may join.
pub(crate) const REMOVED: u64 = 2;
pub(crate) const HAS_SENDERS: u64 = 4;
pub(crate) const HAD_SENDERS: u64 = 8;
pub(crate) const HAS_RECEIVERS: u64 = 16;
pub(crate) const HAD_RECEIVERS: u64 = 32;
const VERSION: u32 = 16;
const STATUS_FLAGS: u64 = (1 << VERSION) - 1;

/// What is read of one who takes part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) owner: Owner,
    pub(crate) identity: Identity,
    pub(crate) roles: u64,
}

impl Layout {
    pub(crate) fn status(&self) -> u64 {
        // Acquire: pairs with the changes of `change_status`; what was sent before a sender left is visible.
        self.seldom(Seldom::Status).load(Ordering::Acquire)
    }

    pub(crate) fn ring_all(&self) {
        // SeqCst: as in `Word::publish`, for what was changed before.
        crate::sync::fence(Ordering::SeqCst);
        for name in [BellName::Items, BellName::Places, BellName::Received] {
            Bell::new(self.bell(name)).ring_all();
        }
        if self.shape().kind == Kind::Calls {
            (0..self.shape().slots).for_each(|slot| Bell::new(self.call_bell(slot)).ring_all());
        }
    }

    /// Computes who is there. False if the segment has been removed.
    pub(crate) fn change_status(&self) -> bool {
        self.set_status(0, REMOVED)
    }

    /// Closes it for good: whether nobody had.
    pub(crate) fn close(&self) -> bool {
        let is_ours = self.set_status(CLOSED, CLOSED | REMOVED);
        if is_ours {
            self.ring_all();
        }
        is_ours
    }

    /// Computes who is there and sets flags for good, unless one of `unless` is set. Whoever is overtaken computes it again.
    fn set_status(&self, flags: u64, unless: u64) -> bool {
        for _ in 0..1_000_000 {
            let status = self.status();
            if status & unless != 0 {
                return false;
            }
            if self.seldom(Seldom::Status).change(status, self.next_status(status) | flags).is_ok() {
                return true;
            }
        }
        false
    }

    fn next_status(&self, status: u64) -> u64 {
        let roles = self.members().fold(0, |roles, entry| roles | entry.roles);
        let mut flags = status & STATUS_FLAGS & !(HAS_SENDERS | HAS_RECEIVERS);
        if roles & Role::Sender as u64 != 0 {
            flags |= HAS_SENDERS | HAD_SENDERS;
        }
        if roles & Role::Receiver as u64 != 0 {
            flags |= HAS_RECEIVERS | HAD_RECEIVERS;
        }
        (status >> VERSION).wrapping_add(1) << VERSION | flags
    }

    /// Says that it is removed, if nobody has come since `status` was read.
    fn mark_removed(&self, status: u64) -> bool {
        self.seldom(Seldom::Status).change(status, self.next_status(status) | REMOVED).is_ok()
    }

    fn read_entry(&self, index: u32) -> Option<Entry> {
        // Acquire: pairs with the change in `take_entry`; the entry's words are then written.
        let state = self.participant(index, Field::State).load(Ordering::Acquire);
        if state & LIVE == 0 {
            return None;
        }
        // Relaxed: visible by the Acquire above.
        let field = |field| self.participant(index, field).load(Ordering::Relaxed);
        let identity = Identity {
            pid: u32::try_from(field(Field::Pid)).unwrap_or(0),
            start: field(Field::Start),
            namespace: field(Field::Namespace),
        };
        Some(Entry { owner: Owner::new(index, state >> EPOCH), identity, roles: field(Field::Roles) })
    }

    /// All who take part.
    pub(crate) fn members(&self) -> impl Iterator<Item = Entry> {
        (0..self.shape().participants).filter_map(|index| self.read_entry(index))
    }

    /// Whether `owner`, of whom any bits may be told, takes part.
    pub(crate) fn is_member(&self, owner: Owner) -> bool {
        if owner.index() >= self.shape().participants {
            return false;
        }
        // Acquire: as in `read_entry`.
        let state = self.participant(owner.index(), Field::State).load(Ordering::Acquire);
        state & LIVE != 0 && Owner::new(owner.index(), state >> EPOCH) == owner
    }

    fn free_entry(&self, owner: Owner) {
        let word = self.participant(owner.index(), Field::State);
        let state = word.load(Ordering::Relaxed);
        if state & LIVE != 0 && Owner::new(owner.index(), state >> EPOCH) == owner {
            // Whoever was quicker has freed it; if somebody has taken it since, it is not ours to free.
            let _ = word.change(state, state & !LIVE);
        }
    }
}

/// Joins: takes an entry whose lock nobody has. `recover` puts right what its last owner left.
pub(crate) fn join(layout: &Layout, recover: impl Fn(Owner)) -> Result<Owner, OpenError> {
    let me = Identity::current()?;
    let mut own = layout.own();
    for free_only in [true, false] {
        for index in 0..layout.shape().participants {
            let entry = layout.read_entry(index);
            if entry.is_some() && free_only || !locks::try_lock(layout.segment().file(), u64::from(index))? {
                continue;
            }
            if let Some(dead) = layout.read_entry(index) {
                if !locks::try_lock(layout.segment().file(), RECOVERY + u64::from(index))? {
                    locks::unlock(layout.segment().file(), u64::from(index))?;
                    continue;
                }
                put_right(layout, dead.owner, &recover);
                locks::unlock(layout.segment().file(), RECOVERY + u64::from(index))?;
            }
            let owner = take_entry(layout, index, me)?;
            *own = Some(owner);
            return Ok(owner);
        }
    }
    Err(OpenError::Full)
}

fn take_entry(layout: &Layout, index: u32, me: Identity) -> Result<Owner, OpenError> {
    let word = |field| layout.participant(index, field);
    // Relaxed: it is locked, and becomes visible by the state.
    let old = word(Field::State).load(Ordering::Relaxed);
    for (field, value) in [
        (Field::Pid, u64::from(me.pid)),
        (Field::Start, me.start),
        (Field::Namespace, me.namespace),
        (Field::Roles, 0),
        (Field::Joined, boot_nanos()),
        (Field::Sent, 0),
        (Field::Received, 0),
        (Field::GivenBack, 0),
        (Field::BlockedSending, 0),
        (Field::BlockedReceiving, 0),
        (Field::Since, 0),
        (Field::Awaited, 0),
    ] {
        word(field).store(value, Ordering::Relaxed);
    }
    let epoch = (old >> EPOCH).wrapping_add(1) & (u64::MAX >> EPOCH);
    if word(Field::State).change(old, epoch << EPOCH | LIVE).is_err() {
        return Err(OpenError::Corrupt("somebody changed an entry that was locked"));
    }
    let owner = Owner::new(index, epoch);
    if !layout.change_status() {
        layout.free_entry(owner);
        let _ = locks::unlock(layout.segment().file(), u64::from(index));
        return Err(OpenError::NotFound);
    }
    // Who sleeps is to watch over us, too.
    layout.ring_all();
    Ok(owner)
}

/// Takes on or gives up a role; only the process itself changes its roles, one thread at a time.
pub(crate) fn set_role(layout: &Layout, owner: Owner, role: Role, is_on: bool) {
    let word = layout.participant(owner.index(), Field::Roles);
    let roles = word.load(Ordering::Relaxed);
    let next = if is_on { roles | role as u64 } else { roles & !(role as u64) };
    // Release: pairs with the loads of who computes the status, through the change of that below.
    word.store(next, Ordering::Release);
    layout.change_status();
    layout.ring_all();
}

/// After `owner` is gone: nothing of it is left. May be done again.
fn put_right(layout: &Layout, owner: Owner, recover: &impl Fn(Owner)) {
    recover(owner);
    courtesy::stop_asking(layout.seldom(Seldom::Wanted), owner);
    // Freed last: whoever dies before that is followed by the next, as long as the entry says whom to put right. Relaxed: published
    // by the change of the status.
    layout.participant(owner.index(), Field::Roles).store(0, Ordering::Relaxed);
    layout.change_status();
    layout.ring_all();
    layout.free_entry(owner);
}

/// Says who waits for room that many others take bit by bit.
pub(crate) fn wanted_by(owner: Owner) -> u64 {
    owner.bits() << 1 | 1
}

/// Leaves. The lock goes with the file.
pub(crate) fn leave(layout: &Layout, owner: Owner, recover: impl Fn(Owner)) {
    let mut own = layout.own();
    put_right(layout, owner, &recover);
    let _ = locks::unlock(layout.segment().file(), u64::from(owner.index()));
    *own = None;
}

/// Finds who has died, and puts right what they left: how many they were.
pub(crate) fn sweep(layout: &Layout, recover: impl Fn(Owner)) -> io::Result<usize> {
    let own = layout.own();
    let mut dead = 0;
    for index in 0..layout.shape().participants {
        let Some(entry) = layout.read_entry(index) else { continue };
        if Some(entry.owner) != *own && sweep_one(layout, entry, &recover)? {
            dead += 1;
        }
    }
    Ok(dead)
}

fn sweep_one(layout: &Layout, entry: Entry, recover: &impl Fn(Owner)) -> io::Result<bool> {
    let (file, index) = (layout.segment().file(), u64::from(entry.owner.index()));
    let is_ours = locks::try_lock(file, index)?;
    if !is_ours && entry.identity.is_alive() != Some(false) {
        return Ok(false);
    }
    let mut is_put_right = false;
    if locks::try_lock(file, RECOVERY + index)? {
        // It may have left, or been put right, before we had the lock.
        is_put_right = layout.is_member(entry.owner);
        if is_put_right {
            put_right(layout, entry.owner, recover);
        }
        locks::unlock(file, RECOVERY + index)?;
    }
    if is_ours {
        locks::unlock(file, index)?;
    }
    Ok(is_put_right)
}

/// Takes the name away if nobody is there and `is_idle`: whether it did.
pub(crate) fn remove_if_idle(layout: &Layout, is_idle: impl Fn() -> bool) -> io::Result<bool> {
    let file = layout.segment().file();
    let _own = layout.own();
    if layout.segment().path().is_none() || !locks::try_lock(file, ADMINISTRATION)? {
        return Ok(false);
    }
    let status = layout.status();
    let is_removed = layout.members().next().is_none()
        && is_idle()
        && (status & REMOVED != 0 || layout.mark_removed(status))
        && layout.segment().remove()?;
    locks::unlock(file, ADMINISTRATION)?;
    Ok(is_removed)
}

/// Nanoseconds since the machine was started, the same for all processes.
pub(crate) fn boot_nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let since_boot = Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0));
    u64::try_from(since_boot.as_nanos()).unwrap_or(u64::MAX)
}
