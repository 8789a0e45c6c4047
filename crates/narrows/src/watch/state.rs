//! What the handles of one watch share: the latest value, a word that tells of it without the lock, and two bells.
//!
//! ```text
//! word  CLOSED    nothing more will be sent             } a sender: open --close, or the last sender goes--> CLOSED
//!       DESERTED  there is no receiver                  } comes and goes with the last and the next receiver
//!       version   the rest: one more for each value     } stands still once CLOSED is set
//! ```
//! All that changes is changed under one lock, the word last, so the word alone may be looked at without. A receiver
//! remembers the version it has seen, and another is news to it; versions are compared for equality only, so it does no
//! harm that they begin anew. (Where a word has 32 bits, who looks again after exactly 2^30 values sees the last of them
//! only when the next comes.)
//!
//! The value is pinned for who looks at it, by a count of its own; who pins it takes the lock only for so long. A sender
//! writes into the place of a value that nobody looks at, and makes a new place beside one that somebody does; so it never
//! waits for those who look, and most often allocates nothing. (In place a send took 16 ns, beside a look about 44.)
//!
//! # No wake-up is lost
//! ```text
//! who waits                                     who sends, closes, or goes
//!   W1  its ticket is in the bell's line          H1  under the lock: value, version, ends
//!   W3  under the lock: is there news?            H2  has the bell tickets? rings
//! ```
//! W3 and H1 are under the same lock, so one comes first. If H1 does, W3 finds the news, and nobody sleeps. If W3 does, H2
//! finds the ticket of W1, by the lock; unless another has rung for it since, and then its owner was woken, and looks
//! again. Here a mark "somebody waits" that must be taken back for each next value is not needed (`W2` of the bell): the
//! bell's own count of tickets serves as one, which is kept under the bell's lock, by who comes, rings or leaves. The two
//! locks are never held together.
//!
//! Invariants: `word` is written under the lock of `latest`; values are dropped, and bells rung, without it; no code of the
//! user runs under it, for values are only moved there.

use std::{
    mem,
    panic::{RefUnwindSafe, UnwindSafe},
};

use crate::{
    answer,
    error::{RecvError, SendError},
    sync::{Arc, AtomicUsize, Mutex, Ordering, lock},
    wait::bell::{Bell, Event},
};

pub(super) const CLOSED: usize = 1;
pub(super) const DESERTED: usize = 2;
const STEP: usize = 4;

/// A version and what stands beside it in the word.
#[derive(Debug, Clone, Copy)]
struct Word(usize);

/// A version.
pub(super) type Version = usize;

impl Word {
    fn has(self, flags: usize) -> bool {
        self.0 & flags != 0
    }

    fn set(&mut self, flags: usize) {
        self.0 |= flags;
    }

    fn version(self) -> Version {
        self.0 / STEP
    }

    /// The next version. After the last comes the first.
    fn step(&mut self) {
        self.0 = self.0.wrapping_add(STEP);
    }

    /// What there is to say to who has seen `seen`: a version that is news, or the end.
    fn news_since(self, seen: Version) -> Option<Result<Version, RecvError>> {
        if self.version() != seen {
            return Some(Ok(self.version()));
        }
        self.has(CLOSED).then_some(Err(RecvError))
    }
}

#[derive(Debug)]
pub(super) struct State<T> {
    board: Board,
    latest: Mutex<Latest<T>>,
    change: Bell,
}

/// What can be known, and waited for, without the values.
#[derive(Debug)]
pub(crate) struct Board {
    word: AtomicUsize,
    ending: Bell,
}

#[derive(Debug)]
struct Latest<T> {
    value: Arc<T>,
    senders: usize,
    receivers: usize,
}

// Values are moved under the lock, and no code of theirs runs there: it is never left half done.
impl<T> UnwindSafe for State<T> {}
impl<T> RefUnwindSafe for State<T> {}

/// Why a value was not put in the place of the latest.
pub(super) enum Refusal {
    /// The channel has ended, in one of the ways that were asked for.
    Ended,
    /// The latest is another by now.
    Overtaken,
}

impl<T> State<T> {
    /// With one handle at each end.
    pub(super) fn new(first: T) -> State<T> {
        let latest = Latest { value: Arc::new(first), senders: 1, receivers: 1 };
        let board = Board { word: AtomicUsize::new(0), ending: Bell::new() };
        State { board, latest: Mutex::new(latest), change: Bell::new() }
    }

    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// A look under the lock. A no of it needs no fence (`answer`): what it does not see is done later, by who then sees all
    /// that was done before this look.
    fn look<R>(&self, look: impl FnOnce(&Latest<T>, Word) -> R) -> R {
        let latest = lock(&self.latest);
        look(&latest, self.board.word())
    }

    /// H1.
    #[inline]
    fn change<R>(&self, change: impl FnOnce(&mut Latest<T>, &mut Word) -> R) -> R {
        let mut latest = lock(&self.latest);
        // Relaxed: written under the lock only.
        let mut word = Word(self.board.word.load(Ordering::Relaxed));
        let result = change(&mut latest, &mut word);
        // Release: pairs with the Acquire in `word`.
        self.board.word.store(word.0, Ordering::Release);
        drop(latest);
        answer::acted();
        result
    }

    /// The latest value and its version, which `note` is told under the lock.
    #[inline]
    pub(super) fn pin(&self, note: impl FnOnce(Version)) -> (Arc<T>, Version) {
        self.look(|latest, word| {
            note(word.version());
            (latest.value.clone(), word.version())
        })
    }

    /// Sends a value, unless one of the flags `unless` is set.
    #[inline]
    pub(super) fn send(&self, mut value: T, unless: usize) -> Result<(), SendError<T>> {
        let is_done = self.change(|latest, word| {
            if word.has(unless) {
                return Some(false);
            }
            // Nobody looks at it, and nobody can begin to meanwhile.
            mem::swap(Arc::get_mut(&mut latest.value)?, &mut value);
            word.step();
            Some(true)
        });
        match is_done {
            Some(true) => {
                // First, for what was there before is dropped behind it, and that may panic.
                self.change.ring_if_waited_for();
                Ok(())
            }
            Some(false) => Err(SendError(value)),
            None => self.send_beside(value, unless),
        }
    }

    /// The same where somebody looks at the value that is there.
    #[cold]
    fn send_beside(&self, value: T, unless: usize) -> Result<(), SendError<T>> {
        self.exchange(Arc::new(value), unless, None).map(drop).map_err(|(fresh, _)| SendError(sole(fresh)))
    }

    /// Puts a value in the place of the latest, unless a flag of `unless` is set, and only if that is `expected`, which its
    /// owner has pinned, so that its address is not another's. The one that was there before.
    pub(super) fn exchange(
        &self,
        mut fresh: Arc<T>,
        unless: usize,
        expected: Option<&Arc<T>>,
    ) -> Result<Arc<T>, (Arc<T>, Refusal)> {
        let refusal = self.change(|latest, word| {
            if word.has(unless) {
                return Some(Refusal::Ended);
            }
            if expected.is_some_and(|expected| !Arc::ptr_eq(expected, &latest.value)) {
                return Some(Refusal::Overtaken);
            }
            mem::swap(&mut latest.value, &mut fresh);
            word.step();
            None
        });
        if let Some(refusal) = refusal {
            return Err((fresh, refusal));
        }
        self.change.ring_if_waited_for();
        Ok(fresh)
    }

    /// Nothing more will be sent; true if that made the difference.
    pub(super) fn close(&self) -> bool {
        let was_open = self.change(|_, word| {
            let was_open = !word.has(CLOSED);
            word.set(CLOSED);
            was_open
        });
        if was_open {
            self.change.ring_if_waited_for();
            self.board.ending.ring();
        }
        was_open
    }

    pub(super) fn add_sender(&self) {
        self.change(|latest, _| latest.senders += 1);
    }

    pub(super) fn drop_sender(&self) {
        let left = self.change(|latest, _| {
            latest.senders -= 1;
            latest.senders
        });
        if left == 0 {
            self.close();
        }
    }

    /// One receiver more; the version that is there.
    pub(super) fn add_receiver(&self) -> Version {
        self.change(|latest, word| {
            latest.receivers += 1;
            word.0 &= !DESERTED;
            word.version()
        })
    }

    pub(super) fn drop_receiver(&self) {
        let left = self.change(|latest, word| {
            latest.receivers -= 1;
            if latest.receivers == 0 {
                word.set(DESERTED);
            }
            latest.receivers
        });
        if left == 0 {
            self.board.ending.ring();
        }
    }

    pub(super) fn receivers(&self) -> usize {
        self.look(|latest, _| latest.receivers)
    }

    /// Those who wait for news.
    pub(super) fn change_bell(&self) -> &Bell {
        &self.change
    }

    /// What there is to say to who has seen `seen`. `None` is no answer.
    pub(super) fn news_since(&self, seen: Version) -> Option<Result<Version, RecvError>> {
        self.board.word().news_since(seen)
    }

    /// W3: whether there is news to who has seen what `seen` says.
    pub(super) fn is_there_news(&self, seen: impl FnOnce() -> Version) -> bool {
        self.look(|_, word| word.news_since(seen()).is_some())
    }
}

impl Board {
    fn word(&self) -> Word {
        // Acquire: pairs with the Release in `change`; what was done before the value was sent is visible.
        Word(self.word.load(Ordering::Acquire))
    }

    /// Whether a send would fail. A no is true at one moment within the call, in an order common to all channels.
    pub(crate) fn is_closed(&self) -> bool {
        self.may_have_happened() || {
            answer::before_no();
            self.may_have_happened()
        }
    }
}

/// The value of which nobody else knows.
pub(super) fn sole<T>(value: Arc<T>) -> T {
    Arc::try_unwrap(value).ok().expect("it was shown to nobody")
}

/// The end, or that nobody is there to look. For this the bell is always rung, so its own lock orders H1 and W3: who has no
/// ticket yet when it is rung looks later.
impl Event for Board {
    type Output = ();

    fn bell(&self) -> &Bell {
        &self.ending
    }

    fn outcome(&self) -> Option<()> {
        self.is_closed().then_some(())
    }

    fn may_have_happened(&self) -> bool {
        self.word().has(CLOSED | DESERTED)
    }

    fn announce(&self) -> bool {
        self.may_have_happened()
    }
}

#[cfg(all(test, not(any(loom, narrows_check))))]
mod tests {
    use super::*;

    /// News is news across the last version, and flags stay what they are.
    #[test]
    fn versions_begin_anew() {
        let state = State::new(0);
        let last = Word(!(CLOSED | DESERTED));
        state.board.word.store(last.0, Ordering::Relaxed);
        assert!(state.news_since(last.version()).is_none());
        assert!(state.send(1, CLOSED | DESERTED).is_ok());
        assert_eq!(state.news_since(last.version()), Some(Ok(0)));
        assert_eq!(state.board.word().0, 0);
        state.close();
        assert_eq!(state.news_since(last.version()), Some(Ok(0)));
        assert_eq!(state.news_since(0), Some(Err(RecvError)));
    }
}
