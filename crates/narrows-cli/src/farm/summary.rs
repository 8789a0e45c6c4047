//! The end of a run in one line of JSON, for programs.

use std::time::Duration;

use serde_json::json;

use crate::engine::{Cause, Ending};

pub(super) fn summary(ending: &Ending, took: Duration) -> String {
    let (end, exit) = match &ending.cause {
        Cause::Done => ("done", u8::from(ending.failures > 0)),
        Cause::Halted => ("halted", 1),
        Cause::OutputClosed => ("output closed", 141),
        Cause::Signal { signal, .. } => ("signal", u8::try_from(128 + signal).unwrap_or(125)),
        Cause::Trouble(trouble) => ("error", trouble.code),
    };
    json!({
        "end": end,
        "exit": exit,
        "read": ending.read,
        "printed": ending.printed,
        "failed": ending.failures,
        "skipped": ending.skipped,
        "retries": ending.retries,
        "seconds": took.as_secs_f64(),
    })
    .to_string()
}
