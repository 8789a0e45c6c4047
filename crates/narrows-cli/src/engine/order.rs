//! The reorder window: pieces come in any order and leave in the order of their records. Knows no thread and no file.
//! Invariants: a piece leaves once; the answers of an ordered window tile the record numbers without gap or overlap;
//! the parts of one answer leave in a row, with nothing of another between them; `bytes` is what the pieces inside
//! occupy.
//!
//! An answer in parts that is next leaves part by part, as they come. Unordered, no answer is next: one in parts
//! waits until it is whole, unless it is let through because memory is short.

use std::collections::{BTreeMap, VecDeque};

use super::spill::Extent;

/// What a piece costs beside its bytes: its place in the map and its allocation. 155 to 184 bytes were measured, whatever
/// the length.
const OVERHEAD: usize = 192;

/// The answers to neighbouring records, or a part of them; a failed record is a piece without bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) first: u64,
    /// Parts that came before this one.
    pub(super) part: u32,
    /// That many records are answered in full with this piece; 0 if more parts follow.
    pub(super) records: u64,
    pub(super) bytes: Vec<u8>,
    /// The bytes lie there instead.
    pub(super) spilled: Option<Extent>,
}

impl Piece {
    pub(super) fn whole(first: u64, records: u64, bytes: Vec<u8>) -> Piece {
        Piece { first, part: 0, records, bytes, spilled: None }
    }

    pub(super) fn cost(&self) -> usize {
        self.bytes.capacity() + OVERHEAD
    }
}

#[derive(Debug)]
pub(super) struct Order {
    /// The next record to leave; unordered, the number that have left.
    next: u64,
    bytes: usize,
    /// Answered in full and not left.
    records: u64,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Ordered(BTreeMap<(u64, u32), Piece>),
    AsTheyCome(AsTheyCome),
}

type Answer = VecDeque<Piece>;

#[derive(Debug, Default)]
struct AsTheyCome {
    whole: VecDeque<Answer>,
    /// Answers in parts whose last part has not come.
    growing: BTreeMap<u64, Answer>,
    /// The answer that is leaving, and what has come of it.
    leaving: Option<(u64, Answer)>,
}

impl AsTheyCome {
    fn insert(&mut self, piece: Piece) {
        if let Some((first, answer)) = &mut self.leaving
            && *first == piece.first
        {
            answer.push_back(piece);
            return;
        }
        let (first, ends) = (piece.first, piece.records > 0);
        let mut answer = self.growing.remove(&first).unwrap_or_default();
        answer.push_back(piece);
        if ends {
            self.whole.push_back(answer);
        } else {
            self.growing.insert(first, answer);
        }
    }

    fn pop(&mut self) -> Option<Piece> {
        if self.leaving.is_none() {
            let answer = self.whole.pop_front()?;
            self.leaving = answer.front().map(|piece| piece.first).map(|first| (first, answer));
        }
        let piece = self.leaving.as_mut()?.1.pop_front()?;
        if piece.records > 0 {
            self.leaving = None;
        }
        Some(piece)
    }

    fn let_through(&mut self) -> bool {
        if self.leaving.is_some() || !self.whole.is_empty() {
            return false;
        }
        let size = |answer: &Answer| answer.iter().map(Piece::cost).sum::<usize>();
        let largest = self.growing.iter().max_by_key(|(_, answer)| size(answer)).map(|(first, _)| *first);
        self.leaving = largest.and_then(|first| self.growing.remove_entry(&first));
        self.leaving.is_some()
    }
}

impl Order {
    pub(super) fn new(ordered: bool) -> Order {
        let held = if ordered { Held::Ordered(BTreeMap::new()) } else { Held::AsTheyCome(AsTheyCome::default()) };
        Order { next: 0, bytes: 0, records: 0, held }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn insert(&mut self, piece: Piece) {
        self.bytes += piece.cost();
        self.records += piece.records;
        match &mut self.held {
            Held::Ordered(map) => {
                debug_assert!(piece.first >= self.next, "record {} has left already", piece.first);
                let before = map.insert((piece.first, piece.part), piece);
                debug_assert!(before.is_none(), "two pieces are the same part of an answer");
            }
            Held::AsTheyCome(held) => held.insert(piece),
        }
    }

    /// The piece that may leave now.
    pub(super) fn pop(&mut self) -> Option<Piece> {
        let piece = match &mut self.held {
            Held::Ordered(map) => {
                let entry = map.first_entry().filter(|entry| entry.key().0 == self.next)?;
                entry.remove()
            }
            Held::AsTheyCome(held) => held.pop()?,
        };
        self.next += piece.records;
        self.bytes -= piece.cost();
        self.records -= piece.records;
        Some(piece)
    }

    /// Unordered, when nothing is whole and memory is short: the largest answer leaves as it comes. Whether one does.
    pub(super) fn let_through(&mut self) -> bool {
        match &mut self.held {
            Held::Ordered(_) => false,
            Held::AsTheyCome(held) => held.let_through(),
        }
    }

    /// Whether the answer to this record leaves as it comes.
    pub(super) fn is_leaving(&self, first: u64) -> bool {
        match &self.held {
            Held::Ordered(_) => first == self.next,
            Held::AsTheyCome(held) => held.leaving.as_ref().is_some_and(|(leaving, _)| *leaving == first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator of numbers, so that the property needs no library and a failure names its seed.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % limit as u64).expect("the limit fits")
        }
    }

    fn random_pieces(dice: &mut Dice) -> Vec<Piece> {
        let mut first = 0;
        (0..dice.below(60))
            .map(|_| {
                let records = 1 + dice.below(9) as u64;
                let bytes = (first..first + records).flat_map(|n| format!("{n}\n").into_bytes()).collect();
                let piece = Piece::whole(first, records, bytes);
                first += records;
                piece
            })
            .collect()
    }

    fn shuffle(pieces: &mut [Piece], dice: &mut Dice) {
        for last in (1..pieces.len()).rev() {
            pieces.swap(last, dice.below(last + 1));
        }
    }

    #[test]
    fn pieces_in_any_order_leave_in_the_order_of_their_records() {
        for seed in 1..=2000 {
            let mut dice = Dice(seed);
            let mut pieces = random_pieces(&mut dice);
            let expected: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes.clone()).collect();
            shuffle(&mut pieces, &mut dice);

            let mut order = Order::new(true);
            let mut left = Vec::new();
            for piece in pieces {
                order.insert(piece);
                while dice.below(3) > 0
                    && let Some(piece) = order.pop()
                {
                    left.extend(piece.bytes);
                }
            }
            while let Some(piece) = order.pop() {
                left.extend(piece.bytes);
            }
            assert_eq!(left, expected, "seed {seed}");
            assert_eq!(order.bytes(), 0, "seed {seed}: everything left, so nothing is held");
        }
    }

    #[test]
    fn a_piece_waits_for_the_one_before_it() {
        let mut order = Order::new(true);
        order.insert(Piece::whole(2, 1, b"c\n".to_vec()));
        assert_eq!(order.pop(), None);
        order.insert(Piece::whole(0, 2, Vec::new()));
        assert_eq!(order.pop().map(|piece| piece.first), Some(0));
        assert_eq!(order.pop().map(|piece| piece.first), Some(2));
        assert_eq!(order.pop(), None);
    }

    #[test]
    fn unordered_pieces_leave_as_they_come() {
        let mut order = Order::new(false);
        order.insert(Piece::whole(9, 1, b"j\n".to_vec()));
        order.insert(Piece::whole(0, 1, b"a\n".to_vec()));
        assert_eq!(order.pop().map(|piece| piece.first), Some(9));
        assert_eq!(order.pop().map(|piece| piece.first), Some(0));
    }

    fn part(first: u64, part: u32, text: &str) -> Piece {
        Piece { first, part, records: 0, bytes: text.as_bytes().to_vec(), spilled: None }
    }

    fn last(first: u64, part: u32, text: &str) -> Piece {
        Piece { records: 1, ..self::part(first, part, text) }
    }

    fn leave(order: &mut Order) -> String {
        let mut text = String::new();
        while let Some(piece) = order.pop() {
            text += std::str::from_utf8(&piece.bytes).expect("tests write text");
        }
        text
    }

    #[test]
    fn the_oldest_answer_leaves_part_by_part_and_others_wait() {
        let mut order = Order::new(true);
        order.insert(part(1, 0, "b1"));
        order.insert(part(0, 0, "a1"));
        assert_eq!(leave(&mut order), "a1");
        order.insert(last(1, 1, "b2"));
        assert_eq!(leave(&mut order), "");
        order.insert(last(0, 1, "a2"));
        assert_eq!(leave(&mut order), "a2b1b2");
        assert_eq!(order.bytes(), 0);
    }

    #[test]
    fn unordered_parts_of_two_answers_never_mix() {
        let mut order = Order::new(false);
        order.insert(part(0, 0, "a1"));
        order.insert(part(1, 0, "b1"));
        assert_eq!(leave(&mut order), "", "neither is whole");
        order.insert(last(1, 1, "b2"));
        order.insert(last(2, 0, "c"));
        assert_eq!(leave(&mut order), "b1b2c");
        assert!(order.let_through(), "nothing is whole");
        assert_eq!(leave(&mut order), "a1");
        order.insert(last(3, 0, "d"));
        assert!(!order.let_through() && order.is_leaving(0));
        assert_eq!(leave(&mut order), "", "the first answer is not at its end");
        order.insert(last(0, 1, "a2"));
        assert_eq!(leave(&mut order), "a2d");
    }
}
