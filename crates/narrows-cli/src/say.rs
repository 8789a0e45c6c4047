//! Lines on stderr: `error:`, `note:` and `hint:`, coloured when a terminal reads them.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use crate::engine::{Tone, Trouble, advice};
use crate::farm::progress;

pub(crate) fn say(tone: Tone, text: &str) {
    let (colour, label) = match tone {
        Tone::Error => ("\x1b[1;31m", "error"),
        Tone::Note => ("\x1b[1;33m", "note"),
        Tone::Hint => ("\x1b[1;36m", "hint"),
    };
    // One write, so that lines of several threads do not mix. Nobody can be told that stderr is gone.
    let line = format!("{colour}{label}:\x1b[0m {text}\n");
    if tone == Tone::Error || !QUIET.load(Ordering::Relaxed) {
        progress::aside(|| _ = anstream::stderr().lock().write_all(line.as_bytes()));
    }
}

/// Writes a line to stderr as it is.
pub(crate) fn line(text: &str) {
    pass_on(format!("{text}\n").as_bytes());
}

/// Writes what a command said to stderr.
pub(crate) fn pass_on(text: &[u8]) {
    progress::aside(|| _ = std::io::stderr().lock().write_all(text));
}

// Relaxed: set once, before the farm has threads.
static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on notes and hints are not said.
pub(crate) fn be_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Prints an error in two lines and gives the exit code that belongs to it.
pub(crate) fn explain(error: &anyhow::Error) -> ExitCode {
    say(Tone::Error, &format!("{error:#}"));
    let Some(trouble) = error.downcast_ref::<Trouble>() else {
        let of_system = error.chain().find_map(|cause| {
            let errno = cause.downcast_ref::<Errno>().map(|errno| advice(&(*errno).into()));
            errno.or(cause.downcast_ref::<io::Error>().map(advice))
        });
        say(Tone::Hint, of_system.unwrap_or("narrows --help says how it is used"));
        return ExitCode::from(125);
    };
    if let Some(hint) = &trouble.hint {
        say(Tone::Hint, hint);
    }
    ExitCode::from(trouble.code)
}
