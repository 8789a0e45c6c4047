//! Channels between processes beside what else there is: every sender and every receiver is a process of its own, started by
//! this program from itself and held at a gate until all are ready. Peers take turns in every round. Each message carries a
//! number at both ends, and a sample in which not every message came exactly once is no sample.

#![forbid(unsafe_code)]
// Times and counts become estimates here, far below where a float loses whole numbers.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod crew;
mod lines;
#[allow(dead_code, reason = "nothing is pinned here")]
#[path = "../../machine.rs"]
mod machine;
mod message;
mod peers;
mod post;
mod report;
mod row;
mod sample;
#[path = "../farm/spread.rs"]
mod spread;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crew::Task;
use machine::Neighbours;
use peers::Peer;
use report::{Cell, Measured};
use row::{Load, Row};
use sample::Sample;

/// Channels between processes, and what else there is
#[derive(Debug, Parser)]
#[command(name = "narrows-bench-shm", max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Rows whose name holds one of these words
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    only: Vec<String>,
    /// Peers whose name holds one of these words; narrows is always there
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    peers: Vec<String>,
    /// Samples of each peer in each row
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Shorter samples, and three rounds
    #[arg(long)]
    quick: bool,
    /// Lines of each of the two writers in the row of torn lines
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    lines: u64,
    /// Raises the system's limits of POSIX queues for as long as one is created; needs the right to
    #[arg(long)]
    raise_mq: bool,
    /// Names the rows and the peers, and ends
    #[arg(long)]
    list: bool,
    /// Writes every sample here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// One process of a sample: the bench starts it from itself
    #[command(hide = true)]
    Play(Task),
}

fn main() -> Result<ExitCode> {
    let mut args = Args::parse();
    if let Some(Part::Play(task)) = args.part.take() {
        return Ok(post::play(task));
    }
    let holds =
        |words: &[String], name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let rows: Vec<Row> = row::all(args.lines).into_iter().filter(|row| holds(&args.only, &row.name)).collect();
    ensure!(!rows.is_empty(), "no row holds any of these words; --list names the rows");
    let is_wanted = |peer: &Peer| peer.name == peers::OURS || holds(&args.peers, peer.name);
    let may_be = |peer: &Peer| args.raise_mq || peer.name != peers::RAISED;
    let peers: Vec<Peer> = peers::all().into_iter().filter(is_wanted).filter(may_be).collect();
    if args.list {
        for row in rows {
            println!("{:<20} {}", row.name, peers::names(&row, &peers));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let scratch = Scratch::new()?;
    let rounds = if args.quick { args.rounds.min(3) } else { args.rounds };
    let machine = machine::describe();
    println!("{machine}, {rounds} rounds");
    let mut all = Vec::new();
    for row in rows {
        let measured = measure(row, &peers, rounds, args.quick, &scratch.0);
        print!("{}", report::row(&measured));
        all.push(measured);
    }
    print!("{}", report::summary(&all));
    if let Some(path) = &args.json {
        fs::write(path, report::json(&machine, &all)?).with_context(|| format!("{}", path.display()))?;
    }
    let is_whole = all.iter().flat_map(|measured| &measured.cells).all(|cell| !cell.has_failed());
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A folder of our own, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch> {
        let folder = env::temp_dir().join(format!("narrows-bench-shm-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Every peer that knows the row's work, and what came of it.
fn measure(row: Row, peers: &[Peer], rounds: u32, quick: bool, scratch: &Path) -> Measured {
    let peers: Vec<&Peer> = peers.iter().filter(|peer| (peer.knows)(row.load)).collect();
    let mut cells: Vec<Cell> = peers.iter().map(|peer| Cell::new(peer, &row)).collect();
    let mut counts: Vec<u64> = vec![0; cells.len()];
    let mut disturbed = 0;
    for round in 0..rounds as usize {
        for turn in 0..peers.len() {
            let at = (turn + round) % peers.len();
            let (peer, cell) = (peers[at], &mut cells[at]);
            if cell.is_absent() {
                continue;
            }
            let outcome = (|| {
                if counts[at] == 0 {
                    counts[at] = sample::count(peer, &row, quick, scratch)?;
                }
                undisturbed(peer, &row, counts[at], scratch)
            })();
            match outcome {
                Ok((sample, is_disturbed)) => {
                    cell.samples.push(sample);
                    disturbed += u32::from(is_disturbed);
                }
                Err(error) => cell.fail(format!("{error:#}")),
            }
        }
    }
    Measured { row, cells, disturbed }
}

/// A sample, taken again while other programs take more than a twentieth of the machine; and whether they still did.
fn undisturbed(peer: &Peer, row: &Row, count: u64, scratch: &Path) -> Result<(Sample, bool)> {
    const TRIES: u32 = 3;
    let mut tries = 0;
    loop {
        let neighbours = Neighbours::watch();
        let sample = sample::take(peer, row, count, scratch)?;
        let is_disturbed = neighbours.disturbed();
        tries += 1;
        // Whether lines are torn is no matter of time.
        if !is_disturbed || tries == TRIES || row.load == Load::Torn {
            return Ok((sample, is_disturbed));
        }
    }
}
