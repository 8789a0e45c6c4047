//! What scopes promise: all in them have ended when they have, whatever ended them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use narrows::{CancelReason, CancelToken};
use narrows_task::{OnFailure, Runtime, TaskError, block_on, go, scope, scope_options, sleep, thread_scope, yield_now};

/// Counts those of its kind that exist.
#[derive(Clone)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Counted {
        count.fetch_add(1, Ordering::SeqCst);
        Counted(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn workers(n: usize) -> Runtime {
    Runtime::builder().workers(n).build().expect("threads")
}

#[test]
fn what_is_begun_in_a_scope_has_ended_with_it() {
    let runtime = workers(2);
    for round in 0..200 {
        let count = Arc::new(AtomicUsize::new(0));
        let inside = count.clone();
        let value = runtime.block_on(scope(|scope| async move {
            for k in 0..8 {
                let counted = Counted::new(&inside);
                scope.go(async move {
                    for _ in 0..k {
                        yield_now().await;
                    }
                    drop(counted);
                });
            }
            round
        }));
        assert_eq!((value, count.load(Ordering::SeqCst)), (Ok(round), 0));
    }
}

#[test]
fn a_task_of_a_scope_may_begin_others_in_it() {
    let count = Arc::new(AtomicUsize::new(0));
    let inside = count.clone();
    let ended = workers(1).block_on(scope(|scope| async move {
        let nested = scope.clone();
        scope.go(async move {
            yield_now().await;
            for _ in 0..3 {
                let counted = Counted::new(&inside);
                nested.go(async move {
                    yield_now().await;
                    drop(counted);
                });
            }
        });
    }));
    assert_eq!((ended, count.load(Ordering::SeqCst)), (Ok(()), 0));
}

#[test]
fn a_panic_cancels_the_siblings() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Counted::new(&count);
    let error = workers(1).block_on(scope(|scope| async move {
        let waits = scope.go(async move {
            sleep(Duration::from_secs(3600)).await;
            drop(counted);
        });
        scope.go_named("broken", async { panic!("as planned") });
        assert!(matches!(waits.await, Err(TaskError::Cancelled)));
        1
    }));
    let error = error.expect_err("one panicked");
    assert_eq!(error.to_string(), "broken failed: as planned");
    assert_eq!(error.reason, Some(CancelReason::Because("broken failed: as planned".into())));
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn failures_are_collected_if_that_is_asked_for() {
    let collects = scope_options().on_failure(OnFailure::Collect);
    let error = workers(1).block_on(collects.run(|scope| async move {
        for k in 0..3 {
            scope.try_go(async move { if k == 1 { Ok(k) } else { Err(format!("number {k}")) } });
        }
    }));
    let error = error.expect_err("two failed");
    assert_eq!(error.reason, None);
    let messages: Vec<_> = error.failures.iter().map(|failure| failure.message.as_str()).collect();
    assert_eq!(messages.len(), 2);
    assert!(messages.contains(&"number 0") && messages.contains(&"number 2"));
    assert!(error.to_string().ends_with("(and 1 more)"));
}

#[test]
fn the_deadline_ends_the_body_and_the_tasks() {
    let count = Arc::new(AtomicUsize::new(0));
    let (in_task, in_body) = (Counted::new(&count), Counted::new(&count));
    let options = scope_options().timeout(Duration::from_millis(5));
    let error = workers(1).block_on(options.run(|scope| async move {
        scope.go(async move {
            sleep(Duration::from_secs(3600)).await;
            drop(in_task);
        });
        sleep(Duration::from_secs(3600)).await;
        drop(in_body);
    }));
    assert_eq!(error.expect_err("it takes an hour").reason, Some(CancelReason::Deadline));
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn with_grace_tasks_may_end_by_themselves() {
    let options = scope_options().grace(Duration::from_secs(3600));
    let ended = Arc::new(AtomicUsize::new(0));
    let told = ended.clone();
    let error = workers(1).block_on(options.run(|scope| async move {
        let token = scope.token().clone();
        scope.go(async move {
            token.cancelled().await;
            // Not dropped here: it still has an hour.
            yield_now().await;
            told.store(1, Ordering::SeqCst);
        });
        yield_now().await;
        scope.token().cancel_because("enough");
    }));
    assert_eq!(error.expect_err("cancelled").reason, Some(CancelReason::Because("enough".into())));
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}

#[test]
fn a_token_above_cancels() {
    let above = CancelToken::new();
    let options = scope_options().under(&above);
    let runtime = workers(1);
    let ended = runtime.go(async move {
        let ended = options.run(|scope| async move {
            scope.go(sleep(Duration::from_secs(3600)));
        });
        ended.await
    });
    above.cancel();
    let error = ended.join().expect("the task that runs the scope is in none").expect_err("cancelled");
    assert_eq!(error.reason, Some(CancelReason::Asked));
}

#[test]
fn a_scope_that_is_dropped_cancels_its_tasks() {
    let runtime = workers(1);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Counted::new(&count);
    let (begun, has_begun) = narrows::bounded(1);
    let task = runtime.go(async move {
        let never = scope(|scope| async move {
            scope.go(async move {
                begun.send_async(()).await.ok();
                sleep(Duration::from_secs(3600)).await;
                drop(counted);
            });
        });
        never.await.ok();
    });
    has_begun.recv().expect("it begins");
    task.cancel();
    assert!(matches!(task.join(), Err(TaskError::Cancelled)));
    let report = runtime.shutdown(Duration::from_secs(10));
    assert!(report.stuck.is_empty(), "{report:?}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn what_is_begun_after_the_end_is_cancelled() {
    let late = block_on(scope(|scope| async move { scope })).expect("nothing failed");
    assert!(matches!(late.go(async { yield_now().await }).join(), Err(TaskError::Cancelled)));
}

#[test]
fn scopes_may_lie_in_each_other() {
    let sum = go(async {
        let outer = scope(|outer| async move {
            let part = outer.go(async {
                let inner = scope(|inner| async move { inner.go(async { 20 }).await.unwrap() + 1 });
                inner.await.unwrap()
            });
            part.await.unwrap() * 2
        });
        outer.await.unwrap()
    });
    assert_eq!(sum.join().unwrap(), 42);
}

#[test]
fn threads_of_a_scope_borrow_and_fail() {
    let words = ["one", "two", "three"];
    let length = thread_scope(|scope| {
        let all: Vec<_> = words.iter().map(|word| scope.spawn(|_| word.len())).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(length, Ok(11));

    let error = thread_scope(|scope| {
        scope.spawn(|token| token.cancelled().wait());
        scope.spawn(|_| panic!("as planned"));
    });
    let error = error.expect_err("one panicked");
    assert_eq!(error.to_string(), "one of them failed: as planned");
}

#[test]
fn the_deadline_reaches_threads() {
    let options = scope_options().timeout(Duration::from_millis(5));
    let error = options.run_threads(|scope| {
        scope.spawn(|token| token.cancelled().wait());
    });
    assert_eq!(error.expect_err("it waits for the deadline").reason, Some(CancelReason::Deadline));
}
