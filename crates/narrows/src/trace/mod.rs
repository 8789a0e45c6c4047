//! Watching a program's channels: what there is, who waits for what, and who waits in vain. With the feature `trace`; without
//! it nothing of this is left in a program.
//!
//! ```
//! let (s, r) = narrows::builder().name("jobs").bounded(4);
//! s.send("paint").unwrap();
//! let channels = narrows::trace::channels();
//! let jobs = channels.iter().find(|channel| channel.name.as_deref() == Some("jobs")).unwrap();
//! assert_eq!((jobs.sent, jobs.received, jobs.len), (1, 0, 1));
//! println!("{}", narrows::trace::dump());
//! # drop(r);
//! ```
//!
//! [`watch_stderr`] at the begin of `main` is enough to be told of deadlocks.
//!
//! # When a deadlock is reported
//!
//! Only if it stood in two looks, between which none of its threads was awake; and only if nobody is left who could help.
//! That is known in two ways:
//!
//! 1. *Every thread of the process is asleep*, and none has a time limit, waits for a file, a socket or a signal: it waits for a
//!    channel, a lock, a condition or another thread's end. Linux tells (`/proc/self/task`); elsewhere this is never
//!    known. Nothing but a signal handler that wakes a thread by a semaphore can end that. Tasks count: if no thread
//!    is awake to poll them, those that wait are named. An executor that listens for the network or for time is awake.
//! 2. *Of a set of threads that are asleep in channels*, each waits, without a time limit, only for operations on channels
//!    whose handles of the other end are all used by threads of the set, and among those that wait for each other at least one wants
//!    to send. Other threads may be awake. A handle is taken to be where it was used, if exactly one thread but its maker has used
//!    it. One that nobody or its maker alone has used may have been moved to a thread that is about to use it; one that
//!    several have used may be anywhere; a weak one may become another. With such a handle nothing is said.
//!
//! So a slow consumer, a sender that sleeps, and a ring in which somebody waits with a time limit or for a timer are never
//! reported. What is missed: in a program with a thread that is awake, a receiver whose senders are forgotten, a cycle in which all
//! wait to receive, and whatever goes through handles that are not known to be with one thread; waits of tasks, and selects with
//! an arm that is no channel's. What could be said wrongly, by the second way alone: that a set is stuck, if a handle that
//! a thread of it has used was lent or moved to another, awake, that has not yet used it.
//!
//! # What it costs
//!
//! An atomic addition for each message at each end, a look at a thread-local, and for each sleep a lock and two looks at the
//! clock; a channel and a handle cost an entry in a list each. Not made for a global allocator that makes channels.
//!
//! It stands beside the rest: no channel and no lock of the crate is used here, messages are never touched, and none of it is
//! modelled: std's own locks and atomics, whatever the build.

mod deadlock;
mod record;
mod report;
mod system;
mod thread;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::Thread,
    time::Duration,
};

pub use self::{
    deadlock::Deadlock,
    report::{ChannelReport, HandleReport, Kind, WaitReport, Waiter},
};
use self::{
    deadlock::{Asker, Key, Look},
    report::Names,
    thread::lock,
};
pub(crate) use self::{
    record::{Channel, End, Mark},
    thread::{Aims, Pending, blocks},
};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// To send a message.
    Send,
    /// To receive one.
    Recv,
    /// To have places for messages.
    Reserve,
    /// For the end of the channel.
    Closed,
}

/// What the checker's report of a deadlock says without this feature; with it that is asked for here.
#[cfg(narrows_check)]
pub(crate) fn awaited(_: usize) -> Vec<String> {
    Vec::new()
}

#[cfg(narrows_check)]
pub(crate) fn forget() {}

/// The channels that live, oldest first, timers and channels for one message included.
pub fn channels() -> Vec<ChannelReport> {
    thread::quietly(|| {
        let names = Names::of_today();
        record::channels().iter().map(|record| ChannelReport::of(record, &names)).collect()
    })
}

/// The channels that live and who waits for them, as a text for people.
pub fn dump() -> Dump {
    thread::quietly(|| Dump { channels: channels(), waits: Look::take().waits(&Names::of_today()) })
}

/// All that is known at one time. From [`dump`]; as a text it is a line for each channel, then a few for each wait.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Dump {
    /// The channels that live.
    pub channels: Vec<ChannelReport>,
    /// Threads that are asleep in an operation, and tasks that were polled in vain.
    pub waits: Vec<WaitReport>,
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} channels", self.channels.len())?;
        for channel in &self.channels {
            writeln!(f, "  {channel}")?;
        }
        writeln!(f, "{} waits", self.waits.len())?;
        for wait in &self.waits {
            writeln!(f, "  {wait}")?;
        }
        Ok(())
    }
}

/// From one look to the next, of who does not want to wait long for the answer.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// The tids of threads that do nothing but watch.
static WATCHERS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Looks for deadlocks, for 20 ms.
///
/// The calling thread is taken for one that only watches: it helps nobody meanwhile. Is a handle of an awaited channel known
/// to be its own, or not known to be another's, nothing is said; and threads that wait for a lock or a condition count as awake, for
/// it may hold what they wait for. [`watch`] sees more.
pub fn deadlocks() -> Vec<Deadlock> {
    thread::quietly(|| {
        let before = Look::take();
        std::thread::sleep(BETWEEN_LOOKS);
        let mut left_out = lock(&WATCHERS).clone();
        left_out.insert(system::own_tid());
        deadlock::find(&before, &Look::take(), Asker::User, &left_out)
    })
}

/// Watches for deadlocks: looks every `interval`, and calls `report` once for each that stood still from one look to the next.
///
/// `report` runs on a thread of its own, which is taken to help nobody otherwise.
///
/// # Panics
/// If the system gives no thread.
///
/// ```
/// use std::time::Duration;
/// let _watch = narrows::trace::watch(Duration::from_secs(1), |deadlock| eprintln!("{deadlock}"));
/// ```
pub fn watch(interval: Duration, mut report: impl FnMut(&Deadlock) + Send + 'static) -> Watch {
    let is_over = Arc::new(AtomicBool::new(false));
    let ends = is_over.clone();
    let body = move || {
        let me = system::own_tid();
        lock(&WATCHERS).insert(me);
        run(interval, &ends, &mut report);
        lock(&WATCHERS).remove(&me);
    };
    let thread = std::thread::Builder::new().name("narrows-trace".into()).spawn(body);
    Watch { is_over, thread: thread.expect("the system gives no thread to watch").thread().clone() }
}

/// The same with a report on standard error.
///
/// # Panics
/// If the system gives no thread.
pub fn watch_stderr(interval: Duration) -> Watch {
    watch(interval, |deadlock| eprintln!("narrows: {deadlock}"))
}

fn run(interval: Duration, is_over: &AtomicBool, report: &mut dyn FnMut(&Deadlock)) {
    let mut said = BTreeSet::<Key>::new();
    let mut before = thread::quietly(Look::take);
    loop {
        std::thread::park_timeout(interval);
        // Relaxed: the unpark that comes after it makes us look again.
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let (now, deadlocks) = thread::quietly(|| {
            let now = Look::take();
            let left_out = lock(&WATCHERS).clone();
            let deadlocks = deadlock::find(&before, &now, Asker::Watcher, &left_out);
            (now, deadlocks)
        });
        for deadlock in deadlocks {
            let is_new = deadlock.keys.iter().any(|key| !said.contains(key));
            said.extend(&deadlock.keys);
            if is_new {
                report(&deadlock);
            }
        }
        before = now;
    }
}

/// A watch that goes on until this is dropped. From [`watch`].
#[derive(Debug)]
#[must_use = "dropped at once it sees nothing"]
pub struct Watch {
    is_over: Arc<AtomicBool>,
    thread: Thread,
}

impl Watch {
    /// Lets it go on as long as the process.
    pub fn forever(self) {
        std::mem::forget(self);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Relaxed: as in `run`.
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}
