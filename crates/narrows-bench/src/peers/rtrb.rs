//! rtrb: a wait-free ring for one producer and one consumer. It never sleeps: what waits spins.

use std::collections::VecDeque;
use std::hint::spin_loop;

use rtrb::{Consumer, PopError, Producer, PushError, RingBuffer};

use crate::message::Message;
use crate::peer::{BatchPeer, Ends, Peer};

/// Turns of spinning before the processor is offered to others, so that one core alone comes to an end too.
const SPINS: u32 = 10_000;

#[derive(Debug)]
pub(crate) struct Rtrb;

impl Peer for Rtrb {
    const NAME: &'static str = "rtrb";
    type Tx<M: Message> = Producer<M>;
    type Rx<M: Message> = Consumer<M>;

    fn channel<M: Message>(capacity: Option<usize>) -> Option<Ends<Self, M>> {
        capacity.filter(|&places| places > 0).map(RingBuffer::new)
    }

    fn send<M: Message>(tx: &mut Self::Tx<M>, message: M) {
        let mut spins = 0;
        while let Err(PushError::Full(_)) = tx.push(message) {
            rest(&mut spins);
        }
    }

    fn recv<M: Message>(rx: &mut Self::Rx<M>) -> M {
        let mut spins = 0;
        loop {
            match rx.pop() {
                Ok(message) => return message,
                Err(PopError::Empty) => rest(&mut spins),
            }
        }
    }

    fn try_send<M: Message>(tx: &mut Self::Tx<M>, message: M) -> bool {
        tx.push(message).is_ok()
    }

    fn try_recv<M: Message>(rx: &mut Self::Rx<M>) -> Option<M> {
        rx.pop().ok()
    }
}

/// By its chunks.
impl BatchPeer for Rtrb {
    fn send_many<M: Message>(tx: &mut Producer<M>, batch: &mut VecDeque<M>) {
        let mut spins = 0;
        while !batch.is_empty() {
            let size = tx.slots().min(batch.len());
            match tx.write_chunk_uninit(size) {
                Ok(chunk) if size > 0 => _ = chunk.fill_from_iter(batch.drain(..size)),
                _ => rest(&mut spins),
            }
        }
    }

    fn recv_many<M: Message>(rx: &mut Consumer<M>, into: &mut Vec<M>, most: usize) {
        let mut spins = 0;
        while into.is_empty() {
            let size = rx.slots().min(most);
            match rx.read_chunk(size) {
                Ok(chunk) if size > 0 => into.extend(chunk),
                _ => rest(&mut spins),
            }
        }
    }
}

fn rest(spins: &mut u32) {
    *spins += 1;
    if *spins < SPINS {
        spin_loop();
    } else {
        std::thread::yield_now();
    }
}
