//! Whatever three processes do in whatever order, some order of a sequential channel explains every answer; and nobody who waits
//! is forgotten. A message is given back at no time here, for then it is received late on purpose.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use narrows_test::{
    history::{Event, Op, Recorder},
    linear::check,
};
use shuttle::{
    rand::{Rng, thread_rng},
    thread,
};

use crate::{
    bell::Bell,
    memory::{Memory, Seen},
    queue::ring::{NoMessage, NoPlace, Words},
    try_schedules::try_schedules,
};

const PROCESSES: u64 = 3;
const STEPS: u64 = 4;

fn tick(clock: &AtomicU64) -> u64 {
    clock.fetch_add(1, Ordering::SeqCst)
}

/// Attempts until there is an answer, giving way meanwhile, as long as a peer is in the middle of a step. The channel itself gives up
/// at some time, for a peer may have been stopped there: that is the one answer that no order explains.
fn decided<R>(mut attempt: impl FnMut() -> Option<R>) -> R {
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        thread::yield_now();
    }
}

/// As `Connection::sleep`.
fn wait<R>(bell: Bell<'_>, mut attempt: impl FnMut() -> Option<R>) -> R {
    loop {
        let prepared = bell.prepare();
        if let Some(done) = attempt() {
            return done;
        }
        bell.sleep(prepared, Duration::MAX);
    }
}

struct Process {
    number: u32,
    memory: Arc<Memory>,
    seen: Seen,
}

impl Process {
    /// As `Outgoing::attempt`: the end is looked for first, for what is full does not tell of it.
    fn try_send(&self, message: u64) -> Event {
        if self.memory.is_closed() {
            return Event::SendClosed(message);
        }
        let event = decided(|| match self.memory.try_send(self.number, message) {
            Ok(_) => Some(Event::Sent(message)),
            Err(NoPlace::Full) => Some(Event::SendFull(message)),
            Err(NoPlace::Closed) => Some(Event::SendClosed(message)),
            Err(NoPlace::Busy) => None,
            Err(NoPlace::Corrupt) => panic!("corrupt"),
        });
        self.told(event)
    }

    /// As `Connection::claim_slowly`: what somebody has in hand may come back, so it is not the end.
    fn try_recv(&self) -> Event {
        let event = decided(|| {
            let is_ended = self.memory.is_closed();
            match self.memory.try_recv(self.number, &self.seen) {
                Ok(message) => Some(Event::Received(message)),
                Err(NoMessage::Empty) if !is_ended => Some(Event::RecvEmpty),
                Err(NoMessage::Empty | NoMessage::Closed) if is_ended && !self.memory.ring(self.number).has_any() => {
                    Some(Event::RecvClosed)
                }
                Err(NoMessage::Empty | NoMessage::Closed | NoMessage::Busy) => None,
                Err(NoMessage::Corrupt) => panic!("corrupt"),
            }
        });
        self.told(event)
    }

    /// Rings where there is reason to.
    fn told(&self, event: Event) -> Event {
        let (bells, ring) = (self.memory.bells(), self.memory.ring(self.number));
        match event {
            Event::Sent(_) => bells.after_send(&ring),
            Event::Received(_) => bells.after_receive(&ring, false, || false),
            _ => {}
        }
        event
    }

    fn send(&self, message: u64) -> Event {
        wait(self.memory.bells().places, || Some(self.try_send(message)).filter(|e| *e != Event::SendFull(message)))
    }

    fn recv(&self) -> Event {
        wait(self.memory.bells().items, || Some(self.try_recv()).filter(|e| *e != Event::RecvEmpty))
    }

    /// What is done next: what may wait for ever only where somebody will close in the end.
    fn step(&self, message: u64) -> Event {
        match thread_rng().gen_range(0..8) {
            0 | 1 => self.try_send(message),
            2 | 3 => self.try_recv(),
            4 | 5 => self.send(message),
            _ => self.recv(),
        }
    }
}

fn histories(name: &str, slots: u32) {
    try_schedules(name, 4, move || {
        let memory = Memory::new(slots, u32::MAX);
        let clock = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..PROCESSES)
            .map(|number| {
                let (memory, now) = (memory.clone(), clock.clone());
                thread::spawn(move || {
                    let number = u32::try_from(number).expect("small");
                    let process = Process { number, memory, seen: Seen::default() };
                    let mut notes = Recorder::new(number as usize, move || tick(&now));
                    for step in 0..STEPS {
                        notes.note(|| process.step(u64::from(number) * 10 + step), Event::clone);
                    }
                    notes.into_ops()
                })
            })
            .collect();
        let closer = Process { number: 9, memory, seen: Seen::default() };
        let now = clock.clone();
        let mut notes = Recorder::new(9, move || tick(&now));
        // Those who wait are let go at some time; a close that comes early is as good.
        for _ in 0..thread_rng().gen_range(0..60) {
            thread::yield_now();
        }
        notes.note(|| closer.memory.close(), |()| Event::Closed(true));
        let mut ops: Vec<Op> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        while notes.note(|| closer.try_recv(), Event::clone) != Event::RecvClosed {}
        ops.extend(notes.into_ops());
        if let Err(unexplained) = check(Some(slots as usize), &ops) {
            panic!("{unexplained}");
        }
        1
    });
}

#[test]
fn histories_1() {
    histories("shm_histories_1", 1);
}

#[test]
fn histories_2() {
    histories("shm_histories_2", 2);
}

#[test]
fn histories_3() {
    histories("shm_histories_3", 3);
}
