//! narrows-task with the channels of narrows.

use narrows::{Receiver, Sender, bounded, oneshot};

use crate::load::{Link, Once};

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

    async fn recv(rx: Self::Rx) -> Option<u64> {
        rx.recv_async().await.ok()
    }
}
