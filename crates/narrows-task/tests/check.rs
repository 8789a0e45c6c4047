//! Tasks under the checker's schedules (`--cfg narrows_check`), where each is a thread of it. Without the cfg the bodies run once,
//! on a runtime.

use std::time::Duration;

use narrows::{Receiver, Sender, check::Checker, oneshot};
use narrows_task::{Runtime, TaskError, block_on, blocking, go, go_named, scope, sleep};

const BRIEF: Duration = Duration::from_millis(5);

fn holds(body: impl Fn() + Send + Sync + 'static) {
    Checker::new().schedules(400).run(body);
}

enum ToAccount {
    Get(oneshot::Sender<u32>),
    #[cfg_attr(not(narrows_check), allow(dead_code))]
    Set(u32),
    Add(u32),
}

async fn keeps(requests: Receiver<ToAccount>) -> u32 {
    let mut balance = 0;
    while let Ok(request) = requests.recv_async().await {
        match request {
            // Who does not want to know any more need not.
            ToAccount::Get(reply) => drop(reply.send(balance)),
            ToAccount::Set(new) => balance = new,
            ToAccount::Add(more) => balance += more,
        }
    }
    balance
}

/// Two customers, each of whom runs the future that `deposit` makes.
fn two_deposit<F: Future<Output = ()> + Send + 'static>(deposit: fn(Sender<ToAccount>) -> F) {
    let (account, requests) = narrows::bounded(1);
    let keeper = go_named("keeper", keeps(requests));
    let customers = [account.clone(), account].map(|account| go(deposit(account)));
    block_on(async {
        for customer in customers {
            customer.await.unwrap();
        }
    });
    assert_eq!(keeper.join().unwrap(), 2, "a deposit is lost");
}

#[test]
fn one_message_that_says_what_to_do_loses_no_update() {
    holds(|| {
        two_deposit(|account| async move {
            account.ask_async(ToAccount::Get).await.unwrap();
            account.send_async(ToAccount::Add(1)).await.unwrap();
        });
    });
}

#[cfg(narrows_check)]
mod found {
    use narrows_task::yield_now;

    use super::*;

    fn wrong() {
        two_deposit(|account| async move {
            let balance = account.ask_async(ToAccount::Get).await.unwrap();
            account.send_async(ToAccount::Set(balance + 1)).await.unwrap();
        });
    }

    #[test]
    fn a_lost_update_of_tasks_is_found_and_comes_again() {
        for seed in 0..10 {
            let found = Checker::new().seed(seed).find(wrong).expect("it is found");
            assert!(found.message().contains("a deposit is lost"), "{found}");
            let again = Checker::new().replay(found.schedule()).find(wrong).expect("it fails again");
            assert_eq!((again.message(), again.schedule()), (found.message(), found.schedule()));
        }
    }

    #[test]
    fn tasks_that_wait_for_each_other_are_named() {
        let found = Checker::new().find(|| {
            let (s, r) = narrows::bounded::<u32>(1);
            let (t, q) = narrows::bounded::<u32>(1);
            let left = go_named("left", async move {
                let _ = r.recv_async().await;
                drop(t);
            });
            go_named("right", async move {
                let _ = q.recv();
                drop(s);
            });
            left.join().unwrap();
        });
        let found = found.unwrap();
        let message = found.message();
        assert!(found.is_deadlock() && message.contains("task left") && message.contains("task right"), "{found}");
    }

    #[test]
    fn a_shutdown_finds_its_tasks_done_or_cancels_them() {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
        let into = seen.clone();
        holds(move || {
            let runtime = Runtime::builder().workers(1).build().unwrap();
            let task = runtime.go(async { yield_now().await });
            let forever = runtime.go(async { narrows::never::<u32>().recv_async().await });
            let report = runtime.shutdown(BRIEF);
            assert!(matches!(forever.join(), Err(TaskError::Cancelled)));
            into.lock().unwrap().insert(task.join().is_ok());
            assert!(report.cancelled <= 2);
        });
        assert_eq!(seen.lock().unwrap().len(), 2);
    }
}

#[test]
fn a_task_that_waits_for_ever_is_cancelled() {
    holds(|| {
        let (_s, r) = narrows::bounded::<u32>(1);
        let task = go(async move { r.recv_async().await });
        task.cancel();
        assert!(matches!(task.join(), Err(TaskError::Cancelled)));
    });
}

#[test]
fn a_panic_reaches_the_handle_alone() {
    holds(|| {
        let broken = go(async { panic!("no such page") });
        let whole = go(async { 7 });
        assert!(matches!(broken.join(), Err(TaskError::Panicked(why)) if why.message() == Some("no such page")));
        assert_eq!(whole.join().unwrap(), 7);
    });
}

#[test]
fn tasks_may_block_and_sleep() {
    holds(|| {
        let (s, r) = narrows::bounded(0);
        let reader = go(async move { r.recv() });
        let writer = go(async move {
            sleep(BRIEF).await;
            blocking(|| s.send(1))
        });
        writer.join().unwrap().unwrap();
        assert_eq!(reader.join().unwrap(), Ok(1));
    });
}

#[test]
fn the_siblings_of_what_fails_are_cancelled() {
    holds(|| {
        let ended = block_on(scope(|scope| async move {
            for _ in 0..2 {
                let (s, r) = narrows::bounded::<u32>(1);
                scope.go(async move {
                    let _ = r.recv_async().await;
                    drop(s);
                });
            }
            scope.go_named("faulty", async { panic!("out of paint") });
        }));
        let why = ended.unwrap_err();
        assert_eq!(why.failures.len(), 1);
        assert_eq!((why.failures[0].name.as_deref(), &*why.failures[0].message), (Some("faulty"), "out of paint"));
    });
}

#[test]
fn each_runtime_has_its_own_tasks() {
    holds(|| {
        let runtime = Runtime::builder().workers(1).build().unwrap();
        let names = runtime.block_on(async {
            let inner = go_named("inner", async { narrows_task::name() });
            inner.await.unwrap()
        });
        assert_eq!(names.as_deref(), Some("inner"));
        assert_eq!(runtime.stats().finished, 1);
        assert_eq!(narrows_task::name(), None);
    });
}

#[test]
fn threads_of_a_scope_borrow() {
    holds(|| {
        let words = ["to", "be"];
        let length = narrows_task::thread_scope(|scope| {
            let lengths: Vec<_> = words.iter().map(|word| scope.spawn(move |_| word.len())).collect();
            lengths.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(length.unwrap(), 4);
    });
}
