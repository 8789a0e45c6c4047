//! The ring among the dying: whoever stops after a step of its own leaves nothing that is lost, torn or stuck.

use crate::{
    explore::{explore, spawn, spawn_twin, turn},
    memory::{Memory, Seen, owner},
};

const DEAD: u32 = 7;
const LAST_LAP: u32 = u32::MAX;

/// Two put right what the dead one left, the second as if the first had died in the middle; a third sends and receives.
fn recovered(name: &str, slots: u32, floor: usize, die: fn(&Memory), left: &'static [u64]) {
    explore(name, floor, move || {
        let memory = Memory::new(slots, LAST_LAP);
        die(&memory);
        let [first, second] = [memory.clone(), memory.clone()];
        let recoverers = [spawn(move || first.recover(DEAD)), spawn_twin(move || second.recover(DEAD))];
        turn(0);
        let seen = Seen::default();
        let mut received: Vec<_> = memory.try_recv(3, &seen).ok().into_iter().collect();
        let is_sent = memory.try_send(3, 30).is_ok();
        for recoverer in recoverers {
            recoverer.join().unwrap();
        }
        received.extend(memory.drain(3, &seen));
        received.sort_unstable();
        let expected: Vec<u64> = left.iter().copied().chain(is_sent.then_some(30)).collect();
        assert_eq!(received, expected);
        memory.check_that_all_slots_work();
    });
}

fn die_writing(memory: &Memory) {
    memory.ring(DEAD).claim_place().expect("there is room");
}

fn die_reading(memory: &Memory) {
    while memory.try_send(5, 1).is_ok() {}
    memory.claim(DEAD, &Seen::default()).expect("there is a message");
}

/// Between giving back and saying so.
fn die_giving_back(memory: &Memory) {
    die_reading(memory);
    assert!(memory.ring(DEAD).recover(0, owner(DEAD)));
}

#[test]
fn death_of_a_sender() {
    recovered("death_of_a_sender_1", 1, 758, die_writing, &[]);
    let die = |memory: &Memory| {
        die_writing(memory);
        memory.try_send(5, 2).expect("there is room");
    };
    recovered("death_of_a_sender_2", 2, 1203, die, &[2]);
}

#[test]
fn death_of_a_receiver() {
    recovered("death_of_a_receiver_1", 1, 684, die_reading, &[1]);
    recovered("death_of_a_receiver_2", 2, 1830, die_reading, &[1, 1]);
    recovered("death_in_giving_back", 2, 587, die_giving_back, &[1, 1]);
}
