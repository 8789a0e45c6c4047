//! The row of slots that every receiver passes: who may write which, and what a receiver finds. Knows nothing of what lies in a
//! slot, of waiting, or of how far others have come but what it is told by `may`.
//!
//! ```text
//!   EMPTY (first lap) ---> WRITING(me) --> FULL --> READING(me) --> GONE
//!                           ^   \(dies)     |        (its room is taken back; dies: GONE)
//!                           |    +-> TOMB   |                        |
//!                           +-- next lap ---+--- TOMB ---------------+
//! ```
//! Invariants:
//! * a slot is claimed by one change of its word, which names the claimer;
//! * positions are claimed in order: one is not claimed before the one before it;
//! * messages go in order too: what is there is the end of the row, without gaps but tombs;
//! * a claim is preceded by a fence and then by asking `may`. Who comes new says where he stands, then has a fence, then looks
//!   where the row ends: of all senders at most one, who had asked before, claims one position that he had no say in.

use crate::{
    queue::{
        ring::{NoPlace, Words},
        word::{Owner, Position, SlotWord, State, laps_between},
    },
    sync::{Ordering, Word, fence},
};

/// A row as one participant sees it.
#[derive(Debug)]
pub(super) struct Row<'a, W> {
    words: &'a W,
    me: Owner,
}

/// What a receiver finds at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A message, as long as the word stays so.
    Message(SlotWord),
    /// It is not sent yet.
    Nothing,
    /// Somebody is in the middle of sending it, or was stopped there.
    Busy,
    /// Its sender died.
    Tomb,
    /// It was there; the oldest that may still be there is this, or comes after it.
    Lost(Position),
    /// The row ends here.
    Closed,
    Corrupt,
}

impl<'a, W: Words> Row<'a, W> {
    pub(super) fn new(words: &'a W, me: Owner) -> Row<'a, W> {
        Row { words, me }
    }

    /// As in the ring: each slot once, and what others are faster.
    pub(super) fn patience(&self) -> u64 {
        2 * u64::from(self.words.slots()) + 1000
    }

    fn look(&self, at: Position) -> (SlotWord, Option<State>, i32) {
        // Acquire: pairs with the change that left the slot so; what lies in it is visible.
        let word = SlotWord::from_bits(self.words.slot(at.slot()).load(Ordering::Acquire));
        (word, word.state(), laps_between(at.lap(), word.lap()))
    }

    fn change(&self, at: Position, from: SlotWord, to: SlotWord) -> bool {
        self.words.slot(at.slot()).change(from.bits(), to.bits()).is_ok()
    }

    /// From where to look: the slots decide.
    fn hint(&self, word: &Word) -> Position {
        // Acquire: pairs with the Release of who wrote it; the slots are then seen as far as he saw them, and it is never ahead.
        Position::from_hint(word.load(Ordering::Acquire), self.words.slots())
    }

    fn next(&self, at: Position) -> Position {
        at.next(self.words.slots())
    }

    /// The slot is ahead of `at`, in the lap of `word`: the position after the one before that.
    fn after_overwritten(&self, at: Position, word: SlotWord) -> Position {
        self.next(Position::new(word.lap().wrapping_sub(1), at.slot()))
    }

    /// Claims the next place, if `may` agrees. It is then committed as that of a ring.
    pub(super) fn claim_place(&self, mut may: impl FnMut(Position) -> bool) -> Result<Position, NoPlace> {
        let mut at = self.hint(self.words.tail());
        for _ in 0..self.patience() {
            let (word, state, ahead) = self.look(at);
            match (ahead, state) {
                (_, None) => return Err(NoPlace::Corrupt),
                (0, Some(State::Empty)) | (-1, Some(State::Full | State::Tomb | State::Gone)) => {
                    if self.words.is_closed() || word.is_sealed() {
                        return Err(NoPlace::Closed);
                    }
                    // SeqCst: pairs with the fence of who comes new; see the head.
                    fence(Ordering::SeqCst);
                    if !may(at) {
                        return Err(NoPlace::Full);
                    }
                    if self.change(at, word, SlotWord::owned(at.lap(), State::Writing, self.me)) {
                        // Release: pairs with `hint`.
                        self.words.tail().store(self.next(at).bits(), Ordering::Release);
                        return Ok(at);
                    }
                }
                (0, _) => at = self.next(at),
                (1.., _) => at = self.next(Position::new(word.lap(), at.slot())),
                (-1, Some(State::Writing | State::Reading)) => return Err(NoPlace::Busy),
                // A hint never runs ahead.
                _ => return Err(NoPlace::Corrupt),
            }
        }
        Err(NoPlace::Busy)
    }

    /// The first position that nobody has claimed.
    pub(super) fn tail(&self) -> Position {
        let mut at = self.hint(self.words.tail());
        for _ in 0..self.patience() {
            match self.look(at) {
                (word, _, 1..) => at = self.next(Position::new(word.lap(), at.slot())),
                (_, Some(State::Empty), _) => break,
                (_, _, 0) => at = self.next(at),
                _ => break,
            }
        }
        at
    }

    /// The position of the oldest message that is there, or the tail.
    pub(super) fn oldest(&self) -> Position {
        let tail = self.tail();
        let mut at = Position::new(tail.lap().wrapping_sub(1), tail.slot());
        for _ in 0..self.patience() {
            match self.look(at) {
                (_, Some(State::Full | State::Writing | State::Empty), 0) | (_, _, ..0) => break,
                (_, _, 0) => at = self.next(at),
                (word, _, _) => at = self.after_overwritten(at, word),
            }
        }
        at
    }

    /// Takes the oldest message out of the row, if `may` agrees: `empty` gets its slot, to take back what it holds.
    pub(super) fn evict(&self, mut may: impl FnMut(Position) -> bool, empty: impl Fn(u32)) -> bool {
        let mut at = self.hint(self.words.head());
        for _ in 0..self.patience() {
            let (word, state, ahead) = self.look(at);
            match (ahead, state) {
                (1.., Some(_)) => at = self.after_overwritten(at, word),
                (0, Some(State::Gone | State::Tomb)) => at = self.next(at),
                (0, Some(State::Full)) if !word.is_sealed() => {
                    // SeqCst: as in `claim_place`.
                    fence(Ordering::SeqCst);
                    if !may(at) {
                        return false;
                    }
                    let mine = SlotWord::owned(at.lap(), State::Reading, self.me);
                    if self.change(at, word, mine) {
                        empty(at.slot());
                        self.change(at, mine, SlotWord::new(at.lap(), State::Gone));
                        // Release: pairs with `hint`.
                        self.words.head().store(self.next(at).bits(), Ordering::Release);
                        return true;
                    }
                }
                // None is there, or somebody is taking it out: the next is not to go before it.
                _ => return false,
            }
        }
        false
    }

    /// What is at `at`, where a receiver has come to.
    pub(super) fn find(&self, at: Position) -> Found {
        let (word, state, ahead) = self.look(at);
        match (ahead, state) {
            (0, Some(State::Full)) => Found::Message(word),
            (0, Some(State::Writing)) => Found::Busy,
            (0, Some(State::Tomb)) => Found::Tomb,
            (0, Some(State::Gone | State::Reading)) => Found::Lost(self.next(at)),
            (1.., Some(_)) => Found::Lost(self.after_overwritten(at, word)),
            (0, Some(State::Empty)) | (-1, Some(State::Full | State::Tomb | State::Gone)) => {
                if word.is_sealed() {
                    Found::Closed
                } else {
                    Found::Nothing
                }
            }
            // Whatever becomes of the lap before, this one has not begun.
            (-1, Some(State::Writing | State::Reading)) => Found::Nothing,
            _ => Found::Corrupt,
        }
    }

    /// The same for who is to be told the end: of a closed channel nothing comes after this was `Closed`. A sender that is late
    /// has come before this, and its message is found, or comes after it, and is refused.
    pub(super) fn find_or_seal(&self, at: Position) -> Found {
        let found = self.find(at);
        if found != Found::Nothing || !self.words.is_closed() {
            return found;
        }
        let (word, state, _) = self.look(at);
        if matches!(state, Some(State::Writing | State::Reading)) {
            return Found::Busy;
        }
        // Another may have been faster, with this or with a message: then it is found in the next turn.
        if self.find(at) == Found::Nothing && self.change(at, word, word.sealed()) {
            Found::Closed
        } else {
            Found::Busy
        }
    }

    /// Whether the message that was found is still there, after it was read.
    pub(super) fn is_still(&self, at: Position, word: SlotWord) -> bool {
        // Relaxed: what was read was followed by a fence.
        self.words.slot(at.slot()).load(Ordering::Relaxed) == word.bits()
    }

    /// Puts right what `dead` has left in the slot; `empty` takes back what it holds. Doing it twice is harmless. False if it had
    /// not claimed it.
    pub(super) fn recover(&self, slot: u32, dead: Owner, empty: impl Fn(u32)) -> bool {
        let word = SlotWord::from_bits(self.words.slot(slot).load(Ordering::Acquire));
        let state = match word.state() {
            Some(State::Writing) => State::Tomb,
            Some(State::Reading) => State::Gone,
            _ => return false,
        };
        if word.owner() != dead {
            return false;
        }
        empty(slot);
        self.change(Position::new(word.lap(), slot), word, SlotWord::new(word.lap(), state));
        true
    }
}
