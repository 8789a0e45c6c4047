//! Answers that wait for their turn in a file, when there is no room for them in memory. The file has no name: it is
//! gone when the farm is, however that ends.
//! Invariant: what was taken back occupies no room on the disk.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, open};
use rustix::io::{Errno, pread, pwrite};

#[derive(Debug)]
pub(super) struct Spill {
    file: OwnedFd,
    /// Where the next answer is put. Relaxed: each takes a stretch for itself, and publishes it under the gate's lock.
    end: AtomicU64,
}

/// Room is given back in whole pages, so that is how it is taken.
const PAGE: usize = 4096;

/// Where in the file an answer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    offset: u64,
    length: usize,
}

impl Extent {
    pub(super) fn length(self) -> usize {
        self.length
    }
}

impl Spill {
    pub(super) fn new(folder: &Path) -> Result<Spill, Errno> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = open(folder, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Spill { file, end: AtomicU64::new(0) })
    }

    pub(super) fn put(&self, bytes: &[u8]) -> Result<Extent, Errno> {
        let offset = self.end.fetch_add(bytes.len().next_multiple_of(PAGE) as u64, Ordering::Relaxed);
        let (mut rest, mut at) = (bytes, offset);
        while !rest.is_empty() {
            match pwrite(&self.file, rest, at) {
                Ok(written) => {
                    rest = &rest[written..];
                    at += written as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(Extent { offset, length: bytes.len() })
    }

    pub(super) fn take(&self, extent: Extent) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; extent.length];
        let mut filled = 0;
        while filled < bytes.len() {
            match pread(&self.file, &mut bytes[filled..], extent.offset + filled as u64) {
                Ok(0) => return Err(Errno::IO),
                Ok(read) => filled += read,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        // A file system that cannot do it keeps the room until the end.
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(&self.file, hole, extent.offset, extent.length.next_multiple_of(PAGE) as u64);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_taken_back_and_leaves_a_hole() {
        let spill = Spill::new(&std::env::temp_dir()).expect("there is a folder for such files");
        let answers: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n; 10_000]).collect();
        let extents: Vec<Extent> = answers.iter().map(|answer| spill.put(answer).expect("there is room")).collect();
        for (extent, answer) in extents.into_iter().zip(&answers).rev() {
            assert_eq!(spill.take(extent).as_ref(), Ok(answer));
        }
        let blocks = rustix::fs::fstat(&spill.file).expect("it is open").st_blocks;
        assert!(blocks * 512 < 50_000, "{blocks} blocks are left");
    }
}
