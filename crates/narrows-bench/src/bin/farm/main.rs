//! `narrows farm` beside the tools that people use for the same: whole processes, one table, one run. The tools take turns
//! in every round, and what each of them printed is compared with the answer of the filter run alone.

#![forbid(unsafe_code)]
// Times and counts become estimates here, far below where a float loses whole numbers.
#![allow(clippy::cast_precision_loss)]

mod input;
mod peers;
mod report;
mod row;
mod sample;
mod spread;
mod tree;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use input::{Inputs, Verdict};
use peers::{Peer, Way};
use report::Measured;
use row::{Goal, Row};
use sample::Sample;

/// `narrows farm` beside GNU parallel, xargs, split, moreutils parallel and rust-parallel
#[derive(Debug, Parser)]
#[command(name = "narrows-bench-farm", max_term_width = 100)]
pub(crate) struct Args {
    /// Rows whose name holds one of these words
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    only: Vec<String>,
    /// Samples of each tool in each row; rows of short samples take more
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Less of everything, and three rounds: less than six minutes
    #[arg(long)]
    quick: bool,
    /// Names the rows and ends
    #[arg(long)]
    list: bool,
    /// The program to measure; without it the one that lies beside this bench
    #[arg(long, value_name = "FILE")]
    narrows: Option<PathBuf>,
    /// Where inputs and outputs lie, some 500 MB; without it the folder for temporary files
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let rows: Vec<Row> = row::all(args.quick)
        .into_iter()
        .filter(|row| args.only.is_empty() || args.only.iter().any(|word| row.name.contains(word.as_str())))
        .collect();
    ensure!(!rows.is_empty(), "no row holds any of these words; --list names the rows");
    if args.list {
        for row in rows {
            println!("{}", row.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let scratch = Scratch::new(&args.scratch.clone().unwrap_or_else(env::temp_dir))?;
    let rounds = if args.quick { args.rounds.min(3) } else { args.rounds };
    let peers = peers::all(args.narrows.as_deref())?;
    println!("{}", report::head(&machine(), rounds, &peers));
    let mut all = Vec::new();
    for row in rows {
        let measured = measure(row, &peers, rounds, &scratch.0)?;
        print!("{}", report::row(&measured));
        all.push(measured);
    }
    let (text, kept) = report::goals(&all);
    print!("{text}");
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A folder of our own, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path) -> Result<Scratch> {
        let folder = parent.join(format!("narrows-bench-farm-{}", std::process::id()));
        fs::create_dir_all(folder.join(sample::TEMPORARY)).with_context(|| format!("{}", folder.display()))?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Each way of each tool, and what came of it.
fn measure(row: Row, peers: &[Peer], rounds: u32, scratch: &Path) -> Result<Measured> {
    let inputs = Inputs::new(&row, scratch);
    let ways: Vec<Way> = peers.iter().flat_map(|peer| peer.ways(&row)).collect();
    for ours in row.goals.iter().map(Goal::ours) {
        ensure!(ways.iter().any(|way| way.label == ours), "no way of {} is `{ours}`, which a goal names", row.name);
    }
    let mut found: Vec<Vec<Sample>> = ways.iter().map(|_| Vec::new()).collect();
    let missing = row.missing();
    let absent = |way: &Way| Some(format!("not run: {}", missing.as_ref().or(way.absent.as_ref())?));
    let mut faults: Vec<Option<String>> = ways.iter().map(absent).collect();
    let mut ordered = vec![true; ways.len()];
    for round in 0..(rounds * row.rounds) as usize {
        for turn in 0..ways.len() {
            let at = (turn + round) % ways.len();
            if faults[at].is_some() {
                continue;
            }
            let way = &ways[at];
            let run = sample::Run { argv: way.argv(&inputs), input: inputs.file(way.lines)?, scratch, deep: row.deep };
            match run.sample().and_then(|sample| Ok((sample, inputs.judge(way.lines, &run.output())?))) {
                Ok((_, Verdict::Wrong(why))) => faults[at] = Some(format!("wrong output: {why}")),
                Ok((_, Verdict::Permuted)) if way.ordered => faults[at] = Some("wrong order".to_owned()),
                Ok((sample, verdict)) => {
                    ordered[at] &= verdict == Verdict::Same;
                    found[at].push(sample);
                }
                Err(error) => faults[at] = Some(format!("failed: {error:#}")),
            }
        }
    }
    let cells = ways.into_iter().zip(found).zip(faults.into_iter().zip(ordered));
    let cells =
        cells.map(|((way, samples), (fault, is_ordered))| report::Cell::new(&row, way, &samples, fault, is_ordered));
    let cells = cells.collect();
    Ok(Measured { row, cells })
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = Command::new("uname").arg("-sr").output().map(|output| output.stdout).unwrap_or_default();
    let name = model.map_or("unknown processor", |(_, name)| name);
    format!("{cores} cores, {name}, {}", String::from_utf8_lossy(&kernel).trim())
}
