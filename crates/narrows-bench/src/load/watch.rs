//! A channel that keeps the latest value alone.

use std::time::Instant;

use tokio::runtime::Runtime;

use super::{Figures, per, verify};
use crate::message::Message;
use crate::peer::WatchPeer;

/// There is a receiver, and it does not wait.
pub(crate) fn send<P: WatchPeer, M: Message>(count: u64) -> Figures {
    let (mut tx, mut rx) = P::pair(M::new(0));
    let began = Instant::now();
    for number in 1..=count {
        P::send(&mut tx, M::new(number));
    }
    let took = began.elapsed();
    verify(count, P::borrow(&mut rx).number());
    vec![per(took, count)]
}

pub(crate) fn send_borrow<P: WatchPeer, M: Message>(count: u64) -> Figures {
    let (mut tx, mut rx) = P::pair(M::new(0));
    let mut sums = (0_u64, 0_u64);
    let began = Instant::now();
    for number in 1..=count {
        P::send(&mut tx, M::new(number));
        sums.0 = sums.0.wrapping_add(number);
        sums.1 = sums.1.wrapping_add(P::borrow(&mut rx).number());
    }
    let took = began.elapsed();
    verify(sums.0, sums.1);
    vec![per(took, count)]
}

pub(crate) fn borrow<P: WatchPeer, M: Message>(count: u64) -> Figures {
    let (_tx, mut rx) = P::pair(M::new(1));
    let mut sum = 0_u64;
    let began = Instant::now();
    for _ in 0..count {
        sum += P::borrow(&mut rx).number();
    }
    let took = began.elapsed();
    verify(count, sum);
    vec![per(took, count)]
}

/// Two tasks, each of which waits for the other's value before it sends the next.
pub(crate) fn ping_pong<P: WatchPeer, M: Message>(runtime: &Runtime, count: u64) -> Figures {
    let (mut there, mut arrived) = P::pair(M::new(0));
    let (mut back, mut returned) = P::pair(M::new(0));
    let far = async move {
        for _ in 0..count {
            let value: M = P::changed(&mut arrived).await;
            P::send(&mut back, value);
        }
        (arrived, back)
    };
    let near = async move {
        let mut sums = (0_u64, 0_u64);
        let began = Instant::now();
        for number in 1..=count {
            P::send(&mut there, M::new(number));
            sums.0 = sums.0.wrapping_add(number);
            sums.1 = sums.1.wrapping_add(P::changed(&mut returned).await.number());
        }
        let took = began.elapsed();
        verify(sums.0, sums.1);
        vec![per(took, count)]
    };
    runtime.block_on(async {
        let far = tokio::spawn(far);
        let figures = tokio::spawn(near).await.expect("no worker panics");
        far.await.expect("no worker panics");
        figures
    })
}
