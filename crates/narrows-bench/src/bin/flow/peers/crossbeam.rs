//! crossbeam's parts, put together by hand as one writes it: channels and threads for a map, deques and threads for tasks.

use std::collections::BTreeMap;
use std::iter::from_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crossbeam_deque::{Stealer, Worker};

use super::{Ground, items, worked};
use crate::recursion::Job;
use crate::work::{Item, Work};

/// A feeder, workers, and a map for what came out of turn, which nothing bounds.
pub(super) fn by_hand<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    let ((jobs, queue), (results, made)) = (crossbeam_channel::bounded::<T>(256), crossbeam_channel::bounded::<T>(256));
    thread::scope(|scope| {
        scope.spawn(move || items(work).for_each(|item| jobs.send(item).expect("the workers live")));
        for _ in 0..ground.workers {
            let (queue, results) = (queue.clone(), results.clone());
            scope.spawn(move || {
                for item in queue {
                    results.send(worked(work, item)).expect("the caller lives");
                }
            });
        }
        drop(results);
        let (mut next, mut held) = (0, BTreeMap::new());
        for item in made {
            held.insert(item.number(), item);
            while let Some(item) = held.remove(&next) {
                take(item);
                next += 1;
            }
        }
    });
}

/// A deque for each thread. Nobody sleeps: who finds nothing gives way and looks again, until all tasks are done.
pub(super) fn stealing(ground: &Ground, job: Job) -> u64 {
    let workers: Vec<Worker<u32>> = (0..ground.workers).map(|_| Worker::new_lifo()).collect();
    let stealers: Vec<Stealer<u32>> = workers.iter().map(Worker::stealer).collect();
    let (stealers, unfinished) = (&stealers, &AtomicUsize::new(1));
    workers[0].push(job.depth);
    thread::scope(|scope| {
        let run = |(who, own): (usize, Worker<u32>)| {
            scope.spawn(move || {
                let mut sum = 0;
                // Relaxed: it only says when to end; the joins order the sums.
                while unfinished.load(Ordering::Relaxed) > 0 {
                    let Some(n) = own.pop().or_else(|| steal(who, &own, stealers)) else {
                        thread::yield_now();
                        continue;
                    };
                    if n < 2 {
                        sum += job.leaf(n);
                        unfinished.fetch_sub(1, Ordering::Relaxed);
                    } else {
                        // Two more, and this one less.
                        unfinished.fetch_add(1, Ordering::Relaxed);
                        own.push(n - 1);
                        own.push(n - 2);
                    }
                }
                sum
            })
        };
        let threads: Vec<_> = workers.into_iter().enumerate().map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("no task panics")).sum()
    })
}

fn steal(who: usize, own: &Worker<u32>, stealers: &[Stealer<u32>]) -> Option<u32> {
    let others = (1..stealers.len()).map(|step| &stealers[(who + step) % stealers.len()]);
    others.into_iter().find_map(|other| {
        let tries = from_fn(|| Some(other.steal_batch_and_pop(own)));
        tries.into_iter().find(|tried| !tried.is_retry()).and_then(crossbeam_deque::Steal::success)
    })
}
