//! tokio with its own channels: on its usual runtime, and for one worker also on that of one thread. With the channels of
//! narrows besides, to tell the host's cost from the channel's; that is shown and not counted.

use tokio::sync::{mpsc, oneshot};

use super::narrows::{Channel, Single};
use super::no_zero;
use crate::beside::Peer;
use crate::beside::host::{Tokio, TokioThread};
use crate::load::{Link, Once, Rolls, play};
use crate::row::{Job, Load};

pub(super) fn peers() -> [Peer<Job>; 3] {
    [
        Peer { lacks: no_zero, ..Peer::here("tokio", play::<Tokio, Mpsc, Oneshot>) },
        Peer {
            lacks: no_zero,
            knows: |job| job.workers == Some(1),
            ..Peer::here("tokio current-thread", play::<TokioThread, Mpsc, Oneshot>)
        },
        Peer {
            counted: false,
            knows: |job| matches!(job.load, Load::PingPong | Load::Ring | Load::Stream),
            ..Peer::here("tokio, channels of narrows", play::<Tokio, Channel, Single>)
        },
    ]
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
