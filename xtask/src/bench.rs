//! `cargo xtask bench`: builds the bench optimized and hands it the words of the command line. Knows no row and no peer.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::instructions;
use crate::layers::Outcome;
use crate::workspace::Workspace;

/// True when the bench, or the count of instructions, ended well.
pub(crate) fn run(ws: &Workspace, words: &[String]) -> Result<bool> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["--instructions"] => Ok(tell(instructions::check(ws)?)),
        ["--instructions", "--record"] => Ok(tell(instructions::record(ws)?)),
        _ if words.contains(&"--instructions") => bail!("--instructions stands alone or with --record"),
        _ => measure(ws, &words),
    }
}

/// Not through `Cmd`: a bench has no time limit, and writes to the terminal as it goes.
fn measure(ws: &Workspace, words: &[&str]) -> Result<bool> {
    let mut bench = Command::new("cargo");
    bench.args(["run", "--quiet", "--release", "--package", "narrows-bench", "--bin", "narrows-bench", "--"]);
    let status = bench.args(words).current_dir(&ws.root).status().context("start cargo")?;
    Ok(status.success())
}

fn tell(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Ok(note) => println!("{note}"),
        Outcome::NotRun(why) => println!("not run: {why}"),
        Outcome::Failed(why) => {
            println!("FAILED: {why}");
            return false;
        }
    }
    true
}
