//! What the shell does without any tool: it tells what the machine can do at all.

use std::path::Path;

use super::{Found, Kind, Peer, Way, quoted};
use crate::row::{Load, Row};

pub(super) fn peer() -> Peer {
    Peer { name: "sh", found: Ok(Found { path: "sh".into(), version: "for what needs no tool".to_owned() }), ways }
}

fn ways(program: &Path, row: &Row) -> Vec<Way> {
    let floor = |label: &str, script: &str| {
        let way = Way::new(label, Kind::Floor, program, &["-c", script]);
        Way { lines: row.lines, ..way }
    };
    let filter = quoted(&row.filter);
    let alone = || floor("the filter alone", &format!("exec {filter}"));
    match (row.load, row.name) {
        (Load::Stream, "live/cat") => vec![floor("cat | cat", "cat | cat")],
        (Load::Stream, "live/costly") => {
            let halves = format!(
                "cd \"$TMPDIR\"; head -n {} > 1; cat > 2; {filter} < 1 > a & {filter} < 2 > b; wait; cat a b; rm 1 2 a b",
                row.lines / 2
            );
            vec![alone(), floor("two halves by hand", &halves)]
        }
        (Load::Stream | Load::Skewed | Load::Blocks, _) => vec![alone()],
        (Load::Each | Load::Behind, _) => Vec::new(),
    }
}
