//! Select: exactly one arm happens, and nobody sleeps beside an arm that is ready.

use std::panic::{AssertUnwindSafe, catch_unwind};

use narrows::Select;

use crate::{
    channel,
    explore::{explore, spawn, spawn_twin, turn},
};

/// Rules 9, 16: a select over two receivers gets what two senders send.
fn two_receivers(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s1, r1) = channel(bound);
        let (s2, r2) = channel(bound);
        let keep = (s1.clone(), s2.clone());
        let senders = [spawn(move || s1.send(1).unwrap()), spawn_twin(move || s2.send(2).unwrap())];
        turn(0);
        let mut sum = 0;
        for _ in 0..2 {
            sum += narrows::select! {
                recv(r1) -> message => message.unwrap(),
                recv(r2) -> message => message.unwrap(),
            };
        }
        assert_eq!(sum, 3);
        for sender in senders {
            sender.join().unwrap();
        }
        drop(keep);
    });
}

#[test]
fn select_receivers_0() {
    two_receivers("select_receivers_0", Some(0), 31_500);
}

#[test]
fn select_receivers_1() {
    two_receivers("select_receivers_1", Some(1), 4216);
}

/// Rule 17: the same with one selector that is used again. With a third arm it has many, and leaves its tickets out in between.
fn a_selector_is_used_again(name: &str, bound: Option<usize>, is_large: bool, floor: usize) {
    explore(name, floor, move || {
        let third = narrows::never::<u32>();
        let (s1, r1) = channel(bound);
        let (s2, r2) = channel(bound);
        let keep = s1.clone();
        let sender = spawn(move || {
            s1.send(1).unwrap();
            s2.send(2).unwrap();
            s2
        });
        let mut select = Select::new();
        let first = select.recv(&r1);
        select.recv(&r2);
        if is_large {
            select.recv(&third);
        }
        turn(0);
        let mut sum = 0;
        for _ in 0..2 {
            let operation = select.select();
            let message = if operation.index() == first { operation.recv(&r1) } else { operation.recv(&r2) };
            sum += message.unwrap();
        }
        assert_eq!(sum, 3);
        sender.join().unwrap();
        drop(keep);
    });
}

#[test]
fn selector_again_0() {
    a_selector_is_used_again("selector_again_0", Some(0), false, 2640);
}

#[test]
fn selector_again_1() {
    a_selector_is_used_again("selector_again_1", Some(1), false, 993);
}

#[test]
fn large_selector_again_0() {
    a_selector_is_used_again("large_selector_again_0", Some(0), true, 3157);
}

#[test]
fn large_selector_again_1() {
    a_selector_is_used_again("large_selector_again_1", Some(1), true, 914);
}

/// Rules 9, 17: a watch ticket that takes a wake-up while its selector is awake keeps no competing receiver asleep.
#[test]
fn selector_again_beside_a_receiver() {
    explore("selector_again_beside_a_receiver", 178, || {
        let (s, r) = channel(Some(2));
        let other = r.clone();
        let idle = [narrows::never::<u32>(), narrows::never()];
        s.send(1).unwrap();
        let mut select = Select::new();
        select.recv(&r);
        for never in &idle {
            select.recv(never);
        }
        for _ in 0..2 {
            assert_eq!(select.select().recv(&r), Ok(1));
            s.send(1).unwrap();
        }
        assert_eq!(select.try_select().unwrap().recv(&r), Ok(1));
        assert!(select.try_select().is_err());
        // Its ticket may be out now; the message is for the other.
        let waits = spawn(move || other.recv());
        turn(0);
        s.send(2).unwrap();
        assert_eq!(waits.join().unwrap(), Ok(2));
    });
}

/// Rule 16: at capacity 0 two selects that cross on both channels meet in one of them, and in one only.
#[test]
fn selects_cross() {
    explore("selects_cross", 306, || {
        let (s1, r1) = channel(Some(0));
        let (s2, r2) = channel(Some(0));
        let keep = (s1.clone(), r1.clone(), s2.clone(), r2.clone());
        let there = spawn(move || {
            narrows::select! {
                send(s1, 1) -> sent => { sent.unwrap(); 1 }
                recv(r2) -> message => message.unwrap(),
            }
        });
        turn(0);
        let here = narrows::select! {
            send(s2, 2) -> sent => { sent.unwrap(); 2 }
            recv(r1) -> message => message.unwrap(),
        };
        assert_eq!(there.join().unwrap(), here, "each saw another channel");
        drop(keep);
    });
}

/// Rule 16: a select that sends, against a plain receive, at capacity 0 and 1.
fn a_select_sends(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s1, r1) = channel(bound);
        let (s2, r2) = channel::<u32>(Some(1));
        let keep = s2.clone();
        let receiver = spawn(move || r1.recv().unwrap());
        turn(0);
        narrows::select! {
            send(s1, 1) -> sent => sent.unwrap(),
            recv(r2) -> _ => unreachable!(),
        }
        assert_eq!(receiver.join().unwrap(), 1);
        drop((keep, s2));
    });
}

#[test]
fn select_sends_0() {
    a_select_sends("select_sends_0", Some(0), 440);
}

#[test]
fn select_sends_1() {
    a_select_sends("select_sends_1", Some(1), 357);
}

/// Rule 4: of two channels one always holds a message, so a select that does not wait finds one.
fn none_is_true(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s1, r1) = channel(bound);
        let (s2, r2) = channel(bound);
        let (other, keep) = (r1.clone(), s2.clone());
        s1.send(1).unwrap();
        let mover = spawn(move || {
            s2.send(2).unwrap();
            other.try_recv().is_ok()
        });
        turn(0);
        let found = narrows::select! {
            recv(r1) -> message => message.is_ok(),
            recv(r2) -> message => message.is_ok(),
            default => false,
        };
        assert!(found, "none was said to be ready");
        mover.join().unwrap();
        drop((s1, keep));
    });
}

#[test]
fn none_is_true_1() {
    none_is_true("none_is_true_1", Some(1), 104);
}

#[test]
fn none_is_true_unbounded() {
    none_is_true("none_is_true_unbounded", None, 98);
}

/// Rules 7, 16: close ends a select on either side.
#[test]
fn select_meets_close() {
    explore("select_meets_close", 68, || {
        let (s1, r1) = channel::<u32>(Some(0));
        let (s2, r2) = channel::<u32>(Some(1));
        let keep = s2.clone();
        let closer = spawn(move || drop(s1));
        turn(0);
        narrows::select! {
            recv(r1) -> message => assert!(message.is_err()),
            recv(r2) -> _ => unreachable!(),
        }
        closer.join().unwrap();
        drop((keep, s2));
    });
}

/// Rule 5: a message that a select has chosen keeps its place; given back, it is there.
#[test]
fn chosen_is_full_and_given_back_is_there() {
    explore("chosen_is_full_and_given_back_is_there", 8, || {
        let (s, r) = channel::<u32>(Some(1));
        let other = s.clone();
        let sender = spawn(move || other.try_send(1).unwrap());
        turn(0);
        let mut select = Select::new();
        select.recv(&r);
        if let Ok(op) = select.try_select() {
            assert!(s.is_full(), "chosen, not finished, and not full");
            // Dropped unfinished: that is a panic, and gives the message back.
            catch_unwind(AssertUnwindSafe(|| drop(op))).unwrap_err();
            assert!(!r.is_empty(), "given back, and empty");
        }
        drop(select);
        sender.join().unwrap();
    });
}

/// Rule 5: who has chosen the only place sees no message in it.
#[test]
fn a_chosen_place_is_empty() {
    explore("a_chosen_place_is_empty", 175, || {
        let (s, r) = channel::<u32>(Some(1));
        s.try_send(7).unwrap();
        let other = r.clone();
        let receiver = spawn(move || other.try_recv().unwrap());
        turn(0);
        let mut select = Select::new();
        select.send(&s);
        let op = select.select();
        assert_eq!(s.len(), 0, "the only place is ours, and there is a message");
        op.send(&s, 8).unwrap();
        drop(select);
        receiver.join().unwrap();
    });
}
