//! Ranks of one process from outside: what is promised of order, modes, collectives, endings and deadlocks.
//! With `--cfg narrows_check`: some of it under very many schedules.

#[cfg(not(narrows_check))]
mod chance;
#[cfg(not(narrows_check))]
mod collectives;
#[cfg(not(narrows_check))]
mod endings;
#[cfg(not(narrows_check))]
mod groups;
#[cfg(not(narrows_check))]
mod modes;
#[cfg(not(narrows_check))]
mod order;
#[cfg(not(narrows_check))]
mod polling;
#[cfg(narrows_check)]
mod schedules;
#[cfg(all(feature = "task", not(narrows_check)))]
mod tasks;
#[cfg(narrows_check)]
#[path = "../../../narrows/tests/model/try_schedules.rs"]
mod try_schedules;
#[cfg(all(feature = "process", not(narrows_check)))]
mod wire;
