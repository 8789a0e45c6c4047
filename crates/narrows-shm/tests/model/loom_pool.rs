//! Blocks: a run has one owner at a time, whoever dies, and all come back.

use crate::{
    explore::{explore, spawn, spawn_twin, turn},
    memory::{Memory, owner},
    pool,
};

impl Memory {
    /// Claims a run, writes all of it and finds what it wrote.
    fn use_blocks(&self, me: u32, count: u32, hint: u32) -> bool {
        let Some(run) = pool::claim(self, owner(me), count, hint) else { return false };
        let blocks = || run.first..run.first + run.count;
        blocks().for_each(|block| self.fill(block, u64::from(me)));
        assert!(blocks().all(|block| self.content(block) == u64::from(me)));
        pool::release(self, run);
        true
    }

    fn check_that_all_blocks_are_free(&self, count: u32) {
        assert_eq!(pool::free(self), count);
        assert!(self.use_blocks(9, count, 0));
    }
}

#[test]
fn pool_claims() {
    explore("pool_claims", 7333, || {
        let memory = Memory::with_blocks(1, 0, 3);
        let [first, second] = [memory.clone(), memory.clone()];
        let first = spawn(move || first.use_blocks(1, 2, 0));
        let second = spawn(move || second.use_blocks(2, 2, 1));
        turn(0);
        memory.use_blocks(3, 1, 0);
        first.join().unwrap();
        second.join().unwrap();
        memory.check_that_all_blocks_are_free(3);
    });
}

/// Two free what the dead one had, and a third takes it as it becomes free.
#[test]
fn pool_death() {
    explore("pool_death", 7376, || {
        let memory = Memory::with_blocks(1, 0, 2);
        pool::claim(&*memory, owner(7), 2, 0).expect("room");
        (0..2).for_each(|block| memory.fill(block, 7));
        let living = memory.clone();
        let recoverer = memory.clone();
        let recoverer = spawn(move || pool::release_all(&*recoverer, owner(7)));
        let living = spawn(move || (living.use_blocks(1, 1, 1), living.use_blocks(1, 2, 0)));
        turn(0);
        pool::release_all(&*memory, owner(7));
        recoverer.join().unwrap();
        living.join().unwrap();
        memory.check_that_all_blocks_are_free(2);
    });
}

/// Its sender leaves while a receiver takes the message out: it stays until it was read.
#[test]
fn pool_adopt() {
    explore("pool_adopt", 3911, || {
        let memory = Memory::with_blocks(1, 0, 2);
        let run = pool::claim(&*memory, owner(7), 2, 0).expect("room");
        (0..2).for_each(|block| memory.fill(block, 70));
        let [leaver, other] = [memory.clone(), memory.clone()];
        let leaver = spawn(move || {
            pool::keep(&*leaver, owner(7), run);
            pool::release_all(&*leaver, owner(7));
        });
        let other = spawn(move || other.use_blocks(2, 1, 0));
        turn(0);
        assert!(pool::adopt(&*memory, owner(3), run));
        assert!((0..2).all(|block| memory.content(block) == 70));
        pool::release(&*memory, run);
        leaver.join().unwrap();
        other.join().unwrap();
        memory.check_that_all_blocks_are_free(2);
    });
}

/// A receiver that had made a run its own dies; another takes the message that is given back.
#[test]
fn pool_handed_on() {
    explore("pool_handed_on", 2656, || {
        let memory = Memory::with_blocks(1, 0, 2);
        let run = pool::claim(&*memory, owner(1), 2, 0).expect("room");
        (0..2).for_each(|block| memory.fill(block, 10));
        memory.try_send(1, u64::from(run.first)).expect("there is room");
        let dying = crate::memory::Seen::default();
        memory.claim(7, &dying).expect("there is a message");
        assert!(pool::adopt(&*memory, owner(7), run));
        let recover = |memory: std::sync::Arc<Memory>| {
            move || {
                pool::keep(&*memory, owner(7), run);
                memory.ring(7).recover(0, owner(7));
                pool::release_all(&*memory, owner(7));
                memory.ring(7).announce_rescue();
            }
        };
        let [first, second] = [spawn(recover(memory.clone())), spawn_twin(recover(memory.clone()))];
        turn(0);
        let seen = crate::memory::Seen::default();
        let claimed = memory.claim(3, &seen);
        let take = |at| {
            assert!(pool::adopt(&*memory, owner(3), run));
            assert!((0..2).all(|block| memory.content(block) == 10));
            memory.finish(3, at);
            pool::release(&*memory, run);
        };
        let is_taken = claimed.map(take).is_ok();
        first.join().unwrap();
        second.join().unwrap();
        if !is_taken {
            memory.claim(3, &seen).map(take).expect("the rescue is found");
        }
        memory.check_that_all_blocks_are_free(2);
    });
}
