//! Streams and round trips between tasks, on tokio with two workers.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

use super::threads::handles;
use super::{Figures, Work, cost, per, share, verify};
use crate::message::Message;
use crate::peer::{Shape, TaskPeer};

pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).build().expect("two threads can be had"));

/// The thread that asks it to run something is its only one.
pub(crate) static LOCAL: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime without a thread can be had"));

/// The works, and what the workers kept alive.
async fn join<K>(workers: Vec<JoinHandle<(Work, K)>>) -> (Vec<Work>, Vec<K>) {
    let mut done = (Vec::new(), Vec::new());
    for worker in workers {
        let (work, kept) = worker.await.expect("no worker panics");
        done.0.push(work);
        done.1.push(kept);
    }
    done
}

pub(crate) fn stream<P: TaskPeer, M: Message>(capacity: Option<usize>, shape: Shape, count: u64) -> Option<Figures> {
    let (tx, rx) = P::channel::<M>(capacity)?;
    let txs = handles(tx, shape.senders, P::another_tx)?;
    let rxs = handles(rx, shape.receivers, P::another_rx)?;
    let start = Arc::new(Barrier::new(txs.len() + rxs.len()));
    RUNTIME.block_on(async {
        let receiver = |(which, mut rx)| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                let mine = share(count, which, shape.receivers);
                start.wait().await;
                let began = Instant::now();
                let mut sum = 0_u64;
                for _ in mine {
                    sum = sum.wrapping_add(P::recv::<M>(&mut rx).await.number());
                }
                (Work::done(began, sum), rx)
            })
        };
        let sender = |(which, mut tx)| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                let mine = share(count, which, shape.senders);
                start.wait().await;
                let began = Instant::now();
                let mut sum = 0_u64;
                for number in mine {
                    sum = sum.wrapping_add(number);
                    P::send(&mut tx, M::new(number)).await;
                }
                (Work::done(began, sum), tx)
            })
        };
        let receivers = (0..).zip(rxs).map(receiver).collect();
        let senders = (0..).zip(txs).map(sender).collect();
        let (arrived, _rxs) = join(receivers).await;
        let (sent, _txs) = join(senders).await;
        Some(cost(&sent, &arrived, count))
    })
}

pub(crate) fn one<P: TaskPeer, M: Message>(capacity: Option<usize>, count: u64) -> Option<Figures> {
    let (mut tx, mut rx) = P::channel::<M>(capacity)?;
    let task = async move {
        let mut sums = (0_u64, 0_u64);
        let began = Instant::now();
        for number in 0..count {
            P::send(&mut tx, M::new(number)).await;
            sums.0 = sums.0.wrapping_add(number);
            sums.1 = sums.1.wrapping_add(P::recv::<M>(&mut rx).await.number());
        }
        let took = began.elapsed();
        verify(sums.0, sums.1);
        vec![per(took, count)]
    };
    Some(RUNTIME.block_on(async { tokio::spawn(task).await.expect("no worker panics") }))
}

pub(crate) fn ping_pong<P: TaskPeer, M: Message>(capacity: Option<usize>, count: u64) -> Option<Figures> {
    let (mut there, mut arrived) = P::channel::<M>(capacity)?;
    let (mut back, mut returned) = P::channel::<M>(capacity)?;
    let far = async move {
        for _ in 0..count {
            let message: M = P::recv(&mut arrived).await;
            P::send(&mut back, message).await;
        }
        (arrived, back)
    };
    let near = async move {
        let mut sums = (0_u64, 0_u64);
        let began = Instant::now();
        for number in 0..count {
            P::send(&mut there, M::new(number)).await;
            sums.0 = sums.0.wrapping_add(number);
            sums.1 = sums.1.wrapping_add(P::recv::<M>(&mut returned).await.number());
        }
        let took = began.elapsed();
        verify(sums.0, sums.1);
        vec![per(took, count)]
    };
    RUNTIME.block_on(async {
        let far = tokio::spawn(far);
        let figures = tokio::spawn(near).await.expect("no worker panics");
        far.await.expect("no worker panics");
        Some(figures)
    })
}
