//! What is measured: a row is a way of working, a load, a capacity and a size of message. To add one: one line in `all`.

use std::fmt;

use crate::peer::Shape;

/// Who works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Threads that the system places.
    Threads,
    /// Two threads, each on a core of its own.
    Pinned,
    /// Tasks on tokio with two workers.
    Tasks,
    /// Tasks on tokio with one thread.
    Local,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// One thread or task sends, then receives, and so on.
    One,
    Stream(Shape),
    /// There and back again over two channels; a round trip counts as one.
    PingPong,
    /// The receiver waits when the sender comes: the sender rests before each message, and its rest is not counted.
    Awaited,
    /// `try_recv` on an empty channel.
    TryRecv,
    /// `try_send` on a full one.
    TrySend,
    /// Create, send one message, receive it, drop.
    Create,
    /// A channel for one message: create, send, receive.
    Oneshot,
    /// A question that carries the sender of its answer, and the answer.
    Ask,
    /// To so many receivers, all in the thread that sends.
    BroadcastOne(u64),
    /// To so many receivers, each in a thread or task of its own.
    Broadcast(u64),
    /// A value is replaced, and nobody waits for it.
    WatchSend,
    WatchSendBorrow,
    WatchBorrow,
    /// There and back again over two of them.
    WatchPingPong,
    /// A place, the message into it, and its receive.
    Permit,
    /// A message into a full channel, from which the oldest goes.
    ForceSend,
    /// Sixty-four at once, and the same one by one; one thread sends, then receives.
    BatchOne,
    /// The same with a thread that sends and one that receives.
    Batch,
    /// One thread receives from this many channels, each fed by a thread.
    SelectRx(u64),
    /// As many threads select among senders as among receivers.
    SelectBoth(u64),
    /// One selector over so many receivers, one of them ready at a time.
    Selector(u64),
    /// From send to receive at half of the load that the channel bears, alone or beside busy neighbours.
    Latency {
        busy: bool,
    },
    /// What an empty channel holds in memory.
    MemoryEmpty,
    /// What it holds after a burst of messages that was received.
    MemoryDrained,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capacity {
    Places(usize),
    /// Never full in practice, below 32 MB with every peer.
    Large,
    Unbounded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) how: How,
    pub(crate) load: Load,
    pub(crate) capacity: Capacity,
    /// Of a message: 8, 32 or 256.
    pub(crate) bytes: usize,
}

pub(crate) const CAPACITIES: [Capacity; 5] =
    [Capacity::Places(0), Capacity::Places(1), Capacity::Places(64), Capacity::Large, Capacity::Unbounded];
const SIZES: [usize; 3] = [8, 32, 256];

const fn shape(senders: u64, receivers: u64) -> Shape {
    Shape { senders, receivers }
}

/// Every row, in the order of the table.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |how, load, capacities: &[Capacity], sizes: &[usize]| {
        for &bytes in sizes {
            rows.extend(capacities.iter().map(|&capacity| Row { how, load, capacity, bytes }));
        }
    };
    let [.., unbounded] = CAPACITIES;
    let with_places = &CAPACITIES[1..];
    let waiting = &CAPACITIES[..3];
    let eight = &[8][..];

    add(How::Threads, Load::One, with_places, &SIZES);
    for (senders, receivers) in [(1, 1), (4, 1), (1, 4), (4, 4)] {
        add(How::Threads, Load::Stream(shape(senders, receivers)), &CAPACITIES, &SIZES);
    }
    add(How::Pinned, Load::Stream(shape(1, 1)), &CAPACITIES, &SIZES);
    add(How::Threads, Load::PingPong, &CAPACITIES, eight);
    add(How::Pinned, Load::PingPong, &CAPACITIES, eight);
    add(How::Pinned, Load::Awaited, waiting, eight);
    add(How::Threads, Load::TryRecv, &CAPACITIES, eight);
    add(How::Threads, Load::TrySend, waiting, eight);
    add(How::Threads, Load::Create, with_places, eight);
    add(How::Threads, Load::SelectRx(4), &CAPACITIES, eight);
    add(How::Threads, Load::SelectBoth(4), &CAPACITIES, eight);
    for receivers in [100, 1_000, 10_000] {
        add(How::Threads, Load::Selector(receivers), &[unbounded], eight);
    }
    add(How::Tasks, Load::One, with_places, eight);
    for (senders, receivers) in [(1, 1), (4, 1), (1, 4), (4, 4)] {
        add(How::Tasks, Load::Stream(shape(senders, receivers)), &CAPACITIES, eight);
    }
    add(How::Tasks, Load::PingPong, waiting, eight);
    for how in [How::Threads, How::Tasks] {
        add(how, Load::Oneshot, &CAPACITIES[1..2], eight);
        add(how, Load::Ask, &CAPACITIES[1..2], eight);
    }
    let places = &CAPACITIES[2..3];
    for receivers in [1, 4] {
        add(How::Threads, Load::BroadcastOne(receivers), places, eight);
    }
    add(How::Pinned, Load::Broadcast(1), places, eight);
    for how in [How::Threads, How::Local] {
        add(how, Load::Broadcast(1), places, eight);
        add(how, Load::Broadcast(3), places, eight);
    }
    for load in [Load::WatchSend, Load::WatchSendBorrow, Load::WatchBorrow] {
        add(How::Threads, load, &CAPACITIES[1..2], eight);
    }
    for how in [How::Tasks, How::Local] {
        add(how, Load::WatchPingPong, &CAPACITIES[1..2], eight);
    }
    for how in [How::Threads, How::Local] {
        add(how, Load::Permit, places, eight);
    }
    add(How::Threads, Load::ForceSend, places, eight);
    add(How::Threads, Load::BatchOne, &CAPACITIES[2..], eight);
    for how in [How::Threads, How::Pinned] {
        add(how, Load::Batch, &CAPACITIES[2..], eight);
    }
    for busy in [false, true] {
        add(How::Threads, Load::Latency { busy }, &CAPACITIES, eight);
    }
    add(How::Threads, Load::MemoryEmpty, with_places, eight);
    add(How::Threads, Load::MemoryDrained, with_places, eight);
    rows
}

/// Rows for machines with many cores, by `--scale`: 2, 4, 8, 16 threads on one channel.
pub(crate) fn scale() -> Vec<Row> {
    let loads = [1, 2, 4, 8].map(|half| Load::Stream(shape(half, half)));
    let row = |load| CAPACITIES.map(|capacity| Row { how: How::Threads, load, capacity, bytes: 8 });
    loads.into_iter().flat_map(row).collect()
}

impl Row {
    pub(crate) fn shape(&self) -> Shape {
        match self.load {
            Load::Stream(shape) => shape,
            Load::SelectBoth(threads) => shape(threads, threads),
            _ => shape(1, 1),
        }
    }

    /// `None` for an unbounded channel.
    pub(crate) fn places(&self) -> Option<usize> {
        match self.capacity {
            Capacity::Places(places) => Some(places),
            // A slot of a peer may hold a stamp or two beside the message.
            Capacity::Large => Some((24 << 20) / (self.bytes + 16)),
            Capacity::Unbounded => None,
        }
    }

    /// The names of the figures that one sample gives.
    pub(crate) fn figures(&self) -> &'static [&'static str] {
        match self.load {
            Load::Latency { .. } => &["p50", "p99", "p99.9", "every"],
            Load::MemoryEmpty | Load::MemoryDrained => &["bytes", "allocations"],
            Load::BatchOne | Load::Batch => &["batched", "single"],
            _ => &[""],
        }
    }

    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.load, Load::MemoryEmpty | Load::MemoryDrained)
    }

    /// Two threads over few places: the scheduler decides, so samples are long.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.capacity, Capacity::Places(0 | 1)) && (!self.is_alone() || self.load == Load::Create)
    }

    /// Threads meet in it, so that it matters how far apart their cores are.
    pub(crate) fn meets(&self) -> bool {
        !self.is_memory() && !self.is_alone() && self.how != How::Local && !matches!(self.load, Load::Selector(_))
    }

    /// One thread or task does all of it.
    fn is_alone(&self) -> bool {
        matches!(
            self.load,
            Load::One
                | Load::TryRecv
                | Load::TrySend
                | Load::Create
                | Load::Oneshot
                | Load::BroadcastOne(_)
                | Load::WatchSend
                | Load::WatchSendBorrow
                | Load::WatchBorrow
                | Load::Permit
                | Load::ForceSend
                | Load::BatchOne
        )
    }

    /// Decides the targets, and is measured by `--quick`.
    pub(crate) fn is_quick(&self) -> bool {
        self.bytes == 8 && !matches!(self.load, Load::Latency { .. })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}B", self.how, self.load, self.capacity, self.bytes)
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Threads => "threads",
            Self::Pinned => "pinned",
            Self::Tasks => "tasks",
            Self::Local => "local",
        })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("one"),
            Self::Stream(shape) => write!(f, "{}-{}", shape.senders, shape.receivers),
            Self::PingPong => f.write_str("ping-pong"),
            Self::Awaited => f.write_str("awaited"),
            Self::TryRecv => f.write_str("try_recv"),
            Self::TrySend => f.write_str("try_send"),
            Self::Create => f.write_str("create"),
            Self::Oneshot => f.write_str("oneshot"),
            Self::Ask => f.write_str("ask"),
            Self::BroadcastOne(receivers) => write!(f, "broadcast_one-{receivers}"),
            Self::Broadcast(receivers) => write!(f, "broadcast-{receivers}"),
            Self::WatchSend => f.write_str("watch_send"),
            Self::WatchSendBorrow => f.write_str("watch_send-borrow"),
            Self::WatchBorrow => f.write_str("watch_borrow"),
            Self::WatchPingPong => f.write_str("watch_ping-pong"),
            Self::Permit => f.write_str("permit"),
            Self::ForceSend => f.write_str("force_send"),
            Self::BatchOne => f.write_str("batch_one"),
            Self::Batch => f.write_str("batch_1-1"),
            Self::SelectRx(channels) => write!(f, "select_rx-{channels}"),
            Self::SelectBoth(threads) => write!(f, "select_both-{threads}"),
            Self::Selector(receivers) => write!(f, "selector-{receivers}"),
            Self::Latency { busy: false } => f.write_str("latency"),
            Self::Latency { busy: true } => f.write_str("latency-busy"),
            Self::MemoryEmpty => f.write_str("memory-empty"),
            Self::MemoryDrained => f.write_str("memory-drained"),
        }
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Places(places) => write!(f, "{places}"),
            Self::Large => f.write_str("large"),
            Self::Unbounded => f.write_str("unbounded"),
        }
    }
}
