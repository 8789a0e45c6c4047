//! Who waits for what, and whether everybody does. Knows nothing of messages.
//!
//! A thread that has waited for a while enters itself here and looks at the others. If each rank either has ended or stands
//! here with a wait that is still unfulfilled, nobody is left who could fulfil one, and all are told. Whoever enters last sees all
//! others, so one look is enough; and no rank that runs pays for any of this.
//!
//! Invariant: the lock here is taken before that of a mailbox, never after it.

use std::{fmt::Write as _, time::Duration};

use narrows::oneshot;

use crate::sync::{Arc, Mutex, ThreadId, current, lock};

/// How long a rank waits before it looks whether all do.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

/// A wait that has taken a while.
pub(crate) struct Blocked {
    /// "waits for a message from rank 1, tag 7".
    pub(crate) what: String,
    /// Whether it is still unfulfilled.
    pub(crate) is_pending: Box<dyn Fn() -> bool + Send>,
}

/// What reaches one who has entered.
#[derive(Debug)]
pub(crate) enum Alarm {
    /// Everybody waits, and for what.
    Deadlock(Arc<str>),
    /// Something has changed: to enter anew.
    #[cfg_attr(not(feature = "process"), expect(dead_code, reason = "there are no processes"))]
    LookAgain,
}

enum Seat {
    Runs,
    Waits { blocked: Blocked, alarm: oneshot::Sender<Alarm> },
    Ended(Arc<str>),
}

struct Rank {
    seat: Seat,
    /// The one thread of this rank; none where it may have several.
    home: Option<ThreadId>,
}

pub(crate) struct Watch {
    ranks: Mutex<Vec<Rank>>,
    patience: Option<Duration>,
}

impl Watch {
    /// Without patience nobody enters.
    pub(crate) fn new(size: usize, patience: Option<Duration>) -> Watch {
        let ranks = (0..size).map(|_| Rank { seat: Seat::Runs, home: None }).collect();
        Watch { ranks: Mutex::new(ranks), patience }
    }

    /// For how long to wait before one enters.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// This thread is the one that the rank runs on.
    pub(crate) fn settle(&self, rank: usize) {
        lock(&self.ranks)[rank].home = Some(current().id());
    }

    /// Enters a wait of this thread. What is returned hears of a deadlock; none, if the rank has other threads, which may
    /// do what this one waits for.
    pub(crate) fn enter(&self, rank: usize, blocked: Blocked) -> Option<oneshot::Receiver<Alarm>> {
        let mut ranks = lock(&self.ranks);
        let entry = &mut ranks[rank];
        if entry.home != Some(current().id()) {
            // It counts as running from now on.
            (entry.home, entry.seat) = (None, Seat::Runs);
            return None;
        }
        let (alarm, hears) = oneshot::channel();
        entry.seat = Seat::Waits { blocked, alarm };
        let told = Watch::look(&mut ranks);
        drop(ranks);
        tell(told);
        Some(hears)
    }

    /// The wait is over.
    pub(crate) fn leave(&self, rank: usize) {
        lock(&self.ranks)[rank].seat = Seat::Runs;
    }

    /// A rank has ended, and has told so to all who wait for it.
    pub(crate) fn ended(&self, rank: usize, how: &Arc<str>) {
        let mut ranks = lock(&self.ranks);
        ranks[rank].seat = Seat::Ended(how.clone());
        let told = Watch::look(&mut ranks);
        drop(ranks);
        tell(told);
    }

    /// While all seats are looked at nobody leaves one. A wait that is found unfulfilled was so when the first was looked at:
    /// then everybody waited, and from there nothing can happen.
    fn look(ranks: &mut [Rank]) -> Vec<(oneshot::Sender<Alarm>, Arc<str>)> {
        let is_stuck = |rank: &Rank| match &rank.seat {
            Seat::Runs => false,
            Seat::Waits { blocked, .. } => (blocked.is_pending)(),
            Seat::Ended(_) => true,
        };
        let waits = |rank: &Rank| matches!(rank.seat, Seat::Waits { .. });
        if !ranks.iter().any(waits) || !ranks.iter().all(is_stuck) {
            return Vec::new();
        }
        let mut report = String::new();
        for (number, rank) in ranks.iter().enumerate() {
            let sep = if number == 0 { "" } else { "; " };
            match &rank.seat {
                Seat::Waits { blocked, .. } => write!(report, "{sep}rank {number} waits {}", blocked.what),
                Seat::Ended(how) => write!(report, "{sep}rank {number} {how}"),
                Seat::Runs => Ok(()),
            }
            .expect("a string takes all that is written");
        }
        let report: Arc<str> = report.into();
        let mut told = Vec::new();
        for rank in ranks {
            if let Seat::Waits { .. } = rank.seat
                && let Seat::Waits { alarm, .. } = std::mem::replace(&mut rank.seat, Seat::Runs)
            {
                told.push((alarm, report.clone()));
            }
        }
        told
    }
}

fn tell(told: Vec<(oneshot::Sender<Alarm>, Arc<str>)>) {
    for (alarm, report) in told {
        // Whoever does not hear it has left meanwhile, for which it was fulfilled or out of time.
        drop(alarm.send(Alarm::Deadlock(report)));
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad("Watch { .. }")
    }
}
