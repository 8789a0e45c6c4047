//! Every message to every receiver; the cost is that of one message for all of them.
//!
//! No sender is further ahead of the slowest receiver than the channel has places, and this is seen to here. Else a sender
//! would wait with some peers and messages would be lost with others, and they would not do the same work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use super::tasks::LOCAL;
use super::threads::join;
use super::{Figures, Work, cost, per, verify};
use crate::machine::{Place, pin};
use crate::message::Message;
use crate::peer::BroadcastPeer;

/// How far each receiver is, on a cache line of its own.
struct Window {
    places: u64,
    seen: Vec<Seen>,
}

#[repr(align(128))]
struct Seen(AtomicU64);

impl Window {
    fn new(places: usize, receivers: u64) -> Self {
        Self { places: places as u64, seen: (0..receivers).map(|_| Seen(AtomicU64::new(0))).collect() }
    }

    /// Says that one has received so many, four times in a round of the channel: more would be the cost measured.
    fn tell(&self, which: usize, count: u64) {
        if count.is_multiple_of((self.places / 4).max(1)) {
            // Release: pairs with the Acquire in `end`; a message said to be seen is not overwritten while it is read.
            self.seen[which].0.store(count, Ordering::Release);
        }
    }

    /// The number of the first message that the slowest would lose.
    fn end(&self) -> u64 {
        let slowest = self.seen.iter().map(|seen| seen.0.load(Ordering::Acquire)).min();
        slowest.unwrap_or_default() + self.places
    }
}

/// All receivers in the thread that sends.
pub(crate) fn one<P: BroadcastPeer, M: Message>(places: usize, receivers: u64, count: u64) -> Figures {
    let (mut tx, mut rxs) = P::channel::<M>(places, receivers);
    let mut sums = (0_u64, 0_u64);
    let began = Instant::now();
    for number in 0..count {
        P::send(&mut tx, M::new(number));
        sums.0 = sums.0.wrapping_add(number * receivers);
        for rx in &mut rxs {
            sums.1 = sums.1.wrapping_add(P::recv(rx).number());
        }
    }
    let took = began.elapsed();
    verify(sums.0, sums.1);
    vec![per(took, count)]
}

/// Each receiver in a thread of its own.
pub(crate) fn threads<P: BroadcastPeer, M: Message>(
    places: usize,
    receivers: u64,
    place: Place,
    count: u64,
) -> Figures {
    let (mut tx, rxs) = P::channel::<M>(places, receivers);
    let (window, start) = (&Window::new(places, receivers), &Barrier::new(rxs.len() + 1));
    thread::scope(|scope| {
        let receiver = |(which, mut rx)| {
            scope.spawn(move || {
                pin(place, 1);
                start.wait();
                let began = Instant::now();
                let mut sum = 0_u64;
                for seen in 1..=count {
                    sum = sum.wrapping_add(P::recv::<M>(&mut rx).number());
                    window.tell(which, seen);
                }
                (Work::done(began, sum), rx)
            })
        };
        let receivers: Vec<_> = rxs.into_iter().enumerate().map(receiver).collect();
        let all = receivers.len() as u64;
        let sender = scope.spawn(move || {
            pin(place, 0);
            start.wait();
            let began = Instant::now();
            let (mut sum, mut end) = (0_u64, 0);
            for number in 0..count {
                while number >= end {
                    end = window.end();
                    if number >= end {
                        thread::yield_now();
                    }
                }
                sum = sum.wrapping_add(number * all);
                P::send(&mut tx, M::new(number));
            }
            (Work::done(began, sum), tx)
        });
        let (arrived, _rxs) = join(receivers);
        let (sent, _tx) = join(vec![sender]);
        cost(&sent, &arrived, count)
    })
}

/// Sender and receivers are tasks of one thread.
pub(crate) fn tasks<P: BroadcastPeer, M: Message>(places: usize, receivers: u64, count: u64) -> Figures {
    let (mut tx, rxs) = P::channel::<M>(places, receivers);
    let window = Arc::new(Window::new(places, receivers));
    LOCAL.block_on(async {
        let receiver = |(which, mut rx)| {
            let window = Arc::clone(&window);
            tokio::spawn(async move {
                let mut sum = 0_u64;
                for seen in 1..=count {
                    sum = sum.wrapping_add(P::recv_async::<M>(&mut rx).await.number());
                    window.tell(which, seen);
                }
                sum
            })
        };
        let workers: Vec<_> = rxs.into_iter().enumerate().map(receiver).collect();
        let began = Instant::now();
        let (mut sent, mut end) = (0_u64, 0);
        for number in 0..count {
            while number >= end {
                end = window.end();
                if number >= end {
                    tokio::task::yield_now().await;
                }
            }
            sent = sent.wrapping_add(number * receivers);
            P::send_async(&mut tx, M::new(number)).await;
        }
        let mut arrived = 0_u64;
        for worker in workers {
            arrived = arrived.wrapping_add(worker.await.expect("no worker panics"));
        }
        let took = began.elapsed();
        verify(sent, arrived);
        vec![per(took, count)]
    })
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn the_slowest_receiver_holds_the_sender_back() {
        let window = Window::new(64, 2);
        assert_eq!(window.end(), 64);
        window.tell(0, 32);
        assert_eq!(window.end(), 64);
        window.tell(1, 16);
        window.tell(1, 17);
        assert_eq!(window.end(), 80);
    }
}
