//! Who is woken after a message has come or gone. Knows nothing of what lies in a slot.
//!
//! One ring wakes one who waits. He may be the wrong one, or find more than he takes; so whoever finishes an operation and sees
//! that there is more for others who sleep rings once more.

use super::ring::{Ring, Words};
use crate::{
    bell::Bell,
    sync::{Ordering, fence},
};

/// The bells of a queue: of those who wait for messages, for places or blocks, and for word that theirs was received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bells<'a> {
    pub(crate) items: Bell<'a>,
    pub(crate) places: Bell<'a>,
    pub(crate) received: Bell<'a>,
}

impl Bells<'_> {
    /// After a message was committed.
    #[inline]
    pub(crate) fn after_send(self, ring: &Ring<'_, impl Words>) {
        self.items.ring();
        // The ring that woke us may have been for two places.
        if self.places.has_sleepers() && ring.may_send() {
            self.places.ring();
        }
    }

    /// After a message was claimed for longer.
    pub(crate) fn after_hold(self, ring: &Ring<'_, impl Words>) {
        if ring.is_limited() {
            // SeqCst: as in `Word::publish`.
            fence(Ordering::SeqCst);
            self.places.ring();
        }
    }

    /// After a message was taken out, and its blocks are free.
    #[inline]
    pub(crate) fn after_receive(self, ring: &Ring<'_, impl Words>, has_blocks: bool, is_ended: impl FnOnce() -> bool) {
        if has_blocks {
            // One may wait for few blocks and another for many, and who is woken may be the wrong one.
            self.places.ring_all();
        } else {
            self.places.ring();
        }
        self.received.ring_all();
        if self.items.has_sleepers() {
            if is_ended() {
                // They wait for what we had to come back.
                self.items.ring_all();
            } else if ring.may_receive() {
                self.items.ring();
            }
        }
    }
}
