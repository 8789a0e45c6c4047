//! The word of a slot: which lap it is in, how far the message of that lap has come, and whose turn it is.
//!
//! ```text
//!  63      32 31      14 13     4 3    0
//! |   lap    |  epoch   | index  | state |
//!             \__ owner, where there is _/
//!
//!                     (dies)
//!   EMPTY --> WRITING(me) -----> TOMB -------------------+
//!     |            |                                     v
//!     |            +--> FULL ------> READING(me) -----> EMPTY of the next lap
//!     +--> CLOSED                    ^   |    \          ^
//!                       RETURNED ----+   |     LEASED(me)+
//!                           ^--(dies, or gives it back)--/
//! ```
//! One change of this word both claims a slot and says who did: no claim is anonymous, so what a dead owner has left can be
//! given to others. Laps wrap; they are compared by their difference.

/// How far the message of this lap has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    Empty = 0,
    Writing = 1,
    Full = 2,
    Reading = 3,
    Leased = 4,
    /// Its sender died before it was there.
    Tomb = 5,
    /// The channel was closed here; no message comes after it.
    Closed = 6,
    /// Full again: who had claimed it died, or gave it back. Unlike what is full, it may lie behind the head.
    Returned = 7,
    /// Of a broadcast: it was there, and its room was needed.
    Gone = 8,
}

impl State {
    fn of(bits: u64) -> Option<State> {
        Some(match bits {
            0 => State::Empty,
            1 => State::Writing,
            2 => State::Full,
            3 => State::Reading,
            4 => State::Leased,
            5 => State::Tomb,
            6 => State::Closed,
            7 => State::Returned,
            8 => State::Gone,
            _ => return None,
        })
    }
}

const STATE_BITS: u32 = 4;
const INDEX_BITS: u32 = 10;
const EPOCH_BITS: u32 = 18;
const OWNER_MASK: u64 = (1 << (INDEX_BITS + EPOCH_BITS)) - 1;

/// So many can take part in one channel.
pub(crate) const MAX_PARTICIPANTS: u32 = 1 << INDEX_BITS;

/// A participant: its place in the table and how often that place was given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Owner(u32);

impl Owner {
    pub(crate) fn new(index: u32, epoch: u64) -> Owner {
        let epoch = u32::try_from(epoch & ((1 << EPOCH_BITS) - 1)).expect("18 bits");
        Owner(index & ((1 << INDEX_BITS) - 1) | epoch << INDEX_BITS)
    }

    pub(crate) fn from_bits(bits: u64) -> Owner {
        Owner(u32::try_from(bits & OWNER_MASK).expect("28 bits"))
    }

    pub(crate) fn bits(self) -> u64 {
        u64::from(self.0)
    }

    pub(crate) fn index(self) -> u32 {
        self.0 & ((1 << INDEX_BITS) - 1)
    }
}

/// Where in the endless row of messages: a lap and a slot. In this order positions follow each other, until laps wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position(u64);

impl Position {
    pub(crate) fn new(lap: u32, slot: u32) -> Position {
        Position(u64::from(lap) << 32 | u64::from(slot))
    }

    /// From a hint, of which nothing is sure but that the slot is made one that exists.
    #[inline]
    pub(crate) fn from_hint(bits: u64, slots: u32) -> Position {
        let position = Position(bits);
        if position.slot() < slots { position } else { Position::new(position.lap(), 0) }
    }

    /// From what [`bits`](Self::bits) gave.
    pub(crate) fn from_bits(bits: u64) -> Position {
        Position(bits)
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) fn lap(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the lower half is meant
    pub(crate) fn slot(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    pub(crate) fn next(self, slots: u32) -> Position {
        if self.slot() + 1 < slots { Position(self.0 + 1) } else { Position::new(self.lap().wrapping_add(1), 0) }
    }

    /// How many positions this lies behind `other`; negative if before it.
    pub(crate) fn minus(self, other: Position, slots: u32) -> i64 {
        let laps = i64::from(laps_between(other.lap(), self.lap()));
        laps * i64::from(slots) + i64::from(self.slot()) - i64::from(other.slot())
    }
}

/// How many laps `to` is ahead of `from`.
#[inline]
#[allow(clippy::cast_possible_wrap)] // the difference of two that wrap
pub(crate) fn laps_between(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

/// What a slot's word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotWord(u64);

impl SlotWord {
    #[inline]
    pub(crate) fn new(lap: u32, state: State) -> SlotWord {
        SlotWord(u64::from(lap) << 32 | state as u64)
    }

    #[inline]
    pub(crate) fn owned(lap: u32, state: State, owner: Owner) -> SlotWord {
        SlotWord(u64::from(lap) << 32 | owner.bits() << STATE_BITS | state as u64)
    }

    #[inline]
    pub(crate) fn from_bits(bits: u64) -> SlotWord {
        SlotWord(bits)
    }

    #[inline]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) fn lap(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// `None` if no word of ours looks so.
    #[inline]
    pub(crate) fn state(self) -> Option<State> {
        State::of(self.0 & ((1 << STATE_BITS) - 1))
    }

    pub(crate) fn owner(self) -> Owner {
        Owner::from_bits(self.0 >> STATE_BITS)
    }

    /// The same, and no lap comes after it: the channel was closed here. Only of a slot that has no owner.
    pub(crate) fn sealed(self) -> SlotWord {
        SlotWord(self.0 | OWNER_MASK << STATE_BITS)
    }

    /// Whether it was [sealed](Self::sealed).
    pub(crate) fn is_sealed(self) -> bool {
        let has_owner = matches!(self.state(), Some(State::Writing | State::Reading | State::Leased));
        !has_owner && self.0 >> STATE_BITS & OWNER_MASK == OWNER_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_gives_back_what_was_put_in() {
        let owner = Owner::new(1023, (1 << 18) - 1);
        let word = SlotWord::owned(u32::MAX, State::Leased, owner);
        assert_eq!((word.lap(), word.state(), word.owner()), (u32::MAX, Some(State::Leased), owner));
        assert_eq!(owner.index(), 1023);
        assert_eq!(SlotWord::from_bits(15).state(), None);
    }

    #[test]
    fn positions_follow_each_other_over_the_end_of_laps() {
        let last = Position::new(u32::MAX, 2);
        let next = last.next(3);
        assert_eq!(next, Position::new(0, 0));
        assert_eq!(next.minus(last, 3), 1);
        assert_eq!(last.minus(next, 3), -1);
        assert_eq!(Position::from_hint(u64::from(u32::MAX), 3), Position::new(0, 0));
    }
}
