//! Which process this is, in a line of forks: a number that a child of `fork` does not share with its parent.
//!
//! A word on a page of its own, which the kernel gives to a child of `fork` as zeros (`MADV_WIPEONFORK`): the question
//! costs a load. A program that was started by `exec` has no such page and asks for the first time.

use std::ptr;
use std::sync::atomic::{
    AtomicPtr, AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// The page, or null as long as nobody has asked or where there is none. Once set it stays.
static PAGE: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());
/// The number of the first who asked, and the last that was given out: a child goes on from its parent's.
static LAST: AtomicU32 = AtomicU32::new(FIRST);
const FIRST: u32 = 1;
/// Where the kernel knows no such page: the pid of the first who asked, else 0.
static FIRST_PID: AtomicU32 = AtomicU32::new(0);

/// The kernel rounds up to pages.
const LENGTH: usize = 4096;

/// The number of this process: never 0, and not that of any process from which it was forked.
#[inline]
pub(crate) fn generation() -> u32 {
    // Acquire: pairs with the exchange in `ask_first`, so that what was written before it is seen.
    let page = PAGE.load(Acquire);
    if page.is_null() {
        return ask_first();
    }
    // SAFETY: a page that was published is never unmapped.
    let word = unsafe { &*page };
    // Relaxed: the kernel writes it before the child runs, and it stands for itself.
    match word.load(Relaxed) {
        0 => after_fork(word),
        number => number,
    }
}

/// Whether this process is a child of `fork`, without `exec`, of the process that first asked.
pub(crate) fn forked() -> bool {
    let number = generation();
    // Acquire: pairs with the Release in `ask_first`.
    if PAGE.load(Acquire).is_null() { number != FIRST_PID.load(Acquire) } else { number != FIRST }
}

#[cold]
fn after_fork(word: &AtomicU32) -> u32 {
    // Relaxed: numbers that differ; a thread that loses takes the winner's.
    let number = LAST.fetch_add(1, Relaxed) + 1;
    word.compare_exchange(0, number, Relaxed, Relaxed).err().unwrap_or(number)
}

#[cold]
fn ask_first() -> u32 {
    let me = std::process::id();
    // Acquire: pairs with the Release below; whoever sees the pid is either its process or a fork of it.
    if FIRST_PID.load(Acquire) != 0 {
        return me;
    }
    let Some(page) = wiped_page() else {
        // Release: pairs with the Acquire above. A loser of a race between threads finds its own pid.
        let _ = FIRST_PID.compare_exchange(0, me, Release, Acquire);
        return me;
    };
    // AcqRel: pairs with the Acquire in `generation`; the loser of a race sees what the winner wrote.
    if PAGE.compare_exchange(ptr::null_mut(), page, AcqRel, Acquire).is_err() {
        // SAFETY: mapped above and shown to nobody.
        let _ = unsafe { munmap(page.cast(), LENGTH) };
    }
    FIRST
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
    let word = page.cast::<AtomicU32>();
    // SAFETY: at the start of the mapping, which can be written and is aligned to a page. Relaxed: published by the exchange.
    unsafe { (*word).store(FIRST, Relaxed) };
    Some(word)
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

    #[test]
    fn each_fork_has_a_number_of_its_own_and_keeps_it() {
        let mine = generation();
        let others = || {
            let child = generation();
            let grandchild_differs = in_a_fork(move || i32::from(![0, child, mine].contains(&generation())));
            i32::from(child != mine && generation() == child && grandchild_differs == 1)
        };
        assert_eq!(in_a_fork(others), 1);
        assert_eq!(generation(), mine);
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
