//! Is there one order of these operations that a sequential channel could have answered so? Knows histories and the
//! sequential channel (`model.rs`), no real one.
//!
//! The search is Wing and Gong's ("Testing and verifying concurrent objects", 1993) with Lowe's memory of the
//! configurations already tried ("Testing for linearizability", 2017): take any operation that no other one precedes,
//! let the model answer, go on with the rest. At capacity 0 a send and a receive are taken together.

use crate::history::{Event, Op};
use crate::model::{Channel, Question};
use std::collections::HashSet;
use std::fmt;

/// No order of the operations explains the answers.
#[derive(Debug)]
pub struct NotLinearizable {
    /// The capacity that was assumed.
    pub capacity: Option<usize>,
    /// The history, by the moment of the call.
    pub history: Vec<Op>,
    /// What could not be explained even by the order that explained most.
    pub unexplained: Vec<Op>,
}

impl fmt::Display for NotLinearizable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "not linearizable at capacity {:?}:", self.capacity)?;
        for op in &self.history {
            let mark = if self.unexplained.contains(op) { "?" } else { " " };
            writeln!(f, "{mark} {op}")?;
        }
        Ok(())
    }
}

impl std::error::Error for NotLinearizable {}

/// Checks a history against a first-in, first-out channel of this capacity (`None`: unbounded), which starts open and empty.
///
/// # Errors
/// The history, if no order explains it.
///
/// # Panics
/// If there are more than 128 steps (an operation is one step; one that was seen pending, or was finished in two, is two; `close_now` is more).
pub fn check(capacity: Option<usize>, ops: &[Op]) -> Result<(), Box<NotLinearizable>> {
    let mut search = Search { steps: steps(capacity, ops), seen: HashSet::new(), best: 0 };
    assert!(search.steps.len() <= 128, "histories of at most 128 steps, please");
    if search.explain(0, &Channel::new(capacity)) {
        return Ok(());
    }
    let best = search.best;
    let mut unexplained: Vec<Op> = Vec::new();
    for (i, step) in search.steps.iter().enumerate() {
        if best & bit(i) == 0 && !unexplained.contains(&ops[step.op]) {
            unexplained.push(ops[step.op].clone());
        }
    }
    let mut history = ops.to_vec();
    history.sort_by_key(|op| op.call);
    Err(Box::new(NotLinearizable { capacity, history, unexplained }))
}

/// A set of steps.
type Set = u128;

fn bit(i: usize) -> Set {
    1 << i
}

struct Step {
    op: usize,
    call: u64,
    ret: u64,
    /// The step of the same operation that must come first.
    after: Option<usize>,
    /// Steps of the same operation that this one makes needless.
    spares: Vec<usize>,
    question: Question,
}

/// Takes the operations apart into steps that happen at one moment each.
fn steps(capacity: Option<usize>, ops: &[Op]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (i, op) in ops.iter().enumerate() {
        let mut push = |call, ret, after, spares, question| {
            steps.push(Step { op: i, call, ret, after, spares, question });
            Some(steps.len() - 1)
        };
        let (call, ret) = (op.call, op.ret);
        if let Event::ClosedNow(left) = &op.event {
            // Receivers may still take messages between the closing and the taking out.
            let mut last = push(call, ret, None, Vec::new(), Question::CloseAny);
            for &m in left {
                last = push(call, ret, last, Vec::new(), Question::Ask(Event::Received(m)));
            }
            push(call, ret, last, Vec::new(), Question::NothingLeft);
            continue;
        }
        let wait = if op.event.is_send() {
            Some(Question::WaitToSend(i))
        } else if op.event.is_recv() {
            Some(Question::WaitToRecv(i))
        } else {
            None
        };
        let (mut first, mut after, mut spares) = (call, None, Vec::new());
        match (wait, op.pending) {
            // Known to have waited: that step must be explained. A receive by a task ends when it is polled, not before;
            // a send ends when its message is taken.
            (Some(wait), Some((by, until))) => {
                after = push(call, by, None, Vec::new(), wait);
                first = if op.event.is_recv() { until } else { call };
            }
            // Perhaps it waited: the step may be explained.
            (Some(wait), None) if op.task && capacity == Some(0) => {
                spares.extend(push(call, ret, None, Vec::new(), wait));
            }
            _ => {}
        }
        if op.in_two {
            spares.extend(push(first, ret, after, Vec::new(), Question::Choose(i, op.event.clone())));
        }
        push(first, ret, after, spares, Question::Ask(op.event.clone()));
    }
    steps
}

struct Search {
    steps: Vec<Step>,
    seen: HashSet<(Set, Channel)>,
    best: Set,
}

impl Search {
    /// Can what is not in `done` be explained, starting from this state?
    fn explain(&mut self, done: Set, channel: &Channel) -> bool {
        if done.count_ones() > self.best.count_ones() {
            self.best = done;
        }
        if done.count_ones() as usize == self.steps.len() {
            return true;
        }
        if !self.seen.insert((done, channel.clone())) {
            return false;
        }
        let ready = self.ready(done);
        for &i in &ready {
            for (also, next) in self.answers(i, &ready, channel) {
                let mut after = done | bit(i);
                for j in [Some(i), also].into_iter().flatten() {
                    let spared = self.steps[j].spares.iter().map(|&k| bit(k));
                    after |= spared.fold(bit(j), |all, one| all | one);
                }
                if self.explain(after, &next) {
                    return true;
                }
            }
        }
        false
    }

    /// The steps that nothing precedes which is not done.
    fn ready(&self, done: Set) -> Vec<usize> {
        let left = || (0..self.steps.len()).filter(|&i| done & bit(i) == 0);
        let first_end = left().map(|i| self.steps[i].ret).min().unwrap_or(u64::MAX);
        left()
            .filter(|&i| self.steps[i].call <= first_end)
            .filter(|&i| self.steps[i].after.is_none_or(|j| done & bit(j) != 0))
            .collect()
    }

    /// What may happen if step `i` is next: the step that happens together with it, if any, and the state that follows.
    fn answers(&self, i: usize, ready: &[usize], channel: &Channel) -> Vec<(Option<usize>, Channel)> {
        let step = &self.steps[i];
        let mut all: Vec<(Option<usize>, Channel)> = Vec::new();
        let receivers =
            || ready.iter().copied().filter(|&j| matches!(&self.steps[j].question, Question::Ask(e) if e.is_recv()));
        // Those that were polled, and had to wait in the end, may have waited before that, too.
        let about_to_wait = ready.iter().filter(|&&j| matches!(self.steps[j].question, Question::WaitToRecv(_)));
        let receiving = receivers().count() + about_to_wait.count();
        for next in channel.answer(step.op, &step.question, receiving) {
            all.push((None, next));
        }
        if channel.capacity == Some(0) {
            for j in receivers() {
                let peer = &self.steps[j];
                if let Some(next) = channel.meet(step.op, &step.question, peer.op, &peer.question) {
                    all.push((Some(j), next));
                }
            }
        }
        all
    }
}
