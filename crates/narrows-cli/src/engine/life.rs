//! One worker that stays running: what its feeder, its collector and the watch know of each other.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use narrows::{Receiver, Sender, bounded};

use super::crew::Desk;
use super::flight::Flight;
use super::roster::Leash;
use super::track::Track;

/// No record has this number.
const NOT_LATE: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Life {
    pub(super) leash: Arc<Leash>,
    pub(super) unread: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) flight: Mutex<Flight>,
    /// Signalled when the feeder has written.
    pub(super) wrote: Condvar,
    /// It gets no more input.
    closed: AtomicBool,
    /// Its answers are at their end, and it has exited.
    silent: AtomicBool,
    /// The feeder waits until it may hand over more.
    full: AtomicBool,
    wake: Sender<()>,
    /// It was ended because the answer to this record took too long.
    late: AtomicU64,
    pub(super) track: Option<Track>,
}

impl Life {
    /// The receiver hears that an answer came, that more is allowed, or that the worker is silent.
    pub(super) fn new(
        leash: Arc<Leash>,
        unread: OwnedFd,
        stdout: OwnedFd,
        desk: Arc<Desk>,
        track: Option<Track>,
    ) -> (Life, Receiver<()>) {
        let (wake, woken) = bounded(1);
        let flight = Mutex::new(Flight::new(desk));
        let life = Life {
            leash,
            unread,
            stdout,
            flight,
            wrote: Condvar::new(),
            closed: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            full: AtomicBool::new(false),
            wake,
            late: AtomicU64::new(NOT_LATE),
            track,
        };
        (life, woken)
    }

    pub(super) fn wake_feeder(&self) {
        // A full channel already holds a wake-up.
        let _ = self.wake.try_send(());
    }

    /// The feeder is going to wait until more is allowed; it looks once more after this.
    pub(super) fn expect_wake(&self) {
        // SeqCst: pairs with the load in `answer_came`. Either that sees the flag, or the look after this one sees
        // the answer.
        self.full.store(true, Ordering::SeqCst);
    }

    /// Wakes the feeder if it waits: most answers come while it does something else.
    pub(super) fn answer_came(&self) {
        if self.full.load(Ordering::SeqCst) && self.full.swap(false, Ordering::SeqCst) {
            self.wake_feeder();
        }
    }

    /// Its stdin is about to be closed: from now on it may exit.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// It is about to be ended because the answer to this record took too long: it gets no further one.
    pub(super) fn mark_late(&self, record: u64) {
        self.late.store(record, Ordering::Relaxed);
    }

    // Relaxed: what decides is asked after the process, which was signalled after the mark, was reaped.
    pub(super) fn late(&self) -> Option<u64> {
        Some(self.late.load(Ordering::Relaxed)).filter(|record| *record != NOT_LATE)
    }

    pub(super) fn fall_silent(&self) {
        // Release: pairs with the Acquire in `is_silent`; the answers are in their books before it shows.
        self.silent.store(true, Ordering::Release);
        self.wake_feeder();
    }

    pub(super) fn is_silent(&self) -> bool {
        // Acquire: pairs with the Release in `fall_silent`.
        self.silent.load(Ordering::Acquire)
    }

    /// Bytes that lie in its stdin.
    pub(super) fn unread_bytes(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.unread).unwrap_or(0)
    }
}
