//! The reorder window: pieces come in any order and leave in the order of their records. Knows no thread and no file.
//! Invariants: a piece leaves once; pieces of an ordered window tile the record numbers without gap or overlap;
//! `bytes` is what the pieces inside occupy.

use std::collections::{BTreeMap, VecDeque};

/// What a piece costs beside its bytes: its place in the map and its allocation.
const OVERHEAD: usize = 128;

/// The answers to neighbouring records; a failed record is a piece without bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) first: u64,
    pub(super) records: u64,
    pub(super) bytes: Vec<u8>,
}

impl Piece {
    pub(super) fn cost(&self) -> usize {
        self.bytes.capacity() + OVERHEAD
    }
}

#[derive(Debug)]
pub(super) struct Order {
    /// The next record to leave; unordered, the number that have left.
    next: u64,
    bytes: usize,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Ordered(BTreeMap<u64, Piece>),
    AsTheyCome(VecDeque<Piece>),
}

impl Order {
    pub(super) fn new(ordered: bool) -> Order {
        let held = if ordered { Held::Ordered(BTreeMap::new()) } else { Held::AsTheyCome(VecDeque::new()) };
        Order { next: 0, bytes: 0, held }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn insert(&mut self, piece: Piece) {
        self.bytes += piece.cost();
        match &mut self.held {
            Held::Ordered(map) => {
                debug_assert!(piece.first >= self.next, "record {} has left already", piece.first);
                let before = map.insert(piece.first, piece);
                debug_assert!(before.is_none(), "two pieces begin with the same record");
            }
            Held::AsTheyCome(queue) => queue.push_back(piece),
        }
    }

    /// The piece that may leave now.
    pub(super) fn pop(&mut self) -> Option<Piece> {
        let piece = match &mut self.held {
            Held::Ordered(map) => {
                let entry = map.first_entry().filter(|entry| *entry.key() == self.next)?;
                entry.remove()
            }
            Held::AsTheyCome(queue) => queue.pop_front()?,
        };
        self.next += piece.records;
        self.bytes -= piece.cost();
        Some(piece)
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
                let piece = Piece { first, records, bytes };
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
        order.insert(Piece { first: 2, records: 1, bytes: b"c\n".to_vec() });
        assert_eq!(order.pop(), None);
        order.insert(Piece { first: 0, records: 2, bytes: Vec::new() });
        assert_eq!(order.pop().map(|piece| piece.first), Some(0));
        assert_eq!(order.pop().map(|piece| piece.first), Some(2));
        assert_eq!(order.pop(), None);
    }

    #[test]
    fn unordered_pieces_leave_as_they_come() {
        let mut order = Order::new(false);
        order.insert(Piece { first: 9, records: 1, bytes: b"j\n".to_vec() });
        order.insert(Piece { first: 0, records: 1, bytes: b"a\n".to_vec() });
        assert_eq!(order.pop().map(|piece| piece.first), Some(9));
        assert_eq!(order.pop().map(|piece| piece.first), Some(0));
    }
}
