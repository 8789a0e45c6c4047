//! flume, as it comes. Its selector is used up by one wait, so it is built for each message.
//! Of flume 0.12 selecting among senders, messages were lost in these very loads, so that it stands in no such row.

use std::collections::VecDeque;

use flume::{Receiver, Selector, Sender};

use crate::message::Message;
use crate::peer::{BatchPeer, Ends, Peer, Select, TaskEnds, TaskPeer};

const LIVES: &str = "the other end lives";

#[derive(Debug)]
pub(crate) struct Flume;

impl Peer for Flume {
    const NAME: &'static str = "flume";
    const SELECT: Select = Select::Receive;
    type Tx<M: Message> = Sender<M>;
    type Rx<M: Message> = Receiver<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<Ends<Self, M>> {
        Some(capacity.map_or_else(flume::unbounded, flume::bounded))
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
        for _ in 0..count {
            let mut select = Selector::new();
            for rx in &*rxs {
                select = select.recv(rx, |message| message.expect(LIVES));
            }
            take(select.wait());
        }
    }
}

impl TaskPeer for Flume {
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
        tx.send_async(message).await.expect(LIVES);
    }

    async fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
        rx.recv_async().await.expect(LIVES)
    }
}

/// It receives in batches and does not send in any; a drain has no bound and does not wait.
impl BatchPeer for Flume {
    fn send_many<M: Message>(tx: &mut Sender<M>, batch: &mut VecDeque<M>) {
        batch.drain(..).for_each(|message| tx.send(message).expect(LIVES));
    }

    fn recv_many<M: Message>(rx: &mut Receiver<M>, into: &mut Vec<M>, _: usize) {
        into.extend(rx.drain());
        if into.is_empty() {
            into.push(rx.recv().expect(LIVES));
        }
    }
}
