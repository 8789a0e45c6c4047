//! `OpenMPI`, by a program in C: processes that share memory (its BTL `vader`; `self` for a rank alone).

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, anyhow, ensure};

use crate::beside::{Peer, Row, program};
use crate::row::Load;

const SOURCE: &str = include_str!("../../../../c/rank.c");
/// Both are ways within one machine; no other is to be tried.
const WAYS: [&str; 3] = ["--mca", "btl", "self,vader"];
/// Seconds: before the bench loses patience, so that it ends all ranks itself.
const LONGEST: &str = "50";

pub(super) fn peer() -> Peer<Load> {
    Peer { lacks: |_| built().as_ref().err().map(|why| format!("not run: {why:#}")), ..Peer::program("openmpi", start) }
}

fn built() -> &'static Result<PathBuf> {
    static PROGRAM: OnceLock<Result<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let found = Command::new("mpirun").arg("--version").output();
        let is_open = found.is_ok_and(|found| String::from_utf8_lossy(&found.stdout).contains("Open MPI"));
        ensure!(is_open, "no mpirun of OpenMPI on this machine");
        program::build("mpicc", &["-O2"], "rank.c", SOURCE)
    })
}

fn start(_: &Peer<Load>, row: &Row<Load>, count: u64) -> Result<Command> {
    let program = built().as_ref().map_err(|why| anyhow!("{why:#}"))?;
    let (load, amount) = match row.load {
        Load::Ring { .. } => ("ring", 0),
        Load::AllReduce { numbers, .. } => ("all-reduce", numbers),
        Load::Unexpected { depth } => ("unexpected", depth),
        Load::Posted { depth } => ("posted", depth),
    };
    let mut command = Command::new("mpirun");
    // As many ranks as are wanted, whatever processors there are; nothing else here is pinned either.
    command.args(["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "--timeout", LONGEST]).args(WAYS);
    command.args(["-n", &row.load.ranks().to_string()]).arg(program).arg(load);
    command.args([amount.to_string(), count.to_string()]);
    Ok(command)
}
