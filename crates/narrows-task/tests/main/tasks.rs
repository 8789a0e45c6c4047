//! Tasks, their handles and names, and what is counted.

use std::{
    env, future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use narrows_task::{Runtime, TaskError, block_on, go, go_named, name, sleep, stats, yield_now};
use narrows_test::deadline::{until, within};

use crate::{is_a_child, run_again, runtime};

/// Says when it is dropped.
struct Tells(narrows::Sender<()>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.try_send(()).expect("somebody listens");
    }
}

#[test]
fn a_task_tells_its_handle_what_came_of_it() {
    within("a few tasks", || {
        let runtime = runtime(2);
        assert_eq!(runtime.go(async { 6 * 7 }).join().expect("no panic"), 42);
        assert_eq!(runtime.block_on(runtime.go(async { "awaited" })).expect("no panic"), "awaited");
        let broken = runtime.go(async { panic!("no {}", "page") });
        let Err(TaskError::Panicked(why)) = broken.join() else { panic!("it panicked") };
        assert_eq!(why.message(), Some("no page"));
        let thrown = runtime.go(async { std::panic::panic_any(7) });
        let Err(TaskError::Panicked(why)) = thrown.join() else { panic!("it panicked") };
        assert_eq!(why.message(), None);
        assert_eq!(why.into_inner().downcast_ref(), Some(&7));
        let stats = runtime.stats();
        assert_eq!((stats.finished, stats.panicked, stats.cancelled, stats.alive), (2, 2, 0, 0));
    });
}

#[test]
fn a_dropped_handle_lets_its_task_go_on() {
    within("a detached task", || {
        let runtime = runtime(1);
        let (s, r) = narrows::bounded(0);
        drop(runtime.go(async move { s.send_async(1).await }));
        assert_eq!(r.recv(), Ok(1));
    });
}

#[test]
fn a_cancelled_task_is_dropped_where_it_waits() {
    within("a task that waits for ever", || {
        let runtime = runtime(1);
        let (s, r) = narrows::bounded(2);
        let tells = Tells(s.clone());
        let task = runtime.go(async move {
            tells.0.send(()).expect("somebody listens");
            future::pending::<()>().await;
        });
        r.recv().expect("it runs");
        task.cancel();
        task.cancel();
        r.recv().expect("it is dropped");
        assert!(matches!(task.join(), Err(TaskError::Cancelled)));
        assert_eq!(runtime.stats().cancelled, 1);
    });
}

#[test]
fn who_has_an_answer_keeps_it_though_it_is_cancelled() {
    within("a task that is done", || {
        let runtime = runtime(1);
        let task = runtime.go(async { 1 });
        until("it is done", || task.is_finished());
        task.cancel();
        assert_eq!(task.join().expect("it was done before"), 1);
    });
}

#[test]
fn cancelling_races_with_ending_and_one_of_them_wins() {
    within("many tasks", || {
        let runtime = runtime(2);
        for _ in 0..2000 {
            let task = runtime.go(async {
                yield_now().await;
                1
            });
            task.cancel();
            match task.join() {
                Ok(1) | Err(TaskError::Cancelled) => {}
                other => panic!("{other:?}"),
            }
        }
        let stats = runtime.stats();
        assert_eq!(stats.finished + stats.cancelled, 2000);
        assert_eq!(stats.alive, 0);
    });
}

#[test]
fn a_task_knows_its_name() {
    within("tasks with names", || {
        let runtime = runtime(1);
        let names = runtime.go_named("parent", async {
            let child = go_named("child", async { name() }).await.expect("no panic");
            let nobody = go(async { name() }).await.expect("no panic");
            (name(), child, nobody)
        });
        let (parent, child, nobody) = names.join().expect("no panic");
        assert_eq!(parent.as_deref(), Some("parent"));
        assert_eq!(child.as_deref(), Some("child"));
        assert_eq!(nobody, None);
        assert_eq!(name(), None, "this is no task");
    });
}

#[test]
fn a_task_is_woken_from_any_thread() {
    within("wake-ups from outside", || {
        let runtime = runtime(2);
        let (s, r) = narrows::bounded(1);
        let sum = runtime.go(async move {
            let mut sum = 0;
            while let Ok(k) = r.recv_async().await {
                sum += k;
            }
            sum
        });
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let s = s.clone();
                thread::spawn(move || (0..250).for_each(|k| s.send(k).expect("it is received")))
            })
            .collect();
        drop(s);
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(sum.join().expect("no panic"), 4 * (0..250).sum::<usize>());
    });
}

#[test]
fn a_sleep_is_no_shorter_than_said() {
    within("a short sleep", || {
        let (begin, time) = (Instant::now(), Duration::from_millis(5));
        block_on(sleep(time));
        assert!(begin.elapsed() >= time);
    });
}

#[test]
fn what_cannot_be_had_is_refused_with_a_reason() {
    let refused = |builder: narrows_task::Builder| builder.build().expect_err("it cannot be had").to_string();
    assert_eq!(refused(Runtime::builder().workers(0)), "0 workers: between 1 and 4096 can be");
    assert!(refused(Runtime::builder().workers(5000)).starts_with("5000 workers"));
    assert!(refused(Runtime::builder().workers(1).thread_name("a\0b")).contains("NUL"));
}

fn as_the_environment_says() {
    match env::var("NARROWS_WORKERS").expect("it is set").as_str() {
        "3" => {
            assert_eq!(Runtime::builder().build().expect("threads").stats().workers, 3);
            assert_eq!(Runtime::builder().workers(1).build().expect("threads").stats().workers, 1);
            assert_eq!(go(async { stats().workers }).join().expect("no panic"), 3);
        }
        wrong => {
            let why = Runtime::builder().build().expect_err("no number of workers").to_string();
            assert_eq!(why, format!("NARROWS_WORKERS is {wrong:?}: a number from 1 to 4096 is expected"));
        }
    }
}

#[test]
fn the_environment_says_how_many_workers() {
    if is_a_child() {
        return as_the_environment_says();
    }
    for value in ["3", "0", "-1", "many", ""] {
        run_again("tasks::the_environment_says_how_many_workers", |run| {
            run.env("NARROWS_WORKERS", value);
        });
    }
}

struct Counts(Arc<AtomicUsize>);

impl Drop for Counts {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn what_a_task_holds_is_dropped_once() {
    within("tasks that end in every way", || {
        let runtime = runtime(2);
        let drops = Arc::new(AtomicUsize::new(0));
        let new = || Counts(drops.clone());
        let (ends, waits, breaks, returns) = (new(), new(), new(), new());
        runtime.go(async move { drop(ends) }).join().expect("no panic");
        let waits = runtime.go(async move {
            future::pending::<()>().await;
            drop(waits);
        });
        runtime
            .go(async move {
                let _breaks = breaks;
                panic!("on purpose");
            })
            .join()
            .expect_err("it panicked");
        let returns = runtime.go(async move { returns });
        until("it is done", || returns.is_finished());
        assert_eq!(drops.load(Ordering::SeqCst), 2);
        drop(returns);
        assert_eq!(drops.load(Ordering::SeqCst), 3);
        runtime.shutdown(Duration::ZERO);
        assert_eq!(drops.load(Ordering::SeqCst), 4);
        assert!(matches!(waits.join(), Err(TaskError::Cancelled)));
    });
}
