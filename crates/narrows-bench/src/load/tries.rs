//! What needs no second thread: attempts that fail, and the life of a channel.

use std::hint::black_box;
use std::time::Instant;

use super::{Figures, per, verify};
use crate::message::Message;
use crate::peer::Peer;

pub(crate) fn try_recv<P: Peer, M: Message>(capacity: Option<usize>, count: u64) -> Option<Figures> {
    let (tx, mut rx) = P::channel::<M>(capacity)?;
    let mut found = 0_u64;
    let began = Instant::now();
    for _ in 0..count {
        found += u64::from(P::try_recv(&mut rx).is_some());
    }
    let took = began.elapsed();
    drop(tx);
    verify(0, found);
    Some(vec![per(took, count)])
}

pub(crate) fn try_send<P: Peer, M: Message>(capacity: Option<usize>, count: u64) -> Option<Figures> {
    let (mut tx, rx) = P::channel::<M>(capacity)?;
    // Some peers round a capacity up.
    let mut places = 0;
    while P::try_send(&mut tx, M::new(0)) {
        places += 1;
        assert!(places < 1 << 20, "{} is never full", P::NAME);
    }
    let mut sent = 0_u64;
    let began = Instant::now();
    for number in 0..count {
        sent += u64::from(P::try_send(&mut tx, M::new(number)));
    }
    let took = began.elapsed();
    drop(rx);
    verify(0, sent);
    Some(vec![per(took, count)])
}

pub(crate) fn create<P: Peer, M: Message>(capacity: Option<usize>, count: u64) -> Option<Figures> {
    let mut sums = (0_u64, 0_u64);
    let began = Instant::now();
    for number in 0..count {
        let (mut tx, mut rx) = black_box(P::channel::<M>(capacity)?);
        P::send(&mut tx, M::new(number));
        sums.0 = sums.0.wrapping_add(number);
        sums.1 = sums.1.wrapping_add(P::recv(&mut rx).number());
    }
    let took = began.elapsed();
    verify(sums.0, sums.1);
    Some(vec![per(took, count)])
}
