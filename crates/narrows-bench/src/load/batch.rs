//! Many messages at once, and the same channel one message at a time: two figures of one sample, so that what disturbs one
//! disturbs the other.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use super::threads::{self, join, send_all};
use super::{Figures, Work, cost, per, verify};
use crate::machine::{Place, pin};
use crate::message::Message;
use crate::peer::{BatchPeer, Shape};

/// Messages in a batch.
const SIZE: u64 = 64;

/// One thread sends a batch and receives it, and so on.
pub(crate) fn one<P: BatchPeer, M: Message>(capacity: Option<usize>, count: u64) -> Option<Figures> {
    let (mut batch, mut into) = (VecDeque::new(), Vec::new());
    let batched = rounds::<P, M>(capacity, count, |tx, rx, numbers| {
        let size = numbers.end - numbers.start;
        let sent = send_batch::<P, M>(tx, numbers, &mut batch);
        (sent, recv_batches::<P, M>(rx, size, &mut into))
    })?;
    let single = rounds::<P, M>(capacity, count, |tx, rx, numbers| {
        let sent = send_all::<P, M>(tx, numbers.clone());
        (sent, numbers.fold(0, |sum: u64, _| sum.wrapping_add(P::recv::<M>(rx).number())))
    })?;
    Some(vec![batched, single])
}

/// Nanoseconds per message of `round`, which sends and receives these numbers and gives both sums.
fn rounds<P: BatchPeer, M: Message>(
    capacity: Option<usize>,
    count: u64,
    mut round: impl FnMut(&mut P::Tx<M>, &mut P::Rx<M>, Range<u64>) -> (u64, u64),
) -> Option<f64> {
    let (mut tx, mut rx) = P::channel::<M>(capacity)?;
    let mut sums = (0_u64, 0_u64);
    let began = Instant::now();
    for numbers in batches(count) {
        let (sent, arrived) = round(&mut tx, &mut rx, numbers);
        sums = (sums.0.wrapping_add(sent), sums.1.wrapping_add(arrived));
    }
    let took = began.elapsed();
    verify(sums.0, sums.1);
    Some(per(took, count))
}

/// One thread sends and one receives.
pub(crate) fn stream<P: BatchPeer, M: Message>(capacity: Option<usize>, place: Place, count: u64) -> Option<Figures> {
    let mut figures = batched::<P, M>(capacity, place, count)?;
    figures.extend(threads::stream::<P, M>(capacity, Shape { senders: 1, receivers: 1 }, place, count)?);
    Some(figures)
}

fn batched<P: BatchPeer, M: Message>(capacity: Option<usize>, place: Place, count: u64) -> Option<Figures> {
    let (mut tx, mut rx) = P::channel::<M>(capacity)?;
    let start = &Barrier::new(2);
    thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            pin(place, 1);
            let mut into = Vec::new();
            start.wait();
            let began = Instant::now();
            let sum = recv_batches::<P, M>(&mut rx, count, &mut into);
            (Work::done(began, sum), rx)
        });
        let sender = scope.spawn(move || {
            pin(place, 0);
            let mut batch = VecDeque::new();
            start.wait();
            let began = Instant::now();
            let mut sum = 0_u64;
            for numbers in batches(count) {
                sum = sum.wrapping_add(send_batch::<P, M>(&mut tx, numbers, &mut batch));
            }
            (Work::done(began, sum), tx)
        });
        let (arrived, _rx) = join(vec![receiver]);
        let (sent, _tx) = join(vec![sender]);
        Some(cost(&sent, &arrived, count))
    })
}

/// The sum of the numbers; that a batch is made is part of its cost.
fn send_batch<P: BatchPeer, M: Message>(tx: &mut P::Tx<M>, numbers: Range<u64>, batch: &mut VecDeque<M>) -> u64 {
    let mut sum = 0_u64;
    batch.extend(numbers.map(|number| {
        sum = sum.wrapping_add(number);
        M::new(number)
    }));
    P::send_many(tx, batch);
    sum
}

fn recv_batches<P: BatchPeer, M: Message>(rx: &mut P::Rx<M>, count: u64, into: &mut Vec<M>) -> u64 {
    let (mut sum, mut received) = (0_u64, 0);
    while received < count {
        P::recv_many(rx, into, SIZE as usize);
        received += into.len() as u64;
        sum = into.drain(..).fold(sum, |sum, message| sum.wrapping_add(message.number()));
    }
    sum
}

fn batches(count: u64) -> impl Iterator<Item = Range<u64>> {
    (0..count).step_by(SIZE as usize).map(move |first| first..count.min(first + SIZE))
}

#[cfg(test)]
mod tests {
    use super::batches;

    #[test]
    fn the_last_batch_is_what_is_left() {
        assert_eq!(batches(130).collect::<Vec<_>>(), [0..64, 64..128, 128..130]);
    }
}
