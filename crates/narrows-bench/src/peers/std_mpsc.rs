//! std's mpsc. It has two types of sender; the branch between them is one the processor foresees.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use crate::message::Message;
use crate::peer::{Ends, Peer};

const LIVES: &str = "the other end lives";

#[derive(Debug)]
pub(crate) struct Std;

#[derive(Clone, Debug)]
pub(crate) enum Tx<M> {
    Bounded(SyncSender<M>),
    Unbounded(Sender<M>),
}

impl Peer for Std {
    const NAME: &'static str = "std";
    type Tx<M: Message> = Tx<M>;
    type Rx<M: Message> = Receiver<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<Ends<Self, M>> {
        Some(if let Some(places) = capacity {
            let (tx, rx) = sync_channel(places);
            (Tx::Bounded(tx), rx)
        } else {
            let (tx, rx) = channel();
            (Tx::Unbounded(tx), rx)
        })
    }

    fn another_tx<M: Message>(tx: &Self::Tx<M>) -> Option<Self::Tx<M>> {
        Some(tx.clone())
    }

    fn send<M: Message>(tx: &mut Self::Tx<M>, message: M) {
        match tx {
            Tx::Bounded(tx) => tx.send(message).expect(LIVES),
            Tx::Unbounded(tx) => tx.send(message).expect(LIVES),
        }
    }

    fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
        rx.recv().expect(LIVES)
    }

    fn try_send<M: Message>(tx: &mut Self::Tx<M>, message: M) -> bool {
        match tx {
            Tx::Bounded(tx) => tx.try_send(message).is_ok(),
            Tx::Unbounded(tx) => tx.send(message).is_ok(),
        }
    }

    fn try_recv<M: Message>(rx: &mut Self::Rx<M>) -> Option<M> {
        rx.try_recv().ok()
    }
}
