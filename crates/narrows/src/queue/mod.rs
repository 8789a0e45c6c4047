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
//! sees an index sees the stamps behind it, and for a moment `head` may be one ahead of `tail`, or `tail` more than the
//! capacity ahead of `head`: those who only look (`distance`, `Buffer::count`) take that for empty and for full.
//!
//! Invariants: `taken` is private to the consumer: a message that was taken keeps its place until the place is given back, and
//! places are given back in the order of the ring. Once the closed bit is set, `tail` never changes again.

mod blocks;
#[cfg(all(test, loom))]
mod model;
mod ring;
mod slot;

use self::{
    blocks::{BlockCursor, Blocks},
    ring::{Ring, RingCursor},
    slot::Slot,
};
use crate::{
    role::{Holder, Role},
    sync::{AtomicUsize, CachePadded, MODELLED, Ordering, fence},
};

const CLOSED: usize = 1;
const ONE: usize = 2;
const INDEX: usize = usize::MAX >> 1;

/// A ring is taken up to this many bytes, and never allocates again. A larger one would cost more to make than to use;
/// blocks are taken as they are needed, so that `bounded(usize::MAX)` works.
const RING_BYTES: usize = 1 << 16;

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

/// What the send role guards.
#[derive(Debug)]
struct SendEnd<T> {
    at: Cursor<T>,
    seen_head: usize,
}

/// What the receive role guards.
#[derive(Debug)]
struct RecvEnd<T, R> {
    at: Cursor<T>,
    /// The oldest place that was not given back.
    back: RingCursor,
    taken: usize,
    seen_pushed: usize,
    books: R,
}

/// One end: the index it publishes, a number of the owner's that lies on the same cache line, and the right to use it.
#[derive(Debug)]
#[repr(C)]
struct Side<S> {
    index: AtomicUsize,
    count: AtomicUsize,
    role: Role<S>,
}

impl<S> Side<S> {
    fn new(state: S) -> CachePadded<Side<S>> {
        CachePadded(Side { index: AtomicUsize::new(0), count: AtomicUsize::new(0), role: Role::new(state) })
    }
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue<T, R> {
    send: CachePadded<Side<SendEnd<T>>>,
    recv: CachePadded<Side<RecvEnd<T, R>>>,
    store: Store<T>,
}

// SAFETY: slots are touched only by the holder of a role, and an index published with Release and read with Acquire
// stands between the write of a message and its reading; messages move between threads, hence `T: Send`.
unsafe impl<T: Send, R: Send> Sync for Queue<T, R> {}

impl<T, R> Queue<T, R> {
    /// A queue whose owner never lets more than `capacity` places be in use.
    pub(crate) fn new(capacity: usize, books: R) -> Self {
        let fits = Ring::<T>::bytes(capacity).is_some_and(|bytes| bytes <= RING_BYTES);
        Queue {
            send: Side::new(SendEnd { at: Cursor::default(), seen_head: 0 }),
            recv: Side::new(RecvEnd {
                at: Cursor::default(),
                back: RingCursor::default(),
                taken: 0,
                seen_pushed: 0,
                books,
            }),
            store: if fits { Store::Ring(Ring::new(capacity)) } else { Store::Blocks(Blocks::new()) },
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
        // Acquire: pairs with the Release in `give_back`.
        self.head().load(Ordering::Acquire)
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
        struct Free<'a, T, R>(&'a Queue<T, R>);
        impl<T, R> Drop for Free<'_, T, R> {
            fn drop(&mut self) {
                if let Store::Blocks(blocks) = &self.0.store {
                    // SAFETY: the queue is being dropped and every message was taken; no cursor is used again.
                    unsafe { blocks.free(&mut self.0.recv.role.enter().at.block) };
                }
            }
        }
        let free = Free(self);
        drop_each(|message| free.0.consumer().take_into(message));
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
    end: Holder<'a, SendEnd<T>>,
}

impl<T, R> Producer<'_, T, R> {
    #[inline(always)]
    fn tail(&self) -> usize {
        // Relaxed: only the send role, which we hold, writes it.
        self.queue.tail().load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.tail() & CLOSED != 0
    }

    /// Is a place free, of `most`, if none is reserved? Looks at the other end only if it must.
    #[inline(always)]
    pub(crate) fn has_place(&mut self, most: usize) -> bool {
        match &self.queue.store {
            Store::Ring(ring) => ring.is_empty(&self.end.at.ring),
            Store::Blocks(_) => self.used_at_most() < most || self.used() < most,
        }
    }

    /// Places in use when the head was last seen; by now they may be fewer.
    #[inline(always)]
    fn used_at_most(&self) -> usize {
        (self.tail() / ONE).wrapping_sub(self.end.seen_head) & INDEX
    }

    /// Places in use; only the consumer can change it meanwhile, and only downwards.
    #[inline(always)]
    pub(crate) fn used(&mut self) -> usize {
        // Acquire: pairs with the Release in `give_back`; the message that had the place is out of its slot.
        self.end.seen_head = self.queue.head().load(Ordering::Acquire);
        self.used_at_most()
    }

    /// Writes with `write` into the next slot, and publishes.
    ///
    /// # Safety
    /// The queue is open, and a place is free or the caller's own. `write` fills the slot.
    #[inline(always)]
    unsafe fn push_by(&mut self, write: impl FnOnce(&Slot<T>)) {
        debug_assert!(!self.is_closed(), "pushed into a closed queue");
        let at = &mut self.end.at;
        match &self.queue.store {
            Store::Ring(ring) => {
                // Not in a model: the look is an Acquire that the code beside it may not rely on.
                debug_assert!(MODELLED || ring.is_empty(&at.ring), "pushed into a full slot");
                write(ring.slot(&at.ring));
                ring.mark_full(&at.ring);
                ring.move_on(&mut at.ring);
            }
            // SAFETY: we hold the send role, so the cursor is ours.
            Store::Blocks(blocks) => write(unsafe { blocks.next_to_write(&mut at.block) }),
        }
        // Release: pairs with the Acquire in `Consumer::pushed`; publishes the message.
        self.queue.tail().store(self.tail().wrapping_add(ONE), Ordering::Release);
    }

    /// Adds a message. The caller has seen that the queue is open, and that a place is free or its own.
    #[inline(always)]
    pub(crate) fn push(&mut self, message: T) {
        // SAFETY: the caller has seen it. We hold the send role, so the slot is ours, and the message that had it is out of
        // it: fewer than `capacity` places are in use, and `has_place` or `used` ordered its reading before this.
        unsafe { self.push_by(|slot| slot.put(message)) };
    }

    /// The same with the message in `from`.
    pub(crate) fn push_from(&mut self, from: &mut Option<T>) {
        // SAFETY: as in `push`.
        unsafe { self.push_by(|slot| slot.fill(from)) };
    }

    /// Closes: no message comes after this.
    pub(crate) fn close(&mut self) {
        // Release: pairs with the Acquire loads of the tail; all earlier messages are visible with the end.
        self.queue.tail().store(self.tail() | CLOSED, Ordering::Release);
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
    #[inline(always)]
    pub(crate) fn books(&mut self) -> &mut R {
        &mut self.end.books
    }

    /// How many messages were taken: the number of the next one.
    pub(crate) fn taken(&self) -> usize {
        self.end.taken
    }

    fn pushed(&self) -> usize {
        // Acquire: pairs with the Release in `push_by`.
        self.queue.tail().load(Ordering::Acquire) / ONE
    }

    /// Is there a message to take? A no is not an answer yet: see `has_next_for_sure`.
    #[inline(always)]
    pub(crate) fn has_next(&mut self) -> bool {
        let queue = self.queue;
        let end = &mut *self.end;
        match &queue.store {
            Store::Ring(ring) => ring.is_full(&end.at.ring),
            Store::Blocks(_) => {
                if end.seen_pushed == end.taken {
                    // Acquire: pairs with the Release in `push_by`; the messages counted are in their slots.
                    end.seen_pushed = queue.tail().load(Ordering::Acquire) / ONE;
                }
                end.seen_pushed != end.taken
            }
        }
    }

    /// A no is true at one moment within the call, in an order common to all queues.
    #[inline(always)]
    pub(crate) fn has_next_for_sure(&mut self) -> bool {
        if self.has_next() {
            return true;
        }
        // SeqCst: with the same fence in every other queue's answer, two threads that each publish in one queue and look
        // into the other cannot both see nothing (contract, rule 4).
        fence(Ordering::SeqCst);
        self.has_next()
    }

    /// Reads with `read` from the next slot, whose place stays in use.
    ///
    /// # Safety
    /// There is a message, as `has_next` has said. `read` empties the slot.
    #[inline(always)]
    unsafe fn take_by<M>(&mut self, read: impl FnOnce(&Slot<T>) -> M) -> M {
        let queue = self.queue;
        let end = &mut *self.end;
        end.taken = end.taken.wrapping_add(1) & INDEX;
        match &queue.store {
            Store::Ring(ring) => {
                let message = read(ring.slot(&end.at.ring));
                ring.move_on(&mut end.at.ring);
                message
            }
            // SAFETY: we hold the receive role, so the cursor is ours; there is a message, and the Acquire in `has_next`
            // ordered its write before us.
            Store::Blocks(blocks) => read(unsafe { blocks.next_to_read(&mut end.at.block) }),
        }
    }

    /// Takes the oldest message, and gives back its place. The caller has seen that there is one.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> T {
        debug_assert!(MODELLED || self.has_next(), "taken from an empty queue");
        // SAFETY: the caller has seen it. We hold the receive role, and the Acquire in `has_next` ordered the write of the message before us.
        let message = unsafe { self.take_by(|slot| slot.take()) };
        self.give_back();
        message
    }

    /// Takes the oldest message into `into`, which is empty; its place stays in use until [`Consumer::give_back`]. False
    /// only if the queue was empty at one moment within the call, in an order common to all queues.
    pub(crate) fn take_into(&mut self, into: &mut Option<T>) -> bool {
        let has_next = self.has_next_for_sure();
        if has_next {
            // SAFETY: as in `take`.
            unsafe { self.take_by(|slot| slot.empty(into)) };
        }
        has_next
    }

    /// Gives back the place of a taken message.
    #[inline(always)]
    pub(crate) fn give_back(&mut self) {
        if let Store::Ring(ring) = &self.queue.store {
            let back = &mut self.end.back;
            ring.mark_empty(back);
            ring.move_on(back);
        }
        // Relaxed: only the receive role, which we hold, writes it.
        let head = self.queue.head().load(Ordering::Relaxed);
        // Release: pairs with the Acquire in `Producer::used`; the message is out of its slot.
        self.queue.head().store(head.wrapping_add(1) & INDEX, Ordering::Release);
    }

    /// Places in use, exactly: of taken messages and of those still inside.
    pub(crate) fn used(&self) -> usize {
        // Relaxed: only the receive role, which we hold, writes it.
        let head = self.queue.head().load(Ordering::Relaxed);
        distance(self.pushed(), head)
    }

    /// Closed, and every message taken.
    pub(crate) fn is_drained(&self) -> bool {
        // Acquire: as in `pushed`.
        let tail = self.queue.tail().load(Ordering::Acquire);
        tail & CLOSED != 0 && tail / ONE == self.end.taken
    }
}
