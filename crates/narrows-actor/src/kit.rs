//! Actors under a test: stepped by one thread in an order that a seed picks, in a time that passes only when the test says so.
//!
//! A thread that waits for an actor, in `ask`, in a `tell` to a full mailbox or in `join`, drives the others meanwhile: the test
//! itself does so, and an actor that asks another does it from within its own step.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Deref,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use crate::{
    clock::{Clock, Virtual},
    current::Driven,
    desk::{Desk, How},
    sync::{Arc, AtomicBool, Mutex, Ordering, lock},
    system::{ActorFuture, System},
};

/// What the actors see of the kit.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) time: Arc<Virtual>,
    has_worked: AtomicBool,
    log: Mutex<Vec<Entry>>,
}

impl Stage {
    pub(crate) fn has_worked(&self) {
        // Relaxed: set and read by the thread that drives.
        self.has_worked.store(true, Ordering::Relaxed);
    }

    pub(crate) fn note(&self, desk: &Desk, what: String) {
        self.has_worked();
        let entry = Entry { at: self.time.elapsed(), actor: desk.name.clone(), what };
        lock(&self.log).push(entry);
    }
}

pub(crate) struct Kit {
    pub(crate) stage: Arc<Stage>,
    tasks: Mutex<Tasks>,
}

struct Tasks {
    by_number: BTreeMap<u64, Task>,
    next: u64,
    random: u64,
}

struct Task {
    /// `None` while it is being polled.
    future: Option<ActorFuture>,
    /// It had nothing to do since somebody last worked.
    is_asleep: bool,
}

impl Kit {
    pub(crate) fn add(&self, future: ActorFuture) {
        let mut tasks = lock(&self.tasks);
        let number = tasks.next;
        tasks.next += 1;
        tasks.by_number.insert(number, Task { future: Some(future), is_asleep: false });
    }

    fn wake_all(&self) {
        lock(&self.tasks).by_number.values_mut().for_each(|task| task.is_asleep = false);
    }

    /// One step of one actor, of those that have something to do. False if there is none.
    fn turn(self: &Arc<Kit>) -> bool {
        loop {
            let Some((number, mut future)) = lock(&self.tasks).pick() else { return false };
            // Relaxed: as in `has_worked`.
            self.stage.has_worked.store(false, Ordering::Relaxed);
            let polled = {
                let _driven = Driven::begin(self);
                future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            };
            let has_worked = self.stage.has_worked.load(Ordering::Relaxed) || polled.is_ready();
            let ended = {
                let mut tasks = lock(&self.tasks);
                tasks.put_back(number, future, polled, has_worked)
            };
            drop(ended);
            if has_worked {
                self.wake_all();
                return true;
            }
        }
    }

    /// Drives all until `look` finds something. When nobody has anything to do the time moves on to when somebody has, at most to
    /// `deadline`; `None` once that is reached, or if all stand still for ever.
    pub(crate) fn drive_until<R>(
        self: &Arc<Kit>,
        deadline: Option<Instant>,
        mut look: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        self.wake_all();
        loop {
            if let Some(found) = look() {
                return Some(found);
            }
            if !self.turn() && !self.move_on(deadline) {
                return None;
            }
        }
    }

    /// Lets time pass to the next moment that somebody waits for; false if there is none, or `end` is reached.
    fn move_on(&self, end: Option<Instant>) -> bool {
        let next = self.stage.time.next_alarm(end);
        let Some(at) = next.or_else(|| end.filter(|end| *end > self.stage.time.now())) else { return false };
        self.stage.time.move_to(at);
        self.wake_all();
        next.is_some()
    }
}

impl Tasks {
    fn pick(&mut self) -> Option<(u64, ActorFuture)> {
        let ready = self.by_number.iter().filter(|(_, task)| !task.is_asleep && task.future.is_some());
        let ready = ready.map(|(number, _)| *number).collect::<Vec<_>>();
        // xorshift (Marsaglia 2003); never 0.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let one = usize::try_from(self.random >> 33).unwrap_or(0).checked_rem(ready.len())?;
        let number = ready[one];
        self.by_number.get_mut(&number).and_then(|task| task.future.take()).map(|future| (number, future))
    }

    /// What is over is the caller's, to be dropped.
    fn put_back(
        &mut self,
        number: u64,
        future: ActorFuture,
        polled: Poll<()>,
        has_worked: bool,
    ) -> Option<ActorFuture> {
        if polled.is_ready() {
            self.by_number.remove(&number);
            return Some(future);
        }
        if let Some(task) = self.by_number.get_mut(&number) {
            task.future = Some(future);
            task.is_asleep = !has_worked;
        }
        None
    }
}

/// A line of the log of a [`TestKit`]: what happened to which actor, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Since the kit was made, in its own time.
    pub at: Duration,
    /// The actor's name.
    pub actor: Arc<str>,
    /// `started life 1`, `message`, `timer` or `ended: why`. A message is followed by its
    /// [description](crate::ActorBuilder::describe).
    pub what: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.at, self.actor, self.what)
    }
}

/// A system of actors for tests: one thread, virtual time, an order that a seed picks, a log.
///
/// The same seed gives the same order, and so the same log. `tell`, `ask` and `join`, called by the thread of the kit, drive the
/// actors while they wait, and let time pass when nobody has anything to do.
///
/// ```
/// use narrows_actor::{Actor, Cx, Flow, TestKit};
/// use std::time::Duration;
///
/// struct Clock(u32);
///
/// impl Actor for Clock {
///     type Msg = ();
///
///     fn started(&mut self, cx: &Cx<()>) -> Flow {
///         cx.every(Duration::from_secs(60), || ());
///         Flow::Next
///     }
///
///     fn handle(&mut self, (): (), _: &Cx<()>) -> Flow {
///         self.0 += 1;
///         if self.0 == 60 { Flow::Stop } else { Flow::Next }
///     }
/// }
///
/// let kit = TestKit::new(1);
/// let clock = kit.actor(1, || Clock(0));
/// kit.advance(Duration::from_secs(59 * 60));
/// assert!(clock.ended().is_none());
/// kit.advance(Duration::from_secs(60));
/// assert!(clock.ended().is_some());
/// ```
pub struct TestKit {
    // Dropped in this order: the system ends while the thread still drives it.
    system: System,
    _driven: Driven,
    kit: Arc<Kit>,
    /// The thread that it belongs to.
    _thread: std::marker::PhantomData<*const ()>,
}

impl TestKit {
    /// A kit whose order of steps is picked by `seed`.
    pub fn new(seed: u64) -> TestKit {
        let (_, time) = Clock::new_virtual();
        let stage = Stage { time, has_worked: AtomicBool::new(false), log: Mutex::new(Vec::new()) };
        // Spread by an odd constant (the golden ratio), and never 0.
        let random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let tasks = Mutex::new(Tasks { by_number: BTreeMap::new(), next: 0, random });
        let kit = Arc::new(Kit { stage: Arc::new(stage), tasks });
        TestKit { system: System::on_stage(&kit), _driven: Driven::begin(&kit), kit, _thread: std::marker::PhantomData }
    }

    /// One step of one actor: a message, a timer, the begin or the end of a life. False if nobody has anything to do now.
    pub fn step(&self) -> bool {
        self.kit.wake_all();
        self.kit.turn()
    }

    /// Steps until nobody has anything to do now; how many steps that took.
    pub fn run(&self) -> usize {
        self.kit.wake_all();
        std::iter::from_fn(|| self.kit.turn().then_some(())).count()
    }

    /// Lets so much time pass, from one moment at which somebody has something to do to the next.
    pub fn advance(&self, time: Duration) {
        let end = self.kit.stage.time.now() + time;
        self.run();
        while self.kit.move_on(Some(end)) {
            self.run();
        }
        self.run();
    }

    /// Lets so much time pass while nobody has his turn: what is due meanwhile is late.
    pub fn pass(&self, time: Duration) {
        let time = self.kit.stage.time.now() + time;
        self.kit.stage.time.move_to(time);
    }

    /// How much time has passed.
    pub fn elapsed(&self) -> Duration {
        self.kit.stage.time.elapsed()
    }

    /// What has happened so far.
    pub fn log(&self) -> Vec<Entry> {
        lock(&self.kit.stage.log).clone()
    }
}

impl Deref for TestKit {
    type Target = System;

    fn deref(&self) -> &System {
        &self.system
    }
}

impl Drop for TestKit {
    fn drop(&mut self) {
        self.system.stop(How::Now);
    }
}

impl fmt::Debug for TestKit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestKit").field("elapsed", &self.elapsed()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Kit { .. }")
    }
}
