//! Ends the bench when a sample does not end: a peer that hangs is to be named, not waited for.

use std::process;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// Far beyond the longest sample, with a machine that is busy otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// Told the name of each sample before it begins.
#[derive(Debug)]
pub(crate) struct Watch(Sender<String>);

impl Watch {
    pub(crate) fn start() -> Self {
        let (tx, rx) = channel::<String>();
        thread::spawn(move || {
            let mut current = String::new();
            loop {
                match rx.recv_timeout(PATIENCE) {
                    Ok(next) => current = next,
                    Err(RecvTimeoutError::Timeout) => {
                        eprintln!("{current}: no end within {} s", PATIENCE.as_secs());
                        process::exit(1);
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Self(tx)
    }

    pub(crate) fn begins(&self, what: String) {
        // It is gone only when the process ends.
        let _ = self.0.send(what);
    }
}
