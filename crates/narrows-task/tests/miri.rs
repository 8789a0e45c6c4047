//! What miri interprets: each way in which the memory of a task is used and given back. Few, for it is slow.

use std::{future, thread, time::Duration};

use narrows_task::{Runtime, TaskError, block_on, go, yield_now};

fn runtime() -> Runtime {
    Runtime::builder().workers(2).build().expect("threads")
}

#[test]
fn tasks_end_in_every_way() {
    let runtime = runtime();
    assert_eq!(runtime.go(async { vec![1, 2] }).join().expect("no panic"), [1, 2]);
    assert!(matches!(runtime.go(async { panic!("on purpose") }).join(), Err(TaskError::Panicked(_))));
    let waits = runtime.go_named("waits", future::pending::<()>());
    waits.cancel();
    assert!(matches!(waits.join(), Err(TaskError::Cancelled)));
    let left = runtime.go(future::pending::<Box<u8>>());
    runtime.go(async { Box::new(1) }).detach();
    runtime.shutdown(Duration::ZERO);
    assert!(matches!(left.join(), Err(TaskError::Cancelled)));
}

#[test]
fn tasks_are_woken_by_tasks_and_threads() {
    let runtime = runtime();
    let (s, r) = narrows::bounded(1);
    let receives = runtime.go(async move {
        let mut all = Vec::new();
        while let Ok(message) = r.recv_async().await {
            all.push(message);
        }
        all.len()
    });
    let other = s.clone();
    let sends = thread::spawn(move || (0..5).for_each(|k| other.send(Box::new(k)).expect("it is received")));
    runtime
        .go(async move {
            for k in 0..5 {
                go(yield_now()).await.expect("no panic");
                s.send_async(Box::new(k)).await.expect("it is received");
            }
        })
        .detach();
    sends.join().expect("no panic");
    assert_eq!(block_on(receives).expect("no panic"), 10);
}

#[test]
fn a_task_that_blocks_hands_its_worker_over() {
    let runtime = Runtime::builder().workers(1).build().expect("threads");
    let (s, r) = narrows::bounded::<Box<u8>>(0);
    let receives = runtime.go(async move { r.recv() });
    runtime.go(async move { s.send(Box::new(1)) }).join().expect("no panic").expect("it is received");
    assert_eq!(receives.join().expect("no panic"), Ok(Box::new(1)));
}
