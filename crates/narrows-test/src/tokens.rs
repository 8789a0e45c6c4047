//! What tokens to cancel with promise beyond other events: why they were cancelled, and by when.

use crate::actor::Host;
use crate::deadline::times;
use crate::events::WAYS;
use narrows::{CancelReason, CancelToken};
use std::thread;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(10);

fn because(reason: &str) -> CancelReason {
    reason.into()
}

/// The first reason stays, and is that of all who are cancelled by it.
pub fn rule_07_the_first_reason_stays() {
    let root = CancelToken::new();
    let (left, right) = (root.child(), root.child());
    let below = left.child().child();
    assert_eq!([root.reason(), below.reason()], [None, None]);
    assert!(left.cancel_because("left"));
    assert!(!left.cancel_because("again") && !left.cancel() && !below.cancel_because("too late"));
    assert_eq!([left.reason(), below.reason(), left.child().reason()], [(); 3].map(|()| Some(because("left"))));
    assert_eq!([root.reason(), right.reason()], [None, None]);
    assert!(root.cancel_because(String::from("root")) && !right.cancel());
    assert_eq!([left.reason(), below.reason(), left.child().reason()], [(); 3].map(|()| Some(because("left"))));
    assert_eq!(
        [root.reason(), right.reason(), right.child().child().reason()],
        [(); 3].map(|()| Some(because("root")))
    );

    let token = CancelToken::new();
    drop(token.clone().drop_guard());
    assert_eq!(token.reason(), Some(CancelReason::Asked));
}

/// Of several who say why at once one is heard, and is told so; everybody hears that one.
pub fn rule_07_one_reason_is_heard() {
    for _ in 0..times(300) {
        let root = CancelToken::new();
        let (token, below) = (root.child(), root.child().child());
        let heard: Vec<&str> = thread::scope(|scope| {
            let says = ["a", "b", "c"].map(|reason| {
                let token = &token;
                scope.spawn(move || {
                    let is_first = token.cancel_because(reason);
                    assert!(token.is_cancelled(), "also for who was not the first");
                    assert!(token.reason().is_some());
                    is_first.then_some(reason)
                })
            });
            let above = scope.spawn(|| root.cancel_because("above"));
            let below = scope.spawn(|| {
                below.cancelled().wait();
                below.reason()
            });
            assert!(above.join().expect("no panic"));
            assert_eq!(below.join().expect("no panic"), Some(because("above")));
            says.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(heard.len() <= 1, "{heard:?}");
        assert_eq!(token.reason(), Some(because(heard.first().unwrap_or(&"above"))));
    }
}

/// A deadline that has passed is seen by whoever looks, and is the reason from then on; one to come is none.
pub fn rule_12_a_deadline_cancels() {
    let token = CancelToken::with_deadline(Instant::now());
    assert!(!token.cancel_because("too late"));
    assert!(token.is_cancelled());
    assert_eq!(token.reason(), Some(CancelReason::Deadline));
    let child = CancelToken::with_timeout(Duration::ZERO).child();
    assert_eq!(child.reason(), Some(CancelReason::Deadline), "first seen by a child");
    assert!(CancelToken::with_timeout(Duration::ZERO).cancelled().wait_timeout(Duration::ZERO));

    let token = CancelToken::with_timeout(HOUR);
    let child = token.child();
    assert!(!token.is_cancelled() && !child.cancelled().wait_timeout(MOMENT) && child.reason().is_none());
    assert!(token.cancel_because("done"));
    assert_eq!(child.reason(), Some(because("done")));

    let token = CancelToken::with_timeout(Duration::MAX);
    assert_eq!([token.deadline(), token.child_with_timeout(Duration::MAX).deadline()], [None, None]);
    assert!(!token.is_cancelled() && token.cancel());
}

/// The earliest deadline of those above is everybody's; a later one above is not hurried by it.
pub fn rule_12_the_earliest_deadline_counts() {
    let now = Instant::now();
    let root = CancelToken::with_deadline(now + HOUR);
    let [later, none, sooner] =
        [root.child_with_deadline(now + 2 * HOUR), root.child(), root.child_with_deadline(now + MOMENT)];
    assert_eq!([&root, &later, &none].map(CancelToken::deadline), [Some(now + HOUR); 3]);
    assert_eq!([sooner.deadline(), sooner.child().deadline()], [Some(now + MOMENT); 2]);
    let below = sooner.child();
    below.cancelled().wait();
    assert!(Instant::now() >= now + MOMENT);
    assert_eq!([sooner.reason(), below.reason()], [(); 2].map(|()| Some(CancelReason::Deadline)));
    assert!(![root, later, none].iter().any(CancelToken::is_cancelled));
}

/// Who waits is woken when the moment comes, in every way of waiting, though nobody cancels.
pub fn rule_12_who_waits_is_woken_at_the_deadline() {
    let begun = Instant::now();
    let waiters: Vec<_> = WAYS
        .into_iter()
        .flat_map(|way| {
            let token = CancelToken::with_timeout(MOMENT);
            let child = token.child();
            [token, child].map(|token| {
                way.host().spawn(async move {
                    way.wait(token.cancelled()).await;
                    (token.is_cancelled(), token.reason())
                })
            })
        })
        .collect();
    for waiter in waiters {
        assert_eq!(waiter.join(), (true, Some(CancelReason::Deadline)));
    }
    assert!(begun.elapsed() >= MOMENT);
}

/// With a deadline to come, a call wakes who waits as it does without.
pub fn rule_09_who_waits_for_a_deadline_is_woken_before() {
    for way in WAYS {
        let token = CancelToken::with_timeout(HOUR);
        let child = token.child_with_timeout(HOUR);
        let waiter = way.host().spawn(async move {
            way.wait(child.cancelled()).await;
            child.reason()
        });
        waiter.until_waiting();
        assert!(token.cancel_because("called"));
        assert_eq!(waiter.join(), Some(because("called")));
    }
}

/// A future that runs until its token is cancelled ends at the deadline.
pub fn rule_13_a_future_runs_until_the_deadline() {
    let token = CancelToken::with_timeout(MOMENT);
    let waits = Host::Tokio.spawn(async move { token.run_until_cancelled(std::future::pending::<()>()).await });
    assert_eq!(waits.join(), None);
}
