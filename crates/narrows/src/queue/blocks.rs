//! Storage without a bound: a linked list of blocks, the last emptied one kept for reuse. Does not know what is full,
//! empty or closed.
//!
//! Invariants: the writing cursor stands in the last block; every block from the reading cursor's to the last is linked
//! by `next`; a block before the reading cursor's is either the spare or freed. `first` and `next` are written before
//! the message behind them is published by the queue above, so a reader that may read the message sees the link.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ptr,
};

use super::slot::Slot;
use crate::sync::{AtomicPtr, MODELLED, Ordering};

/// Slots in the first block (2 under a model). Each new one has twice as many, up to the largest: what is paid for a change
/// of blocks is shared by more messages where there are many.
const FIRST: u32 = if MODELLED { 2 } else { 32 };
const LARGEST: u32 = if MODELLED { 2 } else { 512 };

/// Slots in the block after one with `before`; fewer for large messages, so that a block stays near 64 KiB, at least 4.
#[expect(clippy::cast_possible_truncation, reason = "at most 65,536")]
const fn block_len<T>(before: u32) -> u32 {
    let wanted = if before == 0 {
        FIRST
    } else if before < LARGEST {
        before * 2
    } else {
        LARGEST
    };
    let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
    let fit = if 65_536 / size < 4 { 4 } else { 65_536 / size };
    if (fit as u32) < wanted { fit as u32 } else { wanted }
}

/// The head of a block; its slots follow in the same piece of memory.
#[derive(Debug)]
#[repr(C)]
struct Block<T> {
    next: AtomicPtr<Block<T>>,
    len: u32,
    slots: [Slot<T>; 0],
}

impl<T> Block<T> {
    fn layout(len: u32) -> Layout {
        let slots = Layout::array::<Slot<T>>(len as usize).expect("a block is small");
        Layout::new::<Block<T>>().extend(slots).expect("a block is small").0
    }

    fn new(len: u32) -> *mut Block<T> {
        let layout = Block::<T>::layout(len);
        // SAFETY: the layout has a size, that of the head at least.
        let block = unsafe { alloc(layout) }.cast::<Block<T>>();
        if block.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: just allocated for a head and so many slots.
        unsafe {
            block.write(Block { next: AtomicPtr::new(ptr::null_mut()), len, slots: [] });
            for i in 0..len {
                Block::slot(block, i).write(Slot::new());
            }
        }
        block
    }

    /// # Safety
    /// `block` was made by `new`, is live, and `i` is below its length.
    #[inline(always)]
    unsafe fn slot(block: *mut Block<T>, i: u32) -> *mut Slot<T> {
        // SAFETY: the slots follow the head, whose alignment is at least theirs and whose size a multiple of it.
        unsafe { block.add(1).cast::<Slot<T>>().add(i as usize) }
    }

    /// # Safety
    /// `block` was made by `new`, its slots are empty, and nobody uses it afterwards.
    unsafe fn free(block: *mut Block<T>) {
        // SAFETY: the caller's promise; the layout is that of `new`.
        unsafe {
            let len = (*block).len;
            for i in 0..len {
                Block::slot(block, i).drop_in_place();
            }
            block.drop_in_place();
            dealloc(block.cast(), Block::<T>::layout(len));
        }
    }
}

/// The list of blocks.
#[derive(Debug)]
pub(super) struct Blocks<T> {
    /// The first block ever; null until the first message, so an unused channel has no block.
    first: AtomicPtr<Block<T>>,
    /// At most one emptied block, on its way from the reader back to the writer.
    spare: AtomicPtr<Block<T>>,
}

/// Where an end stands: a block (null before the first), the next slot in it, and how many it has.
#[derive(Debug)]
pub(super) struct BlockCursor<T> {
    block: *mut Block<T>,
    offset: u32,
    len: u32,
}

impl<T> Clone for BlockCursor<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for BlockCursor<T> {}

impl<T> BlockCursor<T> {
    pub(super) const START: BlockCursor<T> = BlockCursor { block: ptr::null_mut(), offset: 0, len: 0 };

    /// Whether the next slot is in another block.
    #[inline(always)]
    pub(super) fn is_at_the_end(&self) -> bool {
        self.offset == self.len
    }

    /// The slot it stands on; it is moved on to the next.
    ///
    /// # Safety
    /// It is not at the end, and is used by one thread at a time.
    #[inline(always)]
    pub(super) unsafe fn next_here<'a>(&mut self) -> &'a Slot<T> {
        let offset = self.offset;
        self.offset += 1;
        // SAFETY: the slot is in the block. The block is not freed while an end stands in it or before it.
        unsafe { &*Block::slot(self.block, offset) }
    }
}

impl<T> BlockCursor<T> {
    /// At most `n` slots from here to the end of the block; the cursor is moved on.
    ///
    /// # Safety
    /// As in `next_here`.
    unsafe fn run<'a>(&mut self, n: usize) -> &'a [Slot<T>] {
        let offset = self.offset;
        let left = self.len - offset;
        let n = u32::try_from(n).map_or(left, |n| n.min(left));
        self.offset += n;
        // SAFETY: so many slots are in the block, which is not freed while an end stands in it or before it. They are cells,
        // so the other end's use of its slots does not touch what is borrowed here.
        unsafe { std::slice::from_raw_parts(Block::slot(self.block, offset), n as usize) }
    }
}

// SAFETY: a cursor is a position; the block it points to is used only through `Blocks`, by the holder of a role.
unsafe impl<T: Send> Send for BlockCursor<T> {}

impl<T> Blocks<T> {
    pub(super) fn new() -> Blocks<T> {
        Blocks { first: AtomicPtr::new(ptr::null_mut()), spare: AtomicPtr::new(ptr::null_mut()) }
    }

    /// A block of so many slots at least, if they are not too large.
    fn take_block(&self, len: u32) -> *mut Block<T> {
        // Relaxed: only the writer, who calls this, takes a block away.
        if self.spare.load(Ordering::Relaxed).is_null() {
            return Block::new(len);
        }
        // Acquire: pairs with the Release in `give_block`; the reader was done with the block's slots and link.
        let spare = self.spare.swap(ptr::null_mut(), Ordering::Acquire);
        // SAFETY: a spare block is live, and ours now.
        if unsafe { (*spare).len } < len {
            // SAFETY: every slot of it was read, and nobody else knows of it.
            unsafe { Block::free(spare) };
            return Block::new(len);
        }
        spare
    }

    /// # Safety
    /// Every slot of `block` was read, and no cursor stands in it any more.
    unsafe fn give_block(&self, block: *mut Block<T>) {
        // SAFETY: the caller gives the block away, and blocks are freed nowhere else while the list lives.
        unsafe { (*block).next.store(ptr::null_mut(), Ordering::Relaxed) };
        // Release: pairs with the Acquire in `take_block`; our reads of the slots come before the next writes.
        let kept = self.spare.compare_exchange(ptr::null_mut(), block, Ordering::Release, Ordering::Relaxed);
        if kept.is_err() {
            // SAFETY: every slot of it was read (caller), and it is reachable from nowhere.
            unsafe { Block::free(block) };
        }
    }

    /// The slot of the next message of the stream, to be written; the cursor is moved on.
    ///
    /// # Safety
    /// `at` is the writing cursor of this list, used by one thread at a time.
    #[inline(always)]
    pub(super) unsafe fn next_to_write(&self, at: &mut BlockCursor<T>) -> &Slot<T> {
        if at.is_at_the_end() {
            // SAFETY: the caller's promise.
            unsafe { self.append(at) };
        }
        let offset = at.offset;
        at.offset += 1;
        // SAFETY: the writer stands in this block, so the reader, who frees only blocks behind it, has not.
        unsafe { &*Block::slot(at.block, offset) }
    }

    /// Slots of the next messages of the stream, `n` at most and at least one, to be written; the cursor is moved on.
    ///
    /// # Safety
    /// As in `next_to_write`; `n` is not 0.
    pub(super) unsafe fn run_to_write(&self, at: &mut BlockCursor<T>, n: usize) -> &[Slot<T>] {
        if at.is_at_the_end() {
            // SAFETY: the caller's promise.
            unsafe { self.append(at) };
        }
        // SAFETY: as in `next_to_write`.
        unsafe { at.run(n) }
    }

    /// The same of messages to be read.
    ///
    /// # Safety
    /// As in `next_to_read`, for each of them; `n` is not 0.
    pub(super) unsafe fn run_to_read(&self, at: &mut BlockCursor<T>, n: usize) -> &[Slot<T>] {
        if at.is_at_the_end() {
            // SAFETY: the caller's promise.
            unsafe { self.follow(at) };
        }
        // SAFETY: as in `next_to_read`.
        unsafe { at.run(n) }
    }

    /// # Safety
    /// As in `next_to_write`.
    #[cold]
    unsafe fn append(&self, at: &mut BlockCursor<T>) {
        let block = self.take_block(block_len::<T>(at.len));
        // Relaxed, both: the queue's Release of its tail publishes the link together with the message.
        if at.block.is_null() {
            self.first.store(block, Ordering::Relaxed);
        } else {
            // SAFETY: the writer stands in this block, so the reader, who frees only blocks behind it, has not.
            unsafe { (*at.block).next.store(block, Ordering::Relaxed) };
        }
        // SAFETY: ours.
        *at = BlockCursor { block, offset: 0, len: unsafe { (*block).len } };
    }

    /// The slot of the next message of the stream, to be read; the cursor is moved on.
    ///
    /// # Safety
    /// `at` is the reading cursor of this list, used by one thread at a time, and the write of the message it stands on
    /// happened before.
    #[inline(always)]
    pub(super) unsafe fn next_to_read(&self, at: &mut BlockCursor<T>) -> &Slot<T> {
        if at.is_at_the_end() {
            // SAFETY: the caller's promise.
            unsafe { self.follow(at) };
        }
        let offset = at.offset;
        at.offset += 1;
        // SAFETY: the message exists (caller), so its block was linked before it; the reader stands in it, so it is live.
        unsafe { &*Block::slot(at.block, offset) }
    }

    /// The slot of the message so many behind the next; the cursor stays.
    ///
    /// # Safety
    /// As in `next_to_read`, and the message so many behind it exists, too.
    pub(super) unsafe fn slot_ahead(&self, mut at: BlockCursor<T>, mut ahead: usize) -> &Slot<T> {
        while ahead >= (at.len - at.offset) as usize {
            ahead -= (at.len - at.offset) as usize;
            // Relaxed, both: as in `follow`.
            let block = if at.block.is_null() {
                self.first.load(Ordering::Relaxed)
            } else {
                // SAFETY: live, for the reader stands in it or before it.
                unsafe { (*at.block).next.load(Ordering::Relaxed) }
            };
            // SAFETY: linked, for the message that is looked for is behind it or in it.
            at = BlockCursor { block, offset: 0, len: unsafe { (*block).len } };
        }
        // SAFETY: in the block, which is live.
        unsafe { &*Block::slot(at.block, at.offset + u32::try_from(ahead).expect("less than the length")) }
    }

    /// # Safety
    /// As in `next_to_read`.
    #[cold]
    unsafe fn follow(&self, at: &mut BlockCursor<T>) {
        // Relaxed, both: the message beyond the link exists, and was published after the link.
        let block = if at.block.is_null() {
            self.first.load(Ordering::Relaxed)
        } else {
            // SAFETY: the reader frees a block only when it leaves it, so the one it stands in is live.
            let next = unsafe { (*at.block).next.load(Ordering::Relaxed) };
            // SAFETY: all its slots were read, and the writer is past it, since a message beyond it exists.
            unsafe { self.give_block(at.block) };
            next
        };
        // SAFETY: linked, and freed only when the reader leaves it.
        *at = BlockCursor { block, offset: 0, len: unsafe { (*block).len } };
    }

    /// Frees every block.
    ///
    /// # Safety
    /// `at` is the reading cursor, every message was read, and neither cursor is used again.
    pub(super) unsafe fn free(&self, at: &BlockCursor<T>) {
        // Relaxed, all: nobody else uses the list any more.
        let spare = self.spare.load(Ordering::Relaxed);
        let first = if at.block.is_null() { self.first.load(Ordering::Relaxed) } else { at.block };
        for start in [spare, first] {
            let mut block = start;
            while !block.is_null() {
                // SAFETY: each block is in exactly one of the two chains, live, and its slots were read.
                unsafe {
                    let next = (*block).next.load(Ordering::Relaxed);
                    Block::free(block);
                    block = next;
                }
            }
        }
    }
}
