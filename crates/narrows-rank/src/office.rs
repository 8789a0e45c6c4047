//! Where a rank's messages go: to the mailboxes of its process, a table that was made once, or to other processes. And the
//! ends of ranks, told to all.

use std::{fmt, time::Duration};

use narrows::oneshot;

use crate::{
    ends::Ends,
    error::Error,
    home::{Home, Waiting},
    mailbox::{Mailbox, Mode, Pending},
    matching::Pattern,
    parcel::Parcel,
    sync::Arc,
    watch::{Alarm, Blocked, Watch},
};

/// What became of a message that its sender wants back.
pub(crate) enum Recalled<P> {
    Back(P),
    /// Somebody has it.
    Taken,
    /// The sender will hear: another process was asked.
    Asked,
}

/// The mailboxes of ranks in one process.
#[derive(Debug)]
pub(crate) struct Table<P> {
    mailboxes: Vec<Mailbox<P>>,
    ends: Arc<Ends>,
    watch: Watch,
    /// Of each rank, if they are tasks.
    homes: Vec<Arc<Home>>,
}

/// The ranks of other processes, and the mailbox of the one that is here.
pub(crate) trait Afar<P>: fmt::Debug + Send + Sync {
    fn mailbox(&self) -> &Mailbox<P>;
    fn deliver(&self, to: usize, key: Pattern, parcel: P, mode: Mode) -> Result<Option<Pending<P>>, (P, Error)>;
    /// A sender waits no more; false if its message is in the mailbox that is here.
    fn recall(&self, to: usize, ticket: u64) -> bool;
    /// Whether the sender of this message, to another process, still waits.
    fn holds_up(&self, to: usize, ticket: u64) -> bool;
    fn gone(&self, rank: usize) -> Error;
    fn end(&self, how: &str);
    /// For how long to wait before one looks whether all do.
    fn patience(&self) -> Option<Duration>;
    fn settle(&self);
    fn enter(&self, blocked: Blocked) -> Option<oneshot::Receiver<Alarm>>;
    fn speak(&self) -> bool;
    fn leave(&self);
}

#[derive(Debug)]
pub(crate) enum Office<P> {
    Here(Table<P>),
    #[cfg_attr(not(feature = "process"), expect(dead_code, reason = "there are no processes"))]
    Afar(Box<dyn Afar<P>>),
}

impl<P: Parcel> Office<P> {
    pub(crate) fn here(size: usize, watch: Watch, homes: Vec<Arc<Home>>) -> Office<P> {
        let ends = Arc::new(Ends::new(size));
        let mailboxes = (0..size).map(|rank| Mailbox::new(rank, ends.clone(), None)).collect();
        Office::Here(Table { mailboxes, ends, watch, homes })
    }

    /// Where a rank is at home that is a task.
    pub(crate) fn home(&self, rank: usize) -> Option<&Arc<Home>> {
        match self {
            Office::Here(table) => table.homes.get(rank),
            Office::Afar(_) => None,
        }
    }

    /// No rank is awake, and all are tasks.
    #[cfg_attr(not(feature = "task"), expect(dead_code, reason = "no rank is a task"))]
    pub(crate) fn all_sleep(&self) {
        if let Office::Here(table) = self {
            table.all_sleep();
        }
    }

    /// The mailbox of a rank of this process.
    pub(crate) fn mailbox(&self, rank: usize) -> &Mailbox<P> {
        match self {
            Office::Here(table) => &table.mailboxes[rank],
            Office::Afar(afar) => afar.mailbox(),
        }
    }

    /// Brings a parcel to a rank.
    ///
    /// # Errors
    /// If that has ended; it gives the parcel back.
    pub(crate) fn deliver(
        &self,
        to: usize,
        key: Pattern,
        parcel: P,
        mode: Mode,
    ) -> Result<Option<Pending<P>>, (P, Error)> {
        match self {
            Office::Here(table) => {
                table.mailboxes[to].accept(key, parcel, mode).map_err(|parcel| (parcel, table.ends.gone(to)))
            }
            Office::Afar(afar) => afar.deliver(to, key, parcel, mode),
        }
    }

    /// The sender of a message wants it back.
    pub(crate) fn recall(&self, to: usize, number: u64, key: &Pattern) -> Recalled<P> {
        let mailbox = match self {
            Office::Here(table) => &table.mailboxes[to],
            Office::Afar(afar) if afar.recall(to, number) => return Recalled::Asked,
            Office::Afar(afar) => afar.mailbox(),
        };
        mailbox.retract(number, key).map_or(Recalled::Taken, Recalled::Back)
    }

    /// Whether the sender of this message still waits.
    pub(crate) fn holds_up(&self, to: usize, number: u64, key: &Pattern) -> bool {
        match self {
            Office::Here(table) => table.mailboxes[to].holds_up(number, key),
            Office::Afar(afar) => afar.holds_up(to, number) || afar.mailbox().holds_up(number, key),
        }
    }

    /// The error for who needs a rank that has ended.
    pub(crate) fn gone(&self, rank: usize) -> Error {
        match self {
            Office::Here(table) => table.ends.gone(rank),
            Office::Afar(afar) => afar.gone(rank),
        }
    }

    /// A rank of this process has ended. The first word on it counts.
    pub(crate) fn end(&self, rank: usize, how: &str) {
        match self {
            Office::Here(table) => table.end(rank, how),
            Office::Afar(afar) => afar.end(how),
        }
    }

    /// For how long to wait before one looks whether all do.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match self {
            Office::Here(table) => table.watch.patience(),
            Office::Afar(afar) => afar.patience(),
        }
    }

    /// This thread is the one that the rank runs on.
    pub(crate) fn settle(&self, rank: usize) {
        match self {
            Office::Here(table) => table.watch.settle(rank),
            Office::Afar(afar) => afar.settle(),
        }
    }

    /// A wait of this thread has taken a while. What is returned hears of a deadlock.
    pub(crate) fn enter(&self, rank: usize, blocked: Blocked) -> Option<oneshot::Receiver<Alarm>> {
        match self {
            Office::Here(table) => match table.homes.get(rank) {
                None => table.watch.enter(rank, blocked),
                Some(home) => table.enter(rank, home, blocked),
            },
            Office::Afar(afar) => afar.enter(blocked),
        }
    }

    /// Tells the others of the wait that was entered, without waiting for room. False if some are still to be told.
    pub(crate) fn speak(&self) -> bool {
        match self {
            Office::Here(_) => true,
            Office::Afar(afar) => afar.speak(),
        }
    }

    /// It is over.
    pub(crate) fn leave(&self, rank: usize) {
        match self {
            Office::Here(table) => {
                table.watch.leave(rank);
                if let Some(home) = table.homes.get(rank) {
                    home.goes_on();
                }
            }
            Office::Afar(afar) => afar.leave(),
        }
    }
}

impl<P: Parcel> Table<P> {
    fn end(&self, rank: usize, how: &str) {
        let how: Arc<str> = how.into();
        if !self.ends.set(rank, &how) {
            return;
        }
        // What it has sent lies with the others already, so nobody is told of its end before its messages.
        let unread = self.mailboxes[rank].end();
        // In one of a rank that has ended nobody waits.
        let others = self.mailboxes.iter().enumerate().filter(|(other, _)| !self.ends.has_ended(*other));
        others.for_each(|(_, mailbox)| mailbox.peer_is_gone());
        self.watch.ended(rank, &how);
        if self.homes.get(rank).is_some_and(|home| home.end()) {
            self.all_sleep();
        }
        drop(unread);
    }

    fn enter(&self, rank: usize, home: &Home, blocked: Blocked) -> Option<oneshot::Receiver<Alarm>> {
        if !home.is_blocked_here() {
            return None;
        }
        let alarm = self.watch.sit(rank, blocked);
        if home.blocks() {
            self.all_sleep();
        }
        Some(alarm)
    }

    fn all_sleep(&self) {
        let is_pending = |rank: usize, waiting: &Waiting| match waiting {
            Waiting::Receive { number, pattern } => self.mailboxes[rank].is_asked(*number, pattern),
            Waiting::Send { number, key, to } => self.mailboxes[*to].holds_up(*number, key),
        };
        let asleep = |rank: usize| {
            let waits = self.homes[rank].sleeps_on(|waiting| is_pending(rank, waiting));
            let texts: Vec<String> = waits.iter().map(Waiting::to_string).collect();
            (!texts.is_empty()).then(|| texts.join(" and "))
        };
        let mut is_told = false;
        self.watch.look_at_tasks(&asleep, |report| {
            is_told = true;
            self.homes.iter().for_each(|home| home.tell(report));
        });
        if is_told {
            self.homes.iter().for_each(|home| home.rouse_told());
        }
    }
}
