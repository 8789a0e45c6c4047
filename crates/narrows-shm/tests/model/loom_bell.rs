//! Waiting: nobody sleeps who could go on. A sleep has no end of its own here, so a wake-up that is lost is a deadlock.

use crate::{
    bell::Bell,
    explore::{explore, explore_within, spawn, spawn_twin, turn},
    memory::{Memory, Seen},
    pool,
    queue::ring::NoMessage,
};
use std::time::Duration;

/// As `Connection::sleep`.
fn wait<R>(bell: Bell<'_>, mut attempt: impl FnMut() -> Option<R>) -> R {
    loop {
        let prepared = bell.prepare();
        if let Some(done) = attempt() {
            return done;
        }
        bell.sleep(prepared, Duration::MAX);
    }
}

impl Memory {
    fn send(&self, me: u32, message: u64) {
        wait(self.bells().places, || self.try_send(me, message).ok());
        self.bells().after_send(&self.ring(me));
    }

    /// `None` when it has ended.
    fn recv(&self, me: u32, seen: &Seen) -> Option<u64> {
        let received = wait(self.bells().items, || match self.try_recv(me, seen) {
            Ok(message) => Some(Some(message)),
            Err(NoMessage::Closed) => Some(None),
            Err(_) => None,
        });
        if received.is_some() {
            self.bells().after_receive(&self.ring(me), false, || false);
        }
        received
    }
}

#[test]
fn bell_one_sleeper() {
    explore("bell_one_sleeper", 197, || {
        let memory = Memory::new(2, 0);
        let receiver = memory.clone();
        let receiver = spawn(move || receiver.recv(1, &Seen::default()));
        turn(0);
        memory.send(2, 20);
        assert_eq!(receiver.join().unwrap(), Some(20));
    });
}

/// Whoever has rung for nobody takes the mark of the sleepers away, and somebody falls asleep just then.
#[test]
fn bell_taken_for_silent() {
    explore("bell_taken_for_silent", 1895, || {
        let memory = Memory::new(2, 0);
        memory.bells().items.prepare();
        let receiver = memory.clone();
        let receiver = spawn(move || {
            let seen = Seen::default();
            [receiver.recv(1, &seen), receiver.recv(1, &seen)]
        });
        turn(0);
        memory.send(2, 20);
        memory.send(2, 21);
        assert_eq!(receiver.join().unwrap(), [Some(20), Some(21)]);
    });
}

/// Both ends sleep in turn.
#[test]
fn bell_places() {
    explore("bell_places", 441, || {
        let memory = Memory::new(1, 0);
        let sender = memory.clone();
        let sender = spawn(move || (20..22).for_each(|message| sender.send(1, message)));
        turn(0);
        let seen = Seen::default();
        assert_eq!([memory.recv(2, &seen), memory.recv(2, &seen)], [Some(20), Some(21)]);
        sender.join().unwrap();
    });
}

#[test]
fn bell_two_sleepers() {
    explore_within(1, "bell_two_sleepers", 846, || {
        let memory = Memory::new(2, 0);
        let [first, second] = [memory.clone(), memory.clone()];
        let first = spawn(move || first.recv(1, &Seen::default()));
        let second = spawn_twin(move || second.recv(2, &Seen::default()));
        turn(0);
        memory.send(3, 30);
        memory.send(3, 31);
        let mut received = [first.join().unwrap(), second.join().unwrap()];
        received.sort_unstable();
        assert_eq!(received, [Some(30), Some(31)]);
    });
}

/// The message that somebody was woken for comes after one that is still being written, and both are received.
#[test]
fn bell_behind_a_slow_sender() {
    explore_within(1, "bell_behind_a_slow_sender", 1052, || {
        let memory = Memory::new(2, 0);
        let at = memory.ring(3).claim_place().expect("there is room");
        let [first, second] = [memory.clone(), memory.clone()];
        let first = spawn(move || first.recv(1, &Seen::default()));
        let second = spawn_twin(move || second.recv(2, &Seen::default()));
        turn(0);
        memory.send(4, 40);
        memory.write(at, 30);
        memory.ring(3).commit_place(at).expect("it is ours");
        memory.bells().after_send(&memory.ring(3));
        let mut received = [first.join().unwrap(), second.join().unwrap()];
        received.sort_unstable();
        assert_eq!(received, [Some(30), Some(40)]);
    });
}

#[test]
fn bell_close() {
    explore("bell_close", 32, || {
        let memory = Memory::new(1, 0);
        let receiver = memory.clone();
        let receiver = spawn(move || receiver.recv(1, &Seen::default()));
        turn(0);
        memory.close();
        assert_eq!(receiver.join().unwrap(), None);
    });
}

/// The mark goes, and comes back with another who is about to sleep: the word that the first has prepared with does not.
#[test]
fn bell_mark_comes_back() {
    explore("bell_mark_comes_back", 13_674, || {
        let memory = Memory::new(1, 0);
        memory.bells().items.prepare();
        let [first, second] = [memory.clone(), memory.clone()];
        let first = spawn(move || first.recv(1, &Seen::default()));
        let second = spawn_twin(move || second.recv(2, &Seen::default()));
        turn(0);
        memory.bells().items.ring();
        memory.close();
        assert_eq!([first.join().unwrap(), second.join().unwrap()], [None, None]);
    });
}

/// Who sleeps hears of a message that is given back.
#[test]
fn bell_give_back() {
    explore("bell_give_back", 39, || {
        let memory = Memory::new(2, 0);
        memory.try_send(2, 20).expect("there is room");
        let at = memory.claim(2, &Seen::default()).expect("there is a message");
        let receiver = memory.clone();
        let receiver = spawn(move || receiver.recv(1, &Seen::default()));
        turn(0);
        memory.give_back(2, at);
        assert_eq!(receiver.join().unwrap(), Some(20));
    });
}

/// Who waits for a block hears that one is free.
#[test]
fn bell_blocks() {
    explore("bell_blocks", 32, || {
        let memory = Memory::with_blocks(1, 0, 1);
        let ours = pool::claim(&*memory, crate::memory::owner(2), 1, 0).expect("room");
        let waiting = memory.clone();
        let waiting = spawn(move || {
            let claim = || pool::claim(&*waiting, crate::memory::owner(1), 1, 0);
            wait(waiting.bells().places, claim)
        });
        turn(0);
        pool::release(&*memory, ours);
        memory.bells().places.ring_all();
        assert_eq!(waiting.join().unwrap(), ours);
    });
}

/// Where there is a limit, what is claimed for longer makes room at once, and who waits for it hears so.
#[test]
fn bell_limit_and_lease() {
    explore("bell_limit_and_lease", 87, || {
        let memory = Memory::new(2, 0);
        memory.limit.store(1, crate::sync::Ordering::Relaxed);
        memory.try_send(2, 20).expect("there is room");
        let sender = memory.clone();
        let sender = spawn(move || sender.send(1, 10));
        turn(0);
        let at = memory.claim(3, &Seen::default()).expect("there is a message");
        assert!(memory.ring(3).hold(at));
        memory.bells().after_hold(&memory.ring(3));
        sender.join().unwrap();
    });
}

/// What the dead one left in the way does not keep a sender asleep where there is a limit.
#[test]
fn bell_limit_and_tomb() {
    explore("bell_limit_and_tomb", 42, || {
        let memory = Memory::new(2, 0);
        memory.limit.store(1, crate::sync::Ordering::Relaxed);
        memory.ring(7).claim_place().expect("there is room");
        let sender = memory.clone();
        let sender = spawn(move || sender.send(1, 10));
        turn(0);
        memory.recover(7);
        sender.join().unwrap();
        assert_eq!(memory.drain(3, &Seen::default()), [10]);
    });
}
