//! `narrows bench`: the bench of the project, for a person's own machine. Everything lies in `narrows-bench`.

use std::process::ExitCode;

use narrows_bench::{Args, Counting};

// The rows on memory count what a channel allocates; while nothing is counted it is the system's allocator.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    narrows_bench::run(args)?;
    Ok(ExitCode::SUCCESS)
}
