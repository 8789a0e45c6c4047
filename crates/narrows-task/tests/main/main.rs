//! Light tasks, from outside.

mod blocking;
mod conformance;
mod ending;
mod fairness;
mod scopes;
mod stress;
mod tasks;

use narrows_task::Runtime;

/// A runtime of so many workers.
fn runtime(workers: usize) -> Runtime {
    Runtime::builder().workers(workers).build().expect("a few threads can be had")
}

/// A runtime that can start no thread beside those of its workers.
fn crowded(workers: usize) -> Runtime {
    Runtime::builder().workers(workers).max_threads(workers).build().expect("a few threads can be had")
}
