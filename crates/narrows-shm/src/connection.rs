//! A segment that this process takes part in: its entry in the table, what it has seen so far, its threads and tasks that wait.

use std::{
    collections::HashSet,
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    bell::{Bell, Woken},
    broadcast,
    error::OpenError,
    fault::Fault,
    layout::{BellName, Field, Kind, Layout, Seldom},
    members::{self, REMOVED, Role, boot_nanos},
    process::Identity,
    queue::{
        self,
        word::{Owner, Position},
    },
    reactor::Station,
    rpc, watcher,
};

/// So long a sleep may be, since a wake-up may have died with who got it. The watcher notices a death much sooner.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);
/// The same where there are participants that cannot be watched from here.
const LONGEST_BLIND_SLEEP: Duration = Duration::from_millis(5);

/// Looks before a sleep: giving way to the other threads of this processor, one of which we may just have woken; then with pauses
/// between them; then giving way once more.
// Without the first two a round trip between two that sleep took 17.0, 16.5 and 18.0 us instead of 12.7, 12.6 and 11.4 (bench
// `asleep`, three pairs of runs by turns). 40 pauses are half of what a sleep and a wake-up cost.
const FIRST_YIELDS: u32 = 2;
const PAUSES: u32 = 40;
const YIELDS: u32 = 16;
/// All of these together take a hundredth of this, unless others want the processor: then each may take milliseconds, and one that
/// finds somebody dead in the middle of a step gives way several times itself. A sleep is better then, and looks after the dead.
const CROWDED: Duration = Duration::from_millis(1);

/// Who leaves at the same time has looked within a few microseconds, unless it was stopped there.
const TURNS_OF_LEAVING: u32 = 1000;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can be left half done is under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Connection {
    layout: Arc<Layout>,
    me: Owner,
    this: Weak<Connection>,
    /// Handles of each role.
    handles: Mutex<[usize; 2]>,
    /// The count of rescues up to which there is nothing to find.
    seen_rescues: AtomicU64,
    /// Where blocks were free last.
    block_hint: AtomicU32,
    /// The version of the table up to which everybody in it is watched.
    watched: AtomicU64,
    is_blind: std::sync::atomic::AtomicBool,
    has_left: std::sync::atomic::AtomicBool,
    /// By process, not by entry: one may come and go.
    followed: Mutex<HashSet<Identity>>,
    /// When we last looked for the dead, whether or not there was reason to.
    swept_at: AtomicU64,
    stations: [Station; 3],
    /// Set for good by [`check_segment`](Connection::check_segment).
    ruin: AtomicU8,
    /// Of a broadcast: how far the slowest receiver is at least, as long as the status is the same.
    slowest: Mutex<(u64, Option<Position>)>,
}

/// What a segment has become that was found not to be what we joined.
const SOUND: u8 = 0;
const CUT_OFF: u8 = 1;
const NOT_OURS: u8 = 2;
const ORPHANED: u8 = 3;

fn recover(layout: &Layout, gone: Owner) {
    match layout.shape().kind {
        Kind::Queue => queue::recovery::recover(layout, gone),
        Kind::Broadcast => broadcast::recover(layout, gone),
        Kind::Calls => rpc::recover(layout, gone),
    }
}

/// Whether nothing is left in it that anybody could want.
fn is_idle(layout: &Layout) -> bool {
    match layout.shape().kind {
        Kind::Queue => !queue::has_any(layout),
        Kind::Broadcast | Kind::Calls => true,
    }
}

/// Puts right what the dead have left, from outside: how many they were.
pub(crate) fn sweep(layout: &Layout) -> Result<usize, OpenError> {
    if layout.is_inherited() {
        return Err(OpenError::Forked);
    }
    Ok(members::sweep(layout, |gone| recover(layout, gone))?)
}

/// Takes the name away if nobody is there and nothing is left: whether it did.
pub(crate) fn remove_if_idle(layout: &Layout) -> Result<bool, OpenError> {
    if layout.is_inherited() {
        return Err(OpenError::Forked);
    }
    Ok(members::remove_if_idle(layout, || is_idle(layout))?)
}

impl Connection {
    /// Joins.
    pub(crate) fn new(layout: Arc<Layout>) -> Result<Arc<Connection>, OpenError> {
        let me = members::join(&layout, |gone| recover(&layout, gone))?;
        Ok(Arc::new_cyclic(|this| Connection {
            layout,
            me,
            this: this.clone(),
            swept_at: AtomicU64::new(boot_nanos()),
            handles: Mutex::new([0; 2]),
            seen_rescues: AtomicU64::new(0),
            block_hint: AtomicU32::new(0),
            watched: AtomicU64::new(u64::MAX),
            is_blind: false.into(),
            has_left: false.into(),
            followed: Mutex::default(),
            stations: Default::default(),
            ruin: AtomicU8::new(SOUND),
            slowest: Mutex::new((u64::MAX, None)),
        }))
    }

    #[inline]
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn shared_layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    #[inline]
    pub(crate) fn me(&self) -> Owner {
        self.me
    }

    pub(crate) fn this(&self) -> Weak<Connection> {
        self.this.clone()
    }

    pub(crate) fn station(&self, name: BellName) -> &Station {
        &self.stations[name as usize]
    }

    #[inline]
    pub(crate) fn bell(&self, name: BellName) -> Bell<'_> {
        Bell::new(self.layout.bell(name))
    }

    #[inline]
    pub(crate) fn is_broadcast(&self) -> bool {
        self.layout.shape().kind == Kind::Broadcast
    }

    pub(crate) fn slowest(&self) -> MutexGuard<'_, (u64, Option<Position>)> {
        lock(&self.slowest)
    }

    pub(crate) fn block_hint(&self) -> u32 {
        self.block_hint.load(Ordering::Relaxed)
    }

    pub(crate) fn set_block_hint(&self, block: u32) {
        self.block_hint.store(block, Ordering::Relaxed);
    }

    /// Whether the segment may be used at all.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), Fault> {
        // Relaxed: whoever has not heard of it finds it himself.
        if self.layout.is_inherited() || self.ruin.load(Ordering::Relaxed) != SOUND {
            Err(self.why_not())
        } else {
            Ok(())
        }
    }

    #[cold]
    fn why_not(&self) -> Fault {
        if self.layout.is_inherited() {
            return Fault::Forked;
        }
        Fault::Corrupt(match self.ruin.load(Ordering::Relaxed) {
            CUT_OFF => "its file was cut off",
            NOT_OURS => "our place in its table is gone: its file was written over",
            _ => "what lies in it belongs to nobody who takes part",
        })
    }

    /// The same, after a look at the segment itself: before anybody is told that there is nothing, and before each sleep. A file
    /// that was shortened and lengthened again reads zeros, and we are not in it.
    pub(crate) fn check_segment(&self) -> Result<(), Fault> {
        if !self.layout.is_inherited() && !self.layout.is_member(self.me) {
            self.ruin.store(NOT_OURS, Ordering::Relaxed);
        }
        // After that look, which may have been what found a page missing.
        if self.layout.segment().is_damaged() {
            self.ruin.store(CUT_OFF, Ordering::Relaxed);
        }
        self.check()
    }

    /// Whether what was done was done in the segment, and not in what took the place of a file that was cut off.
    #[inline]
    pub(crate) fn check_damage(&self) -> Result<(), Fault> {
        if self.layout.segment().is_damaged() {
            return Err(Fault::Corrupt("its file was cut off"));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn count(&self, field: Field) {
        self.layout.participant(self.me.index(), field).count(1);
    }

    /// Looks for messages that were given back, if there may be some.
    #[inline]
    pub(crate) fn look_for_rescued(&self, look: impl FnOnce(&mut u64) -> Option<Position>) -> Option<Position> {
        if !self.may_be_rescued() {
            return None;
        }
        let mut seen = self.seen_rescues.load(Ordering::Relaxed);
        let found = look(&mut seen);
        // Relaxed: what it says was seen by this thread; another that has seen less looks once more than it need.
        self.seen_rescues.store(seen, Ordering::Relaxed);
        found
    }

    #[inline]
    pub(crate) fn may_be_rescued(&self) -> bool {
        // Relaxed: a guess; `claim_rescued` reads it again.
        self.layout.seldom(Seldom::Rescues).load(crate::sync::Ordering::Relaxed)
            != self.seen_rescues.load(Ordering::Relaxed)
    }

    /// One more handle of this role. The first takes on the role.
    pub(crate) fn add_handle(&self, role: Role) {
        let mut handles = lock(&self.handles);
        let count = &mut handles[role as usize - 1];
        *count += 1;
        if *count == 1 {
            members::set_role(&self.layout, self.me, role, true);
        }
    }

    /// One handle of this role less. The last gives it up.
    pub(crate) fn drop_handle(&self, role: Role) {
        let mut handles = lock(&self.handles);
        let count = &mut handles[role as usize - 1];
        *count -= 1;
        if *count == 0 && self.check().is_ok() {
            members::set_role(&self.layout, self.me, role, false);
        }
    }

    /// Puts right what the dead have left: how many they were.
    pub(crate) fn sweep(&self) -> usize {
        if self.check().is_err() {
            return 0;
        }
        // Relaxed: a time, for `is_sweep_due`.
        self.swept_at.store(boot_nanos(), Ordering::Relaxed);
        // What the system refuses now, it is asked again with the next sleep.
        let dead = members::sweep(&self.layout, |gone| recover(&self.layout, gone));
        if self.layout.shape().kind == Kind::Queue && queue::recovery::has_orphan(&self.layout) {
            self.ruin.store(ORPHANED, Ordering::Relaxed);
        }
        queue::recovery::forget_wanting(&self.layout);
        dead.unwrap_or(0)
    }

    /// Whoever waits for short times only never sleeps for the longest, and is to find all the same what nobody announces: who
    /// died before others could know of it, or while putting something right.
    fn is_sweep_due(&self) -> bool {
        // Relaxed: a time.
        let since = boot_nanos().saturating_sub(self.swept_at.load(Ordering::Relaxed));
        u128::from(since) >= self.longest_sleep().as_nanos()
    }

    /// Has all who have joined since watched.
    pub(crate) fn watch_peers(&self) {
        let status = self.layout.status();
        // Relaxed: to look twice is harmless.
        if self.watched.load(Ordering::Relaxed) == status {
            return;
        }
        let mut followed = lock(&self.followed);
        let members: Vec<_> = self.layout.members().collect();
        followed.retain(|process| process.is_alive() != Some(false));
        let own = Identity::current().ok();
        let (mut is_blind, mut is_any_dead) = (false, false);
        for entry in members {
            if own == Some(entry.identity) || followed.contains(&entry.identity) {
                continue;
            }
            let process = entry.identity.watch().ok().flatten();
            if process.is_some_and(|process| watcher::follow(process, &self.this)) {
                followed.insert(entry.identity);
            } else if entry.identity.is_alive() == Some(false) {
                is_any_dead = true;
            } else {
                is_blind = true;
            }
        }
        self.is_blind.store(is_blind, Ordering::Relaxed);
        self.watched.store(status, Ordering::Relaxed);
        drop(followed);
        if is_any_dead {
            self.sweep();
        }
    }

    pub(crate) fn longest_sleep(&self) -> Duration {
        if self.is_blind.load(Ordering::Relaxed) { LONGEST_BLIND_SLEEP } else { LONGEST_SLEEP }
    }

    /// Attempts until it succeeds, or `None` once the deadline has passed; sleeps on the bell in between.
    pub(crate) fn wait<R>(
        &self,
        name: BellName,
        deadline: Option<Instant>,
        attempt: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let field = if name == BellName::Items { Field::BlockedReceiving } else { Field::BlockedSending };
        self.wait_on(self.bell(name), field, deadline, attempt)
    }

    /// The same on any bell of the segment; in `field` stands how long.
    pub(crate) fn wait_on<R>(
        &self,
        bell: Bell<'_>,
        field: Field,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        if let Some(done) = attempt() {
            return Some(done);
        }
        let has_passed = |now: Instant| deadline.is_some_and(|deadline| deadline <= now);
        if deadline.is_some() && has_passed(Instant::now()) {
            self.sweep_if_due();
            return None;
        }
        let began = Instant::now();
        for turn in 0..FIRST_YIELDS + PAUSES + YIELDS {
            let gives_way = !(FIRST_YIELDS..FIRST_YIELDS + PAUSES).contains(&turn);
            if gives_way {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
            if let Some(done) = attempt() {
                return Some(done);
            }
            if gives_way && began.elapsed() > CROWDED {
                break;
            }
        }
        self.sleep(bell, field, deadline, attempt)
    }

    /// Those who wait for short times only look after the dead too, also where a look alone takes longer than that.
    #[cold]
    fn sweep_if_due(&self) {
        if self.is_sweep_due() {
            self.sweep();
        }
    }

    #[cold]
    fn sleep<R>(
        &self,
        bell: Bell<'_>,
        field: Field,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let _blocked = Blocked::new(self, field);
        loop {
            let prepared = bell.prepare();
            // What it finds, the attempt tells.
            let _ = self.check_segment();
            self.watch_peers();
            if let Some(done) = attempt() {
                return Some(done);
            }
            let mut time = self.longest_sleep();
            if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    self.sweep_if_due();
                    return None;
                }
                time = time.min(left);
            }
            narrows::park::before_sleep();
            if bell.sleep(prepared, time) == Woken::TimeIsUp && (time == self.longest_sleep() || self.is_sweep_due()) {
                self.sweep();
            }
        }
    }
}

/// What the handles hold. Its drop leaves: that of the connection may come later, since watcher and reactor hold it for moments,
/// and too late if the process ends meanwhile.
#[derive(Debug)]
pub(crate) struct Membership(Arc<Connection>);

impl Membership {
    pub(crate) fn new(connection: Arc<Connection>) -> Arc<Membership> {
        Arc::new(Membership(connection))
    }
}

impl Deref for Membership {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // In a fork nothing is ours, nor are the threads.
        if self.layout.is_inherited() {
            return;
        }
        watcher::forget_dropped();
        self.leave();
    }
}

impl Connection {
    /// Leaves the channel, once. Who has the connection for a moment still may look, and sweep.
    fn leave(&self) {
        // Relaxed: only one of two may go on, and nothing is handed from one to the other.
        if self.check().is_err() || self.has_left.swap(true, Ordering::Relaxed) {
            return;
        }
        members::leave(&self.layout, self.me, |gone| recover(&self.layout, gone));
        if self.layout.shape().flags & crate::options::KEEPS == 0 {
            self.remove();
        }
    }

    /// Takes the name away if we were the last. Whoever fails leaves it to `sweep` from outside, and to the next who opens it.
    fn remove(&self) {
        let is_anybody_there = || self.layout.members().next().is_some();
        if is_anybody_there() {
            // Those who died and had nothing in hand were nobody's concern until now.
            let _ = sweep(&self.layout);
        }
        // Without a name there is nothing to take away, and nobody to wait for.
        if self.layout.segment().path().is_none() {
            return;
        }
        // Another who leaves at the same time may be in the middle of this, and may have seen that we were still there.
        for _ in 0..TURNS_OF_LEAVING {
            match remove_if_idle(&self.layout) {
                Ok(false) if !is_anybody_there() && is_idle(&self.layout) && self.layout.status() & REMOVED == 0 => {
                    std::thread::yield_now();
                }
                _ => return,
            }
        }
    }
}

/// Says in the table that a thread waits, and for how long it did.
struct Blocked<'a> {
    connection: &'a Connection,
    field: Field,
    since: u64,
}

impl<'a> Blocked<'a> {
    fn new(connection: &'a Connection, field: Field) -> Blocked<'a> {
        let since = boot_nanos();
        let word = connection.layout.participant(connection.me.index(), Field::Since);
        word.store(since, crate::sync::Ordering::Relaxed);
        Blocked { connection, field, since }
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        let word = |field| self.connection.layout.participant(self.connection.me.index(), field);
        word(Field::Since).store(0, crate::sync::Ordering::Relaxed);
        word(self.field).count(boot_nanos().saturating_sub(self.since));
    }
}
