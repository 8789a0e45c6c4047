//! The tools, one file each. To add one: write its file, name it in `all`.

mod gnu_parallel;
mod moreutils;
mod narrows;
mod plain;
mod rust_parallel;
mod split;
mod xargs;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::input::Inputs;
use crate::row::Row;

/// What a way is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    /// Gives its filters many lines each.
    Stream,
    /// Starts a process for each line.
    PerLine,
    /// No tool, but what the machine can do: shown, not counted.
    Floor,
}

/// One way in which a tool does the work of a row.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) label: String,
    pub(crate) kind: Kind,
    argv: Vec<OsString>,
    pub(crate) lines: usize,
    /// It promises answers in the order of the questions.
    pub(crate) ordered: bool,
    /// The lines are arguments of the tool, which does not read them.
    takes_arguments: bool,
    /// Why it cannot be run.
    pub(crate) absent: Option<String>,
}

impl Way {
    fn new(label: impl Into<String>, kind: Kind, program: &Path, arguments: &[&str]) -> Way {
        Way {
            label: label.into(),
            kind,
            argv: [program.as_os_str()].into_iter().chain(arguments.iter().map(OsStr::new)).map(Into::into).collect(),
            lines: 0,
            ordered: true,
            takes_arguments: false,
            absent: None,
        }
    }

    /// The command that the tool is to run.
    fn on(mut self, command: &[String], lines: usize) -> Way {
        self.argv.extend(command.iter().map(Into::into));
        Way { lines, ..self }
    }

    fn then(mut self, argument: &str) -> Way {
        self.argv.push(argument.into());
        self
    }

    fn unordered(self) -> Way {
        Way { ordered: false, ..self }
    }

    pub(crate) fn argv(&self, inputs: &Inputs) -> Vec<OsString> {
        let lines = if self.takes_arguments { self.lines } else { 0 };
        self.argv.iter().cloned().chain(inputs.lines(lines).map(Into::into)).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) found: Result<Found, String>,
    ways: fn(&Path, &Row) -> Vec<Way>,
}

#[derive(Debug)]
pub(crate) struct Found {
    path: PathBuf,
    pub(crate) version: String,
}

impl Peer {
    pub(crate) fn ways(&self, row: &Row) -> Vec<Way> {
        match &self.found {
            Ok(found) => (self.ways)(&found.path, row),
            Err(why) => {
                let absent = |way| Way { absent: Some(why.clone()), ..way };
                (self.ways)(Path::new(self.name), row).into_iter().map(absent).collect()
            }
        }
    }
}

/// Ours first; the others in the order in which a table shows them.
pub(crate) fn all(narrows: Option<&Path>) -> Result<Vec<Peer>> {
    Ok(vec![
        narrows::peer(narrows)?,
        gnu_parallel::peer(),
        xargs::peer(),
        split::peer(),
        moreutils::peer(),
        rust_parallel::peer(),
        plain::peer(),
    ])
}

/// Looks for a tool: where the variable says, else under these names on the path.
fn find(variable: &str, names: &[&str], version: impl Fn(&Path) -> Option<String>) -> Result<Found, String> {
    let told = env::var_os(variable).map(PathBuf::from);
    let candidates = told.into_iter().chain(names.iter().map(PathBuf::from));
    let found = candidates.into_iter().find_map(|path| Some(Found { version: version(&path)?, path }));
    found.ok_or_else(|| format!("not installed, or not at ${variable}"))
}

/// The first line that `--version` brings.
fn version(path: &Path) -> Option<String> {
    let output = Command::new(path).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

/// The word as a shell reads it.
fn quoted(command: &[String]) -> String {
    let words = command.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''")));
    words.collect::<Vec<_>>().join(" ")
}

/// The program beside this one, unless another is named.
fn ours(named: Option<&Path>) -> Result<PathBuf> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => env::current_exe().context("where this program lies")?.with_file_name("narrows"),
    };
    ensure!(path.exists(), "no {}: build it with `cargo build --release --package narrows-cli`", path.display());
    Ok(path)
}
