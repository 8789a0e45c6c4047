//! A peer is killed or stopped while others wait for it, and waiting costs nothing.

use std::{
    thread,
    time::{Duration, Instant},
};

use narrows_shm::{Plain, Receiver, RecvError, RecvTimeoutError, options};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Peer, Scratch, tell, until, until_told};

/// Has a sender and does nothing with it.
pub(crate) fn idle_sender(path: &str) {
    let _sender = options().plain().sender::<u64>(path).expect("the channel");
    tell("ready");
    until_told();
}

/// Tells what it receives.
pub(crate) fn receiver(path: &str) {
    let receiver = options().plain().receiver::<u64>(path).expect("the channel");
    tell("ready");
    while let Ok(message) = receiver.recv() {
        tell(&message.to_string());
    }
    tell("end");
}

/// Whether somebody sleeps on the bell for messages, as the table shows.
fn wait_until_blocked(receiver: &Receiver<u64, Plain>, pid: u32) {
    let seen = receiver.inspect();
    until(|| seen.participants().iter().any(|one| one.pid == pid && one.waiting.is_some()));
}

#[test]
fn the_death_of_the_last_sender_is_the_end_at_once() {
    let mut times = Vec::new();
    for _ in 0..9 {
        let scratch = Scratch::new();
        let mut peer = Peer::start("sender", &scratch.path());
        assert_eq!(peer.hear(), "ready");
        let receiver = options().plain().receiver::<u64>(&scratch.path()).expect("the channel");
        let took = thread::scope(|scope| {
            let waiting = scope.spawn(|| (receiver.recv(), Instant::now()));
            wait_until_blocked(&receiver, std::process::id());
            let killed = Instant::now();
            peer.kill();
            let (outcome, at) = waiting.join().expect("no panic");
            assert_eq!(outcome, Err(RecvError::Disconnected));
            at.duration_since(killed)
        });
        times.push(took);
    }
    times.sort_unstable();
    println!("a death is noticed within {:?} (median), {:?} (longest)", times[times.len() / 2], times[times.len() - 1]);
    // Without whoever watches it would be half a second, each time; a busy machine may take that long most of the times.
    assert!(times[1] < Duration::from_millis(400), "{times:?}");
}

/// In clock ticks.
fn processor_time(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let fields: Vec<_> = stat.rsplit_once(") ").expect("a name").1.split(' ').collect();
    fields[11].parse::<u64>().expect("a number") + fields[12].parse::<u64>().expect("a number")
}

#[test]
fn who_waits_uses_no_processor_time() {
    let scratch = Scratch::new();
    let sender = options().plain().sender::<u64>(&scratch.path()).expect("a channel");
    let receiver = options().plain().receiver::<u64>(&scratch.path()).expect("the channel");
    let mut peer = Peer::start("receiver", &scratch.path());
    assert_eq!(peer.hear(), "ready");
    wait_until_blocked(&receiver, peer.pid());
    // It may still be getting there, and a machine with much else to do counts its own time as that of who is there: the best of
    // several looks tells.
    let mut looks = (0..5).map(|_| {
        let before = processor_time(peer.pid());
        // We wait, too: for a message that does not come.
        assert_eq!(receiver.recv_timeout(Duration::from_millis(1200)), Err(RecvTimeoutError::Timeout));
        let used = processor_time(peer.pid()) - before;
        println!("1.2 s of waiting cost {used} clock ticks");
        used
    });
    assert!(looks.any(|used| used <= 3), "more than 3 clock ticks, each time");
    drop(sender);
    peer.finish();
}

fn signal(peer: &Peer, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(peer.pid()).expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("a process of ours");
}

fn wait_until_stopped(peer: &Peer) {
    let is_stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", peer.pid())).expect("it lives");
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    };
    until(is_stopped);
}

/// Two wait, the first of them is stopped, gets the wake-up and is killed before it can do anything.
#[test]
fn the_wake_up_of_one_who_dies_goes_to_another() {
    for turn in 0..4_u64 {
        let scratch = Scratch::new();
        let sender = options().plain().sender::<u64>(&scratch.path()).expect("a channel");
        let observer = options().plain().receiver::<u64>(&scratch.path()).expect("the channel");
        let mut peers: Vec<Peer> = Vec::new();
        for _ in 0..2 {
            let mut peer = Peer::start("receiver", &scratch.path());
            assert_eq!(peer.hear(), "ready");
            wait_until_blocked(&observer, peer.pid());
            peers.push(peer);
        }
        // The system wakes the one that sleeps longest.
        let mut first = peers.remove(0);
        signal(&first, Signal::STOP);
        wait_until_stopped(&first);
        sender.send(turn).expect("room");
        let sent = Instant::now();
        first.kill();
        assert_eq!(peers[0].hear(), turn.to_string());
        println!("the other has it after {:?}", sent.elapsed());
    }
}

#[test]
fn who_waits_is_on_time_while_a_peer_is_stopped() {
    let scratch = Scratch::new();
    let sender = options().plain().capacity(1).sender::<u64>(&scratch.path()).expect("a channel");
    let mut peer = Peer::start("receiver", &scratch.path());
    assert_eq!(peer.hear(), "ready");
    signal(&peer, Signal::STOP);
    wait_until_stopped(&peer);
    sender.send(1).expect("room");
    let began = Instant::now();
    assert!(sender.send_timeout(2, Duration::from_millis(30)).expect_err("full").is_timeout());
    assert!(sender.send_sync_timeout(2, Duration::from_millis(30)).expect_err("full").is_timeout());
    assert!(began.elapsed() >= Duration::from_millis(60));
    signal(&peer, Signal::CONT);
    assert_eq!(peer.hear(), "1");
    sender.send_sync(2).expect("it goes on");
    drop(sender);
    assert_eq!((peer.hear(), peer.hear()), ("2".into(), "end".into()));
    peer.finish();
}
