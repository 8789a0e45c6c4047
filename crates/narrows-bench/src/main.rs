//! The bench as a program of its own.

#![forbid(unsafe_code)]

use clap::Parser;

#[global_allocator]
static ALLOCATOR: narrows_bench::Counting = narrows_bench::Counting;

/// Narrows and its peers side by side: nanoseconds per operation, lower is better
#[derive(Debug, Parser)]
#[command(name = "narrows-bench", max_term_width = 100)]
struct Program {
    #[command(flatten)]
    args: narrows_bench::Args,
}

fn main() -> anyhow::Result<()> {
    narrows_bench::run(&Program::parse().args)
}
