//! The work of a sample, for every host of futures and every channel that tasks can wait for. What is spawned is spawned by a
//! task, so that all of it is in line before any of it begins where there is one worker.

use std::fs;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::beside::clock::now;
use crate::beside::host::Host;
use crate::beside::{Found, LONGEST};
use crate::board::{self, NAP, SETTLED};
use crate::row::{BLOCKED, Job, Load, OTHERS, RING};

/// A channel of numbers.
pub(crate) trait Link: 'static {
    type Tx: Send + 'static;
    type Rx: Send + 'static;

    fn new(capacity: usize) -> (Self::Tx, Self::Rx);
    /// False where nobody will receive it.
    fn send(tx: &mut Self::Tx, number: u64) -> impl Future<Output = bool> + Send;
    fn recv(rx: &mut Self::Rx) -> impl Future<Output = Option<u64>> + Send;
}

/// A channel for one number.
pub(crate) trait Once: 'static {
    type Tx: Send + 'static;
    type Rx: Send + 'static;

    fn new() -> (Self::Tx, Self::Rx);
    fn send(tx: Self::Tx, number: u64);
    /// All of a task that waits, as one would write it, so that its size is that of what it keeps: it comes, waits, and ends.
    fn wait(rx: Self::Rx, rolls: &'static Rolls) -> impl Future<Output = ()> + Send;
}

pub(crate) fn play<H: Host, L: Link, O: Once>(job: &Job, count: u64) -> Result<Found> {
    match job.load {
        Load::Loops { count, before } => loops::<H>(job, count, before),
        Load::Blocked => blocked::<H>(job),
        Load::Parked { own: true } => {
            let (txs, rxs): (Vec<_>, Vec<_>) = (0..count).map(|_| O::new()).unzip();
            let rolls = Rolls::new(count);
            let waits = rxs.into_iter().map(|rx| O::wait(rx, rolls));
            parked::<H, _>(job, rolls, waits, async move {
                for tx in txs {
                    O::send(tx, 1);
                }
            })
        }
        // There is one channel here that many tasks can wait for.
        Load::Parked { own: false } => {
            let (tx, rx) = narrows::bounded::<u64>(job.capacity);
            let rolls = Rolls::new(count);
            let waits = (0..count).map(move |_| {
                let rx = rx.clone();
                async move {
                    rolls.come();
                    rolls.end(rx.recv_async().await.unwrap_or(0));
                }
            });
            parked::<H, _>(job, rolls, waits, async move {
                for _ in 0..count {
                    let _ = tx.send_async(1).await;
                }
            })
        }
        Load::PingPong => ping_pong::<H, L>(job, count),
        Load::Stream => stream::<H, L>(job, count),
        Load::Ring => ring::<H, L>(job, count),
    }
}

/// Runs it as the first task, and waits for what it tells.
fn run<H: Host, F>(job: &Job, root: impl FnOnce(mpsc::Sender<Result<Found>>) -> F) -> Result<Found>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (tell, told) = mpsc::channel();
    H::start(job.workers, root(tell))?;
    told.recv_timeout(LONGEST).context("its tasks told nothing")?
}

fn spawn_others<H: Host>() {
    for which in 0..OTHERS {
        H::spawn(async move {
            loop {
                board::turn(which);
                H::sleep(NAP).await;
            }
        });
    }
}

fn loops<H: Host>(job: &Job, count: usize, before: bool) -> Result<Found> {
    H::start(job.workers, async move {
        if before {
            spawn_others::<H>();
            H::sleep(SETTLED).await;
        }
        for _ in 0..count {
            H::spawn(async { board::spin() });
        }
        if !before {
            spawn_others::<H>();
        }
    })?;
    Ok(board::watch())
}

/// The blocking `recv` of narrows on every host: what counts is what the host makes of a task that blocks.
fn blocked<H: Host>(job: &Job) -> Result<Found> {
    static WOKEN: AtomicU64 = AtomicU64::new(0);
    let (txs, rxs): (Vec<_>, Vec<_>) = (0..BLOCKED).map(|_| narrows::bounded::<u64>(1)).unzip();
    H::start(job.workers, async move {
        board::begin();
        for rx in rxs {
            H::spawn(async move {
                if rx.recv().is_ok() {
                    // Relaxed: the number alone is read.
                    WOKEN.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        spawn_others::<H>();
    })?;
    let found = board::watch();
    for tx in &txs {
        ensure!(tx.send(1).is_ok(), "a task is gone that was to receive");
    }
    while WOKEN.load(Ordering::Relaxed) < BLOCKED as u64 {
        ensure!(Duration::from_nanos(now()) < LONGEST, "not all that blocked were woken");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(found)
}

/// Who waits, and who has ended.
pub(crate) struct Rolls {
    wanted: u64,
    arrived: Roll,
    ended: Roll,
}

impl Rolls {
    fn new(wanted: u64) -> &'static Rolls {
        Box::leak(Box::new(Rolls { wanted, arrived: Roll::default(), ended: Roll::default() }))
    }

    pub(crate) fn come(&self) {
        self.arrived.enter(1, self.wanted);
    }

    pub(crate) fn end(&self, number: u64) {
        self.ended.enter(number, self.wanted);
    }
}

/// How many have come so far, and when the last came.
#[derive(Default)]
struct Roll {
    count: AtomicU64,
    sum: AtomicU64,
    last: AtomicU64,
}

impl Roll {
    fn enter(&self, number: u64, wanted: u64) {
        // Relaxed: what follows publishes it.
        self.sum.fetch_add(number, Ordering::Relaxed);
        // AcqRel: each pairs with those after it, so that whoever is last has seen the numbers of all.
        if self.count.fetch_add(1, Ordering::AcqRel) + 1 == wanted {
            // Release: pairs with the Acquire in `full`, and publishes the sum.
            self.last.store(now(), Ordering::Release);
        }
    }

    async fn full<H: Host>(&self) -> u64 {
        loop {
            // Acquire: pairs with the Release in `enter`.
            match self.last.load(Ordering::Acquire) {
                0 => H::sleep(Duration::from_millis(1)).await,
                last => return last,
            }
        }
    }
}

/// Bytes that the process has in memory.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().map_or(0, |kib| kib * 1024)
}

fn parked<H: Host, W: Future<Output = ()> + Send + 'static>(
    job: &Job,
    rolls: &'static Rolls,
    waits: impl Iterator<Item = W> + Send + 'static,
    wake: impl Future<Output = ()> + Send + 'static,
) -> Result<Found> {
    run::<H, _>(job, move |tell| async move {
        let (before, began) = (resident(), now());
        waits.for_each(H::spawn);
        let spawned = now();
        let all = rolls.arrived.full::<H>().await;
        let (after, calling) = (resident(), now());
        wake.await;
        let over = rolls.ended.full::<H>().await;
        let each = |amount: u64| Some(amount as f64 / rolls.wanted as f64);
        // Relaxed: `full` has seen the last.
        let sum = rolls.ended.sum.load(Ordering::Relaxed);
        let _ = tell.send(whole(sum, rolls.wanted).map(|()| {
            vec![
                ("bytes", each(after.saturating_sub(before))),
                ("spawn", each(spawned - began)),
                ("parked", each(all - began)),
                ("woken", each(over - calling)),
            ]
        }));
    })
}

fn whole(found: u64, wanted: u64) -> Result<()> {
    ensure!(found == wanted, "the messages make {found}, not {wanted}");
    Ok(())
}

fn hops(began: u64, count: u64) -> Found {
    vec![("ns", Some((now() - began) as f64 / count as f64))]
}

fn ping_pong<H: Host, L: Link>(job: &Job, count: u64) -> Result<Found> {
    let ((mut there, mut at_there), (mut back, mut at_back)) = (L::new(job.capacity), L::new(job.capacity));
    run::<H, _>(job, |tell| async move {
        H::spawn(async move { while L::send(&mut back, L::recv(&mut at_there).await.map_or(0, |n| n + 1)).await {} });
        H::spawn(async move {
            let (began, trips, mut number) = (now(), count / 2, 0);
            for _ in 0..trips {
                L::send(&mut there, number).await;
                number = L::recv(&mut at_back).await.unwrap_or(0);
            }
            let found = hops(began, trips * 2);
            let _ = tell.send(whole(number, trips).map(|()| found));
        });
    })
}

fn stream<H: Host, L: Link>(job: &Job, count: u64) -> Result<Found> {
    let (mut tx, mut rx) = L::new(job.capacity);
    run::<H, _>(job, |tell| async move {
        let began = now();
        H::spawn(async move {
            for number in 0..count {
                L::send(&mut tx, number).await;
            }
        });
        H::spawn(async move {
            let mut sum = 0;
            while let Some(number) = L::recv(&mut rx).await {
                sum += number;
            }
            let found = hops(began, count);
            let _ = tell.send(whole(sum, count * (count - 1) / 2).map(|()| found));
        });
    })
}

fn ring<H: Host, L: Link>(job: &Job, count: u64) -> Result<Found> {
    let laps = count / RING as u64 + 1;
    let (mut txs, mut rxs): (Vec<_>, Vec<_>) = (0..RING).map(|_| L::new(job.capacity)).unzip();
    // Who receives from one channel sends into the next; the last is the first's.
    txs.rotate_left(1);
    let first = txs.pop().zip(rxs.pop());
    run::<H, _>(job, |tell| async move {
        for (mut to, mut from) in txs.into_iter().zip(rxs) {
            H::spawn(async move {
                while let Some(number) = L::recv(&mut from).await {
                    L::send(&mut to, number + 1).await;
                }
            });
        }
        let Some((mut to, mut from)) = first else { return };
        H::spawn(async move {
            let (began, mut number) = (now(), 0);
            for _ in 0..laps {
                L::send(&mut to, number + 1).await;
                number = L::recv(&mut from).await.unwrap_or(0);
            }
            let hops_all = laps * RING as u64;
            let found = hops(began, hops_all);
            let _ = tell.send(whole(number, hops_all).map(|()| found));
        });
    })
}
