//! Where actors are made: a system is the root of a tree of supervisors, and what its actors run on.

use std::{fmt, future::Future, ops::Deref, pin::Pin, time::Duration};

use narrows::WaitGroup;

use crate::{
    actor::Actor,
    address::Addr,
    builder::{ActorBuilder, SupervisorBuilder},
    cell::{Cell, at_work},
    clock::Clock,
    current::{self, Shift},
    desk::How,
    host::{OnStage, OnTask, OnThread},
    kit::Kit,
    office::{Office, Tree},
    plan::{Backoff, Rules, Strategy},
    reason::Reason,
    sync::{self, Arc, JoinHandle, Mutex, lock},
};

/// An actor as a future, for an executor. It holds all that the actor is; dropping it ends the actor.
pub type ActorFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

type Spawn = Box<dyn Fn(&str, ActorFuture) + Send + Sync>;

enum Runs {
    Threads,
    Tasks(Spawn),
    Stage(Arc<Kit>),
}

/// What the actors of one system have in common.
pub(crate) struct Works {
    runs: Runs,
    pub(crate) clock: Clock,
    pub(crate) alive: WaitGroup,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Works {
    fn new(runs: Runs, clock: Clock) -> Arc<Works> {
        Arc::new(Works { runs, clock, alive: WaitGroup::new(), threads: Mutex::new(Vec::new()) })
    }

    pub(crate) fn is_staged(&self) -> bool {
        matches!(self.runs, Runs::Stage(_))
    }

    /// Has it run. A thread that cannot be had ends the actor before its first life.
    pub(crate) fn run<A: Actor, F: FnMut() -> A + Send + 'static>(&self, cell: Cell<A, F>) -> std::io::Result<()> {
        let desk = cell.cx.mail.desk.clone();
        match &self.runs {
            Runs::Threads => {
                let name = desk.name.to_string();
                let thread = sync::spawn(name, move || {
                    let mut desk = Some(desk);
                    let _shift = Shift::begin(&mut desk);
                    sync::block_on(cell.run(OnThread));
                })?;
                let mut threads = lock(&self.threads);
                threads.retain(|thread| !sync::has_ended(thread));
                threads.push(thread);
            }
            Runs::Tasks(spawn) => {
                let name = desk.name.clone();
                spawn(&name, Box::pin(at_work(desk, cell.run(OnTask))));
            }
            Runs::Stage(kit) => {
                let host = OnStage { stage: kit.stage.clone() };
                kit.add(Box::pin(at_work(desk, cell.run(host))));
            }
        }
        Ok(())
    }

    /// Whether the calling thread cannot wait for all: it may be the one that runs them, or is one of them.
    fn is_to_be_left(&self) -> bool {
        match self.runs {
            Runs::Threads => {
                let own = sync::current().id();
                lock(&self.threads).iter().any(|thread| thread.thread().id() == own)
            }
            Runs::Tasks(_) => true,
            Runs::Stage(_) => current::actor().is_some(),
        }
    }

    fn wait(&self) {
        match (&self.runs, current::kit()) {
            (Runs::Stage(kit), Some(_)) => {
                // If all stand still for ever there is nothing to wait for.
                kit.drive_until(None, || (self.alive.members() == 0).then_some(()));
            }
            _ => self.alive.wait(),
        }
        let threads = std::mem::take(&mut *lock(&self.threads));
        let own = sync::current().id();
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != own) {
            // What an actor panics with was its reason to end.
            let _ = thread.join();
        }
    }
}

/// A system of actors: the root of a tree of [supervisors](Supervisor), each of which makes actors. Dropped, it has them drain their
/// mailboxes, and waits for their ends; so it serves as a scope.
///
/// ```
/// # use narrows_actor::{Actor, AskError, Cx, Flow, Reply, System};
/// # use std::time::Duration;
/// # struct Counter(u64);
/// # enum Req { Add(u64), Get(Reply<u64>) }
/// # impl Actor for Counter {
/// #     type Msg = Req;
/// #     fn handle(&mut self, message: Req, _: &Cx<Req>) -> Flow {
/// #         match message { Req::Add(n) => self.0 += n, Req::Get(reply) => reply.send(self.0) }
/// #         Flow::Next
/// #     }
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::new();
/// let counter = system.actor(64, || Counter(0));
/// counter.tell(Req::Add(1))?;
/// assert_eq!(counter.ask(Req::Get, Duration::from_secs(5))?, 1);
/// # Ok(())
/// # }
/// ```
pub struct System {
    root: Supervisor,
}

impl System {
    /// A system each of whose actors has a thread of its own.
    pub fn new() -> System {
        System::with(Runs::Threads, Clock::System)
    }

    /// A system whose actors are tasks: `spawn` is given the name of each and its future, which any executor runs.
    ///
    /// Dropped, such a system tells its actors to drain but does not wait for them, for the thread may be the one that runs them.
    /// Await [`shutdown`](System::shutdown) first.
    pub fn on_tasks(spawn: impl Fn(&str, ActorFuture) + Send + Sync + 'static) -> System {
        System::with(Runs::Tasks(Box::new(spawn)), Clock::System)
    }

    /// A system whose actors are tasks of a tokio runtime. An actor that asks another, or tells it, from a handler should
    /// [wait](crate::Flow::wait) for the asynchronous kind: the plain ones block a thread of the runtime.
    #[cfg(feature = "tokio")]
    pub fn on_tokio(handle: tokio::runtime::Handle) -> System {
        System::on_tasks(move |_, actor| drop(handle.spawn(actor)))
    }

    /// A system whose actors are light tasks of `narrows-task`, in which blocking operations are legal.
    #[cfg(feature = "task")]
    pub fn on_light_tasks() -> System {
        System::on_tasks(|name, actor| narrows_task::go_named(name, actor).detach())
    }

    pub(crate) fn on_stage(kit: &Arc<Kit>) -> System {
        System::with(Runs::Stage(kit.clone()), Clock::Virtual(kit.stage.time.clone()))
    }

    fn with(runs: Runs, clock: Clock) -> System {
        let works = Works::new(runs, clock);
        let office = Office::root("system", Rules::default(), works.clock.clone());
        System { root: Supervisor { office, works } }
    }

    /// Blocks until every actor has ended: after [`stop`](Supervisor::stop), or of themselves.
    ///
    /// # Errors
    /// If there were too many restarts at the root, and all were stopped for that.
    pub fn join(&self) -> Result<(), Reason> {
        self.root.works.wait();
        self.outcome()
    }

    /// Stops all, and waits for that, from a task.
    ///
    /// # Errors
    /// As [`join`](System::join).
    ///
    /// # Cancel safety
    /// Dropped after the first poll, all stop none the less.
    pub async fn shutdown(&self, how: How) -> Result<(), Reason> {
        self.root.stop(how);
        self.root.works.alive.all_done().await;
        self.outcome()
    }

    fn outcome(&self) -> Result<(), Reason> {
        match self.root.office.last_reason() {
            Some(reason) if reason.is_failure() => Err(reason),
            _ => Ok(()),
        }
    }
}

/// Calls `f` with a system, and returns when all of its actors have ended.
///
/// # Errors
/// As [`System::join`]; what `f` returned is lost then, so let it fail by itself where that matters.
pub fn scope<R>(f: impl FnOnce(&System) -> R) -> Result<R, Reason> {
    let system = System::new();
    let result = f(&system);
    system.stop(How::Drain);
    system.join().map(|()| result)
}

impl Drop for System {
    fn drop(&mut self) {
        self.root.stop(if sync::panicking() { How::Now } else { How::Drain });
        if !self.root.works.is_to_be_left() {
            self.root.works.wait();
        }
    }
}

impl Default for System {
    fn default() -> System {
        System::new()
    }
}

impl Deref for System {
    type Target = Supervisor;

    fn deref(&self) -> &Supervisor {
        &self.root
    }
}

/// Makes actors, and restarts them when they fail. Its handle is cloned at will; it is stopped with its system, or by
/// [`stop`](Supervisor::stop).
#[derive(Clone)]
pub struct Supervisor {
    pub(crate) office: Arc<Office>,
    pub(crate) works: Arc<Works>,
}

impl Supervisor {
    /// Makes an actor with a mailbox of so many places, which is restarted after a failure: each life begins with what `make`
    /// gives.
    ///
    /// # Panics
    /// As [`ActorBuilder::start`].
    pub fn actor<A: Actor>(&self, capacity: usize, make: impl FnMut() -> A + Send + 'static) -> Addr<A::Msg> {
        self.build(make).capacity(capacity).start()
    }

    /// Describes an actor of which more than a capacity is to be said.
    pub fn build<A: Actor, F: FnMut() -> A + Send + 'static>(&self, make: F) -> ActorBuilder<'_, A, F> {
        ActorBuilder::new(self, make)
    }

    /// Describes a supervisor below this one.
    pub fn supervisor(&self, name: &str) -> SupervisorBuilder<'_> {
        SupervisorBuilder::new(self, name)
    }

    /// Stops all below it for good, in the reverse of their order, each when the one after it has ended. A second call with
    /// [`How::Now`] cuts a drain short.
    pub fn stop(&self, how: How) {
        self.office.stop(how);
    }

    /// What there is below it.
    pub fn tree(&self) -> Tree {
        self.office.tree()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.office.name
    }
}

impl Default for Rules {
    /// Three restarts in five seconds, at once.
    fn default() -> Rules {
        let (max_restarts, period) = (3, Duration::from_secs(5));
        Rules { strategy: Strategy::OneForOne, max_restarts, period, backoff: Backoff::NONE }
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("System { .. }")
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("name", &self.name()).finish_non_exhaustive()
    }
}
