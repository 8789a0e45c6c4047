//! kanal, with its own spinning lock, its default: `std-mutex` is there for priorities, and is slower.

use std::collections::VecDeque;

use kanal::{AsyncReceiver, AsyncSender, Receiver, Sender};

use crate::message::Message;
use crate::peer::{BatchPeer, Ends, Peer, TaskEnds, TaskPeer};

const LIVES: &str = "the other end lives";

#[derive(Debug)]
pub(crate) struct Kanal;

impl Peer for Kanal {
    const NAME: &'static str = "kanal";
    type Tx<M: Message> = Sender<M>;
    type Rx<M: Message> = Receiver<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<Ends<Self, M>> {
        Some(capacity.map_or_else(kanal::unbounded, kanal::bounded))
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
        tx.try_send(message).expect(LIVES)
    }

    fn try_recv<M: Message>(rx: &mut Self::Rx<M>) -> Option<M> {
        rx.try_recv().expect(LIVES)
    }
}

impl TaskPeer for Kanal {
    type Tx<M: Message> = AsyncSender<M>;
    type Rx<M: Message> = AsyncReceiver<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<TaskEnds<Self, M>> {
        Some(capacity.map_or_else(kanal::unbounded_async, kanal::bounded_async))
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

/// It receives in batches and does not send in any; a drain has no bound and does not wait.
impl BatchPeer for Kanal {
    fn send_many<M: Message>(tx: &mut Sender<M>, batch: &mut VecDeque<M>) {
        batch.drain(..).for_each(|message| tx.send(message).expect(LIVES));
    }

    fn recv_many<M: Message>(rx: &mut Receiver<M>, into: &mut Vec<M>, _: usize) {
        if rx.drain_into(into).expect(LIVES) == 0 {
            into.push(rx.recv().expect(LIVES));
        }
    }
}
