//! What an actor is: state that one message at a time changes, and what becomes of it after each.

use std::{fmt, future::Future, pin::Pin};

use crate::{
    context::Cx,
    reason::{Down, Reason},
};

/// State that is changed by one message at a time.
///
/// A message is a plain value, as a rule an enum; a question carries its [`Reply`](crate::Reply). Whatever runs the actor, a
/// thread, a task or a test, calls these methods one after the other and never two at once.
///
/// ```
/// use narrows_actor::{Actor, Cx, Flow, Reply};
///
/// struct Counter(u64);
///
/// enum Req {
///     Add(u64),
///     Get(Reply<u64>),
/// }
///
/// impl Actor for Counter {
///     type Msg = Req;
///
///     fn handle(&mut self, message: Req, _: &Cx<Req>) -> Flow {
///         match message {
///             Req::Add(n) => self.0 += n,
///             Req::Get(reply) => reply.send(self.0),
///         }
///         Flow::Next
///     }
/// }
/// ```
pub trait Actor: Send + Sized + 'static {
    /// What it is sent.
    type Msg: Send + 'static;

    /// A life begins: before the first message of it is handled. Timers are set and watches begun here.
    fn started(&mut self, _cx: &Cx<Self::Msg>) -> Flow {
        Flow::Next
    }

    /// A message has come, from the mailbox or from a timer of this life.
    fn handle(&mut self, message: Self::Msg, cx: &Cx<Self::Msg>) -> Flow;

    /// A life of an actor that this one [watches](Cx::watch) has ended.
    fn down(&mut self, _down: Down, _cx: &Cx<Self::Msg>) -> Flow {
        Flow::Next
    }

    /// A life of an actor that this one is [linked](Cx::link) with has ended. Unless this is written otherwise, a failure of
    /// the one is a failure of the other.
    fn linked(&mut self, down: Down, _cx: &Cx<Self::Msg>) -> Flow {
        if down.reason.is_failure() {
            Flow::fail(format!("linked {} has failed: {}", down.name, down.reason))
        } else {
            Flow::Next
        }
    }

    /// A life ends: called once for each life whose [`started`](Actor::started) was called, also after a panic. The next life
    /// begins only when this has returned.
    fn stopped(&mut self, _reason: &Reason, _cx: &Cx<Self::Msg>) {}
}

/// What becomes of an actor after a message.
#[derive(Debug)]
pub enum Flow {
    /// It takes its next message.
    Next,
    /// Its life ends as it should: [`Reason::Normal`].
    Stop,
    /// Its life ends as a failure, as by a panic. From [`Flow::fail`].
    Fail(Failure),
    /// It waits for a future before its next message. From [`Flow::wait`].
    Wait(Waiting),
}

impl Flow {
    /// Ends the life as a failure, which its supervisor hears of, without a panic.
    pub fn fail(why: impl Into<String>) -> Flow {
        Flow::Fail(Failure(Box::new(why.into())))
    }

    /// Has the actor await this before it takes its next message. So an actor that runs on tasks asks another without holding
    /// up its thread. A stop that is not to drain, and a restart, drop the future.
    ///
    /// ```
    /// # use narrows_actor::{Addr, Flow, Reply};
    /// # use std::time::Duration;
    /// # enum Get { Get(Reply<u64>) }
    /// fn twice(other: &Addr<Get>, reply: Reply<u64>) -> Flow {
    ///     let other = other.clone();
    ///     Flow::wait(async move {
    ///         if let Ok(n) = other.ask_async(Get::Get, Duration::from_secs(1)).await {
    ///             reply.send(2 * n);
    ///         }
    ///         Flow::Next
    ///     })
    /// }
    /// ```
    pub fn wait(future: impl Future<Output = Flow> + Send + 'static) -> Flow {
        Flow::Wait(Waiting(Box::new(Box::pin(future))))
    }
}

/// Why a life has failed. In [`Flow::Fail`]. Boxed twice, so that a [`Flow`] fits two registers.
pub struct Failure(#[allow(clippy::box_collection)] Box<String>);

impl Failure {
    pub(crate) fn into_text(self) -> String {
        *self.0
    }
}

/// What an actor waits for. In [`Flow::Wait`].
pub struct Waiting(Box<Pin<Box<dyn Future<Output = Flow> + Send>>>);

impl Waiting {
    pub(crate) fn into_future(self) -> Pin<Box<dyn Future<Output = Flow> + Send>> {
        *self.0
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Waiting { .. }")
    }
}
