//! Actors beside what else there is, and beside what people write by hand: what a message costs, and what a question.

#![forbid(unsafe_code)]
// Times become estimates here, far below where a float loses whole numbers.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[allow(dead_code, reason = "all peers are libraries here, and every row is timed")]
#[path = "../beside/mod.rs"]
mod beside;
mod counter;
mod load;
mod peers;
mod row;

use std::process::ExitCode;

use anyhow::Result;

use beside::Bench;
use beside::goal::{Goal, Wanted, goal};

fn main() -> Result<ExitCode> {
    beside::main(&Bench { title: "actors and their peers", rows: row::all(), peers: peers::all(), goals: goals() })
}

fn goals() -> Vec<Goal> {
    const ROWS: [&str; 12] = [
        "tell/threads/1",
        "tell/threads/4",
        "tell/tokio/1",
        "tell/tokio/4",
        "tell/tasks/1",
        "tell/tasks/4",
        "ask/threads/1",
        "ask/threads/4",
        "ask/tokio/1",
        "ask/tokio/4",
        "ask/tasks/1",
        "ask/tasks/4",
    ];
    let each = |row| [goal(row, "ns", Wanted::Times(1.3, "enum by hand")), goal(row, "overtaken", Wanted::AtMost(0.0))];
    ROWS.into_iter().flat_map(each).collect()
}
