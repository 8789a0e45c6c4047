//! A ring and its bells in ordinary memory, and the steps of `queue/mod.rs` over them: claim, copy, commit.
//!
//! Invariant: a message is copied through a cell without protection, so that an ordering that is too weak is a race.

use std::sync::Arc;

use self::cell::Payload;
use crate::{
    bell::Bell,
    pool::Blocks,
    queue::{
        ring::{NoMessage, NoPlace, Ring, Words},
        wake::Bells,
        word::{Owner, Position, SlotWord, State},
    },
    sync::{Ordering, Word, Word32},
};

#[derive(Debug)]
pub(crate) struct Memory {
    slots: Vec<Word>,
    payloads: Vec<Payload>,
    blocks: Vec<Word>,
    contents: Vec<Payload>,
    head: Word,
    tail: Word,
    rescues: Word,
    pub(crate) limit: Word,
    closed: Word,
    bells: [Word32; 3],
}

/// What was seen of rescues, as `Connection` keeps it: by one thread alone, or by several.
pub(crate) type Seen = Word;

pub(crate) fn owner(number: u32) -> Owner {
    Owner::new(number, 1)
}

fn word(value: u64) -> Word {
    let word = Word::default();
    // Relaxed: before there is anybody else.
    word.store(value, Ordering::Relaxed);
    word
}

impl Memory {
    /// So many slots, empty, in this lap.
    pub(crate) fn new(slots: u32, lap: u32) -> Arc<Memory> {
        Memory::with_blocks(slots, lap, 0)
    }

    pub(crate) fn with_blocks(slots: u32, lap: u32, blocks: u32) -> Arc<Memory> {
        let start = Position::new(lap, 0).bits();
        Arc::new(Memory {
            slots: (0..slots).map(|_| word(SlotWord::new(lap, State::Empty).bits())).collect(),
            payloads: (0..slots).map(|_| Payload::new()).collect(),
            blocks: (0..blocks).map(|_| Word::default()).collect(),
            contents: (0..blocks).map(|_| Payload::new()).collect(),
            head: word(start),
            tail: word(start),
            rescues: Word::default(),
            limit: Word::default(),
            closed: Word::default(),
            bells: Default::default(),
        })
    }

    pub(crate) fn ring(&self, me: u32) -> Ring<'_, Memory> {
        Ring::new(self, owner(me))
    }

    pub(crate) fn bells(&self) -> Bells<'_> {
        let [items, places, received] = &self.bells;
        Bells { items: Bell::new(items), places: Bell::new(places), received: Bell::new(received) }
    }

    /// As `Layout::ring_all`.
    pub(crate) fn ring_all(&self) {
        crate::sync::fence(Ordering::SeqCst);
        for bell in &self.bells {
            Bell::new(bell).ring_all();
        }
    }

    pub(crate) fn close(&self) {
        self.close_silently();
        self.ring_all();
    }

    /// Closes where nobody sleeps.
    pub(crate) fn close_silently(&self) {
        let _ = self.closed.change(0, 1);
    }

    pub(crate) fn write(&self, at: Position, message: u64) {
        self.payloads[at.slot() as usize].set(message);
    }

    pub(crate) fn read(&self, at: Position) -> u64 {
        self.payloads[at.slot() as usize].get()
    }

    /// Writes into a block, or reads what is there: it must be ours.
    pub(crate) fn fill(&self, block: u32, content: u64) {
        self.contents[block as usize].set(content);
    }

    pub(crate) fn content(&self, block: u32) -> u64 {
        self.contents[block as usize].get()
    }

    pub(crate) fn try_send(&self, me: u32, message: u64) -> Result<Position, NoPlace> {
        let ring = self.ring(me);
        let at = ring.claim_place()?;
        self.write(at, message);
        ring.commit_place(at).expect("what we claimed is ours");
        Ok(at)
    }

    pub(crate) fn claim(&self, me: u32, seen: &Seen) -> Result<Position, NoMessage> {
        let ring = self.ring(me);
        let mut so_far = seen.load(Ordering::Relaxed);
        let rescued = ring.claim_rescued(&mut so_far);
        seen.store(so_far, Ordering::Relaxed);
        rescued.map_or_else(|| ring.claim_message(), Ok)
    }

    pub(crate) fn finish(&self, me: u32, at: Position) -> u64 {
        let message = self.read(at);
        self.ring(me).commit_message(at).expect("what we claimed is ours");
        message
    }

    pub(crate) fn give_back(&self, me: u32, at: Position) {
        self.ring(me).give_back(at).expect("what we claimed is ours");
        self.ring_all();
    }

    pub(crate) fn try_recv(&self, me: u32, seen: &Seen) -> Result<u64, NoMessage> {
        self.claim(me, seen).map(|at| self.finish(me, at))
    }

    /// As `queue::recover`.
    pub(crate) fn recover(&self, gone: u32) {
        let ring = self.ring(gone);
        for slot in 0..self.slots() {
            ring.recover(slot, owner(gone));
        }
        ring.announce_rescue();
        self.ring_all();
    }

    /// All that is left, when nobody is at work any more.
    pub(crate) fn drain(&self, me: u32, seen: &Seen) -> Vec<u64> {
        let next = || match self.try_recv(me, seen) {
            Ok(message) => Some(message),
            Err(NoMessage::Empty | NoMessage::Closed) => None,
            Err(why) => panic!("nobody is at work, and yet: {why:?}"),
        };
        std::iter::from_fn(next).collect()
    }

    /// Nobody is at work and nothing is inside: every slot can be used, once round.
    pub(crate) fn check_that_all_slots_work(&self) {
        let seen = Seen::default();
        for message in 0..u64::from(self.slots()) {
            self.try_send(60, message).expect("an empty ring has room");
        }
        assert_eq!(self.try_send(60, 9), Err(NoPlace::Full));
        assert_eq!(self.drain(60, &seen), (0..u64::from(self.slots())).collect::<Vec<_>>());
    }
}

impl Words for Memory {
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
        // Acquire: as `Layout::status`.
        self.closed.load(Ordering::Acquire) != 0
    }
}

impl Blocks for Memory {
    fn blocks(&self) -> u32 {
        u32::try_from(self.blocks.len()).expect("few")
    }
    fn block(&self, index: u32) -> &Word {
        &self.blocks[index as usize]
    }
}

/// loom watches over the cell; the number in it is beside.
#[cfg(loom)]
mod cell {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    #[derive(Debug)]
    pub(super) struct Payload(loom::cell::UnsafeCell<()>, AtomicU64);

    impl Payload {
        pub(super) fn new() -> Payload {
            Payload(loom::cell::UnsafeCell::new(()), AtomicU64::new(0))
        }

        pub(super) fn set(&self, message: u64) {
            self.0.with_mut(|_| self.1.store(message, Relaxed));
        }

        pub(super) fn get(&self) -> u64 {
            self.0.with(|_| self.1.load(Relaxed))
        }
    }
}

#[cfg(not(loom))]
mod cell {
    use std::cell::UnsafeCell;

    #[derive(Debug)]
    pub(super) struct Payload(UnsafeCell<u64>);

    // SAFETY: a word says whose it is; that it does is what is tested, and miri looks on.
    unsafe impl Sync for Payload {}

    impl Payload {
        pub(super) fn new() -> Payload {
            Payload(UnsafeCell::new(0))
        }

        pub(super) fn set(&self, message: u64) {
            // SAFETY: see above.
            unsafe { *self.0.get() = message }
        }

        pub(super) fn get(&self) -> u64 {
            // SAFETY: see above.
            unsafe { *self.0.get() }
        }
    }
}
