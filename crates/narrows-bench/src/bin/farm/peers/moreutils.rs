//! moreutils' `parallel`: a process for each of its arguments; it reads no lines. Debian calls it `parallel.moreutils` where
//! GNU parallel is installed too.

use std::path::Path;

use super::{Kind, Peer, Way, find, version};
use crate::row::{Load, Row};

/// As many lines as an argument list bears with ease.
const MOST: usize = 10_000;

pub(super) fn peer() -> Peer {
    // It has no --version, and says nothing on standard output then.
    let not_gnu = |path: &Path| version(path).filter(|line| !line.contains("GNU")).map(|_| "of moreutils".to_owned());
    let names = ["parallel.moreutils", "parallel"];
    Peer { name: "moreutils parallel", found: find("NARROWS_BENCH_MOREUTILS", &names, not_gnu), ways }
}

fn ways(program: &Path, row: &Row) -> Vec<Way> {
    let jobs = row.jobs().to_string();
    match row.load {
        Load::Stream | Load::Each if !row.each.is_empty() && row.few <= MOST => {
            let way = Way::new(format!("moreutils parallel -j {jobs}"), Kind::PerLine, program, &["-j", &jobs]);
            let way = way.on(&row.each, row.few).then("--").unordered();
            vec![Way { takes_arguments: true, ..way }]
        }
        _ => Vec::new(),
    }
}
