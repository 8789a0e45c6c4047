//! What stands beside channels and carries no message: work that is under way, a gate that opens, a wish to stop.
//!
//! ```text
//!  WaitGroup   counts members    all_done()    may happen again and again     group.rs
//!  Gate        shut, then open   opened()      once                           gate.rs
//!  CancelToken                   cancelled()   once, and for all below it     token.rs, why: reason.rs
//!                  \________________|________________/
//!                                 Event        one way to wait for them: here
//!                              /         \
//!                         flag.rs      group.rs     a word, and a bell (`wait/bell.rs`)
//! ```
//! They are for telling everybody *that* something is so; who has something to say sends it through a channel, and
//! where one of several is to be told, a channel is right, too.

mod flag;
mod gate;
mod group;
mod reason;
mod token;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use self::{flag::Flag, group::Count, token::Node};
pub use self::{
    gate::Gate,
    group::{Member, WaitGroup},
    reason::CancelReason,
    token::{CancelGuard, CancelToken},
};
use crate::{
    arm::{Arm, Look, Seat, Ticket, Token, Who},
    time::Deadline,
    wait::{
        self,
        bell::{self, Bell, EventOp},
        task::TaskWait,
    },
};

/// What is waited for.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Flag(&'a Flag),
    Token(&'a Node),
    Count(&'a Count),
}

impl bell::Event for Source<'_> {
    type Output = ();

    fn bell(&self) -> &Bell {
        match self {
            Source::Flag(flag) => flag.bell(),
            Source::Token(node) => node.flag().bell(),
            Source::Count(count) => count.bell(),
        }
    }

    fn outcome(&self) -> Option<()> {
        let has_happened = match self {
            Source::Flag(flag) => flag.has_truly_happened(),
            Source::Token(node) => node.is_cancelled() || node.flag().has_truly_happened(),
            Source::Count(count) => count.members() == 0,
        };
        has_happened.then_some(())
    }

    fn may_have_happened(&self) -> bool {
        match self {
            Source::Flag(flag) => flag.has_happened(),
            Source::Token(node) => node.is_cancelled(),
            Source::Count(count) => count.is_zero(),
        }
    }

    fn announce(&self) -> bool {
        match self {
            Source::Flag(flag) => flag.announce(),
            Source::Token(node) => node.flag().announce(),
            Source::Count(count) => count.announce(),
        }
    }

    fn due(&self) -> Option<Instant> {
        match self {
            Source::Token(node) => node.deadline(),
            Source::Flag(_) | Source::Count(_) => None,
        }
    }

    fn told(&self) -> Option<()> {
        Some(())
    }
}

/// Something that happens, as something to wait for: [block](Event::wait) on it, await it, or select it. From
/// [`Gate::opened`], [`CancelToken::cancelled`] and [`WaitGroup::all_done`].
///
/// Everything done before it happened is visible to who has waited for it. In [`select!`](crate::select) it is an arm
/// `recv(event) -> _`, received as `Ok(())`; of a [`Select`](crate::Select) it is an [arm](crate::Select::arm). Once a
/// gate is open or a token cancelled that arm is ready for ever: take it out of a select that is used again.
///
/// # Cancel safety
/// Dropping it loses nothing.
///
/// ```
/// use narrows::{CancelToken, select, unbounded};
///
/// let (jobs, queue) = unbounded::<u32>();
/// let stop = CancelToken::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         loop {
///             select! {
///                 recv(queue) -> job => println!("job {}", job.unwrap()),
///                 recv(stop.cancelled()) -> _ => break,
///             }
///         }
///     });
///     jobs.send(1).unwrap();
///     stop.cancel();
/// });
/// ```
#[must_use = "a future does nothing until it is polled"]
pub struct Event<'a>(TaskWait<EventOp<Source<'a>>>);

impl<'a> Event<'a> {
    fn new(source: Source<'a>) -> Event<'a> {
        Event(TaskWait::new(EventOp::new(source)))
    }

    fn source(&self) -> Source<'a> {
        self.0.op().event
    }

    fn wait_by(&self, deadline: Deadline) -> bool {
        wait::block(&mut EventOp::new(self.source()), deadline).is_some()
    }

    /// Blocks until it happens.
    pub fn wait(&self) {
        self.wait_by(Deadline::Never);
    }

    /// Blocks for at most `timeout`; true if it has happened. A time-out beyond the clock's range never comes.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_by(Deadline::after(timeout))
    }

    /// Blocks until `deadline` at most; true if it has happened. One that has passed already means: look once.
    pub fn wait_deadline(&self, deadline: Instant) -> bool {
        self.wait_by(Deadline::At(deadline))
    }
}

impl Future for Event<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_on(cx, false)
    }
}

/// Nothing is taken, so an arm that was chosen has nothing to give back. What a selector was rung for may have been in
/// an earlier use, so it looks anew.
impl Arm for Event<'_> {
    fn attempt(&self, who: Who<'_>) -> Option<Token> {
        self.is_ready(who).then_some(Token::new(0, 0))
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        bell::Event::outcome(&self.source()).is_some()
    }

    fn may_be_ready(&self) -> bool {
        bell::Event::may_have_happened(&self.source())
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        bell::enlist(&self.source(), ticket, seat)
    }

    fn retract(&self, seat: &mut Seat) {
        bell::Event::bell(&self.source()).leave(seat);
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Event { .. }")
    }
}
