//! Seeded defects: each is planted in a copy of the sources, and the check it names must turn red.
//! Invariant: a check is green on the same copy without the patch, so red is the patch's doing.
//! Invariant: a patch that is left to `deep` still applies.
//! Invariant: lanes share no copy and no build folder, so that they may run beside each other.

mod patch;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::harness::{Harness, Tests};
use crate::layers::{Depth, Outcome};
use crate::output::{first_failure, passed};
use crate::shell::Cmd;
use crate::workspace::Workspace;
use patch::{Check, Defect};
use tree::Tree;

/// A planted defect may make a test spin; an honest test fails long before this.
const LIMIT: Duration = Duration::from_secs(240);

/// What one run of a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Run {
    Green,
    Red {
        test: String,
        output: String,
    },
    /// It did not build, held no test, or had no end; so it proves nothing.
    Void {
        why: String,
        output: String,
    },
    /// The checker is not on this machine.
    Absent(String),
}

/// What became of one defect.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Caught(String),
    Escaped(String),
    NotRun(String),
}

struct Row {
    defect: String,
    check: String,
    without: &'static str,
    verdict: Verdict,
    took: Duration,
}

pub(crate) fn layer(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    let (rows, left) = run(ws, depth)?;
    show(&rows);
    let count = |is: fn(&Verdict) -> bool| rows.iter().filter(|row| is(&row.verdict)).count();
    let caught = count(|verdict| matches!(verdict, Verdict::Caught(_)));
    let not_run = count(|verdict| matches!(verdict, Verdict::NotRun(_)));
    Ok(if rows.is_empty() {
        Outcome::Failed("no defect is planted".to_owned())
    } else if caught + not_run < rows.len() {
        Outcome::Failed(format!("{} of {} escaped", rows.len() - caught - not_run, rows.len()))
    } else if not_run > 0 {
        Outcome::NotRun(format!("{not_run} of {}; the others were caught", rows.len()))
    } else if left > 0 {
        Outcome::Ok(format!("{caught} of {} caught; {left} more are left to `deep`", rows.len()))
    } else {
        Outcome::Ok(format!("{caught} of {} caught", rows.len()))
    })
}

/// Most of a defect's time goes to one compiler or one test, so two are planted at once. What a harness builds is built in
/// one lane only.
const LANES: [&str; 2] = ["loom", "others"];

fn lane_of(harness: Harness) -> &'static str {
    LANES[usize::from(harness != Harness::Loom)]
}

/// What became of the defects, and how many were left to `deep`.
fn run(ws: &Workspace, depth: Depth) -> Result<(Vec<Row>, usize)> {
    let mut defects = Defect::load_all(&ws.root.join("xtask/defects"))?;
    let done = thread::scope(|scope| {
        let lanes = LANES.map(|lane| {
            let defects: Vec<_> = defects.extract_if(.., |defect| lane_of(defect.check.harness) == lane).collect();
            scope.spawn(
                move || if defects.is_empty() { Ok((Vec::new(), 0)) } else { run_lane(ws, lane, depth, defects) },
            )
        });
        lanes.map(|lane| lane.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    let (mut rows, mut left) = (Vec::new(), 0);
    for lane in done {
        let (of_lane, left_by_lane) = lane?;
        rows.extend(of_lane);
        left += left_by_lane;
    }
    rows.sort_by(|a, b| a.defect.cmp(&b.defect));
    Ok((rows, left))
}

fn run_lane(ws: &Workspace, lane: &str, depth: Depth, mut defects: Vec<Defect>) -> Result<(Vec<Row>, usize)> {
    let tree = Tree::new(ws, lane)?;
    // These are built with the models, optimized, and take longest of all that is built.
    for checker in [Harness::Loom, Harness::Shuttle].into_iter().filter(|&checker| lane_of(checker) == lane) {
        tree::begin_with(&checker.folder(ws), &checker.folder(&tree.copy))?;
    }
    let mut left = 0;
    if depth == Depth::Ci {
        for defect in defects.extract_if(.., |defect| defect.only_deep) {
            tree.would_apply(&defect.path).with_context(|| format!("{} no longer applies", defect.name))?;
            left += 1;
        }
    }
    let without = run_all(&tree, &defects)?;
    let mut rows = Vec::new();
    for defect in &defects {
        let began = Instant::now();
        let before = &without[&defect.check];
        let verdict = match before {
            Run::Green => plant(&tree, defect)?,
            Run::Red { test, .. } => Verdict::Escaped(format!("red without it: {test}")),
            Run::Void { why, .. } => Verdict::Escaped(format!("without it: {why}")),
            Run::Absent(why) => Verdict::NotRun(why.clone()),
        };
        println!("with {}: {}", defect.name, verdict.text());
        rows.push(Row {
            defect: defect.name.clone(),
            check: defect.check.text.clone(),
            without: before.word(),
            verdict,
            took: began.elapsed(),
        });
    }
    Ok((rows, left))
}

/// Each check on the sources as they are. Those of one program in one go; if that is not green, each by itself.
fn run_all<'a>(tree: &Tree, defects: &'a [Defect]) -> Result<HashMap<&'a Check, Run>> {
    let mut groups: Vec<(Harness, Tests, Vec<&Check>)> = Vec::new();
    let mut without = HashMap::new();
    for check in defects.iter().map(|defect| &defect.check) {
        let is_in = |group: &mut (Harness, Tests, Vec<&Check>)| group.0 == check.harness && group.1.join(&check.tests);
        if without.insert(check, Run::Green).is_some() {
            continue;
        }
        match groups.iter_mut().find_map(|group| is_in(group).then_some(&mut group.2)) {
            Some(checks) => checks.push(check),
            None => groups.push((check.harness, check.tests.clone(), vec![check])),
        }
    }
    for (harness, tests, checks) in groups {
        let together = run_tests(tree, harness, &tests)?;
        for &check in &checks {
            let run = match &together {
                Run::Red { .. } | Run::Void { .. } if checks.len() > 1 => run_tests(tree, harness, &check.tests)?,
                run => run.clone(),
            };
            println!("without a defect, {}: {}", check.text, run.word());
            if let Run::Red { output, .. } | Run::Void { output, .. } = &run {
                println!("{output}");
            }
            without.insert(check, run);
        }
    }
    Ok(without)
}

fn plant(tree: &Tree, defect: &Defect) -> Result<Verdict> {
    if let Err(why) = tree.apply(&defect.path) {
        return Ok(Verdict::Escaped(format!("the patch no longer applies: {why}")));
    }
    let run = run_tests(tree, defect.check.harness, &defect.check.tests);
    tree.restore()?;
    let (why, output) = match run? {
        Run::Green => return Ok(Verdict::Escaped("green with it".to_owned())),
        Run::Absent(why) => return Ok(Verdict::NotRun(why)),
        Run::Void { why, output } => (why, output),
        Run::Red { test, output } if output.contains(&defect.says) => return Ok(Verdict::Caught(test)),
        Run::Red { test, output } => (format!("red ({test}), but without a word of `{}`", defect.says), output),
    };
    println!("{output}");
    Ok(Verdict::Escaped(why))
}

fn run_tests(tree: &Tree, harness: Harness, tests: &Tests) -> Result<Run> {
    if let Some(why) = harness.missing() {
        return Ok(Run::Absent(why));
    }
    // Built apart from the run, for a patch that does not compile would be red as well.
    // Little changes from build to build: 3 s of work instead of 13.
    let incremental = |cmd: Cmd| cmd.env("CARGO_INCREMENTAL", "1").quiet();
    let built = incremental(harness.build(&tree.copy, Depth::Ci, tests)).run()?;
    if !built.ok {
        return Ok(Run::Void { why: "it does not build".to_owned(), output: built.output });
    }
    let run = incremental(harness.run(&tree.copy, Depth::Ci, tests)).limit(LIMIT);
    let done = run.env("RUST_BACKTRACE", "0").run()?;
    let void = |why: String, output| Run::Void { why, output };
    Ok(if done.timed_out {
        void(format!("no end in {} s", LIMIT.as_secs()), done.output)
    } else if !done.ok {
        Run::Red { test: first_failure(&done.output), output: done.output }
    } else if passed(&done.output) < tests.named() {
        void("no test has that name".to_owned(), done.output)
    } else {
        Run::Green
    })
}

impl Run {
    fn word(&self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Red { .. } => "RED",
            Self::Void { .. } => "VOID",
            Self::Absent(_) => "not run",
        }
    }
}

impl Verdict {
    fn text(&self) -> String {
        match self {
            Self::Caught(test) => format!("red ({test})"),
            Self::Escaped(why) => format!("NOT CAUGHT: {why}"),
            Self::NotRun(why) => format!("not run: {why}"),
        }
    }
}

fn show(rows: &[Row]) {
    let width = |column: fn(&Row) -> usize| rows.iter().map(column).max().unwrap_or(0).max(7);
    let (name, check) = (width(|row| row.defect.len()), width(|row| row.check.len()));
    println!("\n{:<name$} | {:<check$} | without | with", "defect", "check");
    for row in rows {
        let result = row.verdict.text();
        let (defect, took) = (&row.defect, row.took.as_secs_f64());
        println!("{defect:<name$} | {:<check$} | {:<7} | {result}, {took:.1} s", row.check, row.without);
    }
}
