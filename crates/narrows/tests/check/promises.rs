//! What the checker promises beyond finding bugs.
#![cfg(narrows_check)]

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    time::Duration,
};

use narrows::{
    AskTimeoutError, RecvTimeoutError,
    check::{
        self, Checker,
        thread::{self, sleep as sleep_as_scheduled},
    },
};

const LONG: Duration = Duration::from_secs(3600);

/// Runs a body under `schedules` of each kind, and says what it returned.
fn outcomes<T: Ord + Send + 'static>(schedules: usize, body: impl Fn() -> T + Send + Sync + 'static) -> BTreeSet<T> {
    let all = std::sync::Arc::new(Mutex::new(BTreeSet::new()));
    let seen = all.clone();
    Checker::new().schedules(schedules).run(move || {
        let outcome = body();
        seen.lock().unwrap().insert(outcome);
    });
    std::mem::take(&mut *all.lock().unwrap())
}

fn both() -> BTreeSet<bool> {
    [false, true].into()
}

/// The panic of a check that is to fail.
fn panic_of(act: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(act)).expect_err("it is to panic");
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| (*panic.downcast_ref::<&str>().unwrap()).to_owned())
}

/// Fails in some schedules only, and not alike in all of those.
fn two_hasty() {
    let (s, r) = narrows::bounded(4);
    for number in 0..3 {
        let s = s.clone();
        thread::spawn(move || s.send(number));
    }
    drop(s);
    let got: Vec<u32> = r.iter().collect();
    let timed = narrows::never::<u32>().recv_timeout(LONG);
    assert!(timed == Err(RecvTimeoutError::Timeout) && got != [2, 0, 1] && got != [1, 2, 0], "in the order {got:?}");
}

#[test]
fn a_failure_comes_again_when_its_schedule_is_replayed() {
    let mut messages = BTreeSet::new();
    for seed in 0..20 {
        for checker in [Checker::new().random(), Checker::new().pct(3)] {
            let found = checker.schedules(2000).seed(seed).find(two_hasty).expect("some schedule has that order");
            for _ in 0..2 {
                let again = Checker::new().replay(found.schedule()).find(two_hasty).expect("it fails again");
                assert_eq!(again.message(), found.message());
                assert_eq!(again.schedule(), found.schedule());
            }
            messages.insert(found.message().to_owned());
        }
    }
    assert_eq!(messages.len(), 2, "{messages:?}");
}

#[test]
fn a_schedule_may_be_in_a_file() {
    let found = Checker::new().find(two_hasty).unwrap();
    let path = std::env::temp_dir().join(format!("narrows-check-test-{}", std::process::id()));
    std::fs::write(&path, format!("{}\n", found.schedule())).unwrap();
    let said = panic_of(|| check::replay(path.to_str().unwrap(), two_hasty));
    std::fs::remove_file(&path).unwrap();
    assert!(said.contains(found.message()), "{said}");
    assert!(panic_of(|| check::replay("nonsense", two_hasty)).contains("no schedule"));
}

#[test]
fn another_program_leaves_the_schedule_and_is_told() {
    let found = Checker::new().find(two_hasty).unwrap();
    let other = Checker::new().replay(found.schedule()).find(|| {
        for _ in 0..100 {
            thread::yield_now();
        }
        panic!("not the same");
    });
    let other = other.unwrap();
    assert!(other.message().contains("leaves the schedule"), "{other}");
}

#[test]
fn a_mended_program_passes_the_schedule() {
    let found = Checker::new().find(|| assert_eq!(check::choose(2), 0)).unwrap();
    check::replay(found.schedule(), || assert!(check::choose(2) < 2));
}

#[test]
fn the_report_says_how_many_which_and_how_to_repeat_it() {
    let said = panic_of(|| Checker::new().schedules(1000).seed(5).run(two_hasty));
    for part in
        ["schedule ", " of 1000 failed", "in the order [", "tests/check/promises.rs:", "seed 5", "NARROWS_REPLAY='"]
    {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    let exact = "-- --exact promises::the_report_says_how_many_which_and_how_to_repeat_it";
    assert!(said.contains(exact), "{said}");
}

#[test]
fn a_deadlock_names_who_waits_and_for_what() {
    let found = Checker::new().find(|| {
        let (_kept, r) = narrows::builder().name("pages").bounded(1);
        let reader = thread::Builder::new().name("the reader".into()).spawn(move || {
            let _: u32 = r.recv().unwrap();
        });
        let (reply, answer) = narrows::oneshot::channel::<u32>();
        check::spawn(async move {
            let _kept = reply;
            answer.await
        });
        let (full, _kept) = narrows::bounded(0);
        thread::spawn(move || narrows::select! { send(full, 1) -> _ => {}, recv(narrows::never::<u32>()) -> _ => {} });
        reader.unwrap().join().unwrap();
    });
    let found = found.unwrap();
    assert!(found.is_deadlock(), "{found}");
    let (_, who) = found.message().split_once("wake it: ").unwrap();
    let who: Vec<&str> = who.split(", ").collect();
    let place = "made at crates/narrows/tests/check/promises.rs";
    assert!(
        matches!(who[..], [
        "main-thread",
        reader,
        task,
        selector,
    ] if reader.starts_with(&format!("the reader (waits to receive from the channel `pages` {place}:"))
        && task.contains(&format!(" (waits to receive from the oneshot {place}:"))
        && selector.contains(&format!(" (waits to send into the channel {place}:"))),
        "{who:#?}"
    );
}

#[test]
fn a_program_without_end_is_a_failure() {
    let found = Checker::new().steps(5000).find(|| {
        let (_s, r) = narrows::bounded::<u32>(1);
        while r.try_recv().is_err() {
            thread::yield_now();
        }
    });
    assert!(found.as_ref().is_some_and(|found| found.message().contains("no end after 5000 steps")), "{found:?}");
}

#[test]
fn a_panic_that_is_caught_is_none() {
    Checker::new().schedules(400).run(|| {
        let caught = thread::spawn(|| catch_unwind(|| panic!("expected")).is_err());
        assert!(caught.join().unwrap());
    });
    let found = Checker::new().find(|| {
        assert!(catch_unwind(|| panic!("expected")).is_err());
        panic!("not expected");
    });
    assert!(found.unwrap().message().starts_with("not expected, at "));
}

#[test]
fn one_thread_alone_is_checked_by_either_kind() {
    Checker::new().pct(2).schedules(100).run(|| drop(narrows::bounded::<u32>(1)));
    Checker::new().random().schedules(100).run(|| {});
}

#[test]
fn outside_a_run_it_is_said_where_channels_live() {
    let advice = "inside a checked run";
    assert!(panic_of(|| drop(narrows::bounded::<u32>(1))).contains(advice));
    assert!(panic_of(|| drop(narrows::oneshot::channel::<u32>())).contains(advice));
    assert!(panic_of(|| drop(narrows::watch::channel(0))).contains(advice));
    assert!(panic_of(|| drop(narrows::CancelToken::new())).contains(advice));
    assert!(panic_of(|| drop(thread::spawn(|| {}))).contains(advice));
    assert!(panic_of(|| check::block_on(async {})).contains(advice));
}

#[test]
fn a_select_takes_any_ready_arm() {
    let taken = outcomes(100, || {
        let channels = [narrows::bounded(1), narrows::bounded(1)];
        for (s, _) in &channels {
            s.send(()).unwrap();
        }
        let [(_s, first), (_t, second)] = &channels;
        narrows::select! { recv(first) -> _ => true, recv(second) -> _ => false }
    });
    assert_eq!(taken, both());
    assert_eq!(outcomes(100, || check::choose(3)), [0, 1, 2].into());
}

#[test]
fn a_time_limit_passes_or_does_not() {
    let came = |wait: fn(&narrows::Receiver<u32>) -> bool| {
        outcomes(200, move || {
            let (s, r) = narrows::bounded(1);
            let sender = thread::spawn(move || s.send(1));
            let came = wait(&r);
            let _ = sender.join().unwrap();
            came
        })
    };
    assert_eq!(came(|r| r.recv_timeout(LONG).is_ok()), both());
    assert_eq!(came(|r| r.recv_deadline(check::now() + LONG).is_ok()), both());
    assert_eq!(came(|r| narrows::select! { recv(r) -> _ => true, default(LONG) => false }), both());
    assert_eq!(came(|r| narrows::select! { recv(r) -> _ => true, recv(narrows::after(LONG)) -> _ => false }), both());
    assert_eq!(came(|r| narrows::select! { recv(r) -> _ => true, recv(narrows::tick(LONG)) -> _ => false }), both());
    let cancelled = |r: &narrows::Receiver<u32>| {
        let token = narrows::CancelToken::with_deadline(check::now() + LONG);
        let came = narrows::select! { recv(r) -> _ => true, recv(token.cancelled()) -> _ => false };
        assert!(came || token.child().is_cancelled(), "what has passed stays so");
        came
    };
    assert_eq!(came(cancelled), both());
    assert_eq!(came(|r| check::block_on(selected(r))), both());
    assert_eq!(came(|r| check::block_on(batched(r))), both());
}

/// A task's wait is ended by the clock, too.
async fn selected(r: &narrows::Receiver<u32>) -> bool {
    let after = narrows::after(LONG);
    let mut select = narrows::Select::new();
    let message = select.recv(r);
    select.recv(&after);
    let chosen = select.select_async().await;
    if chosen.index() == message { chosen.recv(r).is_ok() } else { chosen.recv(&after).is_err() }
}

async fn batched(r: &narrows::Receiver<u32>) -> bool {
    let timer = narrows::tick(LONG);
    timer.recv_async().await.unwrap();
    !r.is_empty()
}

#[test]
fn a_task_asks_and_does_not_wait_for_ever() {
    let answered = outcomes(200, || {
        let (s, r) = narrows::bounded::<narrows::oneshot::Sender<u32>>(1);
        let server = check::spawn(async move {
            while let Ok(reply) = r.recv_async().await {
                let _ = reply.send(7);
            }
        });
        let answer = check::block_on(s.ask_timeout_async(|reply| reply, LONG));
        drop(s);
        server.join().unwrap();
        match answer {
            Ok(answer) => answer == 7,
            Err(AskTimeoutError::Timeout | AskTimeoutError::Unsent(_)) => false,
            Err(why) => panic!("the server is there and answers all: {why}"),
        }
    });
    assert_eq!(answered, both());
}

#[test]
fn of_two_limits_the_later_does_not_pass_first() {
    Checker::new().schedules(400).run(|| {
        let never = narrows::never::<u32>();
        let (early, late) = (check::now() + LONG, check::now() + 2 * LONG);
        let sleeper = thread::spawn(move || {
            sleep_as_scheduled(2 * LONG);
            check::now()
        });
        assert_eq!(never.recv_deadline(late), Err(RecvTimeoutError::Timeout));
        assert!(check::now() >= late);
        assert!(narrows::at(early).try_recv().is_ok());
        assert!(sleeper.join().unwrap() >= late);
    });
}

#[test]
fn nobody_waits_for_the_clock() {
    let began = std::time::Instant::now();
    Checker::new().schedules(400).run(|| {
        sleep_as_scheduled(LONG);
        let ticks = narrows::tick(LONG);
        assert_eq!(ticks.iter().take(5).count(), 5);
    });
    assert!(began.elapsed() < LONG);
}

#[test]
fn threads_borrow_in_a_scope() {
    Checker::new().schedules(400).run(|| {
        let (s, r) = narrows::bounded(1);
        let s = &s;
        thread::scope(|scope| {
            for n in 0..2 {
                scope.spawn(move || s.send(n).unwrap());
            }
            assert_eq!(r.recv().unwrap() + r.recv().unwrap(), 1);
        });
    });
}
