//! tokio's mpsc, oneshot, broadcast and watch, with their blocking methods for threads. Two types of sender and of receiver
//! of mpsc, as in std.

use std::collections::VecDeque;

use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::sync::{broadcast, oneshot, watch};

use crate::message::Message;
use crate::peer::{BatchPeer, BroadcastPeer, Ends, OncePeer, Peer, PermitPeer, TaskEnds, TaskPeer, WatchPeer};

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

impl BroadcastPeer for Tokio {
    type Tx<M: Message> = broadcast::Sender<M>;
    type Rx<M: Message> = broadcast::Receiver<M>;

    fn channel<M: Message>(places: usize, receivers: u64) -> (broadcast::Sender<M>, Vec<broadcast::Receiver<M>>) {
        let (tx, rx) = broadcast::channel(places);
        let more = (1..receivers).map(|_| tx.subscribe()).collect::<Vec<_>>();
        (tx, more.into_iter().chain([rx]).collect())
    }

    fn send<M: Message>(tx: &mut broadcast::Sender<M>, message: M) {
        tx.send(message).expect(LIVES);
    }

    fn recv<M: Message>(rx: &mut broadcast::Receiver<M>) -> M {
        rx.blocking_recv().expect("nothing was lost")
    }

    async fn send_async<M: Message>(tx: &mut broadcast::Sender<M>, message: M) {
        tx.send(message).expect(LIVES);
    }

    async fn recv_async<M: Message>(rx: &mut broadcast::Receiver<M>) -> M {
        rx.recv().await.expect("nothing was lost")
    }
}

impl WatchPeer for Tokio {
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
        rx.changed().await.expect(LIVES);
        *rx.borrow_and_update()
    }
}

/// Without a bound there is always a place, and no permit.
impl PermitPeer for Tokio {
    fn try_permit<M: Message>(tx: &mut Tx<M>, message: M) {
        match tx {
            Tx::Bounded(tx) => tx.try_reserve().expect("there is a place").send(message),
            Tx::Unbounded(tx) => tx.send(message).expect(LIVES),
        }
    }

    async fn permit<M: Message>(tx: &mut Tx<M>, message: M) {
        match tx {
            Tx::Bounded(tx) => tx.reserve().await.expect(LIVES).send(message),
            Tx::Unbounded(tx) => tx.send(message).expect(LIVES),
        }
    }
}

/// Waits with one message, as a thread has no other way, and sends those that then find places by permits for all of them.
impl BatchPeer for Tokio {
    fn send_many<M: Message>(tx: &mut Tx<M>, batch: &mut VecDeque<M>) {
        match tx {
            Tx::Bounded(tx) => {
                while let Some(message) = batch.pop_front() {
                    tx.blocking_send(message).expect(LIVES);
                    let places = tx.capacity().min(batch.len());
                    let permits = tx.try_reserve_many(places).into_iter().flatten();
                    permits.zip(batch.drain(..places)).for_each(|(permit, message)| permit.send(message));
                }
            }
            Tx::Unbounded(tx) => batch.drain(..).for_each(|message| tx.send(message).expect(LIVES)),
        }
    }

    fn recv_many<M: Message>(rx: &mut Rx<M>, into: &mut Vec<M>, most: usize) {
        match rx {
            Rx::Bounded(rx) => rx.blocking_recv_many(into, most),
            Rx::Unbounded(rx) => rx.blocking_recv_many(into, most),
        };
    }
}
