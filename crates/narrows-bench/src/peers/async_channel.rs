//! async-channel, with its blocking methods for threads. It has no capacity 0.

use async_channel::{Receiver, Sender, bounded, unbounded};

use crate::message::Message;
use crate::peer::{Ends, ForcePeer, Peer, TaskEnds, TaskPeer};

const LIVES: &str = "the other end lives";

#[derive(Debug)]
pub(crate) struct AsyncChannel;

impl Peer for AsyncChannel {
    const NAME: &'static str = "async-channel";
    type Tx<M: Message> = Sender<M>;
    type Rx<M: Message> = Receiver<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<Ends<Self, M>> {
        match capacity {
            Some(0) => None,
            Some(places) => Some(bounded(places)),
            None => Some(unbounded()),
        }
    }

    fn another_tx<M: Message>(tx: &Self::Tx<M>) -> Option<Self::Tx<M>> {
        Some(tx.clone())
    }

    fn another_rx<M: Message>(rx: &Self::Rx<M>) -> Option<Self::Rx<M>> {
        Some(rx.clone())
    }

    fn send<M: Message>(tx: &mut Self::Tx<M>, message: M) {
        tx.send_blocking(message).expect(LIVES);
    }

    fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
        rx.recv_blocking().expect(LIVES)
    }

    fn try_send<M: Message>(tx: &mut Self::Tx<M>, message: M) -> bool {
        tx.try_send(message).is_ok()
    }

    fn try_recv<M: Message>(rx: &mut Self::Rx<M>) -> Option<M> {
        rx.try_recv().ok()
    }
}

impl TaskPeer for AsyncChannel {
    type Tx<M: Message> = Sender<M>;
    type Rx<M: Message> = Receiver<M>;

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
        tx.send(message).await.expect(LIVES);
    }

    async fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
        rx.recv().await.expect(LIVES)
    }
}

impl ForcePeer for AsyncChannel {
    type Tx<M: Message> = Sender<M>;
    type Rx<M: Message> = Receiver<M>;

    fn channel<M: Message>(places: usize) -> (Sender<M>, Receiver<M>) {
        bounded(places)
    }

    fn force_send<M: Message>(tx: &mut Sender<M>, message: M) {
        tx.force_send(message).expect(LIVES);
    }

    fn try_recv<M: Message>(rx: &mut Receiver<M>) -> Option<M> {
        rx.try_recv().ok()
    }
}
