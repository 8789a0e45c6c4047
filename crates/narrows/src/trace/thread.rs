//! Who waits: threads and tasks, and for what. Knows nothing of who could help them.
//!
//! Invariants: a thread's wait is written by that thread alone, under the lock of its own record; the registries are locked
//! for a look or a change, never while anything else of the crate is, and nothing is dropped under them that could come back.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use super::{
    Operation,
    record::{Channel, Mark, Record},
    system,
};

/// As `crate::sync::lock`, of std's own lock: watching is no part of a model.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One thing that is waited for.
#[derive(Debug, Clone)]
pub(super) enum Aim {
    Channel(Operation, Arc<Record>),
    /// The same by the address of the channel, which lives as long as the wait.
    Address(Operation, usize),
    /// Something of which no more is known.
    Unknown,
}

/// All that a wait is for; whatever comes first ends it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aims(pub(super) Vec<Aim>);

impl Aims {
    pub(crate) fn channel(&mut self, operation: Operation, channel: &Channel) {
        self.add(operation, channel.record());
    }

    pub(crate) fn mark(&mut self, operation: Operation, mark: &Mark) {
        self.add(operation, mark.record());
    }

    fn add(&mut self, operation: Operation, record: Option<&Arc<Record>>) {
        self.0.push(record.map_or(Aim::Unknown, |record| Aim::Channel(operation, record.clone())));
    }

    /// An address of 0 is that of a receiver that never gets anything.
    pub(crate) fn address(&mut self, operation: Operation, address: usize) {
        if address != 0 {
            self.0.push(Aim::Address(operation, address));
        }
    }

    pub(crate) fn unknown(&mut self) {
        self.0.push(Aim::Unknown);
    }
}

/// A wait under way.
#[derive(Debug, Clone)]
pub(super) struct Wait {
    pub(super) aims: Aims,
    pub(super) has_deadline: bool,
    pub(super) since: Instant,
    /// Tells the waits of one thread apart.
    pub(super) generation: u64,
}

/// A thread that has had to do with a channel.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) id: usize,
    pub(super) name: Option<Box<str>>,
    /// What the system calls it; 0 if that is not known.
    pub(super) tid: u32,
    place: Mutex<Place>,
}

/// Where its wait stands.
#[derive(Debug, Default)]
struct Place {
    generation: u64,
    wait: Option<Wait>,
    /// Kept for its memory.
    spare: Vec<Aim>,
}

impl Thread {
    pub(super) fn wait(&self) -> Option<Wait> {
        lock(&self.place).wait.clone()
    }
}

/// Those that live.
static THREADS: Mutex<BTreeMap<usize, Arc<Thread>>> = Mutex::new(BTreeMap::new());

/// The id of a thread that is ending, which therefore has none.
pub(super) const NOBODY: usize = usize::MAX;

thread_local! {
    /// The calling thread's id; 0 as long as it has none.
    static ID: Cell<usize> = const { Cell::new(0) };
    /// Inside a hook: an allocator that uses channels may come here from what the hook allocates.
    static IS_BUSY: Cell<bool> = const { Cell::new(false) };
    static OWN: RefCell<Own> = const { RefCell::new(Own(None)) };
}

struct Own(Option<Arc<Thread>>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            ID.set(NOBODY);
            let own = lock(&THREADS).remove(&thread.id);
            drop(own);
        }
    }
}

/// Does what a hook does, unless a hook is under way on this thread.
pub(super) fn in_hook<R>(act: impl FnOnce() -> R) -> Option<R> {
    (!IS_BUSY.get()).then(|| quietly(act))
}

/// The same in any case: what it frees may not be left.
pub(super) fn quietly<R>(act: impl FnOnce() -> R) -> R {
    struct Ends(bool);
    impl Drop for Ends {
        fn drop(&mut self) {
            IS_BUSY.set(self.0);
        }
    }
    let _ends = Ends(IS_BUSY.replace(true));
    act()
}

/// The calling thread's id, if it has one already.
#[inline]
pub(super) fn id() -> usize {
    ID.get()
}

/// The calling thread's id; [`NOBODY`] for one that is ending.
pub(super) fn own_id() -> usize {
    own().map_or(NOBODY, |thread| thread.id)
}

fn own() -> Option<Arc<Thread>> {
    let of_this = |own: &RefCell<Own>| own.borrow_mut().0.get_or_insert_with(enter).clone();
    OWN.try_with(of_this).ok()
}

fn enter() -> Arc<Thread> {
    static IDS: AtomicUsize = AtomicUsize::new(1);
    // Relaxed: a number.
    let id = IDS.fetch_add(1, Ordering::Relaxed);
    let name = std::thread::current().name().map(Box::from);
    let thread = Arc::new(Thread { id, name, tid: system::own_tid(), place: Mutex::default() });
    lock(&THREADS).insert(id, thread.clone());
    ID.set(id);
    thread
}

/// The threads that live and have had to do with a channel.
pub(super) fn threads() -> Vec<Arc<Thread>> {
    lock(&THREADS).values().cloned().collect()
}

/// A thread that waits, until this is dropped.
#[derive(Debug)]
pub(crate) struct Blocked(Option<Arc<Thread>>);

pub(crate) fn blocks(has_deadline: bool, look: impl FnOnce(&mut Aims)) -> Blocked {
    let begun = in_hook(|| {
        let thread = own()?;
        let mut aims = Aims(std::mem::take(&mut lock(&thread.place).spare));
        look(&mut aims);
        let mut place = lock(&thread.place);
        place.generation += 1;
        let generation = place.generation;
        let before = place.wait.replace(Wait { aims, has_deadline, since: Instant::now(), generation });
        drop(place);
        drop(before);
        Some(thread)
    });
    Blocked(begun.flatten())
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let Some(thread) = self.0.take() else { return };
        quietly(|| {
            let Some(wait) = lock(&thread.place).wait.take() else { return };
            // Of several nobody can say which was waited for.
            if let [Aim::Channel(operation, record)] = &wait.aims.0[..] {
                record.was_waited_for(*operation, wait.since.elapsed());
            }
            let mut spare = wait.aims.0;
            spare.clear();
            let before = std::mem::replace(&mut lock(&thread.place).spare, spare);
            drop(before);
        });
    }
}

/// A task that waits.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) number: usize,
    pub(super) aims: Aims,
    pub(super) since: Instant,
}

static TASKS: Mutex<BTreeMap<usize, Task>> = Mutex::new(BTreeMap::new());

/// A task that waits, once `pends` was called and until this is dropped or replaced.
#[derive(Debug)]
pub(crate) struct Pending(usize);

impl Pending {
    pub(crate) const NONE: Pending = Pending(0);

    pub(crate) fn pends(&mut self, look: impl FnOnce(&mut Aims)) {
        static NUMBERS: AtomicUsize = AtomicUsize::new(1);
        if self.0 != 0 {
            return;
        }
        let _ = in_hook(|| {
            let mut aims = Aims::default();
            look(&mut aims);
            // Relaxed: a number.
            let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
            lock(&TASKS).insert(number, Task { number, aims, since: Instant::now() });
            self.0 = number;
        });
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.0 != 0 {
            drop(quietly(|| lock(&TASKS).remove(&self.0)));
        }
    }
}

/// The tasks that wait for a message, a place or an end.
pub(super) fn tasks() -> Vec<Task> {
    lock(&TASKS).values().cloned().collect()
}
