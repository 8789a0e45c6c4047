//! The consumer of the moment: takes messages, and gives back places, at once or, of those taken apart, later.

use std::collections::VecDeque;

use super::{Apart, CLOSED, Cursor, INDEX, ONE, Queue, RecvEnd, Store, distance, slot::Slot};
use crate::{
    answer,
    role::Holder,
    sync::{MODELLED, Ordering},
};

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
    pub(super) queue: &'a Queue<T, R>,
    pub(super) end: Holder<'a, RecvEnd<T, R>>,
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

    pub(super) fn apart(&mut self) -> &mut Apart<T, R>
    where
        R: Default,
    {
        let end = &mut *self.end;
        end.apart.get_or_insert_with(|| {
            Box::new(Apart { taken: 0, back: end.at, dead: VecDeque::new(), passed: 0, books: R::default() })
        })
    }

    /// Whether messages can be taken one after the other, and places given back with them.
    #[inline(always)]
    pub(crate) fn is_whole(&self) -> bool {
        self.end.apart.as_ref().is_none_or(|apart| apart.is_whole())
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

    pub(super) fn pushed(&self) -> usize {
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
        distance(self.pushed(), self.taken()) != 0
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
    pub(super) unsafe fn take_by<M>(&mut self, read: impl FnOnce(&Slot<T>) -> M) -> (M, Cursor<T>) {
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

    /// Takes the oldest message into `into`, which is empty, and gives back a place. The caller has seen that there is one.
    #[inline(always)]
    pub(crate) fn take(&mut self, into: &mut Option<T>) {
        debug_assert!(MODELLED || self.has_next(), "taken from an empty queue");
        // SAFETY: the caller has seen it. We hold the receive role, and the Acquire in `has_next` ordered the write of the
        // message before us.
        let ((), place) = unsafe { self.take_by(|slot| slot.empty(into)) };
        self.give_back_after(place);
        if self.end.apart.as_ref().is_some_and(|apart| !apart.dead.is_empty()) {
            self.pass_dead();
        }
    }

    /// Takes the oldest message, and gives back its place, where that is easy: there is a message, in the same block as the one
    /// before, and none is apart. It is then in `into`, which is empty. An error is no answer. In one step, as in `push_easily`.
    #[inline(always)]
    pub(crate) fn take_easily(&mut self, into: &mut Option<T>) -> Result<(), NotEasy> {
        if !self.is_whole() {
            return Err(NotEasy::TakesMore);
        }
        let head = self.head();
        match &self.queue.store {
            Store::Ring(ring) => {
                // SAFETY: the cursor of a ring.
                let at = unsafe { self.end.at.ring };
                let cell = ring.cell(&at);
                if !cell.is_full(&at) {
                    return Err(NotEasy::Empty);
                }
                // SAFETY: we hold the receive role, so the slot is ours, and its stamp says that it is full.
                unsafe { cell.slot.empty(into) };
                cell.mark_empty(&at);
                // SAFETY: the cursor of a ring.
                ring.move_on_from(at, unsafe { &mut self.end.at.ring });
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
                unsafe { at.next_here().empty(into) };
            }
        }
        // Release: as in `place_is_free`.
        self.queue.head().store(head.wrapping_add(1) & INDEX, Ordering::Release);
        answer::acted();
        Ok(())
    }

    /// Takes at most `most` of the messages into `into`, which has room for them, and gives back their places together; how many.
    /// The caller has seen that there is one, and that none is apart.
    pub(crate) fn take_many(&mut self, into: &mut Vec<T>, most: usize) -> usize {
        debug_assert!(self.is_whole() && most <= into.capacity() - into.len(), "not as it was said to be");
        let head = self.head();
        // Those that are counted are in their slots; the one that was seen need not be counted yet.
        self.end.seen_pushed = self.pushed();
        let n = distance(self.end.seen_pushed, head).clamp(1, most);
        let places = &mut into.spare_capacity_mut()[..n];
        let at = &mut self.end.at;
        match &self.queue.store {
            Store::Ring(ring) => {
                // SAFETY: the cursor of a ring.
                let kept = unsafe { &mut at.ring };
                let mut at = *kept;
                for place in places {
                    let cell = ring.cell(&at);
                    // SAFETY: as in `take`, for each of so many.
                    place.write(unsafe { cell.slot.take() });
                    cell.mark_empty(&at);
                    ring.move_on(&mut at);
                }
                *kept = at;
            }
            Store::Blocks(blocks) => {
                let mut left = places;
                while !left.is_empty() {
                    // SAFETY: as in `take_by`, for each of so many.
                    let slots = unsafe { blocks.run_to_read(&mut at.block, left.len()) };
                    let (run, rest) = left.split_at_mut(slots.len());
                    for (slot, place) in slots.iter().zip(run) {
                        // SAFETY: as above.
                        place.write(unsafe { slot.take() });
                    }
                    left = rest;
                }
            }
        }
        // SAFETY: so many were written behind the others; nothing in between panics.
        unsafe { into.set_len(into.len() + n) };
        // Release: as in `place_is_free`.
        self.queue.head().store(head.wrapping_add(n) & INDEX, Ordering::Release);
        answer::acted();
        n
    }

    /// The same if there is one. False only if the queue was empty at one moment within the call, in an order common to all
    /// queues.
    pub(crate) fn take_if_any(&mut self, into: &mut Option<T>) -> bool {
        let has_next = self.has_next_for_sure();
        if has_next {
            self.take(into);
        }
        has_next
    }

    /// After the message in `place` was taken. Places are given back in order, so it is the oldest that goes.
    #[inline(always)]
    pub(super) fn give_back_after(&mut self, mut place: Cursor<T>) {
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
        if !apart.dead.is_empty() {
            self.pass_dead();
        }
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
