//! A first-in-first-out queue for one producer and one consumer at a time. Never waits, never wakes, and knows nothing
//! of channels: capacity, permits and endings are the business of the file above it.
//!
//! Each end is a [`Role`]; whoever holds it is the producer or the consumer of the moment. Under the receive role
//! also lies what the owner of the queue wants guarded by it (`R`).
//!
//! ```text
//! tail   2 x messages pushed | 1 if closed            written under the send role
//! head   places given back                            written under the receive role
//! seen   what each end last saw of the other's index  so that a push or a take need not touch the other's cache line
//! ```
//! In blocks the ends learn of each other by these; in a ring by the stamps of its slots, which are written first. So whoever
//! sees an index sees the stamps behind it, and for a moment `head` may be ahead of `tail`, by one or by a batch, or `tail` more
//! than the capacity ahead of `head`: those who only look (`distance`, `Buffer::count`) take that for empty and for full.
//!
//! Invariants: a message that was taken apart keeps its place until the place is given back, and places are given back in
//! the order of the ring; how many are apart only the consumer knows. Once the closed bit is set, `tail` never changes again.

mod blocks;
mod consumer;
mod dead;
#[cfg(all(test, loom))]
mod model;
mod producer;
mod ring;
mod slot;

use std::{collections::VecDeque, fmt, mem::ManuallyDrop};

use self::{
    blocks::{BlockCursor, Blocks},
    ring::{Ring, RingCursor},
};
pub(crate) use self::{
    consumer::{Consumer, NotEasy},
    producer::Producer,
};
use crate::{
    role::Role,
    sync::{AtomicUsize, Ordering},
};

const CLOSED: usize = 1;
const ONE: usize = 2;
const INDEX: usize = usize::MAX >> 1;

/// A ring is taken up to this many bytes, and never allocates again. A larger one would cost more to make than to use;
/// blocks are taken as they are needed, so that `bounded(usize::MAX)` works.
const RING_BYTES: usize = 1 << 16;

/// Whether message `a` of the stream comes before `b`.
pub(crate) fn is_before(a: usize, b: usize) -> bool {
    distance(b, a) != 0
}

/// The number before `a`.
pub(crate) fn before(a: usize) -> usize {
    a.wrapping_sub(1) & INDEX
}

/// From `head` to `tail`, which may have been read or written in the wrong order (see above).
fn distance(tail: usize, head: usize) -> usize {
    let distance = tail.wrapping_sub(head) & INDEX;
    if distance > INDEX / 2 { 0 } else { distance }
}

#[derive(Debug)]
enum Store<T> {
    Ring(Ring<T>),
    Blocks(Blocks<T>),
}

impl<T> Store<T> {
    /// Moves a cursor for places on to the next; where it was is returned. Blocks have no places.
    #[inline(always)]
    fn after(&self, at: &mut Cursor<T>) -> Cursor<T> {
        let before = *at;
        if let Store::Ring(ring) = self {
            // SAFETY: the cursor of a ring.
            ring.move_on(unsafe { &mut at.ring });
        }
        before
    }
}

/// Where an end stands in its store, whose kind never changes.
union Cursor<T> {
    ring: RingCursor,
    block: BlockCursor<T>,
}

impl<T> Clone for Cursor<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Cursor<T> {}

impl<T> fmt::Debug for Cursor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").finish_non_exhaustive()
    }
}

/// What the send role guards.
#[derive(Debug)]
struct SendEnd<T> {
    at: Cursor<T>,
    seen_head: usize,
}

/// What the receive role guards.
#[derive(Debug)]
struct RecvEnd<T, R> {
    /// Where the next message is.
    at: Cursor<T>,
    seen_pushed: usize,
    /// Made when first needed: in an ordinary channel it never is.
    apart: Option<Box<Apart<T, R>>>,
}

/// What the receive role guards if places are not given back at once.
#[derive(Debug)]
struct Apart<T, R> {
    /// So many were taken whose places are still in use.
    taken: usize,
    /// The first of those places.
    back: Cursor<T>,
    /// Numbers of the messages taken from behind the next, in order.
    dead: VecDeque<usize>,
    /// So many tombstones were passed, and their places given back, unheard of.
    passed: usize,
    books: R,
}

/// One end: a number of the owner's, the right to use it, and the index it publishes.
///
/// What one thread writes for each message is to lie on no cache line that the other end's thread looks at. Memory
/// aligned for that would cost five times as much to get, so what is seldom written keeps the two apart: here it stands
/// first, 64 bytes of it.
#[derive(Debug)]
#[repr(C)]
struct Side<S> {
    apart: [usize; 3],
    count: AtomicUsize,
    role: Role<S>,
    index: AtomicUsize,
}

impl<S> Side<S> {
    #[inline(always)]
    fn new(state: S) -> Side<S> {
        Side { apart: [0; 3], count: AtomicUsize::new(0), role: Role::new(state), index: AtomicUsize::new(0) }
    }
}

/// The queue.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Queue<T, R> {
    store: Store<T>,
    send: Side<SendEnd<T>>,
    recv: Side<RecvEnd<T, R>>,
}

// SAFETY: slots are touched only by the holder of a role, and an index published with Release and read with Acquire
// stands between the write of a message and its reading; messages move between threads, hence `T: Send`.
unsafe impl<T: Send, R: Send> Sync for Queue<T, R> {}

impl<T, R> Queue<T, R> {
    /// A queue whose owner never lets more than `capacity` places be in use.
    #[inline(always)]
    pub(crate) fn new(capacity: usize) -> Self {
        let fits = Ring::<T>::bytes(capacity).is_some_and(|bytes| bytes <= RING_BYTES);
        let (store, at) = if fits {
            (Store::Ring(Ring::new(capacity)), Cursor { ring: RingCursor::START })
        } else {
            (Store::Blocks(Blocks::new()), Cursor { block: BlockCursor::START })
        };
        Queue {
            store,
            send: Side::new(SendEnd { at, seen_head: 0 }),
            recv: Side::new(RecvEnd { at, seen_pushed: 0, apart: None }),
        }
    }

    fn tail(&self) -> &AtomicUsize {
        &self.send.index
    }

    fn head(&self) -> &AtomicUsize {
        &self.recv.index
    }

    /// A number of the owner's, 0 at first, for what is written under the send role.
    #[inline]
    pub(crate) fn send_count(&self) -> &AtomicUsize {
        &self.send.count
    }

    /// The same for the receive role.
    #[inline]
    pub(crate) fn recv_count(&self) -> &AtomicUsize {
        &self.recv.count
    }

    /// Becomes the producer.
    #[inline(always)]
    pub(crate) fn producer(&self) -> Producer<'_, T, R> {
        Producer { queue: self, end: self.send.role.enter() }
    }

    /// Becomes the producer where that is easy: `None` is no answer.
    #[inline(always)]
    pub(crate) fn producer_easily(&self) -> Option<Producer<'_, T, R>> {
        Some(Producer { queue: self, end: self.send.role.enter_easily()? })
    }

    /// Becomes the producer if nobody need be waited for.
    pub(crate) fn producer_if_free(&self) -> Option<Producer<'_, T, R>> {
        Some(Producer { queue: self, end: self.send.role.enter_if_free()? })
    }

    /// Becomes the consumer where that is easy: `None` is no answer.
    #[inline(always)]
    pub(crate) fn consumer_easily(&self) -> Option<Consumer<'_, T, R>> {
        Some(Consumer { queue: self, end: self.recv.role.enter_easily()? })
    }

    /// Becomes the consumer.
    #[inline(always)]
    pub(crate) fn consumer(&self) -> Consumer<'_, T, R> {
        Consumer { queue: self, end: self.recv.role.enter() }
    }

    /// Stands between leaving word for producers and a last look at what they did; the other side is their leaving.
    pub(crate) fn fence_against_producers(&self) {
        // Relaxed: a count, for a guess.
        self.send.role.fence_against(self.tail().load(Ordering::Relaxed) / ONE);
    }

    /// The same with consumers.
    pub(crate) fn fence_against_consumers(&self) {
        // Relaxed: as above.
        self.recv.role.fence_against(self.head().load(Ordering::Relaxed));
    }

    /// Places in use, at one moment within the call.
    pub(crate) fn used(&self) -> usize {
        loop {
            // Acquire, twice: both reads of the tail enclose that of the head, so that the difference was true then.
            let tail = self.tail().load(Ordering::Acquire);
            // Acquire: as above.
            let head = self.head().load(Ordering::Acquire);
            // Relaxed: ordered after the head's Acquire.
            if self.tail().load(Ordering::Relaxed) == tail {
                return distance(tail / ONE, head);
            }
        }
    }

    /// Places given back so far; with [`Queue::used`] on both sides of a look at other state, shows that nothing moved.
    pub(crate) fn given_back(&self) -> usize {
        // Acquire: pairs with the Release in `place_is_free`.
        self.head().load(Ordering::Acquire)
    }

    /// Open and empty, for sure, at one moment within the call: no message was pushed beyond the places given back before.
    #[inline(always)]
    pub(crate) fn is_surely_empty(&self) -> bool {
        let head = self.given_back();
        // Acquire: after the head. Then as many were pushed as places had been given back, so the rest is none.
        self.tail().load(Ordering::Acquire) == head * ONE
    }

    /// Open and full, for sure, at one moment within the call.
    #[inline(always)]
    pub(crate) fn is_surely_full(&self, capacity: usize) -> bool {
        // Acquire: before the head. Places that were given back since do not count. A closed tail is odd, and so never as far
        // ahead; nor is it where the two were read in the wrong order, or where no number of places is the capacity.
        let tail = self.tail().load(Ordering::Acquire);
        capacity.checked_mul(ONE).is_some_and(|full| tail.wrapping_sub(self.given_back() * ONE) == full)
    }

    /// Whether a producer would find a place, as a guess that leaves what consumers write alone, if it can.
    pub(crate) fn looks_free(&self, capacity: usize) -> bool {
        match &self.store {
            // Relaxed: a guess.
            Store::Ring(ring) => ring.looks_empty(self.tail().load(Ordering::Relaxed) / ONE),
            Store::Blocks(_) => self.used() < capacity,
        }
    }

    /// Whether a consumer would find a message, as such a guess.
    pub(crate) fn looks_filled(&self) -> bool {
        match &self.store {
            // Relaxed: a guess.
            Store::Ring(ring) => ring.looks_full(self.head().load(Ordering::Relaxed)),
            Store::Blocks(_) => self.used() > 0,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: pairs with the Release in `close`; what the closer did before is visible.
        self.tail().load(Ordering::Acquire) & CLOSED != 0
    }
}

impl<T, R> Drop for Queue<T, R> {
    fn drop(&mut self) {
        /// Frees the blocks also when the drop of a message panics.
        struct Free<'a, T, R>(&'a mut Queue<T, R>);
        impl<T, R> Drop for Free<'_, T, R> {
            fn drop(&mut self) {
                if let Store::Blocks(blocks) = &self.0.store {
                    // SAFETY: the cursor of blocks. The queue is being dropped and every message was taken; no cursor is
                    // used again.
                    unsafe { blocks.free(&self.0.recv.role.state_mut().at.block) };
                }
            }
        }
        let free = Free(self);
        if free.0.used() > 0 {
            drop_each(|message| free.0.consumer().take_if_any(message));
        }
    }
}

/// Drops messages one by one as `next` yields them, all of them even if some of the drops panic; then the first panic
/// goes on.
pub(crate) fn drop_each<T>(next: impl FnMut(&mut Option<T>) -> bool) {
    give_each(next, drop);
}

/// The same with what `to` does to each instead; it never gets `None`.
pub(crate) fn give_each<T>(mut next: impl FnMut(&mut Option<T>) -> bool, to: impl Fn(Option<T>)) {
    let mut panic = None;
    let mut message = None;
    while next(&mut message) {
        // What is caught is passed on below. `take` leaves `None` behind before the drop begins.
        let given = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| to(message.take())));
        if let Err(payload) = given {
            // One that is not passed on is not dropped either: that may panic again.
            let payload = ManuallyDrop::new(payload);
            panic = panic.or(Some(payload));
        }
    }
    if let Some(panic) = panic.filter(|_| !std::thread::panicking()) {
        std::panic::resume_unwind(ManuallyDrop::into_inner(panic));
    }
}
