//! Real truncations, under a mapping of ours and under one that is not. What changes the process's handlers runs in a
//! process of its own.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous};

use crate::trial;

use super::Guard;

/// Four pages of any size that pages have.
const LENGTH: usize = 4 * 65536;

struct Mapped {
    file: File,
    base: *mut u8,
}

/// A file without a name in a mapping that is never unmapped: these tests are about nothing else, and some end by a signal.
fn mapped() -> Mapped {
    let file = File::from(memfd_create("narrows-trial", MemfdFlags::CLOEXEC).unwrap());
    file.set_len(LENGTH as u64).unwrap();
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping at an address that the kernel chooses.
    let base = unsafe { mmap(ptr::null_mut(), LENGTH, access, MapFlags::SHARED, &file, 0).unwrap() };
    Mapped { file, base: base.cast() }
}

impl Mapped {
    fn guard(&self) -> Guard {
        let start = self.base.expose_provenance();
        Guard::register(start..start + LENGTH).unwrap()
    }

    fn read(&self, at: usize) -> u8 {
        assert!(at < LENGTH);
        // SAFETY: within the mapping; a byte that others may change is read as a volatile one.
        unsafe { self.base.add(at).read_volatile() }
    }

    fn write(&self, at: usize, byte: u8) {
        assert!(at < LENGTH);
        // SAFETY: as in `read`.
        unsafe { self.base.add(at).write_volatile(byte) }
    }
}

#[test]
fn a_truncation_is_survived_and_noticed() {
    let mapped = mapped();
    let guard = mapped.guard();
    mapped.write(0, 7);
    mapped.write(LENGTH - 1, 7);
    assert!(!guard.is_damaged());
    mapped.file.set_len(65536).unwrap();
    assert!(!guard.is_damaged(), "nobody has looked yet");
    assert_eq!(mapped.read(3 * 65536), 0);
    assert!(guard.is_damaged());
    assert_eq!(mapped.read(0), 7, "what is still there stays");
    mapped.write(LENGTH - 1, 9); // the same pages, and those before them
    assert_eq!((mapped.read(LENGTH - 1), mapped.read(65536)), (9, 0));
    mapped.file.set_len(0).unwrap();
    mapped.write(0, 1);
    assert_eq!(mapped.read(0), 1);
}

#[test]
fn what_lies_behind_a_lost_page_is_lost_with_it() {
    let mapped = mapped();
    let _guard = mapped.guard();
    mapped.file.set_len(65536).unwrap();
    assert_eq!(mapped.read(65536), 0);
    mapped.file.write_all_at(&[7], 0).unwrap();
    mapped.file.write_all_at(&[7], LENGTH as u64 - 1).unwrap();
    assert_eq!((mapped.read(0), mapped.read(LENGTH - 1)), (7, 0));
}

#[test]
fn threads_that_meet_one_truncation_all_go_on() {
    let mapped = mapped();
    let guard = mapped.guard();
    mapped.file.set_len(0).unwrap();
    let base = mapped.base as usize;
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let reader = move || {
                for page in (0..LENGTH / 4096).rev() {
                    let at = ptr::with_exposed_provenance::<u8>(base + page * 4096 + thread);
                    // SAFETY: within the mapping, which outlives the threads.
                    assert_eq!(unsafe { at.read_volatile() }, 0);
                }
            };
            scope.spawn(reader);
        }
    });
    assert!(guard.is_damaged());
}

#[test]
fn a_range_past_the_bound_is_refused() {
    if trial::role().is_none() {
        return trial::passes(trial::again("guard::tests::a_range_past_the_bound_is_refused", "child"));
    }
    let register = |at: usize| Guard::register(at * 4096..(at + 1) * 4096);
    let mut guards: Vec<_> = (1..=512).map(|at| register(at).unwrap()).collect();
    let told = register(3000).unwrap_err().to_string();
    assert!(told.contains("512"), "{told}");
    guards.pop();
    register(3000).unwrap();
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

/// Where `of_another` puts a page.
static START: AtomicUsize = AtomicUsize::new(0);

/// A handler as another library has one: it gives the page that is missing.
unsafe extern "C" fn of_another(_: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    CALLS.fetch_add(1, Relaxed);
    let start = ptr::with_exposed_provenance_mut(START.load(Relaxed));
    // SAFETY: the start of a `mapped` file, whose users expect any content.
    unsafe { mmap_anonymous(start, 4096, ProtFlags::READ, MapFlags::PRIVATE | MapFlags::FIXED) }.unwrap();
}

fn install(handler: usize, flags: c_int) {
    // SAFETY: plain numbers, for which zero is valid.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: one of the handlers of this file, or a constant.
    assert_eq!(unsafe { libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) }, 0);
}

#[test]
fn a_handler_that_was_there_before_gets_what_is_not_ours() {
    let name = "guard::tests::a_handler_that_was_there_before_gets_what_is_not_ours";
    if trial::role().is_none() {
        return trial::passes(trial::again(name, "child"));
    }
    install(of_another as *const () as usize, libc::SA_SIGINFO);
    let (ours, foreign) = (mapped(), mapped());
    START.store(foreign.base.expose_provenance(), Relaxed);
    let guard = ours.guard();
    ours.file.set_len(0).unwrap();
    foreign.file.set_len(0).unwrap();
    assert_eq!(ours.read(0), 0);
    assert_eq!(CALLS.load(Relaxed), 0, "ours is ours");
    assert_eq!(foreign.read(0), 0);
    assert_eq!(CALLS.load(Relaxed), 1);
    assert!(guard.is_damaged());
    // A range that is released is a stranger's. Its pages are mapped anew, so that they are missing again.
    drop(guard);
    let flags = MapFlags::SHARED | MapFlags::FIXED;
    // SAFETY: the same pages of the same file again, at their old place.
    unsafe { mmap(ours.base.cast(), LENGTH, ProtFlags::READ, flags, &ours.file, 0).unwrap() };
    START.store(ours.base.expose_provenance(), Relaxed);
    assert_eq!(ours.read(0), 0);
    assert_eq!(CALLS.load(Relaxed), 2);
}

#[test]
fn without_a_handler_before_us_the_process_ends_as_it_would_have() {
    let name = "guard::tests::without_a_handler_before_us_the_process_ends_as_it_would_have";
    let Some(role) = trial::role() else {
        for role in ["access", "access-ignored", "access-std", "kill"] {
            let status = trial::again(name, role).output().unwrap().status;
            assert_eq!(status.signal(), Some(libc::SIGBUS), "{role}: {status}");
        }
        return trial::passes(trial::again(name, "kill-ignored"));
    };
    match role.split_once('-') {
        Some((_, "std")) => {} // the one that std brings, for overflows of stacks
        Some(_) => install(libc::SIG_IGN, 0),
        None => install(libc::SIG_DFL, 0),
    }
    let (ours, foreign) = (mapped(), mapped());
    let _guard = ours.guard();
    if role.starts_with("kill") {
        // SAFETY: sends a signal to this process.
        assert_eq!(unsafe { libc::kill(libc::getpid(), libc::SIGBUS) }, 0);
    } else {
        foreign.file.set_len(0).unwrap();
        foreign.read(0);
    }
    assert!(role == "kill-ignored", "{role}: survived");
}
