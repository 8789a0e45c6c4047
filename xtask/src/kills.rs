//! `crates/narrows-shm/tests/kills`: processes that are killed at each of their steps, and the table that comes of it.

use anyhow::Result;

use crate::harness::Harness;
use crate::layers::{Depth, Outcome};
use crate::output::{first_failure, grouped};
use crate::workspace::Workspace;

pub(crate) fn layer(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    let harness = Harness::Kills;
    let tests = harness.tests();
    if !harness.build(ws, depth, &tests).run()?.ok {
        return Ok(Outcome::Failed("it does not build".to_owned()));
    }
    let done = harness.run(ws, depth, &tests).limit(depth.limit(8)).run()?;
    if done.timed_out {
        return Ok(Outcome::Failed("no end within its time limit".to_owned()));
    }
    if !done.ok {
        return Ok(Outcome::Failed(first_failure(&done.output)));
    }
    Ok(sums(&done.output))
}

/// What the rows add up to: `kills ROLE capacity N SIZE: P places, K kills, S sent, ...`.
fn sums(output: &str) -> Outcome {
    const UNITS: [&str; 4] = ["kills", "sent", "twice", "in doubt"];
    let rows: Vec<_> = output.lines().filter(|line| line.starts_with("kills ")).collect();
    let sum = |unit: &str| -> u64 {
        let counts = rows.iter().filter_map(|row| row.split_once(':')).flat_map(|(_, counts)| counts.split(", "));
        counts.filter_map(|count| count.trim().strip_suffix(unit)?.trim().parse::<u64>().ok()).sum()
    };
    if sum("kills") == 0 {
        return Outcome::Failed("nobody was killed".to_owned());
    }
    let counts = UNITS.map(|unit| format!("{} {unit}", grouped(sum(unit))));
    Outcome::Ok(format!("{} rows, {}, 0 lost, 0 torn, 0 stuck", rows.len(), counts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{Outcome, sums};

    #[test]
    fn rows_are_added_up_and_none_is_a_failure() {
        let row = "kills sender     capacity  1 short:  10 places,    25 kills,   600 sent, 0 lost, 0 torn, 1 twice, 2 in doubt, 0 stuck";
        let Outcome::Ok(told) = sums(&format!("{row}\n{row}\n")) else { panic!("it is ok") };
        assert_eq!(told, "2 rows, 50 kills, 1,200 sent, 2 twice, 4 in doubt, 0 lost, 0 torn, 0 stuck");
        assert!(matches!(sums("test victim ... ok"), Outcome::Failed(_)));
    }
}
