//! The rows: what is asked of every peer.

use crate::beside::{Amount, Figure, Row, figure};

/// Where the actor runs, and who sends to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A thread of its own; threads.
    Threads,
    /// A task on tokio; tasks on tokio. As many workers as tokio takes.
    Tokio,
    /// The same on narrows-task.
    Tasks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Messages that nobody answers, until the last one has been handled.
    Tell,
    /// Questions, each sender's next one when the last is answered.
    Ask,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) host: Host,
    pub(crate) load: Load,
    pub(crate) senders: u64,
}

/// Of a mailbox that has a bound.
pub(crate) const PLACES: usize = 1024;
pub(crate) const SENDERS: usize = 4;

const FIGURES: &[Figure] = &[figure("ns", "each"), figure("overtaken", "messages of one sender")];

pub(crate) fn all() -> Vec<Row<Job>> {
    let mut rows = Vec::new();
    for (word, load) in [("tell", Load::Tell), ("ask", Load::Ask)] {
        for (place, host) in [("threads", Host::Threads), ("tokio", Host::Tokio), ("tasks", Host::Tasks)] {
            for senders in [1, SENDERS as u64] {
                let name = format!("{word}/{place}/{senders}");
                let load = Job { host, load, senders };
                rows.push(Row { name, load, figures: FIGURES, amount: Amount::Timed, pinned: false });
            }
        }
    }
    rows
}
