//! narrows-rank: its ranks are processes that share memory, or threads. A rank that is alone is a thread.

use anyhow::Result;
use narrows_rank::World;

use crate::beside::{Found, OURS, Peer};
use crate::load::{all_reduce, posted, ring, told, unexpected};
use crate::row::Load;

pub(super) fn peers() -> [Peer<Load>; 2] {
    let is_alone = |load: &Load| matches!(load, Load::Unexpected { .. } | Load::Posted { .. });
    [
        Peer { knows: is_alone, ..Peer::here(OURS, threads) },
        Peer {
            counted: false,
            knows: |load| matches!(load, Load::Ring { .. } | Load::AllReduce { .. }),
            ..Peer::here("narrows, threads", threads)
        },
    ]
}

fn threads(load: &Load, count: u64) -> Result<Found> {
    let all = match *load {
        Load::Ring { ranks } => World::threads(ranks).run(|me| ring(me, count)),
        Load::AllReduce { ranks, numbers } => World::threads(ranks).run(|me| all_reduce(me, numbers, count)),
        Load::Unexpected { depth } => World::threads(1).run(|me| unexpected(me, depth, count)),
        Load::Posted { depth } => World::threads(1).run(|me| posted(me, depth, count)),
    }?;
    told(&all)
}
