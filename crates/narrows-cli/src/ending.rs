//! How the program ends by a signal.

use std::process::ExitCode;

use anyhow::Context;

/// Ends as if the signal had not been caught, so that the caller sees which one it was.
pub(crate) fn die_by(signal: i32) -> anyhow::Result<ExitCode> {
    signal_hook::low_level::emulate_default_handler(signal).context("cannot end by the signal")?;
    Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(125)))
}
