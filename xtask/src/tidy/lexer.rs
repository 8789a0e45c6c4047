//! Just enough of Rust's lexical rules to tell code from comments and literals, line by line.

/// A line of Rust: its code, with literals emptied, and whether a comment stands on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) code: String,
    pub(super) comment: bool,
}

// CODE --"//"--> LINE --newline--> CODE        CODE --"/*"--> BLOCK(1) --"*/"--> CODE
// CODE --quote--> TEXT(hashes) --quote and hashes--> CODE
#[derive(Clone, Copy)]
enum State {
    Code,
    LineComment,
    BlockComment {
        depth: usize,
    },
    /// A string; `raw` ones have no escapes and end with as many hashes as they began with.
    Text {
        raw: bool,
        hashes: usize,
    },
}

pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    let mut state = State::Code;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let line = lines.last_mut().expect("there is always a line");
        let mut taken = letter.len_utf8();
        match state {
            State::Code => {
                if rest.starts_with("//") {
                    state = State::LineComment;
                } else if rest.starts_with("/*") {
                    (state, taken) = (State::BlockComment { depth: 1 }, 2);
                } else if let Some((raw, hashes, opening)) = string_start(&line.code, rest) {
                    (state, taken) = (State::Text { raw, hashes }, opening);
                    line.code += "\"";
                } else if letter == '\'' {
                    taken = character(rest).unwrap_or(1);
                    line.code += "'";
                } else if letter != '\n' {
                    line.code.push(letter);
                }
            }
            State::LineComment if letter == '\n' => state = State::Code,
            State::BlockComment { depth } if rest.starts_with("*/") => {
                taken = 2;
                state = if depth == 1 { State::Code } else { State::BlockComment { depth: depth - 1 } };
            }
            State::BlockComment { depth } if rest.starts_with("/*") => {
                (state, taken) = (State::BlockComment { depth: depth + 1 }, 2);
            }
            State::LineComment | State::BlockComment { .. } => {}
            State::Text { raw: false, .. } if letter == '\\' => {
                // The escaped letter may be a line break, which still begins a line.
                let escaped = rest[1..].chars().next().filter(|next| *next != '\n');
                taken += escaped.map_or(0, char::len_utf8);
            }
            State::Text { hashes, .. } => {
                let closing = rest
                    .strip_prefix('"')
                    .is_some_and(|after| after.bytes().take(hashes).filter(|byte| *byte == b'#').count() == hashes);
                if closing {
                    (state, taken) = (State::Code, 1 + hashes);
                    line.code += "\"";
                }
            }
        }
        line.comment |= matches!(state, State::LineComment | State::BlockComment { .. });
        if letter == '\n' {
            lines.push(Line::default());
        }
        rest = &rest[taken..];
    }
    lines
}

/// Raw or not, how many hashes, and how long the opening is; a prefix `b` or `c` is code before it.
fn string_start(before: &str, rest: &str) -> Option<(bool, usize, usize)> {
    if rest.starts_with('"') {
        return Some((false, 0, 1));
    }
    let after = rest.strip_prefix('r')?;
    let inside_a_word = before.chars().rev().find(|letter| !matches!(letter, 'b' | 'c'));
    if inside_a_word.is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
        return None;
    }
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    after[hashes..].starts_with('"').then_some((true, hashes, 2 + hashes))
}

/// The length of a character literal; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inside = &rest[1..];
    let mut letters = inside.char_indices();
    let (_, first) = letters.next()?;
    if first == '\\' {
        // Skips the escaped letter, which may be a quote.
        let after = 1 + letters.next()?.1.len_utf8();
        return Some(1 + after + inside[after..].find('\'')? + 1);
    }
    inside[first.len_utf8()..].starts_with('\'').then_some(first.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::lines;

    fn code(text: &str) -> Vec<String> {
        lines(text).into_iter().map(|line| line.code.trim().to_owned()).collect()
    }

    #[test]
    fn comments_are_no_code_and_are_remembered() {
        let found = lines("a // b\nc /* d\n /* e */ f\n g */ h\ni");
        let seen: Vec<_> = found.iter().map(|line| (line.code.trim(), line.comment)).collect();
        assert_eq!(seen, [("a", true), ("c", true), ("", true), ("h", true), ("i", false)]);
    }

    #[test]
    fn literals_are_emptied() {
        assert_eq!(code(r#"f("// no", 'x', '\'', '"', b"q\"")"#), [r#"f("", ', ', ', b"")"#]);
        assert_eq!(code("g(r#\"a \" // b\"#, br\"c\\\") // d"), ["g(\"\", b\"\")"]);
        assert_eq!(code("\"one\\\n two\" + x"), ["\"", "\" + x"]);
    }

    #[test]
    fn lifetimes_and_names_that_end_in_r_are_code() {
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), ["fn f<'a>(x: &'a str) {}"]);
        assert_eq!(code("for r in bar { r#type }"), ["for r in bar { r#type }"]);
    }
}
