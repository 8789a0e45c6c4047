//! What a file of shared memory promises, against real files: others' files, links, full file systems, truncation.

use std::fs::{self, File, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use rustix::process::geteuid;

use super::*;
use crate::error::FileProperty;
use crate::locks;
use crate::trial::{self, Scratch};

impl Segment {
    /// The `n`th word.
    fn word(&self, n: usize) -> &AtomicU64 {
        assert!((n + 1) * 8 <= self.len());
        // SAFETY: within the mapping, aligned because it starts at a page, and accessed by atomics only.
        unsafe { self.base().cast::<AtomicU64>().add(n).as_ref() }
    }
}

fn make(path: &Path) -> Segment {
    Segment::create(path, 5000, |_| {}).unwrap()
}

fn fault(path: &Path) -> FileProperty {
    match Segment::open(path) {
        Err(OpenError::NotOurs { path: told, what }) if told == path => what,
        other => panic!("{other:?}"),
    }
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn what_one_opening_writes_another_reads() {
    let scratch = Scratch::new();
    let path = scratch.join("a");
    let made = Segment::create(&path, 1, |fresh| {
        assert_eq!(fresh.word(3).load(Relaxed), 0, "zero before");
        fresh.word(3).store(7, Relaxed);
    });
    let made = made.unwrap();
    let opened = Segment::open(&path).unwrap();
    assert_eq!((opened.len(), opened.word(3).load(Relaxed)), (made.len(), 7));
    opened.word(4).store(8, Relaxed);
    assert_eq!(made.word(4).load(Relaxed), 8);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(entries(&scratch), 1, "nothing beside it");
    assert!(opened.path() == Some(&path) && made.path() == Some(&path));
}

#[test]
fn a_name_that_is_taken_stays_what_it_is() {
    let scratch = Scratch::new();
    let path = scratch.join("a");
    make(&path).word(0).store(1, Relaxed);
    assert!(matches!(Segment::create(&path, 1, |_| {}), Err(OpenError::AlreadyExists)));
    // Taken between the look and the naming.
    let late = scratch.join("b");
    let raced = Segment::create(&late, 1, |_| drop(File::create_new(&late).unwrap()));
    assert!(matches!(raced, Err(OpenError::AlreadyExists)));
    symlink("nowhere", scratch.join("link")).unwrap();
    assert!(matches!(Segment::create(&scratch.join("link"), 1, |_| {}), Err(OpenError::AlreadyExists)));
    assert_eq!(Segment::open(&path).unwrap().word(0).load(Relaxed), 1);
    assert_eq!(entries(&scratch), 3);
}

#[test]
fn a_missing_name_is_not_found() {
    let scratch = Scratch::new();
    assert!(matches!(Segment::open(&scratch.join("a")), Err(OpenError::NotFound)));
    let told = Segment::create(&scratch.join("no/a"), 1, |_| {}).unwrap_err().to_string();
    assert!(told.contains("/no:"), "{told}");
}

#[test]
fn a_file_that_others_could_have_touched_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.join("a");
    drop(make(&path));
    for mode in [0o640, 0o602, 0o666, 0o4600, 0o700] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(fault(&path), FileProperty::Mode, "{mode:o}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    fs::hard_link(&path, scratch.join("b")).unwrap();
    assert_eq!(fault(&path), FileProperty::Links);
    fs::remove_file(scratch.join("b")).unwrap();
    symlink(&path, scratch.join("link")).unwrap();
    assert_eq!(fault(&scratch.join("link")), FileProperty::Type);
    assert_eq!(fault(&scratch), FileProperty::Type);
    Segment::open(&path).unwrap();
    if geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        assert_eq!(fault(&path), FileProperty::Owner);
    } else {
        // Only the superuser can give a file away; here one of the superuser's has to do.
        assert_eq!(fault(Path::new("/etc/passwd")), FileProperty::Owner);
    }
}

#[test]
fn what_is_no_file_at_all_is_refused_without_waiting() {
    let scratch = Scratch::new();
    let pipe = scratch.join("pipe");
    rustix::fs::mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, 0)
        .unwrap();
    assert_eq!(fault(&pipe), FileProperty::Type);
    let socket = scratch.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_eq!(fault(&socket), FileProperty::Type);
    assert_eq!(fault(Path::new("/dev/null")), FileProperty::Type);
}

#[test]
fn a_size_that_cannot_be_is_corrupt() {
    let scratch = Scratch::new();
    let path = scratch.join("a");
    drop(make(&path));
    for size in [0, 1, 4097] {
        File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
        assert!(matches!(Segment::open(&path), Err(OpenError::Corrupt(_))), "{size}");
    }
    for len in [usize::MAX, isize::MAX as usize, 1 << 60] {
        assert!(Segment::create(&scratch.join("b"), len, |_| {}).is_err());
        assert!(Segment::anonymous(len, |_| {}).is_err());
    }
    assert_eq!(entries(&scratch), 1);
}

/// Not tried with more than there is: a mistake would take the memory of the whole machine.
#[test]
fn there_is_room_for_no_more_than_the_memory_there_is() {
    let unbounded = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
    let installed = memory::installed().unwrap();
    assert!(installed > 1 << 20);
    assert_eq!(room(unbounded.as_fd()).unwrap(), installed);
    let scratch = Scratch::new();
    let system = rustix::fs::statvfs(&*scratch).unwrap();
    let file = File::create_new(scratch.join("a")).unwrap();
    assert!(room(file.as_fd()).unwrap() <= system.f_blocks * system.f_frsize);
}

/// Of both ways of making: a reader that opens all the while sees nothing, or the whole.
#[test]
fn one_that_is_half_built_is_never_seen() {
    let scratch = Scratch::new();
    let path = scratch.join("a");
    let done = AtomicBool::new(false);
    let start = Barrier::new(2);
    let whole = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            while !done.load(Relaxed) {
                match Segment::open(&path) {
                    Ok(segment) => {
                        assert!((0..600).all(|n| segment.word(n).load(Relaxed) == 7));
                        whole.fetch_add(1, Relaxed);
                    }
                    Err(OpenError::NotFound) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
        start.wait();
        let sevens = |fresh: &Segment| (0..600).for_each(|n| fresh.word(n).store(7, Relaxed));
        let mut rounds = 0;
        while rounds < 300 || whole.load(Relaxed) < 10 && rounds < 1_000_000 {
            let segment = if rounds % 2 == 0 {
                Segment::create(&path, 5000, sevens).unwrap()
            } else {
                let unnamed = file::Unnamed::with_temporary_name(&scratch).unwrap();
                let file = unnamed.file().try_clone_to_owned().unwrap();
                let len = memory::whole_pages(5000).unwrap();
                let segment = Segment::map(file, len).unwrap();
                allocate(segment.file(), len).unwrap();
                sevens(&segment);
                unnamed.publish(&path).unwrap();
                segment
            };
            assert!(segment.is_still_at(&path));
            unlink(&path).unwrap();
            rounds += 1;
        }
        done.store(true, Relaxed);
    });
    assert!(whole.load(Relaxed) > 0);
    assert_eq!(entries(&scratch), 0);
}

#[test]
fn a_maker_that_fails_leaves_nothing() {
    let scratch = Scratch::new();
    let path = scratch.join("a");
    let caught = std::panic::catch_unwind(|| Segment::create(&path, 1, |_| panic!("while it is filled")));
    assert!(caught.is_err());
    drop(file::Unnamed::with_temporary_name(&scratch).unwrap());
    let unnamed = file::Unnamed::with_temporary_name(&scratch).unwrap();
    drop(File::create_new(&path).unwrap());
    assert!(matches!(unnamed.publish(&path), Err(OpenError::AlreadyExists)));
    assert_eq!(entries(&scratch), 1);
}

#[test]
fn what_dead_makers_left_is_swept_and_a_living_one_is_not() {
    let scratch = Scratch::new();
    let living = file::Unnamed::with_temporary_name(&scratch).unwrap();
    let dead = file::Unnamed::with_temporary_name(&scratch).unwrap();
    let copy = dead.file().try_clone_to_owned().unwrap();
    std::mem::forget(dead); // the file stays open in this process, as a dead one's does not; its lock is taken from it:
    locks::unlock(&copy, 1 << 32).unwrap();
    drop(make(&scratch.join("a")));
    assert_eq!(entries(&scratch), 3);
    assert_eq!(sweep_temporaries(&scratch).unwrap(), 1);
    assert_eq!(sweep_temporaries(&scratch).unwrap(), 0);
    living.publish(&scratch.join("b")).unwrap();
    assert_eq!(sweep_temporaries(&scratch).unwrap(), 0);
    assert_eq!(entries(&scratch), 2);
    assert!(sweep_temporaries(&scratch.join("no")).is_err());
}

/// Makers and cleaners at once, in a process of its own, so that the name is known that a maker takes first. Every maker
/// succeeds, whatever a cleaner takes for a leftover.
#[test]
fn cleaners_do_not_disturb_makers() {
    let name = "segment::tests::cleaners_do_not_disturb_makers";
    if trial::role().is_none() {
        return trial::passes(trial::again(name, "child"));
    }
    let scratch = Scratch::new();
    let first = scratch.join(format!(".narrows-{}-0.making", std::process::id()));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                let _ = file::sweep(&first);
            }
        });
        let made = std::panic::catch_unwind(|| {
            for n in 0..3000 {
                let path = scratch.join(n.to_string());
                file::Unnamed::with_temporary_name(&scratch).unwrap().publish(&path).unwrap();
                assert_eq!(fs::metadata(&path).unwrap().nlink(), 1);
            }
        });
        done.store(true, Relaxed);
        made.unwrap();
    });
    assert_eq!(sweep_temporaries(&scratch).unwrap(), 0);
    assert_eq!(entries(&scratch), 3000);
}

#[test]
fn only_the_name_of_this_very_file_is_removed() {
    let scratch = Scratch::new();
    let path = scratch.join("a");
    let first = make(&path);
    let opened = Segment::open(&path).unwrap();
    assert!(first.remove().unwrap());
    assert!(!first.remove().unwrap() && !opened.remove().unwrap() && !opened.is_still_at(&path));
    first.word(0).store(1, Relaxed);
    assert_eq!(opened.word(0).load(Relaxed), 1, "whoever has it keeps it");
    let second = make(&path);
    assert!(!first.remove().unwrap() && second.is_still_at(&path));
    fs::rename(&path, scratch.join("b")).unwrap();
    symlink("b", &path).unwrap();
    assert!(!second.remove().unwrap() && second.is_still_at(&scratch.join("b")));
    assert_eq!(entries(&scratch), 2);
}

#[test]
fn a_truncated_one_reads_zeros_and_is_damaged() {
    let scratch = Scratch::new();
    let path = scratch.join("a");
    let (made, opened) = (make(&path), Segment::open(&path).unwrap());
    made.word(0).store(7, Relaxed);
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert!(!made.is_damaged());
    assert_eq!(made.word(0).load(Relaxed), 0);
    assert!(made.is_damaged() && !opened.is_damaged());
    opened.word(600).store(9, Relaxed);
    assert_eq!(opened.word(600).load(Relaxed), 9);
    assert!(opened.is_damaged());
    drop((made, opened));
    fs::remove_file(&path).unwrap();
    assert!(!make(&path).is_damaged(), "a new one at the same place is whole");
}

#[test]
fn an_anonymous_one_is_shared_by_hand_and_nobody_can_shorten_it() {
    let made = Segment::anonymous(5000, |fresh| fresh.word(1).store(7, Relaxed)).unwrap();
    let adopted = Segment::adopt(made.hand_out().unwrap()).unwrap();
    assert_eq!((adopted.len(), adopted.word(1).load(Relaxed)), (made.len(), 7));
    adopted.word(2).store(8, Relaxed);
    assert_eq!(made.word(2).load(Relaxed), 8);
    assert!(adopted.path().is_none() && !adopted.remove().unwrap() && !adopted.is_damaged());
    for size in [0, 1 << 20] {
        assert_eq!(rustix::fs::ftruncate(made.file(), size), Err(Errno::PERM));
    }
    assert!(fcntl_add_seals(adopted.file(), SealFlags::WRITE).is_err());
    // Of two openings, even through one that was handed over as a copy.
    let copy = Segment::adopt(made.file().try_clone_to_owned().unwrap()).unwrap();
    assert!(locks::try_lock(made.file(), 3).unwrap());
    assert!(!locks::try_lock(copy.file(), 3).unwrap() && !locks::try_lock(adopted.file(), 3).unwrap());
    assert!(locks::is_locked_by_another(made.hand_out().unwrap(), 3).unwrap());
}

#[test]
fn what_is_handed_over_must_be_sealed_memory() {
    let scratch = Scratch::new();
    let named = make(&scratch.join("a"));
    let unsealed = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    allocate(unsealed.as_fd(), 65536).unwrap();
    let empty = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    fcntl_add_seals(&empty, SEALS).unwrap();
    let pipe = rustix::pipe::pipe().unwrap().0;
    let wrong: [OwnedFd; 5] =
        [named.hand_out().unwrap(), unsealed, empty, pipe, File::open("/proc/self/stat").unwrap().into()];
    for (n, file) in wrong.into_iter().enumerate() {
        assert!(matches!(Segment::adopt(file), Err(OpenError::Corrupt(_))), "{n}");
    }
}

/// In a process of its own: the limit is the process's, and what exceeds it is otherwise ended by a signal.
#[test]
fn a_limit_on_the_size_of_files_is_told_as_no_space() {
    let name = "segment::tests::a_limit_on_the_size_of_files_is_told_as_no_space";
    if trial::role().is_none() {
        return trial::passes(trial::again(name, "child"));
    }
    let scratch = Scratch::new();
    let limit = rustix::process::Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) };
    rustix::process::setrlimit(Resource::Fsize, limit).unwrap();
    assert!(matches!(Segment::create(&scratch.join("a"), 2 << 20, |_| {}), Err(OpenError::NoSpace)));
    assert!(matches!(Segment::anonymous(2 << 20, |_| {}), Err(OpenError::NoSpace)));
    make(&scratch.join("b"));
    assert_eq!(entries(&scratch), 1);
}

/// A small file system in a mount namespace of one thread: both are gone with it.
#[test]
fn a_full_file_system_is_told_as_no_space_and_keeps_what_it_has() {
    let scratch = Scratch::new();
    let folder = scratch.to_path_buf();
    let full = std::thread::spawn(move || {
        if !mount_small(&folder) {
            return false; // not permitted here: the limit above takes the same way
        }
        let first = Segment::create(&folder.join("a"), 64 << 10, |_| {}).unwrap();
        for _ in 0..50 {
            assert!(matches!(Segment::create(&folder.join("b"), 1 << 20, |_| {}), Err(OpenError::NoSpace)));
        }
        first.word(0).store(7, Relaxed);
        assert_eq!(Segment::open(&folder.join("a")).unwrap().word(0).load(Relaxed), 7);
        assert_eq!(entries(&folder), 1);
        Segment::create(&folder.join("c"), 64 << 10, |_| {}).unwrap();
        true
    });
    if !full.join().unwrap() {
        eprintln!("no mount is permitted here: a full file system was not tried");
    }
    assert_eq!(entries(&scratch), 0, "the mount was seen by its thread alone");
}

fn mount_small(folder: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let folder = std::ffi::CString::new(folder.as_os_str().as_bytes()).unwrap();
    let private = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the thread leaves the others' mounts and then mounts on a folder of the test's own; all strings end in NUL.
    unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(c"none".as_ptr(), c"/".as_ptr(), std::ptr::null(), private, std::ptr::null()) == 0
            && libc::mount(c"none".as_ptr(), folder.as_ptr(), c"tmpfs".as_ptr(), 0, c"size=256k".as_ptr().cast()) == 0
    }
}

/// Killed wherever it was, by both ways of making: what has the name is whole, and a sweep takes the rest.
#[test]
fn a_maker_that_is_killed_leaves_no_half_and_nothing_that_stays() {
    let name = "segment::tests::a_maker_that_is_killed_leaves_no_half_and_nothing_that_stays";
    if let Some(folder) = trial::role() {
        let path = Path::new(&folder).join("a");
        std::io::Write::write_all(&mut std::io::stderr(), b"!").unwrap();
        loop {
            drop(Segment::create(&path, 5000, |fresh| fresh.word(600).store(7, Relaxed)));
            let _ = unlink(&path);
            file::Unnamed::with_temporary_name(Path::new(&folder)).unwrap().publish(&path).unwrap();
            let _ = unlink(&path);
        }
    }
    let scratch = Scratch::new();
    let mut left = 0;
    for round in 0..40 {
        let mut maker = trial::again(name, scratch.to_str().unwrap())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Read::read_exact(maker.stderr.as_mut().unwrap(), &mut [0]).unwrap();
        (0..round * 50).for_each(|_| drop(sweep_temporaries(&scratch)));
        maker.kill().unwrap();
        maker.wait().unwrap();
        left += sweep_temporaries(&scratch).unwrap();
        match Segment::open(&scratch.join("a")) {
            Ok(segment) => assert_eq!(segment.word(600).load(Relaxed), 7),
            // The second way makes an empty one.
            Err(OpenError::NotFound | OpenError::Corrupt(_)) => {}
            Err(error) => panic!("{error}"),
        }
        let _ = unlink(scratch.join("a"));
        assert_eq!(entries(&scratch), 0, "round {round}");
    }
    eprintln!("{left} temporaries were left by 40 that were killed");
}

/// In a process of its own, where nothing else is open and one thread may become somebody else.
#[test]
fn another_user_takes_what_was_handed_over() {
    let name = "segment::tests::another_user_takes_what_was_handed_over";
    if trial::role().is_none() {
        return trial::passes(trial::again(name, "child"));
    }
    let made = Segment::anonymous(1, |fresh| fresh.word(0).store(7, Relaxed)).unwrap();
    let handed = made.hand_out().unwrap();
    let other = std::thread::spawn(move || {
        if geteuid().is_root() {
            // SAFETY: the bare system call changes this thread alone.
            assert_eq!(unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) }, 0);
        }
        let adopted = Segment::adopt(handed).unwrap();
        assert_eq!(adopted.word(0).load(Relaxed), 7);
        assert!(locks::try_lock(adopted.file(), 0).unwrap());
        adopted.word(1).store(8, Relaxed);
    });
    other.join().unwrap();
    assert_eq!(made.word(1).load(Relaxed), 8);
}

/// In a process of its own, where nothing else opens files.
#[test]
fn no_file_stays_open_whatever_fails() {
    let name = "segment::tests::no_file_stays_open_whatever_fails";
    if trial::role().is_none() {
        return trial::passes(trial::again(name, "child"));
    }
    let scratch = Scratch::new();
    let (path, wrong) = (scratch.join("a"), scratch.join("wrong"));
    File::create_new(&wrong).unwrap().set_permissions(Permissions::from_mode(0o600)).unwrap();
    let maps =
        || fs::read_to_string("/proc/self/maps").unwrap().lines().filter(|line| line.contains("narrows")).count();
    let before = (trial::open_files(), maps());
    for _ in 0..300 {
        let made = make(&path);
        drop((Segment::open(&path).unwrap(), made.hand_out().unwrap()));
        assert!(Segment::create(&path, 1, |_| {}).is_err());
        assert!(Segment::open(&wrong).is_err());
        assert!(Segment::open(&scratch).is_err());
        assert!(Segment::create(&scratch.join("big"), 1 << 60, |_| {}).is_err());
        assert!(Segment::adopt(made.hand_out().unwrap()).is_err());
        let anonymous = Segment::anonymous(1, |_| {}).unwrap();
        drop(Segment::adopt(anonymous.hand_out().unwrap()).unwrap());
        assert!(made.remove().unwrap());
        drop(file::Unnamed::with_temporary_name(&scratch).unwrap());
        sweep_temporaries(&scratch).unwrap();
    }
    assert_eq!((trial::open_files(), maps()), before);
}
