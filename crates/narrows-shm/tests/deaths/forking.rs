//! A child of `fork` has its parent's memory and locks, and is not its parent.

use std::{fs::File, os::unix::fs::FileExt, time::Duration};

use narrows_shm::{Fault, OpenError, RecvError, TrySendError, inspect, options};

use crate::{Peer, Scratch, tell, until_told};

/// Forks; gives the child what `child` gives, and waits for it if it is to.
fn fork(child: impl FnOnce()) -> i32 {
    // SAFETY: the child does what it is given and leaves; nobody else runs in this process who could hold a lock of the allocator.
    match unsafe { libc::fork() } {
        0 => {
            child();
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(0) }
        }
        pid => pid,
    }
}

/// Takes part as a sender, and has a child that stays as long as the input.
pub(crate) fn forker(path: &str) {
    let channel = options().plain().open::<u64>(path).expect("the channel");
    let sender = channel.sender();
    let seen = sender.inspect();
    let pid = fork(|| {
        let refused = matches!(sender.try_send(1), Err(TrySendError::Fault(1, Fault::Forked)));
        let is_refused_too = matches!(seen.sweep(), Err(OpenError::Forked));
        let again = options().plain().open::<u64>(path).map(|channel| channel.sender().try_send(7));
        tell(&format!("{refused} {is_refused_too} {again:?}"));
        until_told();
    });
    assert!(pid > 0);
    sender.send(2).expect("its parent goes on");
    tell("sent");
    until_told();
}

fn start(scratch: &Scratch) -> Peer {
    let mut peer = Peer::start("forker", &scratch.path());
    let mut told = [peer.hear(), peer.hear()];
    told.sort();
    // A handle from before is of no use in the child, and one that it opens itself is.
    assert_eq!(told, ["sent", "true true Ok(Ok(()))"]);
    peer
}

#[test]
fn a_parents_death_is_noticed_although_its_child_keeps_the_lock() {
    let scratch = Scratch::new();
    let receiver = options().plain().capacity(8).receiver::<u64>(&scratch.path()).expect("a channel");
    let mut peer = start(&scratch);
    let mut got = [receiver.recv().expect("a message"), receiver.recv().expect("a message")];
    got.sort_unstable();
    assert_eq!(got, [2, 7]);
    assert!(receiver.try_recv().is_err_and(|why| why == narrows_shm::TryRecvError::Empty), "its parent is there");
    peer.kill();
    assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
}

/// Where the table says who somebody is, as `layout.rs` has it: entries of 256 bytes after the first page, words of 8 bytes.
fn write_identity(scratch: &Scratch, entry: u64, pid: u64, start: u64) {
    let file = File::options().write(true).open(scratch.path()).expect("the file");
    file.write_all_at(&pid.to_le_bytes(), 4096 + 256 * entry + 8).expect("its words");
    file.write_all_at(&start.to_le_bytes(), 4096 + 256 * entry + 16).expect("its words");
}

/// When this process was started, in clock ticks.
fn own_start() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux has it");
    stat.rsplit_once(") ").expect("a name").1.split(' ').nth(19).expect("a field").parse().expect("a number")
}

/// The dead one's lock is held by its child, and its number has been given to another process: to this one.
#[test]
fn a_pid_that_is_used_again_is_not_the_one_who_died() {
    let scratch = Scratch::new();
    // It stays open, so that the entry is its first.
    let mut peer = start(&scratch);
    peer.kill();
    let seen = inspect(&scratch.path()).expect("it is there");
    let own = u64::from(std::process::id());
    write_identity(&scratch, 0, own, own_start());
    assert_eq!(seen.sweep().expect("locks"), 0, "that process lives");
    assert_eq!(seen.participants().len(), 1);
    write_identity(&scratch, 0, own, own_start() + 1);
    assert_eq!(seen.sweep().expect("locks"), 1, "one with the same number, who started at another time");
    assert_eq!(seen.participants(), []);
}

/// Its own locks are no proof that somebody died.
#[test]
fn who_takes_part_and_sweeps_does_not_bury_itself() {
    let scratch = Scratch::new();
    let channel = options().plain().open::<u64>(&scratch.path()).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    assert_eq!(channel.inspect().sweep().expect("locks"), 0);
    assert_eq!(channel.inspect().participants().len(), 1);
    assert_eq!(inspect(&scratch.path()).expect("it is there").sweep().expect("locks"), 0, "it still has its lock");
    sender.send(1).expect("open");
    assert_eq!(receiver.recv_timeout(Duration::from_secs(5)), Ok(1));
    assert!(!receiver.is_disconnected());
}
