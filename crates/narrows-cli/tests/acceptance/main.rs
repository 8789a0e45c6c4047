//! What the manual page `parallel_alternatives(7)` of GNU parallel asks of every tool that runs jobs in parallel, in tests
//! of our own. Each has two amounts: one for every day, and one of gigabytes or minutes for `NARROWS_DEEP=1`, which
//! `cargo xtask deep` sets.

#[path = "../harness/mod.rs"]
mod harness;

mod amounts;
mod disk;
mod input;
mod output;
