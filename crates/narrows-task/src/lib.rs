//! Light tasks over threads: futures that [`go`] beside each other, on as many threads as there are processors, and one that never
//! awaits, or blocks, stalls none of the others. Also on one processor.
//!
//! ```
//! use narrows_task::{block_on, go};
//!
//! let (s, r) = narrows::bounded(1);
//! go(async move {
//!     for n in 0..3 {
//!         s.send_async(n).await.unwrap();
//!     }
//! })
//! .detach();
//! let sum = go(async move {
//!     // A plain, blocking receive is legal, too: the other tasks go on.
//!     r.iter().sum::<i32>()
//! });
//! assert_eq!(block_on(sum).unwrap(), 3);
//! ```
//!
//! * [`scope`], [`thread_scope`]: tasks that own, threads that borrow, all ended when the scope has; with a deadline, a token, and a
//!   policy for what fails ([`scope_options`]).
//! * [`blocking`]: what blocks or takes long, in place.
//! * [`Runtime`]: a set of threads of one's own; [`Runtime::shutdown`] says what became of the tasks.
//! * [`stats`]: what there is and was.
//!
//! # How
//! A *worker* is a queue of tasks that are ready; a thread drives it. A monitor looks every few milliseconds whether a worker has been
//! in one poll for long, and then has another thread drive it; the first keeps the task that does not return. Before a channel
//! operation blocks inside a task it hands the worker over at once. Tasks of which each wakes the next run in a row for a short
//! while only, and a task whose channels are always ready gives way after 128 operations.
//!
//! # Limits
//! See the README: a task that spins keeps a thread and its share of a processor, and nobody can cancel it.
//!
//! # Unsafe code
//! In `task` alone: tasks lie in queues as addresses.
#![deny(unsafe_code)]
// Under the checker tasks are threads of it, and the workers have no work.
#![cfg_attr(narrows_check, allow(dead_code, unused_imports))]
#![cfg_attr(loom, allow(dead_code, reason = "what is modelled is a part"))]

#[cfg(not(loom))]
mod block;
#[cfg(not(loom))]
mod crew;
mod duty;
mod idle;
#[cfg(not(loom))]
mod injector;
#[cfg(all(loom, test))]
mod models;
#[cfg(not(loom))]
mod monitor;
#[cfg(not(loom))]
mod registry;
mod ring;
#[cfg(not(loom))]
mod runtime;
#[cfg(not(loom))]
mod scope;
#[cfg(not(loom))]
mod scope_threads;
mod sync;
#[cfg(not(loom))]
#[allow(unsafe_code, reason = "tasks lie in queues as addresses")]
mod task;
#[cfg(not(loom))]
#[cfg_attr(narrows_check, path = "checked.rs")]
mod thread;
#[cfg(not(loom))]
mod watch;
mod worker;

#[cfg(not(loom))]
mod verbs;

#[cfg(not(loom))]
pub use crate::{
    block::block_on,
    runtime::{Builder, Report, Runtime, Stats},
    scope::{Failure, OnFailure, Scope, ScopeError, ScopeOptions, scope, scope_options},
    scope_threads::{ScopedThread, ThreadScope, thread_scope},
    task::{Panic, Task, TaskError},
    verbs::{blocking, go, go_named, name, shutdown, sleep, stats, yield_now},
};
