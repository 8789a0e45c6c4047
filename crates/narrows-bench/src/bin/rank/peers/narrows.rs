//! narrows-rank: its ranks are processes that share memory, started by the process of the sample as `narrows run` starts them; or
//! threads. A rank that is alone is a thread.

use std::env;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, ensure};
use narrows_rank::shm::{Launcher, Link};
use narrows_rank::{Error, Rank, World};

use crate::beside::{Found, OURS, Peer};
use crate::load::{All, all_reduce, posted, ring, unexpected};
use crate::row::Load;

pub(super) fn peers() -> [Peer<Load>; 2] {
    let are_many = |load: &Load| load.ranks() > 1;
    [
        Peer::here(OURS, |load, count| if load.ranks() > 1 { processes(load, count) } else { threads(load, count) }),
        Peer { counted: false, knows: are_many, ..Peer::here("narrows, threads", threads) },
    ]
}

/// What one rank does, and the nanoseconds that it took for each of `count`.
fn work<W: All>(load: Load, me: &Rank<W>, count: u64) -> Result<f64, Error> {
    match load {
        Load::Ring { .. } => ring(me, count),
        Load::AllReduce { numbers, .. } => all_reduce(me, numbers, count),
        Load::Unexpected { depth } => unexpected(me, depth, count),
        Load::Posted { depth } => posted(me, depth, count),
    }
}

fn threads(load: &Load, count: u64) -> Result<Found> {
    let all = World::threads(load.ranks()).run(|me| work(*load, me, count))?;
    Ok(vec![("ns", all.first().copied())])
}

/// Once more in each of the processes that it starts; what rank 0 tells goes where this process would tell it.
fn processes(load: &Load, count: u64) -> Result<Found> {
    if env::var_os("NARROWS_RANK").is_some() {
        let (rank, ns) = World::over(Link::from_env()?).run(|me| Ok((me.rank(), work(*load, me, count)?)))?;
        return Ok(if rank == 0 { vec![("ns", Some(ns))] } else { Vec::new() });
    }
    let launcher = Launcher::new(load.ranks())?;
    let mut children = Vec::new();
    for rank in 0..load.ranks() {
        let mut command = Command::new(env::current_exe()?);
        command.args(env::args_os().skip(1));
        launcher.hand_to(&mut command, rank)?;
        // If one cannot be started, those that were end with this process.
        children.push(command.spawn().context("a rank")?);
    }
    // Each is waited for at once, for the others are to hear at once how it ended.
    let are_well = thread::scope(|scope| {
        let wait = |(rank, mut child): (usize, std::process::Child)| {
            let launcher = &launcher;
            scope.spawn(move || {
                let ended = child.wait();
                launcher
                    .ended(rank, &ended.as_ref().map_or_else(ToString::to_string, |how| format!("ended with {how}")));
                ended.is_ok_and(|how| how.success())
            })
        };
        let waiting: Vec<_> = children.into_iter().enumerate().map(wait).collect();
        waiting.into_iter().all(|rank| rank.join().unwrap_or(false))
    });
    ensure!(are_well, "a rank has failed");
    Ok(Vec::new())
}
