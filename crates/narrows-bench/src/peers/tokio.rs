//! tokio's mpsc and oneshot, with their blocking methods for threads. Two types of sender and of receiver, as in std.

use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::sync::oneshot;

use crate::message::Message;
use crate::peer::{Ends, OncePeer, Peer, TaskEnds, TaskPeer};

const LIVES: &str = "the other end lives";

#[derive(Debug)]
pub(crate) struct Tokio;

#[derive(Clone, Debug)]
pub(crate) enum Tx<M> {
    Bounded(Sender<M>),
    Unbounded(UnboundedSender<M>),
}

#[derive(Debug)]
pub(crate) enum Rx<M> {
    Bounded(Receiver<M>),
    Unbounded(UnboundedReceiver<M>),
}

/// It has no capacity 0.
fn ends<M>(capacity: Option<usize>) -> Option<(Tx<M>, Rx<M>)> {
    match capacity {
        Some(0) => None,
        Some(places) => {
            let (tx, rx) = channel(places);
            Some((Tx::Bounded(tx), Rx::Bounded(rx)))
        }
        None => {
            let (tx, rx) = unbounded_channel();
            Some((Tx::Unbounded(tx), Rx::Unbounded(rx)))
        }
    }
}

impl Peer for Tokio {
    const NAME: &'static str = "tokio";
    type Tx<M: Message> = Tx<M>;
    type Rx<M: Message> = Rx<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<Ends<Self, M>> {
        ends(capacity)
    }

    fn another_tx<M: Message>(tx: &Self::Tx<M>) -> Option<Self::Tx<M>> {
        Some(tx.clone())
    }

    fn send<M: Message>(tx: &mut Self::Tx<M>, message: M) {
        match tx {
            Tx::Bounded(tx) => tx.blocking_send(message).expect(LIVES),
            Tx::Unbounded(tx) => tx.send(message).expect(LIVES),
        }
    }

    fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
        match rx {
            Rx::Bounded(rx) => rx.blocking_recv(),
            Rx::Unbounded(rx) => rx.blocking_recv(),
        }
        .expect(LIVES)
    }

    fn try_send<M: Message>(tx: &mut Self::Tx<M>, message: M) -> bool {
        match tx {
            Tx::Bounded(tx) => tx.try_send(message).is_ok(),
            Tx::Unbounded(tx) => tx.send(message).is_ok(),
        }
    }

    fn try_recv<M: Message>(rx: &mut Self::Rx<M>) -> Option<M> {
        match rx {
            Rx::Bounded(rx) => rx.try_recv(),
            Rx::Unbounded(rx) => rx.try_recv(),
        }
        .ok()
    }
}

impl TaskPeer for Tokio {
    type Tx<M: Message> = Tx<M>;
    type Rx<M: Message> = Rx<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<TaskEnds<Self, M>> {
        ends(capacity)
    }

    fn another_tx<M: Message>(tx: &Self::Tx<M>) -> Option<Self::Tx<M>> {
        Some(tx.clone())
    }

    async fn send<M: Message>(tx: &mut Self::Tx<M>, message: M) {
        match tx {
            Tx::Bounded(tx) => tx.send(message).await.expect(LIVES),
            Tx::Unbounded(tx) => tx.send(message).expect(LIVES),
        }
    }

    async fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
        match rx {
            Rx::Bounded(rx) => rx.recv().await,
            Rx::Unbounded(rx) => rx.recv().await,
        }
        .expect(LIVES)
    }
}

impl OncePeer for Tokio {
    type Tx<M: Message> = oneshot::Sender<M>;
    type Rx<M: Message> = oneshot::Receiver<M>;

    fn pair<M: Message>() -> (oneshot::Sender<M>, oneshot::Receiver<M>) {
        oneshot::channel()
    }

    fn send<M: Message>(tx: oneshot::Sender<M>, message: M) {
        assert!(tx.send(message).is_ok(), "{LIVES}");
    }

    fn recv<M: Message>(rx: oneshot::Receiver<M>) -> M {
        rx.blocking_recv().expect(LIVES)
    }

    async fn recv_async<M: Message>(rx: oneshot::Receiver<M>) -> M {
        rx.await.expect(LIVES)
    }
}
