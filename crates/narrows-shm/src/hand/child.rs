//! One file to a child, through `exec`. The child finds its number in an environment variable.
//!
//! The variable outlives its meaning: the child hands it on to its own children, which do not have the file. So it also
//! says which file is meant, `NUMBER:DEVICE:INODE`, and a number behind which another file is found is refused.

use std::env;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
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
    let error = |(kind, what): (io::ErrorKind, &str)| io::Error::new(kind, format!("{var}: {what}"));
    let unset = (io::ErrorKind::NotFound, "is not set, or is no text; no channel was handed over in it");
    let value = env::var(var).map_err(|_| error(unset))?;
    take(&value).map_err(error)
}

fn take(value: &str) -> Result<OwnedFd, (io::ErrorKind, &'static str)> {
    /// The numbers that were taken. What the parent left open it left open once, so none is taken twice.
    static TAKEN: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

    let (number, device, inode) = parse(value).ok_or((io::ErrorKind::InvalidInput, "is not NUMBER:DEVICE:INODE"))?;
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.contains(&number) {
        return Err((io::ErrorKind::AlreadyExists, "was taken already, and a file has one owner"));
    }
    let stale = (io::ErrorKind::NotFound, "the file that it names was not left open for this process");
    // SAFETY: only asked what it is; a number that is no open file is answered with an error.
    let file = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(file).map_err(|_| stale)?;
    let stat = fstat(file).map_err(|_| stale)?;
    // What came through `exec` has no CLOEXEC; what this process itself opened has.
    if flags.contains(FdFlags::CLOEXEC) || (stat.st_dev, stat.st_ino) != (device, inode) {
        return Err(stale);
    }
    fcntl_setfd(file, flags | FdFlags::CLOEXEC).map_err(|_| stale)?;
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

    /// In a process of its own: one that starts another meanwhile would leave it the open file.
    #[test]
    fn a_file_of_this_process_or_another_behind_the_number_is_not_taken() {
        let name = "hand::child::tests::a_file_of_this_process_or_another_behind_the_number_is_not_taken";
        if trial::role().is_none() {
            return trial::passes(trial::again(name, "child"));
        }
        let file = File::open("/proc/self/exe").unwrap();
        let stat = fstat(&file).unwrap();
        let named = |device, inode| format!("{}:{device}:{inode}", file.as_raw_fd());
        let refused = |value: String| take(&value).unwrap_err().0 == io::ErrorKind::NotFound;
        assert!(refused(named(stat.st_dev, stat.st_ino)), "opened here");
        fcntl_setfd(&file, FdFlags::empty()).unwrap();
        assert!(refused(named(stat.st_dev, stat.st_ino + 1)) && refused(named(stat.st_dev + 1, stat.st_ino)));
        let taken = take(&named(stat.st_dev, stat.st_ino)).unwrap();
        assert_eq!(taken.as_raw_fd(), file.as_raw_fd());
        std::mem::forget(file); // the same number, and it has one owner now
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
