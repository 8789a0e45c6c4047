//! Threads of the system over the ring and the blocks, few messages: for miri, which sees races and stale values.

use std::{sync::Arc, thread};

use crate::{
    memory::{Memory, Seen, owner},
    pool,
    queue::ring::{NoMessage, NoPlace},
};

const EACH: u64 = if cfg!(miri) { 6 } else { 5000 };

fn send_all(memory: &Memory, me: u32) {
    for number in 0..EACH {
        while let Err(why) = memory.try_send(me, u64::from(me) << 32 | number) {
            assert!(matches!(why, NoPlace::Full | NoPlace::Busy), "{why:?}");
            thread::yield_now();
        }
    }
}

/// Receives until the end, and gives every third message back once.
fn receive_all(memory: &Memory, me: u32) -> Vec<u64> {
    let seen = Seen::default();
    let mut received = Vec::new();
    for turn in 0_u64.. {
        match memory.claim(me, &seen) {
            Ok(at) if turn % 3 == 0 => memory.ring(me).give_back(at).expect("it is ours"),
            Ok(at) => received.push(memory.finish(me, at)),
            Err(NoMessage::Empty | NoMessage::Busy) => thread::yield_now(),
            Err(NoMessage::Closed) => return received,
            Err(NoMessage::Corrupt) => panic!("corrupt"),
        }
    }
    received
}

fn run(slots: u32) {
    let memory = Memory::new(slots, u32::MAX - 1);
    let spawn_receiver = |me| {
        let memory = memory.clone();
        thread::spawn(move || receive_all(&memory, me))
    };
    let spawn_sender = |me| {
        let memory = memory.clone();
        thread::spawn(move || send_all(&memory, me))
    };
    let receivers = [spawn_receiver(1), spawn_receiver(2)];
    let senders = [spawn_sender(3), spawn_sender(4)];
    for sender in senders {
        sender.join().unwrap();
    }
    memory.close_silently();
    let mut received: Vec<_> = receivers.into_iter().flat_map(|receiver| receiver.join().unwrap()).collect();
    // What was given back last, when the other had seen the end.
    received.extend(memory.drain(5, &Seen::default()));
    received.sort_unstable();
    let expected: Vec<u64> = (3..5_u64).flat_map(|me| (0..EACH).map(move |number| me << 32 | number)).collect();
    assert_eq!(received, expected);
}

#[test]
fn every_message_is_received_once() {
    run(1);
    run(3);
}

#[test]
fn every_run_of_blocks_has_one_owner() {
    let memory = Memory::with_blocks(1, 0, 4);
    let turns = if cfg!(miri) { 8 } else { 5000 };
    let spawn = |me: u32| {
        let memory: Arc<Memory> = memory.clone();
        thread::spawn(move || {
            for turn in 0..turns {
                let Some(run) = pool::claim(&*memory, owner(me), 1 + turn % 3, me) else { continue };
                let blocks = || run.first..run.first + run.count;
                blocks().for_each(|block| memory.fill(block, u64::from(me)));
                assert!(blocks().all(|block| memory.content(block) == u64::from(me)));
                pool::release(&*memory, run);
            }
        })
    };
    for thread in [spawn(1), spawn(2), spawn(3)] {
        thread.join().unwrap();
    }
    assert_eq!(pool::free(&*memory), 4);
}
