//! A file of shared memory: made whole, found by name, checked. Knows nothing of what lies in it.
//!
//! Invariants: a name never means a file that is not initialised. A named file that is mapped was this user's alone when it
//! was opened. The length of a mapping never changes; if the file is shortened under it, the mapping reads zeros and
//! [`is_damaged`](Segment::is_damaged) says so (`guard`).

mod file;
mod folder;
#[allow(unsafe_code, reason = "maps and unmaps")]
mod memory;
#[cfg(test)]
#[allow(unsafe_code, reason = "reads and writes the memory that is tested")]
mod tests;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use rustix::fs::{
    AtFlags, CWD, FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat, fstatvfs,
    memfd_create, statat, unlink,
};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::{OpenError, sync::step};

pub(crate) use file::sweep_temporaries;
pub(crate) use folder::{folder, names, path_of};
use memory::Memory;

/// What keeps a file of ours from being shortened, for good.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// A mapped file of shared memory. Unmapped and closed on drop; a named one stays where it is.
#[derive(Debug)]
pub(crate) struct Segment {
    memory: Memory,
    file: OwnedFd,
    /// `None`: it has no name, or not yet.
    path: Option<PathBuf>,
    inode: Inode,
}

/// Which file it is, whatever its name.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Inode {
    device: u64,
    number: u64,
}

impl Segment {
    /// Makes a file of at least `len` bytes, a multiple of the page, and gives it its name when `init` has filled it. Its
    /// memory is zero before. Nobody sees it earlier, and nothing is left of one that fails.
    ///
    /// # Errors
    /// `AlreadyExists` if the name is taken; `NoSpace` if the file system is full. An error of the system.
    pub(crate) fn create(path: &Path, len: usize, init: impl FnOnce(&Self)) -> Result<Self, OpenError> {
        let len = memory::whole_pages(len)?;
        // Looked at first only to save the work; what decides is the moment of the naming.
        if statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(OpenError::AlreadyExists);
        }
        let unnamed = file::Unnamed::beside(path)?;
        let file = unnamed.file().try_clone_to_owned()?;
        let mut segment = Self::map(file, len)?;
        step();
        allocate(segment.file(), len)?;
        step();
        init(&segment);
        step();
        unnamed.publish(path)?;
        step();
        segment.path = Some(path.to_owned());
        Ok(segment)
    }

    /// Opens one by its name.
    ///
    /// # Errors
    /// `NotFound`; `NotOurs` if others could have made it or could change it; `Corrupt` if its size cannot be. An error of
    /// the system.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let (file, size) = file::open_checked(path)?;
        let mut segment = Self::map(file, whole_size(size)?)?;
        segment.path = Some(path.to_owned());
        Ok(segment)
    }

    /// Makes one without a name, which nobody can shorten, for those to whom it is handed.
    ///
    /// # Errors
    /// `NoSpace`, or an error of the system.
    pub(crate) fn anonymous(len: usize, init: impl FnOnce(&Self)) -> Result<Self, OpenError> {
        let len = memory::whole_pages(len)?;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = match memfd_create("narrows", flags | MemfdFlags::NOEXEC_SEAL) {
            Err(Errno::INVAL) => memfd_create("narrows", flags)?, // before Linux 6.3
            made => made?,
        };
        let segment = Self::map(file, len)?;
        allocate(segment.file(), len)?;
        fcntl_add_seals(segment.file(), SEALS)?;
        init(&segment);
        Ok(segment)
    }

    /// Takes one that [`anonymous`](Self::anonymous) made, maybe another user, and that was handed over.
    ///
    /// # Errors
    /// `Corrupt` if it is not such a file. An error of the system.
    #[allow(clippy::needless_pass_by_value)] // what was handed over is closed; its locks are the giver's
    pub(crate) fn adopt(file: OwnedFd) -> Result<Self, OpenError> {
        // Before anything else is asked of it: what is no memory belongs to a file system, which could keep us waiting. And
        // sealed first, then measured: the size is final.
        match fcntl_get_seals(&file) {
            Ok(seals) if seals.contains(SealFlags::SHRINK | SealFlags::GROW) => {}
            Ok(_) => return Err(OpenError::Corrupt("the file that was handed over is not sealed")),
            Err(_) => return Err(OpenError::Corrupt("what was handed over is no file of memory")),
        }
        let own = file::reopen(file.as_fd())?;
        let size = whole_size(fstat(&own)?.st_size)?;
        Self::map(own, size)
    }

    /// The same file, opened and mapped once more: for another participant, with locks of its own.
    pub(crate) fn again(&self) -> Result<Self, OpenError> {
        let own = file::reopen(self.file.as_fd())?;
        let size = whole_size(fstat(&own)?.st_size)?;
        let mut segment = Self::map(own, size)?;
        segment.path.clone_from(&self.path);
        Ok(segment)
    }

    /// The same file, opened once more: locks that are taken through it are not ours.
    pub(crate) fn hand_out(&self) -> io::Result<OwnedFd> {
        file::reopen(self.file.as_fd()).map_err(|error| match error {
            OpenError::Io(error) => error,
            other => io::Error::other(other),
        })
    }

    /// Where the memory begins, at the start of a page. Others change it at any time.
    #[inline]
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.memory.base()
    }

    /// How long it is, in bytes: whole pages, at least one.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.memory.len()
    }

    /// The open file, for locks.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Whether a part of the file was missing when it was accessed here; zeros took its place. A part that came back before
    /// that reads zeros too, and is not told.
    #[inline]
    pub(crate) fn is_damaged(&self) -> bool {
        self.memory.is_damaged()
    }

    /// The name by which it was created or opened.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Whether this name means this file now.
    pub(crate) fn is_still_at(&self, path: &Path) -> bool {
        statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| Inode::of(&stat) == self.inode)
    }

    /// Takes its name away, if that still means this file; whether it did. Those who have it open keep it.
    ///
    /// The system cannot compare and remove in one step, so all who remove hold one lock of the file meanwhile.
    pub(crate) fn remove(&self) -> io::Result<bool> {
        let Some(path) = self.path() else { return Ok(false) };
        if !self.is_still_at(path) {
            return Ok(false);
        }
        step();
        match unlink(path) {
            Err(Errno::NOENT) => Ok(false),
            answer => Ok(answer.map(|()| true)?),
        }
    }

    fn map(file: OwnedFd, len: usize) -> Result<Self, OpenError> {
        let inode = Inode::of(&fstat(&file)?);
        Ok(Self { memory: Memory::map(file.as_fd(), len)?, file, path: None, inode })
    }
}

impl Inode {
    fn of(stat: &rustix::fs::Stat) -> Self {
        Self { device: stat.st_dev, number: stat.st_ino }
    }
}

fn whole_size(size: i64) -> Result<usize, OpenError> {
    let wrong = OpenError::Corrupt("its size is not a number of pages");
    let Ok(size) = usize::try_from(size) else { return Err(wrong) };
    if size != 0 && memory::whole_pages(size)? == size { Ok(size) } else { Err(wrong) }
}

/// Gives the file its length with a page behind every byte: a full file system is an error here and no signal later. It is
/// mapped before, so a length that no process can map has failed already and takes no page from anybody.
fn allocate(file: BorrowedFd<'_>, len: usize) -> Result<(), OpenError> {
    /// Small enough to be done between two signals: one that arrives undoes the step, which is then taken again.
    const STEP: u64 = 16 << 20;
    let len = len as u64;
    // Asked, because the system answers the first with a signal that ends the process, and the second only after it has
    // filled the memory of everybody.
    if getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < len) || room(file)? < len {
        return Err(OpenError::NoSpace);
    }
    let mut done = 0;
    while done < len {
        let step = STEP.min(len - done);
        match fallocate(file, FallocateFlags::empty(), done, step) {
            Ok(()) => done += step,
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                return Err(OpenError::Unsupported("a file system that reserves space (fallocate), such as /dev/shm"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// How many bytes can be had at most; in a file system of memory without a bound, all there is.
fn room(file: BorrowedFd<'_>) -> Result<u64, OpenError> {
    let system = fstatvfs(file)?;
    if system.f_blocks == 0 { memory::installed() } else { Ok(system.f_bavail.saturating_mul(system.f_frsize)) }
}
