//! Collectives: what all ranks of a group do together. Each is written once, as a future; the form that blocks is that future, of
//! which every step blocks instead.
//!
//! ```text
//!  barrier                       dissemination           log n rounds
//!  broadcast scatter gather      binomial tree           log n rounds                tree.rs
//!  reduce                        binomial tree           neighbours first            tree.rs
//!  all_reduce scan               recursive doubling      log n rounds                doubling.rs
//!  all_reduce_each               recursive halving, then doubling: 2 log n rounds, each part sent twice    halving.rs
//!  all_gather                    Bruck                   log n rounds                exchange.rs
//!  all_to_all                    in pairs                n - 1 rounds                exchange.rs
//!  split                         an all_gather of colors                             split.rs
//! ```
//! Each call has a tag of its own, made of how many the rank has begun in its group and of which kind it is, in a context that
//! no receive of the user sees. So calls that follow each other never mix, and ranks that do not call the same one wait for
//! each other, which is reported.
//!
//! Invariant: values are combined only as neighbours, the lower rank's on the left; so an operation need be associative, and not
//! commutative.
//!
//! Why the bound on messages holds up no collective: a rank that waits for room at another one is ahead of it by at least one
//! collective of that group. The one that is furthest behind has all it needs, or gets it from one no further ahead.

mod doubling;
mod exchange;
mod halving;
mod split;
mod tree;

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use crate::{
    error::Error,
    mailbox::Mode,
    matching::Pattern,
    parcel::{Carrier, Carries},
    rank::Rank,
    receiving::Receiving,
    sending::Sending,
    sync::Ordering,
};

/// How its steps wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Blocking,
    Polled,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Barrier,
    Broadcast,
    Scatter,
    Gather,
    AllGather,
    Reduce,
    AllReduce,
    AllReduceEach,
    AllReduceLong,
    Scan,
    AllToAll,
    Split,
}

const NAMES: [&str; 12] = [
    "barrier",
    "broadcast",
    "scatter",
    "gather",
    "all_gather",
    "reduce",
    "all_reduce",
    "all_reduce_each",
    "all_reduce_each of long vectors",
    "scan",
    "all_to_all",
    "split",
];

const KIND_BITS: u32 = 4;

/// The tag of a call. Its number begins anew after so many that nobody is still in the first.
fn tag(call: u32, kind: Kind) -> u32 {
    call << KIND_BITS | kind as u32
}

/// Which collective a tag belongs to.
pub(crate) fn name(tag: u32) -> &'static str {
    let kind = tag & ((1 << KIND_BITS) - 1);
    NAMES.get(kind as usize).copied().unwrap_or("a collective")
}

/// One call of a collective, as one rank sees it.
struct Call<'a, W: Carrier> {
    me: &'a Rank<W>,
    way: Way,
    tag: u32,
}

impl<'a, W: Carrier> Call<'a, W> {
    fn new(me: &'a Rank<W>, way: Way, kind: Kind) -> Call<'a, W> {
        // Relaxed: only this rank counts, and the order of its own calls is what all agree on.
        let call = me.group.collectives.fetch_add(1, Ordering::Relaxed);
        Call { me, way, tag: tag(call, kind) }
    }

    /// The same call as another kind, to be met only by ranks that go that way, too.
    fn turned_to(&self, kind: Kind) -> Call<'a, W> {
        Call { me: self.me, way: self.way, tag: tag(self.tag >> KIND_BITS, kind) }
    }

    fn context(&self) -> u64 {
        self.me.group.context + 1
    }

    fn rank(&self) -> usize {
        self.me.rank()
    }

    fn size(&self) -> usize {
        self.me.size()
    }

    async fn put<T>(&self, to: usize, value: T) -> Result<(), Error>
    where
        W: Carries<T>,
    {
        let sending = Sending::start(self.me, to, self.context(), self.tag, value, Mode::Bounded);
        match self.way {
            Way::Blocking => sending.wait()?,
            Way::Polled => sending.await?,
        }
        Ok(())
    }

    async fn get<T>(&self, from: usize) -> Result<T, Error>
    where
        W: Carries<T>,
    {
        let source = self.me.member(from)?;
        let receiving = Receiving::start(self.me, Pattern::key(self.context(), source, self.tag), true);
        let (value, _) = match self.way {
            Way::Blocking => receiving.wait()?,
            Way::Polled => receiving.await?,
        };
        Ok(value)
    }
}

/// The result of a call whose steps block.
fn blocked<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("every step blocks until it is done"),
    }
}

fn misuse(why: impl Into<String>) -> Error {
    Error::Misuse(why.into())
}
