//! Narrows: one type for every row, and one for a single message.

use narrows::oneshot;

use crate::message::Message;
use crate::peer::{Ends, OncePeer, Peer, Select, TaskEnds, TaskPeer};

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
