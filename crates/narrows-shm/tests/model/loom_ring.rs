//! The ring among the living: every message once, in order, with its contents.

use std::sync::Arc;

use crate::{
    explore::{explore, explore_within, spawn, spawn_twin, turn},
    memory::{Memory, Seen},
    queue::ring::{NoMessage, NoPlace},
};

/// Laps wrap in the middle of a model.
const LAST_LAP: u32 = u32::MAX;

fn send_all(memory: &Memory, me: u32, messages: &[u64]) -> Vec<u64> {
    let send = |message: &&u64| match memory.try_send(me, **message) {
        Ok(_) => true,
        Err(NoPlace::Full | NoPlace::Busy | NoPlace::Closed) => false,
        Err(NoPlace::Corrupt) => panic!("corrupt"),
    };
    messages.iter().filter(send).copied().collect()
}

fn receive(memory: &Memory, me: u32, times: usize) -> Vec<u64> {
    let seen = Seen::default();
    let receive = |_| match memory.try_recv(me, &seen) {
        Ok(message) => Some(message),
        Err(NoMessage::Corrupt) => panic!("corrupt"),
        Err(_) => None,
    };
    (0..times).filter_map(receive).collect()
}

/// Each sender's messages, in the order in which they were taken: what was sent, once, and in order.
fn check(mut sent: Vec<u64>, received: &[u64]) {
    let of = |sender: u64| received.iter().filter(move |message| **message / 10 == sender);
    assert!((0..9).all(|sender| of(sender).is_sorted()), "out of order: {received:?}");
    let mut all = received.to_vec();
    all.sort_unstable();
    sent.sort_unstable();
    assert_eq!(sent, all);
}

fn senders(name: &str, slots: u32, floor: usize) {
    explore(name, floor, move || {
        let memory = Memory::new(slots, LAST_LAP);
        let [first, second] = [memory.clone(), memory.clone()];
        let first = spawn(move || send_all(&first, 1, &[10, 11]));
        let second = spawn(move || send_all(&second, 2, &[20]));
        turn(0);
        let mut received = receive(&memory, 3, 2);
        let sent = [first.join().unwrap(), second.join().unwrap()].concat();
        received.extend(memory.drain(3, &Seen::default()));
        check(sent, &received);
        memory.check_that_all_slots_work();
    });
}

#[test]
fn ring_two_senders() {
    senders("ring_two_senders_1", 1, 4833);
    senders("ring_two_senders_2", 2, 10_448);
}

fn receivers(name: &str, slots: u32, floor: usize) {
    explore(name, floor, move || {
        let memory = Memory::new(slots, LAST_LAP);
        let [first, second] = [memory.clone(), memory.clone()];
        let first = spawn(move || receive(&first, 1, 2));
        let second = spawn_twin(move || receive(&second, 2, 2));
        turn(0);
        let sent = send_all(&memory, 3, &[30, 31]);
        let taken = [first.join().unwrap(), second.join().unwrap()];
        assert!(taken.iter().all(|taken| taken.is_sorted()), "out of order: {taken:?}");
        let mut received = taken.concat();
        received.sort_unstable();
        received.extend(memory.drain(3, &Seen::default()));
        check(sent, &received);
        memory.check_that_all_slots_work();
    });
}

#[test]
fn ring_two_receivers() {
    receivers("ring_two_receivers_1", 1, 3385);
    receivers("ring_two_receivers_2", 2, 21_423);
}

/// Whoever has seen all rescues has missed no message, be what he has seen his own or shared with other threads.
fn given_back(name: &str, is_seen_shared: bool, floor: usize) {
    explore_within(usize::from(is_seen_shared), name, floor, move || {
        let memory = Memory::new(2, LAST_LAP);
        let sent = send_all(&memory, 0, &[1, 2]);
        let own = || Arc::new(Seen::default());
        let shared = own();
        let seen = || if is_seen_shared { shared.clone() } else { own() };
        let [giver, taker] = [memory.clone(), memory.clone()];
        let [givers, takers, ours] = [seen(), seen(), seen()];
        let at = memory.claim(1, &givers).expect("there are two");
        let giver = spawn(move || {
            giver.give_back(1, at);
            giver.try_recv(1, &givers).ok()
        });
        let taker = spawn(move || taker.try_recv(2, &takers).ok());
        turn(0);
        let mut received: Vec<_> = memory.try_recv(3, &ours).ok().into_iter().collect();
        received.extend(giver.join().unwrap());
        received.extend(taker.join().unwrap());
        received.extend(memory.drain(3, &ours));
        received.sort_unstable();
        check(sent, &received);
        memory.check_that_all_slots_work();
    });
}

#[test]
fn ring_give_back() {
    given_back("ring_give_back", false, 16_533);
    given_back("ring_give_back_shared", true, 9492);
}

/// Whoever looks for one that was given back while another is: it is found the next time.
#[test]
fn ring_give_back_twice() {
    explore("ring_give_back_twice", 111, || {
        let memory = Memory::new(2, LAST_LAP);
        let sent = send_all(&memory, 0, &[1, 2]);
        let giver = memory.clone();
        let seen = Seen::default();
        let claimed = [memory.claim(1, &seen).unwrap(), memory.claim(1, &seen).unwrap()];
        let giver = spawn(move || {
            giver.give_back(1, claimed[0]);
            let received = giver.try_recv(1, &seen).ok();
            giver.give_back(1, claimed[1]);
            received
        });
        turn(0);
        let ours = Seen::default();
        let mut received: Vec<_> = memory.try_recv(3, &ours).ok().into_iter().collect();
        received.extend(giver.join().unwrap());
        received.extend(memory.drain(3, &ours));
        received.sort_unstable();
        check(sent, &received);
    });
}

/// A sender is before the end, and its message is received; or after it, and is refused.
#[test]
fn ring_close() {
    explore("ring_close", 918, || {
        let memory = Memory::new(2, LAST_LAP);
        let [sender, closer] = [memory.clone(), memory.clone()];
        let sender = spawn(move || send_all(&sender, 1, &[10, 11]));
        let closer = spawn(move || closer.close());
        turn(0);
        let seen = Seen::default();
        let mut received = receive(&memory, 3, 1);
        let is_over = memory.try_recv(3, &seen).map(|message| received.push(message)) == Err(NoMessage::Closed);
        let sent = sender.join().unwrap();
        closer.join().unwrap();
        let rest = memory.drain(3, &seen);
        assert!(rest.is_empty() || !is_over, "a message after the end");
        received.extend(rest);
        check(sent, &received);
        assert_eq!(memory.try_recv(3, &seen), Err(NoMessage::Closed));
        assert_eq!(memory.try_send(1, 12), Err(NoPlace::Closed));
    });
}

/// A message that is taken back is received by nobody; one that was received is not taken back.
#[test]
fn ring_withdraw() {
    explore("ring_withdraw", 2411, || {
        let memory = Memory::new(2, LAST_LAP);
        let [sender, receiver] = [memory.clone(), memory.clone()];
        let at = memory.try_send(1, 10).expect("there is room");
        let sender = spawn(move || {
            let is_withdrawn = sender.ring(1).claim_back(at);
            if is_withdrawn {
                sender.ring(1).commit_message(at).expect("it is ours");
            }
            is_withdrawn
        });
        let receiver = spawn(move || {
            let seen = Seen::default();
            let at = receiver.claim(2, &seen).ok();
            if let Some(at) = at {
                receiver.give_back(2, at);
            }
            receiver.try_recv(2, &seen).ok()
        });
        turn(0);
        let ours = send_all(&memory, 3, &[30]);
        let is_withdrawn = sender.join().unwrap();
        let mut received: Vec<_> = receiver.join().unwrap().into_iter().collect();
        received.extend(memory.drain(3, &Seen::default()));
        received.sort_unstable();
        let sent = if is_withdrawn { ours } else { [vec![10], ours].concat() };
        check(sent, &received);
        memory.check_that_all_slots_work();
    });
}

/// No more than the limit at any time, and as many as that.
#[test]
fn ring_limit() {
    explore("ring_limit", 2412, || {
        let memory = Memory::new(2, LAST_LAP);
        memory.limit.store(1, crate::sync::Ordering::Relaxed);
        let [first, second] = [memory.clone(), memory.clone()];
        let first = spawn(move || send_all(&first, 1, &[10]));
        let second = spawn_twin(move || send_all(&second, 2, &[20]));
        turn(0);
        let mut received = receive(&memory, 3, 1);
        let sent = [first.join().unwrap(), second.join().unwrap()].concat();
        assert!((1..=1 + received.len()).contains(&sent.len()), "{sent:?} for {received:?}");
        received.extend(memory.drain(3, &Seen::default()));
        check(sent, &received);
    });
}
