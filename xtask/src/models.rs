//! Loom and shuttle over `crates/narrows/tests/model` and the models beside the code, and what they counted.

use anyhow::Result;

use crate::harness::Harness;
use crate::layers::{Depth, Outcome};
use crate::output::{Model, first_failure, grouped, models, totals};
use crate::workspace::Workspace;

pub(crate) fn loom(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    run(Harness::Loom, ws, depth)
}

pub(crate) fn shuttle(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    run(Harness::Shuttle, ws, depth)
}

fn run(harness: Harness, ws: &Workspace, depth: Depth) -> Result<Outcome> {
    let mut counted = Vec::new();
    for tests in std::iter::once(harness.tests()).chain(harness.further_tests(depth)) {
        let built = harness.build(ws, depth, &tests).run()?;
        if !built.ok {
            return Ok(Outcome::Failed("the models do not build".to_owned()));
        }
        let done = harness.run(ws, depth, &tests).limit(depth.limit(10)).run()?;
        if done.timed_out {
            return Ok(Outcome::Failed("no end within its time limit".to_owned()));
        }
        if !done.ok {
            return Ok(Outcome::Failed(first_failure(&done.output)));
        }
        counted.extend(models(&done.output));
    }
    show(&counted);
    Ok(if counted.is_empty() {
        Outcome::Failed("no model said how much it explored".to_owned())
    } else {
        Outcome::Ok(format!("{} models, {}", counted.len(), line(&totals(&counted))))
    })
}

fn show(counted: &[Model]) {
    let width = counted.iter().map(|model| model.name.len()).max().unwrap_or(0);
    println!();
    for model in counted {
        println!("  {:<width$}  {}", model.name, line(&model.counts));
    }
}

fn line(counts: &[(u64, String)]) -> String {
    let counts: Vec<_> = counts.iter().map(|(n, unit)| format!("{} {unit}", grouped(*n))).collect();
    counts.join(", ")
}
