//! Instructions per operation of the uncontended paths, counted by valgrind and compared with those on record.
//! The one gate on speed that no busy neighbour moves.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::layers::{Depth, Outcome};
use crate::shell::{Cmd, probe};
use crate::workspace::Workspace;

/// The path under the repository's root.
const RECORD: &str = "crates/narrows-bench/instructions.toml";
const HEAD: &str = "# Instructions per operation of the uncontended paths, checked by `cargo xtask ci --only instructions`.\n\
    # Written by `cargo xtask bench --instructions --record`; what a path does stands in src/bin/instructions.rs.\n";

/// Two lengths: their difference is free of what a run costs beside the path.
const SHORT: u32 = 2_000;
const LONG: u32 = 12_000;

/// A compiler's whim stays below this; a branch or a fence more does not.
const TOLERANCE: f64 = 0.05;

/// By path.
type Costs = BTreeMap<String, f64>;

pub(crate) fn layer(ws: &Workspace, _: Depth) -> Result<Outcome> {
    check(ws)
}

/// Counts and compares.
pub(crate) fn check(ws: &Workspace) -> Result<Outcome> {
    let recorded = fs::read_to_string(ws.root.join(RECORD)).with_context(|| format!("read {RECORD}"))?;
    let recorded = parse(&recorded)?;
    let Some(counted) = count(ws)? else {
        return Ok(Outcome::NotRun("no valgrind".to_owned()));
    };
    let found = compare(&recorded, &counted);
    Ok(if found.is_empty() {
        Outcome::Ok(format!("{} paths within 5 %", counted.len()))
    } else {
        Outcome::Failed(format!("{}; if meant: cargo xtask bench --instructions --record", found.join("; ")))
    })
}

/// Counts and writes down.
pub(crate) fn record(ws: &Workspace) -> Result<Outcome> {
    let Some(counted) = count(ws)? else {
        return Ok(Outcome::NotRun("no valgrind".to_owned()));
    };
    fs::write(ws.root.join(RECORD), text(&counted)).with_context(|| format!("write {RECORD}"))?;
    Ok(Outcome::Ok(format!("{} paths recorded in {RECORD}", counted.len())))
}

/// `None` without valgrind.
fn count(ws: &Workspace) -> Result<Option<Costs>> {
    if probe("valgrind", &["--version"]).is_none() {
        return Ok(None);
    }
    let program = build(ws)?;
    let program = program.to_str().context("the build folder has a name in letters")?;
    let listed = Cmd::new(program, ["--list"]).quiet().run()?;
    ensure!(listed.ok, "{program} --list: {}", listed.output);
    let mut costs = Costs::new();
    for path in listed.output.lines() {
        let cost = (collected(program, path, LONG)? - collected(program, path, SHORT)?) / f64::from(LONG - SHORT);
        println!("{path:<20} {cost:>8.1}");
        costs.insert(path.to_owned(), cost);
    }
    Ok(Some(costs))
}

fn build(ws: &Workspace) -> Result<PathBuf> {
    const PROGRAM: &str = "narrows-bench-instructions";
    let folder = ws.target.join("instructions");
    let target = folder.to_str().context("the build folder has a name in letters")?;
    let built = Cmd::new("cargo", ["build", "--release", "--package", "narrows-bench", "--no-default-features"])
        .args(["--bin", PROGRAM, "--target-dir", target])
        .dir(&ws.root)
        .run()?;
    ensure!(built.ok, "{PROGRAM} does not build");
    Ok(Path::new(target).join("release").join(PROGRAM))
}

/// Instructions of one whole run.
fn collected(program: &str, path: &str, count: u32) -> Result<f64> {
    let run = Cmd::new("valgrind", ["--tool=callgrind", "--callgrind-out-file=/dev/null", program, path])
        .args([count.to_string().as_str()])
        .quiet()
        .run()?;
    ensure!(run.ok, "valgrind, {path}: {}", run.output);
    let counted = run.output.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    counted.with_context(|| format!("valgrind counted nothing for {path}: {}", run.output))
}

/// What differs, in either direction: a better figure that is not written down hides the next loss.
fn compare(recorded: &Costs, counted: &Costs) -> Vec<String> {
    let mut found = Vec::new();
    for (path, now) in counted {
        match recorded.get(path) {
            None => found.push(format!("{path} is not on record")),
            // Half an instruction is rounding, however short the path.
            Some(then) if (now - then).abs() > (then * TOLERANCE).max(0.5) => {
                let percent = (now / then - 1.0) * 100.0;
                found.push(format!("{path} {then:.1} -> {now:.1} ({percent:+.0} %)"));
            }
            Some(_) => {}
        }
    }
    found.extend(recorded.keys().filter(|path| !counted.contains_key(*path)).map(|path| format!("{path} is gone")));
    found
}

fn text(costs: &Costs) -> String {
    let mut text = HEAD.to_owned();
    for (path, cost) in costs {
        let _ = writeln!(text, "\"{path}\" = {cost:.1}");
    }
    text
}

fn parse(text: &str) -> Result<Costs> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| {
        Some((line.split_once(" = ")?.0.trim_matches('"').to_owned(), line.split_once(" = ")?.1.parse().ok()?))
    };
    lines.map(|line| pair(line).with_context(|| format!("{RECORD}: {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Costs, compare, parse, text};

    fn costs(pairs: &[(&str, f64)]) -> Costs {
        pairs.iter().map(|(path, cost)| ((*path).to_owned(), *cost)).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let costs = costs(&[("one/64/8B", 41.5), ("try_recv/64", 7.0)]);
        assert_eq!(parse(&text(&costs)).unwrap(), costs);
        assert!(parse("one = many").is_err());
    }

    #[test]
    fn a_path_that_moved_either_way_is_found() {
        let then = costs(&[("a", 100.0), ("b", 100.0), ("c", 100.0), ("tiny", 4.0)]);
        let found = compare(&then, &costs(&[("a", 104.0), ("b", 110.0), ("c", 90.0), ("tiny", 4.4)]));
        assert_eq!(found, ["b 100.0 -> 110.0 (+10 %)", "c 100.0 -> 90.0 (-10 %)"]);
    }

    #[test]
    fn a_path_that_comes_or_goes_is_found() {
        assert_eq!(compare(&costs(&[("a", 1.0)]), &costs(&[("b", 1.0)])), ["b is not on record", "a is gone"]);
    }
}
