//! Puts the records into a script for sh: `{}` becomes an expansion of the script's arguments, quoted as its place
//! demands, so that the shell neither parses, splits nor globs what a record says. The record itself never becomes
//! part of the script.
//!
//! ```text
//!   cp {} x         cp "$1" x
//!   echo "a {} b"   echo "a $1 b"          already quoted
//!   echo 'a {} b'   echo 'a '"$1"' b'      out of the quotes and in again
//!   "$(cat {})"     "$(cat "$1")"          inside $( ) quoting begins anew; a `case` in it may hold single `)`
//! ```
//! Backquotes, here-documents and `$'...'` have other rules; there a record is refused.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Where no record can be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Backquotes,
    HereDocument,
    DollarQuotes,
    Braces,
}

impl Wrong {
    pub(crate) fn place(self) -> &'static str {
        match self {
            Wrong::Backquotes => "inside `...`",
            Wrong::HereDocument => "into a script with a here-document (<<)",
            Wrong::DollarQuotes => "inside $'...'",
            Wrong::Braces => "inside ${...} or $((...))",
        }
    }
}

/// What surrounds the place that is looked at; the innermost is last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    Double,
    Single,
    DollarSingle,
    Backquotes,
    /// `$( )` and `( )`
    Parentheses,
    /// `${ }` and `$(( ))`
    Braces,
    Arithmetic,
    Comment,
    /// Between `case` and its `in`.
    CaseWord,
    /// Between that and `esac`: a `)` ends a pattern and nothing else.
    Case,
}

/// Words after which a command begins.
const LEADING: [&[u8]; 10] = [b"then", b"do", b"else", b"elif", b"if", b"while", b"until", b"!", b"{", b"time"];

struct Script<'a> {
    text: &'a [u8],
    at: usize,
    around: Vec<Around>,
    out: Vec<u8>,
    here_document: bool,
    /// Whether a word may begin here, so that `#` begins a comment.
    between_words: bool,
}

/// The script with each `{}` replaced; `several` records stand where one would.
pub(crate) fn place(script: &[u8], several: bool) -> Result<OsString, Wrong> {
    let record = if several { &b"$@"[..] } else { b"$1" };
    let mut script =
        Script { text: script, at: 0, around: Vec::new(), out: Vec::new(), here_document: false, between_words: true };
    while script.at < script.text.len() {
        if script.starts_with(b"{}") && script.innermost() != Some(Around::Comment) {
            script.put(record)?;
        } else {
            script.step();
        }
    }
    Ok(OsString::from_vec(script.out))
}

impl Script<'_> {
    fn innermost(&self) -> Option<Around> {
        self.around.last().copied()
    }

    fn starts_with(&self, sign: &[u8]) -> bool {
        self.text[self.at..].starts_with(sign)
    }

    fn put(&mut self, record: &[u8]) -> Result<(), Wrong> {
        if self.around.contains(&Around::Backquotes) {
            return Err(Wrong::Backquotes);
        }
        if self.here_document {
            return Err(Wrong::HereDocument);
        }
        let (before, after): (&[u8], &[u8]) = match self.innermost() {
            None | Some(Around::Parentheses | Around::CaseWord | Around::Case) => (b"\"", b"\""),
            Some(Around::Double) => (b"", b""),
            Some(Around::Single) => (b"'\"", b"\"'"),
            Some(Around::DollarSingle) => return Err(Wrong::DollarQuotes),
            Some(Around::Braces | Around::Arithmetic) => return Err(Wrong::Braces),
            Some(Around::Backquotes | Around::Comment) => return Err(Wrong::Backquotes),
        };
        // A digit may follow: $10 is $1 and a 0.
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(record);
        self.out.extend_from_slice(after);
        self.at += 2;
        self.between_words = false;
        Ok(())
    }

    /// Copies `length` bytes.
    fn copy(&mut self, length: usize) {
        let end = (self.at + length).min(self.text.len());
        self.out.extend_from_slice(&self.text[self.at..end]);
        self.at = end;
    }

    fn enter(&mut self, around: Around, length: usize) {
        self.around.push(around);
        self.copy(length);
        self.between_words = around == Around::Parentheses;
    }

    fn leave(&mut self, length: usize) {
        self.around.pop();
        self.copy(length);
        self.between_words = false;
    }

    /// Copies what stands here and follows the quotes.
    fn step(&mut self) {
        let byte = self.text[self.at];
        match (self.innermost(), byte) {
            (Some(Around::Comment), b'\n') => {
                self.leave(1);
                self.between_words = true;
            }
            (Some(Around::Single), b'\'') => self.leave(1),
            (Some(Around::Single | Around::Comment), _) => self.copy(1),
            (_, b'\\') => {
                self.copy(2);
                self.between_words = false;
            }
            (Some(Around::DollarSingle), b'\'') | (Some(Around::Double), b'"') | (Some(Around::Backquotes), b'`') => {
                self.leave(1);
            }
            (Some(Around::DollarSingle), _) => self.copy(1),
            (_, b'`') => self.enter(Around::Backquotes, 1),
            _ if self.starts_with(b"$((") => self.enter(Around::Arithmetic, 3),
            (Some(Around::Arithmetic), _) if self.starts_with(b"))") => self.leave(2),
            _ if self.starts_with(b"$(") => self.enter(Around::Parentheses, 2),
            _ if self.starts_with(b"${") => self.enter(Around::Braces, 2),
            (Some(Around::Braces), b'}') => self.leave(1),
            (Some(Around::Double), _) => self.copy(1),
            _ => self.step_unquoted(byte),
        }
    }

    /// Whether this word stands here, alone.
    fn at_word(&self, word: &[u8]) -> bool {
        let next = self.text.get(self.at + word.len());
        let ends = next.is_none_or(|byte| byte.is_ascii_whitespace() || b";&|()".contains(byte));
        self.between_words && ends && self.starts_with(word)
    }

    /// Whether what stands here is a command's first word.
    fn at_command(&self) -> bool {
        let before = &self.text[..self.at];
        let line = before.trim_ascii_end();
        let word = line.rsplit(|byte| byte.is_ascii_whitespace() || b";&|()".contains(byte)).next().unwrap_or_default();
        let breaks = before[line.len()..].contains(&b'\n');
        breaks || line.last().is_none_or(|byte| b";&|()".contains(byte)) || LEADING.contains(&word)
    }

    /// Copies a word that changes what a `)` means; whether one stood here.
    fn step_case(&mut self) -> bool {
        match self.innermost() {
            Some(Around::Case) if self.at_word(b"esac") && (self.at_command() || self.follows_in()) => self.leave(4),
            Some(Around::CaseWord) if self.at_word(b"in") => {
                self.around.pop();
                self.enter(Around::Case, 2);
            }
            _ if self.at_word(b"case") && self.at_command() => self.enter(Around::CaseWord, 4),
            _ => return false,
        }
        true
    }

    fn follows_in(&self) -> bool {
        self.text[..self.at].trim_ascii_end().ends_with(b"in")
    }

    fn step_unquoted(&mut self, byte: u8) {
        if self.step_case() {
            return;
        }
        match byte {
            _ if self.starts_with(b"$'") => self.enter(Around::DollarSingle, 2),
            b'\'' => self.enter(Around::Single, 1),
            b'"' => self.enter(Around::Double, 1),
            b'(' => self.enter(Around::Parentheses, 1),
            b')' if self.innermost() == Some(Around::Case) => {
                self.copy(1);
                self.between_words = true;
            }
            b')' if self.innermost() == Some(Around::CaseWord) => {
                // It was no `case` after all.
                self.around.pop();
                self.step();
            }
            b')' if self.innermost() == Some(Around::Parentheses) => self.leave(1),
            b'#' if self.between_words => self.enter(Around::Comment, 1),
            b'<' if self.starts_with(b"<<") && self.innermost() != Some(Around::Arithmetic) => {
                self.here_document = true;
                self.copy(2);
            }
            _ => {
                self.copy(1);
                self.between_words = byte.is_ascii_whitespace() || b";|&".contains(&byte);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn placed(script: &str) -> Result<String, Wrong> {
        place(script.as_bytes(), false).map(|script| script.into_string().expect("tests write text"))
    }

    #[test]
    fn a_record_is_quoted_as_its_place_demands() {
        for (script, expected) in [
            ("cp {} x", r#"cp "$1" x"#),
            ("echo \"a {} b\"", "echo \"a $1 b\""),
            ("echo 'a {} b' {}", "echo 'a '\"$1\"' b' \"$1\""),
            ("x=\"$(cat {} \"{}\")\" {}", "x=\"$(cat \"$1\" \"$1\")\" \"$1\""),
            ("# don't {}\ncat {}", "# don't {}\ncat \"$1\""),
            ("echo a#b'{}'", "echo a#b''\"$1\"''"),
            (r"echo \' {} \'", r#"echo \' "$1" \'"#),
            (
                "x=\"$(case {} in a) echo {} ;; (b|c) (echo {}); esac; echo {})'{}'\" {}",
                "x=\"$(case \"$1\" in a) echo \"$1\" ;; (b|c) (echo \"$1\"); esac; echo \"$1\")'$1'\" \"$1\"",
            ),
            (
                "\"$(if case x in esac; then case y in y) : {};; esac; fi)a{}\" {}",
                "\"$(if case x in esac; then case y in y) : \"$1\";; esac; fi)a$1\" \"$1\"",
            ),
            ("\"$(echo case in in)a{}\"", "\"$(echo case in in)a$1\""),
            ("\"$(case)a{}\"", "\"$(case)a$1\""),
            ("f() { cat {}; }; f", "f() { cat \"$1\"; }; f"),
        ] {
            assert_eq!(placed(script).as_deref(), Ok(expected));
        }
        assert_eq!(place(b"ls {}", true), Ok("ls \"$@\"".into()));
    }

    #[test]
    fn where_quoting_has_other_rules_a_record_is_refused() {
        assert_eq!(placed("echo `cat {}`"), Err(Wrong::Backquotes));
        assert_eq!(placed("cat <<E\n{}\nE"), Err(Wrong::HereDocument));
        assert_eq!(placed("echo $'{}'"), Err(Wrong::DollarQuotes));
        assert_eq!(placed("echo ${x:-{}}"), Err(Wrong::Braces));
        assert_eq!(placed("echo $(({} + 1))"), Err(Wrong::Braces));
    }

    /// The property itself: whatever the record says and wherever it stands, the shell prints it as it is.
    #[test]
    fn no_character_of_a_record_means_anything_to_the_shell() {
        let records = [
            "a b  c",
            " lead",
            "trail ",
            "*",
            "/*",
            "$HOME",
            "$(id)",
            "`id`",
            "';id;'",
            "\";id;\"",
            "a\\nb",
            "\\",
            "'",
            "\"",
            "-n",
            "~",
            "#x",
            "{a,b}",
            "a\tb",
            "line\nbreak",
            "!",
            "&",
            "|",
            ">x",
            "\u{e9}",
            "",
            "{}",
        ];
        let scripts = [
            "printf '<%s>' {}",
            "printf '<%s>' \"{}\"",
            "printf %s '<{}>'",
            "x={}; printf '<%s>' \"$x\"",
            "printf '<%s>' \"$(printf '%s.' {})\" | sed 's/[.]>$/>/'",
            "(printf '<%s>' {}) # it's {}",
            "printf %s \"$(case a in a) printf '<%s>' {};; esac)\"",
        ];
        for script in scripts {
            let safe = place(script.as_bytes(), false).expect("it can be placed");
            for record in records {
                if script.contains("'<{}>'") && (record.contains('\\') || record.contains('%')) {
                    // Here it is the format of printf, which has its own characters.
                    continue;
                }
                let output = Command::new("sh").arg("-c").arg(&safe).args(["sh", record]).output();
                let output = output.expect("sh runs").stdout;
                let expected = format!("<{record}>");
                assert_eq!(String::from_utf8_lossy(&output).trim_end_matches('\n'), expected.trim_end_matches('\n'));
            }
        }
    }
}
