//! Every task that has not ended, by its waker: how a task is reached that only waits. In shards, each under a lock; memory is
//! taken in pieces, so that a million tasks need no copy.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
};

use crate::sync::{Apart, lock};

const SHARDS: usize = 16;
const PIECE: usize = 128;

/// Where a task is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(u32);

impl Key {
    fn new(shard: usize, place: usize) -> Key {
        let key = place * SHARDS + shard;
        Key(u32::try_from(key).expect("fewer than 2^32 tasks"))
    }

    fn shard(self) -> usize {
        self.0 as usize % SHARDS
    }

    fn place(self) -> usize {
        self.0 as usize / SHARDS
    }
}

#[derive(Debug, Default)]
struct Shard {
    #[allow(clippy::vec_box, reason = "what grows is moved: addresses, not wakers")]
    pieces: Vec<Box<[Option<Waker>; PIECE]>>,
    free: Vec<u32>,
    used: usize,
}

#[derive(Debug)]
pub(crate) struct Registry {
    shards: [Apart<Mutex<Shard>>; SHARDS],
    next: AtomicUsize,
    listed: AtomicUsize,
}

impl Registry {
    pub(crate) fn new() -> Registry {
        Registry {
            shards: std::array::from_fn(|_| Apart::default()),
            next: AtomicUsize::new(0),
            listed: AtomicUsize::new(0),
        }
    }

    /// A place for a task. Its waker comes in `fill`.
    pub(crate) fn reserve(&self) -> Key {
        // Relaxed, here and below: counts that order nothing.
        let shard = self.next.fetch_add(1, Ordering::Relaxed) % SHARDS;
        self.listed.fetch_add(1, Ordering::Relaxed);
        let mut held = lock(&self.shards[shard].0);
        if let Some(place) = held.free.pop() {
            return Key::new(shard, place as usize);
        }
        let place = held.used;
        held.used += 1;
        if place.is_multiple_of(PIECE) {
            held.pieces.push(Box::new([const { None }; PIECE]));
        }
        Key::new(shard, place)
    }

    pub(crate) fn fill(&self, key: Key, waker: Waker) {
        let place = key.place();
        lock(&self.shards[key.shard()].0).pieces[place / PIECE][place % PIECE] = Some(waker);
    }

    /// Takes a task that has ended from the list; how many are left.
    pub(crate) fn remove(&self, key: Key) -> usize {
        let place = key.place();
        let mut shard = lock(&self.shards[key.shard()].0);
        let waker = shard.pieces[place / PIECE][place % PIECE].take();
        shard.free.push(u32::try_from(place).expect("as many as fit a key"));
        drop(shard);
        // The last waker of a task may free it: not under the lock.
        drop(waker);
        // SeqCst: pairs with the count that who waits for the end takes after it has said so (`runtime.rs`).
        self.listed.fetch_sub(1, Ordering::SeqCst) - 1
    }

    /// Wakes one task.
    pub(crate) fn wake(&self, key: Key) {
        let place = key.place();
        let waker = lock(&self.shards[key.shard()].0).pieces[place / PIECE][place % PIECE].clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes all.
    pub(crate) fn wake_all(&self) {
        for shard in &self.shards {
            let mut wakers = Vec::new();
            for piece in &lock(&shard.0).pieces {
                wakers.extend(piece.iter().flatten().cloned());
            }
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    pub(crate) fn len(&self) -> usize {
        // SeqCst: pairs with `remove`.
        self.listed.load(Ordering::SeqCst)
    }
}
