//! Ranks of one process: what does not need two.

use std::{thread, time::Duration};

use narrows::unbounded;

use super::{Launcher, Link, wire::PIECE};
use crate::{
    Any, Error, World,
    transport::{Incoming, LinkError, Transport},
};

fn world(ranks: usize) -> (Launcher, Vec<Link>) {
    let launcher = Launcher::new(ranks).unwrap();
    let links = (0..ranks).map(|rank| launcher.link(rank)).collect();
    (launcher, links)
}

fn frame(len: usize, seed: usize) -> Vec<u8> {
    (0..=250).cycle().skip(seed % 251).take(len).collect()
}

#[track_caller]
fn assert_frame(link: &Link, from: usize, expected: &[u8]) {
    match link.recv(None) {
        Incoming::Frame { from: sender, bytes } => assert!(sender == from && bytes == expected, "from {sender}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn frames_of_any_length_arrive_whole_and_in_order() {
    let (_launcher, links) = world(2);
    // Together far more than a mailbox holds.
    let lengths = [0, 1, 112, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 5 << 20, 3];
    thread::scope(|scope| {
        scope.spawn(|| lengths.iter().for_each(|len| links[0].send(1, &frame(*len, *len)).unwrap()));
        for len in lengths {
            assert_frame(&links[1], 0, &frame(len, len));
        }
    });
}

#[test]
fn long_frames_of_several_threads_and_ranks_do_not_mix() {
    let (_launcher, links) = world(3);
    thread::scope(|scope| {
        for thread in 0..4 {
            let link = &links[thread % 2];
            scope.spawn(move || (0..4).for_each(|_| link.send(2, &frame(3 * PIECE + thread, thread)).unwrap()));
        }
        for _ in 0..16 {
            let Incoming::Frame { from, bytes } = links[2].recv(None) else { panic!("a frame comes") };
            let thread = bytes.len() - 3 * PIECE;
            assert_eq!(from, thread % 2);
            assert!(bytes == frame(3 * PIECE + thread, thread));
        }
    });
}

#[test]
fn a_full_mailbox_refuses_and_then_takes_and_a_long_frame_is_not_begun() {
    let (_launcher, links) = world(2);
    let mut sent = 0_u32;
    while links[0].try_send(1, &sent.to_le_bytes()).unwrap() {
        sent += 1;
    }
    assert_eq!(sent, 256);
    (0..sent).for_each(|number| assert_frame(&links[1], 0, &number.to_le_bytes()));
    assert_eq!(links[0].try_send(1, b"last"), Ok(true));
    assert_eq!(links[0].try_send(1, &frame(PIECE + 1, 0)), Err(LinkError::TooLong { longest: PIECE }));
    assert_frame(&links[1], 0, b"last");
    assert_eq!(links[1].recv(Some(Duration::ZERO)), Incoming::Nothing);
}

#[test]
fn the_end_of_a_rank_is_told_once_and_after_what_it_has_sent() {
    let (launcher, links) = world(3);
    links[0].send(1, b"before").unwrap();
    launcher.ended(0, "was killed by signal 9");
    launcher.ended(0, "was told twice");
    assert_frame(&links[1], 0, b"before");
    let gone = Incoming::Gone { rank: 0, how: "was killed by signal 9".into() };
    for link in &links[1..] {
        assert_eq!(link.recv(None), gone);
        assert_eq!(link.recv(Some(Duration::from_millis(1))), Incoming::Nothing);
        assert_eq!(link.send(0, b"nobody reads it"), Err(LinkError::Gone));
        assert_eq!(link.try_send(0, b"nobody reads it"), Err(LinkError::Gone));
    }
}

#[test]
fn who_closes_hears_nothing_more_and_the_others_hear_of_it() {
    let (_launcher, links) = world(2);
    thread::scope(|scope| {
        // It waits, or is about to.
        let pump = scope.spawn(|| links[0].recv(None));
        links[0].send(1, b"last words").unwrap();
        links[0].close("has returned");
        assert_eq!(pump.join().unwrap(), Incoming::Closed);
    });
    assert_eq!(links[0].recv(None), Incoming::Closed);
    assert_frame(&links[1], 0, b"last words");
    assert_eq!(links[1].recv(None), Incoming::Gone { rank: 0, how: "has returned".into() });
    assert_eq!(links[1].send(0, b"nobody reads it"), Err(LinkError::Gone));
    assert!(matches!(links[0].send(1, b"too late"), Err(LinkError::Failed(_))));
}

#[test]
fn an_end_is_told_to_who_has_no_room_for_it_and_to_who_waits_for_room() {
    let (launcher, links) = world(3);
    while links[0].try_send(1, b"x").unwrap() {}
    while links[1].try_send(0, b"x").unwrap() {}
    thread::scope(|scope| {
        let waiting = scope.spawn(|| links[1].send(0, b"there is no room"));
        launcher.ended(0, "has ended");
        assert_eq!(waiting.join().unwrap(), Err(LinkError::Gone));
    });
    (0..256).for_each(|_| assert_frame(&links[1], 0, b"x"));
    assert_eq!(links[1].recv(None), Incoming::Gone { rank: 0, how: "has ended".into() });
    assert_eq!(links[2].recv(None), Incoming::Gone { rank: 0, how: "has ended".into() });
}

/// One rank has its mailbox and has not begun to look into it, or was stopped. The others end, and hear of each other at once;
/// that one, when it looks.
#[test]
fn who_ends_waits_for_no_room_and_everybody_hears_of_it() {
    let (_launcher, mut links) = world(3);
    let last = links.pop().unwrap();
    let silent = links.pop().unwrap();
    while last.try_send(1, b"x").unwrap() {}
    let (tell, told) = unbounded();
    thread::scope(|scope| {
        let first = links.pop().unwrap();
        let done = tell.clone();
        scope.spawn(move || done.send(World::over(first).run(|_| Err::<(), _>(Error::failed("no data")))));
        scope.spawn(move || tell.send(World::over(last).run(|me| me.recv::<()>(0, Any).map(|_| ()))));
        let mut texts = [(); 2].map(|()| match told.recv_timeout(Duration::from_secs(10)) {
            Ok(result) => result.unwrap_err().to_string(),
            Err(_) => "it has not ended".to_owned(),
        });
        (0..256).for_each(|_| assert_frame(&silent, 2, b"x"));
        texts.sort();
        assert_eq!(texts, ["rank 0 failed: no data", "rank 2 failed: rank 0 is gone: it failed: no data"]);
    });
    let mut ends: Vec<_> = [(); 2].map(|()| silent.recv(None)).into();
    ends.sort_by_key(|end| matches!(end, Incoming::Gone { rank: 2, .. }));
    let how = "failed: no data".to_owned();
    assert_eq!(ends[0], Incoming::Gone { rank: 0, how });
    let how = "failed: rank 0 is gone: it failed: no data".to_owned();
    assert_eq!(ends[1], Incoming::Gone { rank: 2, how });
}
