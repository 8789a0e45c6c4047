//! The ways of running operations: on what a side lives, and by which verb it sends or receives. A rule is written once,
//! and holds every way.

use crate::actor::{Actor, Host, block_on};
use crate::ends::{RecvEnd, SendEnd};
use narrows::{Receiver, RecvError, SendError, Sender};
use std::future::Future;
use std::time::Duration;

/// Which method does it. The first four block, the others are awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `send`, `recv`.
    Plain,
    /// `send_timeout`, `recv_timeout`, with time enough.
    Timed,
    /// A `Select` of one arm.
    Select,
    /// The macro `select!` with one arm.
    Macro,
    /// `reserve`, then the permit; receives plainly.
    Permit,
    /// `send_async`, `recv_async`.
    Async,
    /// A `Select` of one arm, awaited.
    SelectAsync,
    /// `reserve_async`, then the permit; receives by `recv_async`.
    PermitAsync,
}

/// One side: where it lives and how it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// Where.
    pub host: Host,
    /// How.
    pub verb: Verb,
}

/// Both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// For messages.
    pub name: &'static str,
    /// The senders.
    pub send: Side,
    /// The receivers.
    pub recv: Side,
}

const fn way(name: &'static str, send: (Host, Verb), recv: (Host, Verb)) -> Way {
    Way { name, send: Side { host: send.0, verb: send.1 }, recv: Side { host: recv.0, verb: recv.1 } }
}

const PLAIN: (Host, Verb) = (Host::Thread, Verb::Plain);
const TASK: (Host, Verb) = (Host::Pool, Verb::Async);
const GUEST: (Host, Verb) = (Host::Guest, Verb::Async);
const TOKIO_TASK: (Host, Verb) = (Host::Tokio, Verb::Async);

/// Blocking threads.
pub static THREADS: Way = way("threads", PLAIN, PLAIN);
/// Tasks on futures-executor.
pub static POOL: Way = way("pool", TASK, TASK);
/// Tasks on tokio.
pub static TOKIO: Way = way("tokio", TOKIO_TASK, TOKIO_TASK);
/// Mixed.
pub static THREADS_TO_TASKS: Way = way("threads_to_tasks", PLAIN, TOKIO_TASK);
/// Mixed, the other way round.
pub static TASKS_TO_THREADS: Way = way("tasks_to_threads", TASK, PLAIN);
/// With time limits.
pub static TIMED: Way = way("timed", (Host::Thread, Verb::Timed), (Host::Thread, Verb::Timed));
/// The dynamic select.
pub static SELECT: Way = way("select", (Host::Thread, Verb::Select), (Host::Thread, Verb::Select));
/// The select macro.
pub static MACROS: Way = way("macros", (Host::Thread, Verb::Macro), (Host::Thread, Verb::Macro));
/// The dynamic select, awaited.
pub static SELECT_ASYNC: Way = way("select_async", (Host::Pool, Verb::SelectAsync), (Host::Pool, Verb::SelectAsync));
/// Permits.
pub static PERMITS: Way = way("permits", (Host::Thread, Verb::Permit), (Host::Thread, Verb::Permit));
/// Permits, awaited.
pub static PERMITS_ASYNC: Way =
    way("permits_async", (Host::Tokio, Verb::PermitAsync), (Host::Tokio, Verb::PermitAsync));

/// Tasks on what the test program brings. These are not among all: each program asks for them itself.
pub static GUESTS: Way = way("guests", GUEST, GUEST);
/// The same, mixed with threads.
pub static THREADS_TO_GUESTS: Way = way("threads_to_guests", PLAIN, GUEST);
/// Mixed, the other way round.
pub static GUESTS_TO_THREADS: Way = way("guests_to_threads", GUEST, PLAIN);
/// The dynamic select, awaited.
pub static SELECT_GUESTS: Way =
    way("select_guests", (Host::Guest, Verb::SelectAsync), (Host::Guest, Verb::SelectAsync));
/// Tasks that block their thread. Not for rules that wait until a side waits: that is seen of a task which is pending.
pub static BLOCKING_GUESTS: Way = way("blocking_guests", (Host::Guest, Verb::Plain), (Host::Guest, Verb::Plain));

/// All of them.
pub static WAYS: [&Way; 11] = [
    &THREADS,
    &POOL,
    &TOKIO,
    &THREADS_TO_TASKS,
    &TASKS_TO_THREADS,
    &TIMED,
    &SELECT,
    &MACROS,
    &SELECT_ASYNC,
    &PERMITS,
    &PERMITS_ASYNC,
];

/// Time enough for anything.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

impl Side {
    /// Starts an actor of this side.
    pub fn spawn<R: Send + 'static>(self, life: impl Future<Output = R> + Send + 'static) -> Actor<R> {
        self.host.spawn(life)
    }

    /// Whether its operations are awaited.
    pub fn is_task(self) -> bool {
        self.host != Host::Thread
    }

    /// Whether a send that waits lays its message out, so that a receiver can take it without waiting itself. At
    /// capacity 0 a permit claims a receiver that waits, and so does the select of a task, which may never come back.
    pub fn lays_out(self) -> bool {
        !matches!(self.verb, Verb::Permit | Verb::PermitAsync | Verb::SelectAsync)
    }

    /// Sends, waiting as long as it takes.
    ///
    /// # Errors
    /// The message, if the channel is closed. A permit or a selected send may miss its receiver at capacity 0: it goes
    /// round again.
    pub async fn send<S: SendEnd>(self, s: &S, message: S::Message) -> Result<(), SendError<S::Message>> {
        let mut message = message;
        loop {
            let answer = s.send_by(self, message).await;
            match answer {
                Err(SendError(back)) if !s.is_closed() => {
                    let may_miss = !matches!(self.verb, Verb::Plain | Verb::Timed | Verb::Async);
                    assert!(may_miss && s.capacity() == Some(0), "Disconnected on an open channel");
                    message = back;
                }
                answer => return answer,
            }
        }
    }

    /// Receives, waiting as long as it takes.
    ///
    /// # Errors
    /// When the channel is closed and drained.
    pub async fn recv<R: RecvEnd>(self, r: &R) -> Result<R::Message, RecvError> {
        r.recv_by(self).await
    }

    /// Sends from the thread of the test.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_here<S: SendEnd>(self, s: &S, message: S::Message) -> Result<(), SendError<S::Message>> {
        block_on(self.send(s, message))
    }

    /// Receives on the thread of the test.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_here<R: RecvEnd>(self, r: &R) -> Result<R::Message, RecvError> {
        block_on(self.recv(r))
    }

    /// Waits until the channel is closed.
    pub async fn closed_to_senders<T: Send>(self, s: &Sender<T>) {
        if self.is_task() {
            s.closed().await;
        } else {
            s.closed().wait();
        }
    }

    /// Waits until the channel is closed.
    pub async fn closed_to_receivers<T: Send>(self, r: &Receiver<T>) {
        if self.is_task() {
            r.closed().await;
        } else {
            r.closed().wait();
        }
    }
}
