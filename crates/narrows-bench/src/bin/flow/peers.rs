//! The peers of the ordered map: each takes numbered items from one iterator, works on them with so many workers, and hands them
//! to the caller's function.

use std::collections::BTreeMap;
use std::thread;

use futures_util::{StreamExt, stream};
use narrows_flow::{IntoFlow, StreamFlow};
use rayon::iter::{ParallelBridge, ParallelIterator};
use tokio::runtime::Runtime;

use crate::work::{Item, Work};

/// What a sample needs.
pub(crate) struct Ground {
    pub(crate) workers: usize,
    pub(crate) rayon: rayon::ThreadPool,
    pub(crate) tokio: Runtime,
}

/// Runs all items through; the caller's function gets them as they come out.
pub(crate) type Run<T> = fn(&Ground, Work, &mut dyn FnMut(T));

pub(crate) struct Peer<T> {
    pub(crate) name: &'static str,
    pub(crate) run: Run<T>,
}

pub(crate) fn all<T: Item>() -> Vec<Peer<T>> {
    vec![
        Peer { name: "plain map, one thread", run: plain },
        Peer { name: "narrows-flow map_ordered", run: narrows_ordered },
        Peer { name: "narrows-flow map_unordered", run: narrows_unordered },
        Peer { name: "rayon par_bridge", run: rayon_unordered },
        Peer { name: "rayon par_bridge, collect, sort", run: rayon_sorted },
        Peer { name: "crossbeam, threads by hand", run: crossbeam },
        Peer { name: "narrows-flow streams, tasks on tokio", run: narrows_tasks },
        Peer { name: "futures buffered, tasks on tokio", run: buffered_tasks },
        Peer { name: "narrows-flow streams, in one task", run: narrows_held },
        Peer { name: "futures buffered, in one task", run: buffered_held },
    ]
}

/// Futures that are at work at once, where a peer asks.
const BUFFERED: usize = 64;

fn items<T: Item>(work: Work) -> impl Iterator<Item = T> + Send + 'static {
    (0..work.items).map(T::new)
}

fn worked<T: Item>(work: Work, item: T) -> T {
    work.run(item.number());
    item
}

fn plain<T: Item>(_: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    items(work).map(|item| worked(work, item)).for_each(take);
}

fn narrows_ordered<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    items(work).flow().map_ordered(ground.workers, move |item| worked(work, item)).for_each(take);
}

fn narrows_unordered<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    items(work).flow().map_unordered(ground.workers, move |item| worked(work, item)).for_each(take);
}

/// Its workers drop what they have made: there is no caller who gets it one by one.
fn rayon_unordered<T: Item>(ground: &Ground, work: Work, _: &mut dyn FnMut(T)) {
    ground.rayon.install(|| items::<T>(work).par_bridge().for_each(|item| drop(worked(work, item))));
}

fn rayon_sorted<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    let mut made: Vec<T> = ground.rayon.install(|| items(work).par_bridge().map(|item| worked(work, item)).collect());
    made.sort_unstable_by_key(T::number);
    made.into_iter().for_each(take);
}

/// As one writes it: a feeder, workers, and a map for what came out of turn, which nothing bounds.
fn crossbeam<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
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

fn narrows_tasks<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    let spawn = |task| drop(ground.tokio.spawn(task));
    let mapped =
        StreamFlow::flow(stream::iter(items(work)))
            .map_ordered_on(spawn, ground.workers, move |item| async move { worked(work, item) });
    ground.tokio.block_on(mapped.for_each(|item| {
        take(item);
        async {}
    }));
}

fn buffered_tasks<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    let mapped =
        stream::iter(items(work)).map(|item| ground.tokio.spawn(async move { worked(work, item) })).buffered(BUFFERED);
    ground.tokio.block_on(mapped.for_each(|item| {
        take(item.expect("no task panics"));
        async {}
    }));
}

fn narrows_held<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    let mapped = StreamFlow::flow(stream::iter(items(work)))
        .map_ordered(ground.workers, move |item| async move { worked(work, item) });
    ground.tokio.block_on(mapped.for_each(|item| {
        take(item);
        async {}
    }));
}

fn buffered_held<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    let mapped = stream::iter(items(work)).map(|item| async move { worked(work, item) }).buffered(BUFFERED);
    ground.tokio.block_on(mapped.for_each(|item| {
        take(item);
        async {}
    }));
}
