//! Messages whose senders wait until they are received, on their way to receives. Each stays in the mailbox until its receive,
//! which was called, fetches it: so its sender is told no earlier, can still take it back, and hears of it if nobody does.
//!
//! ```text
//!  called --fetch--> received            called --sender gives up--> taken back: the receive waits again
//!         --receive dropped--> back in line, with its sender still waiting
//! ```
//! A receive that was begun and that nobody has waited for yet may not do so before its rank has sent in turn. So it counts as
//! having received once it was called, unless it was dropped by then: its sender goes on, and the message waits for it.

#[cfg(all(test, not(narrows_check)))]
mod tests;

use super::{Arrival, Entry, Found, Letter, Mailbox, Patience, Pattern, Tell, lock};
use crate::parcel::{Parcel, Wanted};

/// A message that a receive was called for.
pub(super) struct Claim<P> {
    /// The number of that receive.
    pub(super) by: u64,
    pub(super) entry: Entry<Arrival<P>>,
}

impl<P> Claim<P> {
    /// Whether its sender waits for this message.
    pub(super) fn holds_up(&self, number: u64) -> bool {
        self.entry.number == number && self.entry.value.receipt.is_some()
    }
}

impl<P: Parcel> Mailbox<P> {
    /// Somebody waits for a receive from now on, for the first time. What it was called for before.
    pub(crate) fn attend(&self, receive: u64, pattern: &Pattern) -> Option<Letter<P>> {
        let mut state = lock(&self.state);
        if let Some(at) = state.posted.find(receive, pattern) {
            state.posted.get_mut(at).is_awaited = true;
            return None;
        }
        let claim = state.claim(receive);
        drop(state);
        claim.map(|entry| self.received(entry))
    }

    /// What a receive was called for; if that was taken back, whatever else there is, or it waits in its old place.
    pub(crate) fn fetch(
        &self,
        receive: u64,
        pattern: Pattern,
        wanted: Option<Wanted>,
        patience: &Patience<'_>,
    ) -> Found<Letter<P>, Option<Letter<P>>> {
        let claim = lock(&self.state).claim(receive);
        match claim {
            Some(entry) => Found::Here(self.received(entry)),
            None => self.receive_as(Some(receive), pattern, wanted, patience),
        }
    }

    /// A receive that was called is dropped, or was so before.
    pub(crate) fn unclaim(&self, receive: u64) {
        let mut told = Vec::new();
        let mut state = lock(&self.state);
        if let Some(Entry { number, pattern: key, value: Arrival { parcel, receipt } }) = state.claim(receive) {
            state.place(Letter { number, key, parcel }, receipt, &mut told);
        }
        drop(state);
        self.tell(told);
    }

    /// A receive was called that nobody waits for yet: if its message is still there, that one's sender goes on. By now it may have
    /// been called for another one.
    pub(super) fn commit(&self, receive: u64, message: u64) {
        let mut state = lock(&self.state);
        let claim = state.claims.iter_mut().find(|claim| claim.by == receive && claim.entry.number == message);
        let signed = claim.and_then(|claim| Some((claim.entry.pattern, claim.entry.value.receipt.take()?)));
        drop(state);
        if let Some((key, receipt)) = signed {
            self.tell(vec![Tell::Taken(key, Some(receipt))]);
        }
    }

    fn received(&self, entry: Entry<Arrival<P>>) -> Letter<P> {
        let Entry { number, pattern: key, value: Arrival { parcel, receipt } } = entry;
        if receipt.is_some() {
            self.tell(vec![Tell::Taken(key, receipt)]);
        }
        Letter { number, key, parcel }
    }
}
