//! `split -n r/N --filter`: lines dealt out in turn to N filters that stay running. With one filter it keeps the order.

use std::path::Path;

use super::{Kind, Peer, Way, find, quoted, version};
use crate::row::{Load, Row};

pub(super) fn peer() -> Peer {
    Peer { name: "split", found: find("NARROWS_BENCH_SPLIT", &["split"], version), ways }
}

fn ways(program: &Path, row: &Row) -> Vec<Way> {
    let way = |jobs: u32| {
        let filter = format!("--filter={}", quoted(&row.filter));
        let way = Way::new(format!("split -n r/{jobs}"), Kind::Stream, program, &["-n", &format!("r/{jobs}"), &filter]);
        Way { lines: row.lines, ordered: jobs == 1, ..way }
    };
    match row.load {
        Load::Each => Vec::new(),
        _ => row.jobs.iter().map(|&jobs| way(jobs)).collect(),
    }
}
