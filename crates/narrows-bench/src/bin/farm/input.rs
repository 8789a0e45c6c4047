//! What is on stdin, and what must come out. Made here, so that no tool is its own judge.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::row::Row;

/// What the lines say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// The number of the line, as wide as the line is to be.
    Numbers { bytes: usize },
    /// The same, and every eighth begins with `slow`, the first of them being the first line.
    EighthSlow,
    /// The same, and the first alone begins with `slow`.
    FirstSlow { bytes: usize },
}

impl Text {
    /// A line with its end.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Text::Numbers { bytes } | Text::FirstSlow { bytes } => bytes,
            Text::EighthSlow => "line000".len() + 1,
        }
    }

    fn line(self, number: usize) -> String {
        match self {
            Text::Numbers { bytes } => format!("line{number:0>width$}", width = bytes.saturating_sub(5)),
            Text::EighthSlow if number.is_multiple_of(8) => format!("slow{number:03}"),
            Text::EighthSlow => format!("line{number:03}"),
            Text::FirstSlow { bytes } => {
                let word = if number == 0 { "slow" } else { "line" };
                format!("{word}{number:0>width$}", width = bytes.saturating_sub(5))
            }
        }
    }
}

/// What the filter makes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Nothing,
    Same,
    Upper,
}

/// What came out, beside what should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    /// All lines are there and whole, in another order.
    Permuted,
    Wrong(String),
}

/// The input of a row: whole for most, less for tools that start a process for every line.
#[derive(Debug)]
pub(crate) struct Inputs {
    text: Text,
    answer: Answer,
    folder: PathBuf,
}

impl Inputs {
    pub(crate) fn new(row: &Row, folder: &Path) -> Inputs {
        Inputs { text: row.text, answer: row.answer, folder: folder.join(row.name.replace('/', "-")) }
    }

    pub(crate) fn lines(&self, count: usize) -> impl Iterator<Item = String> + '_ {
        (0..count).map(|number| self.text.line(number))
    }

    /// The file with so many lines.
    pub(crate) fn file(&self, count: usize) -> Result<PathBuf> {
        let path = self.folder.with_extension(count.to_string());
        if !path.exists() {
            let mut file = BufWriter::new(fs::File::create(&path).with_context(|| format!("{}", path.display()))?);
            for line in self.lines(count) {
                writeln!(file, "{line}")?;
            }
            file.flush()?;
        }
        Ok(path)
    }

    pub(crate) fn judge(&self, count: usize, output: &Path) -> Result<Verdict> {
        let mut expected = match self.answer {
            Answer::Nothing => Vec::new(),
            Answer::Same | Answer::Upper => fs::read(self.file(count)?)?,
        };
        if self.answer == Answer::Upper {
            expected.make_ascii_uppercase();
        }
        Ok(compare(&expected, &fs::read(output)?))
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        // The files of a row are of no use to the next. What cannot be removed goes with the folder.
        let Some((folder, name)) = self.folder.parent().zip(self.folder.file_name()) else { return };
        let name = format!("{}.", name.display());
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&name) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn compare(expected: &[u8], found: &[u8]) -> Verdict {
    if expected == found {
        return Verdict::Same;
    }
    let lines = |text| {
        let mut lines: Vec<_> = <[u8]>::split_inclusive(text, |&byte| byte == b'\n').collect();
        lines.sort_unstable();
        lines
    };
    let (wanted, came) = (lines(expected), lines(found));
    if wanted == came {
        return Verdict::Permuted;
    }
    let differ = wanted.iter().zip(&came).find(|(wanted, came)| wanted != came);
    let say = |line: &[u8]| String::from_utf8_lossy(&line[..line.len().min(40)]).trim_end().to_owned();
    let (count, of) = (came.len(), wanted.len());
    Verdict::Wrong(match differ {
        Some((wanted, came)) => format!("{count} lines of {of}, `{}` where `{}` belongs", say(came), say(wanted)),
        None => format!("{count} lines of {of}"),
    })
}
