//! A channel with two senders and two receivers that live, and one more who dies again and again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use narrows_shm::{Inspection, RecvTimeoutError, SendTimeoutError, inspect};

use crate::{
    figures::{Row, Steps},
    ledger::{Deed, Ledger},
    message::{Shape, read},
    procs::{End, Place, Role, eventually},
};

type Deeds = Vec<(Deed, u64)>;

/// Those who live: threads of this process, each with an opening of its own.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) seen: Inspection,
    shape: Shape,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    got: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Deeds>>,
}

impl World {
    pub(crate) fn new(shape: Shape, senders: u64, receivers: u64) -> World {
        let place = Place::new();
        let path = place.channel();
        let channel = shape.open(&path).expect("a channel");
        let (stop, sent, got) = (Arc::default(), Arc::default(), Arc::default());
        let mut world =
            World { seen: inspect(&path).expect("it is there"), place, shape, stop, sent, got, threads: Vec::new() };
        for number in 0..senders {
            let (sender, stop, sent) = (shape.open(&path), world.stop.clone(), world.sent.clone());
            let sender = sender.expect("the channel").sender();
            world.threads.push(thread::spawn(move || {
                let mut deeds = Deeds::new();
                for id in number << 32.. {
                    // Relaxed: nothing comes with it.
                    if stop.load(Relaxed) {
                        break;
                    }
                    deeds.push((Deed::Tries, id));
                    match sender.send_timeout(shape.message(id), Duration::from_millis(50)) {
                        Ok(()) => deeds.push((Deed::Sent, id)),
                        Err(SendTimeoutError::Timeout(_)) => deeds.push((Deed::Failed, id)),
                        Err(SendTimeoutError::Disconnected(_)) => {
                            deeds.push((Deed::Failed, id));
                            break;
                        }
                        Err(SendTimeoutError::Fault(_, fault)) => panic!("{fault}"),
                    }
                    // Relaxed: a sign of life.
                    sent.fetch_add(1, Relaxed);
                    if id % 16 == 0 {
                        // So that receivers sleep now and then.
                        thread::park_timeout(Duration::from_micros(300));
                    }
                }
                deeds
            }));
        }
        for number in 0..receivers {
            let (receiver, count) = (shape.open(&path).expect("the channel").receiver(), world.got.clone());
            world.threads.push(thread::spawn(move || {
                let mut deeds = Deeds::new();
                for turn in 0_u64.. {
                    let note = |bytes: &[u8]| match read(bytes) {
                        Some(id) => (Deed::Received, id),
                        None => (Deed::Torn, 0),
                    };
                    let timeout = Duration::from_millis(50);
                    let outcome = if number == 0 {
                        receiver.recv_timeout(timeout).map(|bytes| Some(note(&bytes)))
                    } else {
                        receiver.lease_timeout(timeout).map(|lease| {
                            // Every fourth goes back.
                            (turn % 4 != 3).then(|| {
                                let deed = note(&lease);
                                lease.accept().expect("it is ours");
                                deed
                            })
                        })
                    };
                    match outcome {
                        Ok(deed) => deeds.extend(deed),
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => break,
                        Err(RecvTimeoutError::Fault(fault)) => panic!("{fault}"),
                    }
                    // Relaxed: a sign of life.
                    count.fetch_add(1, Relaxed);
                }
                deeds
            }));
        }
        drop(channel);
        world
    }

    /// Waits until the others have gone on. Whether the dead one is put right is seen at the end: as long as nothing of it is in the
    /// way, there is no hurry.
    fn goes_on(&self, what: &str) {
        // Relaxed: signs of life.
        let (sent, got) = (self.sent.load(Relaxed), self.got.load(Relaxed));
        let is_going = eventually(|| self.sent.load(Relaxed) > sent && self.got.load(Relaxed) > got);
        assert!(is_going, "stuck: nobody goes on after {what}");
    }

    /// Ends it, and looks at what is left: nothing. Adds what was noted.
    pub(crate) fn end(mut self, what: &str) -> Ledger {
        // Relaxed: nothing comes with it.
        self.stop.store(true, Relaxed);
        let threads = std::mem::take(&mut self.threads);
        assert!(eventually(|| threads.iter().all(JoinHandle::is_finished)), "stuck: it has no end after {what}");
        let mut ledger = Ledger::default();
        for thread in threads {
            for (deed, id) in thread.join().expect("no fault") {
                ledger.add(deed, id);
            }
        }
        if self.place.notes().exists() {
            ledger.read(&self.place.notes()).expect("the notes");
        }
        nothing_is_left(&self.seen, &self.place, what);
        ledger
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Relaxed: for those who go on after a failure.
        self.stop.store(true, Relaxed);
    }
}

/// Whoever was there, lives or is dead, has left nothing behind once the dead are swept.
pub(crate) fn nothing_is_left(seen: &Inspection, place: &Place, what: &str) {
    seen.sweep().expect("locks");
    assert_eq!(seen.participants(), [], "{what}: somebody is left in the table");
    assert_eq!(seen.len(), 0, "{what}: messages are left");
    let (bytes, free) = seen.memory();
    assert_eq!(bytes, free, "{what}: blocks are left");
    seen.remove_if_idle().expect("locks");
    assert_eq!(place.files_left(), 0, "{what}: files are left");
}

/// The matrix of one role.
pub(crate) fn kill_at_each_step(role: Role) {
    for shape in Shape::all() {
        let mut row = Row::new(&role.name(), shape);
        let world = World::new(shape, 2, 2);
        let mut steps = Steps::new(shape, 1);
        let mut id = 100;
        while let Some(step) = steps.next() {
            id += 1;
            let victim = world.place.start(role, id, world.shape, &[("NARROWS_CRASH_AT", step)]);
            let what = format!("{role:?} {shape:?} at step {step}");
            let end = victim.end(&what);
            steps.came_to(end.is_finished());
            row.add_end(&end, role == Role::Receiver, role == Role::Leaser);
            if let End::Killed { place, .. } = &end {
                world.goes_on(&format!("{what}, {place},"));
            }
        }
        row.add_ledger(&world.end(&format!("{role:?} {shape:?}")));
        row.close();
    }
}
