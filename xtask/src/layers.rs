//! The layers of checking, their order, and the table at the end. What a layer does lies elsewhere.
//! Invariant: a layer that did not run says so; it is never counted as passed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use crate::{checks, defects, instructions, kills, models, nightly, tidy};

/// How far to go: a check for every change, or one for a night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    Ci,
    Deep,
}

impl Depth {
    fn pick<T>(self, ci: T, deep: T) -> T {
        if self == Self::Ci { ci } else { deep }
    }

    pub(crate) fn loom_preemptions(self) -> &'static str {
        self.pick("2", "3")
    }

    /// Schedules that shuttle tries per model.
    pub(crate) fn schedules(self) -> &'static str {
        self.pick("20000", "1000000")
    }

    /// What shuttle's schedules begin with: in a night others than last night.
    pub(crate) fn seed(self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.pick(1, now.as_secs()).to_string()
    }

    pub(crate) fn miri_seeds(self) -> u64 {
        self.pick(2, 16)
    }

    pub(crate) fn stress_rounds(self) -> u32 {
        self.pick(1, 20)
    }

    /// A layer's time limit, from the one it has in `ci`.
    pub(crate) fn limit(self, minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes * self.pick(1, 60))
    }
}

pub(crate) enum Outcome {
    Ok(String),
    Failed(String),
    NotRun(String),
}

type Run = fn(&Workspace, Depth) -> Result<Outcome>;

struct Layer {
    name: &'static str,
    about: &'static str,
    /// False for what only `deep` does.
    in_ci: bool,
    run: Run,
}

const LAYERS: [Layer; 19] = [
    layer("tidy", "the rules of this repository that no other tool knows", tidy::layer),
    layer("fmt", "rustfmt has nothing to change", checks::fmt),
    layer("clippy", "no warning from the compiler or from clippy", checks::clippy),
    layer("doc", "the documentation builds and its links resolve", checks::doc),
    layer("test", "unit, conformance and acceptance tests, then the doctests", checks::test),
    layer("examples", "every example runs to its end", checks::examples),
    layer("instructions", "the uncontended paths cost what is on record, within 5 %", instructions::layer),
    layer("loom", "every interleaving of small models, within a bound", models::loom),
    layer("shuttle", "random schedules; recorded histories are linearizable", models::shuttle),
    layer("kills", "processes killed at each step lose, tear and hold up nothing", kills::layer),
    layer("miri", "no undefined behaviour and no leak, over several seeds", nightly::miri),
    layer("leak", "the stress tests under AddressSanitizer and its leak check", nightly::leak),
    layer("defects", "each planted defect is caught by the check that names it", defects::layer),
    deep("tsan", "the stress tests under ThreadSanitizer", nightly::tsan),
    deep("stress", "the stress tests again and again, optimized", checks::stress),
    deep(
        "heavy",
        "the program with gigabytes and a million jobs, and ended at hundreds of random moments",
        checks::heavy,
    ),
    deep("fuzz", "channels between processes, with thousands of files that somebody writes over", checks::fuzz),
    deep("bench", "the tests of the bench, beside every peer", checks::bench),
    deep("features", "every set of features builds (cargo hack)", checks::features),
];

const fn layer(name: &'static str, about: &'static str, run: Run) -> Layer {
    Layer { name, about, in_ci: true, run }
}

const fn deep(name: &'static str, about: &'static str, run: Run) -> Layer {
    Layer { name, about, in_ci: false, run }
}

fn layers(depth: Depth) -> impl Iterator<Item = &'static Layer> {
    LAYERS.iter().filter(move |layer| layer.in_ci || depth == Depth::Deep)
}

pub(crate) fn list(depth: Depth) -> bool {
    for layer in layers(depth) {
        println!("{:<12} {}", layer.name, layer.about);
    }
    true
}

/// True when no layer failed. An empty `only` means all of them.
pub(crate) fn run(ws: &Workspace, depth: Depth, only: &[String]) -> Result<bool> {
    if let Some(name) = only.iter().find(|name| layers(depth).all(|layer| layer.name != **name)) {
        bail!("there is no layer `{name}` here; --list names them");
    }
    let picked = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    let started = Instant::now();
    let mut rows = Vec::new();
    for layer in layers(depth).filter(|layer| picked(layer.name)) {
        println!("\n=== {}: {}", layer.name, layer.about);
        let began = Instant::now();
        let outcome = (layer.run)(ws, depth).unwrap_or_else(|why| Outcome::Failed(format!("{why:#}")));
        if let Outcome::Failed(why) = &outcome {
            println!("FAILED: {}: {why}", layer.name);
        }
        rows.push((layer.name, began.elapsed(), outcome));
    }
    Ok(table(&rows, started.elapsed()))
}

fn table(rows: &[(&str, Duration, Outcome)], total: Duration) -> bool {
    println!("\n{:<12} {:>8}  result", "layer", "seconds");
    for (name, took, outcome) in rows {
        let seconds = took.as_secs_f64();
        let result = match outcome {
            Outcome::Ok(note) if note.is_empty() => "ok".to_owned(),
            Outcome::Ok(note) => format!("ok: {note}"),
            Outcome::Failed(why) => format!("FAILED: {why}"),
            Outcome::NotRun(why) => format!("not run: {why}"),
        };
        println!("{name:<12} {seconds:>8.1}  {result}");
    }
    let count = |is: fn(&Outcome) -> bool| rows.iter().filter(|(_, _, outcome)| is(outcome)).count();
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let not_run = count(|outcome| matches!(outcome, Outcome::NotRun(_)));
    let ok = rows.len() - failed - not_run;
    println!("{:<12} {:>8.1}  {ok} ok, {failed} FAILED, {not_run} not run", "all", total.as_secs_f64());
    failed == 0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Depth, LAYERS, Outcome, layers, table};

    #[test]
    fn a_layer_that_did_not_run_is_no_failure_and_a_failed_one_is() {
        let rows = |last| [("a", Duration::ZERO, Outcome::Ok(String::new())), ("b", Duration::ZERO, last)];
        assert!(table(&rows(Outcome::NotRun("no tool".to_owned())), Duration::ZERO));
        assert!(!table(&rows(Outcome::Failed("red".to_owned())), Duration::ZERO));
    }

    #[test]
    fn deep_has_every_layer_and_names_are_distinct() {
        assert_eq!(layers(Depth::Deep).count(), LAYERS.len());
        assert!(layers(Depth::Ci).count() < LAYERS.len());
        let mut names: Vec<_> = LAYERS.iter().map(|layer| layer.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), LAYERS.len());
    }
}
