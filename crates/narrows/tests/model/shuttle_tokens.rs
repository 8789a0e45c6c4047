//! A token with a deadline, which may pass at any moment: who waits is woken, and there is one reason, which stays.

use std::time::{Duration, Instant};

use narrows::{CancelReason, CancelToken, Select};
use shuttle::{future, thread};

use crate::try_schedules::try_schedules;

/// Rules 7, 12: a call and a deadline; below, one who waits in a select, one in a task, and one who only looks.
#[test]
fn token_with_a_deadline() {
    try_schedules("token_with_a_deadline", 4, || {
        let root = CancelToken::with_deadline(Instant::now() + Duration::from_secs(60));
        let child = root.child();
        let (called, selected, awaited, looked) = (root.clone(), child.clone(), child.child(), child.clone());
        let caller = thread::spawn(move || called.cancel_because("called"));
        let selects = thread::spawn(move || {
            let (never, event) = (narrows::never::<u8>(), selected.cancelled());
            let mut select = Select::new();
            select.recv(&never);
            select.arm(&event);
            select.select().finish();
            selected.reason()
        });
        let awaits = thread::spawn(move || {
            future::block_on(awaited.cancelled());
            awaited.reason()
        });
        let looks = thread::spawn(move || looked.is_cancelled().then(|| looked.reason()));
        let was_called = caller.join().unwrap();
        let told = [selects.join().unwrap(), awaits.join().unwrap()];
        let called = CancelReason::from("called");
        // Of tokens below, also one that saw the deadline pass while the call was on its way.
        let may_be = |reason: &CancelReason| *reason == CancelReason::Deadline || (was_called && *reason == called);
        assert!(told.iter().all(|reason| reason.as_ref().is_some_and(may_be)), "{told:?}");
        assert_eq!(told[0], child.reason());
        assert_eq!(root.reason(), Some(if was_called { called } else { CancelReason::Deadline }));
        if let Some(seen) = looks.join().unwrap() {
            assert_eq!(seen, child.reason());
        }
        0
    });
}
