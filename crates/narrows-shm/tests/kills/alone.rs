//! Who closes, who makes the channel and who puts right are killed on a channel made for the purpose.

use std::time::Duration;

use narrows_shm::{RecvTimeoutError, inspect};

use crate::{
    figures::{Row, Steps, is_deep},
    ledger::{Deed, Ledger},
    message::{Shape, read},
    procs::{Place, Role, eventually},
    world::{World, nothing_is_left},
};

pub(crate) fn kill_who_closes() {
    for shape in Shape::all() {
        let mut row = Row::new("closer", shape);
        let mut steps = Steps::new(shape, 1);
        while let Some(step) = steps.next() {
            let what = format!("closer {shape:?} at step {step}");
            let world = World::new(shape, 1, 2);
            let end = world.place.start(Role::Closer, 100, shape, &[("NARROWS_CRASH_AT", step)]).end(&what);
            steps.came_to(end.is_finished());
            row.add_end(&end, false, false);
            assert!(world.seen.is_closed() || !end.is_finished(), "{what}: it closed and it is open");
            row.add_ledger(&world.end(&what));
        }
        row.close();
    }
}

/// Sends a message, and takes out what is there: whoever waits puts right what the dead left.
fn use_it(shape: Shape, path: &str, ledger: &mut Ledger, what: &str) {
    let channel = shape.open(path).unwrap_or_else(|error| panic!("{what}: {error}"));
    let (sender, receiver) = (channel.sender(), channel.receiver());
    let time = Duration::from_millis(2);
    let mut is_sent = false;
    ledger.add(Deed::Tries, 1);
    let is_used = eventually(|| {
        // What is there may fill it.
        if !is_sent && sender.send_timeout(shape.message(1), time).is_ok() {
            is_sent = true;
            ledger.add(Deed::Sent, 1);
        }
        match receiver.recv_timeout(time) {
            Ok(bytes) => match read(&bytes) {
                Some(id) => ledger.add(Deed::Received, id),
                None => ledger.add(Deed::Torn, 0),
            },
            Err(RecvTimeoutError::Timeout) => return is_sent && channel.inspect().is_empty(),
            Err(why) => panic!("{what}: {why:?}"),
        }
        false
    });
    assert!(is_used, "stuck: {what}: sent {is_sent}, {} left", channel.inspect().len());
}

/// The blocks of a message that somebody has had and given back belong to nobody, until its sender has taken it back.
pub(crate) fn kill_who_takes_back() {
    for capacity in [1, 3] {
        let shape = Shape { capacity, is_long: true };
        let mut row = Row::new("takesback", shape);
        let mut steps = Steps::new(shape, 1);
        while let Some(step) = steps.next() {
            let what = format!("{shape:?}, killed at step {step} while it takes back");
            let place = Place::new();
            let mut ledger = Ledger::default();
            let channel = shape.open(&place.channel()).expect("a channel");
            let receiver = channel.receiver();
            // Of those of this length each lies in blocks.
            let id = (100..200).find(|&id| shape.message(id << 32).len() > 500).expect("one is long");
            let victim = place.start(Role::TakesBack, id, shape, &[("NARROWS_CRASH_AT", step)]);
            // Had once and given back; of those who die before there is none.
            let is_had = || receiver.lease_timeout(Duration::from_millis(5)).is_ok() || victim.has_ended();
            assert!(eventually(is_had), "stuck: {what}");
            let end = victim.end(&what);
            steps.came_to(end.is_finished());
            row.add_end(&end, false, false);
            use_it(shape, &place.channel(), &mut ledger, &what);
            let seen = inspect(&place.channel()).expect("it is there");
            drop((receiver, channel));
            if place.notes().exists() {
                ledger.read(&place.notes()).expect("the notes");
            }
            row.add_ledger(&ledger);
            nothing_is_left(&seen, &place, &what);
        }
        row.close();
    }
}

/// Nobody sends; one waits, for short times only. Whoever dies is taken out of the table.
pub(crate) fn kill_in_silence() {
    let shape = Shape { capacity: 2, is_long: false };
    let mut row = Row::new("unheard", shape);
    let place = Place::new();
    let channel = shape.open(&place.channel()).expect("a channel");
    // With a sender there is no end.
    let (_sender, receiver) = (channel.sender(), channel.receiver());
    let mut steps = Steps::new(shape, 1);
    while let Some(step) = steps.next() {
        let what = format!("killed at step {step} in silence");
        let end = place.start(Role::Joiner, 100, shape, &[("NARROWS_CRASH_AT", step)]).end(&what);
        steps.came_to(end.is_finished());
        row.add_end(&end, false, false);
        let is_found = eventually(|| {
            assert!(receiver.recv_timeout(Duration::from_millis(20)).is_err(), "{what}: a message");
            channel.inspect().participants().len() == 1
        });
        assert!(is_found, "stuck: {what}: {end:?} is in the table for ever");
    }
    let mut ledger = Ledger::default();
    use_it(shape, &place.channel(), &mut ledger, "after all");
    row.add_ledger(&ledger);
    row.close();
}

pub(crate) fn kill_who_creates() {
    for shape in Shape::all() {
        let mut row = Row::new("creator", shape);
        let mut steps = Steps::new(shape, 1);
        while let Some(step) = steps.next() {
            let what = format!("creator {shape:?} at step {step}");
            let place = Place::new();
            let end = place.start(Role::Creator, 100, shape, &[("NARROWS_CRASH_AT", step)]).end(&what);
            steps.came_to(end.is_finished());
            row.add_end(&end, false, false);
            let mut ledger = Ledger::default();
            let seen = {
                // So that the name stays while we look.
                let channel = shape.open(&place.channel()).expect("a channel");
                use_it(shape, &place.channel(), &mut ledger, &what);
                drop(channel);
                inspect(&place.channel())
            };
            if place.notes().exists() {
                ledger.read(&place.notes()).expect("the notes");
            }
            row.add_ledger(&ledger);
            if let Ok(seen) = seen {
                nothing_is_left(&seen, &place, &what);
            }
            assert_eq!(place.files_left(), 0, "{what}: files are left");
        }
        row.close();
    }
}

/// What may be left to put right.
const CORPSES: [Role; 3] = [Role::Sender, Role::Receiver, Role::Leaser];

/// Somebody dies in the middle of a message, then two who put that right, then all is well.
pub(crate) fn kill_who_recovers() {
    for shape in Shape::all() {
        for (turn, corpse) in CORPSES.into_iter().enumerate() {
            if !is_deep() && !(turn + shape.capacity as usize).is_multiple_of(CORPSES.len()) {
                continue;
            }
            kill_two_after(shape, corpse);
        }
    }
}

fn kill_two_after(shape: Shape, corpse: Role) {
    let mut row = Row::new(&format!("{}+2", corpse.name()), shape);
    // Each of these may take half a second: nobody is watched who puts right without taking part.
    let mut steps = Steps::new(shape, 4);
    let mut id = 100;
    while let Some(step) = steps.next() {
        let what = format!("{corpse:?}, twice at step {step}, {shape:?}");
        let place = Place::new();
        let mut ledger = Ledger::default();
        // Who has it open is not in the way: it waits for nothing, so it looks for nobody.
        let channel = shape.open(&place.channel()).expect("a channel");
        let sender = channel.sender();
        for id in 2..4 {
            ledger.add(Deed::Tries, id);
            if sender.try_send(shape.message(id)).is_ok() {
                ledger.add(Deed::Sent, id);
            }
        }
        // In the first message or the second, wherever: others for each step.
        let at = if is_deep() { 1 + step * 7 % 60 } else { 1 + step * 5 % 12 };
        let dead = place.start(corpse, id, shape, &[("NARROWS_CRASH_AT", at), ("NARROWS_VICTIM_LATE", 1)]).end(&what);
        row.add_end(&dead, corpse == Role::Receiver, corpse == Role::Leaser);
        let mut is_finished = true;
        for _ in 0..2 {
            id += 1;
            let end = place.start(Role::Recoverer, id, shape, &[("NARROWS_CRASH_AT", step)]).end(&what);
            is_finished &= end.is_finished();
            row.add_end(&end, true, false);
        }
        steps.came_to(is_finished);
        id += 1;
        drop(sender);
        let seen = inspect(&place.channel()).expect("it is there");
        use_it(shape, &place.channel(), &mut ledger, &what);
        drop(channel);
        if place.notes().exists() {
            ledger.read(&place.notes()).expect("the notes");
        }
        row.add_ledger(&ledger);
        nothing_is_left(&seen, &place, &what);
    }
    row.close();
}
