//! The patterns of narrows-flow beside what else there is: ordered maps, and tasks that make tasks. Peers take turns in every
//! round. For each: median and best time per item, whether the order was kept, how many items lived at most.

#![forbid(unsafe_code)]
// Times become estimates here, far below where a float loses whole numbers.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod peers;
mod recursion;
mod work;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use peers::{Ground, Peer};
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
    for work in Work::all(turns) {
        maps(&ground, work, args.rounds)?;
    }
    for job in recursion::Job::all(turns) {
        recursions(&ground, job, args.rounds)?;
    }
    Ok(())
}

fn maps(ground: &Ground, work: Work, rounds: u32) -> Result<()> {
    println!("\nmap, {} for each of {} items", work.name, work.items);
    println!("{:<38} {:>10} {:>10}  {:<6} {:>9}", "", "ns, median", "ns, best", "order", "alive");
    let timed = peers::all::<u64>();
    let mut samples: Vec<Vec<Duration>> = timed.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds as usize {
        for turn in 0..timed.len() {
            let at = (turn + round) % timed.len();
            let began = Instant::now();
            (timed[at].run)(ground, work, &mut drop);
            samples[at].push(began.elapsed());
        }
    }
    for (peer, samples) in peers::all::<Counted>().iter().zip(samples) {
        let (order, alive) = look(ground, peer, work).with_context(|| peer.name)?;
        let (median, best) = figures(samples, work.items);
        println!("{:<38} {median:>10.1} {best:>10.1}  {order:<6} {alive:>9}", peer.name);
    }
    Ok(())
}

/// Once more without the clock: in what order items come, and how many live at once.
fn look(ground: &Ground, peer: &Peer<Counted>, work: Work) -> Result<(&'static str, usize)> {
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
    println!("{:<38} {:>10} {:>10}", "", "ns, median", "ns, best");
    let mut samples: Vec<Vec<Duration>> = recursion::ALL.iter().map(|_| Vec::new()).collect();
    let wanted = recursion::ALL[0].1(ground, job);
    for round in 0..rounds as usize {
        for turn in 0..samples.len() {
            let at = (turn + round) % samples.len();
            let began = Instant::now();
            let sum = recursion::ALL[at].1(ground, job);
            samples[at].push(began.elapsed());
            ensure!(sum == wanted, "{} says {sum}, not {wanted}", recursion::ALL[at].0);
        }
    }
    for ((name, _), samples) in recursion::ALL.iter().zip(samples) {
        let (median, best) = figures(samples, job.tasks());
        println!("{name:<38} {median:>10.1} {best:>10.1}");
    }
    Ok(())
}

/// The median and the best, in nanoseconds for each.
fn figures(mut samples: Vec<Duration>, count: u64) -> (f64, f64) {
    samples.sort_unstable();
    let each = |sample: Duration| sample.as_nanos() as f64 / count as f64;
    (each(samples[samples.len() / 2]), each(samples[0]))
}
