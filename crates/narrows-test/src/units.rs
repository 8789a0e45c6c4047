//! Units of a channel with rules: who waits for some, who uses one, and what comes back beside them.

use crate::hand::Hand;
use narrows::{Select, builder};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One that wants more than is free keeps nobody behind it waiting for the rest, also if its future is forgotten.
pub fn rule_09_who_wants_too_much_holds_up_nobody() {
    for is_forgotten in [false, true] {
        let (s, r) = builder().resizable().bounded(8);
        (0..8).for_each(|i| s.send(i).expect("room"));
        let mut greedy = Hand::waiting(s.reserve_many_async(5));
        let modest: Vec<_> = (0..3).map(|_| Hand::waiting(s.reserve_async())).collect();
        assert_eq!(r.try_recv_many(&mut Vec::new(), 3), Ok(3));
        assert!(greedy.is_woken());
        if !is_forgotten {
            greedy.still_waits();
        }
        let woken = modest.iter().filter(|waits| waits.is_woken()).count();
        assert!(woken >= if is_forgotten { 2 } else { 3 }, "{woken} woken");
        let held: Vec<_> = modest.into_iter().filter(Hand::is_woken).map(Hand::ready).collect();
        assert!(held.iter().all(Result::is_ok));
        std::mem::forget(greedy);
    }
}

/// A weigher that panics while a permit sends costs its message, and not the place.
pub fn rule_23_a_weigher_that_panics_costs_no_place() {
    let (s, r) = builder().weigher(|i: &u32| if *i == 0 { panic!("weightless") } else { 1 }).bounded(1);
    let permit = s.reserve().expect("room");
    assert!(catch_unwind(AssertUnwindSafe(|| permit.send(0))).is_err());
    assert_eq!((s.try_send(1), r.try_recv()), (Ok(()), Ok(1)));
}

/// A weigher that panics at a message of a batch leaves it, and those behind it, in the batch.
pub fn rule_23_a_weigher_that_panics_leaves_the_batch() {
    let (s, r) = builder().weigher(|i: &u32| if *i == 0 { panic!("weightless") } else { 1 }).bounded(4);
    let mut batch = VecDeque::from([1, 0, 2]);
    assert!(catch_unwind(AssertUnwindSafe(|| s.send_many(&mut batch))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| s.try_send_many(&mut batch))).is_err());
    assert_eq!((r.try_recv(), r.is_empty(), batch), (Ok(1), true, VecDeque::from([0, 2])));
}

/// What is put back beside a lease that was forgotten is itself, and not the other.
pub fn rule_24_what_is_put_back_is_no_forgotten_lease() {
    let (s, mut r) = builder().resizable().bounded(4);
    s.send(1).expect("room");
    std::mem::forget(r.lease());
    r.try_exclusive().expect("alone").unrecv(2).expect("room");
    let mut select = Select::new();
    select.recv(&r);
    assert_eq!(select.select().recv(&r), Ok(2));
}

/// A message that weighs nothing waits while the capacity is exceeded, and not for those before it who want units: there may be
/// none for long.
pub fn rule_09_who_waits_for_units_holds_up_no_message_without_weight() {
    let (s, r) = builder().weigher(|weight: &usize| *weight).bounded(2);
    let permits = [s.try_reserve(), s.try_reserve()];
    for permit in permits {
        permit.expect("there is room").send(2).expect("open");
    }
    let place = Hand::waiting(s.reserve_async());
    let light = Hand::waiting(s.send_async(0));
    assert_eq!((r.try_recv(), s.weight()), (Ok(2), 2));
    assert!(light.is_woken() && !place.is_woken());
    assert_eq!(light.ready(), Ok(()));
    assert_eq!(r.try_iter().collect::<Vec<_>>(), [2, 0]);
    assert!(place.is_woken());
}
