//! Words that have no place in the repository.
//! The words are glued together here from halves, or these rules would find themselves.

use super::lexer::{self, Line};
use super::{Finding, Source, Sources, has_word};

const UNFINISHED: [&str; 5] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("TB", "D"), concat!("HA", "CK")];
const UNFINISHED_MACROS: [&str; 3] = [concat!("to", "do!"), concat!("unimpl", "emented!"), concat!("db", "g!(")];
const UNFINISHED_PHRASES: [&str; 4] = [
    concat!("for ", "now"),
    concat!("lorem ", "ipsum"),
    concat!("coming ", "soon"),
    concat!("not yet ", "implemented"),
];

pub(super) fn unfinished(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &sources.files {
        for (at, line) in file.lines() {
            let lower = line.to_lowercase();
            let word = UNFINISHED
                .into_iter()
                .filter(|word| has_word(line, word))
                .chain(UNFINISHED_MACROS.into_iter().filter(|word| line.contains(word)))
                .chain(UNFINISHED_PHRASES.into_iter().filter(|words| has_word(&lower, words)));
            findings.extend(word.map(|word| file.finding(at, word)));
        }
    }
    findings
}

pub(super) fn ignored_tests(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in sources.rust() {
        for (at, line) in lexer::lines(&file.text).iter().enumerate() {
            if line.code.contains(concat!("#[ign", "ore")) {
                findings.push(file.finding(at + 1, "a test that is not run"));
            }
        }
    }
    findings
}

/// A test waits for an event. That holds for the whole conformance crate, and for test modules.
pub(super) fn sleeping_tests(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in sources.rust() {
        let lines = lexer::lines(&file.text);
        let from = first_test_line(file, &lines);
        for (at, line) in lines.iter().enumerate().skip(from) {
            if line.code.contains(concat!("thread::sl", "eep")) {
                findings.push(file.finding(at + 1, "wait for an event, or model the time"));
            }
        }
    }
    findings
}

fn first_test_line(file: &Source, lines: &[Line]) -> usize {
    let path = &file.path;
    if path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("narrows-test/") {
        return 0;
    }
    let is_test_module = |line: &Line| line.code.trim() == "#[cfg(test)]";
    lines.iter().position(is_test_module).unwrap_or(lines.len())
}

pub(super) fn machine_paths(sources: &Sources) -> Vec<Finding> {
    const ROOTS: [&str; 4] =
        [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/Use", "rs/")];
    // Inside a longer path or an address the same letters mean something else.
    let inside = |letter: char| letter.is_alphanumeric() || "_.-/~}".contains(letter);
    let mut findings = Vec::new();
    for file in &sources.files {
        for (at, line) in file.lines() {
            for root in ROOTS {
                if line.match_indices(root).any(|(from, _)| !line[..from].ends_with(inside)) {
                    findings.push(file.finding(at, root));
                }
            }
        }
    }
    findings
}

pub(super) fn registry_hosts(sources: &Sources) -> Vec<Finding> {
    const HOSTS: [&str; 6] = [
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("pythonhosted", ".org"),
        concat!("npmjs", ".org"),
        concat!("proxy.golang", ".org"),
        concat!("rubygems", ".org"),
    ];
    // Cargo writes this name of the public registry itself, so a clone builds anywhere.
    const PUBLIC: &str = concat!("source = \"registry+https://github.com/rust-lang/crates", ".io-index\"");
    let mut findings = Vec::new();
    for file in &sources.files {
        for (at, line) in file.lines() {
            if file.path.ends_with("Cargo.lock") {
                if line.starts_with("source = ") && line != PUBLIC {
                    findings.push(file.finding(at, "a dependency from elsewhere"));
                }
            } else {
                let host = HOSTS.into_iter().filter(|host| line.contains(host));
                findings.extend(host.map(|host| file.finding(at, host)));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{
        Sources, UNFINISHED, UNFINISHED_MACROS, UNFINISHED_PHRASES, ignored_tests, machine_paths, registry_hosts,
        sleeping_tests, unfinished,
    };

    fn count(check: fn(&Sources) -> Vec<super::Finding>, path: &str, text: &str) -> usize {
        check(&Sources::of(&[(path, text)])).len()
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_prose() {
        for word in UNFINISHED.iter().chain(&UNFINISHED_MACROS).chain(&UNFINISHED_PHRASES) {
            assert_eq!(count(unfinished, "a.md", &format!("x {word} y")), 1, "{word}");
        }
        let fine = format!("mktemp name.{}, waits for nowhere, a method", "X".repeat(6));
        assert_eq!(count(unfinished, "a.sh", &fine), 0);
    }

    #[test]
    fn an_ignored_test_is_found() {
        let test = |attribute: &str| format!("#[test]\n{attribute}\nfn a() {{}}\n");
        assert_eq!(count(ignored_tests, "a.rs", &test(concat!("#[ign", "ore = \"slow\"]"))), 1);
        assert_eq!(count(ignored_tests, "a.rs", &test(concat!("// #[ign", "ore]"))), 0);
    }

    #[test]
    fn a_sleep_is_found_in_tests_only() {
        let sleep = concat!("std::thread::sl", "eep(x);");
        let module = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{ {sleep} }}\n");
        assert_eq!(count(sleeping_tests, "crates/a/tests/b.rs", sleep), 1);
        assert_eq!(count(sleeping_tests, "crates/narrows-test/src/b.rs", sleep), 1);
        assert_eq!(count(sleeping_tests, "crates/a/src/b.rs", &module), 1);
        assert_eq!(count(sleeping_tests, "crates/a/src/b.rs", sleep), 0);
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        let path = concat!("run `/ro", "ot/x` or /ho", "me/me/y or=/wo", "rk/z");
        assert_eq!(count(machine_paths, "a.md", path), 3);
        let other = concat!("target/wo", "rk/z and https://a.org/ho", "me/ and ~/ho", "me/");
        assert_eq!(count(machine_paths, "a.md", other), 0);
    }

    #[test]
    fn a_registry_host_is_found() {
        assert_eq!(count(registry_hosts, "a.md", concat!("from https://crates", ".io/x")), 1);
        let lock = "source = \"registry+https://mirror.example/index\"\n";
        assert_eq!(count(registry_hosts, "Cargo.lock", lock), 1);
        let public = concat!(
            "source = \"registry+https://github.com/rust-lang/crates",
            ".io-index\"
"
        );
        assert_eq!(count(registry_hosts, "Cargo.lock", public), 0);
    }
}
