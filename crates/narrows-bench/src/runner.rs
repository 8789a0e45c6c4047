//! One peer, ready to run any row: here and in `kinds` alone a row meets the types of a peer.

use crate::kinds::Kind;
use crate::load::{Figures, latency, memory, select, tasks, threads, tries};
use crate::machine::{Place, two_cores};
use crate::message::{Message, Words};
use crate::peer::{Peer, TaskPeer};
use crate::row::{How, Load, Row};

/// Runs a row with so many messages; `None` where the peer has no such row.
type Run = Box<dyn Fn(&Row, u64) -> Option<Figures>>;

pub(crate) struct Runner {
    pub(crate) name: &'static str,
    /// Counts as the best peer of a row. False for what is no general channel, or no Rust.
    pub(crate) general: bool,
    run: Run,
}

impl Runner {
    pub(crate) fn new(name: &'static str, run: impl Fn(&Row, u64) -> Option<Figures> + 'static) -> Self {
        Self { name, general: true, run: Box::new(run) }
    }

    /// A peer for threads alone.
    pub(crate) fn threads<P: Peer>() -> Self {
        Self::new(P::NAME, |row, count| match row.how {
            How::Tasks | How::Local => None,
            How::Threads => suited::<P>(row, Place::Anywhere, count),
            How::Pinned => suited::<P>(row, two_cores()?, count),
        })
    }

    /// A peer for threads and for tasks.
    pub(crate) fn both<P: Peer + TaskPeer>() -> Self {
        let Self { run: threads, .. } = Self::threads::<P>();
        Self::new(<P as Peer>::NAME, move |row, count| match row.how {
            How::Tasks => tasked::<P, Words<1>>(row, count),
            How::Threads | How::Pinned | How::Local => threads(row, count),
        })
    }

    /// The same peer with one more kind of channel.
    pub(crate) fn and(self, kind: Kind) -> Self {
        let run = self.run;
        Self { run: Box::new(move |row, count| kind(row, count).or_else(|| run(row, count))), ..self }
    }

    /// Shown beside the others, and not counted.
    pub(crate) fn beside(self) -> Self {
        Self { general: false, ..self }
    }

    pub(crate) fn run(&self, row: &Row, count: u64) -> Option<Figures> {
        (self.run)(row, count)
    }
}

/// The crate, without the flavour.
pub(crate) fn family(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("name", &self.name).field("general", &self.general).finish_non_exhaustive()
    }
}

fn suited<P: Peer>(row: &Row, place: Place, count: u64) -> Option<Figures> {
    if !P::suits(row.shape()) {
        return None;
    }
    match row.bytes {
        8 => threaded::<P>(row, place, count),
        32 => sized::<P, Words<4>>(row, place, count),
        256 => sized::<P, Words<32>>(row, place, count),
        bytes => unreachable!("no message has {bytes} bytes"),
    }
}

/// The loads that there are for every size of message.
fn sized<P: Peer, M: Message>(row: &Row, place: Place, count: u64) -> Option<Figures> {
    match row.load {
        Load::One => threads::one::<P, M>(row.places(), count),
        Load::Stream(shape) => threads::stream::<P, M>(row.places(), shape, place, count),
        _ => None,
    }
}

fn threaded<P: Peer>(row: &Row, place: Place, count: u64) -> Option<Figures> {
    type M = Words<1>;
    let capacity = row.places();
    match row.load {
        Load::One | Load::Stream(_) => sized::<P, M>(row, place, count),
        Load::PingPong => threads::ping_pong::<P, M>(capacity, place, count),
        Load::Awaited => threads::awaited::<P, M>(capacity, place, count),
        Load::TryRecv => tries::try_recv::<P, M>(capacity, count),
        Load::TrySend => tries::try_send::<P, M>(capacity, count),
        Load::Create => tries::create::<P, M>(capacity, count),
        Load::SelectRx(channels) => select::receivers::<P, M>(capacity, channels, count),
        Load::SelectBoth(threads) => select::both::<P, M>(capacity, threads, count),
        Load::Selector(receivers) => select::reused::<P, M>(capacity, receivers, count),
        Load::Latency { busy } => latency::latency::<P, M>(capacity, busy),
        Load::MemoryEmpty => memory::empty::<P, M>(capacity),
        Load::MemoryDrained => memory::drained::<P, M>(capacity),
        _ => None,
    }
}

fn tasked<P: TaskPeer, M: Message>(row: &Row, count: u64) -> Option<Figures> {
    let capacity = row.places();
    match row.load {
        _ if !P::suits(row.shape()) => None,
        Load::One => tasks::one::<P, M>(capacity, count),
        Load::Stream(shape) => tasks::stream::<P, M>(capacity, shape, count),
        Load::PingPong => tasks::ping_pong::<P, M>(capacity, count),
        _ => None,
    }
}
