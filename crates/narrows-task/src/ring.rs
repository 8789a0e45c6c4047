//! A worker's queue of tasks that are ready: first in, first out, of a fixed size; anybody may push and anybody may pop.
//! Knows nothing of tasks: an item is an address.
//!
//! The queue is Vyukov's with a stamp in each slot ("Bounded MPMC queue", 2010). Most often one thread does both, but a
//! worker's thread may have been replaced without knowing it yet, and thieves pop. So there is no owner's end.
//!
//! `pop` may answer "nothing" and `push` "full" while another call is between its two steps. Nothing is lost by that: whoever
//! pushes calls a sleeper only afterwards (`idle.rs`), and what is refused goes to the injector.

use std::ptr::NonNull;

use crate::sync::{Apart, AtomicPtr, AtomicUsize, Ordering};

/// How many tasks wait at one worker; more go to the injector.
#[cfg(not(loom))]
pub(crate) const CAPACITY: usize = 256;
#[cfg(loom)]
pub(crate) const CAPACITY: usize = 2;

#[derive(Debug)]
struct Slot {
    /// Says whose turn it is: `n` before the n-th push, `n + 1` when that is done, `n + CAPACITY` when it was popped.
    stamp: AtomicUsize,
    item: AtomicPtr<()>,
}

#[derive(Debug)]
pub(crate) struct Ring {
    head: Apart<AtomicUsize>,
    tail: Apart<AtomicUsize>,
    slots: Box<[Slot]>,
}

impl Ring {
    pub(crate) fn new() -> Ring {
        let slot = |n| Slot { stamp: AtomicUsize::new(n), item: AtomicPtr::new(std::ptr::null_mut()) };
        Ring {
            head: Apart(AtomicUsize::new(0)),
            tail: Apart(AtomicUsize::new(0)),
            slots: (0..CAPACITY).map(slot).collect(),
        }
    }

    /// Adds it at the end, or gives it back: there is no room.
    pub(crate) fn push(&self, item: NonNull<()>) -> Result<(), NonNull<()>> {
        // Relaxed, here and below: which turn it is, the stamps say; the ends are only where to look.
        let mut tail = self.tail.0.load(Ordering::Relaxed);
        loop {
            let slot = &self.slots[tail % CAPACITY];
            // Acquire: pairs with the Release in `pop`, so that the slot was read before it is written.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == tail {
                let next = tail.wrapping_add(1);
                match self.tail.0.compare_exchange_weak(tail, next, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => {
                        slot.item.store(item.as_ptr(), Ordering::Relaxed);
                        // Release: pairs with the Acquire in `pop`; with the item comes what its task did before.
                        slot.stamp.store(next, Ordering::Release);
                        return Ok(());
                    }
                    Err(now) => tail = now,
                }
            } else if is_before(stamp, tail) {
                return Err(item);
            } else {
                tail = self.tail.0.load(Ordering::Relaxed);
            }
        }
    }

    /// Takes the first.
    pub(crate) fn pop(&self) -> Option<NonNull<()>> {
        let mut head = self.head.0.load(Ordering::Relaxed);
        loop {
            let slot = &self.slots[head % CAPACITY];
            let next = head.wrapping_add(1);
            // Acquire: pairs with the Release in `push`.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == next {
                match self.head.0.compare_exchange_weak(head, next, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => {
                        let item = slot.item.load(Ordering::Relaxed);
                        // Release: pairs with the Acquire in `push`.
                        slot.stamp.store(head.wrapping_add(CAPACITY), Ordering::Release);
                        return NonNull::new(item);
                    }
                    Err(now) => head = now,
                }
            } else if is_before(stamp, next) {
                return None;
            } else {
                head = self.head.0.load(Ordering::Relaxed);
            }
        }
    }

    /// About how many are inside.
    pub(crate) fn len(&self) -> usize {
        let head = self.head.0.load(Ordering::Relaxed);
        let tail = self.tail.0.load(Ordering::Relaxed);
        tail.wrapping_sub(head).min(CAPACITY)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether one count is behind another, also where counts begin anew.
fn is_before(a: usize, b: usize) -> bool {
    a.wrapping_sub(b) > usize::MAX / 2
}
