//! An allocator that counts while it is asked to. A program that wants the rows on memory makes it its global allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

#[derive(Debug)]
/// The system's allocator, with counts.
pub struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicIsize = AtomicIsize::new(0);
static BLOCKS: AtomicIsize = AtomicIsize::new(0);

/// Bytes and blocks that were allocated and not freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) bytes: isize,
    pub(crate) blocks: isize,
}

/// Runs `work` and tells what it left allocated. `None` where this allocator is not the program's.
pub(crate) fn count<T>(work: impl FnOnce() -> T) -> Option<(T, Held)> {
    BYTES.store(0, Ordering::Relaxed);
    BLOCKS.store(0, Ordering::Relaxed);
    ON.store(true, Ordering::Relaxed);
    let probe = std::hint::black_box(Box::new(0_u64));
    let counts = BLOCKS.load(Ordering::Relaxed) > 0;
    drop(probe);
    let result = work();
    ON.store(false, Ordering::Relaxed);
    let held = Held { bytes: BYTES.load(Ordering::Relaxed), blocks: BLOCKS.load(Ordering::Relaxed) };
    counts.then_some((result, held))
}

fn note(bytes: usize, blocks: isize) {
    // Off, it costs a load that is foreseen: rows on time pay next to nothing, and every peer the same.
    if ON.load(Ordering::Relaxed) {
        let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
        BYTES.fetch_add(bytes * blocks, Ordering::Relaxed);
        BLOCKS.fetch_add(blocks, Ordering::Relaxed);
    }
}

// SAFETY: each method hands its arguments to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller's promise is the one that System asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: `block` came from System, as every block of this allocator.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(layout.size(), -1);
        note(size, 1);
        // SAFETY: as in `dealloc`.
        unsafe { System.realloc(block, layout, size) }
    }
}
