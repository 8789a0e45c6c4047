//! The peers, one file each, with what each has: ordered maps, and tasks that make tasks. To add one: write its file, name
//! it in `maps` or `recursions`.

mod crossbeam;
mod futures;
mod narrows;
mod plain;
mod rayon;

use crate::recursion::Job;
use crate::work::{Item, Work};

/// What a sample needs.
pub(crate) struct Ground {
    pub(crate) workers: usize,
    pub(crate) rayon: ::rayon::ThreadPool,
    pub(crate) tokio: ::tokio::runtime::Runtime,
}

/// A way of mapping. It takes numbered items from one iterator, works on them, and hands them to the caller's function as
/// they come out.
pub(crate) struct Map<T> {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Ground, Work, &mut dyn FnMut(T)),
}

/// A way of running tasks that make tasks. It gives the sum of the leaves.
pub(crate) struct Recursion {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Ground, Job) -> u64,
}

/// Futures that are at work at once in one task, and tasks that `buffered` has on tokio.
const AT_ONCE: usize = 64;

/// The first is the work alone. For work that gives way, which only a future can.
pub(crate) fn maps<T: Item>(work: Work) -> Vec<Map<T>> {
    let in_one_task = [
        Map { name: "narrows-flow streams, in one task", run: narrows::in_one_task },
        Map { name: "futures buffered, in one task", run: futures::in_one_task },
    ];
    if work.gives_way() {
        return [Map { name: "one future after the other", run: futures::one_by_one }]
            .into_iter()
            .chain(in_one_task)
            .collect();
    }
    let all = [
        Map { name: "plain map, one thread", run: plain::map },
        Map { name: "narrows-flow map_ordered", run: narrows::ordered },
        Map { name: "narrows-flow map_unordered", run: narrows::unordered },
        Map { name: "rayon par_bridge", run: rayon::unordered },
        Map { name: "rayon par_bridge, collect, sort", run: rayon::sorted },
        Map { name: "crossbeam, threads by hand", run: crossbeam::by_hand },
        Map { name: "narrows-flow streams, tasks on tokio", run: narrows::on_tasks },
        Map { name: "futures buffered, tasks on tokio", run: futures::on_tasks },
    ];
    all.into_iter().chain(in_one_task).collect()
}

pub(crate) fn recursions() -> Vec<Recursion> {
    vec![
        Recursion { name: "plain recursion, one thread", run: plain::recursion },
        Recursion { name: "narrows-flow Stealing", run: narrows::stealing },
        Recursion { name: "crossbeam-deque, threads by hand", run: crossbeam::stealing },
        Recursion { name: "rayon scope", run: rayon::scope },
        Recursion { name: "rayon join", run: rayon::join },
    ]
}

fn items<T: Item>(work: Work) -> impl Iterator<Item = T> + Send + 'static {
    (0..work.items).map(T::new)
}

fn worked<T: Item>(work: Work, item: T) -> T {
    work.run(item.number());
    item
}

async fn worked_later<T: Item>(work: Work, item: T) -> T {
    work.give_way().await;
    worked(work, item)
}
