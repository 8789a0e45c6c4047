//! Light tasks over threads.
#![deny(unsafe_code)]

#[cfg(not(loom))]
mod block;
#[cfg(not(loom))]
mod crew;
mod duty;
mod idle;
#[cfg(not(loom))]
mod injector;
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
mod thread;
#[cfg(not(loom))]
mod watch;
#[cfg(not(loom))]
mod worker;

#[cfg(not(loom))]
mod verbs;

#[cfg(not(loom))]
pub use crate::{
    block::block_on,
    runtime::{Builder, Report, Runtime, Stats},
    scope::{Cause, Failure, OnFailure, Scope, ScopeError, ScopeOptions, scope, scope_options},
    scope_threads::{ScopedThread, ThreadScope, thread_scope},
    task::{Panic, Task, TaskError},
    verbs::{blocking, go, go_named, name, shutdown, sleep, stats, yield_now},
};
