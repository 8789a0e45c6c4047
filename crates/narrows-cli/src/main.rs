//! The program `narrows`: channels for the shell.

#![deny(unsafe_code)]

mod args;
#[cfg(feature = "bench")]
mod bench;
mod engine;
mod factor;
mod farm;
mod program;
mod say;
mod values;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Verb};

fn main() -> ExitCode {
    let outcome = match Args::parse().verb {
        Verb::Farm(args) => farm::run(&args),
        Verb::Warden => Ok(engine::keep_warden()),
        #[cfg(feature = "bench")]
        Verb::Bench(args) => bench::run(&args),
    };
    outcome.unwrap_or_else(|error| say::explain(&error))
}
