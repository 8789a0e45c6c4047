//! async-broadcast, with its blocking methods for threads. Its overflow mode stays off: a sender waits for every receiver.

use async_broadcast::{Receiver, Sender, broadcast};

use crate::message::Message;
use crate::peer::BroadcastPeer;

const LIVES: &str = "the other end lives";

#[derive(Debug)]
pub(crate) struct AsyncBroadcast;

impl BroadcastPeer for AsyncBroadcast {
    type Tx<M: Message> = Sender<M>;
    type Rx<M: Message> = Receiver<M>;

    fn channel<M: Message>(places: usize, receivers: u64) -> (Sender<M>, Vec<Receiver<M>>) {
        let (tx, rx) = broadcast(places);
        let more = (1..receivers).map(|_| tx.new_receiver()).collect::<Vec<_>>();
        (tx, more.into_iter().chain([rx]).collect())
    }

    fn send<M: Message>(tx: &mut Sender<M>, message: M) {
        tx.broadcast_blocking(message).expect(LIVES);
    }

    fn recv<M: Message>(rx: &mut Receiver<M>) -> M {
        rx.recv_blocking().expect(LIVES)
    }

    async fn send_async<M: Message>(tx: &mut Sender<M>, message: M) {
        // Not boxed, as the plain one is.
        tx.broadcast_direct(message).await.expect(LIVES);
    }

    async fn recv_async<M: Message>(rx: &mut Receiver<M>) -> M {
        rx.recv_direct().await.expect(LIVES)
    }
}
