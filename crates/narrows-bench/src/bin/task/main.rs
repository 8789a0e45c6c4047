//! Light tasks beside what else there is: what a loop that never ends does to the others, what a task that waits costs, and
//! how fast two tasks hand each other messages.

#![forbid(unsafe_code)]
// Times become estimates here, far below where a float loses whole numbers.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[path = "../beside/mod.rs"]
mod beside;
mod board;
mod load;
mod peers;
mod row;

use std::process::ExitCode;

use anyhow::Result;

use beside::Bench;
use beside::goal::{Goal, Wanted, goal};

fn main() -> Result<ExitCode> {
    beside::main(&Bench { title: "light tasks and their peers", rows: row::all(), peers: peers::all(), goals: goals() })
}

/// Those of the issue. It wants that 50 blocked tasks do not stall the rest, and names no time: what 16 loops may cost is taken.
fn goals() -> Vec<Goal> {
    let mut goals = vec![
        goal("loops/1", "all", Wanted::AtMost(25.0)),
        goal("loops/4", "all", Wanted::AtMost(150.0)),
        goal("loops/16", "all", Wanted::AtMost(600.0)),
        goal("loops-before/1", "all", Wanted::AtMost(25.0)),
        goal("loops-before/4", "all", Wanted::AtMost(150.0)),
        goal("loops-before/16", "all", Wanted::AtMost(600.0)),
        goal("blocked/50", "all", Wanted::AtMost(600.0)),
    ];
    for row in ["parked/own/workers", "parked/own/one-worker", "parked/shared/workers", "parked/shared/one-worker"] {
        goals.push(goal(row, "bytes", Wanted::AtMost(256.0)));
        goals.push(goal(row, "spawn", Wanted::Times(1.0, "tokio")));
    }
    for row in ["ping-pong/1/one-worker", "ping-pong/1/workers", "ring/1/one-worker", "ring/1/workers"] {
        goals.extend(["tokio", "go"].map(|peer| goal(row, "ns", Wanted::Times(1.0, peer))));
    }
    for row in ["ping-pong/0/one-worker", "ping-pong/0/workers", "stream/0/one-worker", "stream/0/workers"] {
        goals.push(goal(row, "ns", Wanted::Times(1.0, "go")));
    }
    goals
}
