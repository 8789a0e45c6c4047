//! The threads that drive workers. A thread drives one worker until a poll of its own does not end in time, or blocks: then the
//! worker is another's, and the thread, when its poll has ended after all, waits to be given another (`crew.rs`).

use std::{
    cell::{Cell, OnceCell},
    ptr::{self, NonNull},
    sync::Arc,
    thread,
};

use crate::{
    crew::Order,
    duty::Poll,
    ring,
    runtime::Shared,
    sync::{Ordering, lock},
    task,
    watch::{self, Books},
    worker::{Front, STREAK, Worker},
};

/// Every so many polls a worker looks first at what came from outside, so that what its own tasks wake starves nobody.
const LOOK_OUTSIDE: u32 = 61;

/// At most so many tasks are taken at once from another worker or the injector.
const LOOT: usize = ring::CAPACITY / 8;

/// So many channel operations of one poll may succeed at once; then the task gives way.
const BUDGET: u32 = 128;

thread_local! {
    static CURRENT: OnceCell<Context> = const { OnceCell::new() };
}

/// What a thread of a runtime knows of itself.
struct Context {
    shared: Arc<Shared>,
    worker: Cell<usize>,
    /// While it polls and its worker is its own.
    poll: Cell<Option<Poll>>,
    /// While it polls: what.
    is_polling: Cell<bool>,
    task: Cell<usize>,
}

/// Why a thread no longer drives its worker.
enum End {
    /// It is another's.
    Lost,
    /// The runtime ends.
    Over,
}

/// Runs `f` on what this thread knows of itself, if it is a runtime's.
fn with_context<R>(f: impl FnOnce(&Context) -> Option<R>) -> Option<R> {
    CURRENT.try_with(|current| current.get().and_then(f)).ok().flatten()
}

/// The runtime whose thread this is.
pub(crate) fn current() -> Option<Arc<Shared>> {
    with_context(|context| Some(context.shared.clone()))
}

/// Whether this thread is one of that runtime's.
pub(crate) fn is_of(shared: &Shared) -> bool {
    with_context(|context| ptr::eq(&raw const *context.shared, shared).then_some(())).is_some()
}

/// The task that this thread polls: its runtime and address.
pub(crate) fn current_task() -> Option<(Arc<Shared>, usize)> {
    with_context(|context| {
        let address = context.is_polling.get().then(|| context.task.get())?;
        Some((context.shared.clone(), address))
    })
}

/// The future of that task is gone, though its poll may go on: what it returned is not it.
pub(crate) fn task_ended(address: usize) {
    with_context(|context| (context.task.get() == address).then(|| context.is_polling.set(false)));
}

/// A task of this thread's runtime has become ready: `gave_way` if it woke itself while it ran, and so goes behind all others.
pub(crate) fn schedule_here(item: NonNull<()>, gave_way: bool) {
    with_context(|context| {
        match context.poll.get() {
            Some(poll) => context.place(item, poll, gave_way),
            None => context.shared.inject([item]),
        }
        Some(())
    });
}

/// Before this thread blocks: its worker goes to another, if it has one.
pub(crate) fn hand_over() {
    with_context(|context| {
        let poll = context.poll.get()?;
        if context.shared.hand_over(context.worker.get(), poll) {
            context.poll.set(None);
        }
        Some(())
    });
}

/// The life of a thread: worker after worker.
pub(crate) fn live(shared: &Arc<Shared>, first: Order) {
    narrows::park::set_sleep_hook(Some(hand_over));
    CURRENT.with(|current| {
        current.get_or_init(|| Context {
            shared: shared.clone(),
            worker: Cell::new(first.worker),
            poll: Cell::new(None),
            is_polling: Cell::new(false),
            task: Cell::new(0),
        });
        // Once more, from the cell: what `get_or_init` returns is not to be used beside others by the rules of borrowing that miri
        // knows of.
        let Some(context) = current.get() else { return };
        let id = watch::own_id();
        let mut order = Some(first);
        while let Some(Order { worker, searching }) = order {
            context.worker.set(worker);
            let ran = Books::of(id).ran().map_or(0, |ran| u64::try_from(ran.as_nanos()).unwrap_or(0));
            shared.workers[worker].ran_before.store(ran, Ordering::Relaxed);
            shared.workers[worker].thread_id.store(id, Ordering::Relaxed);
            shared.monitor.look();
            let end = Drive { context, worker: &shared.workers[worker], tick: 0, streak: 0, searching }.drive();
            order = match end {
                End::Over => None,
                // What it lost may lie idle: then it goes on there.
                End::Lost if shared.regain(worker) => Some(Order { worker, searching: true }),
                End::Lost => shared.crew.next_order(),
            };
        }
    });
}

impl Context {
    #[inline]
    fn place(&self, item: NonNull<()>, poll: Poll, gave_way: bool) {
        let shared = &*self.shared;
        let worker = &shared.workers[self.worker.get()];
        if gave_way {
            return shared.queue_behind(worker, item, poll);
        }
        match worker.put_in_front(item, poll) {
            Front::Ours(before) => {
                if let Some(item) = before {
                    shared.queue(worker, item);
                }
                // Whoever ends the runtime looks into the slot after saying so; we say so after filling it.
                shared.clear_if_over();
            }
            Front::Lost(before, now) => {
                self.poll.set(None);
                shared.inject(before.into_iter().chain(now));
            }
        }
    }
}

/// A thread that drives a worker.
struct Drive<'a> {
    context: &'a Context,
    worker: &'a Worker,
    tick: u32,
    streak: u32,
    searching: bool,
}

impl Drive<'_> {
    fn drive(mut self) -> End {
        let shared = &*self.context.shared;
        loop {
            if let Some(item) = self.next() {
                if std::mem::take(&mut self.searching) && shared.idle.found() {
                    shared.call_one();
                }
                if !self.poll(item) {
                    return End::Lost;
                }
            } else if shared.is_over() || !self.sleep() {
                return End::Over;
            }
        }
    }

    /// Polls a task: whether the worker is still ours.
    #[inline]
    fn poll(&mut self, item: NonNull<()>) -> bool {
        let runnable = task::from_item(item);
        let address = task::address_of(&runnable);
        // Relaxed: for the monitor, which only says it.
        self.worker.task.store(address, Ordering::Relaxed);
        self.context.task.set(address);
        let poll = self.worker.duty.open();
        self.context.poll.set(Some(poll));
        self.context.is_polling.set(true);
        narrows::park::set_budget(Some(BUDGET));
        runnable.run();
        self.context.is_polling.set(false);
        self.context.poll.take().is_some() && self.worker.duty.close(poll)
    }

    /// The next task, from the nearest place that has one.
    #[inline]
    fn next(&mut self) -> Option<NonNull<()>> {
        self.tick = self.tick.wrapping_add(1);
        if self.tick.is_multiple_of(LOOK_OUTSIDE)
            && let Some(item) = self.context.shared.injector.pop(1, 1, |_| ())
        {
            return Some(item);
        }
        if let Some(item) = self.worker.take_front() {
            // Where nobody waits a streak begins anew.
            self.streak = if self.worker.ring.is_empty() { 0 } else { self.streak + 1 };
            if self.streak <= STREAK {
                return Some(item);
            }
            // They change places, so nobody need be called.
            if let Err(item) = self.worker.ring.push(item) {
                self.context.shared.queue(self.worker, item);
            }
        }
        self.streak = 0;
        self.worker.ring.pop().or_else(|| self.look_around())
    }

    #[cold]
    fn look_around(&mut self) -> Option<NonNull<()>> {
        let shared = &*self.context.shared;
        let workers = shared.workers.len();
        if let Some(item) = self.take_injected() {
            return Some(item);
        }
        self.searching = self.searching || shared.idle.may_search();
        if !self.searching {
            return None;
        }
        let first = self.tick as usize;
        let others = (0..workers).map(|k| &shared.workers[(first + k) % workers]).filter(|w| !ptr::eq(*w, self.worker));
        for victim in others {
            let loot = victim.ring.len().div_ceil(2).min(LOOT);
            if let Some(item) = victim.ring.pop() {
                for more in (1..loot).map_while(|_| victim.ring.pop()) {
                    shared.queue(self.worker, more);
                }
                return Some(item);
            }
        }
        self.take_injected()
    }

    fn take_injected(&self) -> Option<NonNull<()>> {
        let shared = &*self.context.shared;
        let mut refused = Vec::new();
        let item = shared.injector.pop(shared.workers.len(), LOOT, |item| {
            // It is ours and empty; but a thread that does not know yet that it lost it may have filled it.
            refused.extend(self.worker.ring.push(item).err());
        });
        if !refused.is_empty() {
            shared.inject(refused);
        }
        item
    }

    /// Sleeps until there is something to do: false if the runtime ends.
    fn sleep(&mut self) -> bool {
        let (shared, number) = (&*self.context.shared, self.context.worker.get());
        *lock(&self.worker.sleeper) = Some(thread::current());
        shared.idle.lie_down(number, std::mem::replace(&mut self.searching, true));
        if (shared.has_work(number) || shared.is_over()) && shared.idle.get_up(number) {
            *lock(&self.worker.sleeper) = None;
            // It may have seen all of them asleep just now.
            shared.monitor.look();
            return true;
        }
        // Acquire: pairs with the Release of whoever calls (`runtime.rs`).
        while !self.worker.is_called.swap(false, Ordering::Acquire) {
            if shared.is_over() {
                return false;
            }
            thread::park();
        }
        shared.monitor.look();
        true
    }
}
