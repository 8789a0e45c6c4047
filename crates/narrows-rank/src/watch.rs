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

    /// Enters a wait of the thread that polls the rank's task. What is returned hears of a deadlock.
    pub(crate) fn sit(&self, rank: usize, blocked: Blocked) -> oneshot::Receiver<Alarm> {
        let (alarm, hears) = oneshot::channel();
        lock(&self.ranks)[rank].seat = Seat::Waits { blocked, alarm };
        hears
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
        let told = Watch::look(&mut ranks, &|_| None);
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
        let told = Watch::look(&mut ranks, &|_| None);
        drop(ranks);
        tell(told);
    }

    /// Looks at ranks that are tasks, none of which is awake. `asleep` says what one waits for that does not block its thread, if
    /// it does; `all_told` is called with the report before the first of those that do hears of it.
    pub(crate) fn look_at_tasks(&self, asleep: &dyn Fn(usize) -> Option<String>, all_told: impl FnOnce(&Arc<str>)) {
        let mut ranks = lock(&self.ranks);
        let told = Watch::look(&mut ranks, asleep);
        if let Some((_, report)) = &told {
            all_told(report);
        }
        drop(ranks);
        tell(told);
    }

    /// While all seats are looked at nobody leaves one. A wait that is found unfulfilled was so when the first was looked at:
    /// then everybody waited, and from there nothing can happen.
    fn look(ranks: &mut [Rank], asleep: &dyn Fn(usize) -> Option<String>) -> Option<Told> {
        let is_stuck = |(number, rank): (usize, &Rank)| match &rank.seat {
            Seat::Runs => asleep(number).is_some(),
            Seat::Waits { blocked, .. } => (blocked.is_pending)(),
            Seat::Ended(_) => true,
        };
        let is_over = |rank: &Rank| matches!(rank.seat, Seat::Ended(_));
        if ranks.iter().all(is_over) || !ranks.iter().enumerate().all(is_stuck) {
            return None;
        }
        let mut report = String::new();
        for (number, rank) in ranks.iter().enumerate() {
            let sep = if number == 0 { "" } else { "; " };
            match &rank.seat {
                Seat::Waits { blocked, .. } => write!(report, "{sep}rank {number} waits {}", blocked.what),
                Seat::Ended(how) => write!(report, "{sep}rank {number} {how}"),
                Seat::Runs => write!(report, "{sep}rank {number} waits {}", asleep(number).unwrap_or_default()),
            }
            .expect("a string takes all that is written");
        }
        let mut alarms = Vec::new();
        for rank in ranks {
            if let Seat::Waits { .. } = rank.seat
                && let Seat::Waits { alarm, .. } = std::mem::replace(&mut rank.seat, Seat::Runs)
            {
                alarms.push(alarm);
            }
        }
        Some((alarms, report.into()))
    }
}

/// Who is to hear what.
type Told = (Vec<oneshot::Sender<Alarm>>, Arc<str>);

fn tell(told: Option<Told>) {
    let Some((alarms, report)) = told else { return };
    for alarm in alarms {
        // Whoever does not hear it has left meanwhile, for which it was fulfilled or out of time.
        drop(alarm.send(Alarm::Deadlock(report.clone())));
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad("Watch { .. }")
    }
}
