//! Processes that communicate. Without a checker: what an alternative promises, and that the examples do what they say.
//! With `--cfg narrows_check`: the same examples under very many schedules.

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
#[cfg(narrows_check)]
mod schedules;
