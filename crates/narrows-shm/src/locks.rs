//! Locks of single bytes that belong to an open file description: the kernel drops them when its last copy is closed,
//! be it by death. Knows nothing of what a byte stands for.
//!
//! The bytes lie far beyond the end of any file, so that they are no part of its content; a lock needs no byte to exist.
//! Two locks exclude each other if they were taken through two *openings* of the file; `dup`, `fork` and passing a file
//! through a socket copy an opening, and its locks live on in the copy.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Larger than any file in memory, and `START + n` still fits an offset.
const START: u64 = 1 << 40;

/// Takes the lock of byte `n`; false if another opening has it. One's own is taken again.
///
/// # Errors
/// The file was not opened for writing, or its file system has no locks.
#[cfg_attr(narrows_crash, track_caller)]
pub(crate) fn try_lock(file: impl AsFd, n: u64) -> io::Result<bool> {
    crate::sync::step();
    match control(&file, libc::F_OFD_SETLK, libc::F_WRLCK, n) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives byte `n` back. One that is not held is no error.
#[cfg_attr(narrows_crash, track_caller)]
pub(crate) fn unlock(file: impl AsFd, n: u64) -> io::Result<()> {
    crate::sync::step();
    control(&file, libc::F_OFD_SETLK, libc::F_UNLCK, n).map(drop)
}

/// Whether another opening has byte `n` now. Takes nothing.
#[cfg(test)]
pub(crate) fn is_locked_by_another(file: impl AsFd, n: u64) -> io::Result<bool> {
    control(&file, libc::F_OFD_GETLK, libc::F_WRLCK, n).map(|kind| kind != libc::F_UNLCK)
}

fn control(file: &impl AsFd, command: i32, kind: i32, n: u64) -> io::Result<i32> {
    let too_far = || io::Error::new(io::ErrorKind::InvalidInput, "the number of a lock is too large");
    let start = START.checked_add(n).and_then(|at| libc::off_t::try_from(at).ok()).ok_or_else(too_far)?;
    // SAFETY: `flock` is plain numbers, for which zero is valid; l_pid must be zero for these commands.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    #[allow(clippy::cast_possible_truncation)] // three small constants
    {
        lock.l_type = kind as i16;
        lock.l_whence = libc::SEEK_SET as i16;
    }
    lock.l_start = start;
    lock.l_len = 1;
    // SAFETY: the file is open while it is borrowed, and `lock` is one flock that the call may read and write.
    let answer = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), command, &raw mut lock) };
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(i32::from(lock.l_type)) }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::trial::Scratch;

    fn twice() -> (Scratch, File, File) {
        let scratch = Scratch::new();
        let path = scratch.join("file");
        let first = File::create(&path).unwrap();
        let second = File::options().write(true).open(path).unwrap();
        (scratch, first, second)
    }

    #[test]
    fn a_byte_has_one_holder_and_its_neighbours_are_free() {
        let (_scratch, a, b) = twice();
        assert!(try_lock(&a, 7).unwrap() && try_lock(&a, 7).unwrap());
        assert!(!try_lock(&b, 7).unwrap());
        assert!(is_locked_by_another(&b, 7).unwrap() && !is_locked_by_another(&a, 7).unwrap());
        assert!(try_lock(&b, 6).unwrap() && try_lock(&b, 8).unwrap());
        unlock(&a, 7).unwrap();
        assert!(!is_locked_by_another(&b, 7).unwrap());
        assert!(try_lock(&b, 7).unwrap() && !try_lock(&a, 7).unwrap());
    }

    #[test]
    fn a_lock_goes_with_the_last_copy_of_its_opening() {
        let (_scratch, a, b) = twice();
        assert!(try_lock(&a, 0).unwrap());
        let copy = a.try_clone().unwrap();
        drop(a);
        assert!(!try_lock(&b, 0).unwrap());
        drop(copy);
        assert!(try_lock(&b, 0).unwrap());
    }

    #[test]
    fn a_number_that_no_offset_can_hold_is_an_error() {
        let (_scratch, a, _) = twice();
        assert!(try_lock(&a, u64::MAX).is_err() && try_lock(&a, i64::MAX as u64).is_err());
    }
}
