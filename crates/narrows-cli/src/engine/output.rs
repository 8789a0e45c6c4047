//! Where answers go: the program's stdout, or a named channel. Writes whole pieces, tells a reader that went away from a
//! disk that is full.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::event::Trouble;
use super::order::Piece;
use super::outlet::Outlet;

#[derive(Debug)]
pub(crate) enum Output {
    File(OwnedFd),
    Channel(Outlet),
}

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
    /// The channel takes no more.
    Channel(Trouble),
}

impl Output {
    /// What tells that nobody reads any more; a channel tells it when something is sent.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Output::File(file) => Some(file.as_fd()),
            Output::Channel(_) => None,
        }
    }

    pub(super) fn write(&self, pieces: &[Piece]) -> Result<(), Broken> {
        match self {
            Output::File(file) => write(file, pieces),
            Output::Channel(outlet) => outlet.write(pieces).map_err(Broken::Channel),
        }
    }

    /// Nothing more is printed.
    pub(super) fn leave(&self) {
        if let Output::Channel(outlet) = self {
            outlet.leave();
        }
    }
}

fn write(file: &OwnedFd, pieces: &[Piece]) -> Result<(), Broken> {
    let mut slices: Vec<IoSlice<'_>> =
        pieces.iter().filter(|piece| !piece.bytes.is_empty()).map(|piece| IoSlice::new(&piece.bytes)).collect();
    let mut rest = &mut slices[..];
    // 1024 is the kernel's limit on the slices of one write.
    while !rest.is_empty() {
        let most = rest.len().min(1024);
        match rustix::io::writev(file, &rest[..most]) {
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let writable = &mut [PollFd::new(file, PollFlags::OUT)];
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
