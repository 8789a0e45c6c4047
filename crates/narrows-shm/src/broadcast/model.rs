//! The row under loom, which tries every order: compiled by `tests/model`.

use loom::{sync::Arc, thread};

use super::row::{Found, Row};
use crate::{
    queue::{
        ring::{NoMessage, NoPlace, Ring, Words},
        word::{Owner, Position},
    },
    sync::{Ordering, Word, fence},
};

struct Shared {
    slots: Vec<Word>,
    head: Word,
    tail: Word,
    unused: Word,
    closed: Word,
    /// Of the one receiver: where it is, and whether it is waited for.
    cursor: Word,
    awaited: Word,
    /// What lies in the first slot, in two halves.
    message: [Word; 2],
}

impl Words for Shared {
    fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).expect("few")
    }
    fn slot(&self, index: u32) -> &Word {
        &self.slots[index as usize]
    }
    fn head(&self) -> &Word {
        &self.head
    }
    fn tail(&self) -> &Word {
        &self.tail
    }
    fn rescues(&self) -> &Word {
        &self.unused
    }
    fn limit(&self) -> &Word {
        &self.unused
    }
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire) != 0
    }
}

fn shared(slots: usize) -> Arc<Shared> {
    Arc::new(Shared {
        slots: (0..slots).map(|_| Word::default()).collect(),
        head: Word::default(),
        tail: Word::default(),
        unused: Word::default(),
        closed: Word::default(),
        cursor: Word::default(),
        awaited: Word::default(),
        message: [Word::default(), Word::default()],
    })
}

fn owner(index: u32) -> Owner {
    Owner::new(index, 1)
}

impl Shared {
    fn row(&self, index: u32) -> Row<'_, Shared> {
        Row::new(self, owner(index))
    }

    /// What senders ask, see `gate`.
    fn may(&self, at: Position) -> bool {
        let slots = self.slots();
        self.awaited.load(Ordering::Acquire) == 0
            || at.minus(Position::from_bits(self.cursor.load(Ordering::Acquire)), slots) < i64::from(slots)
    }

    fn send(&self, index: u32) -> Result<Position, NoPlace> {
        let at = self.row(index).claim_place(|at| self.may(at))?;
        Ring::new(self, owner(index)).commit_place(at).expect("it is ours");
        Ok(at)
    }
}

/// Who joins while two send: nothing that is sent from then on is written over before it was read, and of what was sent
/// before at most the place where he begins.
fn joins(slots: usize, sends: [usize; 2]) {
    // All orders take hours; with two preemptions it is seconds.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let words = shared(slots);
        let senders: Vec<_> = [1, 2]
            .into_iter()
            .zip(sends)
            .map(|(index, sends)| {
                let words = words.clone();
                thread::spawn(move || (0..sends).for_each(|_| assert_ne!(words.send(index), Err(NoPlace::Corrupt))))
            })
            .collect();
        let row = words.row(3);
        let mut next = row.tail();
        words.cursor.publish(next.bits());
        words.awaited.change(0, 1).expect("it is ours");
        let count = u32::try_from(slots).expect("few");
        let tail = loop {
            fence(Ordering::SeqCst);
            let tail = row.tail();
            if tail.minus(next, count) <= i64::from(count) {
                break tail;
            }
            next = tail;
            words.cursor.publish(next.bits());
        };
        senders.into_iter().for_each(|sender| sender.join().expect("no panic"));
        let end = row.tail();
        let mut at = next;
        while at != end {
            match row.find(at) {
                Found::Message(_) => {}
                Found::Lost(after) => {
                    assert!(at == next && after == next.next(count) && tail.minus(next, count) == i64::from(count));
                }
                other => panic!("{other:?}"),
            }
            at = at.next(count);
        }
    });
}

#[test]
fn who_joins_one_place() {
    joins(1, [1, 2]);
}

#[test]
fn who_joins_two_places() {
    joins(2, [2, 1]);
}

/// A reader whose message is written over knows that, or has read one of the two.
#[test]
fn what_is_read_is_one_message() {
    loom::model(|| {
        let words = shared(1);
        let write = |words: &Shared, value: u64| {
            let at = words.row(1).claim_place(|_| true).expect("nobody is waited for");
            fence(Ordering::Release);
            words.message.iter().for_each(|half| half.store(value, Ordering::Relaxed));
            Ring::new(words, owner(1)).commit_place(at).expect("it is ours");
        };
        write(&words, 1);
        let sender = {
            let words = words.clone();
            thread::spawn(move || write(&words, 2))
        };
        let row = words.row(2);
        let mut at = Position::new(0, 0);
        for _ in 0..2 {
            match row.find(at) {
                Found::Message(word) => {
                    let read = [0, 1].map(|half| words.message[half].load(Ordering::Relaxed));
                    fence(Ordering::Acquire);
                    if row.is_still(at, word) {
                        assert_eq!(read, [u64::from(at.lap()) + 1; 2]);
                    }
                }
                Found::Lost(after) => at = after,
                Found::Busy => {}
                other => panic!("{other:?}"),
            }
        }
        sender.join().expect("no panic");
    });
}

/// A send that races with the end is before it, and found, or after it, and refused.
#[test]
fn what_was_sent_comes_before_the_end() {
    for before in [0, 1] {
        loom::model(move || {
            let words = shared(1);
            (0..before).for_each(|_| assert!(words.send(1).is_ok()));
            let sender = {
                let words = words.clone();
                thread::spawn(move || words.send(1).is_ok())
            };
            let row = words.row(2);
            let at = row.tail();
            words.closed.publish(1);
            let ends = loop {
                match row.find_or_seal(at) {
                    Found::Closed => break true,
                    Found::Message(_) | Found::Lost(_) => break false,
                    _ => loom::thread::yield_now(),
                }
            };
            let sent = sender.join().expect("no panic");
            // If the sender was faster, it was so before `at`, too.
            let is_before = sent && Position::new(before, 0) != at;
            assert_eq!(ends, !sent || is_before);
        });
    }
}

/// A ring's hints do not run ahead of what their reader sees of the slots.
#[test]
fn nobody_takes_a_ring_for_corrupt() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let words = shared(1);
        let send = |words: &Shared, index: u32| match Ring::new(words, owner(index)).claim_place() {
            Ok(at) => Ring::new(words, owner(index)).commit_place(at).expect("it is ours"),
            Err(why) => assert_ne!(why, NoPlace::Corrupt),
        };
        let receive = |words: &Shared, index: u32| match Ring::new(words, owner(index)).claim_message() {
            Ok(at) => Ring::new(words, owner(index)).commit_message(at).expect("it is ours"),
            Err(why) => assert_ne!(why, NoMessage::Corrupt),
        };
        let one = {
            let words = words.clone();
            thread::spawn(move || {
                send(&words, 1);
                receive(&words, 1);
            })
        };
        send(&words, 2);
        receive(&words, 2);
        one.join().expect("no panic");
    });
}
