//! Processes that communicate: the examples and a few more, once on threads of the system and, with
//! `--cfg narrows_check`, under very many schedules; without it also what an alternative promises.

#[path = "../../examples/csp_buffer.rs"]
mod buffer;
#[path = "../../examples/csp_philosophers.rs"]
mod philosophers;
#[path = "../../examples/csp_primes.rs"]
mod primes;
#[path = "../../examples/csp_vending_machines.rs"]
mod vending_machines;

#[cfg(not(narrows_check))]
mod alternatives;
mod schedules;
