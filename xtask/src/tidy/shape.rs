//! The shape of files: how long they are, how they open, where they take their lints from.

use super::{Finding, Sources};

const LONGEST: usize = 600;
const REASON: &str = "//! Long because ";

pub(super) fn length(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in sources.files.iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        let count = file.text.lines().count();
        let argued = file.text.lines().any(|line| line.starts_with(REASON));
        if count > LONGEST && !argued {
            let what = format!("{count} lines: split it, or say in its head `{REASON}...`");
            findings.push(file.finding(LONGEST + 1, what));
        }
    }
    findings
}

/// What the compiler is to refuse has no head: it is judged by its error message.
fn is_specimen(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "ui" | "compile_fail" | "compile-fail"))
}

pub(super) fn head(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in sources.rust().filter(|file| !is_specimen(&file.path)) {
        let is_code = |line: &&str| !line.is_empty() && !line.starts_with("#!");
        let first = file.text.lines().map(str::trim).find(is_code).unwrap_or_default();
        let told = first.strip_prefix("//!").is_some_and(|words| words.trim().contains(' '));
        if !told {
            findings.push(file.finding(1, "a first line `//! ...` that says what this file is"));
        }
    }
    findings
}

pub(super) fn lints(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &sources.files {
        let is_crate = file.path.ends_with("/Cargo.toml") && file.text.contains("[package]");
        let shares = file.text.contains("[lints]\nworkspace = true");
        if is_crate && !shares {
            findings.push(file.finding(1, "[lints] workspace = true"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, REASON, Sources, head, length, lints};

    #[test]
    fn a_long_file_is_found_unless_it_says_why() {
        let long = "x\n".repeat(LONGEST + 1);
        let argued = format!("{REASON}it is one table.\n{long}");
        let short = "x\n".repeat(LONGEST);
        let files = [("a.rs", long.as_str()), ("b.rs", argued.as_str()), ("c.md", short.as_str())];
        let found = length(&Sources::of(&files));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, "a.rs");
    }

    #[test]
    fn a_file_without_a_head_is_found() {
        let with = "#![cfg(loom)]\n\n//! What it is.\nfn a() {}\n";
        let files = [
            ("a/src/a.rs", "fn a() {}\n"),
            ("a/src/b.rs", with),
            ("a/src/c.rs", "//! x\n"),
            ("a/src/d.rs", ""),
            ("a/tests/compile_fail/e.rs", "fn main() {}\n"),
        ];
        let paths: Vec<_> = head(&Sources::of(&files)).into_iter().map(|found| found.path).collect();
        assert_eq!(paths, ["a/src/a.rs", "a/src/c.rs", "a/src/d.rs"]);
    }

    #[test]
    fn a_crate_with_lints_of_its_own_is_found() {
        let files = [
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n"),
            ("crates/b/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n"),
            ("Cargo.toml", "[workspace]\n"),
        ];
        let found = lints(&Sources::of(&files));
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
