//! tokio with its own channels: on its usual runtime, and for one worker also on that of one thread. With the channels of
//! narrows besides, to tell the host's cost from the channel's; that is shown and not counted.

use std::future::{Future, pending};
use std::mem;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use super::no_zero;
use crate::beside::Peer;
use crate::load::{Host, Link, Once, Rolls, play};
use crate::row::{Job, Load};

pub(super) fn peers() -> [Peer<Job>; 3] {
    [
        Peer { lacks: no_zero, ..Peer::here("tokio", play::<Workers, Mpsc, Oneshot>) },
        Peer {
            lacks: no_zero,
            knows: |job| job.workers == Some(1),
            ..Peer::here("tokio current-thread", play::<Thread, Mpsc, Oneshot>)
        },
        Peer {
            counted: false,
            knows: |job| matches!(job.load, Load::PingPong | Load::Ring | Load::Stream),
            ..Peer::here("tokio, channels of narrows", play::<Workers, super::narrows::Channel, super::narrows::Single>)
        },
    ]
}

struct Workers;

impl Host for Workers {
    fn start(workers: Option<usize>, root: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let mut builder = Builder::new_multi_thread();
        if let Some(workers) = workers {
            builder.worker_threads(workers);
        }
        let runtime = builder.enable_time().build()?;
        runtime.spawn(root);
        // To drop it would wait for tasks that never end.
        mem::forget(runtime);
        Ok(())
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(task));
    }

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(time)
    }
}

struct Thread;

impl Host for Thread {
    fn start(_: Option<usize>, root: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        thread::spawn(move || {
            runtime.block_on(async {
                drop(tokio::spawn(root));
                pending::<()>().await;
            });
        });
        Ok(())
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        Workers::spawn(task);
    }

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        Workers::sleep(time)
    }
}

struct Mpsc;

impl Link for Mpsc {
    type Tx = mpsc::Sender<u64>;
    type Rx = mpsc::Receiver<u64>;

    fn new(capacity: usize) -> (Self::Tx, Self::Rx) {
        mpsc::channel(capacity)
    }

    async fn send(tx: &mut Self::Tx, number: u64) -> bool {
        tx.send(number).await.is_ok()
    }

    async fn recv(rx: &mut Self::Rx) -> Option<u64> {
        rx.recv().await
    }
}

struct Oneshot;

impl Once for Oneshot {
    type Tx = oneshot::Sender<u64>;
    type Rx = oneshot::Receiver<u64>;

    fn new() -> (Self::Tx, Self::Rx) {
        oneshot::channel()
    }

    fn send(tx: Self::Tx, number: u64) {
        let _ = tx.send(number);
    }

    async fn wait(rx: Self::Rx, rolls: &'static Rolls) {
        rolls.come();
        rolls.end(rx.await.unwrap_or(0));
    }
}
