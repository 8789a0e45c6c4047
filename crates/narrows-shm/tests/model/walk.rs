//! One participant after the other does something at random; a list says what must come of it. What interleavings cannot reach
//! within a bound is the length: laps that come free out of their turn, again and again.

use std::collections::BTreeSet;

use crate::{
    memory::{Memory, Seen},
    queue::{
        ring::{NoMessage, NoPlace},
        word::Position,
    },
    sync::Ordering,
};

const WALKS: u64 = if cfg!(miri) { 20 } else { 4000 };
const STEPS: u64 = if cfg!(miri) { 40 } else { 200 };

/// xorshift64*, by S. Vigna.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub(crate) fn below(&mut self, sides: u32) -> u32 {
        u32::try_from(self.roll(sides.into())).expect("less")
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }
}

/// Who has which message in hand, and dies or goes on.
struct Hand {
    who: u32,
    at: Position,
    message: u64,
    /// Its sender, who takes it back.
    takes_back: bool,
}

struct Walk {
    memory: std::sync::Arc<Memory>,
    seen: Seen,
    /// Sent, and in nobody's hand.
    there: BTreeSet<u64>,
    /// Which of them never were in a hand: they come in order.
    untouched: BTreeSet<u64>,
    places: Vec<(u64, Position)>,
    hands: Vec<Hand>,
    next: u64,
}

impl Walk {
    fn send(&mut self) {
        match self.memory.try_send(1, self.next) {
            Ok(at) => {
                self.there.insert(self.next);
                self.untouched.insert(self.next);
                self.places.push((self.next, at));
                self.next += 1;
            }
            Err(why) => {
                assert!(matches!(why, NoPlace::Full | NoPlace::Busy), "{why:?}");
                assert!(!self.there.is_empty() || !self.hands.is_empty(), "{why:?}, and nothing is inside");
            }
        }
    }

    /// And dies before it is there.
    fn send_and_die(&mut self) {
        if self.memory.ring(2).claim_place().is_ok() {
            self.memory.recover(2);
        }
    }

    fn claim(&mut self, who: u32) {
        let may_receive = self.memory.ring(who).may_receive();
        assert!(may_receive || self.untouched.is_empty(), "who waits does not see {:?}", self.untouched);
        match self.memory.claim(who, &self.seen) {
            Ok(at) => {
                let message = self.memory.read(at);
                assert!(self.there.remove(&message), "{message} is not there");
                let first = self.untouched.first().copied();
                assert!(!self.untouched.remove(&message) || first == Some(message), "{message} before {first:?}");
                self.hands.push(Hand { who, at, message, takes_back: false });
            }
            Err(why) => {
                assert!(why == NoMessage::Empty && self.there.is_empty(), "{why:?}, with {:?}", self.there);
                assert!(!self.memory.ring(who).may_receive(), "who waits would look for ever");
            }
        }
    }

    fn take_back(&mut self, who: u32, which: usize) {
        let Some(&(message, at)) = self.places.get(which) else { return };
        let is_ours = self.memory.ring(who).claim_back(at);
        assert_eq!(is_ours, self.there.remove(&message), "{message}");
        if is_ours {
            self.untouched.remove(&message);
            self.hands.push(Hand { who, at, message, takes_back: true });
        }
    }

    fn finish(&mut self, which: usize) {
        let hand = self.hands.swap_remove(which);
        assert_eq!(self.memory.finish(hand.who, hand.at), hand.message);
        self.places.retain(|(message, _)| *message != hand.message);
    }

    fn leave(&mut self, which: usize, is_dead: bool) {
        let hand = self.hands.swap_remove(which);
        if is_dead || hand.takes_back {
            self.memory.recover(hand.who);
        } else {
            self.memory.give_back(hand.who, hand.at);
        }
        self.there.insert(hand.message);
    }

    fn step(&mut self, dice: &mut Dice) {
        // Each hand is another's: who dies leaves one message.
        let who = 10 + u32::try_from(self.next + dice.roll(40)).expect("few") % 50;
        let is_free = self.hands.iter().all(|hand| hand.who != who);
        let some = |dice: &mut Dice, len: usize| usize::try_from(dice.roll(len as u64)).expect("few");
        match dice.roll(13) {
            0..4 => self.send(),
            4 => self.send_and_die(),
            5 | 6 if is_free => self.claim(who),
            7 | 8 if is_free && !self.places.is_empty() => {
                let which = some(dice, self.places.len());
                self.take_back(who, which);
            }
            9 | 10 if !self.hands.is_empty() => self.finish(some(dice, self.hands.len())),
            11 | 12 if !self.hands.is_empty() => {
                let which = some(dice, self.hands.len());
                self.leave(which, dice.roll(2) == 0);
            }
            _ => {}
        }
    }
}

#[test]
fn whatever_is_taken_back_or_left_by_the_dead_hides_nothing() {
    for seed in 1..=WALKS {
        let slots = u32::try_from(1 + seed % 4).expect("few");
        let mut dice = Dice::new(seed);
        let memory = Memory::new(slots, u32::MAX - 2);
        // Relaxed: before there is anybody else.
        memory.limit.store(seed % 3, Ordering::Relaxed);
        let (places, hands) = (Vec::new(), Vec::new());
        let (there, untouched) = (BTreeSet::new(), BTreeSet::new());
        let mut walk = Walk { memory, seen: Seen::default(), there, untouched, places, hands, next: 0 };
        for _ in 0..STEPS {
            walk.step(&mut dice);
        }
        while !walk.hands.is_empty() {
            walk.finish(0);
        }
        let left: BTreeSet<_> = walk.memory.drain(3, &walk.seen).into_iter().collect();
        assert_eq!(left, walk.there, "seed {seed}");
        walk.memory.limit.store(0, Ordering::Relaxed);
        walk.memory.check_that_all_slots_work();
    }
}
