//! Messages that show whether they are whole: a number, filling that follows from it, and a check sum over both.

use narrows_shm::{Bytes, Channel, OpenError, Options, options};

pub(crate) const CAPACITIES: [u32; 4] = [1, 2, 3, 16];

/// What a channel is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) capacity: u32,
    /// Messages lie in blocks, but for some.
    pub(crate) is_long: bool,
}

impl Shape {
    pub(crate) fn all() -> impl Iterator<Item = Shape> {
        CAPACITIES.into_iter().flat_map(|capacity| [false, true].map(|is_long| Shape { capacity, is_long }))
    }

    pub(crate) fn options(self) -> Options<Bytes> {
        let options = options().bytes().capacity(self.capacity).participants(12);
        // Blocks of 256 bytes, for three of the longest messages.
        if self.is_long { options.max_len(768).memory(3 * 768) } else { options.max_len(112) }
    }

    pub(crate) fn open(self, path: &str) -> Result<Channel<Vec<u8>, Bytes>, OpenError> {
        self.options().open(path)
    }

    pub(crate) fn message(self, id: u64) -> Vec<u8> {
        let spread = usize::try_from(id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).expect("24 bits");
        let len = if self.is_long { 24 + spread % 745 } else { 24 + spread % 89 };
        let mut bytes = Vec::with_capacity(len);
        bytes.extend(id.to_le_bytes());
        bytes.extend((len as u64).to_le_bytes());
        let mut filling = id | 1;
        while bytes.len() < len - 8 {
            filling = filling.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            bytes.push(filling.to_le_bytes()[7]);
        }
        let sum = sum(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The number of a message; `None` if it is torn.
pub(crate) fn read(bytes: &[u8]) -> Option<u64> {
    let word = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let end = bytes.len().checked_sub(8)?;
    let is_whole = word(8)? == bytes.len() as u64 && word(end)? == sum(&bytes[..end]);
    is_whole.then(|| word(0))?
}
