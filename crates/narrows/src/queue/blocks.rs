//! Storage without a bound: a linked list of blocks, the last emptied one kept for reuse. Does not know what is full,
//! empty or closed.
//!
//! Invariants: the writing cursor stands in the last block; every block from the reading cursor's to the last is linked
//! by `next`; a block before the reading cursor's is either the spare or freed. `first` and `next` are written before
//! the message behind them is published by the queue above, so a reader that may read the message sees the link.

use std::ptr;

use super::slots::{Slot, Slots};
use crate::sync::{AtomicPtr, MODELLED, Ordering};

/// Slots in a block: 32 (2 under a model), fewer for large messages so that a block stays near 64 KiB, at least 4.
const fn block_len<T>() -> usize {
    if MODELLED {
        return 2;
    }
    let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
    let fit = 65_536 / size;
    if fit > 32 {
        32
    } else if fit < 4 {
        4
    } else {
        fit
    }
}

#[derive(Debug)]
struct Block<T> {
    next: AtomicPtr<Block<T>>,
    slots: Slots<T>,
}

/// The list of blocks.
#[derive(Debug)]
pub(super) struct Blocks<T> {
    /// The first block ever; null until the first message, so an unused channel has no block.
    first: AtomicPtr<Block<T>>,
    /// At most one emptied block, on its way from the reader back to the writer.
    spare: AtomicPtr<Block<T>>,
}

/// Where an end stands: a block (null before the first) and the next slot in it.
#[derive(Debug)]
pub(super) struct BlockCursor<T> {
    block: *mut Block<T>,
    offset: usize,
}

impl<T> Default for BlockCursor<T> {
    fn default() -> Self {
        BlockCursor { block: ptr::null_mut(), offset: 0 }
    }
}

// SAFETY: a cursor is a position; the block it points to is used only through `Blocks`, by the holder of a role.
unsafe impl<T: Send> Send for BlockCursor<T> {}

impl<T> Blocks<T> {
    pub(super) fn new() -> Blocks<T> {
        Blocks { first: AtomicPtr::new(ptr::null_mut()), spare: AtomicPtr::new(ptr::null_mut()) }
    }

    fn take_block(&self) -> *mut Block<T> {
        // Acquire: pairs with the Release in `give_block`; the reader was done with the block's slots and link.
        let spare = self.spare.swap(ptr::null_mut(), Ordering::Acquire);
        if !spare.is_null() {
            return spare;
        }
        Box::into_raw(Box::new(Block { next: AtomicPtr::new(ptr::null_mut()), slots: Slots::new(block_len::<T>()) }))
    }

    /// # Safety
    /// Every slot of `block` was read, and no cursor stands in it any more.
    unsafe fn give_block(&self, block: *mut Block<T>) {
        // SAFETY: the caller gives the block away, and blocks are freed nowhere else while the list lives.
        unsafe { (*block).next.store(ptr::null_mut(), Ordering::Relaxed) };
        // Release: pairs with the Acquire in `take_block`; our reads of the slots come before the next writes.
        let kept = self.spare.compare_exchange(ptr::null_mut(), block, Ordering::Release, Ordering::Relaxed);
        if kept.is_err() {
            // SAFETY: made by `Box::into_raw` in `take_block` and reachable from nowhere now.
            drop(unsafe { Box::from_raw(block) });
        }
    }

    /// The slot of the next message of the stream, to be written; the cursor is moved on.
    ///
    /// # Safety
    /// `at` is the writing cursor of this list, used by one thread at a time.
    #[inline]
    pub(super) unsafe fn next_to_write(&self, at: &mut BlockCursor<T>) -> &Slot<T> {
        if at.block.is_null() || at.offset == block_len::<T>() {
            // SAFETY: the caller's promise.
            unsafe { self.append(at) };
        }
        let offset = at.offset;
        at.offset += 1;
        // SAFETY: the writer stands in this block, so the reader, who frees only blocks behind it, has not.
        unsafe { (*at.block).slots.slot(offset) }
    }

    /// # Safety
    /// As in `next_to_write`.
    #[cold]
    unsafe fn append(&self, at: &mut BlockCursor<T>) {
        let block = self.take_block();
        // Relaxed, both: the queue's Release of its tail publishes the link together with the message.
        if at.block.is_null() {
            self.first.store(block, Ordering::Relaxed);
        } else {
            // SAFETY: the writer stands in this block, so the reader, who frees only blocks behind it, has not.
            unsafe { (*at.block).next.store(block, Ordering::Relaxed) };
        }
        *at = BlockCursor { block, offset: 0 };
    }

    /// The slot of the next message of the stream, to be read; the cursor is moved on.
    ///
    /// # Safety
    /// `at` is the reading cursor of this list, used by one thread at a time, and the write of the message it stands on
    /// happened before.
    #[inline]
    pub(super) unsafe fn next_to_read(&self, at: &mut BlockCursor<T>) -> &Slot<T> {
        if at.block.is_null() || at.offset == block_len::<T>() {
            // SAFETY: the caller's promise.
            unsafe { self.follow(at) };
        }
        let offset = at.offset;
        at.offset += 1;
        // SAFETY: the message exists (caller), so its block was linked before it; the reader stands in it, so it is live.
        unsafe { (*at.block).slots.slot(offset) }
    }

    /// # Safety
    /// As in `next_to_read`.
    #[cold]
    unsafe fn follow(&self, at: &mut BlockCursor<T>) {
        if at.block.is_null() {
            at.block = self.first.load(Ordering::Relaxed);
            return;
        }
        // SAFETY: the reader frees a block only when it leaves it, so the one it stands in is live.
        let next = unsafe { (*at.block).next.load(Ordering::Relaxed) };
        // SAFETY: all its slots were read, and the writer is past it, since a message beyond it exists.
        unsafe { self.give_block(at.block) };
        *at = BlockCursor { block: next, offset: 0 };
    }

    /// Frees every block.
    ///
    /// # Safety
    /// `at` is the reading cursor, every message was read, and neither cursor is used again.
    pub(super) unsafe fn free(&self, at: &mut BlockCursor<T>) {
        let spare = self.spare.swap(ptr::null_mut(), Ordering::Acquire);
        let first = if at.block.is_null() { self.first.load(Ordering::Relaxed) } else { at.block };
        for start in [spare, first] {
            let mut block = start;
            while !block.is_null() {
                // SAFETY: each block is in exactly one of the two chains and was made by `Box::into_raw`.
                let owned = unsafe { Box::from_raw(block) };
                block = owned.next.load(Ordering::Relaxed);
            }
        }
    }
}
