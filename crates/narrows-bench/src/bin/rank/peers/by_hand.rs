//! Threads with a channel of narrows for each: what the ranks are built on, without tags and matching. Shown, not counted.

use std::thread;

use anyhow::{Result, ensure};
use narrows::bounded;

use crate::beside::clock::now;
use crate::beside::{Found, Peer};
use crate::row::Load;

pub(super) fn peer() -> Peer<Load> {
    Peer {
        counted: false,
        knows: |load| matches!(load, Load::Ring { .. }),
        ..Peer::here("channels by hand, threads", play)
    }
}

/// Messages that a rank may lag behind.
const PLACES: usize = 64;

fn play(load: &Load, count: u64) -> Result<Found> {
    let Load::Ring { ranks } = *load else { anyhow::bail!("rings only") };
    let laps = count / ranks as u64 + 1;
    let (mut txs, mut rxs): (Vec<_>, Vec<_>) = (0..ranks).map(|_| bounded::<u64>(PLACES)).unzip();
    // Who receives from one channel sends into the next; the last is the first's.
    txs.rotate_left(1);
    let Some((to, from)) = txs.pop().zip(rxs.pop()) else { anyhow::bail!("no rank") };
    for (to, from) in txs.into_iter().zip(rxs) {
        thread::spawn(move || {
            while let Ok(number) = from.recv() {
                if to.send(number + 1).is_err() {
                    break;
                }
            }
        });
    }
    let (began, mut number) = (now(), 0);
    for _ in 0..laps {
        to.send(number + 1)?;
        number = from.recv()?;
    }
    let hops = laps * ranks as u64;
    let found = vec![("ns", Some((now() - began) as f64 / hops as f64))];
    ensure!(number == hops, "the message makes {number}, not {hops}");
    Ok(found)
}
