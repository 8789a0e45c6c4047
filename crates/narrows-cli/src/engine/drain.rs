//! The draining of a farm: from when on nothing new is begun. Knows no thread and no process.
//! Invariant: of the batches that came out of the channel those that are dropped come after all that were begun.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use narrows::{Receiver, Sender, bounded};

use super::batch::Batch;
use super::sync::lock;

#[derive(Debug)]
pub(super) struct Drain {
    /// Closed when it begins; nothing is ever sent.
    begun: (Sender<()>, Receiver<()>),
    draining: AtomicBool,
    /// The first record of the latest batch that a job has begun; the draining begins under its lock.
    latest: Mutex<u64>,
}

impl Drain {
    pub(super) fn new() -> Drain {
        Drain { begun: bounded(0), draining: AtomicBool::new(false), latest: Mutex::new(0) }
    }

    pub(super) fn begin(&self) {
        {
            let _no_batch_is_begun = lock(&self.latest);
            // Relaxed: where it decides about a batch, the lock orders it.
            self.draining.store(true, Ordering::Relaxed);
        }
        self.begun.0.close();
    }

    pub(super) fn is_on(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Gets ready, disconnected, when it begins.
    pub(super) fn begun(&self) -> &Receiver<()> {
        &self.begun.1
    }

    /// Asked by a job for each batch that it takes out of the channel.
    pub(super) fn allows(&self, batch: &Batch) -> bool {
        let mut latest = lock(&self.latest);
        if !self.is_on() {
            *latest = batch.first.max(*latest);
            return true;
        }
        // Another job may have begun a later one since this one was taken: without this one that could not be printed.
        batch.again || batch.first < *latest
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_dropped_comes_after_all_that_was_begun() {
        let batch = |first, again| Batch { first, records: 1, bytes: Arc::new(vec![b'\n']), again, tries: 0 };
        let drain = Drain::new();
        assert!(drain.allows(&batch(0, false)) && drain.allows(&batch(2, false)));
        drain.begin();
        assert!(drain.is_on() && drain.begun().recv().is_err());
        assert!(!drain.allows(&batch(4, false)), "nothing new is begun");
        assert!(!drain.allows(&batch(3, false)), "and a dropped one lets none before it be begun");
        assert!(drain.allows(&batch(1, false)), "this one was taken before the one after it was begun");
        assert!(drain.allows(&batch(9, true)), "this one was begun before");
    }
}
