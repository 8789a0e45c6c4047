//! A supervisor: a [plan](crate::plan), and the delivery of what it decides.
//!
//! Events come from whatever thread a child ends in. What they lead to is put into an outbox under the lock of the plan, and
//! delivered outside of it, by one thread at a time: so the children hear in the order in which it was decided, and no lock
//! is held while somebody is woken.

use std::{collections::VecDeque, fmt, time::Instant};

use narrows::Gate;

use crate::{
    clock::Clock,
    desk::{Desk, How, Signal},
    plan::{Action, ChildState, Plan, Restart, Rules},
    reason::{Reason, guarded},
    sync::{Arc, Mutex, Weak, lock},
};

/// A child of a supervisor.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Actor(Arc<Desk>),
    Group(Arc<Office>),
}

/// A place below a supervisor.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    office: Weak<Office>,
    key: u64,
}

impl Post {
    pub(crate) fn started(&self, life: u64) {
        if let Some(office) = self.office.upgrade() {
            office.decide(|plan, now| plan.started(self.key, life, now));
        }
    }

    pub(crate) fn exited(&self, life: u64, reason: &Reason) {
        if let Some(office) = self.office.upgrade() {
            office.decide(|plan, now| plan.exited(self.key, life, reason, now));
        }
    }
}

pub(crate) struct Office {
    pub(crate) name: Arc<str>,
    parent: Option<Post>,
    clock: Clock,
    state: Mutex<State>,
    pub(crate) over: Gate,
}

struct State {
    plan: Plan<Node>,
    outbox: VecDeque<Action<Node>>,
    is_delivering: bool,
    /// Of those that the parent counts.
    life: u64,
    /// Why it went down the last time.
    last: Option<Reason>,
}

impl Office {
    fn new(name: &str, rules: Rules, clock: Clock, parent: Option<Post>) -> Arc<Office> {
        let (plan, outbox) = (Plan::new(rules), VecDeque::new());
        let state = State { plan, outbox, is_delivering: false, life: 0, last: None };
        Arc::new(Office { name: name.into(), parent, clock, state: Mutex::new(state), over: Gate::new() })
    }

    /// One without a parent, up at once.
    pub(crate) fn root(name: &str, rules: Rules, clock: Clock) -> Arc<Office> {
        let office = Office::new(name, rules, clock, None);
        office.decide(|plan, now| plan.begin(now, now));
        office
    }

    /// A supervisor below this one.
    pub(crate) fn add_group(self: &Arc<Office>, name: &str, rules: Rules, restart: Restart) -> Arc<Office> {
        let mut made = None;
        self.decide(|plan, now| {
            plan.add(restart, now, |key| {
                let post = Post { office: Arc::downgrade(self), key };
                let group = Office::new(name, rules, self.clock.clone(), Some(post));
                made = Some(group.clone());
                Node::Group(group)
            })
        });
        made.unwrap_or_else(|| unreachable!("a plan makes what it adds"))
    }

    pub(crate) fn add_actor(self: &Arc<Office>, desk: &Arc<Desk>, restart: Restart) -> Post {
        let mut post = None;
        self.decide(|plan, now| {
            plan.add(restart, now, |key| {
                post = Some(Post { office: Arc::downgrade(self), key });
                Node::Actor(desk.clone())
            })
        });
        post.unwrap_or_else(|| unreachable!("a plan places what it adds"))
    }

    pub(crate) fn stop(&self, how: How) {
        self.decide(|plan, now| plan.stop(how, now));
    }

    pub(crate) fn last_reason(&self) -> Option<Reason> {
        lock(&self.state).last.clone()
    }

    fn decide(&self, event: impl FnOnce(&mut Plan<Node>, Instant) -> Vec<Action<Node>>) {
        self.decide_on(|state, now| event(&mut state.plan, now));
    }

    fn decide_on(&self, event: impl FnOnce(&mut State, Instant) -> Vec<Action<Node>>) {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        let actions = event(&mut state, now);
        state.outbox.extend(actions);
        if std::mem::replace(&mut state.is_delivering, true) {
            return; // whoever delivers does so with these, too
        }
        while let Some(action) = state.outbox.pop_front() {
            let life = state.life;
            if let Action::Exited(reason) = &action {
                state.last = Some(reason.clone());
            }
            drop(state);
            // To wake somebody may run code of an executor.
            let _ = guarded(|| self.deliver(action, life));
            state = lock(&self.state);
        }
        state.is_delivering = false;
    }

    fn deliver(&self, action: Action<Node>, own_life: u64) {
        match action {
            Action::Begin(Node::Actor(desk), life, at) => desk.signal(Signal::Begin { life, at }),
            Action::Halt(Node::Actor(desk), life) => desk.signal(Signal::Halt { life }),
            Action::Stop(Node::Actor(desk), how) => desk.signal(Signal::Stop(how)),
            Action::Release(Node::Actor(desk)) => desk.signal(Signal::Release),
            Action::Begin(Node::Group(office), life, at) => office.decide_on(|state, now| {
                state.life = life;
                state.plan.begin(at, now)
            }),
            Action::Halt(Node::Group(office), life) => {
                office.decide_on(|state, now| if state.life == life { state.plan.halt(now) } else { Vec::new() });
            }
            Action::Stop(Node::Group(office), how) => office.stop(how),
            Action::Release(Node::Group(office)) => office.release(),
            Action::Started => {
                if let Some(parent) = &self.parent {
                    parent.started(own_life);
                }
            }
            Action::Exited(reason) => match &self.parent {
                Some(parent) => parent.exited(own_life, &reason),
                None => self.release(),
            },
        }
    }

    /// There is no other life, of any below it.
    fn release(&self) {
        self.decide(|plan, _| plan.release());
        self.over.open();
    }

    /// What there is below it now.
    pub(crate) fn tree(&self) -> Tree {
        let state = lock(&self.state);
        let children = state.plan.children().map(|(node, stage, life)| (node.clone(), stage, life)).collect::<Vec<_>>();
        let kind = TreeKind::Supervisor(state.plan.rules().strategy);
        drop(state);
        let children = children.into_iter().map(|(node, stage, lives)| match node {
            Node::Actor(desk) => {
                Tree { name: desk.name.clone(), kind: TreeKind::Actor, state: stage, lives, children: Vec::new() }
            }
            Node::Group(office) => Tree { state: stage, lives, ..office.tree() },
        });
        Tree { name: self.name.clone(), kind, state: ChildState::Up, lives: 1, children: children.collect() }
    }
}

/// What runs below a supervisor, and in which state. As a text it is a line for each, indented. From
/// [`Supervisor::tree`](crate::Supervisor::tree).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tree {
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: TreeKind,
    /// In which state it is.
    pub state: ChildState,
    /// How many lives it has had, this one included.
    pub lives: u64,
    /// What is below it, in order.
    pub children: Vec<Tree>,
}

/// What a [`Tree`] is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeKind {
    /// An actor.
    Actor,
    /// A supervisor with that strategy.
    Supervisor(crate::Strategy),
}

impl Tree {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let kind = match self.kind {
            TreeKind::Actor => "actor".to_owned(),
            TreeKind::Supervisor(strategy) => format!("supervisor, {strategy:?}"),
        };
        writeln!(f, "{:depth$}{} ({kind}): {:?}, life {}", "", self.name, self.state, self.lives, depth = 2 * depth)?;
        self.children.iter().try_for_each(|child| child.write(f, depth + 1))
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office").field("name", &self.name).finish_non_exhaustive()
    }
}
