//! Narrows and its peers side by side, in one process. README.md says what is measured, and how.
//!
//! # Unsafe code
//!
//! Modules that may use `unsafe`: `allocations` (an allocator that counts must be one).

#![cfg(feature = "peers")]
#![deny(unsafe_code)]
// Times and counts become estimates here, far below where a float loses whole numbers.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[allow(unsafe_code, reason = "an allocator that counts must be one")]
mod allocations;
mod args;
mod kinds;
mod load;
mod machine;
mod measure;
mod message;
mod peer;
mod peers;
mod report;
mod row;
mod runner;
mod stats;
mod targets;
mod watch;

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

pub use allocations::Counting;
pub use args::Args;
use measure::Measured;
use report::{About, Line, json, page, plot, table};
use watch::Watch;

/// The peer that all others are compared with.
pub(crate) const OURS: &str = "narrows";

/// Runs the bench as the command line asks.
pub fn run(args: &Args) -> Result<()> {
    let rows = args.rows();
    ensure!(!rows.is_empty(), "no row holds any of these words; --list names the rows");
    if args.list {
        for row in rows {
            println!("{row}");
        }
        return Ok(());
    }
    crossfire::detect_backoff_cfg();
    let runners = args.pick(peers::all());
    let plan = args.plan();
    let about = About { machine: machine::describe(), date: machine::date(), command: command() };
    println!("{}, {}\n{}\n{}", about.machine, about.date, about.command, table::head());
    let watch = Watch::start();
    let mut all = Vec::new();
    for (turn, row) in rows.into_iter().enumerate() {
        let measured = measure::measure(row, &runners, plan, turn, &watch);
        print!("{}", table::row(&measured, args.all));
        all.push(measured);
    }
    drop(watch);
    print!("{}", table::foot(&all));
    if runners.iter().any(|runner| runner.name == "go")
        && let Some(why) = peers::absent_go()
    {
        println!("go: not run: {why}");
    }
    peers::clean();
    write(args, &about, &all)
}

fn write(args: &Args, about: &About, all: &[Measured]) -> Result<()> {
    let lines: Vec<Line> = all.iter().flat_map(Line::all).collect();
    let verdicts = targets::verdicts(&lines);
    if args.targets {
        print!("{}", targets::text(&verdicts));
    }
    let save = |file: &Option<PathBuf>, text: &dyn Fn() -> String| match file {
        Some(file) => fs::write(file, text()).with_context(|| format!("write {}", file.display())),
        None => Ok(()),
    };
    save(&args.json, &|| format!("{:#}\n", json::document(about, all, &verdicts)))?;
    save(&args.html, &|| page::page(about, all, &verdicts))?;
    save(&args.svg, &|| plot::plot(&lines, true))
}

/// As it was typed, without the folders before the program's name.
fn command() -> String {
    let mut words: Vec<String> = env::args().collect();
    if let Some(program) = words.first_mut() {
        *program = program.rsplit('/').next().unwrap_or_default().to_owned();
    }
    words.join(" ")
}
