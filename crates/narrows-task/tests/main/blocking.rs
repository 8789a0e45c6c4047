//! What blocks inside a task: channels, other tasks, futures run in place.

use std::{
    future::Future,
    pin::pin,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use narrows_task::{Runtime, block_on, blocking, go};
use narrows_test::deadline::{until, within};

use crate::{crowded, is_a_child, run_again, runtime};

/// As other crates have it, which know of no budget.
fn block_on_elsewhere<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

async fn many_operations() -> usize {
    let (s, r) = narrows::bounded(1);
    for k in 0..1000 {
        s.send_async(k).await.expect("the receiver is here");
        assert_eq!(r.recv_async().await, Ok(k));
    }
    1000
}

#[test]
fn block_on_inside_a_task_runs_any_number_of_operations() {
    within("a thousand messages", || {
        assert_eq!(runtime(1).go(async { block_on(many_operations()) }).join().expect("no panic"), 1000);
    });
}

/// As tokio's coop did: what keeps polling a future that gives way, and never returns to the scheduler, got no further.
#[test]
fn a_foreign_block_on_inside_a_task_runs_any_number_of_operations() {
    within("a thousand messages", || {
        assert_eq!(runtime(1).go(async { block_on_elsewhere(many_operations()) }).join().expect("no panic"), 1000);
    });
}

/// The task that is next at a worker can be taken by others when its worker cannot change hands.
#[test]
fn at_the_limit_of_threads_another_worker_takes_the_task_that_is_waited_for() {
    within("tasks that wait for each other", || {
        let runtime = crowded(2);
        for k in 0..100 {
            let parent = runtime.go(async move { go(async move { k }).join().expect("no panic") });
            assert_eq!(parent.join().expect("no panic"), k);
        }
    });
}

#[test]
fn there_are_never_more_threads_than_said() {
    within("blocked tasks", || {
        for _ in 0..100 {
            let runtime = Runtime::builder().workers(4).max_threads(5).build().expect("threads");
            let (meet, inside) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (end, ended) = narrows::bounded::<()>(1);
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    let (meet, inside, ended) = (meet.clone(), inside.clone(), ended.clone());
                    runtime.go(async move {
                        meet.fetch_add(1, Ordering::SeqCst);
                        until("all run", || meet.load(Ordering::SeqCst) == 4);
                        blocking(|| {
                            inside.fetch_add(1, Ordering::SeqCst);
                            ended.recv()
                        })
                    })
                })
                .collect();
            until("all block", || inside.load(Ordering::SeqCst) == 4);
            assert!(runtime.stats().handed_over <= 1, "{:?}", runtime.stats());
            drop(end);
            for task in tasks {
                task.join().expect("no panic").expect_err("nothing was sent");
            }
        }
    });
}

/// Whoever blocks here waits for those behind, on the one worker there is.
#[test]
fn a_plain_receive_in_fifty_tasks_on_one_worker_stalls_nobody() {
    within("fifty tasks", || {
        let runtime = runtime(1);
        let (tell, told) = narrows::unbounded();
        let (mut first, mut last) = narrows::bounded(0);
        let start = first.clone();
        let tasks: Vec<_> = (0..50)
            .map(|k| {
                let (s, r) = narrows::bounded(0);
                let from = std::mem::replace(&mut last, r);
                let tell = tell.clone();
                runtime.go(async move {
                    tell.send(k).expect("somebody listens");
                    let message: usize = from.recv().expect("it comes");
                    s.send(message + 1)
                })
            })
            .collect();
        let all: usize = (0..50).map(|_| told.recv().expect("each says so")).sum();
        assert_eq!(all, (0..50).sum());
        first = start;
        first.send(0).expect("the first task waits");
        assert_eq!(last.recv(), Ok(50));
        for task in tasks {
            task.join().expect("no panic").expect("it was received");
        }
    });
}

fn blocks_where_threads_are_few() {
    let runtime = runtime(2);
    runtime.go(async {}).join().expect("no panic");
    // All that the system has left are here.
    let (_end, ended) = narrows::bounded::<()>(1);
    let mut others = 0;
    loop {
        let ended = ended.clone();
        if thread::Builder::new().spawn(move || ended.recv()).is_err() {
            break;
        }
        others += 1;
        assert!(others < 1000, "the system was to have fewer");
    }
    let (ends, tasks): (Vec<_>, Vec<_>) = (0..40)
        .map(|_| {
            let (s, r) = narrows::bounded(1);
            (s, runtime.go(async move { r.recv() }))
        })
        .unzip();
    until("the first blocks", || runtime.stats().handed_over > 0);
    // The thread that it has is the only one, and comes to the others.
    for (k, end) in ends.into_iter().enumerate() {
        end.send(k).expect("it is received");
    }
    for (k, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.join().expect("no panic"), Ok(k));
    }
}

/// Where the system has no more threads, tasks wait for those there are.
#[cfg(target_os = "linux")]
#[test]
fn a_system_without_threads_delays_tasks_and_loses_none() {
    if is_a_child() {
        return within("few threads", blocks_where_threads_are_few);
    }
    // Each thread takes so much of the address space that there is room for about ten.
    run_again("blocking::a_system_without_threads_delays_tasks_and_loses_none", |run| {
        let whole = std::mem::replace(run, Command::new("sh"));
        run.args(["-c", "ulimit -v 3000000 && exec \"$@\"", "sh"]).arg(whole.get_program()).args(whole.get_args());
        run.env("RUST_MIN_STACK", (256 << 20).to_string()).envs(whole.get_envs().filter_map(|(k, v)| Some((k, v?))));
    });
}
