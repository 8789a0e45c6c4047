//! Gates, tokens and wait groups: who makes it happen, who waits, who comes and who goes, all at once.

use loom::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use narrows::{CancelReason, CancelToken, Event, Gate, Select, WaitGroup};

use crate::{
    explore::{explore, spawn, turn},
    task::{block_on, poll_once},
};

const WAYS: [(&str, fn(Event<'_>)); 3] = [
    ("thread", |event| event.wait()),
    ("task", |event| block_on(event)),
    ("select", |event| {
        let mut select = Select::new();
        select.arm(&event);
        select.select().finish();
    }),
];

/// Rules 3 and 9: however the two meet who waits is woken, and sees what was done before.
fn gate_opens(way: usize, floor: usize) {
    let (name, wait) = WAYS[way];
    explore(&format!("gate_opens_{name}"), floor, move || {
        let (gate, done) = (Arc::new(Gate::new()), Arc::new(AtomicUsize::new(0)));
        let (theirs, before) = (gate.clone(), done.clone());
        let opener = spawn(move || {
            // Relaxed: the gate is to make it visible.
            before.store(1, Ordering::Relaxed);
            theirs.open();
        });
        turn(0);
        wait(gate.opened());
        assert_eq!(done.load(Ordering::Relaxed), 1);
        opener.join().unwrap();
    });
}

#[test]
fn gate_opens_to_a_thread() {
    gate_opens(0, 75);
}

#[test]
fn gate_opens_to_a_task() {
    gate_opens(1, 38);
}

#[test]
fn gate_opens_to_a_select() {
    gate_opens(2, 78);
}

/// Rules 3 and 9: who waits hears of the last member, and sees what both did.
fn group_is_done(way: usize, floor: usize) {
    let (name, wait) = WAYS[way];
    explore(&format!("group_is_done_{name}"), floor, move || {
        let (group, done) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
        let (member, other) = (group.member(), group.member());
        let before = done.clone();
        let worker = spawn(move || {
            // Relaxed: the group is to make it visible.
            before.store(1, Ordering::Relaxed);
            drop(member);
        });
        let last = spawn(move || drop(other));
        turn(0);
        wait(group.all_done());
        assert_eq!(done.load(Ordering::Relaxed), 1);
        worker.join().unwrap();
        last.join().unwrap();
    });
}

#[test]
fn group_is_done_to_a_thread() {
    group_is_done(0, 4200);
}

#[test]
fn group_is_done_to_a_task() {
    group_is_done(1, 1950);
}

/// Rule 9: a group that fills again. Who waited is let go by the first that is done, or by the second.
fn group_fills_again(way: usize, floor: usize) {
    let (name, wait) = WAYS[way];
    explore(&format!("group_fills_again_{name}"), floor, move || {
        let group = WaitGroup::new();
        let (member, theirs) = (group.member(), group.clone());
        let worker = spawn(move || {
            drop(member);
            drop(theirs.member());
        });
        turn(0);
        wait(group.all_done());
        worker.join().unwrap();
        assert_eq!(group.members(), 0);
    });
}

#[test]
fn group_fills_again_for_a_thread() {
    group_fills_again(0, 145);
}

#[test]
fn group_fills_again_for_a_task() {
    group_fills_again(1, 230);
}

#[test]
fn group_fills_again_for_a_select() {
    group_fills_again(2, 470);
}

/// Rule 9: who stood in line when it was done is let go, though the next member comes at once and stays.
#[test]
fn group_lets_go_who_waited() {
    explore("group_lets_go_who_waited", 195, || {
        let group = WaitGroup::new();
        let (member, theirs) = (group.member(), group.clone());
        let mut event = group.all_done();
        assert!(poll_once(&mut event).is_pending());
        let next = spawn(move || {
            drop(member);
            theirs.member()
        });
        turn(0);
        block_on(event);
        let _next = next.join().unwrap();
    });
}

/// Nobody is let go too early: who comes when the next member is there waits for that one, whoever rings for the first.
#[test]
fn group_is_not_done_too_early() {
    explore("group_is_not_done_too_early", 7200, || {
        let group = WaitGroup::new();
        let (member, theirs) = (group.member(), group.clone());
        let mut event = group.all_done();
        assert!(poll_once(&mut event).is_pending());
        let worker = spawn(move || drop(member));
        let waiter = spawn(move || {
            let next = theirs.member();
            let mut event = theirs.all_done();
            assert!(poll_once(&mut event).is_pending());
            assert!(poll_once(&mut event).is_pending());
            drop(next);
            block_on(event);
        });
        turn(0);
        worker.join().unwrap();
        waiter.join().unwrap();
        assert!(poll_once(&mut event).is_ready());
    });
}

/// Rule 7: a child that is made while its parent is cancelled is cancelled, and who waits for it is woken.
#[test]
fn token_child_is_not_missed() {
    explore("token_child_is_not_missed", 103, || {
        let root = CancelToken::new();
        let theirs = root.clone();
        let maker = spawn(move || {
            let child = theirs.child();
            child.cancelled().wait();
            theirs.is_cancelled()
        });
        turn(0);
        assert!(root.cancel());
        assert!(maker.join().unwrap());
    });
}

/// Rule 7: of two that cancel, above and below, each is the first where it is, and what is below both is told; who of
/// them says why is one of them, for all.
#[test]
fn token_cancelled_above_and_below() {
    explore("token_cancelled_above_and_below", 960, || {
        let root = CancelToken::new();
        let child = root.child();
        let below = child.child();
        let (theirs, waits) = (child.clone(), below.clone());
        let canceller = spawn(move || theirs.cancel_because("below"));
        let waiter = spawn(move || {
            block_on(waits.cancelled());
            waits.reason()
        });
        turn(0);
        assert!(root.cancel_because("above"));
        let reason = if canceller.join().unwrap() { "below" } else { "above" };
        let reason = Some(CancelReason::from(reason));
        assert_eq!(waiter.join().unwrap(), reason);
        assert_eq!([child.reason(), below.reason()], [reason.clone(), reason]);
        assert_eq!(root.reason(), Some(CancelReason::from("above")));
    });
}

/// Rule 22: a child that goes while its parent is cancelled, or makes another, disturbs neither.
#[test]
fn token_child_goes() {
    explore("token_child_goes", 275, || {
        let root = CancelToken::new();
        let (child, theirs) = (root.child(), root.clone());
        let leaver = spawn(move || drop(child));
        let maker = spawn(move || theirs.child());
        turn(0);
        root.cancel();
        leaver.join().unwrap();
        assert!(maker.join().unwrap().is_cancelled());
    });
}
