//! Models of the protocol between processes: its files, compiled here without the rest of the crate, over memory of their own.
//! Threads stand for processes. Under loom they meet in every order within its bound; under shuttle in very many random ones, with
//! their histories checked; else, and under miri, they are threads of the system.
#![deny(unsafe_code)]
#![allow(dead_code, unreachable_pub)] // what the rest of the crate uses

#[path = "../../src/bell.rs"]
mod bell;
#[path = "../../src/pool.rs"]
mod pool;
#[path = "../../src/queue"]
mod queue {
    pub(crate) mod ring;
    pub(crate) mod wake;
    pub(crate) mod word;
}
#[path = "../../src/sync.rs"]
mod sync;

#[cfg(loom)]
#[path = "../../src/broadcast"]
mod broadcast {
    mod model;
    pub(crate) mod row;
}
#[cfg(loom)]
#[path = "../../src/rpc"]
mod rpc {
    mod model;
    pub(crate) mod slots;
}

#[cfg(not(any(loom, narrows_check)))]
mod dying;
#[cfg(loom)]
#[path = "../../../narrows/tests/model/explore.rs"]
mod explore;
#[cfg(any(loom, narrows_check))]
mod futex;
#[cfg(loom)]
mod loom_bell;
#[cfg(loom)]
mod loom_death;
#[cfg(loom)]
mod loom_pool;
#[cfg(loom)]
mod loom_ring;
#[allow(unsafe_code, reason = "cells of messages, which a word protects")]
mod memory;
#[cfg(narrows_check)]
mod shuttle_histories;
#[cfg(not(any(loom, narrows_check)))]
mod threads;
#[cfg(narrows_check)]
#[path = "../../../narrows/tests/model/try_schedules.rs"]
mod try_schedules;
#[cfg(not(any(loom, narrows_check)))]
mod walk;
#[cfg(not(any(loom, narrows_check)))]
mod walk_pool;
