//! The roles of those who are to die.

use std::{
    env,
    io::Read,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use narrows_shm::{Bytes, Channel, Fault, Receiver, RecvError, RecvTimeoutError, SendError, Sender, crash, inspect};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::{
    ledger::{Deed, Notes},
    message::{Shape, read},
    procs::{ROLES, Role},
};

/// So many messages each: the second is the first of what comes again and again.
const MESSAGES: u64 = 3;
/// A receiver waits so long before it leaves; it may be that there is nothing more.
const AT_MOST: Duration = Duration::from_millis(200);

struct Victim {
    id: u64,
    shape: Shape,
    path: String,
    notes: Notes,
}

/// Plays the role that the environment names, if it does.
pub(crate) fn play() {
    let Ok(role) = env::var("NARROWS_VICTIM") else { return };
    // Whoever started it may be killed, too. It ends with the thread that started it, which waits for it.
    set_parent_process_death_signal(Some(Signal::KILL)).expect("Linux has it");
    let role = ROLES.into_iter().find(|known| known.name() == role).expect("a role");
    let number = |name| env::var(name).expect("it is set").parse::<u64>().expect("a number");
    let victim = Victim {
        id: number("NARROWS_VICTIM_ID"),
        shape: Shape {
            capacity: u32::try_from(number("NARROWS_VICTIM_CAPACITY")).expect("small"),
            is_long: number("NARROWS_VICTIM_LONG") != 0,
        },
        path: env::var("NARROWS_VICTIM_CHANNEL").expect("it is set"),
        notes: Notes::append(&PathBuf::from(env::var("NARROWS_VICTIM_NOTES").expect("it is set"))).expect("a file"),
    };
    if env::var_os("NARROWS_VICTIM_LATE").is_none() {
        crash::arm();
    }
    match role {
        Role::Sender => victim.sender(),
        Role::Receiver => victim.receiver(),
        Role::Leaser => victim.leaser(),
        Role::Withdrawer => victim.withdrawer(),
        Role::TakesBack => victim.take_back(0, &victim.open().sender(), Duration::from_millis(60)),
        Role::Joiner => drop((victim.open().sender(), victim.open().receiver())),
        Role::Closer => drop(victim.open().inspect().close()),
        Role::Creator => victim.creator(),
        Role::Recoverer => victim.recoverer(),
        Role::SendsOn => victim.sends_on(),
        Role::ReceivesOn => victim.receives_on(false),
        Role::LeasesOn => victim.receives_on(true),
    }
    crash::disarm();
}

impl Victim {
    fn open(&self) -> Channel<Vec<u8>, Bytes> {
        self.shape.open(&self.path).expect("the channel")
    }

    /// As a sender; from now on its steps count in any case.
    fn sending(&self) -> Sender<Vec<u8>, Bytes> {
        let sender = self.open().sender();
        crash::arm();
        sender
    }

    /// The same as a receiver.
    fn receiving(&self) -> Receiver<Vec<u8>, Bytes> {
        let receiver = self.open().receiver();
        crash::arm();
        receiver
    }

    /// False once the channel has ended.
    fn send(&self, sender: &Sender<Vec<u8>, Bytes>, number: u64) -> bool {
        let id = self.id << 32 | number;
        self.notes.note(Deed::Tries, id);
        match sender.send(self.shape.message(id)) {
            Ok(()) => self.notes.note(Deed::Sent, id),
            Err(SendError::Disconnected(_)) => {
                self.notes.note(Deed::Failed, id);
                return false;
            }
            Err(error) => panic!("{error}"),
        }
        true
    }

    fn note_receipt(&self, bytes: &[u8]) {
        match read(bytes) {
            Some(id) => self.notes.note(Deed::Received, id),
            None => self.notes.note(Deed::Torn, 0),
        }
        crash::logged();
    }

    fn sender(&self) {
        let sender = self.sending();
        for number in 0..MESSAGES {
            self.send(&sender, number);
        }
    }

    /// False once there is nothing more.
    fn receive(&self, receiver: &Receiver<Vec<u8>, Bytes>, timeout: Duration) -> bool {
        match receiver.recv_timeout(timeout) {
            Ok(bytes) => self.note_receipt(&bytes),
            Err(RecvTimeoutError::Fault(fault)) => panic!("{fault}"),
            Err(_) => return false,
        }
        true
    }

    fn receiver(&self) {
        let receiver = self.receiving();
        for _ in 0..MESSAGES {
            self.receive(&receiver, AT_MOST);
        }
    }

    fn leaser(&self) {
        let receiver = self.receiving();
        for turn in 0..MESSAGES {
            match receiver.lease_timeout(AT_MOST) {
                // Dropped: it is given back.
                Ok(lease) if turn == 1 => drop(lease),
                Ok(lease) => {
                    self.note_receipt(&lease);
                    lease.accept().expect("it is ours");
                    crash::logged();
                }
                Err(RecvTimeoutError::Fault(fault)) => panic!("{fault}"),
                Err(_) => {}
            }
        }
    }

    fn withdrawer(&self) {
        let sender = self.sending();
        for number in 0..MESSAGES {
            // Now before it is in, now after that, now after somebody has it.
            self.take_back(number, &sender, Duration::from_micros((self.id * 37 + number * 61) % 400));
        }
    }

    fn take_back(&self, number: u64, sender: &Sender<Vec<u8>, Bytes>, timeout: Duration) {
        let id = self.id << 32 | number;
        self.notes.note(Deed::Tries, id);
        match sender.send_sync_timeout(self.shape.message(id), timeout) {
            Ok(()) => self.notes.note(Deed::Sent, id),
            Err(error) if error.is_timeout() => self.notes.note(Deed::Failed, id),
            Err(error) => panic!("{error}"),
        }
    }

    fn creator(&self) {
        let channel = self.open();
        self.send(&channel.sender(), 0);
    }

    /// From outside, or as somebody who joins and waits.
    fn recoverer(&self) {
        if self.id.is_multiple_of(2) {
            if let Ok(seen) = inspect(&self.path) {
                seen.sweep().expect("locks");
            }
        } else {
            let receiver = self.receiving();
            while self.receive(&receiver, AT_MOST / 20) {}
        }
    }

    /// Whether the end of the input was seen.
    fn stop() -> Arc<AtomicBool> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            // Relaxed: nothing comes with it.
            told.store(true, Relaxed);
        });
        stop
    }

    fn sends_on(&self) {
        let stop = Victim::stop();
        let sender = self.sending();
        let mut number = 0;
        while !stop.load(Relaxed) && self.send(&sender, number) {
            number += 1;
        }
    }

    fn receives_on(&self, on_trial: bool) {
        let receiver = self.receiving();
        loop {
            let outcome = if on_trial {
                receiver.lease().map(|lease| {
                    self.note_receipt(&lease);
                    lease.accept().expect("it is ours");
                })
            } else {
                receiver.recv().map(|bytes| self.note_receipt(&bytes))
            };
            match outcome {
                Ok(()) => {}
                Err(RecvError::Disconnected) => return,
                Err(RecvError::Fault(Fault::Corrupt(why))) => panic!("{why}"),
                Err(RecvError::Fault(fault)) => panic!("{fault}"),
            }
        }
    }
}
