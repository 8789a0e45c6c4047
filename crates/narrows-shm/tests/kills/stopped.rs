//! A process that is stopped in the middle of a message keeps its place and its message, however long the others go on without it.

use std::time::{Duration, Instant};

use narrows_shm::RecvTimeoutError;
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    figures::{Row, Steps},
    ledger::{Deed, Ledger},
    message::{Shape, read},
    procs::{Place, Role, Victim, eventually},
    world::nothing_is_left,
};

pub(crate) fn stop_at_each_step() {
    for shape in Shape::all() {
        for role in [Role::Sender, Role::Receiver, Role::Leaser] {
            stop(role, shape);
        }
    }
}

fn stop(role: Role, shape: Shape) {
    let place = Place::new();
    let mut steps = Steps::new(shape, 3);
    let mut ledger = Ledger::default();
    let mut row = Row::of_stops(&role.name(), shape);
    let channel = shape.open(&place.channel()).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    let (mut id, mut ours) = (100, 1_u64);
    while let Some(step) = steps.next() {
        id += 1;
        let what = format!("{role:?} {shape:?} stopped at step {step}");
        // Something to receive, and room to send.
        let mut send = |ledger: &mut Ledger| {
            ours += 1;
            ledger.add(Deed::Tries, ours);
            let is_sent = sender.try_send(shape.message(ours)).is_ok();
            ledger.add(if is_sent { Deed::Sent } else { Deed::Failed }, ours);
        };
        let receive = |ledger: &mut Ledger| match receiver.recv_timeout(Duration::from_millis(2)) {
            Ok(bytes) => ledger.add(read(&bytes).map_or(Deed::Torn, |_| Deed::Received), read(&bytes).unwrap_or(0)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(why) => panic!("{what}: {why:?}"),
        };
        if role != Role::Sender {
            send(&mut ledger);
        }
        let victim = place.start(role, id, shape, &[("NARROWS_STOP_AT", step)]);
        let mut go_on = |ledger: &mut Ledger| {
            if role == Role::Sender { receive(ledger) } else { send(ledger) }
        };
        let settled = eventually(|| {
            let is_settled = victim.has_ended() || victim.is_stopped();
            if !is_settled {
                go_on(&mut ledger);
            }
            is_settled
        });
        assert!(settled, "stuck: {what}");
        let is_stopped = victim.told().contains("stopped ");
        if is_stopped {
            row.add_kill(false, false);
            // More than a lap, as far as they get; each returns on time.
            let began = Instant::now();
            for _ in 0..2 * shape.capacity + 2 {
                send(&mut ledger);
                receive(&mut ledger);
            }
            assert!(began.elapsed() < Duration::from_secs(10), "stuck: {what}: others do not return on time");
            resume(&victim);
        }
        let has_come = eventually(|| {
            let has_ended = victim.has_ended();
            if !has_ended {
                if role == Role::Sender { receive(&mut ledger) } else { send(&mut ledger) }
            }
            has_ended
        });
        assert!(has_come, "stuck: {what}, resumed");
        let end = victim.end(&what);
        assert!(end.is_finished(), "{what}");
        steps.came_to(!is_stopped);
        while !channel.inspect().is_empty() {
            receive(&mut ledger);
        }
    }
    let seen = narrows_shm::inspect(&place.channel()).expect("it is there");
    ledger.read(&place.notes()).expect("the notes");
    row.add_ledger(&ledger);
    drop((sender, receiver, channel));
    nothing_is_left(&seen, &place, &format!("{role:?} {shape:?} stopped"));
    row.close();
}

fn resume(victim: &Victim) {
    let pid = Pid::from_raw(i32::try_from(victim.pid()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::CONT).expect("a process of ours");
}
