//! rust-parallel: a process for each line, or with `--pipe` for each block.

use std::path::Path;

use super::{Kind, Peer, Way, find, version};
use crate::row::{Load, Row};

pub(super) fn peer() -> Peer {
    Peer { name: "rust-parallel", found: find("NARROWS_BENCH_RUST_PARALLEL", &["rust-parallel"], version), ways }
}

fn ways(program: &Path, row: &Row) -> Vec<Way> {
    let way = |kind, options: &str| {
        let arguments: Vec<&str> = options.split(' ').collect();
        Way::new(format!("rust-parallel {options}"), kind, program, &arguments)
    };
    let jobs = row.jobs();
    let pipe = || way(Kind::Stream, &format!("--pipe -k -j{jobs}")).on(&row.filter, row.lines);
    let each = || way(Kind::PerLine, &format!("-k -j{jobs}")).on(&row.each, row.few);
    match row.load {
        Load::Each => vec![each()],
        Load::Stream if row.few > 0 => vec![pipe(), each()],
        Load::Stream | Load::Skewed | Load::Blocks | Load::Behind => vec![pipe()],
    }
}
