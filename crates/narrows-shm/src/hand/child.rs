//! One file to a child, through `exec`. The child finds its number in an environment variable.
//!
//! The variable outlives its meaning: the child hands it on to its own children, which do not have the file. So it also
//! says which file is meant, `NUMBER:DEVICE:INODE`, and a number behind which another file is found is refused.

use std::env;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use rustix::fs::fstat;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};

/// Below are the standard streams, which `Command` sets up anew in the child.
const FIRST: RawFd = 3;

/// Leaves `file` open in every child that `command` starts, and in no other, and names it in the variable `var`. The file
/// is kept open here until `command` is dropped.
///
/// # Errors
/// There are no files left.
pub(crate) fn inherit(file: OwnedFd, command: &mut Command, var: &str) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let file = if file.as_raw_fd() < FIRST { fcntl_dupfd_cloexec(&file, FIRST)? } else { file };
    let stat = fstat(&file)?;
    command.env(var, format!("{}:{}:{}", file.as_raw_fd(), stat.st_dev, stat.st_ino));
    let open_on = move || Ok(fcntl_setfd(&file, FdFlags::empty())?);
    // SAFETY: between fork and exec there is one system call, and nothing is allocated or locked.
    unsafe { command.pre_exec(open_on) };
    Ok(())
}

/// Takes the file that the parent named in `var`, once; it is closed on `exec` from then on.
///
/// # Errors
/// There is no such variable, it names no file that was left open for us, or it was taken before.
pub(crate) fn inherited(var: &str) -> io::Result<OwnedFd> {
    /// The numbers that were taken. What the parent left open it left open once, so none is taken twice.
    static TAKEN: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

    let error = |kind, what: &str| io::Error::new(kind, format!("{var}: {what}"));
    let stale = || error(io::ErrorKind::NotFound, "the file that it names was not left open for this process");
    let value =
        env::var(var).map_err(|_| error(io::ErrorKind::NotFound, "is not set; no channel was handed over in it"))?;
    let (number, device, inode) =
        parse(&value).ok_or_else(|| error(io::ErrorKind::InvalidInput, "is not NUMBER:DEVICE:INODE"))?;
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.contains(&number) {
        return Err(error(io::ErrorKind::AlreadyExists, "was taken already, and a file has one owner"));
    }
    // SAFETY: only asked what it is; a number that is no open file is answered with an error.
    let file = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(file).map_err(|_| stale())?;
    let stat = fstat(file.as_fd()).map_err(|_| stale())?;
    // What came through `exec` has no CLOEXEC; what this process itself opened has.
    if flags.contains(FdFlags::CLOEXEC) || (stat.st_dev, stat.st_ino) != (device, inode) {
        return Err(stale());
    }
    fcntl_setfd(file, flags | FdFlags::CLOEXEC)?;
    taken.push(number);
    // SAFETY: it is the open file that the parent left for this variable, nothing else in this process has opened it,
    // and it is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn parse(value: &str) -> Option<(RawFd, u64, u64)> {
    let mut parts = value.split(':');
    let number = parts.next()?.parse().ok().filter(|&number| number >= FIRST)?;
    let (device, inode) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some((number, device, inode))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;

    use super::*;
    use crate::trial::{self, Scratch};

    const VAR: &str = "NARROWS_SHM_HANDED";

    #[test]
    fn a_child_takes_what_was_left_for_it_once() {
        let name = "hand::child::tests::a_child_takes_what_was_left_for_it_once";
        match trial::role().as_deref() {
            None => {
                let scratch = Scratch::new();
                let file = File::create_new(scratch.join("file")).unwrap();
                let mut command = trial::again(name, "child");
                inherit(file.into(), &mut command, VAR).unwrap();
                trial::passes(command);
                assert_eq!(fs::read(scratch.join("file")).unwrap(), b"from the child");
            }
            Some("child") => {
                let file = inherited(VAR).unwrap();
                assert!(fcntl_getfd(&file).unwrap().contains(FdFlags::CLOEXEC));
                assert_eq!(inherited(VAR).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
                trial::passes(trial::again(name, "grandchild"));
                File::from(file).write_all(b"from the child").unwrap();
            }
            Some(_) => assert_eq!(inherited(VAR).unwrap_err().kind(), io::ErrorKind::NotFound),
        }
    }

    #[test]
    fn another_child_does_not_get_it() {
        let name = "hand::child::tests::another_child_does_not_get_it";
        if trial::role().is_some() {
            assert_eq!(inherited(VAR).unwrap_err().kind(), io::ErrorKind::NotFound);
            return;
        }
        let scratch = Scratch::new();
        let file = File::create_new(scratch.join("file")).unwrap();
        let mut heir = Command::new("true");
        inherit(file.into(), &mut heir, VAR).unwrap();
        let mut other = trial::again(name, "child");
        for (key, value) in heir.get_envs() {
            other.env(key, value.unwrap());
        }
        trial::passes(other);
    }

    #[test]
    fn a_variable_that_names_no_such_file_is_refused() {
        assert_eq!(inherited("NARROWS_SHM_NOT_SET").unwrap_err().kind(), io::ErrorKind::NotFound);
        for value in ["", "x", "3", "3:1", "3:1:2:4", "2:1:2", "-1:1:2", "3:-1:2", "99999999999:1:2", " 3:1:2"] {
            assert_eq!(parse(value), None, "{value:?}");
        }
        assert_eq!(parse("3:1:2"), Some((3, 1, 2)));
    }
}
