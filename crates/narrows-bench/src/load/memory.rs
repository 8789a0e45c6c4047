//! What a channel holds in memory. Not a matter of time: one sample is enough.

use super::{Figures, verify};
use crate::allocations::count;
use crate::message::Message;
use crate::peer::Peer;

/// Messages in a burst, where the channel has room for them.
const BURST: usize = 100_000;

pub(crate) fn empty<P: Peer, M: Message>(capacity: Option<usize>) -> Option<Figures> {
    held::<P, M>(capacity, 0)
}

pub(crate) fn drained<P: Peer, M: Message>(capacity: Option<usize>) -> Option<Figures> {
    held::<P, M>(capacity, capacity.map_or(BURST, |places| places.min(BURST)) as u64)
}

fn held<P: Peer, M: Message>(capacity: Option<usize>, burst: u64) -> Option<Figures> {
    let make = || {
        let (mut tx, mut rx) = P::channel::<M>(capacity)?;
        (0..burst).for_each(|number| P::send(&mut tx, M::new(number)));
        let received = (0..burst).fold(0, |sum: u64, _| sum.wrapping_add(P::recv(&mut rx).number()));
        verify((0..burst).sum(), received);
        Some((tx, rx))
    };
    // What a thread or the process allocates once is not the channel's.
    drop(make()?);
    let (ends, held) = count(make)?;
    drop(ends?);
    Some(vec![held.bytes as f64, held.blocks as f64])
}
