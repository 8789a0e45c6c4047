//! The table of calls: how far each has come, and whose turn it is. Knows nothing of what lies in a slot, of waiting, or of death
//! but what it leaves behind.
//!
//! ```text
//!  63      32 31      14 13     4 3    0
//! |   lap    |  epoch   | index  | state |          the owner is the one whose turn it is: he alone touches the slot's bytes
//!
//!   FREE --> REQUESTING(client) --> PENDING(client) --> SERVING(server) --+--> DONE(client) -------+
//!                |                      |    ^--(given back)--/  |   |    +--> UNANSWERED(client) -+
//!                |(dies)                |                        |   +-(dies)--> FAILED(client) ---+
//!                |                      |(gives up, dies)        |(client gives up, or dies)       |(client takes it, dies)
//!                |                      |                  CANCELLED(server)                       |
//!                |                      |                        |(answers, drops it, dies)        |
//!                +----------------------+------------------------+---------------------------------+--> FREE of the next lap
//! ```
//! One change of this word passes a call on and says to whom. While a server has it, who called stands in a second word, which is
//! written by that client before the call is pending and does not change until the slot is free. So of every slot it can be said
//! what to do when its client dies and what when its server does, in whatever order, and doing it twice is harmless.

use crate::{
    queue::word::{Owner, Position},
    sync::{Ordering, Word},
};

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    Free = 0,
    Requesting = 1,
    Pending = 2,
    Serving = 3,
    /// Nobody waits for the answer any more.
    Cancelled = 4,
    Done = 5,
    /// Its server died.
    Failed = 6,
    /// Its server has dropped it.
    Unanswered = 7,
}

const STATE_BITS: u32 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CallWord(u64);

impl CallWord {
    fn free(lap: u32) -> CallWord {
        CallWord(u64::from(lap) << 32)
    }

    fn owned(lap: u32, state: State, owner: Owner) -> CallWord {
        CallWord(u64::from(lap) << 32 | owner.bits() << STATE_BITS | state as u64)
    }

    fn lap(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn owner(self) -> Owner {
        Owner::from_bits(self.0 >> STATE_BITS)
    }

    /// `None` if no word of ours looks so.
    fn state(self) -> Option<State> {
        Some(match self.0 & ((1 << STATE_BITS) - 1) {
            0 => State::Free,
            1 => State::Requesting,
            2 => State::Pending,
            3 => State::Serving,
            4 => State::Cancelled,
            5 => State::Done,
            6 => State::Failed,
            7 => State::Unanswered,
            _ => return None,
        })
    }
}

/// The words that a table of calls lies in.
pub(crate) trait Words {
    fn slots(&self) -> u32;
    /// How many of the slots may be taken by new calls.
    fn usable(&self) -> u32;
    fn call(&self, slot: u32) -> &Word;
    /// Whose call it is.
    fn client(&self, slot: u32) -> &Word;
    /// The call's number in the order in which calls are served.
    fn turn(&self, slot: u32) -> &Word;
    /// When nobody will want the answer any more; 0 is never.
    fn due(&self, slot: u32) -> &Word;
    /// The number of the next call.
    fn next_turn(&self) -> &Word;
}

/// The segment says what it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Corrupt;

/// What became of a call that its client has given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// No server had begun with it; its slot is free.
    Unserved,
    /// A server has it, and will find it cancelled.
    Cancelled,
    /// It was over already.
    Over,
}

/// A table of calls as one participant sees it.
#[derive(Debug)]
pub(crate) struct Table<'a, W> {
    words: &'a W,
    me: Owner,
}

impl<'a, W: Words> Table<'a, W> {
    pub(crate) fn new(words: &'a W, me: Owner) -> Table<'a, W> {
        Table { words, me }
    }

    fn look(&self, slot: u32) -> CallWord {
        // Acquire: pairs with the change that left the slot so; what lies in it is visible.
        CallWord(self.words.call(slot).load(Ordering::Acquire))
    }

    fn change(&self, slot: u32, from: CallWord, to: CallWord) -> bool {
        self.words.call(slot).change(from.0, to.0).is_ok()
    }

    fn change_mine(&self, at: Position, from: State, to: CallWord) -> bool {
        self.change(at.slot(), CallWord::owned(at.lap(), from, self.me), to)
    }

    fn client_of(&self, slot: u32) -> Owner {
        // Relaxed: published with the call, and stays until the slot is free.
        Owner::from_bits(self.words.client(slot).load(Ordering::Relaxed))
    }

    /// Claims a slot for a call of ours, looking from `hint` on. The call is then [submitted](Self::submit) or
    /// [released](Self::release).
    pub(crate) fn claim(&self, hint: u32) -> Result<Option<Position>, Corrupt> {
        let slots = self.words.usable();
        let start = if hint < slots { hint } else { 0 };
        for slot in (start..slots).chain(0..start) {
            let word = self.look(slot);
            let Some(state) = word.state() else { return Err(Corrupt) };
            let at = Position::new(word.lap(), slot);
            if state == State::Free && self.change(slot, word, CallWord::owned(at.lap(), State::Requesting, self.me)) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// What we have claimed is a call.
    pub(crate) fn submit(&self, at: Position, due: u64) -> Result<(), Corrupt> {
        let slot = at.slot();
        // Relaxed, all of them: the numbers are given out one after the other anyway, and the others are published with the call.
        let turn = self.words.next_turn().add(1, Ordering::Relaxed);
        self.words.turn(slot).store(turn, Ordering::Relaxed);
        self.words.due(slot).store(due, Ordering::Relaxed);
        self.words.client(slot).store(self.me.bits(), Ordering::Relaxed);
        let pending = CallWord::owned(at.lap(), State::Pending, self.me);
        let before = CallWord(self.words.call(slot).publish(pending.0));
        if before == CallWord::owned(at.lap(), State::Requesting, self.me) { Ok(()) } else { Err(Corrupt) }
    }

    /// How far our call has come; an error if it is not there.
    pub(crate) fn state(&self, at: Position) -> Result<State, Corrupt> {
        let word = self.look(at.slot());
        match word.state() {
            Some(State::Serving) if word.lap() == at.lap() => Ok(State::Serving),
            Some(state) if word.lap() == at.lap() && word.owner() == self.me => Ok(state),
            _ => Err(Corrupt),
        }
    }

    /// Who serves our call.
    pub(crate) fn server(&self, at: Position) -> Option<Owner> {
        let word = self.look(at.slot());
        (word.lap() == at.lap() && word.state() == Some(State::Serving)).then(|| word.owner())
    }

    /// Takes a call of ours back that no server has begun with.
    pub(crate) fn take_back(&self, at: Position) -> bool {
        self.change_mine(at, State::Pending, CallWord::free(at.lap().wrapping_add(1)))
    }

    /// We do not wait for the answer any more.
    pub(crate) fn give_up(&self, at: Position) -> Result<GivenUp, Corrupt> {
        // A server may take it and give it back a few times meanwhile.
        for _ in 0..1000 {
            let word = self.look(at.slot());
            match self.state(at)? {
                State::Pending if self.take_back(at) => return Ok(GivenUp::Unserved),
                State::Serving => {
                    let cancelled = CallWord::owned(at.lap(), State::Cancelled, word.owner());
                    if word.state() == Some(State::Serving) && self.change(at.slot(), word, cancelled) {
                        return Ok(GivenUp::Cancelled);
                    }
                }
                State::Done | State::Failed | State::Unanswered => return Ok(GivenUp::Over),
                _ => {}
            }
        }
        Err(Corrupt)
    }

    /// We are done with a call of ours that is over, or was not submitted.
    pub(crate) fn release(&self, at: Position) -> bool {
        let free = CallWord::free(at.lap().wrapping_add(1));
        [State::Done, State::Failed, State::Unanswered, State::Requesting]
            .into_iter()
            .any(|state| self.change_mine(at, state, free))
    }

    /// Claims the oldest call that is still wanted at `now`. It is then [finished](Self::finish) or
    /// [given back](Self::give_back).
    pub(crate) fn claim_oldest(&self, now: impl Fn() -> u64) -> Result<Option<Position>, Corrupt> {
        // Others are faster at most so often. Then there is nothing left for us, or they ring.
        for _ in 0..2 * u64::from(self.words.slots()) + 1000 {
            let Some((at, client)) = self.oldest(&now)? else { return Ok(None) };
            let pending = CallWord::owned(at.lap(), State::Pending, client);
            if self.change(at.slot(), pending, CallWord::owned(at.lap(), State::Serving, self.me)) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Looks twice: a call that came to a slot behind us before the one that we found had begun is found by the second look.
    fn oldest(&self, now: &impl Fn() -> u64) -> Result<Option<(Position, Owner)>, Corrupt> {
        let mut found: Option<(u64, Position, Owner)> = None;
        let mut end = self.words.slots();
        for _ in 0..2 {
            for slot in 0..end {
                let word = self.look(slot);
                let Some(state) = word.state() else { return Err(Corrupt) };
                if state != State::Pending {
                    continue;
                }
                // Relaxed: published with the call. If it is another's by now, claiming fails.
                let turn = self.words.turn(slot).load(Ordering::Relaxed);
                if found.is_none_or(|(oldest, ..)| turn < oldest) && self.is_wanted(slot, now) {
                    found = Some((turn, Position::new(word.lap(), slot), word.owner()));
                }
            }
            end = found.map_or(0, |(_, at, _)| at.slot());
        }
        Ok(found.map(|(_, at, client)| (at, client)))
    }

    fn is_wanted(&self, slot: u32, now: &impl Fn() -> u64) -> bool {
        // Relaxed: as above.
        let due = self.words.due(slot).load(Ordering::Relaxed);
        due == 0 || now() < due
    }

    /// Whether [`claim_oldest`](Self::claim_oldest) would find a call, or fail.
    pub(crate) fn has_pending(&self, now: impl Fn() -> u64) -> bool {
        (0..self.words.slots()).any(|slot| match self.look(slot).state() {
            Some(State::Pending) => self.is_wanted(slot, &now),
            Some(_) => false,
            None => true,
        })
    }

    /// Whether somebody is about to submit a call.
    pub(crate) fn has_coming(&self) -> bool {
        (0..self.words.slots()).any(|slot| self.look(slot).state() == Some(State::Requesting))
    }

    /// Whether [`claim`](Self::claim) would find a slot, or fail.
    pub(crate) fn has_free(&self) -> bool {
        (0..self.words.usable()).any(|slot| matches!(self.look(slot).state(), Some(State::Free) | None))
    }

    /// How many calls are under way.
    pub(crate) fn len(&self) -> u32 {
        let is_taken = |&slot: &u32| self.look(slot).state() != Some(State::Free);
        u32::try_from((0..self.words.slots()).filter(is_taken).count()).unwrap_or(u32::MAX)
    }

    /// Whether nobody wants the answer any more.
    pub(crate) fn is_cancelled(&self, at: Position) -> bool {
        self.look(at.slot()) != CallWord::owned(at.lap(), State::Serving, self.me)
    }

    /// The call that we serve is `Done`, or left `Unanswered`. False if it was cancelled.
    pub(crate) fn finish(&self, at: Position, state: State) -> Result<bool, Corrupt> {
        let told = CallWord::owned(at.lap(), state, self.client_of(at.slot()));
        if self.change_mine(at, State::Serving, told) {
            return Ok(true);
        }
        let free = CallWord::free(at.lap().wrapping_add(1));
        if self.change_mine(at, State::Cancelled, free) { Ok(false) } else { Err(Corrupt) }
    }

    /// The call that we have claimed is left to other servers.
    pub(crate) fn give_back(&self, at: Position) -> Result<bool, Corrupt> {
        self.finish(at, State::Pending)
    }

    /// Puts right what `dead` has left in the slot: whether it was anything. Doing it twice is harmless.
    pub(crate) fn recover(&self, slot: u32, dead: Owner) -> bool {
        // Between two looks at one lap others change it a few times at most.
        for _ in 0..1000 {
            let word = self.look(slot);
            let (owner, client) = (word.owner(), self.client_of(slot));
            let free = CallWord::free(word.lap().wrapping_add(1));
            let next = match word.state() {
                None | Some(State::Free) => return false,
                Some(State::Serving) if owner == dead && client != dead => {
                    CallWord::owned(word.lap(), State::Failed, client)
                }
                Some(State::Serving) if owner != dead && client == dead => {
                    CallWord::owned(word.lap(), State::Cancelled, owner)
                }
                Some(_) if owner == dead => free,
                Some(_) => return false,
            };
            if self.change(slot, word, next) {
                return true;
            }
        }
        false
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) mod tests {
    use super::*;

    #[derive(Debug, Default)]
    pub(crate) struct Slots {
        /// Word, client, turn, due.
        slots: Vec<[Word; 4]>,
        turns: Word,
    }

    impl Slots {
        pub(crate) fn new(slots: usize) -> Slots {
            Slots { slots: (0..slots).map(|_| Default::default()).collect(), turns: Word::default() }
        }
    }

    impl Words for Slots {
        fn slots(&self) -> u32 {
            u32::try_from(self.slots.len()).expect("few")
        }
        fn usable(&self) -> u32 {
            self.slots()
        }
        fn call(&self, slot: u32) -> &Word {
            &self.slots[slot as usize][0]
        }
        fn client(&self, slot: u32) -> &Word {
            &self.slots[slot as usize][1]
        }
        fn turn(&self, slot: u32) -> &Word {
            &self.slots[slot as usize][2]
        }
        fn due(&self, slot: u32) -> &Word {
            &self.slots[slot as usize][3]
        }
        fn next_turn(&self) -> &Word {
            &self.turns
        }
    }

    fn who() -> (Owner, Owner) {
        (Owner::new(1, 1), Owner::new(2, 7))
    }

    fn call(slots: &Slots, hint: u32, due: u64) -> Position {
        let client = Table::new(slots, who().0);
        let at = client.claim(hint).expect("sound").expect("a free slot");
        client.submit(at, due).expect("ours");
        at
    }

    #[test]
    fn calls_are_served_in_their_order_and_not_after_their_time() {
        let slots = Slots::new(4);
        let (client, server) = (Table::new(&slots, who().0), Table::new(&slots, who().1));
        let (late, first, second) = (call(&slots, 0, 5), call(&slots, 3, 0), call(&slots, 1, 6));
        assert_eq!((late.slot(), first.slot(), second.slot()), (0, 3, 1));
        assert_eq!(server.claim_oldest(|| 5), Ok(Some(first)));
        assert_eq!(server.claim_oldest(|| 5), Ok(Some(second)));
        assert_eq!((server.claim_oldest(|| 5), server.has_pending(|| 5)), (Ok(None), false));
        assert_eq!(client.give_up(late), Ok(GivenUp::Unserved));
        assert_eq!((server.finish(first, State::Done), client.state(first)), (Ok(true), Ok(State::Done)));
        assert_eq!(client.give_up(second), Ok(GivenUp::Cancelled));
        assert!(server.is_cancelled(second) && client.release(first));
        assert_eq!((server.finish(second, State::Done), slots.slots() - client.len()), (Ok(false), 4));
    }

    #[test]
    fn a_call_that_is_given_back_keeps_its_turn() {
        let slots = Slots::new(2);
        let server = Table::new(&slots, who().1);
        let (first, second) = (call(&slots, 1, 0), call(&slots, 0, 0));
        assert_eq!(server.claim_oldest(|| 0), Ok(Some(first)));
        assert_eq!((server.give_back(first), server.claim_oldest(|| 0)), (Ok(true), Ok(Some(first))));
        assert_eq!(server.claim_oldest(|| 0), Ok(Some(second)));
    }

    /// Every state, left by a client and by a server that died there, in both orders.
    #[test]
    fn what_the_dead_leave_is_put_right() {
        let (client, server) = who();
        for reached in 0..7 {
            for order in [[client, server], [server, client]] {
                let slots = Slots::new(1);
                let (calling, serving) = (Table::new(&slots, client), Table::new(&slots, server));
                let at = calling.claim(0).expect("sound").expect("a free slot");
                if reached > 0 {
                    calling.submit(at, 0).expect("ours");
                }
                if reached > 1 {
                    assert_eq!(serving.claim_oldest(|| 0), Ok(Some(at)));
                }
                match reached {
                    3 => assert_eq!(serving.finish(at, State::Done), Ok(true)),
                    4 => assert_eq!(serving.finish(at, State::Unanswered), Ok(true)),
                    5 => assert_eq!(calling.give_up(at), Ok(GivenUp::Cancelled)),
                    6 => assert_eq!(serving.give_back(at), Ok(true)),
                    _ => {}
                }
                let is_server_first = order[0] == server;
                calling.recover(0, order[0]);
                match (reached, is_server_first) {
                    (2, true) => assert_eq!(calling.state(at), Ok(State::Failed)),
                    (2, false) => assert!(serving.is_cancelled(at) && calling.len() == 1),
                    (5, false) => assert_eq!(calling.len(), 1),
                    (_, true) => assert_eq!(calling.len(), u32::from(reached != 5)),
                    (_, false) => assert_eq!(calling.len(), 0),
                }
                calling.recover(0, order[1]);
                assert!(!calling.recover(0, order[0]) && !calling.recover(0, order[1]));
                assert_eq!(calling.len(), 0, "{reached}");
                assert_ne!(calling.claim(0), Ok(Some(at)), "the slot is in its next lap");
            }
        }
    }

    #[test]
    fn a_word_that_is_none_is_an_error_and_no_endless_search() {
        let slots = Slots::new(2);
        let table = Table::new(&slots, who().0);
        let at = call(&slots, 0, 0);
        for bits in [9, u64::MAX, 2] {
            slots.call(0).store(bits, Ordering::Relaxed);
            assert_eq!((table.state(at), table.release(at)), (Err(Corrupt), false));
            assert_eq!(table.finish(at, State::Done), Err(Corrupt));
            assert_eq!(table.give_up(at), Err(Corrupt));
        }
        slots.call(1).store(15, Ordering::Relaxed);
        assert_eq!((table.claim(1), table.claim_oldest(|| 0)), (Err(Corrupt), Err(Corrupt)));
        assert!(table.has_free() && table.has_pending(|| 0), "who waits is to find out");
        assert!(!table.recover(1, who().0));
    }
}
