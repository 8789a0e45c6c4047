//! By key: one thread takes the items and deals them out, so that all items of a key go to one worker, in order.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use narrows::{Sender, bounded};

use crate::{
    crew::Work,
    flow::Flow,
    mapped::Mapped,
    pace::Measure,
    source::Source,
    stage::{Done, Worker, work_off},
    turn::{Job, Payload, drop_caught},
};

/// Which of so many an item belongs to. The same in every run.
pub(crate) fn lane<K: Hash>(key: &K, lanes: usize) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
    // The remainder is below `lanes`.
    usize::try_from(hash % lanes as u64).unwrap_or(0)
}

impl<'a, S> Flow<'a, S>
where
    S: Source + Send + 'a,
    S::Item: Send + 'a,
{
    /// What `f` makes of the items, as it is made; all items of one key by the same worker, and those in their order.
    ///
    /// A worker has the keys that fall to it by their hash. One more thread deals the items out.
    ///
    /// ```
    /// use narrows_flow::IntoFlow;
    ///
    /// let made: Vec<_> = (0..100).flow().map_keyed(4, |n| n % 10, |n| n).collect();
    /// let of_key_3: Vec<_> = made.into_iter().filter(|n| n % 10 == 3).collect();
    /// assert!(of_key_3.is_sorted());
    /// ```
    ///
    /// # Panics
    /// If there are to be 0 workers. See [`Mapped`] for panics of `f`. A `key` that panics takes its item
    /// with it, too.
    pub fn map_keyed<K, R, G, F>(self, workers: usize, key: G, f: F) -> Mapped<'a, S, R>
    where
        K: Hash,
        R: Send + 'a,
        G: Fn(&S::Item) -> K + Send + 'a,
        F: Fn(S::Item) -> R + Send + Sync + 'a,
    {
        let f = Arc::new(f);
        let places = self.places(workers).saturating_add(1);
        self.staff(workers, false, |worker| {
            let mut lanes = Vec::new();
            let mut works: Vec<Work<'a>> = Vec::new();
            for who in 0..workers {
                // An item in here has a place of the window, so the dealer never waits for one of the workers.
                let (lane, jobs) = bounded::<Job<S::Item>>(places);
                lanes.push(lane);
                let (worker, f) = (worker(who), f.clone());
                works.push(Box::new(move || {
                    let mut kept = None;
                    while let Some(job) = kept.take().or_else(|| jobs.recv().ok()) {
                        let (done, rest) = work_off(job, &worker.common.own, &*f);
                        if !worker.report(done) {
                            return;
                        }
                        kept = rest;
                    }
                }));
            }
            let dealer = worker(workers);
            works.push(Box::new(move || deal(&dealer, &lanes, key)));
            works
        })
    }
}

/// Takes items and gives each to the worker of its key.
fn deal<S: Source, K: Hash, R>(dealer: &Worker<S, R>, lanes: &[Sender<Job<S::Item>>], key: impl Fn(&S::Item) -> K) {
    let mut measure = None;
    while let Some(job) = dealer.take_turn(&mut measure) {
        let (count, began) = (job.items.len(), Instant::now());
        let mut portions: Vec<Vec<S::Item>> = lanes.iter().map(|_| Vec::new()).collect();
        let mut panics: Vec<(usize, Payload)> = Vec::new();
        for item in job.items {
            match catch_unwind(AssertUnwindSafe(|| lane(&key(&item), lanes.len()))) {
                Ok(lane) => portions[lane].push(item),
                Err(panic) => {
                    // One item brings one panic.
                    drop_caught(item);
                    panics.push((0, panic));
                }
            }
        }
        for (lane, items) in lanes.iter().zip(portions).filter(|(_, items)| !items.is_empty()) {
            let job = Job { number: 0, items: items.into_iter(), panic: None, took: Duration::ZERO, is_slow: false };
            if lane.send(job).is_err() {
                return;
            }
        }
        measure = Some(Measure { items: count, took: job.took + began.elapsed() });
        panics.extend(job.panic.map(|panic| (0, panic)));
        let size = panics.len();
        if size > 0 && !dealer.report(Done { number: 0, size, made: Vec::new(), panics, left: Vec::new() }) {
            return;
        }
    }
}
