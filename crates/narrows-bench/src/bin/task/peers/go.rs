//! Go: a program of its own, with goroutines and its own channels.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, anyhow};

use crate::beside::{Peer, Row, program};
use crate::row::{BLOCKED, Job, Load, RING};

const SOURCE: &str = include_str!("../../../../go/task/main.go");

pub(super) fn peer() -> Peer<Job> {
    Peer { lacks: |_| built().as_ref().err().map(|why| format!("not run: {why:#}")), ..Peer::program("go", start) }
}

fn built() -> &'static Result<PathBuf> {
    static PROGRAM: OnceLock<Result<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(|| program::build("go", &["build"], "task.go", SOURCE))
}

fn start(_: &Peer<Job>, row: &Row<Job>, count: u64) -> Result<Command> {
    let program = built().as_ref().map_err(|why| anyhow!("{why:#}"))?;
    let (load, tasks) = match row.load.load {
        Load::Loops { count, before: false } => ("loops", count as u64),
        Load::Loops { count, before: true } => ("loops-before", count as u64),
        Load::Blocked => ("blocked", BLOCKED as u64),
        Load::Parked { own: true } => ("parked-own", count),
        Load::Parked { own: false } => ("parked-shared", count),
        Load::PingPong => ("ping-pong", 2),
        Load::Stream => ("stream", 2),
        Load::Ring => ("ring", RING as u64),
    };
    // 0 workers are as many as Go takes.
    let workers = row.load.workers.unwrap_or(0) as u64;
    let mut command = Command::new(program);
    command.arg(load).args([workers, row.load.capacity as u64, tasks, count].map(|number| number.to_string()));
    Ok(command)
}
