//! Narrows: one type for every row, and one for each kind that has handles of its own.

use std::collections::VecDeque;

use narrows::broadcast::{self, Lag, Start};
use narrows::{Overflow, oneshot, watch};

use crate::message::Message;
use crate::peer::{
    BatchPeer, BroadcastPeer, Ends, ForcePeer, OncePeer, Peer, PermitPeer, Select, TaskEnds, TaskPeer, WatchPeer,
};

const LIVES: &str = "the other end lives";

#[derive(Debug)]
pub(crate) struct Narrows;

impl Peer for Narrows {
    const NAME: &'static str = "narrows";
    const SELECT: Select = Select::Both;
    type Tx<M: Message> = narrows::Sender<M>;
    type Rx<M: Message> = narrows::Receiver<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<Ends<Self, M>> {
        Some(capacity.map_or_else(narrows::unbounded, narrows::bounded))
    }

    fn another_tx<M: Message>(tx: &Self::Tx<M>) -> Option<Self::Tx<M>> {
        Some(tx.clone())
    }

    fn another_rx<M: Message>(rx: &Self::Rx<M>) -> Option<Self::Rx<M>> {
        Some(rx.clone())
    }

    fn send<M: Message>(tx: &mut Self::Tx<M>, message: M) {
        tx.send(message).expect(LIVES);
    }

    fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
        rx.recv().expect(LIVES)
    }

    fn try_send<M: Message>(tx: &mut Self::Tx<M>, message: M) -> bool {
        tx.try_send(message).is_ok()
    }

    fn try_recv<M: Message>(rx: &mut Self::Rx<M>) -> Option<M> {
        rx.try_recv().ok()
    }

    fn recv_any<M: Message>(rxs: &mut [Self::Rx<M>], count: u64, mut take: impl FnMut(M)) {
        let mut select = narrows::Select::new();
        for rx in &*rxs {
            select.recv(rx);
        }
        for _ in 0..count {
            let chosen = select.select();
            let index = chosen.index();
            take(chosen.recv(&rxs[index]).expect(LIVES));
        }
    }

    fn send_any<M: Message>(txs: &mut [Self::Tx<M>], messages: impl Iterator<Item = M>) {
        let mut select = narrows::Select::new();
        for tx in &*txs {
            select.send(tx);
        }
        for message in messages {
            let chosen = select.select();
            let index = chosen.index();
            chosen.send(&txs[index], message).expect(LIVES);
        }
    }
}

impl TaskPeer for Narrows {
    type Tx<M: Message> = narrows::Sender<M>;
    type Rx<M: Message> = narrows::Receiver<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<TaskEnds<Self, M>> {
        <Self as Peer>::channel(capacity)
    }

    fn another_tx<M: Message>(tx: &Self::Tx<M>) -> Option<Self::Tx<M>> {
        Some(tx.clone())
    }

    fn another_rx<M: Message>(rx: &Self::Rx<M>) -> Option<Self::Rx<M>> {
        Some(rx.clone())
    }

    async fn send<M: Message>(tx: &mut Self::Tx<M>, message: M) {
        tx.send_async(message).await.expect(LIVES);
    }

    async fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
        rx.recv_async().await.expect(LIVES)
    }
}

impl OncePeer for Narrows {
    type Tx<M: Message> = oneshot::Sender<M>;
    type Rx<M: Message> = oneshot::Receiver<M>;

    fn pair<M: Message>() -> (oneshot::Sender<M>, oneshot::Receiver<M>) {
        oneshot::channel()
    }

    fn send<M: Message>(tx: oneshot::Sender<M>, message: M) {
        tx.send(message).expect(LIVES);
    }

    fn recv<M: Message>(rx: oneshot::Receiver<M>) -> M {
        rx.recv().expect(LIVES)
    }

    async fn recv_async<M: Message>(rx: oneshot::Receiver<M>) -> M {
        rx.await.expect(LIVES)
    }
}

impl BroadcastPeer for Narrows {
    type Tx<M: Message> = broadcast::Sender<M>;
    type Rx<M: Message> = broadcast::Receiver<M>;

    fn channel<M: Message>(places: usize, receivers: u64) -> (broadcast::Sender<M>, Vec<broadcast::Receiver<M>>) {
        let (tx, rx) = broadcast::channel(places);
        let more = (1..receivers).map(|_| tx.subscribe(Start::Now, Lag::Wait)).collect::<Vec<_>>();
        (tx, more.into_iter().chain([rx]).collect())
    }

    fn send<M: Message>(tx: &mut broadcast::Sender<M>, message: M) {
        tx.send(message).expect(LIVES);
    }

    fn recv<M: Message>(rx: &mut broadcast::Receiver<M>) -> M {
        rx.recv().expect(LIVES)
    }

    async fn send_async<M: Message>(tx: &mut broadcast::Sender<M>, message: M) {
        tx.send_async(message).await.expect(LIVES);
    }

    async fn recv_async<M: Message>(rx: &mut broadcast::Receiver<M>) -> M {
        rx.recv_async().await.expect(LIVES)
    }
}

impl WatchPeer for Narrows {
    type Tx<M: Message> = watch::Sender<M>;
    type Rx<M: Message> = watch::Receiver<M>;

    fn pair<M: Message>(first: M) -> (watch::Sender<M>, watch::Receiver<M>) {
        watch::channel(first)
    }

    fn send<M: Message>(tx: &mut watch::Sender<M>, value: M) {
        tx.send(value).expect(LIVES);
    }

    fn borrow<M: Message>(rx: &mut watch::Receiver<M>) -> M {
        *rx.borrow()
    }

    async fn changed<M: Message>(rx: &mut watch::Receiver<M>) -> M {
        rx.changed_async().await.expect(LIVES);
        *rx.borrow_and_update()
    }
}

impl PermitPeer for Narrows {
    fn try_permit<M: Message>(tx: &mut narrows::Sender<M>, message: M) {
        tx.try_reserve().expect("there is a place").send(message).expect(LIVES);
    }

    async fn permit<M: Message>(tx: &mut narrows::Sender<M>, message: M) {
        tx.reserve_async().await.expect(LIVES).send(message).expect(LIVES);
    }
}

impl ForcePeer for Narrows {
    type Tx<M: Message> = narrows::Sender<M>;
    type Rx<M: Message> = narrows::Receiver<M>;

    fn channel<M: Message>(places: usize) -> (narrows::Sender<M>, narrows::Receiver<M>) {
        narrows::bounded(places)
    }

    fn force_send<M: Message>(tx: &mut narrows::Sender<M>, message: M) {
        tx.force_send(message).expect(LIVES);
    }

    fn try_recv<M: Message>(rx: &mut narrows::Receiver<M>) -> Option<M> {
        rx.try_recv().ok()
    }
}

impl BatchPeer for Narrows {
    fn send_many<M: Message>(tx: &mut narrows::Sender<M>, batch: &mut VecDeque<M>) {
        tx.send_many(batch).expect(LIVES);
    }

    fn recv_many<M: Message>(rx: &mut narrows::Receiver<M>, into: &mut Vec<M>, most: usize) {
        rx.recv_many(into, most).expect(LIVES);
    }
}

/// A channel that was made to drop its oldest message, whoever sends.
#[derive(Debug)]
pub(crate) struct DropOldest;

impl ForcePeer for DropOldest {
    type Tx<M: Message> = narrows::Sender<M>;
    type Rx<M: Message> = narrows::Receiver<M>;

    fn channel<M: Message>(places: usize) -> (narrows::Sender<M>, narrows::Receiver<M>) {
        narrows::builder().overflow(Overflow::DropOldest).bounded(places)
    }

    fn force_send<M: Message>(tx: &mut narrows::Sender<M>, message: M) {
        tx.send(message).expect(LIVES);
    }

    fn try_recv<M: Message>(rx: &mut narrows::Receiver<M>) -> Option<M> {
        rx.try_recv().ok()
    }
}
