//! One shared mapping. Knows nothing of names.

use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::{io, mem};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::OpenError;
use crate::guard::Guard;

/// A file, mapped whole. Guarded even if it is sealed: whoever else may write it can punch holes into it, and a system can
/// run out of pages to fill them.
#[derive(Debug)]
pub(super) struct Memory {
    /// Dropped first: an address that is not mapped any more, or by another, is not ours to mend.
    guard: Guard,
    mapping: Mapping,
}

#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: it gives out its address and length and accesses nothing; it is unmapped by whoever drops it.
unsafe impl Send for Mapping {}
// SAFETY: as above; through `&` nothing changes.
unsafe impl Sync for Mapping {}

impl Memory {
    pub(super) fn map(file: BorrowedFd<'_>, len: usize) -> Result<Self, OpenError> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let base = unsafe { mmap(ptr::null_mut(), len, access, MapFlags::SHARED, file, 0) }?;
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        let mapping = Mapping { base, len };
        let start = base.as_ptr().expose_provenance();
        Ok(Self { guard: Guard::register(start..start + len)?, mapping })
    }

    #[inline]
    pub(super) fn base(&self) -> NonNull<u8> {
        self.mapping.base
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.mapping.len
    }

    #[inline]
    pub(super) fn is_damaged(&self) -> bool {
        self.guard.is_damaged()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this length, and nobody has a borrow of the owner any more.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// `len` rounded up to pages, at least one.
pub(super) fn whole_pages(len: usize) -> Result<usize, OpenError> {
    // SAFETY: a number is asked for.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).map_err(io::Error::other)?;
    let too_large = || io::Error::new(io::ErrorKind::InvalidInput, "the channel would be larger than memory can be");
    let len = len.max(1).checked_next_multiple_of(page).filter(|&len| isize::try_from(len).is_ok());
    Ok(len.ok_or_else(too_large)?)
}

/// The memory of this machine, in bytes.
pub(super) fn installed() -> Result<u64, OpenError> {
    // SAFETY: plain numbers, for which zero is valid.
    let mut info: libc::sysinfo = unsafe { mem::zeroed() };
    // SAFETY: the call writes one sysinfo.
    if unsafe { libc::sysinfo(&raw mut info) } == -1 {
        return Err(io::Error::last_os_error().into());
    }
    Ok(info.totalram.saturating_add(info.totalswap).saturating_mul(u64::from(info.mem_unit)))
}
