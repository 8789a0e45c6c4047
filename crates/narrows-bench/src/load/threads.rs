//! Streams, round trips and hand-offs between threads.

use std::hint::spin_loop;
use std::sync::Barrier;
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use super::{Figures, Work, cost, per, share, verify};
use crate::machine::{Place, pin};
use crate::message::Message;
use crate::peer::{Peer, Shape};

/// The sum over `share` of the numbers, and the sending of each.
pub(super) fn send_all<P: Peer, M: Message>(tx: &mut P::Tx<M>, numbers: std::ops::Range<u64>) -> u64 {
    let mut sum = 0_u64;
    for number in numbers {
        sum = sum.wrapping_add(number);
        P::send(tx, M::new(number));
    }
    sum
}

fn recv_all<P: Peer, M: Message>(rx: &mut P::Rx<M>, count: u64) -> u64 {
    let mut sum = 0_u64;
    for _ in 0..count {
        sum = sum.wrapping_add(P::recv(rx).number());
    }
    sum
}

/// The works, and what the workers kept alive: nobody is to meet a channel whose other side has left.
pub(crate) fn join<K>(workers: Vec<ScopedJoinHandle<'_, (Work, K)>>) -> (Vec<Work>, Vec<K>) {
    workers.into_iter().map(|worker| worker.join().expect("no worker panics")).unzip()
}

pub(crate) fn stream<P: Peer, M: Message>(
    capacity: Option<usize>,
    shape: Shape,
    place: Place,
    count: u64,
) -> Option<Figures> {
    let (tx, rx) = P::channel::<M>(capacity)?;
    let txs = handles(tx, shape.senders, P::another_tx)?;
    let rxs = handles(rx, shape.receivers, P::another_rx)?;
    let start = &Barrier::new(txs.len() + rxs.len());
    thread::scope(|scope| {
        let receiver = |(which, mut rx)| {
            scope.spawn(move || {
                pin(place, 1);
                let mine = share(count, which, shape.receivers);
                start.wait();
                let began = Instant::now();
                let sum = recv_all::<P, M>(&mut rx, mine.end - mine.start);
                (Work::done(began, sum), rx)
            })
        };
        let sender = |(which, mut tx)| {
            scope.spawn(move || {
                pin(place, 0);
                let mine = share(count, which, shape.senders);
                start.wait();
                let began = Instant::now();
                let sum = send_all::<P, M>(&mut tx, mine);
                (Work::done(began, sum), tx)
            })
        };
        let receivers = (0..).zip(rxs).map(receiver).collect();
        let senders = (0..).zip(txs).map(sender).collect();
        let (arrived, _rxs) = join(receivers);
        let (sent, _txs) = join(senders);
        Some(cost(&sent, &arrived, count))
    })
}

/// As many handles of one end as the row wants; `None` where the peer has only one.
pub(crate) fn handles<H>(first: H, count: u64, another: impl Fn(&H) -> Option<H>) -> Option<Vec<H>> {
    let mut handles = vec![first];
    for _ in 1..count {
        handles.push(another(&handles[0])?);
    }
    Some(handles)
}

/// Send, receive, and again, on one thread.
pub(crate) fn one<P: Peer, M: Message>(capacity: Option<usize>, count: u64) -> Option<Figures> {
    let (mut tx, mut rx) = P::channel::<M>(capacity)?;
    let mut sums = (0_u64, 0_u64);
    let began = Instant::now();
    for number in 0..count {
        P::send(&mut tx, M::new(number));
        sums.0 = sums.0.wrapping_add(number);
        sums.1 = sums.1.wrapping_add(P::recv(&mut rx).number());
    }
    let took = began.elapsed();
    verify(sums.0, sums.1);
    Some(vec![per(took, count)])
}

pub(crate) fn ping_pong<P: Peer, M: Message>(capacity: Option<usize>, place: Place, count: u64) -> Option<Figures> {
    let (mut there, mut arrived) = P::channel::<M>(capacity)?;
    let (mut back, mut returned) = P::channel::<M>(capacity)?;
    let start = &Barrier::new(2);
    thread::scope(|scope| {
        let far = scope.spawn(move || {
            pin(place, 1);
            start.wait();
            for _ in 0..count {
                let message = P::recv(&mut arrived);
                P::send(&mut back, message);
            }
            start.wait();
        });
        let near = scope.spawn(move || {
            pin(place, 0);
            let mut sums = (0_u64, 0_u64);
            start.wait();
            let began = Instant::now();
            for number in 0..count {
                P::send(&mut there, M::new(number));
                sums.0 = sums.0.wrapping_add(number);
                sums.1 = sums.1.wrapping_add(P::recv(&mut returned).number());
            }
            let took = began.elapsed();
            start.wait();
            verify(sums.0, sums.1);
            vec![per(took, count)]
        });
        far.join().expect("no worker panics");
        Some(near.join().expect("no worker panics"))
    })
}

/// Pauses before each message: longer than a receiver needs to come back, shorter than any peer spins before it sleeps.
const PAUSES: u32 = 16;

/// What it costs to send to a receiver that waits: the whole less the same pauses alone.
pub(crate) fn awaited<P: Peer, M: Message>(capacity: Option<usize>, place: Place, count: u64) -> Option<Figures> {
    let (mut tx, mut rx) = P::channel::<M>(capacity)?;
    let start = &Barrier::new(2);
    thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            pin(place, 1);
            start.wait();
            let sum = recv_all::<P, M>(&mut rx, count);
            start.wait();
            sum
        });
        let sender = scope.spawn(move || {
            pin(place, 0);
            let mut sum = 0_u64;
            start.wait();
            let began = Instant::now();
            for number in 0..count {
                rest();
                sum = sum.wrapping_add(number);
                P::send(&mut tx, M::new(number));
            }
            let took = began.elapsed();
            start.wait();
            let began = Instant::now();
            (0..count).for_each(|_| rest());
            (sum, took.saturating_sub(began.elapsed()))
        });
        let arrived = receiver.join().expect("no worker panics");
        let (sent, took) = sender.join().expect("no worker panics");
        verify(sent, arrived);
        Some(vec![per(took, count)])
    })
}

fn rest() {
    (0..PAUSES).for_each(|_| spin_loop());
}
