//! The work alone, on the caller's thread.

use super::{Ground, items, worked};
use crate::recursion::Job;
use crate::work::{Item, Work};

pub(super) fn map<T: Item>(_: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    items(work).map(|item| worked(work, item)).for_each(take);
}

pub(super) fn recursion(_: &Ground, job: Job) -> u64 {
    fn fib(n: u32, job: Job) -> u64 {
        if n < 2 { job.leaf(n) } else { fib(n - 1, job) + fib(n - 2, job) }
    }
    fib(job.depth, job)
}
