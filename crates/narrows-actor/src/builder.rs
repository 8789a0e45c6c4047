//! The descriptions of actors and supervisors of which more is to be said.

use std::{fmt, marker::PhantomData, time::Duration};

use crate::{
    actor::Actor,
    address::Addr,
    cell::{Cell, Describe},
    context::Cx,
    desk::Desk,
    mailbox::{Envelope, Letters, Mail, Manner, OnFull, Outside},
    plan::{Backoff, Restart, Rules, Strategy},
    sync::Arc,
    system::Supervisor,
};

/// Describes an actor. From [`Supervisor::build`].
#[must_use = "an actor is made by `start`"]
pub struct ActorBuilder<'s, A: Actor, F> {
    supervisor: &'s Supervisor,
    make: F,
    name: Option<String>,
    /// `None` without a bound.
    capacity: Option<usize>,
    on_full: OnFull,
    restart: Restart,
    letters: Option<Letters<A::Msg>>,
    describe: Option<Describe<A::Msg>>,
    actor: PhantomData<fn() -> A>,
}

impl<'s, A: Actor, F: FnMut() -> A + Send + 'static> ActorBuilder<'s, A, F> {
    pub(crate) fn new(supervisor: &'s Supervisor, make: F) -> ActorBuilder<'s, A, F> {
        let (name, capacity, on_full) = (None, Some(64), OnFull::Wait);
        let (restart, letters, describe, actor) = (Restart::default(), None, None, PhantomData);
        ActorBuilder { supervisor, make, name, capacity, on_full, restart, letters, describe, actor }
    }

    /// Names it, for people and for messages about cycles. Without a name it has that of its type, and its number.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many messages the mailbox holds: 64 unless said otherwise.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// Takes the bound from the mailbox. Then nobody is held up who sends faster than the actor works, and memory goes instead.
    pub fn unbounded(mut self) -> Self {
        self.capacity = None;
        self
    }

    /// Says what a tell does when the mailbox is full.
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// Says when the actor lives again: after a failure, unless said otherwise.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Says who gets messages that were sent and will not be handled: what is in the mailbox when the actor ends for good, and
    /// what goes out for a newer one. A message that a life was handling when it panicked is lost with it.
    ///
    /// Runs where the actor ends, or in who sends the newer one. One that panics at the end of the actor keeps none of the others.
    pub fn dead_letters(mut self, letters: impl Fn(A::Msg) + Send + Sync + 'static) -> Self {
        self.letters = Some(Arc::new(letters));
        self
    }

    /// Says how the log of a [test kit](crate::TestKit) shows a message. Elsewhere it does nothing.
    pub fn describe(mut self, describe: impl Fn(&A::Msg) -> String + Send + Sync + 'static) -> Self {
        self.describe = Some(Box::new(describe));
        self
    }

    /// Makes it.
    ///
    /// # Panics
    /// If the capacity is 0, or the system gives no thread.
    pub fn start(self) -> Addr<A::Msg> {
        assert!(
            self.capacity != Some(0),
            "a mailbox needs a place: an actor meets nobody; give it a capacity of 1 or more"
        );
        let works = &self.supervisor.works;
        let (slot, mailbox) = self.capacity.map_or_else(narrows::unbounded, narrows::bounded);
        let ringer = slot.clone();
        let (desk, lane) = Desk::new(
            |id| self.name.unwrap_or_else(|| format!("{}-{}", short_name::<A>(), id.0)),
            // A mailbox that is full wakes the actor as well.
            move || drop(ringer.try_send(Envelope::Ring)),
        );
        let manner = match self.on_full {
            OnFull::Wait if works.is_staged() => Manner::Staged,
            OnFull::Wait => Manner::Wait,
            OnFull::Refuse => Manner::Refuse,
            OnFull::DropOldest => Manner::DropOldest,
        };
        let clock = works.clock.clone();
        let mail = Mail { slot, manner, letters: self.letters, desk: desk.clone(), clock };
        let outside = Arc::new(Outside { mail: mail.clone() });
        let cx = Cx::new(mail, Arc::downgrade(&outside));
        let member = works.alive.member();
        let post = self.supervisor.office.add_actor(&desk, self.restart);
        let cell = Cell::new(self.make, mailbox, lane, cx, post, self.describe, member);
        works.run(cell).expect("the system gives no thread for an actor");
        Addr::new(outside)
    }
}

/// The last part of a type's name, without what it is generic over.
fn short_name<A>() -> &'static str {
    let whole = std::any::type_name::<A>();
    let path = whole.split('<').next().unwrap_or(whole);
    path.rsplit("::").next().unwrap_or(path)
}

/// Describes a supervisor. From [`Supervisor::supervisor`].
#[must_use = "a supervisor is made by `start`"]
#[derive(Debug)]
pub struct SupervisorBuilder<'s> {
    parent: &'s Supervisor,
    name: String,
    rules: Rules,
    restart: Restart,
}

impl<'s> SupervisorBuilder<'s> {
    pub(crate) fn new(parent: &'s Supervisor, name: &str) -> SupervisorBuilder<'s> {
        SupervisorBuilder { parent, name: name.to_owned(), rules: Rules::default(), restart: Restart::Transient }
    }

    /// Who is restarted when one has failed: that one, unless said otherwise.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.rules.strategy = strategy;
        self
    }

    /// How many restarts are allowed within `period`: 3 in 5 seconds, unless said otherwise. With one more all below it is
    /// halted, and it has failed itself, which is its parent's affair.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Self {
        self.rules.max_restarts = restarts;
        self.rules.period = period;
        self
    }

    /// How long to wait before a restart: not at all, unless said otherwise.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.rules.backoff = backoff;
        self
    }

    /// Whether the supervisor itself lives again when it has failed: yes, unless said otherwise.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Makes it.
    pub fn start(self) -> Supervisor {
        let office = self.parent.office.add_group(&self.name, self.rules, self.restart);
        Supervisor { office, works: self.parent.works.clone() }
    }
}

impl<A: Actor, F> fmt::Debug for ActorBuilder<'_, A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorBuilder")
            .field("name", &self.name)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
