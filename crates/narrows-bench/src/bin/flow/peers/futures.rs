//! futures' `buffered`: over tasks that tokio runs, and over futures in the caller's own task.

use futures_util::{StreamExt, stream};

use super::{AT_ONCE, Ground, items, worked_later};
use crate::work::{Item, Work};

pub(super) fn on_tasks<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    let spawned = stream::iter(items(work)).map(|item| ground.tokio.spawn(worked_later(work, item)));
    ground.tokio.block_on(spawned.buffered(AT_ONCE).for_each(|item| {
        take(item.expect("no task panics"));
        async {}
    }));
}

pub(super) fn in_one_task<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    let futures = stream::iter(items(work)).map(|item| worked_later(work, item));
    ground.tokio.block_on(futures.buffered(AT_ONCE).for_each(|item| {
        take(item);
        async {}
    }));
}

pub(super) fn one_by_one<T: Item>(ground: &Ground, work: Work, take: &mut dyn FnMut(T)) {
    ground.tokio.block_on(async {
        for item in items(work) {
            take(worked_later(work, item).await);
        }
    });
}
