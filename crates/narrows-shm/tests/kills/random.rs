//! Processes that send and receive without end; any of them is killed at any time, and another takes its place.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    figures::{Row, is_deep},
    ledger::Ledger,
    message::Shape,
    procs::{Place, Role, Victim, eventually},
    world::nothing_is_left,
};

const CAST: [Role; 6] =
    [Role::SendsOn, Role::SendsOn, Role::SendsOn, Role::ReceivesOn, Role::ReceivesOn, Role::LeasesOn];

/// Numbers that look like chance (`SplitMix64`); as `NARROWS_SEED` says.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }
}

pub(crate) fn kill_anybody() {
    let seed = std::env::var("NARROWS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let kills = if is_deep() { 10_000 } else { 160 };
    let shapes = Shape::all().count() as u64;
    for (number, shape) in Shape::all().enumerate() {
        kill_at_any_time(shape, kills / shapes, Chance(seed + number as u64));
    }
}

fn kill_at_any_time(shape: Shape, kills: u64, mut chance: Chance) {
    let mut row = Row::new("anybody", shape);
    let place = Place::new();
    let channel = shape.open(&place.channel()).expect("a channel");
    let seen = channel.inspect();
    let (receiver, sender) = (channel.receiver(), channel.sender());
    let mut id = 100;
    let mut start = |role| {
        id += 1;
        place.start(role, id, shape, &[])
    };
    let mut cast: Vec<(Role, Victim)> = CAST.map(|role| (role, start(role))).into();
    for _ in 0..kills {
        // Any time: while they start, now and then; mostly while they work.
        let end = Instant::now() + Duration::from_micros(chance.below(6000));
        while Instant::now() < end {
            thread::yield_now();
        }
        let which = usize::try_from(chance.below(cast.len() as u64)).expect("few");
        let (role, victim) = cast.swap_remove(which);
        victim.kill();
        row.add_kill(role == Role::ReceivesOn, role == Role::LeasesOn);
        cast.push((role, start(role)));
    }
    let what = format!("anybody {shape:?}");
    drop(receiver);
    for (role, victim) in &mut cast {
        if *role == Role::SendsOn {
            victim.tell_to_stop();
        }
    }
    // Its own end comes last, so that nobody is told the end before all have begun.
    let began = |pid: u32| seen.participants().iter().any(|one| one.pid == pid && (one.is_receiver || one.is_sender));
    for (role, victim) in &cast {
        let pid = victim.pid();
        assert!(*role == Role::SendsOn || eventually(|| began(pid)), "stuck: {what}: a receiver does not begin");
    }
    // Receivers are told the end when the last sender has left; until then they take out what is there.
    let (senders, receivers): (Vec<_>, Vec<_>) = cast.into_iter().partition(|(role, _)| *role == Role::SendsOn);
    for (_, victim) in senders {
        victim.end(&what);
    }
    drop(sender);
    for (_, victim) in receivers {
        victim.end(&what);
    }
    let mut ledger = Ledger::default();
    ledger.read(&place.notes()).expect("the notes");
    let seen = narrows_shm::inspect(&place.channel()).ok();
    drop(channel);
    row.add_ledger(&ledger);
    row.close();
    if let Some(seen) = seen {
        nothing_is_left(&seen, &place, &what);
    }
    assert_eq!(place.files_left(), 0, "{what}: files are left");
}
