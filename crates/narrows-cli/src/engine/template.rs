//! A command with places for records: `{}`, `{#}` and `{w}`. Fills them; knows no process and no shell.
//! Invariant: a record becomes argument bytes as it is. Nothing here, nor what starts the process, interprets it.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A command line to be filled.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) path: PathBuf,
    words: Vec<Word>,
}

type Word = Vec<Part>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    /// `{}`
    Record,
    /// `{#}`
    Number,
    /// `{w}`
    Worker,
}

/// Why a record cannot be an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HasNul;

impl Template {
    pub(crate) fn new(path: PathBuf, argv: &[OsString]) -> Template {
        Template { path, words: argv.iter().map(|word| parse(word.as_bytes())).collect() }
    }

    /// Whether some word holds `{}` beside other text, which makes sense with a single record only.
    pub(crate) fn wants_one_record(&self) -> bool {
        self.words.iter().any(|word| word.len() > 1 && word.contains(&Part::Record))
    }

    /// The command line for these records, the first of which has this number, counted from 1.
    pub(super) fn fill(&self, records: &[&[u8]], number: u64, worker: usize) -> Result<Vec<OsString>, HasNul> {
        if records.iter().any(|record| memchr::memchr(0, record).is_some()) {
            return Err(HasNul);
        }
        let mut argv = Vec::with_capacity(self.words.len() + records.len());
        for word in &self.words {
            if word[..] == [Part::Record] {
                argv.extend(records.iter().map(|record| OsString::from_vec(record.to_vec())));
                continue;
            }
            let mut text = Vec::new();
            for part in word {
                match part {
                    Part::Text(bytes) => text.extend_from_slice(bytes),
                    Part::Record => text.extend_from_slice(records.first().copied().unwrap_or_default()),
                    Part::Number => text.extend_from_slice(number.to_string().as_bytes()),
                    Part::Worker => text.extend_from_slice(worker.to_string().as_bytes()),
                }
            }
            argv.push(OsString::from_vec(text));
        }
        Ok(argv)
    }

    /// The command's own name, for messages.
    pub(super) fn name(&self) -> String {
        match self.words.first().map(Vec::as_slice) {
            Some([Part::Text(text)]) => {
                let path = Path::new(std::ffi::OsStr::from_bytes(text));
                path.file_name().unwrap_or(path.as_os_str()).display().to_string()
            }
            _ => self.path.display().to_string(),
        }
    }
}

/// With the places as they were written; a word with blanks in it stands in quotes.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate().skip(1) {
            let text: String = word
                .iter()
                .map(|part| match part {
                    Part::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    Part::Record => "{}".into(),
                    Part::Number => "{#}".into(),
                    Part::Worker => "{w}".into(),
                })
                .collect();
            let blank = if index > 1 { " " } else { "" };
            if text.is_empty() || text.contains(char::is_whitespace) {
                write!(f, "{blank}{text:?}")?;
            } else {
                write!(f, "{blank}{text}")?;
            }
        }
        Ok(())
    }
}

fn parse(mut word: &[u8]) -> Word {
    let mut parts = Vec::new();
    let mut text = Vec::new();
    while let Some(byte) = word.first() {
        let place = [(&b"{}"[..], Part::Record), (b"{#}", Part::Number), (b"{w}", Part::Worker)];
        if let Some((sign, part)) = place.into_iter().find(|(sign, _)| word.starts_with(sign)) {
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(part);
            word = &word[sign.len()..];
        } else {
            text.push(*byte);
            word = &word[1..];
        }
    }
    if !text.is_empty() || parts.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(argv: &[&str], records: &[&[u8]]) -> Result<Vec<OsString>, HasNul> {
        let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
        Template::new("/bin/x".into(), &argv).fill(records, 7, 2)
    }

    #[test]
    fn every_place_is_filled() {
        let argv = filled(&["x", "{}", "a{}b{}", "{#}-{w}", "", "{ }", "{}{#}"], &[b"r s"]);
        let expected = ["x", "r s", "ar sbr s", "7-2", "", "{ }", "r s7"].map(OsString::from).to_vec();
        assert_eq!(argv, Ok(expected));
    }

    #[test]
    fn what_a_record_says_is_not_looked_at_again() {
        assert_eq!(filled(&["x", "{}"], &[b"{#}{w}{}$(x)"]), Ok(vec!["x".into(), "{#}{w}{}$(x)".into()]));
    }

    #[test]
    fn several_records_are_several_arguments() {
        let argv = filled(&["x", "-k", "{}", "end"], &[b"a", b"", b"c d"]);
        assert_eq!(argv, Ok(["x", "-k", "a", "", "c d", "end"].map(OsString::from).to_vec()));
    }

    #[test]
    fn a_record_with_nul_is_no_argument() {
        assert_eq!(filled(&["x", "{}"], &[b"a", b"b\0c"]), Err(HasNul));
    }
}
