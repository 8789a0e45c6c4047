//! Tasks that make tasks: ours beside rayon's `join` and `scope`, on Fibonacci without a cut-off and on a tree with work in
//! its leaves.

use narrows_flow::Stealing;
use rayon::Scope;

use crate::peers::Ground;
use crate::work::spin;

#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) name: &'static str,
    /// As of Fibonacci's tree, whose leaves are 0 and 1.
    depth: u32,
    leaf: u64,
}

impl Job {
    pub(crate) fn all(turns_per_us: f64) -> [Job; 2] {
        [
            Job { name: "fib(24), no work", depth: 24, leaf: 0 },
            Job { name: "fib(18), 1 us in each leaf", depth: 18, leaf: turns_per_us as u64 },
        ]
    }

    /// Calls of the function, which are the tasks.
    pub(crate) fn tasks(&self) -> u64 {
        let (mut last, mut now) = (1, 1);
        for _ in 1..self.depth {
            (last, now) = (now, last + now + 1);
        }
        now
    }
}

pub(crate) type Run = fn(&Ground, Job) -> u64;

pub(crate) const ALL: [(&str, Run); 4] =
    [("plain recursion", plain), ("narrows-flow Stealing", ours), ("rayon join", join), ("rayon scope", scope)];

fn leaf(n: u32, job: Job) -> u64 {
    spin(job.leaf);
    u64::from(n)
}

fn plain(_: &Ground, job: Job) -> u64 {
    fn fib(n: u32, job: Job) -> u64 {
        if n < 2 { leaf(n, job) } else { fib(n - 1, job) + fib(n - 2, job) }
    }
    fib(job.depth, job)
}

fn ours(ground: &Ground, job: Job) -> u64 {
    let stolen = Stealing::new(ground.workers).run(
        [job.depth],
        || 0,
        |sum, n, spawner| {
            if n < 2 {
                *sum += leaf(n, job);
            } else {
                spawner.spawn(n - 1);
                spawner.spawn(n - 2);
            }
        },
    );
    stolen.into_states().into_iter().sum()
}

fn join(ground: &Ground, job: Job) -> u64 {
    fn fib(n: u32, job: Job) -> u64 {
        if n < 2 {
            return leaf(n, job);
        }
        let (a, b) = rayon::join(|| fib(n - 1, job), || fib(n - 2, job));
        a + b
    }
    ground.rayon.install(|| fib(job.depth, job))
}

fn scope(ground: &Ground, job: Job) -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    fn fib<'s>(n: u32, job: Job, sums: &'s [AtomicU64], scope: &Scope<'s>) {
        if n < 2 {
            // One for each thread, as our workers have.
            sums[rayon::current_thread_index().unwrap_or(0) * 16].fetch_add(leaf(n, job), Ordering::Relaxed);
        } else {
            scope.spawn(move |scope| fib(n - 1, job, sums, scope));
            scope.spawn(move |scope| fib(n - 2, job, sums, scope));
        }
    }
    let sums: Vec<AtomicU64> = (0..ground.workers * 16).map(|_| AtomicU64::new(0)).collect();
    ground.rayon.install(|| rayon::scope(|scope| fib(job.depth, job, &sums, scope)));
    sums.into_iter().map(AtomicU64::into_inner).sum()
}
