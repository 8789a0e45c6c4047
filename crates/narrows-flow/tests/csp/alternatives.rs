//! What an alternative promises, from threads and from tasks.

use std::{
    sync::Barrier,
    task::{Context, Waker},
    thread,
    time::{Duration, Instant},
};

use narrows::{CancelToken, Receiver, bounded, check::block_on, never, unbounded};
use narrows_flow::csp::{Alt, NoChoice, Refused, Trace, follow, internal, when};

/// Both ways to run what `alt` makes must do the same.
fn both_ways<'a, E: Send + PartialEq + std::fmt::Debug + 'a>(alt: impl Fn() -> Alt<'a, E>) -> Result<E, NoChoice> {
    let event = alt().choose();
    assert_eq!(block_on(alt().choose_async()), event);
    event
}

const MOMENT: Duration = Duration::from_millis(5);

#[test]
fn a_branch_without_its_guard_is_never_taken() {
    let (s, r) = unbounded();
    (0..100).for_each(|n| s.send(n).unwrap());
    let (out, full) = bounded(100);
    for _ in 0..20 {
        let event = both_ways(|| {
            Alt::new().recv(when(false, &r), |_| "in").send(when(false, &out), || 0, "out").otherwise("neither")
        });
        assert_eq!(event, Ok("neither"));
    }
    assert_eq!((r.len(), full.len()), (100, 0));
}

#[test]
fn without_a_true_guard_it_says_so() {
    let (_s, r) = bounded::<()>(0);
    assert_eq!(both_ways(|| Alt::new().recv(when(false, &r), |()| ())), Err(NoChoice::AllFalse));
    assert_eq!(both_ways(Alt::<()>::new), Err(NoChoice::AllFalse));
}

#[test]
fn it_ends_when_all_have_ended_and_not_before() {
    let ((s1, r1), (s2, r2), (s3, r3)) = (unbounded(), unbounded::<u32>(), bounded::<u32>(0));
    let alt = || Alt::new().recv(&r1, |n| n).recv(&r2, |n| n).send(&s3, || 0, 99);
    s1.send(7).unwrap();
    s1.send(8).unwrap();
    drop((s1, r3));
    assert_eq!(alt().choose(), Ok(7), "an end that nobody receives from is a guard that fails");
    assert_eq!(block_on(alt().choose_async()), Ok(8));
    drop(s2);
    assert_eq!(both_ways(alt), Err(NoChoice::AllEnded));
}

#[test]
fn an_end_is_noticed_while_it_waits() {
    let (s, r) = bounded::<u32>(0);
    let (out, gone) = bounded::<u32>(0);
    let begins = Barrier::new(2);
    thread::scope(|scope| {
        let waits = scope.spawn(|| {
            begins.wait();
            Alt::new().recv(&r, Some).send(&out, || 1, None).choose()
        });
        begins.wait();
        drop(s);
        drop(gone);
        assert_eq!(waits.join().unwrap(), Err(NoChoice::AllEnded));
    });
}

#[test]
fn in_order_the_first_is_taken() {
    let ((s1, r1), (s2, r2)) = (unbounded(), unbounded());
    for n in 0..100 {
        s1.send(n).unwrap();
        s2.send(n).unwrap();
    }
    for _ in 0..50 {
        assert_eq!(both_ways(|| Alt::in_order().recv(&r1, |_| 1).recv(&r2, |_| 2)), Ok(1));
    }
    assert_eq!(both_ways(|| Alt::in_order().recv(&r1, |_| 1).recv(&r2, |_| 2)), Ok(2));
}

/// A fair one takes each in its turn: 40 times the same would be one chance in 2^39.
#[test]
fn free_choices_are_fair() {
    let ((s1, r1), (s2, r2)) = (unbounded(), unbounded());
    for n in 0..100 {
        s1.send(n).unwrap();
        s2.send(n).unwrap();
    }
    let takes = |next: &dyn Fn() -> u32| {
        let taken: Vec<u32> = (0..40).map(|_| next()).collect();
        assert!(taken.contains(&1) && taken.contains(&2), "{taken:?}");
    };
    takes(&|| Alt::new().recv(&r1, |_| 1).recv(&r2, |_| 2).choose().unwrap());
    takes(&|| block_on(Alt::new().recv(&r1, |_| 1).recv(&r2, |_| 2).choose_async()).unwrap());
    takes(&|| internal([1, 2]));
}

#[test]
fn a_time_out_comes_when_nothing_else_does() {
    let silent: Receiver<()> = never();
    let begun = Instant::now();
    let alt = || Alt::new().recv(&silent, |()| "heard").timeout(10 * MOMENT, "late").timeout(MOMENT, "in time");
    assert_eq!(both_ways(alt), Ok("in time"), "the earliest counts");
    assert!(begun.elapsed() >= 2 * MOMENT);

    let begun = Instant::now();
    let alt = || Alt::new().recv(when(false, &silent), |()| "heard").timeout(MOMENT, "in time");
    assert_eq!(both_ways(alt), Ok("in time"), "also when all guards are false");
    assert!(begun.elapsed() >= 2 * MOMENT);

    let (s, r) = unbounded();
    (0..40).for_each(|n| s.send(n).unwrap());
    for _ in 0..20 {
        let alt = || Alt::new().recv(&r, |_| "heard").deadline(begun, "too late");
        assert_eq!(both_ways(alt), Ok("heard"), "what can proceed comes first, whatever the time");
    }
    let alt = || Alt::new().recv(&silent, |()| "heard").timeout(Duration::MAX, "late").otherwise("now");
    assert_eq!(both_ways(alt), Ok("now"));
}

#[test]
fn both_sides_may_be_alternatives() {
    let ((s1, r1), (s2, r2)) = (bounded(0), bounded(0));
    let round = |given: u32| {
        let ((s1, r1), (s2, r2)) = ((&s1, &r1), (&s2, &r2));
        thread::scope(|scope| {
            let other = scope.spawn(move || Alt::new().send(s1, || given, None).recv(r2, Some).choose().unwrap());
            let own = Alt::new().recv(r1, Some).send(s2, || given, None).choose().unwrap();
            let other = other.join().unwrap();
            assert!(own.is_some() != other.is_some(), "one gave, the other took");
            assert_eq!(own.or(other), Some(given));
        });
    };
    (0..200).for_each(round);
}

#[test]
fn tasks_meet_threads() {
    let (s, r) = bounded(0);
    let (_keeps, other) = bounded::<u32>(0);
    thread::scope(|scope| {
        scope.spawn(|| (0..50).for_each(|n| assert_eq!(Alt::new().send(&s, || n, ()).choose(), Ok(()))));
        for n in 0..50 {
            let event = block_on(Alt::new().recv(&other, |_| 99).recv(&r, |n| n).choose_async());
            assert_eq!(event, Ok(n));
        }
    });
}

#[test]
fn a_future_that_is_dropped_has_chosen_nothing() {
    let (s, r) = bounded(0);
    let (out, taken) = bounded::<u32>(0);
    let mut future =
        Box::pin(Alt::new().recv(&r, Some).send(&out, || panic!("it was not chosen"), None).choose_async());
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(future);
    assert!(s.try_send(1).is_err() && taken.try_recv().is_err());
}

#[test]
fn a_message_that_cannot_be_sent_comes_back() {
    let (s, r) = bounded(1);
    drop(r);
    assert_eq!(both_ways(|| Alt::new().send_or_end(&s, || Box::new(5), None, Some)), Ok(Some(Box::new(5))));
}

#[test]
fn an_end_can_be_an_event() {
    let (s, r) = bounded::<u32>(1);
    s.send(1).unwrap();
    s.close();
    let (_keeps, other) = bounded::<u32>(1);
    let alt = || Alt::new().recv(&other, Some).recv_or_end(&r, Some, None);
    assert_eq!(alt().choose(), Ok(Some(1)));
    assert_eq!(both_ways(alt), Ok(None));
}

#[test]
fn a_token_is_a_branch() {
    let token = CancelToken::new();
    let silent: Receiver<()> = never();
    let cancelled = token.cancelled();
    let alt = || Alt::new().recv(&silent, |()| "heard").happens(&cancelled, "cancelled").otherwise("waits");
    assert_eq!(alt().choose(), Ok("waits"));
    token.cancel();
    assert_eq!(both_ways(alt), Ok("cancelled"));
}

#[test]
fn a_message_whose_making_panics_leaves_the_channel_as_it_was() {
    let (s, r) = bounded::<u32>(1);
    let panics =
        thread::scope(|scope| scope.spawn(|| Alt::new().send(&s, || panic!("no message"), ()).choose()).join());
    assert!(panics.is_err());
    assert_eq!(s.try_send(3), Ok(()), "its place was given back");
    assert_eq!(r.recv(), Ok(3));
}

#[test]
fn a_trace_is_followed_to_the_first_event_that_must_not_happen() {
    let trace = Trace::new();
    for event in [true, false, false] {
        trace.clone().record(event);
    }
    let alternates = |expected: bool, event: &bool| (*event == expected).then_some(!expected);
    assert_eq!(follow(true, trace.take(), alternates), Err(Refused { at: 2, event: false }));
    assert_eq!(follow(true, trace.take(), alternates), Ok(true), "taken out, it is empty");
}
