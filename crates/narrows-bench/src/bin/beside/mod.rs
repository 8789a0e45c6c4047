//! What the benches of tasks, actors and ranks share: rows of work, peers that do it, a process for each sample. Knows no row
//! and no peer. A peer that is a library is this program started once more; what else there is brings a program of its own.
//! Peers take turns in every round, so that whatever disturbs one row disturbs all of it.

pub(crate) mod clock;
pub(crate) mod goal;
#[cfg(any(feature = "task-peers", feature = "actor-peers"))]
pub(crate) mod host;
#[allow(dead_code, reason = "the bench of channels pins threads")]
#[path = "../../machine.rs"]
pub(crate) mod machine;
pub(crate) mod program;
mod report;
mod sample;
#[path = "../farm/spread.rs"]
mod spread;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use rustix::process::{Signal, set_parent_process_death_signal};

use goal::Goal;
use machine::Neighbours;
use report::{Cell, Measured};
use sample::Sample;

/// Whom the others are compared with.
pub(crate) const OURS: &str = "narrows";

/// One number of a sample. The first of a row that is timed is nanoseconds for each of `count`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// As the sample names it.
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) more_is_better: bool,
}

pub(crate) const fn figure(name: &'static str, unit: &'static str) -> Figure {
    Figure { name, unit, more_is_better: false }
}

/// How much a sample does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    /// As much as lasts long enough, found for each peer by trying.
    Timed,
    /// So much, and less with `--quick`.
    Fixed { full: u64, quick: u64 },
}

/// What is asked of every peer that can do it.
#[derive(Clone, Debug)]
pub(crate) struct Row<L> {
    pub(crate) name: String,
    pub(crate) load: L,
    pub(crate) figures: &'static [Figure],
    pub(crate) amount: Amount,
    /// All of a sample's threads have one processor.
    pub(crate) pinned: bool,
}

/// The peer's program and its arguments, for so much work.
pub(crate) type Start<L> = fn(&Peer<L>, &Row<L>, u64) -> Result<Command>;
/// The peer's work in a process of its own.
pub(crate) type Play<L> = fn(&L, u64) -> Result<Found>;
/// The figures of a sample by name. `None`: it never came to that.
pub(crate) type Found = Vec<(&'static str, Option<f64>)>;

pub(crate) struct Peer<L> {
    pub(crate) name: &'static str,
    /// Whether it may be the best that ours is compared with.
    pub(crate) counted: bool,
    /// Whether it has a line in such a row at all.
    pub(crate) knows: fn(&L) -> bool,
    /// Why it cannot do the row's work.
    pub(crate) lacks: fn(&L) -> Option<String>,
    pub(crate) start: Start<L>,
    /// In a process of a sample. A program of its own has none.
    pub(crate) play: Option<Play<L>>,
}

impl<L> Peer<L> {
    pub(crate) fn here(name: &'static str, play: Play<L>) -> Peer<L> {
        Peer { name, counted: true, knows: |_| true, lacks: |_| None, start: again, play: Some(play) }
    }

    pub(crate) fn program(name: &'static str, start: Start<L>) -> Peer<L> {
        Peer { name, counted: true, knows: |_| true, lacks: |_| None, start, play: None }
    }
}

pub(crate) struct Bench<L> {
    pub(crate) title: &'static str,
    pub(crate) rows: Vec<Row<L>>,
    /// Ours first; the others in the order in which a table shows them.
    pub(crate) peers: Vec<Peer<L>>,
    pub(crate) goals: Vec<Goal>,
}

#[derive(Debug, Parser)]
#[command(max_term_width = 100, args_conflicts_with_subcommands = true)]
struct Args {
    /// Rows whose name holds one of these words
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    only: Vec<String>,
    /// Peers whose name holds one of these words; narrows is always there
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    peers: Vec<String>,
    /// Samples of each peer in each row
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Shorter and smaller samples, and three rounds
    #[arg(long)]
    quick: bool,
    /// Names the rows and who knows them, and ends
    #[arg(long)]
    list: bool,
    /// Ends with what the project promised itself, met or missed; the exit status is 1 if one was missed
    #[arg(long)]
    targets: bool,
    /// Writes every sample here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// One sample: the bench starts it from itself
    #[command(hide = true)]
    Play { peer: String, row: String, count: u64 },
}

pub(crate) fn main<L>(bench: &Bench<L>) -> Result<ExitCode> {
    let args = Args::parse();
    if let Some(Part::Play { peer, row, count }) = &args.part {
        // The bench may be killed; nothing of it is to go on.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        return play(bench, peer, row, *count);
    }
    let holds = |words: &[String], name: &str| words.is_empty() || words.iter().any(|word| name.contains(&**word));
    let rows: Vec<&Row<L>> = bench.rows.iter().filter(|row| holds(&args.only, &row.name)).collect();
    ensure!(!rows.is_empty(), "no row holds any of these words; --list names the rows");
    let peers: Vec<&Peer<L>> =
        bench.peers.iter().filter(|peer| peer.name == OURS || holds(&args.peers, peer.name)).collect();
    if args.list {
        for row in rows {
            let names: Vec<&str> = peers.iter().filter(|peer| (peer.knows)(&row.load)).map(|peer| peer.name).collect();
            println!("{:<28} {}", row.name, names.join(", "));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rounds = if args.quick { args.rounds.min(3) } else { args.rounds };
    let about = format!("{}: {}, {}, {rounds} rounds", bench.title, machine::describe(), machine::date());
    println!("{about}");
    let mut all = Vec::new();
    for row in rows {
        let measured = measure(row, &peers, rounds, args.quick);
        print!("{}", report::row(&measured));
        all.push(measured);
    }
    program::clean();
    let (text, is_met) = goal::verdicts(&bench.goals, &all);
    if args.targets {
        print!("{text}");
    }
    if let Some(path) = &args.json {
        fs::write(path, report::json(&about, &all)?).with_context(|| format!("{}", path.display()))?;
    }
    let is_whole = all.iter().flat_map(|measured| &measured.cells).all(|cell| !cell.has_failed());
    Ok(if is_whole && (is_met || !args.targets) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn play<L>(bench: &Bench<L>, peer: &str, row: &str, count: u64) -> Result<ExitCode> {
    let (Some(peer), Some(row)) =
        (bench.peers.iter().find(|at| at.name == peer), bench.rows.iter().find(|at| at.name == row))
    else {
        bail!("no such peer, or no such row");
    };
    let Some(play) = peer.play else { bail!("{} is a program of its own", peer.name) };
    let found = play(&row.load, count)?;
    sample::tell(&found)?;
    // Some of them have threads that nothing ends.
    std::process::exit(0)
}

/// This program once more, for one sample of a peer.
pub(crate) fn again<L>(peer: &Peer<L>, row: &Row<L>, count: u64) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["play", peer.name, &row.name, &count.to_string()]);
    Ok(command)
}

/// Every peer that knows the row's work, and what came of it.
fn measure<L>(row: &Row<L>, peers: &[&Peer<L>], rounds: u32, quick: bool) -> Measured {
    let peers: Vec<&Peer<L>> = peers.iter().copied().filter(|peer| (peer.knows)(&row.load)).collect();
    let mut cells: Vec<Cell> =
        peers.iter().map(|peer| Cell::new(peer.name, peer.counted, (peer.lacks)(&row.load))).collect();
    let mut disturbed = 0;
    for round in 0..rounds as usize {
        for turn in 0..peers.len() {
            let at = (turn + round) % peers.len();
            let (peer, cell) = (peers[at], &mut cells[at]);
            if cell.is_absent() {
                continue;
            }
            let outcome = (|| {
                if cell.count == 0 {
                    cell.count = sample::count(peer, row, quick)?;
                }
                undisturbed(peer, row, cell.count)
            })();
            match outcome {
                Ok((sample, is_disturbed)) => {
                    cell.samples.push(sample);
                    disturbed += u32::from(is_disturbed);
                }
                Err(error) => cell.fail(&error),
            }
        }
    }
    Measured { name: row.name.clone(), figures: row.figures, cells, disturbed }
}

/// A sample, taken again while other programs take more than a twentieth of the machine; and whether they still did.
fn undisturbed<L>(peer: &Peer<L>, row: &Row<L>, count: u64) -> Result<(Sample, bool)> {
    const TRIES: u32 = 3;
    let mut tries = 0;
    loop {
        let neighbours = Neighbours::watch();
        let sample = sample::take(peer, row, count)?;
        let is_disturbed = neighbours.disturbed();
        tries += 1;
        if !is_disturbed || tries == TRIES {
            return Ok((sample, is_disturbed));
        }
    }
}

/// Longer than any sample that ends.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);
