//! `xargs -P`: a process for each line, its output as it comes.

use std::path::Path;

use super::{Kind, Peer, Way, find, version};
use crate::row::{Load, Row};

pub(super) fn peer() -> Peer {
    Peer { name: "xargs", found: find("NARROWS_BENCH_XARGS", &["xargs"], version), ways }
}

fn ways(program: &Path, row: &Row) -> Vec<Way> {
    let jobs = format!("-P{}", row.jobs());
    match row.load {
        Load::Stream | Load::Each if !row.each.is_empty() => {
            let way = Way::new(format!("xargs -n1 {jobs}"), Kind::PerLine, program, &["-r", "-d", "\\n", "-n1", &jobs]);
            vec![way.on(&row.each, row.few).unordered()]
        }
        _ => Vec::new(),
    }
}
