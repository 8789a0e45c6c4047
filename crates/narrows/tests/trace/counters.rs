//! What is told of channels, handles and waits.

use std::{thread, time::Duration};

use narrows::{
    bounded, builder, oneshot,
    trace::{self, ChannelReport, Kind, Operation, Waiter},
};

use crate::Named;

pub(crate) const TESTS: [Named; 7] = [
    ("a_channel_is_listed_while_it_lives", a_channel_is_listed_while_it_lives),
    ("messages_are_counted", messages_are_counted),
    ("messages_left_inside_count_as_dropped", messages_left_inside_count_as_dropped),
    ("hand_overs_and_selects_are_counted", hand_overs_and_selects_are_counted),
    ("handles_are_listed_with_their_places", handles_are_listed_with_their_places),
    ("a_wait_is_told_and_timed", a_wait_is_told_and_timed),
    ("one_message_is_counted", one_message_is_counted),
];

fn named(name: &str) -> Option<ChannelReport> {
    trace::channels().into_iter().find(|channel| channel.name.as_deref() == Some(name))
}

fn a_channel_is_listed_while_it_lives() {
    assert!(named("listed").is_none());
    let (s, r) = builder::<u32>().name("listed").bounded(3);
    let line = line!() - 1;
    let listed = named("listed").unwrap();
    assert_eq!((listed.kind, listed.capacity, listed.len), (Kind::Bounded, Some(3), 0));
    assert_eq!((listed.place.file().ends_with("counters.rs"), listed.place.line()), (true, line));
    assert!(trace::dump().to_string().contains(&format!("channel \"listed\" (bounded, made at {})", listed.place)));
    drop(s);
    assert!(named("listed").is_some());
    drop(r);
    assert!(named("listed").is_none());
}

fn messages_are_counted() {
    for (name, cap) in [("counted 1", 1), ("counted 4", 4), ("counted 100", 100)] {
        let (s, r) = builder().name(name).bounded(cap);
        for n in 0..cap {
            s.try_send([n; 40]).unwrap(); // large, and by the other ways
        }
        assert!(s.try_send([0; 40]).is_err());
        let full = named(name).unwrap();
        assert_eq!((full.len, full.high_water, full.sent, full.received), (cap, cap, cap, 0));
        assert_eq!(r.try_iter().count(), cap);
        let permit = s.reserve().unwrap();
        permit.send([0; 40]).unwrap();
        assert!(r.recv().is_ok());
        let empty = named(name).unwrap();
        assert_eq!((empty.len, empty.high_water, empty.sent, empty.received), (0, cap, cap + 1, cap + 1));
    }
}

fn messages_left_inside_count_as_dropped() {
    let (s, r) = builder().name("dropped").unbounded();
    (0..5).for_each(|n| s.send(n).unwrap());
    assert_eq!(r.recv(), Ok(0));
    drop(r);
    let dropped = named("dropped").unwrap();
    assert_eq!((dropped.sent, dropped.received, dropped.dropped, dropped.len), (5, 1, 4, 0));
}

fn hand_overs_and_selects_are_counted() {
    for (name, cap) in [("handed", 0), ("selected", 2)] {
        let (s, r) = builder().name(name).bounded(cap);
        let sender = thread::spawn(move || {
            (0..50).for_each(|n| s.send(n).unwrap());
            (0..50).for_each(|n| {
                narrows::select! { send(s, n) -> sent => sent.unwrap() }
            });
            s
        });
        for _ in 0..50 {
            narrows::select! { recv(r) -> message => assert!(message.is_ok()) }
        }
        (0..50).for_each(|_| assert!(r.recv().is_ok()));
        let _s = sender.join().unwrap();
        let counted = named(name).unwrap();
        assert_eq!((counted.sent, counted.received, counted.len), (100, 100, 0), "{name}");
    }
}

fn handles_are_listed_with_their_places() {
    let (s, r) = builder::<u32>().name("handles").bounded(1);
    let clone = s.clone();
    let line = line!() - 1;
    let report = named("handles").unwrap();
    assert_eq!((report.senders.len(), report.receivers.len()), (2, 1));
    assert_eq!(report.senders[1].place.line(), line);
    assert_eq!((&report.senders[1].user, report.senders[1].is_shared), (&None, false));
    let user = thread::Builder::new().name("user".into()).spawn(move || {
        clone.send(1).unwrap();
        let used = &named("handles").unwrap().senders[1];
        assert_eq!((used.user.as_deref(), used.is_shared), (Some("thread \"user\""), false));
    });
    assert_eq!(r.recv(), Ok(1));
    user.unwrap().join().unwrap();
    assert_eq!(named("handles").unwrap().senders.len(), 1);
    drop(s);
}

fn a_wait_is_told_and_timed() {
    let (s, r) = builder::<u32>().name("slept for").bounded(1);
    let waits = thread::Builder::new().name("sleeper".into()).spawn(move || r.recv()).unwrap();
    let wait = loop {
        let is_it = |waiter: &Waiter| matches!(waiter, Waiter::Thread { name } if name == "thread \"sleeper\"");
        if let Some(wait) = trace::dump().waits.into_iter().find(|wait| is_it(&wait.waiter)) {
            break wait;
        }
        thread::yield_now();
    };
    assert_eq!((wait.operations.len(), wait.has_deadline, wait.has_unknown), (1, false, false));
    let (operation, channel) = &wait.operations[0];
    assert_eq!((*operation, channel.name.as_deref()), (Operation::Recv, Some("slept for")));
    s.send(1).unwrap();
    waits.join().unwrap().unwrap();
    let timed = named("slept for").unwrap();
    assert!(timed.waiting_on_empty > Duration::ZERO && timed.longest_wait == timed.waiting_on_empty);
    assert_eq!(timed.blocked_on_full, Duration::ZERO);
}

fn one_message_is_counted() {
    let (s, r) = oneshot::channel();
    let own = trace::channels().into_iter().rfind(|channel| channel.kind == Kind::Oneshot).unwrap();
    s.send(1).unwrap();
    let now = || trace::channels().into_iter().find(|channel| channel.number == own.number);
    assert_eq!(now().map(|channel| (channel.sent, channel.len)), Some((1, 1)));
    assert_eq!(r.try_recv(), Ok(1));
    assert_eq!(now().map(|channel| (channel.received, channel.len)), Some((1, 0)));
    drop(r);
    assert!(now().is_none());
    drop(bounded::<u32>(1));
}
