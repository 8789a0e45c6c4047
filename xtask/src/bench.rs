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
        ["--farm", ref words @ ..] => farm(ws, words),
        _ if words.contains(&"--farm") => bail!("--farm comes first"),
        _ => cargo(ws, &["run", "--package", "narrows-bench", "--bin", "narrows-bench", "--"], &words),
    }
}

/// The program and its peers; built without the peers of the channels.
fn farm(ws: &Workspace, words: &[&str]) -> Result<bool> {
    const BENCH: [&str; 8] = [
        "run",
        "--package",
        "narrows-bench",
        "--no-default-features",
        "--features",
        "farm",
        "--bin",
        "narrows-bench-farm",
    ];
    let built = cargo(ws, &["build", "--package", "narrows-cli"], &[])?;
    Ok(built && cargo(ws, &[&BENCH[..], &["--"]].concat(), words)?)
}

/// Not through `Cmd`: a bench has no time limit, and writes to the terminal as it goes.
fn cargo(ws: &Workspace, what: &[&str], words: &[&str]) -> Result<bool> {
    let mut cargo = Command::new("cargo");
    cargo.args(&what[..1]).args(["--quiet", "--release"]).args(&what[1..]).args(words);
    Ok(cargo.current_dir(&ws.root).status().context("start cargo")?.success())
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
