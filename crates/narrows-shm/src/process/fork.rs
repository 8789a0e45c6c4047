//! Which process this is, at the cost of a load: handles made before a `fork` are not the child's, and those it makes are.
//!
//! The pid on a page of its own, which the kernel gives to a child of `fork` as zeros (`MADV_WIPEONFORK`); whoever finds zeros
//! writes it there. A program that was started by `exec` has no such page and asks for the first time.

use std::ptr;
use std::sync::atomic::{
    AtomicPtr, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed},
};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// The page, or null as long as nobody has asked or where there is none. Once set it stays.
static PAGE: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

/// The kernel rounds up to pages.
const LENGTH: usize = 4096;

/// The pid of this process, also after a fork.
#[inline]
pub(crate) fn own_pid() -> u32 {
    // Acquire: pairs with the exchange in `ask`, so that the page is seen as it was made.
    let page = PAGE.load(Acquire);
    if !page.is_null() {
        // SAFETY: a page that was published is never unmapped.
        // Relaxed: the kernel wipes it before a child runs, and whoever writes writes the same.
        let pid = unsafe { (*page).load(Relaxed) };
        if pid != 0 {
            return pid;
        }
    }
    ask()
}

#[cold]
fn ask() -> u32 {
    let me = std::process::id();
    // Acquire: as in `own_pid`.
    let mut page = PAGE.load(Acquire);
    if page.is_null() {
        // Where the kernel knows no such page, the system is asked each time.
        let Some(new) = wiped_page() else { return me };
        // AcqRel: pairs with the Acquire in `own_pid`.
        page = match PAGE.compare_exchange(ptr::null_mut(), new, AcqRel, Acquire) {
            Ok(_) => new,
            Err(winner) => {
                // SAFETY: mapped above and shown to nobody.
                let _ = unsafe { munmap(new.cast(), LENGTH) };
                winner
            }
        };
    }
    // SAFETY: as in `own_pid`. Relaxed: likewise.
    unsafe { (*page).store(me, Relaxed) };
    me
}

fn wiped_page() -> Option<*mut AtomicU32> {
    // SAFETY: a new mapping at an address that the kernel chooses.
    let page =
        unsafe { mmap_anonymous(ptr::null_mut(), LENGTH, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE).ok()? };
    // SAFETY: the mapping is ours alone; nothing lies in it yet.
    if unsafe { madvise(page, LENGTH, Advice::LinuxWipeOnFork) }.is_err() {
        // SAFETY: as above; nobody has seen it.
        let _ = unsafe { munmap(page, LENGTH) };
        return None;
    }
    Some(page.cast())
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
    fn a_fork_is_another_process_and_so_is_its_fork() {
        let parent = own_pid();
        assert_eq!(parent, std::process::id());
        let is_new = |parent: u32| i32::from(own_pid() == std::process::id() && own_pid() != parent);
        assert_eq!(in_a_fork(|| is_new(parent)), 1);
        assert_eq!(in_a_fork(|| in_a_fork(|| is_new(parent))), 1, "a fork of a fork");
        assert_eq!(own_pid(), parent);
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
