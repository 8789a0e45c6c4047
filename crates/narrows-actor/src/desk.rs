//! What others know of an actor whatever its messages are: its name, its control lane, who watches it, and its end.
//!
//! The control lane is a channel of its own; a word says whether something lies in it, so that between two messages one load is
//! enough. An actor that is asleep waits for its mailbox alone, so who puts something into the lane rings there.
//!
//! ```text
//!  RUNS --signal--> CALLED                an actor that runs looks before its next message
//!  RUNS --doze--> ASLEEP --wake--> RUNS   it waits for a message
//!  ASLEEP --signal--> CALLED              and who did that rings
//!  CALLED --answer--> RUNS                and takes everything out of the lane
//! ```

use std::{fmt, time::Instant};

use narrows::{Gate, Receiver, Sender};

use crate::{
    cycle::Waits,
    reason::{ActorId, Down, Reason},
    sync::{Arc, AtomicU8, AtomicU64, Mutex, Ordering, Weak, lock},
};

/// How an actor, or all below a supervisor, is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// After what is in the mailbox now; nothing more comes in.
    Drain,
    /// After the message that is being handled. What is in the mailbox are dead letters.
    Now,
}

/// What goes over the control lane.
#[derive(Debug)]
pub(crate) enum Signal {
    /// Begin that life, at that time.
    Begin {
        life: u64,
        at: Instant,
    },
    /// End that life; another will begin.
    Halt {
        life: u64,
    },
    /// There will be no other.
    Release,
    Stop(How),
    /// The last address is gone.
    Unreachable,
    Down(Down),
    LinkedDown(Down),
}

const RUNS: u8 = 0;
const ASLEEP: u8 = 1;
const CALLED: u8 = 2;

pub(crate) struct Desk {
    pub(crate) id: ActorId,
    pub(crate) name: Arc<str>,
    word: AtomicU8,
    lane: Sender<Signal>,
    /// Puts something into the mailbox that wakes the actor.
    ring: Box<dyn Fn() + Send + Sync>,
    watchers: Mutex<Watchers>,
    pub(crate) over: Gate,
    pub(crate) waits: Waits,
}

struct Watchers {
    list: Vec<Watcher>,
    /// The last news; there will be no other.
    last: Option<Down>,
}

enum Watcher {
    Channel(Sender<Down>),
    Actor(Weak<Desk>),
    Linked(Weak<Desk>),
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Desk {
    /// With what its actor receives signals from. `name` gets the number.
    pub(crate) fn new(
        name: impl FnOnce(ActorId) -> String,
        ring: impl Fn() + Send + Sync + 'static,
    ) -> (Arc<Desk>, Receiver<Signal>) {
        // Relaxed: numbers are only to differ.
        let id = ActorId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let (lane, signals) = narrows::unbounded();
        let watchers = Mutex::new(Watchers { list: Vec::new(), last: None });
        let (word, ring) = (AtomicU8::new(RUNS), Box::new(ring));
        let name = name(id).into();
        let desk = Desk { id, name, word, lane, ring, watchers, over: Gate::new(), waits: Waits::default() };
        (Arc::new(desk), signals)
    }

    /// Puts a signal into the control lane, and wakes the actor if it is asleep. Never waits.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.lane.send(signal).is_err() {
            return; // it is over
        }
        // AcqRel: Release, the signal lies in the lane before the word says so, pairs with `answer`; Acquire pairs with `doze`,
        // so that a mailbox that is full now is one that the actor has not looked into since.
        if self.word.swap(CALLED, Ordering::AcqRel) == ASLEEP {
            (self.ring)();
        }
    }

    #[inline(always)]
    pub(crate) fn is_called(&self) -> bool {
        // Relaxed: a first look; who acts on it takes the word by `answer`.
        self.word.load(Ordering::Relaxed) == CALLED
    }

    /// The actor is about to look into its lane.
    pub(crate) fn answer(&self) {
        // AcqRel: Acquire pairs with the Release in `signal`; what comes after this swap calls again.
        self.word.swap(RUNS, Ordering::AcqRel);
    }

    /// The actor is about to wait for its mailbox alone. False if it was called.
    pub(crate) fn doze(&self) -> bool {
        // AcqRel: pairs with `signal`: one of the two sees what the other did. Relaxed: the loop looks again.
        self.word.compare_exchange(RUNS, ASLEEP, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// It has a message, or has waited long enough. A call stays one.
    pub(crate) fn wake(&self) {
        // AcqRel: as in `doze`; a signal that came since has left CALLED here, or finds RUNS.
        let _ = self.word.compare_exchange(ASLEEP, RUNS, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// What was answered is not done: the actor is to look again.
    pub(crate) fn call_again(&self) {
        // AcqRel: as in `signal`; the actor itself does this, awake.
        self.word.swap(CALLED, Ordering::AcqRel);
    }

    fn enrol(&self, watcher: Watcher) {
        let mut watchers = lock(&self.watchers);
        match watchers.last.clone() {
            None => watchers.list.push(watcher),
            Some(last) => {
                drop(watchers);
                watcher.tell(self, last);
            }
        }
    }

    /// News of it through a channel.
    pub(crate) fn monitor(&self) -> Receiver<Down> {
        let (news, receiver) = narrows::unbounded();
        self.enrol(Watcher::Channel(news));
        receiver
    }

    /// News of it through the control lane of another.
    pub(crate) fn watched_by(&self, other: &Arc<Desk>) {
        self.enrol(Watcher::Actor(Arc::downgrade(other)));
    }

    pub(crate) fn linked_with(&self, other: &Arc<Desk>) {
        self.enrol(Watcher::Linked(Arc::downgrade(other)));
    }

    pub(crate) fn unwatched_by(&self, other: &Desk) {
        lock(&self.watchers).list.retain(|watcher| !matches!(watcher, Watcher::Actor(weak) if is(weak, other)));
    }

    pub(crate) fn unlinked_from(&self, other: &Desk) {
        lock(&self.watchers).list.retain(|watcher| !matches!(watcher, Watcher::Linked(weak) if is(weak, other)));
    }

    /// A life has ended, and there will be another.
    pub(crate) fn announce(&self, reason: Reason) {
        let down = self.down(reason, false);
        let mut watchers = lock(&self.watchers);
        // A link ends with the life; a watch ends with that of whoever watches.
        let (links, rest) = std::mem::take(&mut watchers.list).into_iter().partition::<Vec<_>, _>(Watcher::is_link);
        let rest = rest.into_iter().filter(Watcher::is_alive).collect::<Vec<_>>();
        watchers.list = rest.iter().map(Watcher::copy).collect();
        drop(watchers);
        for watcher in links.into_iter().chain(rest) {
            watcher.tell(self, down.clone());
        }
    }

    /// The last life has ended.
    pub(crate) fn announce_last(&self, reason: Reason) {
        let down = self.down(reason, true);
        let mut watchers = lock(&self.watchers);
        watchers.last = Some(down.clone());
        let list = std::mem::take(&mut watchers.list);
        drop(watchers);
        for watcher in list {
            watcher.tell(self, down.clone());
        }
        self.over.open();
    }

    fn down(&self, reason: Reason, is_over: bool) -> Down {
        Down { id: self.id, name: self.name.clone(), reason, is_over }
    }

    pub(crate) fn last_reason(&self) -> Option<Reason> {
        lock(&self.watchers).last.as_ref().map(|down| down.reason.clone())
    }
}

fn is(weak: &Weak<Desk>, desk: &Desk) -> bool {
    std::ptr::eq(weak.as_ptr(), desk)
}

impl Watcher {
    /// Gives it the news of `of`. Who is gone needs none.
    fn tell(self, of: &Desk, down: Down) {
        match self {
            Watcher::Channel(news) => drop(news.send(down)),
            Watcher::Actor(desk) => {
                if let Some(desk) = desk.upgrade() {
                    desk.signal(Signal::Down(down));
                }
            }
            Watcher::Linked(desk) => {
                if let Some(desk) = desk.upgrade() {
                    desk.unlinked_from(of);
                    desk.signal(Signal::LinkedDown(down));
                }
            }
        }
    }

    fn is_link(&self) -> bool {
        matches!(self, Watcher::Linked(_))
    }

    fn is_alive(&self) -> bool {
        match self {
            Watcher::Channel(news) => !news.is_closed(),
            Watcher::Actor(desk) | Watcher::Linked(desk) => desk.strong_count() > 0,
        }
    }

    fn copy(&self) -> Watcher {
        match self {
            Watcher::Channel(news) => Watcher::Channel(news.clone()),
            Watcher::Actor(desk) => Watcher::Actor(desk.clone()),
            Watcher::Linked(desk) => Watcher::Linked(desk.clone()),
        }
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}
