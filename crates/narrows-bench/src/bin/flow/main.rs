//! The patterns of narrows-flow beside what else there is: ordered maps, and tasks that make tasks. Peers take turns in every
//! round. For each: time per item, and in a run without the clock whether the order was kept and how many items lived at most.

#![forbid(unsafe_code)]
// Times become estimates here, far below where a float loses whole numbers.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod peers;
mod recursion;
mod work;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use peers::{Ground, Map};
use work::{Counted, Item, Work, most_alive, turns_per_us};

/// narrows-flow beside rayon, crossbeam with threads by hand, and futures' buffered
#[derive(Debug, Parser)]
#[command(name = "narrows-bench-flow", max_term_width = 100)]
struct Args {
    /// Samples of each peer
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Workers; without it one for each processor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    workers: Option<u32>,
    /// Tables whose title holds this word
    #[arg(long, value_name = "WORD", default_value = "")]
    only: String,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let workers = match args.workers {
        Some(workers) => workers as usize,
        None => std::thread::available_parallelism()?.get(),
    };
    let ground = Ground {
        workers,
        rayon: rayon::ThreadPoolBuilder::new().num_threads(workers).build()?,
        tokio: tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build()?,
    };
    let turns = turns_per_us();
    println!("{workers} workers, {} rounds", args.rounds);
    for work in Work::all(turns).into_iter().filter(|work| work.name.contains(&args.only)) {
        maps(&ground, work, args.rounds)?;
    }
    for job in recursion::Job::all(turns).into_iter().filter(|job| job.name.contains(&args.only)) {
        recursions(&ground, job, args.rounds)?;
    }
    Ok(())
}

fn maps(ground: &Ground, work: Work, rounds: u32) -> Result<()> {
    println!("\nmap, {} for each of {} items", work.name, work.items);
    println!("{HEAD}  {:<5} {:>9}", "order", "alive");
    let timed = peers::maps::<u64>(work);
    let samples = take_turns(rounds, timed.len(), |at| {
        (timed[at].run)(ground, work, &mut drop);
        Ok(())
    })?;
    for (peer, samples) in peers::maps::<Counted>(work).iter().zip(samples) {
        let (order, alive) = look(ground, peer, work).with_context(|| peer.name)?;
        println!("{}  {order:<5} {alive:>9}", line(peer.name, samples, work.items));
    }
    Ok(())
}

/// Once more without the clock: in what order items come, and how many live at once.
fn look(ground: &Ground, peer: &Map<Counted>, work: Work) -> Result<(&'static str, usize)> {
    most_alive();
    let (mut count, mut sum, mut is_ordered) = (0, 0, true);
    (peer.run)(ground, work, &mut |item| {
        is_ordered &= item.number() == count;
        count += 1;
        sum += item.number();
    });
    // rayon's own loop hands nothing to the caller.
    ensure!(count == 0 || (count, sum) == (work.items, (0..work.items).sum()), "{count} items came out");
    Ok((if is_ordered && count > 0 { "kept" } else { "no" }, most_alive()))
}

fn recursions(ground: &Ground, job: recursion::Job, rounds: u32) -> Result<()> {
    println!("\nrecursion, {}: {} tasks", job.name, job.tasks());
    println!("{HEAD}");
    let peers = peers::recursions();
    let wanted = (peers[0].run)(ground, job);
    let samples = take_turns(rounds, peers.len(), |at| {
        let sum = (peers[at].run)(ground, job);
        ensure!(sum == wanted, "{} says {sum}, not {wanted}", peers[at].name);
        Ok(())
    })?;
    for (peer, samples) in peers.iter().zip(samples) {
        println!("{}", line(peer.name, samples, job.tasks()));
    }
    Ok(())
}

/// Samples of so many peers. Each round begins with another one.
fn take_turns(rounds: u32, peers: usize, mut run: impl FnMut(usize) -> Result<()>) -> Result<Vec<Vec<Duration>>> {
    let mut samples: Vec<Vec<Duration>> = vec![Vec::new(); peers];
    for round in 0..rounds as usize {
        for turn in 0..peers {
            let at = (turn + round) % peers;
            let began = Instant::now();
            run(at)?;
            samples[at].push(began.elapsed());
        }
    }
    Ok(samples)
}

const HEAD: &str = "                                        ns, median         (min - max)";

/// A peer's times, in nanoseconds for each item.
fn line(name: &str, mut samples: Vec<Duration>, count: u64) -> String {
    samples.sort_unstable();
    let each = |at: usize| samples[at].as_nanos() as f64 / count as f64;
    let range = format!("({:.1} - {:.1})", each(0), each(samples.len() - 1));
    format!("{name:<38} {:>11.1} {range:>19}", each(samples.len() / 2))
}
