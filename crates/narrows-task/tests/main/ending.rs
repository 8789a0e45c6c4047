//! How tasks and runtimes end.

use std::{
    future,
    hint::spin_loop,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use narrows_task::{Runtime, Task, TaskError, go, stats, yield_now};
use narrows_test::deadline::{until, within};

use crate::{crowded, is_a_child, run_again, runtime};

/// A task that keeps its thread until it is told, and then does `then`.
fn spin_then<R: Send + 'static, F: Future<Output = R> + Send>(
    runtime: &Runtime,
    then: impl FnOnce() -> F + Send + 'static,
) -> (Task<R>, Arc<AtomicBool>) {
    let (began, ends) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (began_, ends_) = (began.clone(), ends.clone());
    let task = runtime.go_named("spinner", async move {
        began_.store(true, Ordering::SeqCst);
        while !ends_.load(Ordering::SeqCst) {
            spin_loop();
        }
        then().await
    });
    until("it runs", || began.load(Ordering::SeqCst));
    (task, ends)
}

#[test]
fn a_shutdown_may_take_for_ever() {
    within("a shutdown with no task", || assert!(runtime(1).shutdown(Duration::MAX).is_clean()));
}

#[test]
fn a_stuck_task_that_gives_way_after_the_end_is_cancelled() {
    within("a stuck task", || {
        let runtime = runtime(1);
        let (task, ends) = spin_then(&runtime, yield_now);
        until("its worker is taken from it", || runtime.stats().handed_over > 0);
        let report = runtime.shutdown(Duration::ZERO);
        assert_eq!(report.stuck, ["spinner"]);
        ends.store(true, Ordering::SeqCst);
        assert!(matches!(task.join(), Err(TaskError::Cancelled)));
    });
}

#[test]
fn a_task_begun_after_the_end_is_cancelled_also_where_its_worker_is_stuck() {
    within("a stuck task", || {
        let runtime = crowded(1);
        let (task, ends) = spin_then(&runtime, || async {
            // It is asked again and again here, so that it does not end by being cancelled itself.
            matches!(go(async {}).join(), Err(TaskError::Cancelled))
        });
        let report = runtime.shutdown(Duration::ZERO);
        assert_eq!(report.stuck, ["spinner"]);
        ends.store(true, Ordering::SeqCst);
        assert!(task.join().expect("it was being polled"));
    });
}

#[test]
fn who_ends_the_runtime_is_not_taken_for_stuck() {
    within("a shutdown from inside", || {
        let runtime = runtime(2);
        let (ends, shared) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (ends_, shared_) = (ends.clone(), shared.clone());
        runtime
            .go_named("victim", async move {
                shared_.store(true, Ordering::SeqCst);
                while !ends_.load(Ordering::SeqCst) {
                    spin_loop();
                }
            })
            .detach();
        until("it runs", || shared.load(Ordering::SeqCst));
        let (give, given) = narrows::bounded::<Runtime>(1);
        let boss = runtime.go_named("boss", async move {
            given.recv_async().await.expect("it comes").shutdown(Duration::ZERO).stuck
        });
        give.send(runtime).expect("the boss waits");
        assert_eq!(boss.join().expect("it ended the runtime, not itself"), ["victim"]);
        ends.store(true, Ordering::SeqCst);
    });
}

#[test]
fn tasks_that_nobody_came_to_are_cancelled_not_stuck() {
    within("a full runtime", || {
        let runtime = crowded(1);
        let (_task, ends) = spin_then(&runtime, future::pending::<()>);
        let waiting: Vec<_> = (0..10).map(|_| runtime.go(future::pending::<()>())).collect();
        let report = runtime.shutdown(Duration::ZERO);
        assert_eq!(report.stuck, ["spinner"]);
        assert_eq!(report.cancelled, 10);
        for task in waiting {
            assert!(matches!(task.join(), Err(TaskError::Cancelled)));
        }
        ends.store(true, Ordering::SeqCst);
    });
}

#[test]
fn no_task_begins_once_the_end_was_called_for() {
    within("a shutdown with patience", || {
        let runtime = runtime(1);
        let (say, said) = narrows::bounded::<()>(0);
        let late = runtime.go(async move {
            // A task begun while it goes on is refused once the shutdown has begun.
            while go(async {}).await.is_ok() {
                yield_now().await;
            }
            drop(say);
        });
        let report = runtime.shutdown(Duration::MAX);
        assert!(said.recv().is_err(), "it has dropped it");
        late.join().expect("it ended by itself");
        assert!(report.stuck.is_empty() && report.finished >= 1, "{report:?}");
    });
}

#[test]
fn what_block_on_starts_is_that_runtimes_also_inside_anothers_task() {
    within("two runtimes", || {
        let (outer, inner) = (runtime(1), runtime(3));
        let workers = outer.go(async move { inner.block_on(async { go(async { stats().workers }).await }) });
        assert_eq!(workers.join().expect("no panic").expect("no panic"), 3);
    });
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

/// Its poll panics, and then its drop.
struct Twice {
    _bomb: Bomb,
}

impl Future for Twice {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("polled")
    }
}

/// Tasks that end in every bad way.
fn bad_ends() {
    let runtime = runtime(1);
    // What it returns, or holds, or threw, panics when it is dropped, and nobody takes it.
    runtime.go(async { Bomb }).detach();
    runtime.go(async { std::panic::panic_any(Bomb) }).detach();
    let (say, said) = narrows::bounded(1);
    let held = runtime.go(async move {
        let _bomb = Bomb;
        say.send(()).expect("somebody listens");
        future::pending::<()>().await;
    });
    said.recv().expect("it holds it");
    held.cancel();
    assert!(matches!(held.join(), Err(TaskError::Panicked(_))));
    let twice = runtime.go(Twice { _bomb: Bomb });
    let Err(TaskError::Panicked(why)) = twice.join() else { panic!("it panicked") };
    assert_eq!(why.message(), Some("polled"));
    let kept = runtime.go(async { Bomb });
    until("it is done", || kept.is_finished());
    catch_unwind(AssertUnwindSafe(|| drop(kept))).ok();
    assert_eq!(runtime.go(async { 7 }).join().expect("the worker lives"), 7);
}

#[test]
fn nothing_that_panics_when_it_is_dropped_ends_the_process() {
    // In a process of its own, for an abort would end all tests.
    if is_a_child() {
        return bad_ends();
    }
    run_again("ending::nothing_that_panics_when_it_is_dropped_ends_the_process", |_| ());
}
