//! The program of this project.

use std::path::Path;

use anyhow::{Context, Result};

use super::{Found, Kind, Peer, Way, ours, version};
use crate::row::{Load, Row};

pub(super) fn peer(named: Option<&Path>) -> Result<Peer> {
    let path = ours(named)?;
    let version = version(&path).with_context(|| format!("{}", path.display()))?;
    Ok(Peer { name: "narrows", found: Ok(Found { path, version }), ways })
}

fn ways(program: &Path, row: &Row) -> Vec<Way> {
    let way = |jobs: u32, options: &[&str]| {
        let jobs = format!("-j{jobs}");
        let options = [&["farm", &jobs], options].concat();
        let label = format!("narrows {}", options.join(" "));
        Way::new(label, Kind::Ours, program, &options)
    };
    let jobs = row.jobs();
    match row.load {
        Load::Stream | Load::Skewed => row.jobs.iter().map(|&jobs| way(jobs, &[]).on(&row.filter, row.lines)).collect(),
        Load::Each => vec![way(jobs, &[]).on(&row.each, row.lines).then("{}")],
        Load::Blocks => vec![way(jobs, &["--blocks"]).on(&row.filter, row.lines)],
        Load::Behind => {
            // Less than the usual 64 MiB, so that the bound is not of that size for each job.
            let bounded = |options: &[&str], lines| {
                let options = [&["--max-record", "1M"], options].concat();
                let mut way = way(jobs, &options).on(&row.filter, lines);
                way.label = way.label.replace(" --max-record 1M", "");
                way
            };
            let mut rest = bounded(&[], row.few);
            rest.label += ", 1000 lines";
            vec![bounded(&[], row.lines), bounded(&["--window", "100000000"], row.lines), rest]
        }
    }
}
