//! Who waits for whom, and whether anybody is left to help. The rules, and what they miss, stand in the head of `trace`.
//!
//! A set is found by two looks. What holds of a thread must hold in both, and it must have slept from one to the next: a
//! wait has its generation, and the system counts how often a thread went to sleep. All first looks come before all second
//! ones, so there was a moment in between at which all slept together.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    sync::Arc,
    time::Instant,
};

use super::{
    Operation,
    record::{End, Holder, Record, channels},
    report::{Kind, Names, WaitReport, Waiter, resolve},
    system,
    thread::{self, Aim, Task, Thread, Wait},
};

/// Threads, and tasks, none of which can go on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Deadlock {
    /// Those that wait for each other: each for the next, the last for the first. Empty if nobody can say who has the handle
    /// that is waited for.
    pub cycle: Vec<WaitReport>,
    /// Others that can go on only after them, or of whom it is only known that nobody is left who could help.
    pub others: Vec<WaitReport>,
    /// Found because every thread of the process is asleep. Otherwise by what is known of the handles.
    pub is_everybody: bool,
    /// Which waits these are.
    pub(super) keys: Vec<Key>,
}

/// A thread and its generation, or 0 and a task.
pub(super) type Key = (usize, u64);

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cycle[..] {
            [] => f.write_str("deadlock: nobody is left to help")?,
            [one] => write!(f, "deadlock: {} waits for itself", one.waiter)?,
            several => write!(f, "deadlock: {} threads wait for each other", several.len())?,
        }
        f.write_str(if self.is_everybody { "; every thread is asleep" } else { "" })?;
        for wait in &self.cycle {
            write!(f, "\n  {wait}")?;
        }
        for (at, wait) in self.others.iter().enumerate() {
            let head = if at == 0 && !self.cycle.is_empty() { "\n  besides:" } else { "" };
            write!(f, "{head}\n  {wait}")?;
        }
        Ok(())
    }
}

/// Whoever looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A thread that does nothing else.
    Watcher,
    /// A thread of the user's, which helps nobody meanwhile.
    User,
}

/// What there was at one moment, more or less.
pub(super) struct Look {
    waits: Vec<(Arc<Thread>, Wait)>,
    tasks: Vec<Task>,
    records: Vec<Arc<Record>>,
    system: Option<system::Threads>,
}

impl Look {
    pub(super) fn take() -> Look {
        let waits = thread::threads().into_iter().filter_map(|thread| thread.wait().map(|wait| (thread, wait)));
        let waits = waits.collect();
        Look { waits, tasks: thread::tasks(), records: channels(), system: system::threads() }
    }

    pub(super) fn waits(&self, names: &Names) -> Vec<WaitReport> {
        let threads = self.waits.iter().map(|(thread, wait)| self.report(thread, wait, names));
        threads.chain(self.tasks.iter().map(|task| self.report_task(task, names))).collect()
    }

    fn report(&self, thread: &Thread, wait: &Wait, names: &Names) -> WaitReport {
        let waiter = Waiter::Thread { name: names.get(thread.id) };
        let mut report = WaitReport::of(waiter, &wait.aims, &self.records, names);
        report.waited = wait.since.elapsed();
        report.has_deadline = wait.has_deadline;
        report
    }

    fn report_task(&self, task: &Task, names: &Names) -> WaitReport {
        let waiter = Waiter::Task { number: task.number };
        let mut report = WaitReport::of(waiter, &task.aims, &self.records, names);
        report.waited = Instant::now().saturating_duration_since(task.since);
        report
    }
}

/// What two looks have in common.
struct Finder<'a> {
    now: &'a Look,
    /// Waits that have stood still, and have no deadline.
    still: Vec<&'a (Arc<Thread>, Wait)>,
    tasks: Vec<&'a Task>,
}

/// The deadlocks that stood in both looks.
pub(super) fn find(before: &Look, now: &Look, asker: Asker, watchers: &BTreeSet<u32>) -> Vec<Deadlock> {
    let is_still = |(thread, wait): &(Arc<Thread>, Wait)| {
        let was_there =
            before.waits.iter().any(|(other, old)| other.id == thread.id && old.generation == wait.generation);
        let slept = match (&before.system, &now.system) {
            (Some(before), Some(now)) if thread.tid != 0 => slept(before, now, thread.tid),
            _ => true,
        };
        was_there && slept && !wait.has_deadline
    };
    let tasks = now.tasks.iter().filter(|task| before.tasks.iter().any(|old| old.number == task.number)).collect();
    let finder = Finder { now, still: now.waits.iter().filter(|wait| is_still(wait)).collect(), tasks };
    if finder.still.is_empty() && finder.tasks.is_empty() {
        return Vec::new();
    }
    if finder.is_everybody_asleep(before, asker, watchers) {
        return finder.sort(&finder.still, true);
    }
    finder.sort(&finder.stuck(), false)
}

fn slept(before: &system::Threads, now: &system::Threads, tid: u32) -> bool {
    before.get(&tid).zip(now.get(&tid)).is_some_and(|(before, now)| now.slept_since(before))
}

/// The end whose handles help.
fn helping_end(operation: Operation) -> Option<End> {
    match operation {
        Operation::Send | Operation::Reserve => Some(End::Recv),
        Operation::Recv => Some(End::Send),
        Operation::Closed => None,
    }
}

impl<'a> Finder<'a> {
    fn is_everybody_asleep(&self, before: &Look, asker: Asker, watchers: &BTreeSet<u32>) -> bool {
        let (Some(before), Some(now)) = (&before.system, &self.now.system) else { return false };
        let in_channels: BTreeSet<u32> = self.still.iter().map(|(thread, _)| thread.tid).collect();
        let others = |threads: &system::Threads| -> BTreeSet<u32> {
            threads.keys().copied().filter(|tid| !watchers.contains(tid)).collect()
        };
        let all = others(now);
        if others(before) != all || !all.iter().all(|tid| slept(before, now, *tid)) {
            return false;
        }
        // A user's thread may hold what threads outside of channels wait for; so of those only who waits for the end of a
        // sleeper is known to sleep on.
        let is_asleep = |tid: u32| {
            let mut at = tid;
            for _ in 0..now.len() {
                let Some(seen) = now.get(&at) else { return false };
                if in_channels.contains(&at) || (asker == Asker::Watcher && seen.is_asleep_for_good()) {
                    return true;
                }
                if seen.name == "narrows-timer" && seen.is_asleep_for_good() {
                    return true;
                }
                let Some(other) = seen.joins() else { return false };
                at = other;
            }
            false
        };
        all.into_iter().all(is_asleep) && (asker == Asker::Watcher || !self.may_be_helped_by(thread::own_id()))
    }

    /// Whether that thread may have a handle of a channel that is waited for.
    fn may_be_helped_by(&self, id: usize) -> bool {
        let of_threads = self.still.iter().map(|(_, wait)| &wait.aims);
        let mut aims = of_threads.chain(self.tasks.iter().map(|task| &task.aims)).flat_map(|aims| &aims.0);
        aims.any(|aim| {
            let Some((_, record)) = resolve(aim, &self.now.records) else { return true };
            [End::Send, End::Recv].into_iter().any(|end| {
                let is_known = |holder: Holder| match holder {
                    Holder::Maker(maker) => maker == id,
                    Holder::Thread(user) => user == id,
                    Holder::Several(_) => true,
                };
                record.is_lent(end) || record.handles(end).iter().any(|handle| is_known(handle.holder()))
            })
        })
    }

    /// The waits that nobody can help but one another, by what is known of the handles.
    fn stuck(&self) -> Vec<&'a (Arc<Thread>, Wait)> {
        let mut stuck = self.still.clone();
        loop {
            let ids: BTreeSet<usize> = stuck.iter().map(|(thread, _)| thread.id).collect();
            let before = stuck.len();
            stuck.retain(|(_, wait)| wait.aims.0.iter().all(|aim| self.is_hopeless(aim, &ids)));
            if stuck.len() == before {
                return stuck;
            }
        }
    }

    /// Whether every handle that could serve it is for sure with one of those threads.
    fn is_hopeless(&self, aim: &Aim, ids: &BTreeSet<usize>) -> bool {
        let Some((operation, record)) = resolve(aim, &self.now.records) else { return false };
        let Some(end) = helping_end(operation) else { return false };
        let handles = record.handles(end);
        let is_with_them = |holder| matches!(holder, Holder::Thread(id) if ids.contains(&id));
        // Without any, the end of the channel is about to wake who waits.
        !handles.is_empty()
            && record.kind != Kind::Timer
            && !record.is_lent(end)
            && handles.iter().all(|handle| is_with_them(handle.holder()))
    }

    /// For each wait those, by position, that have a handle it waits for.
    fn edges(&self, waits: &[&'a (Arc<Thread>, Wait)]) -> Vec<Vec<usize>> {
        let edges = |wait: &Wait| {
            let mut to = Vec::new();
            for (operation, record) in wait.aims.0.iter().filter_map(|aim| resolve(aim, &self.now.records)) {
                let handles = helping_end(operation).map(|end| record.handles(end)).unwrap_or_default();
                for handle in handles {
                    let (Holder::Maker(id) | Holder::Thread(id) | Holder::Several(id)) = handle.holder();
                    to.extend(waits.iter().position(|(thread, _)| thread.id == id));
                }
            }
            to
        };
        waits.iter().map(|(_, wait)| edges(wait)).collect()
    }

    /// Sorts them into cycles and those behind.
    fn sort(&self, waits: &[&'a (Arc<Thread>, Wait)], is_everybody: bool) -> Vec<Deadlock> {
        let names = Names::of_today();
        let edges = self.edges(waits);
        let mut is_told = vec![false; waits.len()];
        let mut found = Vec::new();
        for start in 0..waits.len() {
            let Some(cycle) = way(&edges, start, |at| at == start).filter(|_| !is_told[start]) else { continue };
            if cycle.iter().any(|at| is_told[*at]) {
                continue;
            }
            for at in &cycle {
                is_told[*at] = true;
            }
            found.push((cycle, Vec::new()));
        }
        // Who waits for messages is often idle, and somebody awake may have got a handle that another has used. So without
        // certainty there must be somebody whose message is stuck.
        let is_stuck = |at: &usize| {
            let aims = &waits[*at].1.aims.0;
            let operations = aims.iter().filter_map(|aim| resolve(aim, &self.now.records));
            operations.into_iter().any(|(operation, _)| helping_end(operation) == Some(End::Recv))
        };
        if !is_everybody {
            found.retain(|(cycle, _)| cycle.iter().any(is_stuck));
        }
        if is_everybody && found.is_empty() {
            found.push((Vec::new(), Vec::new()));
        }
        for at in (0..waits.len()).filter(|at| !is_told[*at]) {
            let leads_to = |cycle: &Vec<usize>| way(&edges, at, |other| cycle.contains(&other)).is_some();
            let home = found.iter().position(|(cycle, _)| leads_to(cycle)).or(is_everybody.then_some(0));
            if let Some(home) = home {
                found[home].1.push(at);
            }
        }
        let report = |at: &usize| self.now.report(&waits[*at].0, &waits[*at].1, &names);
        let key = |at: &usize| (waits[*at].0.id, waits[*at].1.generation);
        let deadlock = |(cycle, others): &(Vec<usize>, Vec<usize>)| Deadlock {
            cycle: cycle.iter().map(report).collect(),
            others: others.iter().map(report).collect(),
            is_everybody,
            keys: cycle.iter().chain(others).map(key).collect(),
        };
        let mut deadlocks: Vec<_> = found.iter().map(deadlock).collect();
        if let Some(first) = deadlocks.first_mut().filter(|_| is_everybody) {
            first.others.extend(self.tasks.iter().map(|task| self.now.report_task(task, &names)));
            first.keys.extend(self.tasks.iter().map(|task| (0, task.number as u64)));
        }
        deadlocks
    }
}

/// The shortest way of at least one step from `start` to where `is_end`, without the end itself.
fn way(edges: &[Vec<usize>], start: usize, is_end: impl Fn(usize) -> bool) -> Option<Vec<usize>> {
    let mut from = vec![None; edges.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for &next in &edges[at] {
            if is_end(next) {
                let mut steps = vec![at];
                while let Some(before) = steps.last().filter(|step| **step != start).and_then(|step| from[*step]) {
                    steps.push(before);
                }
                steps.reverse();
                return Some(steps);
            }
            if from[next].is_none() && next != start {
                from[next] = Some(at);
                queue.push_back(next);
            }
        }
    }
    None
}
