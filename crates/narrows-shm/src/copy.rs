//! Copies of bytes that others may read or write meanwhile: in whole words, each of them atomic, so that a race has an outcome, and
//! whoever has copied a mixture can tell by a word beside it (a sequence lock; H.-J. Boehm, "Can seqlocks get along with
//! programming language memory models?").
//!
//! Both sides: `shared` lies on a boundary of 8 bytes and has room for whole words; the last one is padded with zeros.

#![allow(clippy::cast_ptr_alignment)] // as said of `shared`

use std::{
    mem::MaybeUninit,
    sync::atomic::{AtomicU64, Ordering, fence},
};

const WORD: usize = size_of::<u64>();

/// # Safety
/// There is such room at `shared`, and all who access it meanwhile do so by this and [`from_shared`].
pub(crate) unsafe fn into_shared(bytes: &[u8], shared: *mut u8) {
    // Release: pairs with the fence in `from_shared`; who sees any of these words sees that the room was claimed before.
    fence(Ordering::Release);
    let mut at = shared.cast::<AtomicU64>();
    let store = |at: *mut AtomicU64, word: [u8; WORD]| {
        // SAFETY: a word of the room, see above.
        // Relaxed: the fence has been, and what is published is published by a word of its own.
        unsafe { &*at }.store(u64::from_ne_bytes(word), Ordering::Relaxed);
    };
    let (words, rest) = bytes.as_chunks::<WORD>();
    for word in words {
        store(at, *word);
        // SAFETY: at most one past the last.
        at = unsafe { at.add(1) };
    }
    if !rest.is_empty() {
        let mut word = [0; WORD];
        word[..rest.len()].copy_from_slice(rest);
        store(at, word);
    }
}

/// Whoever then finds the word that says whose the room is as it was before has got what was there then.
///
/// # Safety
/// As [`into_shared`]; `into` lies elsewhere.
pub(crate) unsafe fn from_shared(shared: *const u8, into: &mut [MaybeUninit<u8>]) {
    let mut at = shared.cast::<AtomicU64>();
    // SAFETY: a word of the room, see above.
    // Relaxed: the fence follows.
    let load = |at: *const AtomicU64| unsafe { &*at }.load(Ordering::Relaxed).to_ne_bytes().map(MaybeUninit::new);
    let (words, rest) = into.as_chunks_mut::<WORD>();
    for word in words {
        *word = load(at);
        // SAFETY: at most one past the last.
        at = unsafe { at.add(1) };
    }
    if !rest.is_empty() {
        let word = load(at);
        rest.copy_from_slice(&word[..rest.len()]);
    }
    // Acquire: pairs with the fence in `into_shared`.
    fence(Ordering::Acquire);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_in_comes_out_whatever_its_length() {
        for len in 0..40 {
            let bytes: Vec<u8> = (1..=len).collect();
            let mut shared = [u64::MAX; 6];
            let mut out = vec![MaybeUninit::new(0); bytes.len()];
            // SAFETY: 48 bytes, and nobody else has them.
            unsafe {
                into_shared(&bytes, shared.as_mut_ptr().cast());
                from_shared(shared.as_ptr().cast(), &mut out);
            }
            // SAFETY: all were initialised from the start.
            let out: Vec<u8> = out.into_iter().map(|byte| unsafe { byte.assume_init() }).collect();
            assert_eq!(out, bytes);
            assert_eq!(shared[bytes.len().div_ceil(8)..], [u64::MAX; 6][bytes.len().div_ceil(8)..]);
        }
    }
}
