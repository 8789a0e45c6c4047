//! Actors: a piece of a test that runs beside it, on a thread or as a task, and of which one can tell whether it waits.
//!
//! Each is written as a future. On a thread, its operations block inside `poll`.

use crate::deadline::{DEADLINE, text, until};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::{fs, thread};

/// Where an actor lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A thread of its own.
    Thread,
    /// A task on the thread pool of `futures-executor`.
    Pool,
    /// A task on tokio with two workers.
    Tokio,
    /// A task on what the test program brings, see [`set_guest`].
    Guest,
}

/// A task of which nobody asks an executor for the answer.
pub type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

static GUEST: OnceLock<fn(Life)> = OnceLock::new();

/// Says how tasks of [`Host::Guest`] are started. The first call decides.
pub fn set_guest(start: fn(Life)) {
    GUEST.get_or_init(|| start);
}

fn pool() -> &'static futures_executor::ThreadPool {
    static POOL: OnceLock<futures_executor::ThreadPool> = OnceLock::new();
    POOL.get_or_init(|| {
        let builder = &mut futures_executor::ThreadPool::builder();
        // A task that wakes itself keeps its worker, so that there must be as many workers as such tasks.
        builder.pool_size(8).create().expect("a thread pool")
    })
}

fn tokio_runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let builder = &mut tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).build().expect("a tokio runtime")
    })
}

/// Wakes a thread that runs a future.
struct Rouse {
    thread: thread::Thread,
    woken: AtomicBool,
}

impl Wake for Rouse {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Runs a future on this thread; unlike others of its kind it may run inside itself.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let rouse = Arc::new(Rouse { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&rouse));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return answer;
        }
        while !rouse.woken.swap(false, Ordering::SeqCst) {
            thread::park();
        }
    }
}

/// Lets other tasks have the worker: an operation that need not wait does not.
pub async fn step_aside() {
    let mut stepped = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut stepped, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

type Outcome<R> = Result<R, String>;

const PENDING: usize = 1;
const WOKEN: usize = 2;

/// What is known of an actor from outside.
#[derive(Debug, Default)]
struct Traces {
    /// Since its last poll began: `PENDING` if that has returned so, `WOKEN` if it is about to be polled again. It may have
    /// been woken by itself: so a task gives way.
    since: AtomicUsize,
    done: AtomicBool,
    /// The thread it lives on, as the system names it.
    thread: Mutex<Option<String>>,
}

/// Wakes a task, and leaves a trace.
struct Bell {
    traces: Arc<Traces>,
    waker: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.traces.since.fetch_or(WOKEN, Ordering::SeqCst);
        self.waker.wake_by_ref();
    }
}

struct Watched<R> {
    life: Option<Pin<Box<dyn Future<Output = R> + Send>>>,
    traces: Arc<Traces>,
    bell: Option<Arc<Bell>>,
    tell: mpsc::Sender<Outcome<R>>,
}

impl<R> Future for Watched<R> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = &mut *self;
        me.traces.since.store(0, Ordering::SeqCst);
        let bell = me.bell.take().filter(|bell| bell.waker.will_wake(cx.waker()));
        let new_bell = || Arc::new(Bell { traces: me.traces.clone(), waker: cx.waker().clone() });
        let waker = Waker::from(me.bell.insert(bell.unwrap_or_else(new_bell)).clone());
        let Some(life) = me.life.as_mut() else {
            return Poll::Ready(());
        };
        let outcome = match catch_unwind(AssertUnwindSafe(|| life.as_mut().poll(&mut Context::from_waker(&waker)))) {
            Ok(Poll::Pending) => {
                me.traces.since.fetch_or(PENDING, Ordering::SeqCst);
                return Poll::Pending;
            }
            Ok(Poll::Ready(answer)) => Ok(answer),
            Err(why) => Err(text(why.as_ref())),
        };
        // What the actor owned is gone before anybody hears that it ended.
        me.life = None;
        me.traces.done.store(true, Ordering::SeqCst);
        // Nobody listens if the test has failed already.
        let _ = me.tell.send(outcome);
        Poll::Ready(())
    }
}

/// A running actor.
#[derive(Debug)]
pub struct Actor<R> {
    host: Host,
    traces: Arc<Traces>,
    told: mpsc::Receiver<Outcome<R>>,
}

impl Host {
    /// Starts an actor here.
    pub fn spawn<R: Send + 'static>(self, life: impl Future<Output = R> + Send + 'static) -> Actor<R> {
        let (tell, told) = mpsc::channel();
        let traces = Arc::new(Traces::default());
        let watched = Watched { life: Some(Box::pin(life)), traces: Arc::clone(&traces), bell: None, tell };
        match self {
            Host::Thread => {
                let traces = Arc::clone(&traces);
                thread::spawn(move || {
                    *traces.thread.lock().expect("no panic under it") = Some(this_thread());
                    block_on(watched);
                });
            }
            Host::Pool => pool().spawn_ok(watched),
            Host::Tokio => drop(tokio_runtime().spawn(watched)),
            Host::Guest => GUEST.get().expect("`set_guest` says how, first")(Box::pin(watched)),
        }
        Actor { host: self, traces, told }
    }
}

impl<R> Actor<R> {
    /// Waits for its end. Everything it owned has been dropped by then.
    ///
    /// # Panics
    /// If it panicked, or does not end in time.
    pub fn join(self) -> R {
        match self.told.recv_timeout(DEADLINE) {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => panic!("an actor panicked: {why}"),
            Err(e) => panic!("an actor on {:?} did not end: {e}", self.host),
        }
    }

    /// Whether it has ended.
    pub fn is_done(&self) -> bool {
        self.traces.done.load(Ordering::SeqCst)
    }

    /// Returns once it waits: the task is pending and not about to be polled, or the thread asleep.
    ///
    /// # Panics
    /// If it ends instead, or never waits.
    pub fn until_waiting(&self) {
        assert!(self.comes_to_wait(), "the actor ended instead of waiting");
    }

    /// The same of one that may end instead: then false.
    ///
    /// # Panics
    /// If it neither waits nor ends.
    pub fn comes_to_wait(&self) -> bool {
        let mut before = None;
        let mut same = 0;
        let mut waits = false;
        until("the actor waits", || {
            if self.is_done() {
                return true;
            }
            waits = if self.host == Host::Thread {
                let now = self.switches();
                same = if now.is_some() && now == before { same + 1 } else { 0 };
                before = now;
                same >= 5
            } else {
                self.traces.since.load(Ordering::SeqCst) == PENDING
            };
            waits
        });
        waits
    }

    /// How often its thread has been switched away from, if that is asleep now.
    fn switches(&self) -> Option<String> {
        let thread = self.traces.thread.lock().expect("no panic under it").clone()?;
        asleep(&thread)
    }

    /// Its thread, as the system names it; waits until it has begun.
    pub fn thread(&self) -> Option<String> {
        assert_eq!(self.host, Host::Thread, "only threads have a thread");
        let name = || self.traces.thread.lock().expect("no panic under it").clone();
        until("the thread has begun", || name().is_some());
        name()
    }
}

/// "1234/task/1235" where the system tells; elsewhere something that names nothing.
fn this_thread() -> String {
    let link = fs::read_link("/proc/thread-self");
    link.map_or_else(|_| String::new(), |path| path.to_string_lossy().into_owned())
}

/// The count of switches of a thread that is asleep. Where the system does not tell, says "asleep" after a while.
fn asleep(thread: &str) -> Option<String> {
    static LOOKS: AtomicUsize = AtomicUsize::new(0);
    let Ok(status) = fs::read_to_string(format!("/proc/{thread}/status")) else {
        let looks = LOOKS.fetch_add(1, Ordering::Relaxed);
        return (looks % 2000 > 1990).then(String::new);
    };
    let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key));
    let sleeps = line("State:").is_some_and(|state| state.trim_start().starts_with('S'));
    let switches = line("voluntary_ctxt_switches:").unwrap_or_default();
    sleeps.then(|| switches.trim().to_owned())
}
