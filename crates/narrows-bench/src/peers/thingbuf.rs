//! thingbuf: a ring with places that are used again; bounded, for one receiver.

use thingbuf::mpsc;

use crate::message::Message;
use crate::peer::{Ends, Peer, TaskEnds, TaskPeer};

const LIVES: &str = "the other end lives";

#[derive(Debug)]
pub(crate) struct Thingbuf;

impl Peer for Thingbuf {
    const NAME: &'static str = "thingbuf";
    type Tx<M: Message> = mpsc::blocking::Sender<M>;
    type Rx<M: Message> = mpsc::blocking::Receiver<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<Ends<Self, M>> {
        capacity.filter(|&places| places > 0).map(mpsc::blocking::channel)
    }

    fn another_tx<M: Message>(tx: &Self::Tx<M>) -> Option<Self::Tx<M>> {
        Some(tx.clone())
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
}

impl TaskPeer for Thingbuf {
    type Tx<M: Message> = mpsc::Sender<M>;
    type Rx<M: Message> = mpsc::Receiver<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<TaskEnds<Self, M>> {
        capacity.filter(|&places| places > 0).map(mpsc::channel)
    }

    fn another_tx<M: Message>(tx: &Self::Tx<M>) -> Option<Self::Tx<M>> {
        Some(tx.clone())
    }

    async fn send<M: Message>(tx: &mut Self::Tx<M>, message: M) {
        tx.send(message).await.expect(LIVES);
    }

    async fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
        rx.recv().await.expect(LIVES)
    }
}
