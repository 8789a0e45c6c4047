//! The program `narrows`: channels for the shell.

#![deny(unsafe_code)]

mod args;
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
        Verb::Farm(args) => farm::run(args),
    };
    outcome.unwrap_or_else(|error| say::explain(&error))
}
