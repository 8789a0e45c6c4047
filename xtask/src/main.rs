//! Every check of this repository, each as one command: `cargo xtask ci` and its parts.
//! Knows nothing about channels: it starts tools, reads what they print, and adds it up.

#![forbid(unsafe_code)]

mod args;
mod bench;
mod checks;
mod defects;
mod generate;
mod harness;
mod instructions;
mod kills;
mod layers;
mod models;
mod nightly;
mod output;
mod package;
mod shell;
mod tidy;
mod workspace;

use std::process::ExitCode;

use args::{Args, Verb};
use layers::Depth;
use workspace::Workspace;

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(why) => {
            eprintln!("xtask: {why:#}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("xtask: {why:#}");
            ExitCode::FAILURE
        }
    }
}

/// True when nothing failed.
fn run(args: &Args) -> anyhow::Result<bool> {
    let ws = Workspace::find()?;
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    match args.verb {
        Verb::Help => {
            println!("{}", args::USAGE);
            Ok(true)
        }
        Verb::Ci if args.list => Ok(layers::list(Depth::Ci)),
        Verb::Deep if args.list => Ok(layers::list(Depth::Deep)),
        Verb::Ci => layers::run(&ws, Depth::Ci, &args.only),
        Verb::Deep => layers::run(&ws, Depth::Deep, &args.only),
        Verb::Tidy => layers::run(&ws, Depth::Ci, &named(&["tidy"])),
        Verb::Models => layers::run(&ws, Depth::Ci, &named(&["loom", "shuttle"])),
        Verb::Generate => generate::run(&ws),
        Verb::Package => package::run(&ws),
        Verb::Bench => bench::run(&ws, &args.words),
        Verb::Defects => layers::run(&ws, Depth::Deep, &named(&["defects"])),
    }
}
