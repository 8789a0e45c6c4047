//! Watching under the checker, without the feature `trace`: who waits for which channel, for the report of a deadlock. A channel
//! is told by its name and by where it was made. All lists are of the thread of the system, which runs all of a schedule.
#![expect(clippy::unused_self, reason = "as with the feature")]

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    panic::Location,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// How a channel keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bounded,
    Unbounded,
    Rendezvous,
    Timer,
    Oneshot,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Send,
    Recv,
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    Send,
    Recv,
    Reserve,
    Closed,
}

thread_local! {
    /// By where they lie, as a select knows them.
    static CHANNELS: RefCell<BTreeMap<usize, Arc<About>>> = const { RefCell::new(BTreeMap::new()) };
    /// By number: the thread of the checker, and for what it waits.
    static WAITS: RefCell<BTreeMap<usize, (usize, Aims)>> = const { RefCell::new(BTreeMap::new()) };
    static NUMBERS: Cell<usize> = const { Cell::new(1) };
}

/// A schedule begins: what is still noted is of one that failed.
pub(crate) fn forget() {
    CHANNELS.take();
    WAITS.take();
}

/// For what a thread of the schedule waits, if it waits for channels.
pub(crate) fn awaited(thread: usize) -> Vec<String> {
    WAITS.with_borrow(|waits| {
        let own = waits.values().filter(|(of, _)| *of == thread);
        own.flat_map(|(_, aims)| &aims.0).map(ToString::to_string).collect()
    })
}

#[derive(Debug)]
struct About {
    kind: Kind,
    name: Option<Box<str>>,
    place: &'static Location<'static>,
    /// 0 if nobody asks by it.
    address: AtomicUsize,
}

/// What a channel knows of itself.
#[derive(Debug, Clone)]
pub(crate) struct Channel(Arc<About>);

impl Channel {
    #[track_caller]
    pub(crate) fn new(kind: Kind, _: Option<usize>, name: Option<&str>) -> Channel {
        let (name, place) = (name.map(Box::from), Location::caller());
        Channel(Arc::new(About { kind, name, place, address: AtomicUsize::new(0) }))
    }

    pub(crate) fn mark(&self, _: End, address: usize) -> Mark {
        // Relaxed, here and below: one thread of the system runs a schedule.
        if address != 0 && self.0.address.swap(address, Relaxed) == 0 {
            CHANNELS.with_borrow_mut(|channels| channels.insert(address, self.0.clone()));
        }
        Mark(Some(self.0.clone()))
    }

    pub(crate) fn lend(&self, _: End) {}

    pub(crate) fn sent(&self, _: usize) {}

    pub(crate) fn received(&self, _: usize) {}

    pub(crate) fn handed_over(&self) {}

    pub(crate) fn cleared(&self, _: bool) {}
}

/// What a handle knows of itself.
#[derive(Debug)]
pub(crate) struct Mark(Option<Arc<About>>);

impl Mark {
    pub(crate) const NONE: Mark = Mark(None);

    pub(crate) fn touch(&self) {}

    pub(crate) fn sent(&self) {}

    pub(crate) fn received(&self, _: bool) {}
}

#[derive(Debug)]
struct Aim(Operation, Arc<About>);

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Aim(operation, about) = self;
        let what = match operation {
            Operation::Send => "to send into",
            Operation::Recv => "to receive from",
            Operation::Reserve => "for a place in",
            Operation::Closed => "for the end of",
        };
        let kind = if about.kind == Kind::Oneshot { "oneshot" } else { "channel" };
        let name = about.name.as_deref().map_or_else(String::new, |name| format!(" `{name}`"));
        write!(f, "{what} the {kind}{name} made at {}:{}", about.place.file(), about.place.line())
    }
}

/// What a wait is for.
#[derive(Debug, Default)]
pub(crate) struct Aims(Vec<Aim>);

impl Aims {
    pub(crate) fn channel(&mut self, operation: Operation, channel: &Channel) {
        self.0.push(Aim(operation, channel.0.clone()));
    }

    pub(crate) fn mark(&mut self, operation: Operation, mark: &Mark) {
        self.0.extend(mark.0.clone().map(|about| Aim(operation, about)));
    }

    pub(crate) fn address(&mut self, operation: Operation, address: usize) {
        let about = CHANNELS.with_borrow(|channels| channels.get(&address).cloned());
        self.0.extend(about.map(|about| Aim(operation, about)));
    }

    pub(crate) fn unknown(&mut self) {}
}

/// Notes a wait of the thread of the checker that runs; its number.
fn note(look: impl FnOnce(&mut Aims)) -> usize {
    let Some(thread) = shuttle::current::try_get_current_task() else { return 0 };
    let mut aims = Aims::default();
    look(&mut aims);
    let number = NUMBERS.replace(NUMBERS.get() + 1);
    WAITS.with_borrow_mut(|waits| waits.insert(number, (thread.into(), aims)));
    number
}

fn is_over(number: usize) {
    // Of a thread of the system that is ending nobody makes a report.
    let wait = WAITS.try_with(|waits| waits.borrow_mut().remove(&number));
    drop(wait);
}

/// A thread that waits, until this is dropped.
#[derive(Debug)]
pub(crate) struct Blocked(usize);

pub(crate) fn blocks(_: bool, look: impl FnOnce(&mut Aims)) -> Blocked {
    Blocked(note(look))
}

impl Drop for Blocked {
    fn drop(&mut self) {
        is_over(self.0);
    }
}

/// A task that waits, once `pends` was called and until this is dropped or replaced.
#[derive(Debug)]
pub(crate) struct Pending(usize);

impl Pending {
    pub(crate) const NONE: Pending = Pending(0);

    pub(crate) fn pends(&mut self, look: impl FnOnce(&mut Aims)) {
        if self.0 == 0 {
            self.0 = note(look);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.0 != 0 {
            is_over(self.0);
        }
    }
}
