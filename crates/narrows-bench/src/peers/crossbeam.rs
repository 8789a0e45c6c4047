//! crossbeam-channel, as it comes.

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::message::Message;
use crate::peer::{Ends, Peer, Select};

const LIVES: &str = "the other end lives";

#[derive(Debug)]
pub(crate) struct Crossbeam;

impl Peer for Crossbeam {
    const NAME: &'static str = "crossbeam";
    const SELECT: Select = Select::Both;
    type Tx<M: Message> = Sender<M>;
    type Rx<M: Message> = Receiver<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<Ends<Self, M>> {
        Some(capacity.map_or_else(unbounded, bounded))
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
        let mut select = crossbeam_channel::Select::new();
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
        let mut select = crossbeam_channel::Select::new();
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
