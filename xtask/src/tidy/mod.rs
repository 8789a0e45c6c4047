//! The rules of this repository that no other tool knows, each a small function over the sources.
//! Every rule has a test that plants a violation and sees it found.

mod docs;
mod lexer;
mod memory;
mod shape;
mod words;

use std::collections::BTreeSet;
use std::fs;

use anyhow::Result;

use crate::layers::{Depth, Outcome};
use crate::shell::Cmd;
use crate::workspace::Workspace;

/// One text file of the repository, its path with forward slashes, relative to the root.
#[derive(Debug)]
struct Source {
    path: String,
    text: String,
}

/// What the rules see: the texts, and every path that a clone has.
#[derive(Debug, Default)]
struct Sources {
    files: Vec<Source>,
    paths: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

struct Rule {
    name: &'static str,
    check: fn(&Sources) -> Vec<Finding>,
}

const RULES: [Rule; 14] = [
    Rule { name: "no unfinished work", check: words::unfinished },
    Rule { name: "no ignored test", check: words::ignored_tests },
    Rule { name: "no sleep in a test", check: words::sleeping_tests },
    Rule { name: "no path of one machine", check: words::machine_paths },
    Rule { name: "no registry host", check: words::registry_hosts },
    Rule { name: "a file is short, or says why not", check: shape::length },
    Rule { name: "a file opens with what it is", check: shape::head },
    Rule { name: "every crate bounds its unsafe code", check: memory::unsafe_is_bounded },
    Rule { name: "unsafe stays where the root allows it", check: memory::unsafe_is_listed },
    Rule { name: "the root's documentation lists unsafe modules", check: memory::unsafe_is_told },
    Rule { name: "an ordering says why", check: memory::orderings },
    Rule { name: "relative links resolve", check: docs::links },
    Rule { name: "the change log has this version", check: docs::changelog },
    Rule { name: "crates take their lints from the workspace", check: shape::lints },
];

pub(crate) fn layer(ws: &Workspace, _: Depth) -> Result<Outcome> {
    let sources = Sources::load(ws)?;
    let mut findings = 0;
    let mut report = |name: &str, found: &[Finding]| {
        for finding in found {
            println!("{}:{}: {name}: {}", finding.path, finding.line, finding.what);
        }
        findings += found.len();
    };
    for rule in RULES {
        report(rule.name, &(rule.check)(&sources));
    }
    report("narrows stands on std alone", &dependencies(ws)?);
    Ok(if findings == 0 {
        Outcome::Ok(format!("{} rules, {} files", RULES.len() + 1, sources.files.len()))
    } else {
        Outcome::Failed(format!("{findings} findings"))
    })
}

/// `narrows` has no dependency by default: its tree is one line.
fn dependencies(ws: &Workspace) -> Result<Vec<Finding>> {
    let tree = Cmd::new("cargo", ["tree", "--package", "narrows", "--edges", "normal"])
        .args(["--prefix", "none", "--quiet"])
        .dir(&ws.root)
        .quiet()
        .run()?;
    let what = match tree.output.trim().lines().count() {
        1 if tree.ok => return Ok(Vec::new()),
        _ if !tree.ok => tree.output,
        count => format!("{} dependencies: {}", count - 1, tree.output.replace('\n', ", ")),
    };
    Ok(vec![Finding { path: "crates/narrows/Cargo.toml".to_owned(), line: 1, what }])
}

impl Sources {
    fn load(ws: &Workspace) -> Result<Self> {
        let mut sources = Self::default();
        for path in ws.sources()? {
            // What is no text is not for these rules.
            if let Ok(text) = fs::read_to_string(ws.root.join(&path)) {
                sources.files.push(Source { path: path.clone(), text });
            }
            sources.paths.insert(path);
        }
        Ok(sources)
    }

    fn rust(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(|file| file.has_extension("rs"))
    }

    fn get(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|file| file.path == path)
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        let mut sources = Self::default();
        for (path, text) in files {
            sources.paths.insert((*path).to_owned());
            sources.files.push(Source { path: (*path).to_owned(), text: (*text).to_owned() });
        }
        sources
    }
}

impl Source {
    fn has_extension(&self, wanted: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extension == wanted)
    }

    /// Lines with their numbers, from one.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into() }
    }
}

/// Does `text` hold `word` with no letter, digit or underscore on either side?
fn has_word(text: &str, word: &str) -> bool {
    let part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}
