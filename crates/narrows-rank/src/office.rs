//! The table of mailboxes, made once: every rank finds every other by its number. And the ends of ranks, told to all.

use crate::{
    error::Error,
    mailbox::{Mailbox, Mode, Pending},
    matching::Pattern,
    parcel::Parcel,
    sync::{Arc, Mutex, lock},
    watch::Watch,
};

#[derive(Debug)]
pub(crate) struct Office<P> {
    mailboxes: Vec<Mailbox<P>>,
    /// How each rank ended.
    ends: Mutex<Vec<Option<Arc<str>>>>,
    pub(crate) watch: Watch,
}

impl<P: Parcel> Office<P> {
    pub(crate) fn new(size: usize, watch: Watch) -> Office<P> {
        let mailboxes = (0..size).map(|_| Mailbox::new(size, None)).collect();
        Office { mailboxes, ends: Mutex::new(vec![None; size]), watch }
    }

    pub(crate) fn mailbox(&self, rank: usize) -> &Mailbox<P> {
        &self.mailboxes[rank]
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
        self.mailboxes[to].accept(key, parcel, mode).map_err(|parcel| (parcel, self.gone(to)))
    }

    /// The error for who needs a rank that has ended.
    pub(crate) fn gone(&self, rank: usize) -> Error {
        let how = lock(&self.ends)[rank].clone();
        Error::Gone { rank, how: how.map_or_else(|| "ended".to_owned(), |how| how.to_string()) }
    }

    /// A rank has ended. The first word on it counts.
    pub(crate) fn end(&self, rank: usize, how: &str) {
        let how: Arc<str> = how.into();
        {
            let mut ends = lock(&self.ends);
            if ends[rank].is_some() {
                return;
            }
            ends[rank] = Some(how.clone());
        }
        // What it has sent lies with the others already, so nobody is told of its end before its messages.
        self.mailboxes[rank].end();
        let others = self.mailboxes.iter().enumerate().filter(|(other, _)| *other != rank);
        others.for_each(|(_, mailbox)| mailbox.peer_is_gone(rank, &how));
        self.watch.ended(rank, &how);
    }
}
