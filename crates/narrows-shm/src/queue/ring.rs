//! The row of slots: who may write or read which. Knows nothing of what lies in a slot, of waiting, or of death but what it
//! leaves behind.
//!
//! Invariants (README.md beside this file says why they hold; `tests/model` tries them in every order):
//! * a slot is claimed by one change of its word, which names the claimer (`word.rs`);
//! * positions are claimed by senders in order: a position is not empty any more before the next is claimed;
//! * the hints `head` and `tail` never run ahead of what was claimed, but may lag by any amount: whoever walks from them catches
//!   up by what the slots say;
//! * a message that is given back may lie behind the head; it is marked, and announced by the count of `rescues` after that.
//!
//! After the array queue with a stamp in each slot (D. Vyukov), with the owner in the stamp.

use super::word::{Owner, Position, SlotWord, State, laps_between};
use crate::sync::{Ordering, Word};

/// The words that a ring lies in.
pub(crate) trait Words {
    fn slots(&self) -> u32;
    fn slot(&self, index: u32) -> &Word;
    fn head(&self) -> &Word;
    fn tail(&self) -> &Word;
    /// How often a message was given back.
    fn rescues(&self) -> &Word;
    /// How many messages there may be, if fewer than there are slots.
    fn limit(&self) -> &Word;
    /// Nothing may be sent any more.
    fn is_closed(&self) -> bool;
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    Full,
    /// Somebody is in the middle of a step, or was stopped there.
    Busy,
    Closed,
    Corrupt,
}

/// Why there is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoMessage {
    Empty,
    /// Somebody is in the middle of a step, or was stopped there.
    Busy,
    Closed,
    Corrupt,
}

/// The word was not what only its owner could have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Corrupt;

/// A ring as one participant sees it.
#[derive(Debug)]
pub(crate) struct Ring<'a, W> {
    words: &'a W,
    me: Owner,
}

impl<'a, W: Words> Ring<'a, W> {
    pub(crate) fn new(words: &'a W, me: Owner) -> Ring<'a, W> {
        Ring { words, me }
    }

    /// So many looks: whoever follows the slots from a hint that lags passes each once, and is thrown back when others are
    /// faster. In memory that is not what it should be, it is the bound.
    fn patience(&self) -> u64 {
        2 * u64::from(self.words.slots()) + 1000
    }

    /// Where to begin; the slots decide.
    #[inline]
    fn hint(&self, word: &Word) -> Position {
        // Acquire: pairs with the Release of who claimed; or a slot might look older than the hint, which is taken for damage.
        Position::from_hint(word.load(Ordering::Acquire), self.words.slots())
    }

    #[inline]
    fn look(&self, at: Position) -> (SlotWord, Option<State>, i32) {
        // Acquire: pairs with the change that left the slot so; what lies in it is visible.
        let word = SlotWord::from_bits(self.words.slot(at.slot()).load(Ordering::Acquire));
        (word, word.state(), laps_between(at.lap(), word.lap()))
    }

    fn change(&self, at: Position, from: SlotWord, to: SlotWord) -> bool {
        self.words.slot(at.slot()).change(from.bits(), to.bits()).is_ok()
    }

    /// The slot is ahead of `at`: the position after the last that senders have claimed there.
    fn after_sent(&self, at: Position, word: SlotWord, state: State) -> Position {
        let sent = if state == State::Empty { word.lap().wrapping_sub(1) } else { word.lap() };
        Position::new(sent, at.slot()).next(self.words.slots())
    }

    /// The slot is ahead of `at`: the position up to which receivers are done, as far as this slot tells. That a lap was sent here
    /// says so of the lap before, everywhere. That this slot's own message is gone says nothing of others: it may have been taken
    /// back, or its receiver have died and another have found it, before those in front of it.
    fn after_received(&self, at: Position, word: SlotWord, state: State) -> Position {
        let sent = if state == State::Empty { word.lap().wrapping_sub(1) } else { word.lap() };
        let slots = self.words.slots();
        let done = Position::new(sent.wrapping_sub(1), at.slot());
        // At least the one looked at is done with, and nothing is left before it.
        if done.minus(at, slots) > 0 { done.next(slots) } else { at.next(slots) }
    }

    /// Claims the next place. It is then [committed](Self::commit_place).
    pub(crate) fn claim_place(&self) -> Result<Position, NoPlace> {
        let slots = self.words.slots();
        let mut at = self.hint(self.words.tail());
        let mut begun = at;
        for _ in 0..self.patience() {
            let (word, state, ahead) = self.look(at);
            let Some(state) = state else { return Err(NoPlace::Corrupt) };
            match (ahead, state) {
                (0, State::Empty) => {
                    if self.words.is_closed() {
                        return Err(NoPlace::Closed);
                    }
                    if self.is_over_limit(at) {
                        return Err(NoPlace::Full);
                    }
                    if self.change(at, word, SlotWord::owned(at.lap(), State::Writing, self.me)) {
                        // Release: pairs with the Acquire in `hint`.
                        self.words.tail().store(at.next(slots).bits(), Ordering::Release);
                        return Ok(at);
                    }
                }
                (0 | -1, State::Closed) => return Err(NoPlace::Closed),
                (0, _) => at = at.next(slots),
                (1.., state) => at = self.after_sent(at, word, state),
                // The lap before is still there.
                (-1, State::Full | State::Returned | State::Leased) => return Err(NoPlace::Full),
                (-1, State::Reading | State::Writing) => return Err(NoPlace::Busy),
                (-1, State::Tomb) => self.clear_tomb(at, word),
                _ => at = self.again(&mut begun, self.words.tail()).ok_or(NoPlace::Corrupt)?,
            }
        }
        Err(NoPlace::Busy)
    }

    fn limit(&self) -> Option<u64> {
        // Relaxed: a bound that somebody has set at some time.
        let limit = self.words.limit().load(Ordering::Relaxed);
        (limit != 0 && limit < u64::from(self.words.slots())).then_some(limit)
    }

    /// Whether a message makes room as soon as it is claimed, not only when it was taken out.
    pub(crate) fn is_limited(&self) -> bool {
        self.limit().is_some()
    }

    fn is_over_limit(&self, at: Position) -> bool {
        self.limit().is_some_and(|limit| u64::try_from(at.minus(self.head(), self.words.slots())).unwrap_or(0) >= limit)
    }

    /// What was claimed is there.
    #[inline]
    pub(crate) fn commit_place(&self, at: Position) -> Result<(), Corrupt> {
        let before = self.words.slot(at.slot()).publish(SlotWord::new(at.lap(), State::Full).bits());
        let mine = SlotWord::owned(at.lap(), State::Writing, self.me);
        if before == mine.bits() { Ok(()) } else { Err(Corrupt) }
    }

    /// Claims the next message. It is then [committed](Self::commit_message) or [given back](Self::give_back).
    pub(crate) fn claim_message(&self) -> Result<Position, NoMessage> {
        let slots = self.words.slots();
        let mut at = self.hint(self.words.head());
        let mut begun = at;
        for _ in 0..self.patience() {
            let (word, state, ahead) = self.look(at);
            let Some(state) = state else { return Err(NoMessage::Corrupt) };
            match (ahead, state) {
                (0, State::Full | State::Returned) => {
                    if self.change(at, word, SlotWord::owned(at.lap(), State::Reading, self.me)) {
                        // Release: pairs with the Acquire in `hint`.
                        self.words.head().store(at.next(slots).bits(), Ordering::Release);
                        return Ok(at);
                    }
                }
                (0, State::Empty) => {
                    if !self.words.is_closed() {
                        return Err(NoMessage::Empty);
                    }
                    // A sender that is late comes before this, and its message is found, or after it, and is refused.
                    if self.change(at, word, SlotWord::new(at.lap(), State::Closed)) {
                        return Err(NoMessage::Closed);
                    }
                }
                (0, State::Writing) => return Err(NoMessage::Busy),
                (0, State::Reading | State::Leased) => at = at.next(slots),
                // Its sender died: cleared, so that what is closed is marked here.
                (0 | -1, State::Tomb) => self.clear_tomb(at, word),
                (0 | -1, State::Closed) => return Err(NoMessage::Closed),
                (1.., state) => at = self.after_received(at, word, state),
                // The lap before is still being read, or was given back: no sender has come so far.
                (-1, State::Returned | State::Reading | State::Leased) => return Err(NoMessage::Empty),
                _ => at = self.again(&mut begun, self.words.head()).ok_or(NoMessage::Corrupt)?,
            }
        }
        Err(NoMessage::Busy)
    }

    /// The slots are behind the hint that we began with, which never runs ahead. But who was stopped for half of all laps has an
    /// old one.
    #[cold]
    fn again(&self, begun: &mut Position, word: &Word) -> Option<Position> {
        let before = std::mem::replace(begun, self.hint(word));
        (*begun != before).then_some(*begun)
    }

    fn clear_tomb(&self, at: Position, word: SlotWord) {
        self.change(at, word, SlotWord::new(word.lap().wrapping_add(1), State::Empty));
    }

    /// Claims the oldest message that was given back. `seen` is the count of rescues up to which there is nothing left.
    #[cold]
    pub(crate) fn claim_rescued(&self, seen: &mut u64) -> Option<Position> {
        // Acquire: pairs with the Release in `give_back`; what was given back up to then is seen below.
        let rescues = self.words.rescues().load(Ordering::Acquire);
        if rescues == *seen {
            return None;
        }
        let slots = self.words.slots();
        let tail = self.hint(self.words.tail());
        // Others are faster at most so often: then it is theirs, and there may be more next time.
        for _ in 0..16 {
            let oldest = (0..slots)
                .map(|slot| (slot, SlotWord::from_bits(self.words.slot(slot).load(Ordering::Acquire))))
                .filter(|(_, word)| word.state() == Some(State::Returned))
                .map(|(slot, word)| (Position::new(word.lap(), slot), word))
                .min_by_key(|(at, _)| at.minus(tail, slots));
            let Some((at, word)) = oldest else {
                *seen = rescues;
                return None;
            };
            if self.change(at, word, SlotWord::owned(at.lap(), State::Reading, self.me)) {
                return Some(at);
            }
        }
        None
    }

    /// Of what is being read, keeps it for longer: nobody takes it for a moment's work any more.
    pub(crate) fn hold(&self, at: Position) -> bool {
        let reading = SlotWord::owned(at.lap(), State::Reading, self.me);
        self.change(at, reading, SlotWord::owned(at.lap(), State::Leased, self.me))
    }

    /// What was claimed has been taken out.
    #[inline]
    pub(crate) fn commit_message(&self, at: Position) -> Result<(), Corrupt> {
        let next = SlotWord::new(at.lap().wrapping_add(1), State::Empty);
        let before = SlotWord::from_bits(self.words.slot(at.slot()).publish(next.bits()));
        #[cfg(narrows_crash)]
        crate::crash::taken_out();
        let is_mine = before.lap() == at.lap()
            && before.owner() == self.me
            && matches!(before.state(), Some(State::Reading | State::Leased));
        if is_mine { Ok(()) } else { Err(Corrupt) }
    }

    /// What was claimed is left to others.
    pub(crate) fn give_back(&self, at: Position) -> Result<(), Corrupt> {
        let word = SlotWord::from_bits(self.words.slot(at.slot()).load(Ordering::Relaxed));
        let is_mine = word.lap() == at.lap() && word.owner() == self.me;
        if is_mine && self.change(at, word, SlotWord::new(at.lap(), State::Returned)) {
            self.announce_rescue();
            Ok(())
        } else {
            Err(Corrupt)
        }
    }

    /// Receivers look behind the head. To be called after the last of what is given back, also by whoever recovers: the one who
    /// gave it back may have died between the two.
    pub(crate) fn announce_rescue(&self) {
        // AcqRel: Release shows the slot to `claim_rescued`.
        self.words.rescues().add(1, Ordering::AcqRel);
    }

    /// Claims a message of ours that nobody has. It is then [committed](Self::commit_message), as if it were received: if we die
    /// before that, it is left to others.
    pub(crate) fn claim_back(&self, at: Position) -> bool {
        let mine = SlotWord::owned(at.lap(), State::Reading, self.me);
        // From what stands there, for whoever tries until it works: it was full, and is at most given back once for each who dies.
        let (word, state, ahead) = self.look(at);
        ahead == 0 && matches!(state, Some(State::Full | State::Returned)) && self.change(at, word, mine)
    }

    /// Whether what was sent at `at` was received.
    pub(crate) fn was_received(&self, at: Position) -> bool {
        let (word, _, _) = self.look(at);
        word.lap() != at.lap()
    }

    /// Whether what was sent at `at` is there, or is being received; or is received by now.
    pub(crate) fn is_there(&self, at: Position) -> bool {
        let (_, state, ahead) = self.look(at);
        let holds = matches!(state, Some(State::Full | State::Returned | State::Reading | State::Leased));
        ahead > 0 || ahead == 0 && holds
    }

    /// Puts right what `dead` has left in the slot: whether it had claimed it. Doing it twice is harmless; a
    /// [rescue](Self::announce_rescue) is to be announced after the last slot.
    pub(crate) fn recover(&self, slot: u32, dead: Owner) -> bool {
        let word = SlotWord::from_bits(self.words.slot(slot).load(Ordering::Acquire));
        if word.owner() != dead {
            return false;
        }
        let state = match word.state() {
            Some(State::Writing) => State::Tomb,
            Some(State::Reading | State::Leased) => State::Returned,
            _ => return false,
        };
        self.change(Position::new(word.lap(), slot), word, SlotWord::new(word.lap(), state))
    }

    /// The first position that is not done with and not claimed by a receiver, nor empty for ever: what the dead left there
    /// keeps nobody out.
    fn head(&self) -> Position {
        let slots = self.words.slots();
        let mut at = self.hint(self.words.head());
        for _ in 0..self.patience() {
            match self.look(at) {
                (word, Some(state), 1..) => at = self.after_received(at, word, state),
                (_, Some(State::Reading | State::Leased | State::Tomb), 0) => at = at.next(slots),
                _ => break,
            }
        }
        at
    }

    /// The first position that no sender has claimed.
    fn tail(&self) -> Position {
        let slots = self.words.slots();
        let mut at = self.hint(self.words.tail());
        for _ in 0..self.patience() {
            match self.look(at) {
                (word, Some(state), 1..) => at = self.after_sent(at, word, state),
                (_, Some(State::Empty | State::Closed) | None, _) => break,
                (_, Some(_), 0) => at = at.next(slots),
                _ => break,
            }
        }
        at
    }

    /// How many messages there are, as far as walking tells.
    pub(crate) fn len(&self) -> u32 {
        let slots = self.words.slots();
        let head = self.head();
        u32::try_from(self.tail().minus(head, slots).clamp(0, i64::from(slots))).unwrap_or(slots)
    }

    /// Whether a message could be claimed now. Never true where [`claim_message`](Self::claim_message) fails again and again.
    pub(crate) fn may_receive(&self) -> bool {
        let slots = self.words.slots();
        let mut at = self.hint(self.words.head());
        for _ in 0..self.patience() {
            match self.look(at) {
                (word, Some(state), 1..) => at = self.after_received(at, word, state),
                (_, Some(State::Reading | State::Leased), 0) => at = at.next(slots),
                (_, Some(State::Full | State::Returned | State::Tomb), 0) => return true,
                _ => return false,
            }
        }
        false
    }

    /// Whether a place could be claimed now, or the end be told.
    pub(crate) fn may_send(&self) -> bool {
        let at = self.tail();
        match self.look(at) {
            (_, Some(State::Empty), 0) => self.words.is_closed() || !self.is_over_limit(at),
            (_, Some(State::Closed | State::Tomb), 0 | -1) => true,
            _ => false,
        }
    }

    /// Whether there is a message, or somebody holds one that is yet to come, or may come back.
    pub(crate) fn has_any(&self) -> bool {
        (0..self.words.slots()).any(|slot| {
            let word = SlotWord::from_bits(self.words.slot(slot).load(Ordering::Acquire));
            !matches!(word.state(), Some(State::Empty | State::Tomb | State::Closed))
        })
    }
}
