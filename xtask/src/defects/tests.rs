//! The machinery proven on a toy: a repository of one crate, with patches good and bad.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Row, Verdict, run};
use crate::layers::Depth;
use crate::shell::Cmd;
use crate::workspace::Workspace;

const LIBRARY: &str = "pub fn sum(a: u32, b: u32) -> u32 {\n    a + b\n}\n";
const TESTS: &str = "#[test]\nfn sum_adds() {\n    assert_eq!(toy::sum(2, 1), 3);\n}\n\
    #[test]\nfn always_red() {\n    panic!();\n}\n";

/// A repository in a folder of its own, removed at the end.
struct Toy(PathBuf);

impl Toy {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("xtask-toy-{name}-{}", std::process::id()));
        let toy = Self(root);
        toy.write("Cargo.toml", "[package]\nname = \"toy\"\nedition = \"2024\"\n\n[workspace]\n");
        toy.write("src/lib.rs", LIBRARY);
        toy.write("tests/sums.rs", TESTS);
        toy.write(".gitignore", "/target\n");
        let made = Cmd::new("git", ["init", "--quiet"]).dir(&toy.0).quiet().run().unwrap();
        assert!(made.ok, "{}", made.output);
        toy
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A defect that replaces the second line of the library.
    fn plant(&self, name: &str, catches: &str, was: &str, now: &str) {
        self.plant_with(name, &format!("# catches: {catches}\n# says: assertion\n"), was, now);
    }

    fn plant_with(&self, name: &str, head: &str, was: &str, now: &str) {
        let head = format!("# defect: {name}\n{head}\n");
        let hunk = format!("@@ -1,3 +1,3 @@\n pub fn sum(a: u32, b: u32) -> u32 {{\n-{was}\n+{now}\n }}\n");
        let body = format!("--- a/src/lib.rs\n+++ b/src/lib.rs\n{hunk}");
        self.write(&format!("xtask/defects/{name}.patch"), &(head + &body));
    }

    fn workspace(&self) -> Workspace {
        Workspace { root: self.0.clone(), target: self.0.join("target") }
    }
}

impl Drop for Toy {
    fn drop(&mut self) {
        // What is left behind lies in the system's folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn verdict<'a>(rows: &'a [Row], defect: &str) -> &'a Verdict {
    &rows.iter().find(|row| row.defect == defect).unwrap().verdict
}

fn escaped(rows: &[Row], defect: &str, why: &str) {
    let verdict = verdict(rows, defect);
    let told = matches!(verdict, Verdict::Escaped(reason) if reason.contains(why));
    assert!(told, "{defect}: {verdict:?}");
}

#[test]
fn only_a_defect_that_turns_its_check_red_is_caught() {
    let toy = Toy::new("all");
    let (was, sums) = ("    a + b", "test toy/sums sum_adds");
    toy.plant("caught", sums, was, "    a - b");
    toy.plant("harmless", sums, was, "    b + a");
    toy.plant("stale", sums, "    a * b", "    a - b");
    toy.plant("broken", sums, was, "    a + c");
    toy.plant("nameless", "test toy/sums no_such_test", was, "    a - b");
    toy.plant("red-already", "test toy/sums always_red", was, "    a - b");
    toy.plant("other-words", sums, was, "    panic!(\"{}\", a - b)");
    let ws = toy.workspace();

    let (rows, left) = run(&ws, Depth::Ci).unwrap();
    assert_eq!((rows.len(), left), (7, 0));
    assert_eq!(verdict(&rows, "caught"), &Verdict::Caught("sum_adds".to_owned()));
    escaped(&rows, "harmless", "green with it");
    escaped(&rows, "stale", "no longer applies");
    escaped(&rows, "broken", "does not build");
    escaped(&rows, "nameless", "no test has that name");
    escaped(&rows, "red-already", "red without it");
    escaped(&rows, "other-words", "without a word of");

    let copy = ws.target.join("defects/others/tree");
    assert_eq!(fs::read_to_string(copy.join("src/lib.rs")).unwrap(), LIBRARY);
    assert_eq!(fs::read_to_string(ws.root.join("src/lib.rs")).unwrap(), LIBRARY);
    assert!(is_built_apart(&ws.target));
}

#[test]
fn what_is_left_to_deep_must_still_apply() {
    let toy = Toy::new("deep");
    let head = "# catches: test toy/sums sum_adds\n# says: assertion\n# only: deep\n";
    toy.plant_with("dear", head, "    a + b", "    a - b");
    let (rows, left) = run(&toy.workspace(), Depth::Ci).unwrap();
    assert_eq!((rows.len(), left), (0, 1));
    let (rows, left) = run(&toy.workspace(), Depth::Deep).unwrap();
    assert_eq!((verdict(&rows, "dear"), left), (&Verdict::Caught("sum_adds".to_owned()), 0));
    toy.plant_with("stale", head, "    a * b", "    a - b");
    assert!(run(&toy.workspace(), Depth::Ci).is_err());
}

/// What is built from planted sources must not pass for what is built from the original.
fn is_built_apart(target: &Path) -> bool {
    let folders: Vec<_> = fs::read_dir(target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    folders == ["defects"] && target.join("defects/others/debug").is_dir() && !target.join("defects/loom").exists()
}
