//! Lines on stderr: `error:`, `note:` and `hint:`, coloured when a terminal reads them.

use std::io::Write;
use std::process::ExitCode;

use crate::engine::{Tone, Trouble};

pub(crate) fn say(tone: Tone, text: &str) {
    let (colour, label) = match tone {
        Tone::Error => ("\x1b[1;31m", "error"),
        Tone::Note => ("\x1b[1;33m", "note"),
        Tone::Hint => ("\x1b[1;36m", "hint"),
    };
    // One write, so that lines of several threads do not mix. Nobody can be told that stderr is gone.
    let line = format!("{colour}{label}:\x1b[0m {text}\n");
    let _ = anstream::stderr().lock().write_all(line.as_bytes());
}

/// Prints an error in one or two lines and gives the exit code that belongs to it.
pub(crate) fn explain(error: &anyhow::Error) -> ExitCode {
    say(Tone::Error, &format!("{error:#}"));
    let Some(trouble) = error.downcast_ref::<Trouble>() else {
        return ExitCode::from(125);
    };
    if let Some(hint) = &trouble.hint {
        say(Tone::Hint, hint);
    }
    ExitCode::from(trouble.code)
}
