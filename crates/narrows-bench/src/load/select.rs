//! Waiting for the first of several channels.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use super::threads::{join, send_all};
use super::{Figures, Work, cost, per, share, verify};
use crate::message::Message;
use crate::peer::{Peer, Select};

/// So many senders, each with a channel of its own, and one receiver.
pub(crate) fn receivers<P: Peer, M: Message>(capacity: Option<usize>, channels: u64, count: u64) -> Option<Figures> {
    let (txs, mut rxs) = several::<P, M>(capacity, channels, Select::Receive)?;
    let start = &Barrier::new(txs.len() + 1);
    thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            start.wait();
            let began = Instant::now();
            let mut sum = 0_u64;
            P::recv_any(&mut rxs, count, |message: M| sum = sum.wrapping_add(message.number()));
            (Work::done(began, sum), rxs)
        });
        let sender = |(which, mut tx)| {
            scope.spawn(move || {
                let mine = share(count, which, channels);
                start.wait();
                let began = Instant::now();
                (Work::done(began, send_all::<P, M>(&mut tx, mine)), tx)
            })
        };
        let senders = (0..).zip(txs).map(sender).collect();
        let (arrived, _rxs) = join(vec![receiver]);
        let (sent, _txs) = join(senders);
        Some(cost(&sent, &arrived, count))
    })
}

/// As many threads that select a sender as threads that select a receiver, over as many channels.
pub(crate) fn both<P: Peer, M: Message>(capacity: Option<usize>, threads: u64, count: u64) -> Option<Figures> {
    let (txs, rxs) = several::<P, M>(capacity, threads, Select::Both)?;
    let copies =
        |count| -> Option<Vec<Vec<P::Tx<M>>>> { (0..count).map(|_| txs.iter().map(P::another_tx).collect()).collect() };
    let senders = copies(threads)?;
    let receivers: Option<Vec<Vec<P::Rx<M>>>> = (0..threads).map(|_| rxs.iter().map(P::another_rx).collect()).collect();
    let start = &Barrier::new(usize::try_from(threads * 2).ok()?);
    thread::scope(|scope| {
        let receiver = |(which, mut rxs): (u64, Vec<P::Rx<M>>)| {
            scope.spawn(move || {
                let mine = share(count, which, threads);
                start.wait();
                let began = Instant::now();
                let mut sum = 0_u64;
                P::recv_any(&mut rxs, mine.end - mine.start, |message: M| sum = sum.wrapping_add(message.number()));
                (Work::done(began, sum), rxs)
            })
        };
        let sender = |(which, mut txs): (u64, Vec<P::Tx<M>>)| {
            scope.spawn(move || {
                let mine = share(count, which, threads);
                start.wait();
                let began = Instant::now();
                let mut sum = 0_u64;
                P::send_any(&mut txs, mine.inspect(|number| sum = sum.wrapping_add(*number)).map(M::new));
                (Work::done(began, sum), txs)
            })
        };
        let receivers = (0..).zip(receivers?).map(receiver).collect();
        let senders = (0..).zip(senders).map(sender).collect();
        let (arrived, _rxs) = join(receivers);
        let (sent, _txs) = join(senders);
        Some(cost(&sent, &arrived, count))
    })
}

/// One selector, many receivers, one message at a time, each time elsewhere; one thread.
pub(crate) fn reused<P: Peer, M: Message>(capacity: Option<usize>, receivers: u64, count: u64) -> Option<Figures> {
    let (mut txs, mut rxs) = several::<P, M>(capacity, receivers, Select::Receive)?;
    let mut sums = (0_u64, 0_u64);
    let mut number = 0;
    let mut send = |sum: &mut u64| {
        // A stride that is prime to the counts, so that neighbours do not follow each other.
        let at = usize::try_from(number * 7_919 % receivers).unwrap_or(0);
        P::send(&mut txs[at], M::new(number));
        *sum = sum.wrapping_add(number);
        number += 1;
    };
    let began = Instant::now();
    send(&mut sums.0);
    let mut left = count;
    P::recv_any(&mut rxs, count, |message: M| {
        sums.1 = sums.1.wrapping_add(message.number());
        left -= 1;
        if left > 0 {
            send(&mut sums.0);
        }
    });
    let took = began.elapsed();
    verify(sums.0, sums.1);
    Some(vec![per(took, count)])
}

type Several<P, M> = (Vec<<P as Peer>::Tx<M>>, Vec<<P as Peer>::Rx<M>>);

fn several<P: Peer, M: Message>(capacity: Option<usize>, count: u64, needed: Select) -> Option<Several<P, M>> {
    let able = P::SELECT == Select::Both || P::SELECT == needed;
    let pairs: Option<Vec<_>> = (0..count).filter(|_| able).map(|_| P::channel::<M>(capacity)).collect();
    pairs.filter(|pairs| !pairs.is_empty()).map(|pairs| pairs.into_iter().unzip())
}
