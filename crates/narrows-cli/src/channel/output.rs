//! Stdout, to which whole records are written.
//!
//! A pipe that several write to takes up to 4096 bytes (`PIPE_BUF`) at once, so what goes there goes in pieces of whole
//! records that are no longer than that, unless one record is. A file that is opened to append takes any piece at once.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::stdio::stdout;

/// Of Linux.
const PIPE_BUF: usize = 4096;

/// Records, one after the other.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// Where each of them ends.
    pub(super) ends: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Output {
    is_pipe: bool,
}

impl Block {
    /// The end of the first piece behind `from` that may be no longer than `most`, unless it is one record.
    fn piece(&self, from: usize, most: usize) -> usize {
        let first = self.ends.partition_point(|&end| end <= from);
        let behind = self.ends.partition_point(|&end| end <= from + most);
        self.ends[behind.max(first + 1) - 1]
    }

    /// How many records end in that many bytes.
    pub(super) fn whole_in(&self, bytes: usize) -> usize {
        self.ends.partition_point(|&end| end <= bytes)
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

impl Output {
    pub(super) fn new() -> Output {
        let kind = fstat(stdout()).map(|stat| FileType::from_raw_mode(stat.st_mode));
        Output { is_pipe: kind == Ok(FileType::Fifo) }
    }

    /// Writes all of it. How many bytes were written, and why not more.
    pub(super) fn write(&self, block: &Block) -> (usize, Result<(), Errno>) {
        let mut written = 0;
        while written < block.bytes.len() {
            let end = if self.is_pipe { block.piece(written, PIPE_BUF) } else { block.bytes.len() };
            while written < end {
                match rustix::io::write(stdout(), &block.bytes[written..end]) {
                    Ok(length) => written += length,
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => {
                        let writable = &mut [PollFd::from_borrowed_fd(stdout(), PollFlags::OUT)];
                        match poll(writable, None) {
                            Ok(_) | Err(Errno::INTR) => {}
                            Err(errno) => return (written, Err(errno)),
                        }
                    }
                    Err(errno) => return (written, Err(errno)),
                }
            }
        }
        (written, Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_whole_records_that_fit_or_one() {
        let block = Block { bytes: vec![0; 30], ends: vec![3, 3, 5, 20, 30] };
        assert_eq!(block.piece(0, 4), 3);
        assert_eq!(block.piece(0, 5), 5);
        assert_eq!(block.piece(3, 1), 5);
        assert_eq!(block.piece(5, 9), 20);
        assert_eq!(block.piece(5, 100), 30);
        assert_eq!([0, 2, 3, 19, 30].map(|bytes| block.whole_in(bytes)), [0, 0, 2, 3, 5]);
    }
}
