//! Without the checker a body runs on threads of the system.
#![cfg(not(narrows_check))]

use std::sync::atomic::{AtomicUsize, Ordering};

use narrows::check::{self, Checker};

#[test]
fn a_body_runs_once_whatever_the_schedules() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    Checker::new().schedules(100).run(|| {
        RUNS.fetch_add(1, Ordering::Relaxed);
    });
    let expected = std::env::var("NARROWS_SCHEDULES").map_or(1, |wanted| wanted.parse().unwrap());
    assert_eq!(RUNS.load(Ordering::Relaxed), expected);
}

#[test]
fn what_a_body_says_in_its_panic_is_told() {
    let found = Checker::new().find(|| panic!("as it was to be")).unwrap();
    assert_eq!((found.message(), found.schedules(), found.schedule()), ("as it was to be", 1, ""));
    assert!(!found.is_deadlock() && found.to_string().contains("--cfg narrows_check"), "{found}");
}

#[test]
#[should_panic(expected = "build with RUSTFLAGS")]
fn no_schedule_is_replayed() {
    check::replay("1.a", || {});
}

#[test]
fn a_future_runs_to_its_end() {
    let (s, r) = narrows::bounded(0);
    let task = check::spawn(async move { r.recv_async().await });
    check::block_on(s.send_async(7)).unwrap();
    assert_eq!(task.join().unwrap(), Ok(7));
    let before = check::now();
    assert!(check::now() >= before && check::choose(3) < 3);
}
