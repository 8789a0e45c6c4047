//! A wait group: work that is under way is counted, and who waits goes on when there is none.
//!
//! ```text
//! word = members * ONE + WAITED_FOR
//!
//!   n --member--> n+1      n --done--> n-1                        without a lock, unless it is the next line
//!   1 WAITED_FOR --done, under the lock of the bell's line--> 0   and everybody in line is rung for
//! ```
//! The count may rise again before those who were woken run, and what they waited for has happened all the same. So the
//! last `done` that somebody waits for, the clearing of `WAITED_FOR`, and the taking out of the tickets are one step
//! under the line's lock, and a ticket that is gone says "it was 0 while I stood here".
//!
//! No wake-up is lost. Who waits has a ticket in the line before it sets `WAITED_FOR`. If it finds members then, they
//! see the mark, for it and the count are one word: the last of them goes by the lock. Only there, and only as every
//! ticket is taken out, is the mark cleared; so whose mark was cleared has been rung for, and whoever comes into the
//! line later sets it anew. A mark left by somebody who has gone costs one ring for nobody.
//!
//! No wake-up comes too early. Whoever comes into the line behind that lock finds the count as it is by then, and
//! stands in no list that is rung for an earlier 0.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{Event, Source};
use crate::{
    answer,
    sync::{Arc, AtomicUsize, Ordering},
    wait::bell::Bell,
};

const WAITED_FOR: usize = 1;
const ONE: usize = 2;

#[derive(Debug)]
pub(super) struct Count {
    word: AtomicUsize,
    bell: Bell,
}

impl Count {
    pub(super) fn bell(&self) -> &Bell {
        &self.bell
    }

    fn load(&self) -> usize {
        // Acquire: pairs with the Release of every `done` before it, for all that changes the word continues what they
        // released; what the members did is visible.
        self.word.load(Ordering::Acquire)
    }

    /// Whether there is no member, as far as one load tells.
    pub(super) fn is_zero(&self) -> bool {
        self.load() < ONE
    }

    /// How many there are. That there are some is true at one moment within the call, in an order common to all
    /// channels.
    pub(super) fn members(&self) -> usize {
        let mut word = self.load();
        if word >= ONE {
            answer::before_no();
            word = self.load();
        }
        word / ONE
    }

    /// Notes that somebody waits. Whether there is no member.
    pub(super) fn announce(&self) -> bool {
        // AcqRel: Release shows `done` the ticket; Acquire as in `load`.
        self.word.fetch_or(WAITED_FOR, Ordering::AcqRel) < ONE
    }

    /// Each holds a reference to this, so there are never too many for half a word: std's own count would end the
    /// program.
    fn add(&self) {
        // Relaxed: it tells nothing of what came before. Who is to know of it, hears of it from who did it.
        self.word.fetch_add(ONE, Ordering::Relaxed);
        answer::acted();
    }

    fn done(&self) {
        // Relaxed: a guess, which the exchange makes sure of.
        let mut before = self.word.load(Ordering::Relaxed);
        while before != ONE | WAITED_FOR {
            // AcqRel: Release publishes what the member did; Acquire pairs with that of the others, so that who is
            // woken by the last sees what all did.
            match self.word.compare_exchange_weak(before, before - ONE, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    answer::acted();
                    return;
                }
                Err(now) => before = now,
            }
        }
        self.done_last();
    }

    #[cold]
    fn done_last(&self) {
        self.bell.ring_if(|| {
            // AcqRel: as in `done`. Others may have come, or the mark have gone, meanwhile.
            let is_last = self.word.fetch_sub(ONE, Ordering::AcqRel) == ONE | WAITED_FOR;
            if is_last {
                // Relaxed: the mark of those in line, who are rung for; whoever comes next comes behind this lock.
                self.word.fetch_and(!WAITED_FOR, Ordering::Relaxed);
            }
            is_last
        });
        answer::acted();
    }
}

/// Counts what is under way, and waits until nothing is.
///
/// Who begins something takes a [`member`](WaitGroup::member), and lets go of it when it is done, also by a panic: so
/// none is counted twice or left out. Clones are the same group; they count for nothing. The group may be used again:
/// members may come when all are done, or while somebody waits.
///
/// Take the member *before* what it stands for begins, not inside the thread or task: else nobody knows of it yet when
/// somebody waits.
///
/// ```
/// use narrows::WaitGroup;
/// use std::thread;
///
/// let group = WaitGroup::new();
/// for number in 0..4 {
///     let member = group.member();
///     thread::spawn(move || {
///         println!("{number} works");
///         drop(member);
///     });
/// }
/// group.wait();
/// assert_eq!(group.members(), 0);
/// ```
#[derive(Clone)]
pub struct WaitGroup {
    count: Arc<Count>,
}

impl WaitGroup {
    /// A group without members: nobody waits for it.
    pub fn new() -> WaitGroup {
        WaitGroup { count: Arc::new(Count { word: AtomicUsize::new(0), bell: Bell::new() }) }
    }

    /// One more thing that is under way, until what is returned here is dropped.
    #[must_use = "a member that is dropped is done"]
    pub fn member(&self) -> Member {
        Member::of(&self.count)
    }

    /// How many members there are.
    pub fn members(&self) -> usize {
        self.count.members()
    }

    /// That there is no member, as something to wait for: await it, [block](Event::wait) on it, or select it.
    ///
    /// Who blocks on it or awaits it, and waits already, goes on when all are done, even if new members come at once.
    /// As an arm of a select it is ready while there is no member.
    ///
    /// ```
    /// use narrows::{WaitGroup, after, select};
    ///
    /// let group = WaitGroup::new();
    /// let member = group.member();
    /// std::thread::spawn(|| drop(member));
    /// select! {
    ///     recv(group.all_done()) -> _ => {}
    ///     recv(after(std::time::Duration::from_secs(60))) -> _ => panic!("it takes too long"),
    /// }
    /// ```
    pub fn all_done(&self) -> Event<'_> {
        Event::new(Source::Count(&self.count))
    }

    /// Blocks until there is no member. What the members did is visible then. To wait with a member in hand is to wait
    /// for ever.
    pub fn wait(&self) {
        self.all_done().wait();
    }

    /// Blocks for at most `timeout`; true if there was no member. A time-out beyond the clock's range never comes.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.all_done().wait_timeout(timeout)
    }

    /// Blocks until `deadline` at most; true if there was no member. One that has passed already means: look once.
    pub fn wait_deadline(&self, deadline: Instant) -> bool {
        self.all_done().wait_deadline(deadline)
    }
}

impl Default for WaitGroup {
    fn default() -> WaitGroup {
        WaitGroup::new()
    }
}

/// Something under way that a [`WaitGroup`] counts, until this is dropped. From [`WaitGroup::member`].
///
/// A clone is one more member, for what is begun along the way.
#[must_use = "a member that is dropped is done"]
pub struct Member {
    count: Arc<Count>,
}

impl Member {
    fn of(count: &Arc<Count>) -> Member {
        let member = Member { count: count.clone() };
        count.add();
        member
    }
}

impl Clone for Member {
    fn clone(&self) -> Member {
        Member::of(&self.count)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.count.done();
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup").field("members", &(self.count.load() / ONE)).finish_non_exhaustive()
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Member { .. }")
    }
}
