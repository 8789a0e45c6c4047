//! Messages taken out of the middle. Each leaves a tombstone: its place stays in use until the consumer comes by.
//!
//! Invariant: the next message is never dead. Whatever moves the consumer on passes the tombstones that come next.

use super::{Apart, Consumer, INDEX, Store, distance};

impl<T, R> Consumer<'_, T, R> {
    /// Takes message `number` of the stream, if it is in the queue and alive, wherever it is. If it was the next one, its place
    /// is given back, and `true` returned; else it leaves a tombstone.
    pub(crate) fn take_at(&mut self, number: usize, into: &mut Option<T>) -> Option<bool>
    where
        R: Default,
    {
        // No tombstone lies behind what was seen (see `has_next`).
        self.end.seen_pushed = self.pushed();
        let ahead = number.wrapping_sub(self.taken()) & INDEX;
        if ahead >= distance(self.end.seen_pushed, self.taken()) {
            return None;
        }
        if ahead == 0 {
            self.take(into);
            return Some(true);
        }
        let dead = &mut self.apart().dead;
        let at = dead.partition_point(|other| distance(number, *other) != 0);
        if dead.get(at) == Some(&number) {
            return None;
        }
        dead.insert(at, number);
        let slot = match &self.queue.store {
            // SAFETY: the cursor of a ring.
            Store::Ring(ring) => unsafe { ring.slot_ahead(&self.end.at.ring, ahead) },
            // SAFETY: the cursor of blocks, ours; and so many messages are there.
            Store::Blocks(blocks) => unsafe { blocks.slot_ahead(self.end.at.block, ahead) },
        };
        // SAFETY: the message was pushed, which the Acquire in `pushed` has ordered before us. From now on it is dead, so nobody
        // reads the slot again: `pass_dead` moves over it.
        unsafe { slot.empty(into) };
        Some(false)
    }

    /// Passes the tombstones that come next, and gives their places back.
    #[cold]
    pub(super) fn pass_dead(&mut self) {
        loop {
            let next = self.taken();
            let Some(apart) = self.end.apart.as_mut().filter(|apart| apart.dead.front() == Some(&next)) else { return };
            apart.dead.pop_front();
            apart.passed += 1;
            // SAFETY: it is in the queue. Nothing is read: its message has been taken.
            let ((), place) = unsafe { self.take_by(|_| ()) };
            self.give_back_after(place);
        }
    }

    /// How many tombstones were passed since this was asked last.
    pub(crate) fn take_passed(&mut self) -> usize {
        self.end.apart.as_mut().map_or(0, |apart| std::mem::take(&mut apart.passed))
    }
}

impl<T, R> Apart<T, R> {
    /// Whether messages can be taken one after the other, and places given back with them.
    pub(super) fn is_whole(&self) -> bool {
        self.taken == 0 && self.dead.is_empty()
    }
}
