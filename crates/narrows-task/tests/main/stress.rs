//! Many of everything at once. `NARROWS_DEEP` has it go on longer.

use std::{env, pin::Pin, thread, time::Duration};

use narrows_task::{TaskError, blocking, go, yield_now};
use narrows_test::deadline::within;

use crate::runtime;

fn rounds(few: usize) -> usize {
    if env::var_os("NARROWS_DEEP").is_some() { few * 20 } else { few }
}

/// A tree of tasks: each waits for its two children in one of three ways.
fn tree(depth: u32) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(grow(depth))
}

async fn grow(depth: u32) -> usize {
    if depth == 0 {
        yield_now().await;
        return 1;
    }
    let (left, right) = (go(tree(depth - 1)), go(tree(depth - 1)));
    let left = if depth.is_multiple_of(3) { left.join() } else { left.await };
    let right = if depth.is_multiple_of(4) { blocking(|| right.join()) } else { right.await };
    left.expect("no panic") + right.expect("no panic") + 1
}

#[test]
fn tasks_that_wait_for_tasks_all_end() {
    for workers in [1, 2, 4] {
        within("a tree of tasks", move || {
            let runtime = runtime(workers);
            for _ in 0..rounds(3) {
                assert_eq!(runtime.go(tree(7)).join().expect("no panic"), 255);
            }
            assert_eq!(runtime.stats().alive, 0);
        });
    }
}

/// Lines of channels through tasks that block and tasks that await, fed and drained by threads.
#[test]
fn messages_pass_through_tasks_of_all_kinds() {
    for workers in [1, 2, 4] {
        within("lines of tasks", move || {
            let runtime = runtime(workers);
            let n = rounds(50);
            let lines: Vec<_> = (0..4)
                .map(|line| {
                    let (first, mut last) = narrows::bounded(line);
                    for k in 0..10 {
                        let (s, r) = narrows::bounded(k % 3);
                        let from = std::mem::replace(&mut last, r);
                        runtime
                            .go(async move {
                                loop {
                                    let message = if k % 2 == 0 { from.recv() } else { from.recv_async().await };
                                    let Ok(message) = message else { return };
                                    let sent = if k % 3 == 0 { s.send(message) } else { s.send_async(message).await };
                                    sent.expect("somebody receives");
                                }
                            })
                            .detach();
                    }
                    thread::spawn(move || (0..n).for_each(|k| first.send(k).expect("somebody receives")));
                    last
                })
                .collect();
            for line in lines {
                assert!(line.iter().eq(0..n));
            }
        });
    }
}

/// The end comes at any moment: beside tasks that begin, are woken, cancelled, and block. Each handle hears of its task.
#[test]
fn runtimes_may_end_at_any_moment() {
    for round in 0..rounds(60) {
        within("a runtime", move || {
            let runtime = runtime(1 + round % 3);
            let (s, r) = narrows::bounded(round % 2);
            let tasks: Vec<_> = (0..20)
                .map(|k| {
                    let (s, r) = (s.clone(), r.clone());
                    runtime.go(async move {
                        match k % 4 {
                            0 => while s.send_async(k).await.is_ok() {},
                            1 => while r.recv_async().await.is_ok() {},
                            2 => loop {
                                if go(async {}).await.is_err() {
                                    return;
                                }
                            },
                            _ => loop {
                                yield_now().await;
                                blocking(|| ());
                            },
                        }
                    })
                })
                .collect();
            for _ in 0..round % 7 {
                thread::yield_now();
            }
            tasks.iter().step_by(5).for_each(narrows_task::Task::cancel);
            if round % 2 == 0 {
                drop(runtime);
            } else {
                // On a busy machine some may be told to be stuck, and yet they end.
                runtime.shutdown(Duration::ZERO);
            }
            for task in tasks {
                match task.join() {
                    Ok(()) | Err(TaskError::Cancelled) => {}
                    other => panic!("{other:?}"),
                }
            }
        });
    }
}
