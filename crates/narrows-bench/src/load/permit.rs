//! A place, the message into it, and its receive: one thread, or one task.

use std::time::Instant;

use super::tasks::LOCAL;
use super::{Figures, per, verify};
use crate::message::Message;
use crate::peer::{Peer, PermitPeer, TaskPeer};

pub(crate) fn tried<P: PermitPeer, M: Message>(capacity: Option<usize>, count: u64) -> Option<Figures> {
    let (mut tx, mut rx) = <P as Peer>::channel::<M>(capacity)?;
    let mut sums = (0_u64, 0_u64);
    let began = Instant::now();
    for number in 0..count {
        P::try_permit(&mut tx, M::new(number));
        sums.0 = sums.0.wrapping_add(number);
        sums.1 = sums.1.wrapping_add(<P as Peer>::recv::<M>(&mut rx).number());
    }
    let took = began.elapsed();
    verify(sums.0, sums.1);
    Some(vec![per(took, count)])
}

pub(crate) fn awaited<P: PermitPeer, M: Message>(capacity: Option<usize>, count: u64) -> Option<Figures> {
    let (mut tx, mut rx) = <P as TaskPeer>::channel::<M>(capacity)?;
    let task = async move {
        let mut sums = (0_u64, 0_u64);
        let began = Instant::now();
        for number in 0..count {
            P::permit(&mut tx, M::new(number)).await;
            sums.0 = sums.0.wrapping_add(number);
            sums.1 = sums.1.wrapping_add(<P as TaskPeer>::recv::<M>(&mut rx).await.number());
        }
        let took = began.elapsed();
        verify(sums.0, sums.1);
        vec![per(took, count)]
    };
    Some(LOCAL.block_on(async { tokio::spawn(task).await.expect("no worker panics") }))
}
