//! rayon: `par_bridge` over one iterator, as it comes and collected, and its two ways of recursion.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::Scope;
use rayon::iter::{ParallelBridge, ParallelIterator};

use super::{Ground, items, worked};
use crate::recursion::Job;
use crate::work::{Item, Work};

/// Its workers drop what they have made: there is no caller who gets it one by one.
pub(super) fn unordered<T: Item>(ground: &Ground, work: Work, _: &mut dyn FnMut(T)) {
    ground.rayon.install(|| items::<T>(work).par_bridge().for_each(|item| drop(worked(work, item))));
}

/// All of it is in memory before the first comes out.
pub(super) fn sorted<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    let mut made: Vec<T> = ground.rayon.install(|| items(work).par_bridge().map(|item| worked(work, item)).collect());
    made.sort_unstable_by_key(T::number);
    made.into_iter().for_each(take);
}

/// Which waits for both halves in the function itself: no task is stored, and the sums need no place.
pub(super) fn join(ground: &Ground, job: Job) -> u64 {
    fn fib(n: u32, job: Job) -> u64 {
        if n < 2 {
            return job.leaf(n);
        }
        let (a, b) = rayon::join(|| fib(n - 1, job), || fib(n - 2, job));
        a + b
    }
    ground.rayon.install(|| fib(job.depth, job))
}

/// Tasks that nobody waits for one by one, as ours.
pub(super) fn scope(ground: &Ground, job: Job) -> u64 {
    fn fib<'s>(n: u32, job: Job, sums: &'s [AtomicU64], scope: &Scope<'s>) {
        if n < 2 {
            // Relaxed: a sum for each thread, as our workers have, read after the end.
            sums[rayon::current_thread_index().unwrap_or(0) * 16].fetch_add(job.leaf(n), Ordering::Relaxed);
        } else {
            scope.spawn(move |scope| fib(n - 1, job, sums, scope));
            scope.spawn(move |scope| fib(n - 2, job, sums, scope));
        }
    }
    let sums: Vec<AtomicU64> = (0..ground.workers * 16).map(|_| AtomicU64::new(0)).collect();
    ground.rayon.install(|| rayon::scope(|scope| fib(job.depth, job, &sums, scope)));
    sums.into_iter().map(AtomicU64::into_inner).sum()
}
