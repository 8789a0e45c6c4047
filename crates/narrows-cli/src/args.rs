//! The command line as it is typed. Nothing is checked here beyond its shape.

use clap::{Parser, Subcommand};

/// Channels for the shell
#[derive(Debug, Parser)]
#[command(name = "narrows", version, max_term_width = 100, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, subcommand_value_name = "VERB", subcommand_help_heading = "Verbs")]
#[command(after_help = "narrows VERB --help says all of a verb, with examples.")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a command on every line of stdin with several workers, answers in order
    Farm(Box<crate::farm::FarmArgs>),
    Send(crate::channel::SendArgs),
    Recv(crate::channel::RecvArgs),
    Tap(crate::tap::TapArgs),
    Top(crate::top::TopArgs),
    Stat(crate::status::StatArgs),
    Run(crate::run::RunArgs),
    /// What a farm leaves behind when it is killed is ended by this
    #[command(name = crate::engine::WARDEN, hide = true)]
    Warden,
    /// Measure channels, Narrows and its peers side by side, on this machine
    #[cfg(feature = "bench")]
    Bench(narrows_bench::Args),
}
