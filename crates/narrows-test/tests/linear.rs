//! The checker itself, on histories written by hand: it must accept what a channel may do, and find what it may not.

use narrows_test::history::{
    Event::{self, *},
    Op, Recorder,
};
use narrows_test::linear::check;
use std::cell::Cell;

const EVERY: [Option<usize>; 3] = [Some(1), Some(2), None];
const LARGE: [Option<usize>; 2] = [Some(2), None];

/// A thread's operation between two moments.
fn op(call: u64, ret: u64, event: Event) -> Op {
    Op::new(0, call, ret, event)
}

/// A task's operation whose first poll had returned Pending by the middle moment, and which waited to its end.
fn pending(call: u64, middle: u64, ret: u64, event: Event) -> Op {
    op(call, ret, event).pending(middle, ret)
}

#[track_caller]
fn accepts(capacities: &[Option<usize>], ops: &[Op]) {
    for &capacity in capacities {
        if let Err(e) = check(capacity, ops) {
            panic!("should be accepted: {e}");
        }
    }
}

#[track_caller]
fn refuses(capacities: &[Option<usize>], ops: &[Op]) {
    for &capacity in capacities {
        assert!(check(capacity, ops).is_err(), "should be refused at capacity {capacity:?}: {ops:#?}");
    }
}

/// One operation after the other.
fn line(events: &[Event]) -> Vec<Op> {
    let op_at = |(i, e): (u64, &Event)| op(2 * i, 2 * i + 1, e.clone());
    (0..).zip(events).map(op_at).collect()
}

#[test]
fn accepts_what_a_queue_does() {
    accepts(&EVERY, &[]);
    accepts(&EVERY, &line(&[RecvEmpty, Sent(1), Len(1), Received(1), RecvEmpty]));
    accepts(&LARGE, &line(&[Sent(1), Sent(2), Received(1), Received(2), Len(0)]));
    accepts(&[Some(1)], &line(&[Sent(1), SendFull(2), Received(1), Sent(3)]));
    accepts(&EVERY, &line(&[Sent(1), Closed(true), Closed(false), SendClosed(2), Received(1), RecvClosed]));
    accepts(&EVERY, &line(&[Sent(1), SendersGone, Received(1), RecvClosed]));
    accepts(&EVERY, &line(&[Sent(1), ReceiversGone, SendClosed(2)]));
    accepts(&LARGE, &line(&[Sent(1), Sent(2), ClosedNow(vec![1, 2]), RecvClosed]));
}

#[test]
fn finds_a_false_empty() {
    refuses(&EVERY, &line(&[Sent(1), RecvEmpty, Received(1)]));
    refuses(&EVERY, &line(&[Closed(true), RecvEmpty]));
    // Another's receive that overlaps explains it; one that comes later does not.
    accepts(&EVERY, &[op(0, 1, Sent(1)), op(2, 5, Received(1)), op(3, 4, RecvEmpty)]);
    refuses(&EVERY, &[op(0, 1, Sent(1)), op(2, 3, RecvEmpty), op(4, 5, Received(1))]);
    // The classic: the second message is inside while the first send is not finished.
    refuses(
        &LARGE,
        &[op(0, 9, Sent(1)), op(1, 2, Sent(2)), op(3, 4, RecvEmpty), op(10, 11, Received(1)), op(12, 13, Received(2))],
    );
}

#[test]
fn finds_a_false_full() {
    refuses(&EVERY, &line(&[SendFull(1), RecvEmpty]));
    refuses(&[None], &line(&[Sent(1), SendFull(2)]));
    refuses(
        &[Some(2)],
        &[op(0, 1, Sent(1)), op(2, 3, Sent(2)), op(4, 20, Received(1)), op(5, 6, Received(2)), op(7, 8, SendFull(3))],
    );
    accepts(&[Some(1)], &[op(0, 1, Sent(1)), op(2, 5, Received(1)), op(3, 4, SendFull(2))]);
    refuses(&EVERY, &line(&[Closed(true), SendFull(2)]));
}

#[test]
fn finds_more_than_the_capacity() {
    refuses(&[Some(1)], &line(&[Sent(1), Sent(2)]));
    refuses(&[Some(2)], &line(&[Sent(1), Reserved(1), Sent(2)]));
    refuses(&EVERY, &line(&[Sent(1), Len(0)]));
    refuses(&EVERY, &line(&[Sent(1), Len(2)]));
}

#[test]
fn finds_a_broken_order() {
    refuses(&LARGE, &line(&[Sent(1), Sent(2), Received(2), Received(1)]));
    // Sends that overlap may come in either order, but in one order for all.
    let both = [op(0, 3, Sent(1)), op(1, 2, Sent(2))];
    let with = |more: &[Op]| [&both, more].concat();
    accepts(&LARGE, &with(&[op(4, 5, Received(2)), op(6, 7, Received(1))]));
    accepts(&LARGE, &with(&[op(4, 5, Received(1)), op(6, 7, Received(2))]));
    refuses(&LARGE, &with(&[op(4, 5, Sent(3)), op(6, 7, Received(3)), op(8, 9, Received(1))]));
}

#[test]
fn finds_what_is_duplicated_invented_or_lost() {
    refuses(&EVERY, &line(&[Sent(1), Received(1), Received(1)]));
    refuses(&EVERY, &line(&[Received(7)]));
    refuses(&EVERY, &line(&[Sent(1), SendersGone, RecvClosed]));
    refuses(&EVERY, &line(&[Sent(1), ClosedNow(vec![])]));
    refuses(&LARGE, &line(&[Sent(1), Sent(2), Received(2), ClosedNow(vec![])]));
    // Received before it was sent.
    refuses(&EVERY, &line(&[Received(1), Sent(1)]));
}

#[test]
fn finds_a_message_after_the_end() {
    refuses(&EVERY, &line(&[Closed(true), Sent(1)]));
    refuses(&EVERY, &line(&[ReceiversGone, Sent(1)]));
    refuses(&EVERY, &[op(0, 1, Closed(true)), op(2, 3, RecvClosed), op(4, 5, Received(1)), op(0, 9, Sent(1))]);
    refuses(&EVERY, &line(&[SendClosed(1), Closed(true)]));
    refuses(&EVERY, &line(&[Closed(true), Closed(true)]));
    refuses(&EVERY, &line(&[Closed(false)]));
    // A send that races with the end may be on either side of it.
    accepts(&EVERY, &[op(0, 3, Closed(true)), op(1, 2, Sent(1)), op(4, 5, Received(1))]);
    accepts(&EVERY, &[op(0, 3, Closed(true)), op(1, 2, SendClosed(1)), op(4, 5, RecvClosed)]);
}

#[test]
fn a_receiver_may_come_between_the_halves_of_close_now() {
    let ops = [
        op(0, 1, Sent(1)),
        op(2, 3, Sent(2)),
        op(4, 9, ClosedNow(vec![2])),
        op(5, 6, SendClosed(3)),
        op(7, 8, Received(1)),
    ];
    accepts(&LARGE, &ops);
    refuses(&LARGE, &line(&[Sent(1), Sent(2), ClosedNow(vec![2, 1])]));
    refuses(&LARGE, &line(&[Sent(1), Sent(2), ClosedNow(vec![1]), Received(2)]));
}

#[test]
fn what_was_dropped_may_have_happened_if_it_was_a_send() {
    let dropped = [op(0, 1, SendDropped(1))];
    accepts(&EVERY, &dropped);
    accepts(&EVERY, &[op(0, 3, SendDropped(1)), op(4, 5, Received(1))]);
    accepts(&EVERY, &[op(0, 3, SendDropped(1)), op(4, 5, RecvEmpty)]);
    refuses(&EVERY, &[op(0, 1, Received(1)), op(2, 3, SendDropped(1))]);
    refuses(&EVERY, &[op(0, 1, Sent(1)), op(2, 3, RecvDropped), op(4, 5, RecvEmpty)]);
}

#[test]
fn permits_count_for_full_and_keep_no_slot() {
    accepts(&[Some(1)], &line(&[Reserved(1), SendFull(1), Len(0), PermitSent(2), Received(2)]));
    accepts(&[Some(1)], &line(&[Reserved(1), PermitDropped, Sent(1), Received(1)]));
    refuses(&[Some(1)], &line(&[Reserved(1), PermitDropped, SendFull(1)]));
    // The order is that of the sending, not of the reserving.
    let order = |first, second| line(&[Reserved(1), Sent(1), PermitSent(2), Received(first), Received(second)]);
    accepts(&LARGE, &order(1, 2));
    refuses(&LARGE, &order(2, 1));
    accepts(&EVERY, &line(&[Reserved(1), Closed(true), RecvClosed, PermitRefused(1)]));
    refuses(&EVERY, &line(&[Reserved(1), PermitRefused(1)]));
    refuses(&EVERY, &line(&[PermitSent(1), Received(1)]));
    refuses(&EVERY, &line(&[Reserved(1), Closed(true), PermitSent(1)]));
    accepts(&[Some(2)], &line(&[Sent(1), ReserveFull(2), Reserved(1)]));
    refuses(&[Some(2)], &line(&[Sent(1), ReserveFull(1)]));
    accepts(&EVERY, &line(&[Closed(true), ReserveClosed]));
    refuses(&EVERY, &line(&[ReserveClosed]));
}

#[test]
fn what_found_reason_to_wait_is_explained_too() {
    accepts(&EVERY, &[pending(0, 1, 4, Received(1)), op(2, 3, Sent(1))]);
    refuses(&EVERY, &[op(0, 1, Sent(1)), pending(2, 3, 4, Received(1))]);
    accepts(&[Some(1)], &[op(0, 1, Sent(1)), pending(2, 3, 6, Sent(2)), op(4, 5, Received(1))]);
    refuses(&LARGE, &[op(0, 1, Sent(1)), pending(2, 3, 6, Sent(2)), op(4, 5, Received(1))]);
}

#[test]
fn what_is_chosen_and_not_finished_holds_a_place() {
    // A select that chose to send: Full for others, until it has sent or been refused.
    let chosen = |event| op(0, 9, event).in_two();
    let full = op(2, 3, SendFull(2));
    accepts(&[Some(1)], &[chosen(Sent(1)), full.clone(), op(10, 11, Received(1))]);
    accepts(&[Some(1)], &[chosen(SendClosed(1)), full.clone(), op(4, 5, Closed(true))]);
    refuses(&[Some(2)], &[chosen(Sent(1)), full.clone()]);
    refuses(&[Some(1)], &[op(0, 9, SendClosed(1)), full.clone(), op(4, 5, Closed(true))]);
    // One that chose to receive has its message, and still holds the place.
    let taken = [op(0, 1, Sent(1)), op(2, 9, Received(1)).in_two(), op(3, 4, Len(0)), op(5, 6, SendFull(2))];
    accepts(&[Some(1)], &taken);
    refuses(&[Some(2)], &taken);
    let mut whole = taken;
    whole[1].in_two = false;
    refuses(&[Some(1)], &whole);
}

const ZERO: [Option<usize>; 1] = [Some(0)];

#[test]
fn at_capacity_0_the_two_must_meet() {
    accepts(&ZERO, &[op(0, 2, Sent(1)), op(1, 3, Received(1))]);
    refuses(&ZERO, &[op(0, 1, Sent(1)), op(2, 3, Received(1))]);
    refuses(&ZERO, &[op(0, 1, Received(1)), op(2, 3, Sent(1))]);
    accepts(&ZERO, &line(&[SendFull(1), RecvEmpty, Len(0)]));
    refuses(&ZERO, &[op(0, 5, Sent(1)), op(1, 2, Received(1)), op(3, 4, Received(1))]);
    // Two sends cannot meet one receive.
    refuses(&ZERO, &[op(0, 9, Received(1)), op(1, 3, Sent(1)), op(2, 4, Sent(2))]);
    // The end comes between them.
    refuses(&ZERO, &[op(0, 1, Closed(true)), op(2, 5, Sent(1)), op(3, 4, Received(1))]);
    accepts(&ZERO, &[op(0, 5, SendClosed(1)), op(1, 6, RecvEmpty), op(2, 3, Closed(true))]);
    accepts(&ZERO, &[op(0, 5, SendDropped(1)), op(1, 2, Received(1))]);
    accepts(&ZERO, &line(&[SendDropped(1), RecvEmpty]));
}

#[test]
fn at_capacity_0_a_message_may_be_left_for_a_waiting_task() {
    let waits = pending(0, 1, 20, Received(1));
    accepts(&ZERO, &[waits.clone(), op(2, 3, Sent(1))]);
    // Whoever comes first may take it, and the task goes on waiting.
    let goes = pending(0, 1, 20, RecvDropped);
    accepts(&ZERO, &[goes.clone(), op(2, 3, Sent(1)), op(4, 5, Received(1))]);
    accepts(&ZERO, &[pending(0, 1, 3, RecvDropped), op(2, 4, Sent(1)), op(5, 6, Received(1))]);
    refuses(&ZERO, &[goes.clone(), op(2, 3, Sent(1)), op(4, 5, RecvEmpty)]);
    // One waiting task, one message.
    refuses(&ZERO, &[goes.clone(), op(2, 3, Sent(1)), op(4, 5, Sent(2))]);
    accepts(&ZERO, &[goes.clone(), op(2, 3, Sent(1)), op(4, 5, SendFull(2))]);
    refuses(&ZERO, &[waits, op(2, 3, SendFull(9)), op(4, 5, Sent(1))]);
    // Two tasks, two messages, oldest first.
    let two = [goes.clone(), goes, op(2, 3, Sent(1)), op(4, 5, Sent(2))];
    let with = |more: &[Op]| [&two, more].concat();
    accepts(&ZERO, &with(&[op(6, 7, Received(1)), op(8, 9, Received(2))]));
    refuses(&ZERO, &with(&[op(6, 7, Received(2)), op(8, 9, Received(1))]));
    // A task of which it is not known when it began to wait.
    accepts(&ZERO, &[op(0, 9, RecvDropped).by_task(), op(2, 3, Sent(1)), op(4, 5, Received(1))]);
    // A thread must be there itself.
    refuses(&ZERO, &[op(0, 9, RecvEmpty), op(2, 3, Sent(1)), op(4, 5, Received(1))]);
}

#[test]
fn at_capacity_0_those_known_to_wait_are_served_in_order() {
    let waits = [pending(0, 1, 20, Sent(1)), pending(2, 3, 21, Sent(2))];
    let with = |more: &[Op]| [&waits, more].concat();
    accepts(&ZERO, &with(&[op(4, 5, Received(1)), op(6, 7, Received(2))]));
    refuses(&ZERO, &with(&[op(4, 5, Received(2)), op(6, 7, Received(1))]));
    refuses(&ZERO, &with(&[op(4, 5, RecvEmpty), op(6, 7, Received(1)), op(8, 9, Received(2))]));
}

#[test]
fn at_capacity_0_a_permit_is_for_a_receiver_that_waits() {
    let waits = pending(0, 1, 20, Received(1));
    accepts(&ZERO, &[waits.clone(), op(2, 3, Reserved(1)), op(4, 5, SendFull(9)), op(6, 7, PermitSent(1))]);
    refuses(&ZERO, &[waits.clone(), op(2, 3, ReserveFull(1))]);
    refuses(&ZERO, &line(&[Reserved(1), PermitDropped]));
    // The receiver left.
    accepts(&ZERO, &[pending(0, 1, 4, RecvDropped), op(2, 3, Reserved(1)), op(5, 6, PermitRefused(1))]);
    accepts(&ZERO, &[op(0, 9, Received(1)), op(2, 3, Reserved(1)), op(6, 7, PermitSent(1))]);
    // While it is polled it may wait, look again, and wait again; once that has ended it waits.
    let reserves =
        |at: u64| [op(at, at + 1, Reserved(1)), op(at + 2, at + 3, PermitDropped), op(at + 4, at + 5, ReserveFull(1))];
    let goes = pending(0, 10, 30, RecvDropped);
    accepts(&ZERO, &[vec![goes.clone()], reserves(2).to_vec()].concat());
    refuses(&ZERO, &[vec![goes], reserves(12).to_vec()].concat());
}

#[test]
fn twelve_operations_that_all_overlap_are_quick() {
    let mut ops = Vec::new();
    for i in 0..6 {
        ops.push(op(i, 100 + i, Sent(i)));
        ops.push(op(10 + i, 110 + i, Received(5 - i)));
    }
    accepts(&[Some(0), Some(1), Some(2), None], &ops);
    // And one that cannot be: the search must exhaust itself.
    ops.push(op(0, 200, Received(77)));
    refuses(&[Some(0), Some(1), Some(2), None], &ops);
}

#[test]
fn a_recorder_notes_both_moments() {
    let clock = Cell::new(0);
    let tick = || clock.replace(clock.get() + 1);
    let mut recorder = Recorder::new(3, tick);
    assert_eq!(recorder.note(|| 5, |&m| Sent(m)), 5);
    let ops = recorder.into_ops();
    assert_eq!(ops, [Op::new(3, 0, 1, Sent(5))]);
}

#[test]
fn a_refusal_shows_the_history_and_what_it_cannot_explain() {
    let refusal = check(Some(1), &line(&[Sent(1), RecvEmpty])).expect_err("a false Empty");
    assert_eq!(refusal.unexplained.len(), 1);
    let text = refusal.to_string();
    assert!(text.contains("? [  2   3] process 0: RecvEmpty"), "{text}");
    assert!(text.contains("Sent(1)"), "{text}");
}

/// A select that has met a task brings its message though the task has gone, and leaves it; but it must have met one.
#[test]
fn what_a_task_was_promised_is_left_when_it_has_gone() {
    let history = |met| {
        let gone = pending(1, 2, 4, RecvDropped);
        let left = [op(5, 6, RecvEmpty), op(10, 11, ClosedNow(vec![1]))];
        [vec![gone, op(if met { 0 } else { 5 }, 8, Sent(1)).in_two()], left.to_vec()].concat()
    };
    accepts(&[Some(0)], &history(true));
    refuses(&[Some(0)], &history(false));
}
