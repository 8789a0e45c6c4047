//! What people read: channels, handles and waits, as they were at the look.

use std::{collections::BTreeMap, fmt, panic::Location, sync::Arc, time::Duration};

use super::{
    Operation,
    record::{End, Handle, Holder, Record},
    thread::{self, Aim, Aims},
};

/// How a channel keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// In so many places.
    Bounded,
    /// In as many as it takes.
    Unbounded,
    /// Not at all: they go from hand to hand.
    Rendezvous,
    /// The clock is the sender.
    Timer,
    /// One message.
    Oneshot,
}

/// A channel, as it was at the look.
///
/// The counters are read one after the other while the channel is in use: each was true near that moment, the sum of several
/// need not have been.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ChannelReport {
    /// Tells channels apart; older ones have lower numbers.
    pub number: usize,
    /// From the [builder](crate::builder).
    pub name: Option<String>,
    /// What made it.
    pub place: &'static Location<'static>,
    /// How it keeps its messages.
    pub kind: Kind,
    /// `None` without a bound.
    pub capacity: Option<usize>,
    /// Messages inside.
    pub len: usize,
    /// Messages sent.
    pub sent: usize,
    /// Messages received.
    pub received: usize,
    /// Messages dropped with the last receiver, or taken out by `close_now`.
    pub dropped: usize,
    /// The most messages inside at one time, as senders saw it.
    pub high_water: usize,
    /// The longest sleep of a thread for this channel. Sleeps count when they are over; those in a select, and the waits of
    /// tasks, do not count.
    pub longest_wait: Duration,
    /// How long threads slept for a place, together.
    pub blocked_on_full: Duration,
    /// How long threads slept for a message, together.
    pub waiting_on_empty: Duration,
    /// Its senders.
    pub senders: Vec<HandleReport>,
    /// Its receivers.
    pub receivers: Vec<HandleReport>,
}

/// A handle, and who has it as far as is known.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HandleReport {
    /// What made it: the channel, or the clone.
    pub place: &'static Location<'static>,
    /// The thread that made it.
    pub maker: String,
    /// The thread that used it last, if that is not its maker.
    pub user: Option<String>,
    /// It was used by several threads, so nobody can say who has it.
    pub is_shared: bool,
}

/// Who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waiter {
    /// A thread that is asleep in an operation.
    Thread {
        /// Its name, or its number.
        name: String,
    },
    /// A task that was polled in vain.
    Task {
        /// Tells tasks apart.
        number: usize,
    },
}

/// A wait: who, for what, since when.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WaitReport {
    /// Who waits.
    pub waiter: Waiter,
    /// For which operations; the first that is possible ends the wait. An operation of which no more is known is left out.
    pub operations: Vec<(Operation, ChannelReport)>,
    /// There is more that it waits for, of which nothing is known.
    pub has_unknown: bool,
    /// How long it has been waiting.
    pub waited: Duration,
    /// Whether it ends by itself at some time.
    pub has_deadline: bool,
}

/// Names of threads by their ids.
pub(super) struct Names(BTreeMap<usize, String>);

impl Names {
    pub(super) fn of_today() -> Names {
        let name = |thread: &thread::Thread| match &thread.name {
            Some(name) => format!("thread {name:?}"),
            None => format!("thread {}", if thread.tid == 0 { thread.id } else { thread.tid as usize }),
        };
        Names(thread::threads().iter().map(|thread| (thread.id, name(thread))).collect())
    }

    pub(super) fn get(&self, id: usize) -> String {
        self.0.get(&id).cloned().unwrap_or_else(|| "a thread that has ended".to_owned())
    }
}

impl HandleReport {
    fn of(handle: &Handle, names: &Names) -> HandleReport {
        let (user, is_shared) = match handle.holder() {
            Holder::Maker(_) => (None, false),
            Holder::Thread(id) => (Some(names.get(id)), false),
            Holder::Several(id) => (Some(names.get(id)), true),
        };
        HandleReport { place: handle.place, maker: names.get(handle.maker), user, is_shared }
    }
}

impl ChannelReport {
    pub(super) fn of(record: &Record, names: &Names) -> ChannelReport {
        let handles =
            |end| record.handles(end).iter().map(|handle| HandleReport::of(handle, names)).collect::<Vec<_>>();
        let times = record.times();
        ChannelReport {
            number: record.number,
            name: record.name.as_deref().map(str::to_owned),
            place: record.place,
            kind: record.kind,
            capacity: record.capacity,
            len: if matches!(record.kind, Kind::Rendezvous | Kind::Timer) { 0 } else { record.len() },
            sent: record.sent(),
            received: record.received(),
            dropped: record.cleared(),
            high_water: record.high(),
            longest_wait: times.longest,
            blocked_on_full: times.on_full,
            waiting_on_empty: times.on_empty,
            senders: handles(End::Send),
            receivers: handles(End::Recv),
        }
    }
}

impl WaitReport {
    pub(super) fn of(waiter: Waiter, aims: &Aims, records: &[Arc<Record>], names: &Names) -> WaitReport {
        let mut wait = WaitReport {
            waiter,
            operations: Vec::new(),
            has_unknown: false,
            waited: Duration::ZERO,
            has_deadline: false,
        };
        for aim in &aims.0 {
            match resolve(aim, records) {
                Some((operation, record)) => wait.operations.push((operation, ChannelReport::of(record, names))),
                None => wait.has_unknown = true,
            }
        }
        wait
    }
}

/// The channel of an aim, if it is known.
pub(super) fn resolve<'a>(aim: &'a Aim, records: &'a [Arc<Record>]) -> Option<(Operation, &'a Arc<Record>)> {
    match aim {
        Aim::Channel(operation, record) => Some((*operation, record)),
        Aim::Address(operation, address) => {
            records.iter().find(|record| record.is_at(*address)).map(|record| (*operation, record))
        }
        Aim::Unknown => None,
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Bounded => "bounded",
            Kind::Unbounded => "unbounded",
            Kind::Rendezvous => "rendezvous",
            Kind::Timer => "timer",
            Kind::Oneshot => "oneshot",
        })
    }
}

impl fmt::Display for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiter::Thread { name } => f.pad(name),
            Waiter::Task { number } => write!(f, "task {number}"),
        }
    }
}

/// The name of a channel, or its number, and its place.
struct Title<'a>(&'a ChannelReport);

impl fmt::Display for Title<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channel = self.0;
        match &channel.name {
            Some(name) => write!(f, "{name:?}")?,
            None => write!(f, "#{}", channel.number)?,
        }
        write!(f, " ({}, made at {})", channel.kind, channel.place)
    }
}

impl fmt::Display for ChannelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "channel {}: {}", Title(self), self.len)?;
        if let Some(capacity) = self.capacity {
            write!(f, " of {capacity}")?;
        }
        write!(f, " inside, at most {}; {} sent, {} received", self.high_water, self.sent, self.received)?;
        if self.dropped != 0 {
            write!(f, ", {} dropped", self.dropped)?;
        }
        write!(f, "; {} senders, {} receivers", self.senders.len(), self.receivers.len())?;
        if !self.longest_wait.is_zero() {
            let (full, empty, longest) = (self.blocked_on_full, self.waiting_on_empty, self.longest_wait);
            write!(f, "; slept {full:.1?} for places, {empty:.1?} for messages, {longest:.1?} at most")?;
        }
        Ok(())
    }
}

impl fmt::Display for HandleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            None => write!(f, "made at {} by {}, which alone has used it, if anybody has", self.place, self.maker),
            Some(user) if self.is_shared => {
                write!(f, "made at {}, used by several threads, last by {user}", self.place)
            }
            Some(user) => write!(f, "made at {}, used by {user}", self.place),
        }
    }
}

impl fmt::Display for WaitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has been waiting for {:.1?}", self.waiter, self.waited)?;
        if self.has_deadline {
            f.write_str(", with a deadline,")?;
        }
        let is_select = self.operations.len() + usize::from(self.has_unknown) > 1;
        if is_select {
            f.write_str(" for the first of these:")?;
        }
        for (operation, channel) in &self.operations {
            f.write_str(if is_select { "\n    " } else { " " })?;
            write!(f, "{operation} {}", Title(channel))?;
            if let (Operation::Send | Operation::Reserve, Some(capacity @ 1..)) = (operation, channel.capacity) {
                write!(f, ", which has {} of {capacity} inside", channel.len)?;
            }
            let (whose, others) = match operation {
                Operation::Send | Operation::Reserve => ("receiver", &channel.receivers),
                Operation::Recv | Operation::Closed => ("sender", &channel.senders),
            };
            if channel.kind != Kind::Timer {
                for other in others {
                    write!(f, "\n        {whose} {other}")?;
                }
            }
        }
        if self.has_unknown {
            f.write_str(if is_select { "\n    something else" } else { " for something else than a channel" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Operation::Send => "to send into",
            Operation::Recv => "to receive from",
            Operation::Reserve => "for places in",
            Operation::Closed => "for the end of",
        })
    }
}
