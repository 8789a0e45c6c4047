//! narrows-task with the channels of narrows: awaited, and besides by the calls that block, which are legal in its tasks.

use narrows::{Receiver, Sender, bounded, oneshot};

use crate::beside::host::Narrows;
use crate::beside::{OURS, Peer};
use crate::load::{Link, Once, Rolls, play};
use crate::row::{Job, Load};

pub(super) fn peers() -> [Peer<Job>; 2] {
    [
        Peer::here(OURS, play::<Narrows, Channel, Single>),
        Peer {
            counted: false,
            knows: |job| matches!(job.load, Load::PingPong | Load::Stream),
            ..Peer::here("narrows, calls that block", play::<Narrows, Blocking, Single>)
        },
    ]
}

pub(super) struct Channel;

impl Link for Channel {
    type Tx = Sender<u64>;
    type Rx = Receiver<u64>;

    fn new(capacity: usize) -> (Self::Tx, Self::Rx) {
        bounded(capacity)
    }

    async fn send(tx: &mut Self::Tx, number: u64) -> bool {
        tx.send_async(number).await.is_ok()
    }

    async fn recv(rx: &mut Self::Rx) -> Option<u64> {
        rx.recv_async().await.ok()
    }
}

struct Blocking;

impl Link for Blocking {
    type Tx = Sender<u64>;
    type Rx = Receiver<u64>;

    fn new(capacity: usize) -> (Self::Tx, Self::Rx) {
        bounded(capacity)
    }

    async fn send(tx: &mut Self::Tx, number: u64) -> bool {
        tx.send(number).is_ok()
    }

    async fn recv(rx: &mut Self::Rx) -> Option<u64> {
        rx.recv().ok()
    }
}

pub(super) struct Single;

impl Once for Single {
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
        rolls.end(rx.recv_async().await.unwrap_or(0));
    }
}
