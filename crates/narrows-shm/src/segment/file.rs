//! Files that get their name last, and are looked at before they are believed.
//!
//! A file that has no name yet (`O_TMPFILE`) is gone when its maker dies. Where a file system has none, it gets a temporary
//! name and a lock, and what a dead maker left can be told by that lock: [`sweep_temporaries`].

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat, fchmod, fstat, linkat, open, renameat_with, statat, unlink,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::Inode;
use crate::error::{FileProperty, OpenError};
use crate::locks;

const OURS_ALONE: Mode = Mode::RUSR.union(Mode::WUSR);

/// The lock of a maker. Far from those of participants, which count from 0.
const MAKER: u64 = 1 << 32;

/// A file on its way to its name; if it gets none, nothing stays of it.
#[derive(Debug)]
pub(super) struct Unnamed {
    file: OwnedFd,
    /// Removed on drop. `None`: there is nothing to remove.
    temporary: Option<PathBuf>,
}

impl Unnamed {
    /// In the folder where `path` will be.
    pub(super) fn beside(path: &Path) -> Result<Self, OpenError> {
        let folder = folder_of(path);
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match open(folder, flags, OURS_ALONE) {
            Ok(file) => {
                let unnamed = Self { file, temporary: None };
                // `umask` may have taken bits away.
                fchmod(&unnamed.file, OURS_ALONE)?;
                Ok(unnamed)
            }
            // As file systems and kernels without it answer.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Self::with_temporary_name(folder),
            Err(error) => Err(in_folder(folder, error)),
        }
    }

    pub(super) fn with_temporary_name(folder: &Path) -> Result<Self, OpenError> {
        /// Each try meets a leftover or a cleaner; so many in a row are no chance.
        const TRIES: u32 = 10_000;
        for n in 0..TRIES {
            let path = folder.join(format!("{PREFIX}{}-{n}{SUFFIX}", std::process::id()));
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::RDWR | OFlags::CLOEXEC;
            let file = match open(&path, flags, OURS_ALONE) {
                Err(Errno::EXIST) => continue,
                file => file.map_err(|error| in_folder(folder, error))?,
            };
            let unnamed = Self { file, temporary: Some(path) };
            fchmod(&unnamed.file, OURS_ALONE)?;
            if locks::try_lock(&unnamed.file, MAKER)? && fstat(&unnamed.file)?.st_nlink == 1 {
                return Ok(unnamed);
            }
            // A cleaner was faster between the two calls: what was ours has no name, and what has it is not ours.
            unnamed.forget();
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no temporary name is free in the folder").into())
    }

    pub(super) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Gives it its name, which no other file has.
    pub(super) fn publish(mut self, path: &Path) -> Result<(), OpenError> {
        let named = match &self.temporary {
            None => linkat(CWD, proc_path(self.file()), CWD, path, AtFlags::SYMLINK_FOLLOW),
            Some(temporary) => renameat_with(CWD, temporary, CWD, path, RenameFlags::NOREPLACE),
        };
        match named {
            Ok(()) => {
                self.temporary = None;
                // A file that is found by name has no maker any more. The lock would go when the last copy is closed.
                let _ = locks::unlock(&self.file, MAKER);
                Ok(())
            }
            Err(Errno::EXIST) => Err(OpenError::AlreadyExists),
            Err(Errno::NOENT) if self.temporary.is_none() && !has_proc() => Err(NO_PROC),
            Err(Errno::INVAL | Errno::NOSYS) if self.temporary.is_some() => {
                Err(OpenError::Unsupported("a file system that renames without replacing, such as /dev/shm"))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn forget(mut self) {
        self.temporary = None;
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        if let Some(path) = &self.temporary {
            let _ = unlink(path);
        }
    }
}

const PREFIX: &str = ".narrows-";
const SUFFIX: &str = ".making";

/// Removes what dead makers left in a folder of ours; says how many.
///
/// # Errors
/// The folder cannot be read. A file that cannot be looked at or removed stays and is no error.
pub(crate) fn sweep_temporaries(folder: &Path) -> io::Result<usize> {
    let is_temporary = |name: &OsStr| {
        let name = name.as_bytes();
        name.starts_with(PREFIX.as_bytes()) && name.ends_with(SUFFIX.as_bytes())
    };
    let mut swept = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if is_temporary(&entry.file_name()) && sweep(&entry.path()).unwrap_or(false) {
            swept += 1;
        }
    }
    Ok(swept)
}

/// Whoever has the lock decides: the maker holds it until the file has its name or the maker is dead.
pub(super) fn sweep(path: &Path) -> Result<bool, OpenError> {
    let (file, _) = open_checked(path)?;
    if !locks::try_lock(&file, MAKER)? {
        return Ok(false);
    }
    let inode = Inode::of(&fstat(&file)?);
    let is_same = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| Inode::of(&stat) == inode);
    if is_same {
        unlink(path)?;
    }
    Ok(is_same)
}

/// Opens a file if it is one that nobody else can have made, read or changed; gives its size too.
pub(super) fn open_checked(path: &Path) -> Result<(OwnedFd, i64), OpenError> {
    // Looked at before it is opened, because to open a device can do something; and again after, because it may have been
    // replaced between the two.
    check(path, &statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).map_err(missing)?)?;
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = open(path, flags, Mode::empty()).map_err(missing)?;
    let stat = fstat(&file)?;
    check(path, &stat)?;
    Ok((file, stat.st_size))
}

fn missing(error: Errno) -> OpenError {
    if error == Errno::NOENT { OpenError::NotFound } else { error.into() }
}

fn check(path: &Path, stat: &Stat) -> Result<(), OpenError> {
    let what = if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        FileProperty::Type
    } else if stat.st_uid != geteuid().as_raw() {
        FileProperty::Owner
    } else if Mode::from_raw_mode(stat.st_mode) != OURS_ALONE {
        FileProperty::Mode
    } else if stat.st_nlink > 1 {
        FileProperty::Links
    } else if stat.st_nlink == 0 {
        return Err(OpenError::NotFound); // removed since it was opened
    } else {
        return Ok(());
    };
    Err(OpenError::NotOurs { path: path.to_owned(), what })
}

const NO_PROC: OpenError = OpenError::Unsupported("/proc");

/// The same file, opened anew: an open file description of its own, so that its locks are its own.
pub(super) fn reopen(file: BorrowedFd<'_>) -> Result<OwnedFd, OpenError> {
    match open(proc_path(file), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        Ok(own) => Ok(own),
        Err(Errno::NOENT) if !has_proc() => Err(NO_PROC),
        Err(error) => Err(error.into()),
    }
}

fn proc_path(file: BorrowedFd<'_>) -> String {
    // Of this thread: a thread may have left the table of files that it shared with the others.
    format!("/proc/thread-self/fd/{}", file.as_raw_fd())
}

fn has_proc() -> bool {
    File::open("/proc/self/stat").is_ok()
}

/// Names the folder where that says more than the error does.
fn in_folder(folder: &Path, error: Errno) -> OpenError {
    match OpenError::from(error) {
        OpenError::Io(error) => io::Error::new(error.kind(), format!("{}: {error}", folder.display())).into(),
        other => other,
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
