//! What a supervisor decides: a machine of values, which knows no thread and no clock, and is told of what has happened.
//!
//! Each child is down, starting, up or being halted. What is wanted of it are two marks: that it be halted, and that it be
//! started. `advance` does the next thing that is possible: those marked are halted in the reverse of their order, one after the
//! other, and then started in order. Whatever happens meanwhile only sets more marks, so there is no case for a failure in the
//! middle of a restart.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{desk::How, reason::Reason};

/// Who is restarted when one has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// That one.
    #[default]
    OneForOne,
    /// All: the others are halted, in the reverse of their order, and then all are started.
    OneForAll,
    /// That one and those that were made after it.
    RestForOne,
}

/// When an actor is to live again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Whenever a life has ended, but for a stop.
    Permanent,
    /// After a failure.
    #[default]
    Transient,
    /// Never, not even with its group.
    Temporary,
}

/// How long to wait before a restart: `first`, then twice as long each time, `longest` at most. A life that lasted `reset` makes the
/// next wait the first again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// How long a life must last for the failures before it to be forgotten.
    pub reset: Duration,
}

impl Backoff {
    /// No waiting.
    pub const NONE: Backoff = Backoff { first: Duration::ZERO, longest: Duration::ZERO, reset: Duration::ZERO };

    fn delay(&self, failures_before: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures_before).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) strategy: Strategy,
    pub(crate) max_restarts: usize,
    pub(crate) period: Duration,
    pub(crate) backoff: Backoff,
}

/// What is to be done to a child, or told to the parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action<N> {
    Begin(N, u64, Instant),
    Halt(N, u64),
    Stop(N, How),
    Release(N),
    /// All are up.
    Started,
    /// All are down.
    Exited(Reason),
}

/// In which state an actor or supervisor is, as its supervisor sees it. In a [`Tree`](crate::Tree).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildState {
    /// Between two lives, until others of its group have been halted or started.
    Down,
    /// It was told to begin, perhaps after a while, and [`started`](crate::Actor::started) has not returned.
    Starting,
    /// It lives.
    Up,
    /// It was told to end.
    Halting,
}

#[derive(Debug)]
struct Child<N> {
    key: u64,
    node: N,
    restart: Restart,
    stage: ChildState,
    life: u64,
    is_to_halt: bool,
    is_to_start: bool,
    at: Instant,
    failures: u32,
    up_since: Instant,
}

#[derive(Debug)]
pub(crate) struct Plan<N> {
    rules: Rules,
    children: Vec<Child<N>>,
    restarts: VecDeque<Instant>,
    next_key: u64,
    /// Whether the parent wants it up, and whether it was told so.
    is_up: bool,
    has_started: bool,
    /// All are to go down, for that reason.
    ending: Option<Reason>,
    /// For good.
    stop: Option<How>,
}

impl<N: Clone> Plan<N> {
    pub(crate) fn new(rules: Rules) -> Plan<N> {
        let (children, restarts) = (Vec::new(), VecDeque::new());
        let (is_up, has_started) = (false, false);
        Plan { rules, children, restarts, next_key: 0, is_up, has_started, ending: None, stop: None }
    }

    /// One more, the last in order.
    pub(crate) fn add(&mut self, restart: Restart, now: Instant, node: impl FnOnce(u64) -> N) -> Vec<Action<N>> {
        let key = self.next_key;
        self.next_key += 1;
        let node = node(key);
        if self.stop.is_some() {
            return vec![Action::Release(node)];
        }
        let (stage, is_to_start) = (ChildState::Down, self.is_up && self.ending.is_none());
        self.children.push(Child {
            key,
            node,
            restart,
            stage,
            life: 0,
            is_to_halt: false,
            is_to_start,
            at: now,
            failures: 0,
            up_since: now,
        });
        self.advance(now)
    }

    /// The parent, or for the root its maker, wants it up.
    pub(crate) fn begin(&mut self, at: Instant, now: Instant) -> Vec<Action<N>> {
        self.is_up = true;
        self.has_started = false;
        self.restarts.clear();
        for child in &mut self.children {
            child.is_to_start = true;
            child.at = at;
        }
        self.advance(now)
    }

    /// The parent wants it down, and up again later.
    pub(crate) fn halt(&mut self, now: Instant) -> Vec<Action<N>> {
        if !self.is_up && self.ending.is_none() {
            return Vec::new(); // it went down by itself meanwhile, and has said so
        }
        self.go_down(Reason::Restarting);
        self.advance(now)
    }

    /// It is to go down for good. Who was told to drain may be told to stop now.
    pub(crate) fn stop(&mut self, how: How, now: Instant) -> Vec<Action<N>> {
        let is_worse = self.stop.is_some_and(|before| before != how) && how == How::Now;
        if self.stop.is_some() && !is_worse {
            return Vec::new();
        }
        self.stop = Some(how);
        self.go_down(Reason::Stopped);
        let again = self.children.iter().filter(|child| is_worse && child.stage == ChildState::Halting);
        let mut actions = again.map(|child| Action::Stop(child.node.clone(), how)).collect::<Vec<_>>();
        actions.extend(self.advance(now));
        actions
    }

    /// There will be no other life of it, so of none of its children.
    pub(crate) fn release(&mut self) -> Vec<Action<N>> {
        self.stop = Some(How::Now);
        self.children.drain(..).map(|child| Action::Release(child.node)).collect()
    }

    pub(crate) fn started(&mut self, key: u64, life: u64, now: Instant) -> Vec<Action<N>> {
        let Some(child) = self.children.iter_mut().find(|child| child.key == key && child.life == life) else {
            return Vec::new();
        };
        if child.stage == ChildState::Starting {
            child.stage = ChildState::Up;
            child.up_since = now;
        }
        self.advance(now)
    }

    pub(crate) fn exited(&mut self, key: u64, life: u64, reason: &Reason, now: Instant) -> Vec<Action<N>> {
        let Some(i) = self.children.iter().position(|child| child.key == key && child.life == life) else {
            return Vec::new();
        };
        let child = &mut self.children[i];
        if child.stage == ChildState::Down && !reason.is_final() {
            return Vec::new();
        }
        let was_asked = std::mem::replace(&mut child.stage, ChildState::Down) == ChildState::Halting;
        let lives_again = match child.restart {
            Restart::Permanent => !reason.is_final(),
            Restart::Transient => reason.is_failure() && !reason.is_final() || was_asked,
            Restart::Temporary => false,
        };
        let mut actions = Vec::new();
        if reason.is_final() || self.stop.is_some() || !lives_again {
            actions.push(Action::Release(self.children.remove(i).node));
        } else if !was_asked && self.ending.is_none() {
            self.fail(i, now);
        }
        actions.extend(self.advance(now));
        actions
    }

    /// One has failed, and is to live again.
    fn fail(&mut self, i: usize, now: Instant) {
        let period = self.rules.period;
        self.restarts.push_back(now);
        while self.restarts.front().is_some_and(|at| now.saturating_duration_since(*at) > period) {
            self.restarts.pop_front();
        }
        if self.restarts.len() > self.rules.max_restarts {
            self.go_down(Reason::TooManyRestarts);
            return;
        }
        let backoff = self.rules.backoff;
        let child = &mut self.children[i];
        if now.saturating_duration_since(child.up_since) >= backoff.reset {
            child.failures = 0;
        }
        let at = now + backoff.delay(child.failures);
        child.failures = child.failures.saturating_add(1);
        let affected = match self.rules.strategy {
            Strategy::OneForOne => i..i + 1,
            Strategy::OneForAll => 0..self.children.len(),
            Strategy::RestForOne => i..self.children.len(),
        };
        for child in &mut self.children[affected] {
            child.is_to_halt = child.stage != ChildState::Down;
            child.is_to_start = true;
            child.at = child.at.max(at);
        }
    }

    fn go_down(&mut self, reason: Reason) {
        self.is_up = false;
        self.ending = Some(reason);
        for child in &mut self.children {
            child.is_to_halt = true;
            child.is_to_start = false;
        }
    }

    /// Does what is possible now.
    fn advance(&mut self, now: Instant) -> Vec<Action<N>> {
        let mut actions = Vec::new();
        let stop = self.stop;
        if stop.is_some() {
            // Who is down waits for a word, too.
            for child in self.children.iter_mut().filter(|child| child.stage == ChildState::Down) {
                actions.push(Action::Release(child.node.clone()));
            }
            self.children.retain(|child| child.stage != ChildState::Down);
        }
        let to_halt = self.children.iter_mut().rev().find(|child| child.is_to_halt && child.stage != ChildState::Down);
        if let Some(child) = to_halt {
            if child.stage != ChildState::Halting {
                child.stage = ChildState::Halting;
                actions.push(match stop {
                    Some(how) => Action::Stop(child.node.clone(), how),
                    None => Action::Halt(child.node.clone(), child.life),
                });
            }
            return actions;
        }
        if let Some(reason) = self.ending.take() {
            for child in &mut self.children {
                child.is_to_halt = false;
            }
            actions.push(Action::Exited(reason));
            return actions;
        }
        let is_in_order = self.rules.strategy != Strategy::OneForOne;
        for child in &mut self.children {
            child.is_to_halt = false;
            if child.is_to_start && child.stage == ChildState::Down {
                child.is_to_start = false;
                child.stage = ChildState::Starting;
                child.life += 1;
                child.up_since = child.at.max(now);
                actions.push(Action::Begin(child.node.clone(), child.life, child.at));
            }
            if is_in_order && child.stage == ChildState::Starting {
                break;
            }
        }
        let is_starting = self.children.iter().any(|child| child.stage == ChildState::Starting || child.is_to_start);
        if self.is_up && !is_starting && !self.has_started {
            self.has_started = true;
            actions.push(Action::Started);
        }
        actions
    }

    /// The children in order: whom, in which stage, and how many lives they have had.
    pub(crate) fn children(&self) -> impl Iterator<Item = (&N, ChildState, u64)> {
        self.children.iter().map(|child| (&child.node, child.stage, child.life))
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> (Plan<char>, Instant) {
        let now = Instant::now();
        let rules = Rules { strategy: Strategy::OneForAll, max_restarts: 1, ..Rules::default() };
        let mut plan = Plan::new(rules);
        plan.begin(now, now);
        (plan, now)
    }

    /// A child that ends by itself may be told to halt before its news has come; its answer to that is no end of the next life.
    #[test]
    fn news_of_an_end_that_is_known_changes_nothing() {
        let (mut plan, now) = plan();
        assert_eq!(plan.add(Restart::Transient, now, |_| 'a'), [Action::Begin('a', 1, now)]);
        assert_eq!(plan.add(Restart::Transient, now, |_| 'b'), [], "until the first has started");
        assert_eq!(plan.started(0, 1, now), [Action::Begin('b', 1, now)]);
        plan.started(1, 1, now);
        assert_eq!(plan.exited(1, 1, &Reason::Failed("".into()), now), [Action::Halt('a', 1)]);
        assert_eq!(plan.exited(1, 1, &Reason::Restarting, now), []);
        assert_eq!(plan.exited(0, 1, &Reason::Failed("".into()), now), [Action::Begin('a', 2, now)]);
        assert_eq!(plan.exited(0, 1, &Reason::Restarting, now), [], "of a life before");
        assert_eq!(plan.started(0, 2, now), [Action::Begin('b', 2, now)]);
    }

    /// As a child: it has said that it failed, and is told to halt by a parent that has not heard it yet.
    #[test]
    fn a_supervisor_that_is_down_says_so_once() {
        let (mut plan, now) = plan();
        plan.add(Restart::Transient, now, |_| 'a');
        let failed = Reason::Failed("".into());
        assert_eq!(plan.exited(0, 1, &failed, now), [Action::Begin('a', 2, now)]);
        assert_eq!(plan.exited(0, 2, &failed, now), [Action::Exited(Reason::TooManyRestarts)]);
        assert_eq!(plan.halt(now), []);
        assert_eq!(plan.begin(now, now), [Action::Begin('a', 3, now)]);
        assert_eq!(plan.halt(now), [Action::Halt('a', 3)]);
        assert_eq!(plan.exited(0, 3, &Reason::Restarting, now), [Action::Exited(Reason::Restarting)]);
        assert_eq!(plan.stop(How::Drain, now), [Action::Release('a'), Action::Exited(Reason::Stopped)]);
    }

    #[test]
    fn a_drain_is_cut_short_for_who_is_draining() {
        let (mut plan, now) = plan();
        plan.add(Restart::Transient, now, |_| 'a');
        plan.started(0, 1, now);
        assert_eq!(plan.stop(How::Drain, now), [Action::Stop('a', How::Drain)]);
        assert_eq!(plan.stop(How::Drain, now), []);
        assert_eq!(plan.stop(How::Now, now), [Action::Stop('a', How::Now)]);
        let end = plan.exited(0, 1, &Reason::Stopped, now);
        assert_eq!(end, [Action::Release('a'), Action::Exited(Reason::Stopped)]);
        assert_eq!(plan.add(Restart::Permanent, now, |_| 'b'), [Action::Release('b')]);
    }
}
