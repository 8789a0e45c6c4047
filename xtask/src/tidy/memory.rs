//! Unsafe code and memory orderings: where they may stand, and what must stand beside them.

use std::collections::BTreeSet;

use super::lexer::{self, Line};
use super::{Finding, Source, Sources, has_word};

const LIBRARY: &str = "crates/narrows/src/";
const LIBRARY_ROOT: &str = "crates/narrows/src/lib.rs";

/// Roots of crates: libraries and programs.
fn roots(sources: &Sources) -> impl Iterator<Item = &Source> {
    sources.rust().filter(|file| {
        let mut parts = file.path.rsplit('/');
        let name = parts.next();
        matches!(name, Some("lib.rs" | "main.rs")) && parts.next() == Some("src")
    })
}

pub(super) fn unsafe_is_bounded(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for root in roots(sources) {
        let lines = lexer::lines(&root.text);
        let bounded = ["#![deny(unsafe_code", "#![forbid(unsafe_code"]
            .iter()
            .any(|attribute| lines.iter().any(|line| line.code.trim().starts_with(attribute)));
        if !bounded {
            findings.push(root.finding(1, "#![forbid(unsafe_code)], or deny and allow on modules"));
        }
    }
    findings
}

/// A module that may hold unsafe code, and the attribute that says so.
struct Allowed<'a> {
    module: String,
    file: &'a Source,
    line: usize,
    has_reason: bool,
}

/// `#[allow(unsafe_code)] mod NAME;` and the like; in a whole file, `#![...]`, it names no module.
fn allowed_in(file: &Source) -> Vec<Allowed<'_>> {
    let lines = lexer::lines(&file.text);
    let bounds = |line: &Line| line.code.contains("deny(") || line.code.contains("forbid(");
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if !has_word(&line.code, "unsafe_code") || bounds(line) {
            continue;
        }
        let mut rest = lines[at..].iter().take(5);
        let words = |line: &Line| line.code.split([' ', ';', '{']).map(str::to_owned).collect::<Vec<_>>();
        let module = rest.find_map(|line| words(line).into_iter().skip_while(|word| word != "mod").nth(1));
        found.push(Allowed {
            module: module.unwrap_or_default(),
            file,
            line: at + 1,
            has_reason: lines[at..].iter().take(3).any(|line| has_word(&line.code, "reason")),
        });
    }
    found
}

/// Is this file the module `name` of its crate, or inside it?
fn is_in_module(path: &str, name: &str) -> bool {
    path.trim_end_matches(".rs").split('/').any(|part| part == name)
}

/// In `narrows` the root lists every module; elsewhere any `mod` line may, if it gives a reason.
pub(super) fn unsafe_is_listed(sources: &Sources) -> Vec<Finding> {
    let folders: BTreeSet<&str> =
        roots(sources).filter_map(|root| root.path.rsplit_once('/').map(|(folder, _)| folder)).collect();
    folders.into_iter().flat_map(|folder| unlisted(sources, &format!("{folder}/"))).collect()
}

fn unlisted(sources: &Sources, folder: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let files: Vec<_> = sources.rust().filter(|file| file.path.starts_with(folder)).collect();
    let (allowed, astray): (Vec<_>, Vec<_>) = files.iter().flat_map(|file| allowed_in(file)).partition(|one| {
        let told = if folder == LIBRARY { one.file.path == LIBRARY_ROOT } else { one.has_reason };
        told && !one.module.is_empty()
    });
    for one in astray {
        let rule = if folder == LIBRARY { "only the root allows it" } else { "on a `mod` line, with a reason" };
        findings.push(one.file.finding(one.line, rule));
    }
    let mut used = vec![false; allowed.len()];
    for file in files {
        let module = allowed.iter().position(|one| is_in_module(&file.path[folder.len()..], &one.module));
        for (at, line) in lexer::lines(&file.text).iter().enumerate() {
            match module {
                _ if !has_word(&line.code, "unsafe") => {}
                Some(module) => used[module] = true,
                None => findings.push(file.finding(at + 1, "this module is not allowed any")),
            }
        }
    }
    for (one, _) in allowed.iter().zip(used).filter(|(_, used)| !used) {
        findings.push(one.file.finding(one.line, format!("`{}` needs none", one.module)));
    }
    findings
}

pub(super) fn unsafe_is_told(sources: &Sources) -> Vec<Finding> {
    let Some(root) = sources.get(LIBRARY_ROOT) else {
        return Vec::new();
    };
    let told: Vec<&str> = root.text.lines().filter(|line| line.starts_with("//!")).collect();
    allowed_in(root)
        .into_iter()
        .filter(|one| !told.iter().any(|line| line.contains(&format!("`{}`", one.module))))
        .map(|one| root.finding(one.line, format!("the root's `//!` does not name `{}`", one.module)))
        .collect()
}

/// A comment stands on the line of an ordering above Relaxed, or in the three lines above it.
/// Where one call names two orderings on two lines, both share the comment.
pub(super) fn orderings(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in sources.rust().filter(|file| file.path.starts_with(LIBRARY)) {
        let lines = lexer::lines(&file.text);
        let mut last_argued = None;
        for (at, line) in lines.iter().enumerate() {
            if line.code.trim() == "#[cfg(test)]" {
                break;
            }
            if !orders(line) {
                continue;
            }
            let near = lines[at.saturating_sub(3)..=at].iter().any(|line| line.comment);
            if near || at.checked_sub(1).is_some_and(|above| last_argued == Some(above)) {
                last_argued = Some(at);
            } else {
                findings.push(file.finding(at + 1, "which ordering does it pair with, and why?"));
            }
        }
    }
    findings
}

fn orders(line: &Line) -> bool {
    let import = line.code.trim_start().split(' ').take(2).any(|word| word == "use");
    let strong = ["Acquire", "Release", "AcqRel", "SeqCst"];
    !import && strong.iter().any(|word| has_word(&line.code, word))
}

#[cfg(test)]
mod tests {
    use super::{LIBRARY_ROOT, Sources, orderings, unsafe_is_bounded, unsafe_is_listed, unsafe_is_told};

    const ROOT: &str = "//! Only `ring` may.\n#![deny(unsafe_code)]\nmod wait;\n\
        #[allow(unsafe_code)]\nmod ring;\n";

    fn with(file: &str, text: &str) -> Sources {
        Sources::of(&[(LIBRARY_ROOT, ROOT), ("crates/narrows/src/ring.rs", "unsafe fn a() {}\n"), (file, text)])
    }

    #[test]
    fn unsafe_outside_the_list_is_found() {
        let fine = with("crates/narrows/src/wait.rs", "// no unsafe here, not \"unsafe\"\n");
        assert_eq!(unsafe_is_listed(&fine), []);
        let code = with("crates/narrows/src/wait.rs", "fn a() {\n    unsafe { b() }\n}\n");
        assert_eq!(unsafe_is_listed(&code).len(), 1);
        let own = with("crates/narrows/src/wait.rs", "#![allow(unsafe_code)]\n");
        assert_eq!(unsafe_is_listed(&own).len(), 1);
        let inside = with("crates/narrows/src/ring/slot.rs", "unsafe { b() }\n");
        assert_eq!(unsafe_is_listed(&inside), []);
    }

    #[test]
    fn elsewhere_unsafe_needs_a_reason_on_its_module() {
        let check = |attribute: &str| {
            let modules = format!("//! Parts.\n{attribute}\nmod spawn;\n");
            unsafe_is_listed(&Sources::of(&[
                ("crates/cli/src/main.rs", "//! A.\n#![deny(unsafe_code)]\nmod engine;\n"),
                ("crates/cli/src/engine/mod.rs", &modules),
                ("crates/cli/src/engine/spawn.rs", "//! B.\nunsafe { b() }\n"),
            ]))
            .len()
        };
        assert_eq!(check("#[allow(unsafe_code, reason = \"argued\")]"), 0);
        assert_eq!(check("#[allow(\n    unsafe_code,\n    reason = \"argued\"\n)]"), 0);
        assert_eq!(check("#[allow(unsafe_code)]"), 2);
        assert_eq!(check(""), 1);
    }

    #[test]
    fn a_listed_module_without_unsafe_is_found() {
        let idle = Sources::of(&[(LIBRARY_ROOT, ROOT), ("crates/narrows/src/ring.rs", "fn a() {}\n")]);
        assert_eq!(unsafe_is_listed(&idle).len(), 1);
    }

    #[test]
    fn a_module_that_the_documentation_does_not_name_is_found() {
        assert_eq!(unsafe_is_told(&with("a.rs", "")), []);
        let silent = ROOT.replace("`ring`", "one module");
        assert_eq!(unsafe_is_told(&Sources::of(&[(LIBRARY_ROOT, &silent)])).len(), 1);
    }

    #[test]
    fn a_crate_without_bounds_is_found() {
        let files = [
            ("crates/a/src/lib.rs", "//! A.\n"),
            ("crates/b/src/main.rs", "//! B.\n#![forbid(unsafe_code)]\n"),
            ("crates/a/src/inner/main.rs", "//! No root.\n"),
        ];
        assert_eq!(unsafe_is_bounded(&Sources::of(&files)).len(), 1);
    }

    #[test]
    fn an_ordering_without_a_reason_is_found() {
        let check = |text: &str| orderings(&with("crates/narrows/src/wait.rs", text)).len();
        assert_eq!(check("x.load(Ordering::Acquire);\n"), 1);
        assert_eq!(check("fence(SeqCst);\n"), 1);
        assert_eq!(check("x.load(Ordering::Relaxed);\n"), 0);
        assert_eq!(check("use std::sync::atomic::Ordering::{Acquire, SeqCst};\n"), 0);
        assert_eq!(check("// Acquire: pairs with `push`.\nx.load(Acquire);\n"), 0);
        assert_eq!(check("x.load(Acquire); // pairs with `push`\n"), 0);
        assert_eq!(check("// Pairs.\na(\n b,\n c,\n AcqRel,\n Acquire,\n);\n"), 2);
        assert_eq!(check("// Pairs.\na(\n b,\n AcqRel,\n Acquire,\n);\n"), 0);
        assert_eq!(check("#[cfg(test)]\nmod tests { x.load(SeqCst); }\n"), 0);
    }
}
