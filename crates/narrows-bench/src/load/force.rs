//! Messages into a full channel, from which the oldest goes each time.

use std::time::Instant;

use super::{Figures, per, verify};
use crate::message::Message;
use crate::peer::ForcePeer;

pub(crate) fn full<P: ForcePeer, M: Message>(places: usize, count: u64) -> Figures {
    let (mut tx, mut rx) = P::channel::<M>(places);
    let places = places as u64;
    (0..places).for_each(|number| P::force_send(&mut tx, M::new(number)));
    let began = Instant::now();
    for number in places..places + count {
        P::force_send(&mut tx, M::new(number));
    }
    let took = began.elapsed();
    // The newest are left, and no other.
    let mut left = 0_u64;
    while let Some(message) = P::try_recv(&mut rx) {
        left += message.number();
    }
    verify((count..count + places).sum(), left);
    vec![per(took, count)]
}
