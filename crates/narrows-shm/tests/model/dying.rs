//! Death before every access to a shared word: what was left is put right, and nothing is lost, twice or stuck. And a stop for
//! so long that laps have wrapped.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use crate::{
    memory::{Memory, Seen, owner},
    pool::{self, Blocks, Run},
    queue::{
        ring::{NoMessage, NoPlace, Ring, Words},
        word::Position,
    },
    sync::{Ordering, Word},
};

const DEAD: u32 = 7;

/// A memory whose user dies after so many accesses.
struct Dying {
    memory: Arc<Memory>,
    left: Cell<u32>,
}

impl Dying {
    fn step(&self) -> &Memory {
        let Some(left) = self.left.get().checked_sub(1) else { resume_unwind(Box::new(())) };
        self.left.set(left);
        &self.memory
    }

    fn ring(&self) -> Ring<'_, Dying> {
        Ring::new(self, owner(DEAD))
    }
}

impl Words for Dying {
    fn slots(&self) -> u32 {
        self.memory.slots()
    }
    fn slot(&self, index: u32) -> &Word {
        self.step().slot(index)
    }
    fn head(&self) -> &Word {
        self.step().head()
    }
    fn tail(&self) -> &Word {
        self.step().tail()
    }
    fn rescues(&self) -> &Word {
        self.step().rescues()
    }
    fn limit(&self) -> &Word {
        self.step().limit()
    }
    fn is_closed(&self) -> bool {
        self.step().is_closed()
    }
}

impl Blocks for Dying {
    fn blocks(&self) -> u32 {
        self.memory.blocks()
    }
    fn block(&self, index: u32) -> &Word {
        self.step().block(index)
    }
}

/// Runs `act` to death before each access and once to its end; `check` is told whether that was it. How many accesses there were.
fn kill_everywhere(setup: impl Fn() -> Arc<Memory>, act: impl Fn(&Dying), check: impl Fn(&Memory, bool)) -> u32 {
    for steps in 0.. {
        let memory = setup();
        let dying = Dying { memory: memory.clone(), left: Cell::new(steps) };
        let is_done = catch_unwind(AssertUnwindSafe(|| act(&dying))).is_ok();
        check(&memory, is_done);
        if is_done {
            return steps;
        }
    }
    unreachable!("it ends some time")
}

/// A ring with so many messages.
fn filled(slots: u32, messages: u64) -> Arc<Memory> {
    let memory = Memory::new(slots, u32::MAX);
    for message in 1..=messages {
        memory.try_send(5, message).expect("there is room");
    }
    memory
}

fn left(memory: &Memory) -> Vec<u64> {
    let mut left = memory.drain(3, &Seen::default());
    left.sort_unstable();
    memory.check_that_all_slots_work();
    left
}

fn recovered(memory: &Memory) -> Vec<u64> {
    memory.recover(DEAD);
    left(memory)
}

#[test]
fn a_sender_that_dies_has_sent_or_not() {
    for slots in 1..=3 {
        let act = |dying: &Dying| {
            let at = dying.ring().claim_place().expect("there is room");
            dying.memory.write(at, 9);
            dying.ring().commit_place(at).expect("it is ours");
        };
        let check = |memory: &Memory, is_done: bool| {
            assert_eq!(recovered(memory), if is_done { vec![9] } else { vec![] });
        };
        assert!(kill_everywhere(|| Memory::new(slots, u32::MAX), act, check) >= 5);
    }
}

#[test]
fn a_receiver_that_dies_has_received_or_leaves_the_message() {
    for slots in 1..=3 {
        let messages = u64::from(slots);
        let all: Vec<u64> = (1..=messages).collect();
        let act = |dying: &Dying| {
            let at = dying.ring().claim_message().expect("there is one");
            dying.ring().commit_message(at).expect("it is ours");
        };
        let check = |memory: &Memory, is_done: bool| assert_eq!(recovered(memory), all[usize::from(is_done)..]);
        assert!(kill_everywhere(|| filled(slots, messages), act, check) >= 4);
        let act = |dying: &Dying| {
            let at = dying.ring().claim_message().expect("there is one");
            assert!(dying.ring().hold(at));
            dying.ring().give_back(at).expect("it is ours");
            let at = dying.ring().claim_rescued(&mut 0).expect("that one");
            dying.ring().give_back(at).expect("it is ours");
        };
        let check = |memory: &Memory, _| assert_eq!(recovered(memory), all);
        assert!(kill_everywhere(|| filled(slots, messages), act, check) >= 12);
    }
}

#[test]
fn a_sender_that_dies_while_it_withdraws_has_done_so_or_not() {
    let act = |dying: &Dying| {
        let at = Position::new(u32::MAX, 0);
        assert!(dying.ring().claim_back(at));
        dying.ring().commit_message(at).expect("it is ours");
    };
    let check = |memory: &Memory, is_done: bool| {
        assert_eq!(recovered(memory), if is_done { vec![2] } else { vec![1, 2] });
    };
    assert!(kill_everywhere(|| filled(2, 2), act, check) >= 1);
}

/// The next one does it all again.
#[test]
fn a_recoverer_that_dies_is_followed_by_the_next() {
    let gone = 8;
    let setup = || {
        let memory = filled(3, 2);
        memory.claim(gone, &Seen::default()).expect("there is a message");
        memory.ring(gone).claim_place().expect("there is room");
        memory
    };
    let act = |dying: &Dying| {
        let ring = Ring::new(dying, owner(gone));
        for slot in 0..3 {
            ring.recover(slot, owner(gone));
        }
        ring.announce_rescue();
    };
    let check = |memory: &Memory, _| {
        memory.recover(gone);
        assert_eq!(left(memory), [1, 2]);
    };
    assert!(kill_everywhere(setup, act, check) >= 6);
}

#[test]
fn blocks_of_the_dead_are_all_free_again() {
    let act = |dying: &Dying| {
        let run = pool::claim(dying, owner(DEAD), 3, 0).expect("there is room");
        pool::release(dying, run);
    };
    let check = |memory: &Memory, _| {
        pool::release_all(memory, owner(DEAD));
        assert_eq!(pool::free(memory), 4);
    };
    assert!(kill_everywhere(|| Memory::with_blocks(1, 0, 4), act, check) >= 9);
}

/// As `queue::recover`: the blocks of what is still a message stay, all others are free.
#[test]
fn blocks_of_a_message_stay_with_it_whoever_dies() {
    let run = Run { first: 0, count: 2 };
    let setup = || {
        let memory = Memory::with_blocks(1, 0, 3);
        assert_eq!(pool::claim(&*memory, owner(5), 2, 0), Some(run));
        memory.try_send(5, 0).expect("there is room");
        memory
    };
    let act = |dying: &Dying| {
        let at = dying.ring().claim_message().expect("there is one");
        assert!(pool::adopt(dying, owner(DEAD), run));
        dying.ring().commit_message(at).expect("it is ours");
        pool::release(dying, run);
    };
    let check = |memory: &Memory, _| {
        for gone in [DEAD, 5] {
            if memory.ring(gone).has_any() {
                pool::keep(memory, owner(gone), run);
            }
            memory.recover(gone);
            pool::release_all(memory, owner(gone));
        }
        let is_there = memory.claim(3, &Seen::default()).is_ok();
        assert_eq!(pool::free(memory), if is_there { 1 } else { 3 });
        assert_eq!(is_there, pool::adopt(memory, owner(3), run));
    };
    assert!(kill_everywhere(setup, act, check) >= 8);
}

/// Of what was read before it was stopped.
struct Stopped {
    memory: Arc<Memory>,
    old: Word,
    is_late: Cell<bool>,
}

impl Stopped {
    fn hint<'a>(&'a self, now: &'a Word) -> &'a Word {
        if self.is_late.replace(false) { &self.old } else { now }
    }
}

impl Words for Stopped {
    fn slots(&self) -> u32 {
        self.memory.slots()
    }
    fn slot(&self, index: u32) -> &Word {
        self.memory.slot(index)
    }
    fn head(&self) -> &Word {
        self.hint(self.memory.head())
    }
    fn tail(&self) -> &Word {
        self.hint(self.memory.tail())
    }
    fn rescues(&self) -> &Word {
        self.memory.rescues()
    }
    fn limit(&self) -> &Word {
        self.memory.limit()
    }
    fn is_closed(&self) -> bool {
        self.memory.is_closed()
    }
}

#[test]
fn whoever_was_stopped_for_more_than_half_of_all_laps_goes_on() {
    for lap in [1 << 31, 3 << 30, u32::MAX - 5] {
        let memory = Memory::new(2, lap);
        let stopped = Stopped { memory: memory.clone(), old: Word::default(), is_late: true.into() };
        let ring = Ring::new(&stopped, owner(1));
        let at = ring.claim_place().expect("there is room");
        assert_eq!(at, Position::new(lap, 0));
        ring.commit_place(at).expect("it is ours");
        stopped.is_late.set(true);
        assert_eq!(ring.claim_message(), Ok(at));
        assert!(ring.was_received(Position::new(lap.wrapping_sub(1 << 31), 0)));
    }
}

#[test]
fn damage_is_told_all_the_same() {
    let memory = Memory::new(2, 100);
    memory.head().store(Position::new(103, 0).bits(), Ordering::Relaxed);
    memory.tail().store(Position::new(103, 0).bits(), Ordering::Relaxed);
    assert_eq!(memory.ring(1).claim_message(), Err(NoMessage::Corrupt));
    assert_eq!(memory.ring(1).claim_place(), Err(NoPlace::Corrupt));
}
