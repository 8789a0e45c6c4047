//! Whether this process is a fork of the one that first asked.
//!
//! One byte on a page of its own, which the kernel gives to a child of `fork` as zeros (`MADV_WIPEONFORK`): the question
//! costs a load. A program that was started by `exec` has no such page and asks for the first time.

use std::ptr;
use std::sync::atomic::{
    AtomicPtr, AtomicU8, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// The page, or null as long as nobody has asked or where there is none. Once set it stays.
static PAGE: AtomicPtr<AtomicU8> = AtomicPtr::new(ptr::null_mut());
/// Where the kernel knows no such page: the pid of the first who asked, else 0.
static FIRST: AtomicU32 = AtomicU32::new(0);

/// The kernel rounds up to pages.
const LENGTH: usize = 4096;

/// Whether this process is a child of `fork`, without `exec`, of the process that first asked.
#[inline]
pub(crate) fn forked() -> bool {
    // Acquire: pairs with the exchange in `ask_first`, so that the 1 that was written before it is seen.
    let page = PAGE.load(Acquire);
    if page.is_null() {
        return ask_first();
    }
    // SAFETY: a page that was published is never unmapped.
    // Relaxed: the kernel writes the byte, before the child runs.
    unsafe { (*page).load(Relaxed) == 0 }
}

#[cold]
fn ask_first() -> bool {
    let me = std::process::id();
    // Acquire: pairs with the Release below; whoever sees the pid is either its process or a fork of it.
    let first = FIRST.load(Acquire);
    if first != 0 {
        return first != me;
    }
    let Some(page) = wiped_page() else {
        // Release: pairs with the Acquire above. A loser of a race between threads finds its own pid.
        return FIRST.compare_exchange(0, me, Release, Acquire).is_err_and(|first| first != me);
    };
    // AcqRel: pairs with the Acquire in `forked`; the loser of a race sees what the winner wrote.
    if PAGE.compare_exchange(ptr::null_mut(), page, AcqRel, Acquire).is_err() {
        // SAFETY: mapped above and shown to nobody.
        let _ = unsafe { munmap(page.cast(), LENGTH) };
    }
    false
}

fn wiped_page() -> Option<*mut AtomicU8> {
    // SAFETY: a new mapping at an address that the kernel chooses.
    let page =
        unsafe { mmap_anonymous(ptr::null_mut(), LENGTH, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE).ok()? };
    // SAFETY: the mapping is ours alone; nothing lies in it yet.
    if unsafe { madvise(page, LENGTH, Advice::LinuxWipeOnFork) }.is_err() {
        // SAFETY: as above; nobody has seen it.
        let _ = unsafe { munmap(page, LENGTH) };
        return None;
    }
    let byte = page.cast::<AtomicU8>();
    // SAFETY: in the mapping, which can be written; one byte has no alignment. Relaxed: published by the exchange.
    unsafe { (*byte).store(1, Relaxed) };
    Some(byte)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::process::Identity;
    use crate::trial;

    /// Forks; gives how the child ended, which must do nothing that another thread could have locked.
    fn in_a_fork(child: impl Fn() -> i32) -> i32 {
        // SAFETY: the child calls `child` and leaves.
        match unsafe { libc::fork() } {
            0 => {
                // A panic must not get back into the tests, which would then run on twice.
                let code = catch_unwind(AssertUnwindSafe(&child)).unwrap_or(101);
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(code) }
            }
            pid => {
                assert!(pid > 0);
                let mut status = 0;
                // SAFETY: waits for our own child.
                assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
                assert!(libc::WIFEXITED(status), "{status}");
                libc::WEXITSTATUS(status)
            }
        }
    }

    #[test]
    fn a_fork_knows_that_it_is_one_and_its_parent_that_it_is_none() {
        assert!(!forked());
        assert_eq!(in_a_fork(|| i32::from(forked())), 1);
        assert_eq!(in_a_fork(|| in_a_fork(|| i32::from(forked()))), 1, "a fork of a fork");
        assert!(!forked());
    }

    /// In a process of its own, where no other thread holds the allocator's lock during the fork.
    #[test]
    fn a_fork_has_an_identity_of_its_own() {
        let name = "process::fork::tests::a_fork_has_an_identity_of_its_own";
        if trial::role().is_none() {
            return trial::passes(trial::again(name, "child"));
        }
        let parent = Identity::current().unwrap();
        let code = in_a_fork(|| {
            let me = Identity::current().unwrap();
            i32::from(me.pid == std::process::id() && me.pid != parent.pid && parent.is_alive() == Some(true))
        });
        assert_eq!(code, 1);
        assert_eq!(Identity::current().unwrap(), parent);
    }
}
