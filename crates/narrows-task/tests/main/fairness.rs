//! Nobody keeps a worker from the others: not who never awaits, not who is always ready, not two that feed each other.

use std::{
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use narrows_task::{go, yield_now};
use narrows_test::deadline::within;

use crate::runtime;

/// True until it is told.
#[derive(Clone, Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn goes_on(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn endless_loops_on_one_worker_stall_nobody() {
    within("four spinners", || {
        let runtime = runtime(1);
        let flag = Flag::default();
        let spinners: Vec<_> = (0..4)
            .map(|_| {
                let flag = flag.clone();
                runtime.go(async move {
                    while flag.goes_on() {
                        spin_loop();
                    }
                })
            })
            .collect();
        // It is behind all of them, and wakes up more than once.
        let other = runtime.go(async {
            for _ in 0..3 {
                yield_now().await;
            }
        });
        other.join().expect("no panic");
        assert!(spinners.iter().all(|spinner| !spinner.is_finished()));
        assert!(runtime.stats().handed_over >= 1);
        flag.end();
        for spinner in spinners {
            spinner.join().expect("no panic");
        }
    });
}

/// It would keep the worker for ever, but as a task that only awaits it is to give way of itself: then no worker changes hands.
#[test]
fn a_task_whose_channel_is_always_ready_gives_way() {
    within("one that is always ready", || {
        let runtime = runtime(1);
        let flag = Flag::default();
        let ends = flag.clone();
        let greedy = runtime.go(async move {
            let (s, r) = narrows::bounded(1);
            go(async move { ends.end() }).detach();
            let mut operations = 0;
            while flag.goes_on() {
                s.send_async(()).await.expect("it is received");
                r.recv_async().await.expect("it was sent");
                operations += 2;
            }
            operations
        });
        let operations = greedy.join().expect("no panic");
        assert!(operations <= 1000, "{operations} before it gave way");
    });
}

#[test]
fn two_tasks_that_feed_each_other_do_not_starve_a_third() {
    within("two that feed each other", || {
        let runtime = runtime(1);
        let flag = Flag::default();
        let (there, from_here) = narrows::bounded(1);
        let (back, echoed) = narrows::bounded(1);
        let echo = runtime.go(async move {
            while let Ok(k) = from_here.recv_async().await {
                if back.send_async(k).await.is_err() {
                    return;
                }
            }
        });
        let goes_on = flag.clone();
        let ping = runtime.go(async move {
            let mut k = 0_u64;
            let ends = goes_on.clone();
            go(async move { ends.end() }).detach();
            while goes_on.goes_on() {
                there.send_async(k).await.expect("it comes back");
                assert_eq!(echoed.recv_async().await, Ok(k));
                k += 1;
            }
            k
        });
        let rounds = ping.join().expect("no panic");
        assert!(rounds <= 1000, "{rounds} before the third had its turn");
        echo.join().expect("no panic");
    });
}

/// Each task wakes the next, which runs at once; what comes from outside is looked at all the same.
#[test]
fn what_comes_from_outside_is_not_starved() {
    within("a task that wakes itself", || {
        let runtime = runtime(1);
        let flag = Flag::default();
        let goes_on = flag.clone();
        let busy = runtime.go(async move {
            while goes_on.goes_on() {
                go(async {}).await.expect("no panic");
            }
        });
        runtime.go(async move { flag.end() }).join().expect("no panic");
        busy.join().expect("no panic");
    });
}
