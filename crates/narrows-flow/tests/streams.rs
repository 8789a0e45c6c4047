//! Ordered and unordered maps over streams, polled by the caller's task and run by an executor of threads.
#![cfg(feature = "futures")]

mod common;

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use common::{Census, Counted, Random, within};
use futures_core::Stream;
use narrows::{Gate, bounded, oneshot, unbounded};
use narrows_flow::{Stop, StreamFlow, Task};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

fn collect<S: Stream + Unpin>(mut stream: S) -> Vec<S::Item> {
    block_on(async {
        let mut items = Vec::new();
        while let Some(item) = next(&mut stream).await {
            items.push(item);
        }
        items
    })
}

/// Gives its items, and says "not now" before some of them.
struct Fitful(std::ops::Range<u64>, Random);

impl Stream for Fitful {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        if self.1.below(7) == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.0.next())
    }
}

fn fitful(end: u64) -> Fitful {
    Fitful(0..end, Random::new(end))
}

/// A thread for each task.
fn spawn(task: Task) {
    thread::spawn(move || block_on(task));
}

/// Says "not now" so many times.
async fn give_way(times: u64) {
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn uneven(n: u64) -> u64 {
    give_way(if n.is_multiple_of(5) { n % 11 } else { 0 }).await;
    n * 2
}

#[test]
fn a_stream_is_mapped_in_order_by_the_callers_task_and_by_tasks_of_their_own() {
    within("ordered streams", || {
        let mut random = Random::new(5);
        for _ in 0..60 {
            let (count, workers, window) = (random.below(1500), 1 + random.index(8), 1 + random.index(100));
            let plain: Vec<u64> = (0..count).map(|n| n * 2).collect();
            assert_eq!(collect(fitful(count).flow().window(window).map_ordered(workers, uneven)), plain);
            assert_eq!(collect(fitful(count).flow().window(window).map_ordered_on(spawn, workers, uneven)), plain);
            let mut made = collect(fitful(count).flow().window(window).map_unordered(workers, uneven));
            made.sort_unstable();
            assert_eq!(made, plain);
            let mut made = collect(fitful(count).flow().window(window).map_unordered_on(spawn, workers, uneven));
            made.sort_unstable();
            assert_eq!(made, plain);
        }
    });
}

#[test]
fn the_function_may_borrow_and_its_futures_need_not_be_send() {
    let factor = std::cell::Cell::new(3);
    let mapped = fitful(100).flow().map_ordered(4, |n| {
        let factor = std::rc::Rc::new(&factor);
        async move {
            give_way(n % 3).await;
            n * factor.get()
        }
    });
    assert!(collect(mapped).into_iter().eq((0..100).map(|n| n * 3)));
}

#[test]
fn no_more_futures_run_than_there_are_workers_and_all_of_them_do() {
    within("concurrency", || {
        for workers in [1, 3, 8] {
            let (at_work, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let mapped = fitful(300).flow().map_ordered(workers, |n| {
                let (at_work, most) = (&at_work, &most);
                async move {
                    most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    give_way(20).await;
                    at_work.fetch_sub(1, Ordering::SeqCst);
                    n
                }
            });
            assert!(collect(mapped).into_iter().eq(0..300));
            assert_eq!(most.into_inner(), workers);
        }
    });
}

#[test]
fn an_item_that_waits_for_a_later_one_gets_it_begun() {
    within("later", || {
        for is_held in [true, false] {
            // A hundred that are ready at once make the portions large; then one waits for the next.
            let (s, r) = unbounded();
            let work = move |n: u64| {
                let (s, r) = (s.clone(), r.clone());
                async move {
                    if n == 100 {
                        r.recv_async().await.unwrap();
                    }
                    if n == 101 {
                        s.send(()).unwrap();
                    }
                    n
                }
            };
            let made = if is_held {
                collect(fitful(200).flow().map_ordered(2, work))
            } else {
                collect(fitful(200).flow().map_ordered_on(spawn, 2, work))
            };
            assert!(made.into_iter().eq(0..200));
        }
    });
}

/// What a channel has, counted.
struct Born(narrows::RecvStream<u64, narrows::Receiver<u64>>, Census);
impl Stream for Born {
    type Item = Counted;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Counted>> {
        let census = self.1.clone();
        Pin::new(&mut self.0).poll_next(cx).map(|n| n.map(|n| census.born(n)))
    }
}

#[test]
fn no_more_items_are_alive_than_the_window_has_places() {
    within("bound", || {
        for (window, workers) in [(1, 1), (1, 3), (7, 2), (64, 4)] {
            let (census, gate) = (Census::default(), Arc::new(Gate::new()));
            let (s, r) = unbounded();
            (0..500).for_each(|n| s.send(n).unwrap());
            drop(s);
            let counted = census.clone();
            let first = gate.clone();
            let mut mapped =
                Born(r.into_stream(), counted).flow().window(window).map_ordered_on(spawn, workers, move |item| {
                    let gate = first.clone();
                    async move {
                        if item.number == 0 {
                            gate.opened().await;
                        }
                        item
                    }
                });
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut mapped).poll_next(&mut cx).is_pending());
            gate.open();
            for n in 0..500 {
                assert_eq!(block_on(next(&mut mapped)).unwrap().number, n);
            }
            assert!(block_on(next(&mut mapped)).is_none());
            assert!(census.most() <= window + 1, "{} alive, window {window}", census.most());
        }
    });
}

/// 20 panics; how many there are until the end.
fn check<S: Stream<Item = u64> + Unpin>(mut mapped: S) -> u64 {
    for n in 0..20 {
        assert_eq!(block_on(next(&mut mapped)), Some(n));
    }
    let panic = catch_unwind(AssertUnwindSafe(|| block_on(next(&mut mapped)))).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "no 20");
    let rest = collect(mapped);
    assert!(rest.iter().copied().eq(21..21 + rest.len() as u64));
    21 + rest.len() as u64
}

#[test]
fn a_panic_reaches_the_caller_in_its_place_and_loses_nothing_else() {
    within("panic", || {
        for is_spawned in [false, true] {
            let work = |n: u64| async move {
                give_way(n % 3).await;
                assert!(n != 20, "no {n}");
                n
            };
            // What was taken beside it comes out, and no more is taken.
            let (s, r) = bounded(1000);
            (0..1000).for_each(|n| s.send(n).unwrap());
            let left = r.clone();
            drop(s);
            let flow = r.into_stream().flow().window(30);
            let seen =
                if is_spawned { check(flow.map_ordered_on(spawn, 3, work)) } else { check(flow.map_ordered(3, work)) };
            assert_eq!(seen + left.len() as u64, 1000);
        }
    });
}

#[test]
fn dropping_the_stream_cancels_what_is_at_work_and_ends_the_workers() {
    within("dropped", || {
        struct Tell(Option<oneshot::Sender<()>>);
        impl Drop for Tell {
            fn drop(&mut self) {
                let _ = self.0.take().unwrap().send(());
            }
        }
        let (s, r) = unbounded();
        let census = Census::default();
        let all = census.clone();
        let mut mapped = fitful(50).flow().window(50).map_ordered_on(spawn, 4, move |n| {
            let (tell, told) = oneshot::channel();
            s.send(told).unwrap();
            let item = all.born(n);
            async move {
                let _tell = Tell(Some(tell));
                std::future::pending::<()>().await;
                drop(item);
            }
        });
        let mut cx = Context::from_waker(Waker::noop());
        while r.len() < 4 {
            assert!(Pin::new(&mut mapped).poll_next(&mut cx).is_pending());
            thread::yield_now();
        }
        drop(mapped);
        // The workers drop the function, and so the sender, when they end.
        let told: Vec<_> = r.iter().collect();
        assert_eq!(told.len(), 4);
        for told in told {
            told.recv().unwrap();
        }
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn a_stop_ends_a_stream_whose_source_waits() {
    within("stopped", || {
        let (s, r) = unbounded();
        (0..10).for_each(|n| s.send(n).unwrap());
        let stop = Stop::new();
        let mut mapped = r.into_stream().flow().stopping(&stop).map_ordered(2, |n: u64| async move { n });
        for n in 0..10 {
            assert_eq!(block_on(next(&mut mapped)), Some(n));
        }
        let stopper = thread::spawn(move || stop.soon());
        assert_eq!(block_on(next(&mut mapped)), None);
        stopper.join().unwrap();
        s.send(10).unwrap();
        assert_eq!(mapped.summary().taken, 10);
    });
}

#[test]
fn a_finish_gives_back_what_was_not_begun_and_the_source() {
    within("finished", || {
        let (s, r) = bounded(100);
        (0..100).for_each(|n| s.send(n).unwrap());
        let left = r.clone();
        let work = |n: u64| async move {
            if n >= 5 {
                std::future::pending::<()>().await;
            }
            n
        };
        let mut mapped = r.into_stream().flow().window(20).map_ordered(2, work);
        for n in 0..5 {
            assert_eq!(block_on(next(&mut mapped)), Some(n));
        }
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut mapped).poll_next(&mut cx).is_pending());
        let rest = mapped.finish();
        assert_eq!((rest.summary.taken, rest.summary.handled, rest.summary.stuck), (25, 5, 2));
        assert!(rest.returned.into_iter().eq(7..25));
        assert!(left.drain().eq(25..100));
    });
}

#[test]
fn of_many_futures_only_those_are_polled_that_were_woken() {
    within("woken", || {
        let (polls, gates) = (AtomicUsize::new(0), (0..50).map(|_| Gate::new()).collect::<Vec<_>>());
        let (polls, gates) = (&polls, &gates);
        let mut mapped = fitful(50).flow().map_unordered(50, |n| async move {
            let mut opened = pin!(gates[usize::try_from(n).unwrap()].opened());
            poll_fn(|cx| {
                polls.fetch_add(1, Ordering::Relaxed);
                opened.as_mut().poll(cx)
            })
            .await;
            n
        });
        let mut cx = Context::from_waker(Waker::noop());
        while polls.load(Ordering::Relaxed) < 2 * gates.len() {
            assert!(Pin::new(&mut mapped).poll_next(&mut cx).is_pending());
        }
        let before = polls.load(Ordering::Relaxed);
        for n in [7, 3, 40] {
            gates[n].open();
            assert_eq!(block_on(next(&mut mapped)), Some(n as u64));
        }
        assert!(polls.load(Ordering::Relaxed) <= before + 6, "{} polls", polls.load(Ordering::Relaxed) - before);
    });
}

#[test]
fn futures_that_always_go_on_let_the_executor_run_others() {
    let mapped = fitful(1).flow().map_ordered(1, |_| {
        poll_fn::<(), _>(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    });
    let mut mapped = pin!(mapped);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        assert!(mapped.as_mut().poll_next(&mut cx).is_pending());
    }
}

#[test]
fn a_stream_ends_when_an_executor_has_dropped_its_tasks() {
    within("dropped tasks", || {
        for is_ordered in [true, false] {
            let flow = fitful(100).flow().window(10);
            let work = |n| async move { n };
            let mut mapped =
                if is_ordered { flow.map_ordered_on(drop, 2, work) } else { flow.map_unordered_on(drop, 2, work) };
            assert_eq!(block_on(next(&mut mapped)), None);
            assert_eq!(block_on(next(&mut mapped)), None);
            let rest = mapped.finish();
            assert_eq!(rest.summary.taken, rest.returned.len() as u64);
            assert_eq!(rest.summary.stuck, 0);
        }
    });
}

#[test]
fn a_future_that_panics_as_it_is_dropped_has_panicked() {
    struct Late(u64);
    impl Future for Late {
        type Output = u64;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u64> {
            Poll::Ready(self.0)
        }
    }
    impl Drop for Late {
        fn drop(&mut self) {
            assert!(self.0 != 1, "late");
        }
    }
    let mut mapped = fitful(3).flow().map_ordered(1, Late);
    assert_eq!(block_on(next(&mut mapped)), Some(0));
    let panic = catch_unwind(AssertUnwindSafe(|| block_on(next(&mut mapped)))).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"late"));
    assert!(collect(&mut mapped).len() <= 1);
    let summary = mapped.summary();
    assert_eq!((summary.panicked, summary.taken), (1, summary.handled + 1));
}

#[test]
#[should_panic(expected = "a flow stops with one stop")]
fn a_stream_is_given_one_stop() {
    let _ = fitful(1).flow().stopping(&Stop::new()).stopping(&Stop::new());
}

#[test]
fn an_item_whose_worker_an_executor_drops_is_not_waited_for() {
    within("a dropped task", || {
        for has_others in [true, false] {
            let mut tasks: Vec<Task> = Vec::new();
            let work = |n| async move {
                if n == 0 {
                    std::future::pending::<()>().await;
                }
                n
            };
            let (s, r) = unbounded();
            (0..10).for_each(|n: u64| s.send(n).unwrap());
            let flow = r.into_stream().flow().window(4);
            let mut mapped = flow.map_ordered_on(|task| tasks.push(task), 2, work);
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut mapped).poll_next(&mut cx).is_pending());
            let (other, mut first) = (tasks.pop().unwrap(), tasks.pop().unwrap());
            assert!(first.as_mut().poll(&mut cx).is_pending());
            drop(first);
            if has_others {
                spawn(other);
            } else {
                drop(other);
            }
            let panic = catch_unwind(AssertUnwindSafe(|| block_on(next(&mut mapped)))).unwrap_err();
            assert!(panic.downcast_ref::<&str>().unwrap().contains("dropped a worker"));
            let made = collect(&mut mapped);
            let summary = mapped.summary();
            assert_eq!((summary.panicked, summary.handled), (1, made.len() as u64));
            assert_eq!(made.len(), if has_others { 3 } else { 0 });
        }
    });
}
