//! Ranks of one process from outside: what is promised of order, modes, collectives, endings and deadlocks.

mod chance;
mod collectives;
mod endings;
mod modes;
mod order;
mod polling;
#[cfg(feature = "process")]
mod wire;
