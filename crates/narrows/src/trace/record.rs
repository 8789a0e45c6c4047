//! What is known of a channel and of its handles. Knows nothing of who waits.
//!
//! ```text
//! a handle   made, or used by its maker --another thread uses it--> held by that thread --a third uses it--> shared
//! ```
//! The counters are numbers and guard nothing: every access is Relaxed, so a look sees each near the time of the look, and
//! the sum of several may be off by what went on meanwhile.

use std::{
    collections::BTreeMap,
    fmt,
    panic::Location,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    Operation,
    report::Kind,
    thread::{self, in_hook, lock, quietly},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Send,
    Recv,
}

/// A handle's number in place of a thread's: more than one thread has used it.
const SHARED: usize = usize::MAX;

/// What is known of one handle.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) maker: usize,
    pub(super) place: &'static Location<'static>,
    /// Who used it last, or made it.
    last: AtomicUsize,
    /// The only thread beside its maker that has used it; 0 if there was none, [`SHARED`] if there were several, or if the maker
    /// came back to it.
    holder: AtomicUsize,
}

/// Who has a handle, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// It was made by this thread, and perhaps used by it; nobody knows whether it was moved since.
    Maker(usize),
    /// It was used by this thread, which did not make it, and by no third one.
    Thread(usize),
    /// Several have used it, this one last.
    Several(usize),
}

impl Handle {
    pub(super) fn holder(&self) -> Holder {
        match self.holder.load(Relaxed) {
            0 => Holder::Maker(self.maker),
            SHARED => Holder::Several(self.last.load(Relaxed)),
            id => Holder::Thread(id),
        }
    }

    #[cold]
    fn touch_slowly(&self) {
        let Some(me) = in_hook(thread::own_id) else { return };
        self.last.store(me, Relaxed);
        let _ = self.holder.fetch_update(Relaxed, Relaxed, |holder| match holder {
            0 if me == self.maker => None,
            0 => Some(me),
            _ if holder == me => None,
            _ => Some(SHARED),
        });
    }
}

/// What senders write.
#[derive(Debug, Default)]
#[repr(align(64))] // apart from what receivers write
struct Sending {
    sent: AtomicUsize,
    /// What had left when that was last looked up: so the other line is read only where the mark may rise.
    left: AtomicUsize,
    high: AtomicUsize,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Receiving {
    received: AtomicUsize,
    cleared: AtomicUsize,
}

/// How long threads slept for it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Times {
    pub(super) longest: Duration,
    pub(super) on_full: Duration,
    pub(super) on_empty: Duration,
}

/// What is known of one channel. It outlives the channel only while somebody looks at it.
pub(super) struct Record {
    pub(super) number: usize,
    pub(super) kind: Kind,
    pub(super) capacity: Option<usize>,
    pub(super) name: Option<Box<str>>,
    pub(super) place: &'static Location<'static>,
    /// Where the channel lies; 0 until it has a handle.
    address: AtomicUsize,
    sending: Sending,
    receiving: Receiving,
    times: Mutex<Times>,
    /// By end.
    handles: Mutex<[Vec<Arc<Handle>>; 2]>,
    /// By end: there was a weak handle, which may become another of that end.
    is_lent: [AtomicBool; 2],
}

/// The channels that live, by number.
static CHANNELS: Mutex<BTreeMap<usize, Weak<Record>>> = Mutex::new(BTreeMap::new());

/// The channels that live, oldest first.
pub(super) fn channels() -> Vec<Arc<Record>> {
    lock(&CHANNELS).values().filter_map(Weak::upgrade).collect()
}

impl Drop for Record {
    fn drop(&mut self) {
        drop(quietly(|| lock(&CHANNELS).remove(&self.number)));
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Record {
    pub(super) fn is_at(&self, address: usize) -> bool {
        self.address.load(Relaxed) == address
    }

    pub(super) fn sent(&self) -> usize {
        let sent = self.sending.sent.load(Relaxed);
        if self.keeps_messages() { sent } else { self.left() }
    }

    pub(super) fn received(&self) -> usize {
        self.receiving.received.load(Relaxed)
    }

    pub(super) fn cleared(&self) -> usize {
        self.receiving.cleared.load(Relaxed)
    }

    fn left(&self) -> usize {
        self.received() + self.cleared()
    }

    fn keeps_messages(&self) -> bool {
        !matches!(self.kind, Kind::Rendezvous | Kind::Timer)
    }

    fn bound(&self) -> usize {
        self.capacity.unwrap_or(usize::MAX)
    }

    pub(super) fn len(&self) -> usize {
        let left = self.left();
        self.sent().saturating_sub(left).min(self.bound())
    }

    pub(super) fn high(&self) -> usize {
        self.sending.high.load(Relaxed)
    }

    fn add_sent(&self, n: usize) {
        let sent = self.sending.sent.fetch_add(n, Relaxed) + n;
        let high = self.high();
        if sent.saturating_sub(self.sending.left.load(Relaxed)) > high {
            let left = self.left();
            self.sending.left.store(left, Relaxed);
            self.sending.high.fetch_max(sent.saturating_sub(left).min(self.bound()), Relaxed);
        }
    }

    pub(super) fn was_waited_for(&self, operation: Operation, took: Duration) {
        let mut times = lock(&self.times);
        let sum = match operation {
            Operation::Send | Operation::Reserve => &mut times.on_full,
            Operation::Recv => &mut times.on_empty,
            Operation::Closed => return,
        };
        *sum += took;
        times.longest = times.longest.max(took);
    }

    pub(super) fn times(&self) -> Times {
        *lock(&self.times)
    }

    pub(super) fn handles(&self, end: End) -> Vec<Arc<Handle>> {
        lock(&self.handles)[end as usize].clone()
    }

    pub(super) fn is_lent(&self, end: End) -> bool {
        self.is_lent[end as usize].load(Relaxed)
    }
}

/// A channel's own part: its record, unless it was made from inside a hook.
#[derive(Debug, Clone)]
pub(crate) struct Channel(Option<Arc<Record>>);

impl Channel {
    #[track_caller]
    pub(crate) fn new(kind: Kind, capacity: Option<usize>, name: Option<&str>) -> Channel {
        static NUMBERS: AtomicUsize = AtomicUsize::new(1);
        let place = Location::caller();
        Channel(in_hook(|| {
            let record = Arc::new(Record {
                number: NUMBERS.fetch_add(1, Relaxed),
                kind,
                capacity,
                name: name.map(Box::from),
                place,
                address: AtomicUsize::new(0),
                sending: Sending::default(),
                receiving: Receiving::default(),
                times: Mutex::default(),
                handles: Mutex::default(),
                is_lent: [AtomicBool::new(false), AtomicBool::new(false)],
            });
            lock(&CHANNELS).insert(record.number, Arc::downgrade(&record));
            record
        }))
    }

    pub(super) fn record(&self) -> Option<&Arc<Record>> {
        self.0.as_ref()
    }

    /// For a new handle of a channel that lies at `address`.
    #[track_caller]
    pub(crate) fn mark(&self, end: End, address: usize) -> Mark {
        let Some(record) = &self.0 else { return Mark::NONE };
        let place = Location::caller();
        let marked = in_hook(|| {
            record.address.store(address, Relaxed);
            let maker = thread::own_id();
            let handle = Handle { maker, place, last: AtomicUsize::new(maker), holder: AtomicUsize::new(0) };
            let handle = Arc::new(handle);
            lock(&record.handles)[end as usize].push(handle.clone());
            Marked { record: record.clone(), handle, end }
        });
        if marked.is_none() {
            self.lend(end); // a handle that nobody keeps account of
        }
        Mark(marked)
    }

    /// From now on the handles of that end are not all known.
    pub(crate) fn lend(&self, end: End) {
        if let Some(record) = &self.0 {
            record.is_lent[end as usize].store(true, Relaxed);
        }
    }

    #[inline]
    pub(crate) fn sent(&self, n: usize) {
        if let Some(record) = &self.0 {
            record.add_sent(n);
        }
    }

    #[inline]
    pub(crate) fn received(&self, n: usize) {
        if let Some(record) = &self.0 {
            record.receiving.received.fetch_add(n, Relaxed);
        }
    }

    /// A message was received; counted here where the channel itself does not.
    #[inline]
    pub(crate) fn handed_over(&self) {
        if let Some(record) = self.0.as_ref().filter(|record| !record.keeps_messages()) {
            record.receiving.received.fetch_add(1, Relaxed);
        }
    }

    /// A message was taken out otherwise, if it was.
    pub(crate) fn cleared(&self, is_one: bool) {
        if let Some(record) = &self.0 {
            record.receiving.cleared.fetch_add(usize::from(is_one), Relaxed);
        }
    }
}

/// A handle's own part.
#[derive(Debug)]
pub(crate) struct Mark(Option<Marked>);

#[derive(Debug)]
struct Marked {
    record: Arc<Record>,
    handle: Arc<Handle>,
    end: End,
}

impl Drop for Marked {
    fn drop(&mut self) {
        let handles = &mut lock(&self.record.handles)[self.end as usize];
        if let Some(at) = handles.iter().position(|handle| Arc::ptr_eq(handle, &self.handle)) {
            // Ours is not the last: nothing is dropped here.
            handles.swap_remove(at);
        }
    }
}

impl Mark {
    pub(crate) const NONE: Mark = Mark(None);

    /// The calling thread uses the handle.
    #[inline]
    pub(crate) fn touch(&self) {
        if let Some(marked) = &self.0
            && marked.handle.last.load(Relaxed) != thread::id()
        {
            marked.handle.touch_slowly();
        }
    }

    pub(super) fn record(&self) -> Option<&Arc<Record>> {
        self.0.as_ref().map(|marked| &marked.record)
    }

    pub(crate) fn sent(&self) {
        if let Some(record) = self.record() {
            record.add_sent(1);
        }
    }

    /// A message was received, if it was.
    pub(crate) fn received(&self, is_one: bool) {
        if let Some(record) = self.record() {
            record.receiving.received.fetch_add(usize::from(is_one), Relaxed);
        }
    }
}
