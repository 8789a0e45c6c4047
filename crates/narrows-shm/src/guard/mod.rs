//! Survives the truncation of a file that is mapped. Knows nothing of what lies in it.
//!
//! Whoever may write a file may also shorten it, and an access to a page beyond its end raises SIGBUS. For the ranges that
//! are [registered](Guard::register) here, the handler marks the range damaged, puts zeros in place of the missing pages
//! and lets the access go on; its owner asks [`is_damaged`](Guard::is_damaged) before it believes what it read. Every
//! other SIGBUS takes the way that it would have taken without us.
//!
//! A system call that is given such a page does not raise the signal; it answers EFAULT. A thread that blocks SIGBUS is
//! ended by the kernel instead, and so is the process if another handler takes our place without calling us.

mod handler;
mod table;

use std::io;
use std::ops::Range;

use crate::OpenError;

/// A registered range; dropped before the range is unmapped.
#[derive(Debug)]
pub(crate) struct Guard {
    entry: usize,
}

impl Guard {
    /// From now on the loss of pages in this range is survived. The first call installs the handler.
    ///
    /// # Errors
    /// The process guards as many ranges as it can, or the handler cannot be installed.
    pub(crate) fn register(range: Range<usize>) -> Result<Self, OpenError> {
        handler::install()?;
        let entry = table::TABLE.claim(range).ok_or_else(|| {
            let told = format!("this process has {} channels open and can guard no more: drop some", table::ENTRIES);
            io::Error::new(io::ErrorKind::QuotaExceeded, told)
        })?;
        Ok(Self { entry })
    }

    /// Whether pages were lost.
    #[inline]
    pub(crate) fn is_damaged(&self) -> bool {
        table::TABLE.is_damaged(self.entry)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        table::TABLE.release(self.entry);
    }
}

#[cfg(test)]
mod tests;
