//! The program `narrows`: channels for the shell.

#![deny(unsafe_code)]

mod args;
#[cfg(feature = "bench")]
mod bench;
mod channel;
mod ending;
mod engine;
mod factor;
mod farm;
#[cfg(test)]
mod pages;
mod program;
mod run;
mod say;
mod status;
mod stopwatch;
mod tap;
mod top;
mod usage;
mod values;
mod variables;

use std::process::ExitCode;

use args::Verb;

fn main() -> ExitCode {
    let args = match usage::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    let outcome = match args.verb {
        Verb::Farm(args) => farm::run(&args),
        Verb::Send(args) => channel::send(&args),
        Verb::Recv(args) => channel::recv(&args),
        Verb::Tap(args) => tap::run(&args),
        Verb::Top(args) => top::run(&args),
        Verb::Stat(args) => status::run(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Warden => Ok(engine::keep_warden()),
        #[cfg(feature = "bench")]
        Verb::Bench(args) => bench::run(&args),
    };
    outcome.unwrap_or_else(|error| say::explain(&error))
}
