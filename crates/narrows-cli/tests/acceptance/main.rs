//! What the manual page `parallel_alternatives(7)` of GNU parallel asks of every tool that runs jobs in parallel, in tests
//! of our own. What takes gigabytes or minutes is ignored, and run by `cargo xtask deep`.

#[path = "../harness/mod.rs"]
mod harness;

mod amounts;
mod disk;
mod input;
mod output;
