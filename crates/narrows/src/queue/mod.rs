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
//! Invariants: a message that was taken apart keeps its place until the place is given back, and places are given back in
//! the order of the ring; how many are apart only the consumer knows. Once the closed bit is set, `tail` never changes again.

mod blocks;
#[cfg(all(test, loom))]
mod model;
mod ring;
mod slot;

use std::{fmt, mem::ManuallyDrop};

use self::{
    blocks::{BlockCursor, Blocks},
    ring::{Ring, RingCursor},
    slot::Slot,
};
use crate::{
    answer,
    role::{Holder, Role},
    sync::{AtomicUsize, MODELLED, Ordering},
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

    /// The same with the consumer.
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
        // Acquire: before the head. Places that were given back since do not count.
        let tail = self.tail().load(Ordering::Acquire);
        tail & CLOSED == 0 && distance(tail / ONE, self.given_back()) >= capacity
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
            drop_each(|message| free.0.consumer().take_into(message));
        }
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
        if let Err(payload) = dropped {
            // One that is not passed on is not dropped either: that may panic again.
            let payload = ManuallyDrop::new(payload);
            panic = panic.or(Some(payload));
        }
    }
    if let Some(panic) = panic.filter(|_| !std::thread::panicking()) {
        std::panic::resume_unwind(ManuallyDrop::into_inner(panic));
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
            Store::Ring(ring) => {
                // SAFETY: the cursor of a ring.
                let at = unsafe { &self.end.at.ring };
                ring.cell(at).is_empty(at)
            }
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
        // Acquire: pairs with the Release in `place_is_free`; the message that had the place is out of its slot.
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
                // SAFETY: the cursor of a ring.
                let at = unsafe { &mut at.ring };
                let cell = ring.cell(at);
                // Not in a model: the look is an Acquire that the code beside it may not rely on.
                debug_assert!(MODELLED || cell.is_empty(at), "pushed into a full slot");
                write(&cell.slot);
                cell.mark_full(at);
                ring.move_on(at);
            }
            // SAFETY: the cursor of blocks; we hold the send role, so it is ours.
            Store::Blocks(blocks) => write(unsafe { blocks.next_to_write(&mut at.block) }),
        }
        // Release: pairs with the Acquire in `Consumer::pushed`; publishes the message.
        self.queue.tail().store(self.tail().wrapping_add(ONE), Ordering::Release);
        answer::acted();
    }

    /// Adds a message. The caller has seen that the queue is open, and that a place is free or its own.
    #[inline(always)]
    pub(crate) fn push(&mut self, message: T) {
        // SAFETY: the caller has seen it. We hold the send role, so the slot is ours, and the message that had it is out of
        // it: fewer than `capacity` places are in use, and `has_place` or `used` ordered its reading before this.
        unsafe { self.push_by(|slot| slot.put(message)) };
    }

    /// Adds a message where that is easy: the queue is open, a place is free if none is reserved, and no block is to be
    /// made. An error is no answer, only the message back.
    ///
    /// Everything in one step, and the cursor in a variable: what is written into a slot may change no cursor, but the
    /// compiler cannot know.
    #[inline(always)]
    pub(crate) fn push_easily(&mut self, message: T, most: usize) -> Result<(), T> {
        let tail = self.tail();
        if tail & CLOSED != 0 {
            return Err(message);
        }
        match &self.queue.store {
            Store::Ring(ring) => {
                // SAFETY: the cursor of a ring.
                let at = unsafe { self.end.at.ring };
                let cell = ring.cell(&at);
                if !cell.is_empty(&at) {
                    return Err(message);
                }
                // SAFETY: we hold the send role, so the slot is ours, and its stamp says that it is empty.
                unsafe { cell.slot.put(message) };
                cell.mark_full(&at);
                // SAFETY: the cursor of a ring.
                ring.move_on_from(at, unsafe { &mut self.end.at.ring });
            }
            Store::Blocks(_) => {
                if self.used_at_most() >= most {
                    return Err(message);
                }
                // SAFETY: the cursor of blocks.
                let at = unsafe { &mut self.end.at.block };
                if at.is_at_the_end() {
                    return Err(message);
                }
                // SAFETY: we hold the send role, so the cursor is ours, and the next slot in its block is empty.
                unsafe { at.next_here().put(message) };
            }
        }
        // Release: as in `push_by`.
        self.queue.tail().store(tail.wrapping_add(ONE), Ordering::Release);
        answer::acted();
        Ok(())
    }

    /// The same as `push` with the message in `from`.
    pub(crate) fn push_from(&mut self, from: &mut Option<T>) {
        // SAFETY: as in `push`.
        unsafe { self.push_by(|slot| slot.fill(from)) };
    }

    /// Closes: no message comes after this.
    pub(crate) fn close(&mut self) {
        // Release: pairs with the Acquire loads of the tail; all earlier messages are visible with the end.
        self.queue.tail().store(self.tail() | CLOSED, Ordering::Release);
        answer::acted();
    }
}

/// Why a receive was not easy.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum NotEasy {
    /// No message was seen, which is no answer.
    Empty,
    TakesMore,
}

/// The holder of the receive role.
#[derive(Debug)]
pub(crate) struct Consumer<'a, T, R> {
    queue: &'a Queue<T, R>,
    end: Holder<'a, RecvEnd<T, R>>,
}

impl<T, R> Consumer<'_, T, R> {
    /// The owner's state under this role, if it was ever needed.
    #[inline(always)]
    pub(crate) fn books_kept(&mut self) -> Option<&mut R> {
        self.end.apart.as_mut().map(|apart| &mut apart.books)
    }

    /// The same, made if it was not.
    pub(crate) fn books(&mut self) -> &mut R
    where
        R: Default,
    {
        &mut self.apart().books
    }

    fn apart(&mut self) -> &mut Apart<T, R>
    where
        R: Default,
    {
        let end = &mut *self.end;
        end.apart.get_or_insert_with(|| Box::new(Apart { taken: 0, back: end.at, books: R::default() }))
    }

    /// How many were taken whose places are still in use.
    #[inline(always)]
    fn taken_apart(&self) -> usize {
        self.end.apart.as_ref().map_or(0, |apart| apart.taken)
    }

    #[inline(always)]
    fn head(&self) -> usize {
        // Relaxed: only the receive role, which we hold, writes it.
        self.queue.head().load(Ordering::Relaxed)
    }

    /// How many messages were taken: the number of the next one.
    #[inline(always)]
    pub(crate) fn taken(&self) -> usize {
        self.head().wrapping_add(self.taken_apart()) & INDEX
    }

    fn pushed(&self) -> usize {
        // Acquire: pairs with the Release in `push_by`.
        self.queue.tail().load(Ordering::Acquire) / ONE
    }

    /// Is there a message to take? A no is not an answer yet: see `has_next_for_sure`.
    #[inline(always)]
    pub(crate) fn has_next(&mut self) -> bool {
        match &self.queue.store {
            Store::Ring(ring) => {
                // SAFETY: the cursor of a ring.
                let at = unsafe { &self.end.at.ring };
                ring.cell(at).is_full(at)
            }
            Store::Blocks(_) => {
                let taken = self.taken();
                if self.end.seen_pushed == taken {
                    // The messages counted are in their slots.
                    self.end.seen_pushed = self.pushed();
                }
                self.end.seen_pushed != taken
            }
        }
    }

    /// Whether those who only look see the next message, too: it is in its slot before it is in the index.
    #[inline]
    pub(crate) fn shows_next(&self) -> bool {
        self.pushed() != self.taken()
    }

    /// A no is true at one moment within the call, in an order common to all queues.
    #[inline(always)]
    pub(crate) fn has_next_for_sure(&mut self) -> bool {
        if self.has_next() {
            return true;
        }
        answer::before_no();
        self.has_next()
    }

    /// Reads with `read` from the next slot, whose place stays in use, and moves on; where it was is returned.
    ///
    /// # Safety
    /// There is a message, as `has_next` has said. `read` empties the slot.
    #[inline(always)]
    unsafe fn take_by<M>(&mut self, read: impl FnOnce(&Slot<T>) -> M) -> (M, Cursor<T>) {
        let queue = self.queue;
        let at = &mut self.end.at;
        let before = *at;
        let message = match &queue.store {
            Store::Ring(ring) => {
                // SAFETY: the cursor of a ring.
                let at = unsafe { &mut at.ring };
                let message = read(&ring.cell(at).slot);
                ring.move_on(at);
                message
            }
            // SAFETY: the cursor of blocks; we hold the receive role, so it is ours. There is a message, and the Acquire in
            // `has_next` ordered its write before us.
            Store::Blocks(blocks) => read(unsafe { blocks.next_to_read(&mut at.block) }),
        };
        (message, before)
    }

    /// Takes the oldest message, and gives back a place. The caller has seen that there is one.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> T {
        debug_assert!(MODELLED || self.has_next(), "taken from an empty queue");
        // SAFETY: the caller has seen it. We hold the receive role, and the Acquire in `has_next` ordered the write of the
        // message before us.
        let (message, place) = unsafe { self.take_by(|slot| slot.take()) };
        self.give_back_after(place);
        message
    }

    /// Takes the oldest message, and gives back a place, where that is easy: there is a message, in the same block as the one
    /// before, and nothing is or was ever taken apart. An error is no answer. In one step, as in `push_easily`.
    #[inline(always)]
    pub(crate) fn take_easily(&mut self) -> Result<T, NotEasy> {
        if self.end.apart.is_some() {
            return Err(NotEasy::TakesMore);
        }
        let head = self.head();
        let message = match &self.queue.store {
            Store::Ring(ring) => {
                // SAFETY: the cursor of a ring.
                let at = unsafe { self.end.at.ring };
                let cell = ring.cell(&at);
                if !cell.is_full(&at) {
                    return Err(NotEasy::Empty);
                }
                // SAFETY: we hold the receive role, so the slot is ours, and its stamp says that it is full.
                let message = unsafe { cell.slot.take() };
                cell.mark_empty(&at);
                // SAFETY: the cursor of a ring.
                ring.move_on_from(at, unsafe { &mut self.end.at.ring });
                message
            }
            Store::Blocks(_) => {
                if self.end.seen_pushed == head {
                    // As in `has_next`.
                    self.end.seen_pushed = self.pushed();
                    if self.end.seen_pushed == head {
                        return Err(NotEasy::Empty);
                    }
                }
                // SAFETY: the cursor of blocks.
                let at = unsafe { &mut self.end.at.block };
                if at.is_at_the_end() {
                    return Err(NotEasy::TakesMore);
                }
                // SAFETY: we hold the receive role, so the cursor is ours; the Acquire in `pushed` ordered the write of
                // the message before us.
                unsafe { at.next_here().take() }
            }
        };
        // Release: as in `place_is_free`.
        self.queue.head().store(head.wrapping_add(1) & INDEX, Ordering::Release);
        answer::acted();
        Ok(message)
    }

    /// The same as `take` into `into`, which is empty. False only if the queue was empty at one moment within the call, in an order
    /// common to all queues.
    pub(crate) fn take_into(&mut self, into: &mut Option<T>) -> bool {
        let has_next = self.has_next_for_sure();
        if has_next {
            // SAFETY: as in `take`.
            let ((), place) = unsafe { self.take_by(|slot| slot.empty(into)) };
            self.give_back_after(place);
        }
        has_next
    }

    /// After the message in `place` was taken. Places are given back in order, so it is the oldest that goes.
    #[inline(always)]
    fn give_back_after(&mut self, mut place: Cursor<T>) {
        if let Some(apart) = self.end.apart.as_deref_mut().filter(|apart| apart.taken > 0) {
            place = self.queue.store.after(&mut apart.back);
        }
        self.place_is_free(&place);
    }

    /// Takes the oldest message, whose place stays in use until [`Consumer::give_back`]. The caller has seen that there is one.
    pub(crate) fn take_apart(&mut self) -> T
    where
        R: Default,
    {
        // SAFETY: as in `take`.
        let (message, place) = unsafe { self.take_by(|slot| slot.take()) };
        let apart = self.apart();
        if apart.taken == 0 {
            apart.back = place;
        }
        apart.taken += 1;
        message
    }

    /// Gives back the place of a message that was taken apart.
    pub(crate) fn give_back(&mut self) {
        let apart = self.end.apart.as_deref_mut().expect("something was taken apart");
        apart.taken = apart.taken.checked_sub(1).expect("what was taken apart is counted");
        let place = self.queue.store.after(&mut apart.back);
        self.place_is_free(&place);
    }

    #[inline(always)]
    fn place_is_free(&mut self, place: &Cursor<T>) {
        if let Store::Ring(ring) = &self.queue.store {
            // SAFETY: the cursor of a ring.
            let at = unsafe { &place.ring };
            ring.cell(at).mark_empty(at);
        }
        // Release: pairs with the Acquire in `Producer::used`; the message is out of its slot.
        self.queue.head().store(self.head().wrapping_add(1) & INDEX, Ordering::Release);
        answer::acted();
    }

    /// Places in use, exactly: of taken messages and of those still inside.
    pub(crate) fn used(&self) -> usize {
        distance(self.pushed(), self.head())
    }

    /// Closed, and every message taken.
    pub(crate) fn is_drained(&self) -> bool {
        // Acquire: as in `pushed`.
        let tail = self.queue.tail().load(Ordering::Acquire);
        tail & CLOSED != 0 && tail / ONE == self.taken()
    }
}
