//! What is sent: a message of some words that carries one number.

use std::fmt::Debug;
use std::hint::black_box;

/// A message as every peer can take it; thingbuf wants the `Default`.
pub(crate) trait Message: Copy + Default + Debug + Send + Sync + Unpin + 'static {
    fn new(number: u64) -> Self;
    /// The number, after the whole message was moved out of the channel.
    fn number(self) -> u64;
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<const N: usize>([u64; N]);

impl<const N: usize> Default for Words<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Message for Words<N> {
    #[inline]
    fn new(number: u64) -> Self {
        Self([number; N])
    }

    #[inline]
    fn number(self) -> u64 {
        if N == 1 {
            return self.0[0];
        }
        // Else the optimizer would copy one word out of the channel and not all of them.
        black_box(&self.0)[N - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::{Message, Words};

    #[test]
    fn a_message_carries_its_number_and_has_its_size() {
        assert_eq!(Words::<32>::new(7).number(), 7);
        assert_eq!(size_of::<Words<4>>(), 32);
    }
}
