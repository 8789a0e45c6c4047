//! Ranks beside `OpenMPI` on one host: a message that goes round, a sum over all, and how long it takes to find a message
//! among many.

#![forbid(unsafe_code)]
// Times become estimates here, far below where a float loses whole numbers.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[allow(dead_code, reason = "every row is timed here")]
#[path = "../beside/mod.rs"]
mod beside;
mod load;
mod peers;
mod row;

use std::process::ExitCode;

use anyhow::Result;

use beside::Bench;
use beside::goal::{Goal, Wanted, goal};

fn main() -> Result<ExitCode> {
    beside::main(&Bench { title: "ranks and their peers", rows: row::all(), peers: peers::all(), goals: goals() })
}

/// The issue wants them beside `OpenMPI`, and names no ratio: no slower. At depth 10 there is next to nothing to search.
fn goals() -> Vec<Goal> {
    let rows = ["ring/4", "all-reduce/4/1MiB", "unexpected/1000", "unexpected/10000", "posted/1000", "posted/10000"];
    rows.into_iter().map(|row| goal(row, "ns", Wanted::Times(1.0, "openmpi"))).collect()
}
