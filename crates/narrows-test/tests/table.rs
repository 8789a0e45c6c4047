//! The table in `README.md` names tests that exist, and leaves out no rule and no pitfall.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every `rule_..` and `pitfall_..` that is a function here or a module of tests, and every `stress_..`.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["src", "tests"] {
        for file in fs::read_dir(here(folder)).expect("a folder") {
            let path = file.expect("an entry").path();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(path).expect("a source");
            let starts = ["pub fn ", "fn ", "mod "];
            let items = text.lines().filter_map(|line| starts.iter().find_map(|start| line.strip_prefix(start)));
            names.extend(items.map(|name| name.split(['(', '<', ' ', ';']).next().unwrap_or_default().to_owned()));
        }
    }
    names.retain(|name| ["rule_", "pitfall_", "stress_"].iter().any(|start| name.starts_with(start)));
    names
}

/// What is stamped out in `tests/`: a rule that is only written down runs nowhere.
fn stamped() -> String {
    let files = fs::read_dir(here("tests")).expect("a folder");
    let sources = files.map(|file| file.expect("an entry").path()).filter(|path| path.is_file());
    sources.map(|path| fs::read_to_string(path).expect("a source")).collect()
}

fn table() -> String {
    fs::read_to_string(here("README.md")).expect("a table")
}

/// The rows `| number | ...` under a heading.
fn rows(heading: &str) -> Vec<(usize, String)> {
    let table = table();
    let part = table.split(heading).nth(1).expect("the heading").split("\n## ").next().expect("a part");
    let cells = part.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    cells.filter_map(|(number, rest)| Some((number.trim().parse().ok()?, rest.to_owned()))).collect()
}

fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_rule_and_every_pitfall_has_its_row() {
    for (heading, count) in [("## Rules", 25), ("## Pitfalls", 32)] {
        let numbers: Vec<usize> = rows(heading).iter().map(|row| row.0).collect();
        let missing: Vec<usize> = (1..=count).filter(|number| !numbers.contains(number)).collect();
        assert!(missing.is_empty(), "{heading}: no row for {missing:?}");
    }
}

#[test]
fn every_test_in_the_table_exists() {
    let tests = tests();
    for (heading, kind) in [("## Rules", "rule"), ("## Pitfalls", "pitfall")] {
        for (number, row) in rows(heading) {
            let named: Vec<&str> = names_in(&row).filter(|name| name.contains('_')).collect();
            for name in &named {
                assert!(tests.contains(*name), "{kind} {number}: there is no test {name}");
            }
            assert!(!named.is_empty() || row.contains("later"), "{kind} {number} has no test");
        }
    }
}

#[test]
fn every_test_stands_in_the_table_and_is_run() {
    let (table, stamped) = (table(), stamped());
    let named: BTreeSet<&str> = names_in(&table).collect();
    for test in tests() {
        assert!(named.contains(test.as_str()), "{test} is not in README.md");
        assert!(stamped.contains(&test), "{test} is in no binary");
    }
}

#[test]
fn a_rule_bears_its_own_number() {
    for (number, row) in rows("## Rules") {
        let own = format!("rule_{number:02}_");
        let strange: Vec<&str> =
            names_in(&row).filter(|name| name.starts_with("rule_") && !name.starts_with(&own)).collect();
        assert!(strange.is_empty(), "rule {number}: {strange:?}");
    }
}
