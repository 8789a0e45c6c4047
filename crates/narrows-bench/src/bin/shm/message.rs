//! A message: words, of which the first and the last are its number. The last message of a sender is the mark of its end.

use std::hint::black_box;

use anyhow::{Result, ensure};

/// In place of a number: the sender has ended. Each receiver ends with the first mark it meets, and there are as many
/// senders as receivers, so that what comes before the last mark is received by those who are left.
pub(crate) const MARK: u64 = u64::MAX;

pub(crate) fn stamp(message: &mut [u64], number: u64) {
    if let [first, .., last] = message {
        (*first, *last) = (number, number);
    }
}

/// The number, if both ends tell the same and nothing is missing.
pub(crate) fn number(message: &[u8], size: usize) -> Result<u64> {
    let ends = message.first_chunk().zip(message.last_chunk());
    let (first, last) = ends.map_or((0, MARK), |(first, last)| (u64::from_ne_bytes(*first), u64::from_ne_bytes(*last)));
    ensure!(message.len() == size, "a message of {} bytes arrived, not of {size}", message.len());
    ensure!(first == last, "a message arrived torn: it begins with {first} and ends with {last}");
    Ok(first)
}

/// The same of a message whose words are all its number; it reads every one.
pub(crate) fn number_of_all(message: &[u8], size: usize) -> Result<u64> {
    let number = number(message, size)?;
    let words = message.chunks_exact(size_of::<u64>());
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
    let differ = words.fold(0, |differ, bytes| differ | (word(bytes) ^ number));
    ensure!(black_box(differ) == 0, "message {number} arrived torn");
    Ok(number)
}
