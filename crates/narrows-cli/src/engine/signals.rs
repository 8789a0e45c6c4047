//! Turns INT, TERM and HUP into events.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use narrows::Sender;
use nix::sys::signal::{SigSet, SigmaskHow};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::event::Event;

/// Those that end the program. A signal that the caller had ignored (`nohup`) stays ignored.
pub(crate) fn heeded() -> impl Iterator<Item = i32> {
    let ignored = ignored_mask();
    [SIGINT, SIGTERM, SIGHUP].into_iter().filter(move |signal| ignored >> (signal - 1) & 1 == 0)
}

/// Starts the listening thread. No other thread runs yet.
pub(super) fn listen(events: Sender<Event>) -> io::Result<()> {
    let mut signals = block_and_install()?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if events.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// Catches the signals that are heeded. No other thread runs yet.
pub(crate) fn block_and_install() -> io::Result<Signals> {
    // A signal that comes while its handler is half installed would be lost: it waits outside. Without this 3 of 4,000
    // farms that were interrupted in their first 3 ms went on.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let signals = install();
    before.thread_set_mask()?;
    signals
}

fn install() -> io::Result<Signals> {
    // Caught so that a file that may not grow (`ulimit -f`) is an error of the write, as a full disk is, and not the end.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    Signals::new(heeded())
}

/// The signals that were ignored when the program started, as the kernel lists them; none where it does not.
fn ignored_mask() -> u64 {
    fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(line.trim(), 16).ok()
        })
        .unwrap_or(0)
}
