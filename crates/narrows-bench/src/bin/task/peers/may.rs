//! may: coroutines with stacks of their own, and its own channels, which have no bound.

use std::sync::mpsc as threads;

use anyhow::{Context, Result, ensure};
use may::sync::mpsc;
use may::{coroutine, go};

use super::no_zero;
use crate::beside::clock::now;
use crate::beside::{Found, LONGEST, Peer};
use crate::board::{self, NAP, SETTLED};
use crate::row::{BLOCKED, Job, Load, OTHERS};

pub(super) fn peer() -> Peer<Job> {
    Peer {
        knows: |job| !matches!(job.load, Load::Parked { .. } | Load::Ring),
        lacks: no_zero,
        ..Peer::here("may, channels without a bound", play)
    }
}

fn play(job: &Job, count: u64) -> Result<Found> {
    if let Some(workers) = job.workers {
        may::config().set_workers(workers);
    }
    match job.load {
        Load::Loops { count, before } => {
            drop(go!(move || loops(count, before)));
            Ok(board::watch())
        }
        Load::Blocked => blocked(),
        _ => hops(job.load, count),
    }
}

fn start_others() {
    for which in 0..OTHERS {
        drop(go!(move || {
            loop {
                board::turn(which);
                coroutine::sleep(NAP);
            }
        }));
    }
}

fn loops(count: usize, before: bool) {
    if before {
        start_others();
        coroutine::sleep(SETTLED);
    }
    for _ in 0..count {
        drop(go!(board::spin));
    }
    if !before {
        start_others();
    }
}

/// Its own receive gives way.
fn blocked() -> Result<Found> {
    let (txs, rxs): (Vec<_>, Vec<_>) = (0..BLOCKED).map(|_| mpsc::channel::<u64>()).unzip();
    let (woken, all) = threads::channel();
    drop(go!(move || {
        board::begin();
        for rx in rxs {
            let woken = woken.clone();
            drop(go!(move || {
                let _ = woken.send(rx.recv());
            }));
        }
        start_others();
    }));
    let found = board::watch();
    for tx in &txs {
        ensure!(tx.send(1).is_ok(), "a coroutine is gone that was to receive");
    }
    for _ in 0..BLOCKED {
        all.recv_timeout(LONGEST)?.context("a coroutine received nothing")?;
    }
    Ok(found)
}

fn hops(load: Load, count: u64) -> Result<Found> {
    let (tell, told) = threads::channel();
    let wanted = if load == Load::Stream { count * (count - 1) / 2 } else { count / 2 };
    drop(go!(move || if load == Load::Stream { stream(count, &tell) } else { ping_pong(count / 2, &tell) }));
    let (ns, number): (u64, u64) = told.recv_timeout(LONGEST).context("its coroutines told nothing")?;
    ensure!(number == wanted, "the messages make {number}, not {wanted}");
    Ok(vec![("ns", Some(ns as f64 / count as f64))])
}

/// Both tell the time that all took, and what the messages make.
fn ping_pong(trips: u64, tell: &threads::Sender<(u64, u64)>) {
    let ((there, at_there), (back, at_back)) = (mpsc::channel(), mpsc::channel());
    drop(go!(move || {
        while let Ok(number) = at_there.recv() {
            if back.send(number + 1).is_err() {
                break;
            }
        }
    }));
    let (began, mut number) = (now(), 0_u64);
    for _ in 0..trips {
        let _ = there.send(number);
        number = at_back.recv().unwrap_or(0);
    }
    let _ = tell.send((now() - began, number));
}

fn stream(count: u64, tell: &threads::Sender<(u64, u64)>) {
    let (tx, rx) = mpsc::channel();
    let began = now();
    drop(go!(move || (0..count).for_each(|number: u64| {
        let _ = tx.send(number);
    })));
    let sum = rx.iter().sum();
    let _ = tell.send((now() - began, sum));
}
