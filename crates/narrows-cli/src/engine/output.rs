//! The program's stdout. Writes whole pieces, tells a reader that went away from a disk that is full.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::order::Piece;

#[derive(Debug)]
pub(super) struct Output(OwnedFd);

/// Why nothing more can be printed.
#[derive(Debug)]
pub(super) enum Broken {
    /// Nobody reads any more (`| head`).
    Closed,
    Failed(Errno),
    /// What was spilled to a file cannot be written or read.
    Spill(Errno),
    /// The log cannot be written.
    Log(std::io::Error),
}

impl Output {
    pub(super) fn new(fd: OwnedFd) -> Output {
        Output(fd)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    pub(super) fn write(&self, pieces: &[Piece]) -> Result<(), Broken> {
        let mut slices: Vec<IoSlice<'_>> =
            pieces.iter().filter(|piece| !piece.bytes.is_empty()).map(|piece| IoSlice::new(&piece.bytes)).collect();
        let mut rest = &mut slices[..];
        // 1024 is the kernel's limit on the slices of one write.
        while !rest.is_empty() {
            let most = rest.len().min(1024);
            match rustix::io::writev(&self.0, &rest[..most]) {
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let writable = &mut [PollFd::new(&self.0, PollFlags::OUT)];
                    match poll(writable, None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(errno) => return Err(Broken::Failed(errno)),
                    }
                }
                Err(Errno::PIPE) => return Err(Broken::Closed),
                Err(errno) => return Err(Broken::Failed(errno)),
            }
        }
        Ok(())
    }
}
