//! The row alone, at the end of laps; and a segment in it.

use super::row::{Found, Row};
use crate::{
    broadcast::{Lag, Start},
    layout::Often,
    options,
    queue::{
        ring::{NoPlace, Ring, Words},
        word::{Owner, Position, SlotWord, State},
    },
    sync::{Ordering, Word},
};

#[derive(Default)]
struct Shared {
    slots: Vec<Word>,
    head: Word,
    tail: Word,
    rescues: Word,
    limit: Word,
    closed: Word,
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
        &self.rescues
    }
    fn limit(&self) -> &Word {
        &self.limit
    }
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed) != 0
    }
}

fn word(bits: u64) -> Word {
    let word = Word::default();
    word.store(bits, Ordering::Relaxed);
    word
}

/// A row that begins in the last lap but one.
fn shared(slots: u32) -> Shared {
    let lap = u32::MAX - 1;
    let shared = Shared {
        slots: (0..slots).map(|_| word(SlotWord::new(lap, State::Empty).bits())).collect(),
        ..Shared::default()
    };
    shared.tail.store(Position::new(lap, 0).bits(), Ordering::Relaxed);
    shared.head.store(Position::new(lap, 0).bits(), Ordering::Relaxed);
    shared
}

fn me() -> Owner {
    Owner::new(3, 5)
}

fn send(words: &Shared) -> Result<Position, NoPlace> {
    let at = Row::new(words, me()).claim_place(|_| true)?;
    Ring::new(words, me()).commit_place(at).expect("it is ours");
    Ok(at)
}

#[test]
fn what_is_there_is_the_last_lap_also_where_laps_wrap() {
    for slots in [1, 2, 3] {
        let words = shared(slots);
        let row = Row::new(&words, me());
        let mut at = row.tail();
        assert_eq!((row.oldest(), row.find(at)), (at, Found::Nothing));
        let first = at;
        for sent in 1..=4 * slots {
            assert_eq!(send(&words), Ok(at));
            assert!(matches!(row.find(at), Found::Message(word) if row.is_still(at, word)));
            at = at.next(slots);
            assert_eq!(row.tail(), at);
            assert_eq!(at.minus(row.oldest(), slots), i64::from(sent.min(slots)));
            let oldest = if sent > slots { row.oldest() } else { first };
            if sent > slots {
                assert!(matches!(row.find(first), Found::Lost(_)), "who stands there has lost some");
            }
            assert!(matches!(row.find(oldest), Found::Message(_)));
        }
        // A hint that lags by laps is caught up with.
        words.tail.store(first.bits(), Ordering::Relaxed);
        assert_eq!((row.tail(), send(&words)), (at, Ok(at)));
    }
}

#[test]
fn messages_go_in_order_and_only_if_nobody_is_to_see_them() {
    let words = shared(3);
    let row = Row::new(&words, me());
    let places: Vec<_> = (0..5).map(|_| send(&words).expect("room")).collect();
    let emptied = std::cell::RefCell::new(Vec::new());
    let may = |at: Position| at.minus(places[4], 3) < 0;
    while row.evict(may, |slot| emptied.borrow_mut().push(slot)) {}
    assert_eq!(*emptied.borrow(), [places[2].slot(), places[3].slot()]);
    assert_eq!((row.oldest(), row.find(places[3])), (places[4], Found::Lost(places[4])));
    assert!(send(&words).is_ok());
}

#[test]
fn the_dead_leave_tombs_and_gaps_at_the_beginning_only() {
    let words = shared(2);
    let (row, dead) = (Row::new(&words, me()), Owner::new(4, 9));
    let at = Row::new(&words, dead).claim_place(|_| true).expect("room");
    assert_eq!((row.find(at), row.find_or_seal(at)), (Found::Busy, Found::Busy));
    let next = send(&words).expect("room");
    assert_eq!(send(&words), Err(NoPlace::Busy), "the place of the lap before is not done with");
    for _ in 0..2 {
        (0..2).for_each(|slot| {
            assert!(row.recover(slot, dead, |_| ()) || slot != at.slot() || row.find(at) == Found::Tomb);
        });
        assert_eq!(row.find(at), Found::Tomb);
    }
    assert!(matches!(row.find(next), Found::Message(_)));
    // One that dies while it takes a message out.
    let word = SlotWord::owned(next.lap(), State::Reading, dead);
    words.slots[next.slot() as usize].store(word.bits(), Ordering::Relaxed);
    assert_eq!(row.find(next), Found::Lost(next.next(2)));
    assert!((0..2).any(|slot| row.recover(slot, dead, |_| ())));
    assert_eq!(
        words.slots[next.slot() as usize].load(Ordering::Relaxed),
        SlotWord::new(next.lap(), State::Gone).bits()
    );
}

#[test]
fn nothing_comes_after_the_end_was_told() {
    for sent in 0..5 {
        let words = shared(2);
        let row = Row::new(&words, me());
        let places: Vec<_> = (0..sent).map(|_| send(&words).expect("room")).collect();
        let end = row.tail();
        assert_eq!(row.find_or_seal(end), Found::Nothing);
        // A sender that asked before it was closed.
        let late = row.claim_place(|_| {
            words.closed.store(1, Ordering::Relaxed);
            assert_eq!(row.find_or_seal(end), Found::Closed);
            true
        });
        assert_eq!(late, Err(NoPlace::Closed));
        assert_eq!((row.find(end), row.tail()), (Found::Closed, end));
        for at in places.iter().rev().take(2) {
            assert!(matches!(row.find(*at), Found::Message(word) if row.is_still(*at, word)), "it can still be read");
        }
    }
}

#[test]
fn a_segment_works_on_where_laps_wrap() {
    let options = options().bytes().capacity(3).max_len(2000).memory(6000);
    let channel = options.anonymous_broadcast::<Vec<u8>>().expect("a channel");
    let layout = channel.connection.layout();
    let lap = u32::MAX - 2;
    (0..3).for_each(|slot| layout.slot(slot).store(SlotWord::new(lap, State::Empty).bits(), Ordering::Relaxed));
    for hint in [Often::Head, Often::Tail] {
        layout.often(hint).store(Position::new(lap, 0).bits(), Ordering::Relaxed);
    }
    let waits = channel.subscribe(Start::Now, Lag::Wait).expect("room");
    let skips = channel.subscribe(Start::Now, Lag::Skip).expect("room");
    let sender = channel.sender();
    for i in 0..40 {
        let message = vec![i; usize::from(i) % 2 * 1500 + 20];
        sender.try_send(message.clone()).expect("it was seen");
        assert!(waits.recv() == Ok(message));
    }
    assert_eq!(skips.recv().map(|message| message[0]), Ok(37));
    assert_eq!((skips.missed(), waits.missed()), (37, 0));
    let late = channel.subscribe(Start::Oldest, Lag::Wait).expect("room");
    assert_eq!(late.iter().take(3).map(|message| message.map_or(0, |m| m[0])).collect::<Vec<_>>(), [37, 38, 39]);
}

#[test]
fn a_segment_that_says_what_it_cannot_is_an_error_and_no_panic() {
    for (word, lengths) in
        [(None, u64::MAX), (None, 1500 << 32 | 0x4d), (None, 1500 << 32), (Some(15), 0), (Some(1 << 40), 0)]
    {
        let channel = options().bytes().capacity(2).max_len(2000).memory(6000).anonymous_broadcast::<Vec<u8>>();
        let channel = channel.expect("a channel");
        let (sender, receiver) = (channel.sender(), channel.subscribe(Start::Now, Lag::Wait).expect("room"));
        sender.send(vec![1; 20]).expect("room");
        let layout = channel.connection.layout();
        layout.slot_lengths(0).store(lengths, Ordering::Relaxed);
        if let Some(word) = word {
            layout.slot(0).store(word, Ordering::Relaxed);
        }
        assert!(receiver.try_recv() != Ok(vec![1; 20]));
        let _ = (sender.try_send(vec![2; 2000]), sender.try_send(vec![2; 20]), receiver.try_recv());
    }
}
