//! Tasks made ready where there is no worker: by other threads, by a thread that has lost its worker, or where a queue is full.

use std::{
    collections::VecDeque,
    ptr::NonNull,
    sync::{
        Mutex,
        atomic::{AtomicPtr, AtomicUsize, Ordering},
    },
};

use crate::sync::{Apart, lock};

pub(crate) struct Injector {
    /// As many as are inside, for a look without the lock.
    length: Apart<AtomicUsize>,
    /// Addresses; atomic only because such may go from thread to thread.
    queue: Mutex<VecDeque<AtomicPtr<()>>>,
}

impl Injector {
    pub(crate) fn new() -> Injector {
        Injector { length: Apart::default(), queue: Mutex::new(VecDeque::new()) }
    }

    pub(crate) fn push(&self, items: impl IntoIterator<Item = NonNull<()>>) {
        let mut queue = lock(&self.queue);
        queue.extend(items.into_iter().map(|item| AtomicPtr::new(item.as_ptr())));
        // Relaxed: written under the lock; looked at behind the fences of `idle.rs`.
        self.length.0.store(queue.len(), Ordering::Relaxed);
    }

    /// Takes some from the front, up to a share of `workers`: the first, and the rest into `keep`.
    pub(crate) fn pop(&self, workers: usize, limit: usize, mut keep: impl FnMut(NonNull<()>)) -> Option<NonNull<()>> {
        if self.is_empty() {
            return None;
        }
        let mut queue = lock(&self.queue);
        let share = (queue.len() / workers + 1).min(limit);
        let first = queue.pop_front()?;
        let more = share.saturating_sub(1).min(queue.len());
        queue.drain(..more).filter_map(address).for_each(&mut keep);
        self.length.0.store(queue.len(), Ordering::Relaxed);
        address(first)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length.0.load(Ordering::Relaxed) == 0
    }
}

fn address(item: AtomicPtr<()>) -> Option<NonNull<()>> {
    NonNull::new(item.into_inner())
}
