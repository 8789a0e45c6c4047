//! One shared mapping. Knows nothing of names.

use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::{io, mem};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::OpenError;
use crate::guard::Guard;

#[derive(Debug)]
pub(super) struct Memory {
    base: NonNull<u8>,
    len: usize,
    /// `None` if no page of the file can go missing.
    guard: Option<Guard>,
}

// SAFETY: a Memory gives out its address and length and accesses nothing; it is unmapped by whoever drops it.
unsafe impl Send for Memory {}
// SAFETY: as above; through `&` nothing changes.
unsafe impl Sync for Memory {}

impl Memory {
    pub(super) fn map(file: BorrowedFd<'_>, len: usize, is_guarded: bool) -> Result<Self, OpenError> {
        // SAFETY: a new mapping at an address that the kernel chooses.
        let base =
            unsafe { mmap(ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, 0) }?;
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        // From here on it is unmapped on the way out.
        let mut memory = Self { base, len, guard: None };
        if is_guarded {
            let start = base.as_ptr().expose_provenance();
            memory.guard = Some(Guard::register(start..start + len)?);
        }
        Ok(memory)
    }

    #[inline]
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn is_damaged(&self) -> bool {
        self.guard.as_ref().is_some_and(Guard::is_damaged)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // First: an address that is not mapped, or by another, is not ours to mend.
        self.guard = None;
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
