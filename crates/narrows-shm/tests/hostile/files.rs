//! Files that are something else, or another's, or too large, or that change under those who use them.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::process::Command;
use std::time::Duration;

use narrows_shm::{
    Fault, FileProperty, OpenError, RecvError, RecvTimeoutError, SendError, TryRecvError, inspect, options,
};
use narrows_test::actor::Host;
use narrows_test::deadline::within;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Scratch;

fn file(path: &str) -> File {
    File::options().read(true).write(true).open(path).expect("its file")
}

fn size(path: &str) -> u64 {
    fs::metadata(path).expect("its file").len()
}

/// A channel that stays when nobody has it open.
fn made(path: &str) {
    drop(options().capacity(4).keep_open().open::<u64>(path).expect("a channel"));
}

#[track_caller]
fn tells(told: &str, parts: &[&str]) {
    for part in parts {
        assert!(told.contains(part), "\"{told}\" does not tell \"{part}\"");
    }
}

#[track_caller]
fn refused(path: &str, what: FileProperty, parts: &[&str]) {
    for error in [options().open::<u64>(path).expect_err("no channel"), inspect(path).expect_err("no channel")] {
        assert!(matches!(&error, OpenError::NotOurs { what: found, .. } if *found == what), "{error:?}");
        tells(&error.to_string(), &[path]);
        tells(&error.to_string(), parts);
    }
}

#[test]
fn a_file_that_was_cut_or_grown_is_corrupt() {
    let scratch = Scratch::new("cut");
    let path = scratch.path("channel");
    made(&path);
    let whole = size(&path);
    for len in [0, 1, 4095, 4096, whole - 4096, whole - 1, whole + 1, whole + 4096] {
        file(&path).set_len(len).expect("a length");
        let error = options().open::<u64>(&path).expect_err("of another size");
        assert!(matches!(error, OpenError::Corrupt(_)), "{len}: {error:?}");
        tells(&error.to_string(), &["damaged", "remove its file"]);
        file(&path).set_len(0).expect("a length");
        fs::remove_file(&path).expect("it is there");
        made(&path);
    }
}

#[test]
fn every_bit_of_the_head_counts() {
    let scratch = Scratch::new("bits");
    let path = scratch.path("channel");
    made(&path);
    let file = file(&path);
    let mut byte = [0];
    for bit in 0..224 * 8 {
        file.read_exact_at(&mut byte, bit / 8).expect("a head");
        file.write_all_at(&[byte[0] ^ 1 << (bit % 8)], bit / 8).expect("a head");
        match options().open::<u64>(&path).expect_err("a bit is wrong") {
            OpenError::Corrupt(_) => assert!(!(64..96).contains(&bit), "bit {bit}"),
            // The version is looked at first: of another one nothing else is known.
            OpenError::Mismatch(told) => {
                assert!((64..96).contains(&bit), "bit {bit}");
                tells(&told, &["layout", "knows 1"]);
            }
            error => panic!("bit {bit}: {error}"),
        }
        file.write_all_at(&byte, bit / 8).expect("a head");
    }
    options().open::<u64>(&path).expect("whole again");
}

#[test]
fn another_type_is_told_with_both_names() {
    let scratch = Scratch::new("type");
    let path = scratch.path("channel");
    made(&path);
    let told = options().open::<String>(&path).expect_err("another type").to_string();
    tells(&told, &["u64", "String"]);
    let told = options().plain().open::<u64>(&path).expect_err("another codec").to_string();
    tells(&told, &["another than expected"]);
    let told = options().bytes().open::<Vec<u8>>(&path).expect_err("another codec").to_string();
    tells(&told, &["u64", "bytes"]);
}

#[test]
fn what_others_could_have_made_or_touched_is_refused() {
    let scratch = Scratch::new("others");
    let path = scratch.path("channel");
    made(&path);
    for mode in [0o640, 0o602, 0o666] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("ours");
        refused(&path, FileProperty::Mode, &["open to other users", "chmod"]);
    }
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
    fs::hard_link(&path, scratch.path("second")).expect("a link");
    refused(&path, FileProperty::Links, &["hard link"]);
    fs::remove_file(scratch.path("second")).expect("it is there");
    let link = scratch.path("link");
    symlink(&path, &link).expect("a link");
    refused(&link, FileProperty::Type, &["symbolic link"]);
    let folder = scratch.path("folder");
    fs::create_dir(&folder).expect("a folder");
    refused(&folder, FileProperty::Type, &["another type"]);
    let pipe = scratch.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    within("a pipe", move || refused(&pipe, FileProperty::Type, &["another type"]));
    refused("/dev/null", FileProperty::Type, &["another type"]);
    if std::os::unix::fs::chown(&path, Some(65534), None).is_ok() {
        refused(&path, FileProperty::Owner, &["another user", "NARROWS_DIR"]);
    } else {
        // Only the superuser can give a file away; here one of the superuser's has to do.
        assert_ne!(fs::metadata("/etc/passwd").expect("users").uid(), fs::metadata(&path).expect("ours").uid());
        refused("/etc/passwd", FileProperty::Owner, &["another user", "NARROWS_DIR"]);
    }
    assert!(matches!(options().existing().open::<u64>(&scratch.path("none")), Err(OpenError::NotFound)));
    let told = options().create_new().open::<u64>(&scratch.path("no/such")).expect_err("no folder").to_string();
    tells(&told, &["no"]);
}

/// In a process of its own, whose mounts go with it.
#[test]
fn a_full_file_system_is_no_space() {
    const FOLDER: &str = "NARROWS_HOSTILE_FULL";
    if let Ok(folder) = std::env::var(FOLDER) {
        let path = format!("{folder}/channel");
        let error = options().memory(1 << 20).open::<String>(&path).expect_err("there is no room");
        assert!(matches!(error, OpenError::NoSpace), "{error:?}");
        tells(&error.to_string(), &["room", "smaller", "NARROWS_DIR"]);
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0, "nothing is left of it");
        let channel =
            options().capacity(4).max_len(64).participants(4).open::<String>(&path).expect("a small one fits");
        channel.sender().send("a".into()).expect("room");
        assert_eq!(channel.receiver().recv().as_deref(), Ok("a"));
        return;
    }
    let scratch = Scratch::new("full");
    let mounted = r#"mount -t tmpfs -o size=256k none "$NARROWS_HOSTILE_FULL" || exit 77; exec "$0" "$@""#;
    let ran = Command::new("unshare")
        .args(["--mount", "sh", "-c", mounted])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", "files::a_full_file_system_is_no_space"])
        .env(FOLDER, &scratch.0)
        .output();
    match ran {
        Ok(ran) if ran.status.success() => tells(&String::from_utf8_lossy(&ran.stdout), &["1 passed"]),
        Ok(ran) if String::from_utf8_lossy(&ran.stdout).contains("running 1 test") => {
            panic!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
        }
        // `segment::tests` tries it as far as it can be tried without a mount.
        ran => eprintln!("no mount is permitted here, so a full file system was not tried: {ran:?}"),
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    assert!(!mounts.contains(&*scratch.path("")), "the mount was that process's alone");
}

#[test]
fn more_participants_than_there_is_room_for() {
    let scratch = Scratch::new("many");
    let path = scratch.path("channel");
    let open = || options().participants(2).open::<u64>(&path);
    let (first, second) = (open().expect("room"), open().expect("room"));
    let error = open().expect_err("no room");
    assert!(matches!(error, OpenError::Full), "{error:?}");
    tells(&error.to_string(), &["no room for another participant", "create it with more"]);
    drop(second);
    open().expect("room again");
    for participants in [0, 1025] {
        let error =
            options().participants(participants).open::<u64>(&scratch.path("other")).expect_err("too few or many");
        tells(&error.to_string(), &["participants"]);
    }
    drop(first);
}

#[test]
fn a_name_that_is_taken_away_leaves_its_channel_to_those_who_have_it() {
    let scratch = Scratch::new("away");
    let path = scratch.path("channel");
    let (first, peer) = (options().open::<u64>(&path).expect("new"), options().open::<u64>(&path).expect("the same"));
    fs::remove_file(&path).expect("it is there");
    first.sender().send(1).expect("open");
    let second = options().open::<u64>(&path).expect("another of that name");
    assert_eq!(peer.receiver().recv(), Ok(1));
    assert_eq!(second.receiver().try_recv(), Err(TryRecvError::Empty));
    drop((first, peer));
    assert!(fs::exists(&path).expect("a folder"), "the name is the second's");
    drop(second);
    assert!(!fs::exists(&path).expect("a folder"));
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Debug, PartialEq, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Debug, PartialEq, Clone, Copy)]
#[repr(C, align(4096))]
struct Page([u8; 4096]);

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Debug, PartialEq, Clone, Copy)]
#[repr(C, align(8192))]
struct TwoPages([u8; 8192]);

#[test]
fn types_of_every_size_and_alignment() {
    let scratch = Scratch::new("types");
    let empty = options().plain().capacity(2).open::<[u8; 0]>(&scratch.path("empty")).expect("a channel");
    let (sender, receiver) = (empty.sender(), empty.receiver());
    for _ in 0..5 {
        sender.try_send([]).expect("room");
        sender.loan().expect("room").send().expect("room");
        assert!(sender.try_send([]).is_err_and(|error| error.is_full()), "two of nothing are two");
        receiver.lease().expect("one").accept().expect("ours");
        assert_eq!(receiver.recv(), Ok([]));
    }
    let unit = options().capacity(1).open::<()>(&scratch.path("unit")).expect("a channel");
    unit.sender().send(()).expect("room");
    assert_eq!(unit.receiver().recv(), Ok(()));
    let nothing = options().bytes().max_len(0).open::<Vec<u8>>(&scratch.path("nothing")).expect("a channel");
    nothing.sender().send(vec![]).expect("room");
    let fault = Fault::TooLong { len: 1, max: 0 };
    assert_eq!(nothing.sender().send(vec![1]), Err(SendError::Fault(vec![1], fault.clone())));
    tells(&fault.to_string(), &["1 bytes", "0 at most"]);
    assert_eq!(nothing.receiver().recv(), Ok(vec![]));
    let lines = options().plain().capacity(3).open::<Line>(&scratch.path("lines")).expect("a channel");
    let pages = options().plain().capacity(3).open::<Page>(&scratch.path("pages")).expect("a channel");
    let two = options().plain().open::<TwoPages>(&scratch.path("two")).expect_err("more than a page");
    tells(&two.to_string(), &["aligned", "4096"]);
    for i in 0..10 {
        lines.sender().send(Line([i; 64])).expect("room");
        let lease = lines.receiver().lease().map(|lease| *lease);
        assert_eq!(lease, Ok(Line([i; 64])), "what was read in place, and given back");
        assert_eq!(lines.receiver().recv(), Ok(Line([i; 64])));
        let sender = pages.sender();
        let mut loan = sender.loan().expect("room");
        assert_eq!(std::ptr::from_ref(&*loan).addr() % 4096, 0);
        loan.0.fill(i);
        loan.send().expect("open");
        let receiver = pages.receiver();
        let lease = receiver.lease().expect("a message");
        assert_eq!((std::ptr::from_ref(&*lease).addr() % 4096, *lease), (0, Page([i; 4096])));
        lease.accept().expect("ours");
    }
}

#[test]
fn a_megabyte_of_plain_data_is_never_on_the_stack() {
    let scratch = Scratch::new("megabyte");
    let path = scratch.path("channel");
    let channel = options().plain().capacity(2).memory(2 << 20).open::<[u64; 1 << 17]>(&path).expect("a channel");
    let small_stack = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
        let (sender, receiver) = (channel.sender(), channel.receiver());
        for i in 0..6 {
            let mut loan = sender.loan().expect("room");
            loan.fill(i);
            loan.send().expect("open");
            let lease = receiver.lease().expect("a message");
            assert!(lease.iter().all(|&word| word == i));
            lease.accept().expect("ours");
        }
    });
    small_stack.expect("a thread").join().expect("no overflow");
}

#[test]
fn sizes_that_cannot_be_are_errors_and_take_no_memory() {
    let scratch = Scratch::new("sizes");
    let path = scratch.path("channel");
    let told = options().capacity(0).open::<u64>(&path).expect_err("no messages").to_string();
    tells(&told, &["capacity of at least 1"]);
    for error in [
        options().capacity(u32::MAX).open::<u64>(&path).expect_err("half a terabyte"),
        options().capacity(u32::MAX).max_len(u32::MAX).memory(u64::MAX).open::<String>(&path).expect_err("too much"),
        options().plain().create_new().open::<[[u8; 1 << 16]; (1 << 16) - 1]>(&path).expect_err("terabytes"),
        options().capacity(u32::MAX).anonymous::<u64>().expect_err("half a terabyte"),
    ] {
        let is_said =
            matches!(error, OpenError::NoSpace | OpenError::Unsupported(_) | OpenError::Io(_) | OpenError::Corrupt(_));
        assert!(is_said, "{error:?}");
    }
    let told = options().plain().open::<[[u8; 1 << 16]; 1 << 16]>(&path).expect_err("4 GiB").to_string();
    tells(&told, &["less than 4 GiB"]);
    assert!(!fs::exists(&path).expect("a folder"), "nothing is left");
}

/// Who sleeps is told within the longest sleep; what it had slept on is gone, or reads zeros.
#[test]
fn a_file_that_is_cut_off_ends_the_waiting() {
    for grows_again in [false, true] {
        let scratch = Scratch::new("sleeping");
        let path = scratch.path("channel");
        let channel = options().capacity(4).open::<u64>(&path).expect("a channel");
        let other = options().capacity(4).open::<u64>(&path).expect("the same");
        let receiver = channel.receiver();
        let sleeper = Host::Thread.spawn(async move { receiver.recv() });
        let receiver = other.receiver();
        let task = Host::Pool.spawn(async move { receiver.recv_async().await });
        sleeper.until_waiting();
        task.until_waiting();
        let whole = size(&path);
        file(&path).set_len(0).expect("ours");
        if grows_again {
            file(&path).set_len(whole).expect("ours");
        }
        for told in [sleeper.join(), task.join()] {
            let Err(RecvError::Fault(fault @ Fault::Corrupt(_))) = told else { panic!("{told:?}") };
            tells(&fault.to_string(), &["damaged", "remove its file"]);
        }
        let timeout = Duration::from_millis(1);
        assert!(matches!(channel.receiver().recv_timeout(timeout), Err(RecvTimeoutError::Fault(Fault::Corrupt(_)))));
        assert!(matches!(channel.receiver().try_recv(), Err(TryRecvError::Fault(Fault::Corrupt(_)))));
        assert!(matches!(channel.sender().send(1), Err(SendError::Fault(1, Fault::Corrupt(_)))));
        assert!(matches!(options().open::<u64>(&path), Err(OpenError::Corrupt(_))));
    }
}

#[test]
fn a_file_that_is_cut_off_ends_a_send_that_waits() {
    for grows_again in [false, true] {
        let scratch = Scratch::new("full");
        let path = scratch.path("channel");
        let channel = options().capacity(1).open::<u64>(&path).expect("a channel");
        let sender = channel.sender();
        sender.send(1).expect("room");
        let waits = Host::Thread.spawn(async move { sender.send(2) });
        let sender = channel.sender();
        let waits_too = Host::Thread.spawn(async move { sender.send_sync(3) });
        waits.until_waiting();
        waits_too.until_waiting();
        let whole = size(&path);
        file(&path).set_len(0).expect("ours");
        if grows_again {
            file(&path).set_len(whole).expect("ours");
        }
        assert!(matches!(waits.join(), Err(SendError::Fault(2, Fault::Corrupt(_)))));
        assert!(matches!(waits_too.join(), Err(SendError::Fault(3, Fault::Corrupt(_)))));
    }
}

#[test]
fn a_lease_of_a_file_that_is_cut_off_is_none() {
    let scratch = Scratch::new("lease");
    let path = scratch.path("channel");
    let channel = options().plain().capacity(2).memory(1 << 16).open::<[u64; 1024]>(&path).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    for i in [7, 8] {
        sender.send([i; 1024]).expect("room");
    }
    let (read, dropped) = (receiver.lease().expect("a message"), receiver.lease().expect("a message"));
    file(&path).set_len(0).expect("ours");
    assert!(read.iter().all(|&word| word == 0 || word == 7), "what is gone reads zeros");
    assert!(matches!(read.accept(), Err(Fault::Corrupt(_))));
    drop(dropped);
    let waits = sender.send_sync_timeout([1; 1024], Duration::from_millis(1)).expect_err("it is no channel any more");
    assert!(!waits.is_timeout());
}

/// The word of the first slot, of a channel for four participants.
fn write_slot(path: &str, word: u64) {
    file(path).write_all_at(&word.to_le_bytes(), 4096 + 4 * 256).expect("a slot");
}

#[test]
fn a_message_that_belongs_to_nobody_is_told_to_those_who_wait() {
    let scratch = Scratch::new("nobody");
    let path = scratch.path("channel");
    let channel = options().capacity(1).participants(4).open::<u64>(&path).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    sender.send(1).expect("room");
    // It is being read, by participant 1000 of four.
    write_slot(&path, (5 << 10 | 0x3e8) << 4 | 3);
    let waits = Host::Thread.spawn(async move { sender.send(2) });
    let waits_too = Host::Thread.spawn(async move { receiver.recv() });
    let Err(SendError::Fault(2, fault @ Fault::Corrupt(_))) = waits.join() else { panic!("sent") };
    tells(&fault.to_string(), &["belongs to nobody", "remove its file"]);
    assert!(matches!(waits_too.join(), Err(RecvError::Fault(Fault::Corrupt(_)))));
}

#[test]
fn a_message_with_a_strange_word_is_taken_back_all_the_same() {
    // Written over before the time is over, if not at once then where there is more of it.
    assert!([300, 3000, 30_000].into_iter().any(|millis| write_a_strange_word(Duration::from_millis(millis))));
}

/// False where this machine had something else to do for so long.
fn write_a_strange_word(time: Duration) -> bool {
    let scratch = Scratch::new("strange");
    let path = scratch.path("channel");
    let channel = options().capacity(1).participants(4).open::<u64>(&path).expect("a channel");
    let sender = channel.sender();
    let waits = Host::Thread.spawn(async move { sender.send_sync_timeout(1, time) });
    let is_there = waits.comes_to_wait();
    // It is there, as if somebody owned it.
    write_slot(&path, 1 << 9 | 2);
    if !is_there || waits.is_done() {
        return false;
    }
    assert!(waits.join().expect_err("nobody receives").is_timeout());
    assert_eq!(channel.receiver().try_recv(), Err(TryRecvError::Disconnected), "it is not there, nor is its sender");
    true
}
