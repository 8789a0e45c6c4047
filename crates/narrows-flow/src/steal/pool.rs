//! A deque for each worker: it takes the newest from one end, and who has nothing takes the older half of another's from
//! the other end, so few meet and large tasks travel. It runs nothing and starts nobody.
//!
//! Who finds nothing says so (`hungry`), looks everywhere once more, and then sleeps. Who adds a task looks at `hungry`
//! and calls a sleeper. No call is lost: both lock the deque in between. Either the look came after the task and finds it,
//! or it came before, and then the adder, who locked after, sees `hungry`. Loot on its way from one deque to another is in
//! neither: the thief adds it as it would a task, and so looks at `hungry`, too.
//!
//! The end: a task is added only by a worker to its own deque, and a worker sleeps only after it found that one empty. So
//! if all sleep, all deques are empty and will stay so, also if one of them was called and is not up yet.
//!
//! The models at the end of this file try both under loom: `RUSTFLAGS="--cfg loom" cargo test -p narrows-flow --lib model`.
// crossbeam-deque in a pool by hand, whose threads do not sleep, takes about half the time where a task does nothing, and as
// long where it takes a microsecond; rayon's `scope` takes 1.4 times as long as this (narrows-bench-flow). Its deques would need
// fences here that no model could try.

use std::{collections::VecDeque, sync::PoisonError};

#[cfg(loom)]
use loom::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};
#[cfg(not(loom))]
use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

/// At most so many tasks are stolen at a time.
const LOOT: usize = 32;

/// Nothing of the user's runs under these locks, so what a panic left is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A worker's deque. Neighbours in memory would slow each other down.
#[repr(align(128))]
struct Deque<T>(Mutex<VecDeque<T>>);

#[derive(Default)]
struct Beds {
    sleepers: usize,
    /// Sleepers that are to get up and look.
    calls: usize,
    is_over: bool,
}

pub(super) struct Pool<T> {
    deques: Vec<Deque<T>>,
    /// Workers that have found nothing and do not run a task.
    hungry: AtomicUsize,
    beds: Mutex<Beds>,
    call: Condvar,
}

impl<T> Pool<T> {
    pub(super) fn new(workers: usize) -> Pool<T> {
        Pool {
            deques: (0..workers).map(|_| Deque(Mutex::new(VecDeque::new()))).collect(),
            hungry: AtomicUsize::new(0),
            beds: Mutex::new(Beds::default()),
            call: Condvar::new(),
        }
    }

    /// Adds a task to a worker's own deque.
    pub(super) fn spawn(&self, who: usize, task: T) {
        lock(&self.deques[who].0).push_back(task);
        // Relaxed: the lock just left orders it, as the head of this file says.
        if self.hungry.load(Ordering::Relaxed) > 0 {
            self.call_one();
        }
    }

    /// What was not begun.
    pub(super) fn take_all(&self) -> Vec<T> {
        self.deques.iter().flat_map(|deque| std::mem::take(&mut *lock(&deque.0))).collect()
    }

    #[cold]
    fn call_one(&self) {
        let mut beds = lock(&self.beds);
        // Who is hungry and does not sleep yet finds the call when it means to.
        beds.calls = (beds.calls + 1).min(self.deques.len());
        drop(beds);
        self.call.notify_one();
    }

    /// The newest of one's own, or the older half of another's.
    fn find(&self, who: usize) -> Option<T> {
        if let Some(task) = lock(&self.deques[who].0).pop_back() {
            return Some(task);
        }
        let others = (1..self.deques.len()).map(|step| (who + step) % self.deques.len());
        others.into_iter().find_map(|other| self.steal(who, other))
    }

    fn steal(&self, who: usize, other: usize) -> Option<T> {
        let mut theirs = lock(&self.deques[other].0);
        let count = theirs.len().div_ceil(2).min(LOOT);
        let mut loot = theirs.drain(..count);
        let first = loot.next();
        let rest: VecDeque<T> = loot.collect();
        drop(theirs);
        if !rest.is_empty() {
            lock(&self.deques[who].0).extend(rest);
            // Relaxed: as in `spawn`. It was in nobody's deque for a moment, and may be what others looked for.
            if self.hungry.load(Ordering::Relaxed) > 0 {
                self.call_one();
            }
        }
        first
    }

    /// A task; `None` once there are none and nobody is left who could add one.
    pub(super) fn next(&self, who: usize) -> Option<T> {
        if let Some(task) = self.find(who) {
            return Some(task);
        }
        // Relaxed: the locks of the deques, taken next, order it.
        self.hungry.fetch_add(1, Ordering::Relaxed);
        let task = loop {
            if let Some(task) = self.find(who) {
                break Some(task);
            }
            if !self.sleep() {
                break None;
            }
        };
        self.hungry.fetch_sub(1, Ordering::Relaxed);
        task
    }

    /// Sleeps until called; false once all sleep.
    fn sleep(&self) -> bool {
        let mut beds = lock(&self.beds);
        beds.sleepers += 1;
        if beds.sleepers == self.deques.len() {
            beds.is_over = true;
            self.call.notify_all();
        }
        while beds.calls == 0 && !beds.is_over {
            beds = self.call.wait(beds).unwrap_or_else(PoisonError::into_inner);
        }
        beds.sleepers -= 1;
        beds.calls = beds.calls.saturating_sub(1);
        !beds.is_over
    }

    /// Nobody sleeps any more; what is in the deques can still be taken.
    pub(super) fn end(&self) {
        lock(&self.beds).is_over = true;
        self.call.notify_all();
    }
}

#[cfg(all(test, loom))]
mod model {
    use std::sync::atomic::{AtomicU64, Ordering};

    use loom::{
        sync::{Arc, Condvar, Mutex},
        thread,
    };

    use super::{Pool, lock};

    /// Tasks that were done, and a way to wait for one: a task that nobody takes is a deadlock, which loom reports.
    struct Done {
        tasks: Mutex<Vec<char>>,
        more: Condvar,
    }

    impl Done {
        fn note(&self, task: char) {
            lock(&self.tasks).push(task);
            self.more.notify_all();
        }

        fn wait_for(&self, task: char) {
            let mut tasks = lock(&self.tasks);
            while !tasks.contains(&task) {
                tasks = self.more.wait(tasks).unwrap();
            }
        }
    }

    /// Runs `tasks` of the first worker's deque, and what they add, by so many workers; all of `wanted` are done once.
    fn run(
        name: &str,
        workers: usize,
        tasks: &'static [char],
        task: fn(char, &Pool<char>, usize, &Done),
        wanted: &'static [char],
    ) {
        let executions = std::sync::Arc::new(AtomicU64::new(0));
        let counted = executions.clone();
        loom::model(move || {
            // Relaxed: one execution after the other.
            counted.fetch_add(1, Ordering::Relaxed);
            let pool = Arc::new(Pool::new(workers));
            let done = Arc::new(Done { tasks: Mutex::new(Vec::new()), more: Condvar::new() });
            tasks.iter().for_each(|next| pool.spawn(0, *next));
            let work = |who: usize| {
                let (pool, done) = (pool.clone(), done.clone());
                move || {
                    while let Some(next) = pool.next(who) {
                        task(next, &pool, who, &done);
                        done.note(next);
                    }
                }
            };
            let others: Vec<_> = (1..workers).map(|who| thread::spawn(work(who))).collect();
            work(0)();
            others.into_iter().for_each(|other| other.join().unwrap());
            let mut all = lock(&done.tasks).clone();
            all.sort_unstable();
            assert_eq!(all, wanted);
            assert!(pool.take_all().is_empty());
        });
        println!("model {name}: {} executions", executions.load(Ordering::Relaxed));
    }

    #[test]
    fn a_task_that_is_added_wakes_a_sleeper_while_its_adder_waits_for_it() {
        let task = |next, pool: &Pool<char>, who: usize, done: &Done| {
            if next == 'a' {
                pool.spawn(who, 'b');
                done.wait_for('b');
            }
        };
        run("steal_wakes", 2, &['a'], task, &['a', 'b']);
    }

    #[test]
    fn loot_is_found_while_its_thief_waits_for_it() {
        // Who steals of the three takes two: it works on b and has c in its own deque, or another steals that.
        let task = |next, _: &Pool<char>, _: usize, done: &Done| match next {
            'd' => done.wait_for('b'),
            'b' => done.wait_for('c'),
            _ => {}
        };
        run("steal_loot", 3, &['b', 'c', 'd'], task, &['b', 'c', 'd']);
    }

    #[test]
    fn all_workers_end_when_there_is_nothing_more() {
        let task = |next, pool: &Pool<char>, who: usize, _: &Done| {
            if next == 'a' {
                pool.spawn(who, 'b');
                pool.spawn(who, 'c');
            }
        };
        run("steal_ends", 2, &['a'], task, &['a', 'b', 'c']);
    }
}
