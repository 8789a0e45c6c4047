//! Models: small programs over channels, run in every schedule that loom finds within its bound, or in very many random
//! ones under shuttle with their histories checked. What is private to the crate is modelled beside its code.
#![cfg(any(loom, narrows_check))]

#[cfg(loom)]
mod explore;
#[cfg(loom)]
mod loom_broadcast;
#[cfg(loom)]
mod loom_delivery;
#[cfg(loom)]
mod loom_ending;
#[cfg(loom)]
mod loom_events;
#[cfg(loom)]
mod loom_governed;
#[cfg(loom)]
mod loom_lanes;
#[cfg(loom)]
mod loom_oneshot;
#[cfg(loom)]
mod loom_select;
#[cfg(loom)]
mod loom_taking;
#[cfg(loom)]
mod loom_tasks;
#[cfg(loom)]
mod loom_watch;
#[cfg(narrows_check)]
mod shuttle_bodies;
#[cfg(narrows_check)]
mod shuttle_histories;
#[cfg(narrows_check)]
mod shuttle_tokens;
mod task;
#[cfg(narrows_check)]
mod try_schedules;

/// A channel of that capacity; `None` is unbounded.
fn channel<T>(bound: Option<usize>) -> (narrows::Sender<T>, narrows::Receiver<T>) {
    match bound {
        Some(capacity) if capacity >= RULES => narrows::builder().resizable().bounded(capacity - RULES),
        Some(capacity) => narrows::bounded(capacity),
        None => narrows::unbounded(),
    }
}

/// Added to a capacity it makes the channel one with rules, which is another algorithm.
const RULES: usize = 1 << 16;
