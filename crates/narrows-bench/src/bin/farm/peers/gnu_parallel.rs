//! GNU parallel: a process for each line, or with `--pipe` for each block of lines. `-q` hands the words over as they are;
//! `--will-cite` keeps it from asking.

use std::path::Path;

use super::{Kind, Peer, Way, find, version};
use crate::row::{Load, Row};

pub(super) fn peer() -> Peer {
    let gnu = |path: &Path| version(path).filter(|version| version.starts_with("GNU parallel"));
    Peer { name: "GNU parallel", found: find("NARROWS_BENCH_PARALLEL", &["parallel"], gnu), ways }
}

fn ways(program: &Path, row: &Row) -> Vec<Way> {
    let way = |kind, options: &str| {
        let arguments: Vec<&str> = ["--will-cite", "-q"].into_iter().chain(options.split(' ')).collect();
        Way::new(format!("GNU parallel {options}"), kind, program, &arguments)
    };
    let pipe = |options: &str| way(Kind::Stream, options).on(&row.filter, row.lines);
    let each = |lines| way(Kind::PerLine, &format!("-k -j{}", row.jobs())).on(&row.each, lines).then("{}");
    let jobs = row.jobs();
    match row.load {
        Load::Stream => {
            let mut ways: Vec<Way> = row.jobs.iter().map(|jobs| pipe(&format!("--pipe -k -j{jobs}"))).collect();
            if row.few > 0 {
                ways.push(each(row.few));
            }
            if row.name == "live/costly" {
                // One block would be one process; these are cut by who knows the input.
                ways.push(pipe(&format!("--pipe -k -j{jobs} --block 4k")));
            }
            ways
        }
        Load::Skewed => vec![
            pipe(&format!("--pipe -k -j{jobs}")),
            // Blocks cut by who knows the input, and lines dealt out to running filters.
            pipe(&format!("--pipe -k -j{jobs} -N100")),
            pipe(&format!("--pipe --round-robin -j{jobs} --block 1k")).unordered(),
        ],
        // It takes some ten times as long for each as the others. Its start is a twentieth of this.
        Load::Each => vec![each(row.few.div_ceil(2))],
        Load::Blocks | Load::Behind => vec![pipe(&format!("--pipe --block 1M -k -j{jobs}"))],
    }
}
