//! What is told to the thread that watches over the ranks, which sleeps in `poll`: an event in a channel, and a bell.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::thread;

use narrows::{Receiver, Sender, unbounded};
use rustix::io::Errno;
use signal_hook::consts::{SIGTSTP, SIGUSR1, SIGUSR2};

use crate::engine::{Wakeup, block_and_install};

#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Signal(i32),
    CannotPrint(Errno),
}

#[derive(Clone, Debug)]
pub(super) struct Teller {
    events: Sender<Event>,
    bell: Arc<Wakeup>,
}

impl Teller {
    pub(super) fn tell(&self, event: Event) {
        // Who does not hear it any more is about to end.
        let _ = self.events.send(event);
        self.bell.ring();
    }
}

#[derive(Debug)]
pub(super) struct Ear {
    pub(super) events: Receiver<Event>,
    bell: Arc<Wakeup>,
}

impl Ear {
    /// Readable when there is an event.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.bell.fd()
    }

    /// What was told until now.
    pub(super) fn hear(&self) -> Vec<Event> {
        self.bell.hear();
        self.events.try_iter().collect()
    }
}

/// Hears signals from now on. No other thread runs yet.
pub(super) fn listen() -> io::Result<(Ear, Teller)> {
    let (events_in, events) = unbounded();
    let bell = Arc::new(Wakeup::new()?);
    let teller = Teller { events: events_in, bell: Arc::clone(&bell) };
    let mut signals = block_and_install()?;
    for signal in [SIGUSR1, SIGUSR2, SIGTSTP] {
        signals.add_signal(signal)?;
    }
    let of_thread = teller.clone();
    thread::Builder::new().name("signals".into()).spawn(move || {
        signals.forever().for_each(|signal| of_thread.tell(Event::Signal(signal)));
    })?;
    Ok((Ear { events, bell }, teller))
}
