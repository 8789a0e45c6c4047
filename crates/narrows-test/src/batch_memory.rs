//! Batches of messages of every shape, and the memory of those who send and receive them.

use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::number;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

fn round_trip<T: Send + PartialEq + std::fmt::Debug>(kind: Kind, make: impl Fn(u8) -> T) {
    let (s, r) = kind.pair();
    for turn in 0..5 {
        // Each turn goes round the end of a ring elsewhere.
        let mut batch: VecDeque<_> = (0..7).map(&make).collect();
        batch.rotate_left(turn);
        let expected: Vec<_> = (0..7).map(|i| make((i + u8::try_from(turn).expect("small")) % 7)).collect();
        let mut got = Vec::new();
        while got.len() < 7 {
            let room = r.capacity().map_or(7, |capacity| capacity - s.len());
            assert_eq!(s.try_send_many(&mut batch).unwrap_or(0), room.min(7 - got.len()));
            assert_ne!(r.try_recv_many(&mut got, 3).unwrap_or(0), 0);
            got.extend(r.try_iter());
        }
        assert_eq!(got, expected);
    }
}

/// Messages of every shape go in batches.
pub fn rule_21_batches_of_every_shape(kind: Kind) {
    #[derive(Debug, PartialEq)]
    #[repr(align(128))]
    struct Aligned(u8);
    round_trip(kind, |_| ());
    round_trip(kind, |i| i);
    round_trip(kind, Aligned);
    round_trip(kind, Box::new);
    round_trip(kind, |i| vec![i; 3]);
    round_trip(kind, |i| (i != 3).then(|| i.to_string()));
    round_trip(kind, |i| [u64::from(i); 100]);
}

/// A message whose drop panics takes no other with it, in the deque, in the channel, and in what was received.
pub fn rule_21_a_panicking_drop_in_a_batch_leaves_the_rest(kind: Kind) {
    struct Bomb(Load, bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.1, "a drop that panics, on purpose");
        }
    }
    let ledger = Ledger::new(300);
    let n = kind.holds(100);
    let batch =
        |from: u64| -> VecDeque<_> { (from..from + number(n)).map(|i| Bomb(ledger.load(i), i % 3 == 0)).collect() };
    // Left inside.
    let (s, r) = kind.pair();
    assert_eq!(s.try_send_many(&mut batch(0)).ok(), Some(n));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(r))).is_err());
    assert_eq!(ledger.alive(), 0);
    // Not taken by a closed channel.
    let mut rest = batch(100);
    assert!(s.send_many(&mut rest).is_err());
    assert_eq!(rest.len(), n);
    for bomb in &mut rest {
        bomb.1 = false;
    }
    drop(rest);
    // Received, and dropped by who has them.
    let (s, r) = kind.pair();
    assert_eq!(s.try_send_many(&mut batch(200)).ok(), Some(n));
    let mut got = Vec::new();
    assert_eq!(r.drain_into(&mut got), n);
    assert_eq!(got[n - 1].0.number(), 199 + number(n));
    for bomb in got {
        let panics = bomb.1;
        assert_eq!(catch_unwind(AssertUnwindSafe(|| drop(bomb))).is_err(), panics);
    }
    ledger.settle();
}

/// A batch is one that its owner keeps: memory that it had is its own afterwards.
pub fn rule_18_a_batch_keeps_its_memory(kind: Kind) {
    let mark = Arc::new(());
    let (s, r) = kind.pair();
    let n = kind.holds(30);
    let mut batch = VecDeque::with_capacity(30);
    let mut got = Vec::with_capacity(30);
    let (there, here) = (batch.capacity(), got.capacity());
    for _ in 0..5 {
        batch.extend((0..n).map(|_| mark.clone()));
        assert_eq!(s.try_send_many(&mut batch).ok(), Some(n));
        assert_eq!(r.try_recv_many(&mut got, n), Ok(n));
        got.clear();
        assert_eq!((batch.capacity(), got.capacity()), (there, here));
    }
    assert_eq!(Arc::strong_count(&mark), 1);
}
