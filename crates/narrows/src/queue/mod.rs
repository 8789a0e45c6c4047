//! A first-in-first-out queue for one producer and one consumer at a time. Never waits, never wakes, and knows nothing
//! of channels: capacity, permits and endings are the business of the file above it.
//!
//! Each end is a [`Role`]; whoever holds it is the producer or the consumer of the moment. Under the receive role
//! also lies what the owner of the queue wants guarded by it (`R`).
//!
//! ```text
//! tail   2 x messages pushed | 1 if closed            written under the send role
//! head   places given back                            written under the receive role
//! ```
//! Invariants: `head <= taken <= pushed`, where `taken` is private to the consumer: a message that was taken keeps its
//! place until the place is given back. Once the closed bit is set, `tail` never changes again.

mod blocks;
#[cfg(all(test, loom))]
mod model;
mod ring;
mod slots;

use self::{
    blocks::{BlockCursor, Blocks},
    ring::{Ring, RingCursor},
};
use crate::{
    role::{Holder, Role},
    sync::{AtomicUsize, CachePadded, Ordering, fence},
};

const CLOSED: usize = 1;
const ONE: usize = 2;
const INDEX: usize = usize::MAX >> 1;

/// A ring is taken up to this many bytes. It costs address space, not memory, until used, and never allocates again;
/// above it, blocks are taken as they are needed, so that `bounded(usize::MAX)` works.
const RING_BYTES: usize = 1 << 24;

#[derive(Debug)]
enum Store<T> {
    Ring(Ring<T>),
    Blocks(Blocks<T>),
}

/// Where an end stands in either store.
#[derive(Debug)]
struct Cursor<T> {
    ring: RingCursor,
    block: BlockCursor<T>,
}

impl<T> Default for Cursor<T> {
    fn default() -> Self {
        Cursor { ring: RingCursor::default(), block: BlockCursor::default() }
    }
}

/// What the receive role guards.
#[derive(Debug)]
struct RecvEnd<T, R> {
    at: Cursor<T>,
    taken: usize,
    books: R,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue<T, R> {
    tail: CachePadded<AtomicUsize>,
    head: CachePadded<AtomicUsize>,
    send: Role<Cursor<T>>,
    recv: Role<RecvEnd<T, R>>,
    store: Store<T>,
}

// SAFETY: slots are touched only by the holder of a role, and an index published with Release and read with Acquire
// stands between the write of a message and its reading; messages move between threads, hence `T: Send`.
unsafe impl<T: Send, R: Send> Sync for Queue<T, R> {}

impl<T, R> Queue<T, R> {
    /// A queue whose owner never lets more than `capacity` places be in use.
    pub(crate) fn new(capacity: usize, books: R) -> Self {
        let fits = capacity.checked_mul(size_of::<T>().max(1)).is_some_and(|bytes| bytes <= RING_BYTES);
        Queue {
            tail: CachePadded(AtomicUsize::new(0)),
            head: CachePadded(AtomicUsize::new(0)),
            send: Role::new(Cursor::default()),
            recv: Role::new(RecvEnd { at: Cursor::default(), taken: 0, books }),
            store: if fits { Store::Ring(Ring::new(capacity)) } else { Store::Blocks(Blocks::new()) },
        }
    }

    /// Becomes the producer.
    pub(crate) fn producer(&self) -> Producer<'_, T, R> {
        Producer { queue: self, at: self.send.enter() }
    }

    /// Becomes the consumer.
    pub(crate) fn consumer(&self) -> Consumer<'_, T, R> {
        Consumer { queue: self, end: self.recv.enter() }
    }

    /// Places in use, at one moment within the call.
    pub(crate) fn used(&self) -> usize {
        loop {
            // Acquire, twice: both reads of the tail enclose that of the head, so that the difference was true then.
            let tail = self.tail.load(Ordering::Acquire);
            // Acquire: as above.
            let head = self.head.load(Ordering::Acquire);
            // Relaxed: ordered after the head's Acquire.
            if self.tail.load(Ordering::Relaxed) == tail {
                return (tail / ONE).wrapping_sub(head) & INDEX;
            }
        }
    }

    /// Places given back so far; with [`Queue::used`] on both sides of a look at other state, shows that nothing moved.
    pub(crate) fn given_back(&self) -> usize {
        // Acquire: pairs with the Release in `give_back`.
        self.head.load(Ordering::Acquire)
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: pairs with the Release in `close`; what the closer did before is visible.
        self.tail.load(Ordering::Acquire) & CLOSED != 0
    }
}

impl<T, R> Drop for Queue<T, R> {
    fn drop(&mut self) {
        /// Frees the blocks also when the drop of a message panics.
        struct Free<'a, T, R>(&'a Queue<T, R>);
        impl<T, R> Drop for Free<'_, T, R> {
            fn drop(&mut self) {
                if let Store::Blocks(blocks) = &self.0.store {
                    // SAFETY: the queue is being dropped and every message was taken; no cursor is used again.
                    unsafe { blocks.free(&mut self.0.recv.enter().at.block) };
                }
            }
        }
        let free = Free(self);
        drop_each(|message| free.0.consumer().take(message));
    }
}

/// Drops messages one by one as `next` yields them, all of them even if some of the drops panic; then the first panic
/// goes on.
pub(crate) fn drop_each<T>(mut next: impl FnMut(&mut Option<T>) -> bool) {
    let mut panic = None;
    let mut message = None;
    while next(&mut message) {
        // What is caught is passed on below. `take` leaves `None` behind before the drop begins.
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(message.take())));
        panic = panic.or(dropped.err());
    }
    if let Some(panic) = panic.filter(|_| !std::thread::panicking()) {
        std::panic::resume_unwind(panic);
    }
}

/// The holder of the send role.
#[derive(Debug)]
pub(crate) struct Producer<'a, T, R> {
    queue: &'a Queue<T, R>,
    at: Holder<'a, Cursor<T>>,
}

impl<T, R> Producer<'_, T, R> {
    fn tail(&self) -> usize {
        // Relaxed: only the send role, which we hold, writes it.
        self.queue.tail.load(Ordering::Relaxed)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.tail() & CLOSED != 0
    }

    /// Places in use; only the consumer can change it meanwhile, and only downwards.
    pub(crate) fn used(&self) -> usize {
        // Acquire: pairs with the Release in `give_back`; the message that had the place is out of its slot.
        let head = self.queue.head.load(Ordering::Acquire);
        (self.tail() / ONE).wrapping_sub(head) & INDEX
    }

    /// Adds the message in `from`. The caller has seen that the queue is open, and that a place is free or its own.
    pub(crate) fn push(&mut self, from: &mut Option<T>) {
        let tail = self.tail();
        debug_assert!(tail & CLOSED == 0, "pushed into a closed queue");
        let at = &mut *self.at;
        match &self.queue.store {
            // SAFETY: we hold the send role, so the cursor is ours; fewer than `capacity` places are in use (caller),
            // so the message that had this slot is out of it, and `used` ordered its reading before this.
            Store::Ring(ring) => unsafe { ring.write(&mut at.ring, from) },
            // SAFETY: we hold the send role, so the cursor is ours.
            Store::Blocks(blocks) => unsafe { blocks.write(&mut at.block, from) },
        }
        // Release: pairs with the Acquire in `Consumer::take`; publishes the message.
        self.queue.tail.store(tail.wrapping_add(ONE), Ordering::Release);
    }

    /// Closes: no message comes after this.
    pub(crate) fn close(&mut self) {
        // Release: pairs with the Acquire loads of the tail; all earlier messages are visible with the end.
        self.queue.tail.store(self.tail() | CLOSED, Ordering::Release);
    }
}

/// The holder of the receive role.
#[derive(Debug)]
pub(crate) struct Consumer<'a, T, R> {
    queue: &'a Queue<T, R>,
    end: Holder<'a, RecvEnd<T, R>>,
}

impl<T, R> Consumer<'_, T, R> {
    /// The owner's state under this role.
    pub(crate) fn books(&mut self) -> &mut R {
        &mut self.end.books
    }

    /// How many messages were taken: the number of the next one.
    pub(crate) fn taken(&self) -> usize {
        self.end.taken
    }

    fn pushed(&self) -> usize {
        // Acquire: pairs with the Release in `push`; the messages counted are in their slots.
        self.queue.tail.load(Ordering::Acquire) / ONE
    }

    /// Takes the oldest message into `into`, which is empty; its place stays in use until [`Consumer::give_back`]. False
    /// only if the queue was empty at one moment within the call, in an order common to all queues.
    pub(crate) fn take(&mut self, into: &mut Option<T>) -> bool {
        if self.pushed() == self.end.taken {
            // SeqCst: with the same fence in every other queue's answer and after every publish, two threads that
            // each publish in one queue and look into the other cannot both see nothing (contract, rule 4).
            fence(Ordering::SeqCst);
            if self.pushed() == self.end.taken {
                return false;
            }
        }
        let at = &mut self.end.at;
        match &self.queue.store {
            // SAFETY: we hold the receive role, so the cursor is ours; `pushed` is ahead, and its Acquire ordered the
            // write of this message before us.
            Store::Ring(ring) => unsafe { ring.read(&mut at.ring, into) },
            // SAFETY: as above.
            Store::Blocks(blocks) => unsafe { blocks.read(&mut at.block, into) },
        }
        self.end.taken = self.end.taken.wrapping_add(1) & INDEX;
        true
    }

    /// Gives back the place of a taken message.
    pub(crate) fn give_back(&mut self) {
        // Relaxed: only the receive role, which we hold, writes it.
        let head = self.queue.head.load(Ordering::Relaxed);
        // Release: pairs with the Acquire in `Producer::used`; the message is out of its slot.
        self.queue.head.store(head.wrapping_add(1) & INDEX, Ordering::Release);
    }

    /// Places in use, exactly: of taken messages and of those still inside.
    pub(crate) fn used(&self) -> usize {
        // Relaxed: only the receive role, which we hold, writes it.
        let head = self.queue.head.load(Ordering::Relaxed);
        self.pushed().wrapping_sub(head) & INDEX
    }

    /// Closed, and every message taken.
    pub(crate) fn is_drained(&self) -> bool {
        // Acquire: as in `pushed`.
        let tail = self.queue.tail.load(Ordering::Acquire);
        tail & CLOSED != 0 && tail / ONE == self.end.taken
    }
}
