//! narrows-flow: on threads, on tasks of tokio, in the caller's own task, and its work stealing.

use futures_util::{StreamExt, stream};
use narrows_flow::{IntoFlow, Stealing, StreamFlow};

use super::{AT_ONCE, Ground, items, worked, worked_later};
use crate::recursion::Job;
use crate::work::{Item, Work};

pub(super) fn ordered<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    items(work).flow().map_ordered(ground.workers, move |item| worked(work, item)).for_each(take);
}

pub(super) fn unordered<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    items(work).flow().map_unordered(ground.workers, move |item| worked(work, item)).for_each(take);
}

pub(super) fn on_tasks<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    let spawn = |task| drop(ground.tokio.spawn(task));
    let flow = StreamFlow::flow(stream::iter(items(work)));
    let mapped = flow.map_ordered_on(spawn, ground.workers, move |item| worked_later(work, item));
    ground.tokio.block_on(mapped.for_each(|item| {
        take(item);
        async {}
    }));
}

pub(super) fn in_one_task<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    let flow = StreamFlow::flow(stream::iter(items(work)));
    let mapped = flow.map_ordered(AT_ONCE, move |item| worked_later(work, item));
    ground.tokio.block_on(mapped.for_each(|item| {
        take(item);
        async {}
    }));
}

pub(super) fn stealing(ground: &Ground, job: Job) -> u64 {
    let stolen = Stealing::new(ground.workers).run(
        [job.depth],
        || 0,
        |sum, n, spawner| {
            if n < 2 {
                *sum += job.leaf(n);
            } else {
                spawner.spawn(n - 1);
                spawner.spawn(n - 2);
            }
        },
    );
    stolen.into_states().into_iter().sum()
}
