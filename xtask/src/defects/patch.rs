//! A defect on paper: a unified diff under a head of `# key: value` lines. Runs nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::harness::{Harness, Tests};

/// The check that a defect names: one test, and the checker to run it under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Check {
    pub(crate) harness: Harness,
    pub(crate) tests: Tests,
    /// As written in the head.
    pub(crate) text: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Defect {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) check: Check,
    /// What the red run must print, so that it is red for the right reason.
    pub(crate) says: String,
    /// Planted by `deep` alone.
    pub(crate) only_deep: bool,
}

impl Check {
    /// `LAYER PACKAGE/PROGRAM TEST`, as in `loom narrows/lib queue::model::queue_publish_1`.
    fn parse(line: &str) -> Result<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [layer, place, test] = *words else { bail!("`catches` reads LAYER PACKAGE/PROGRAM TEST, not `{line}`") };
        let Some(harness) = Harness::named(layer) else { bail!("there is no check `{layer}`") };
        let (package, program) = place.split_once('/').with_context(|| format!("`{place}` is no PACKAGE/PROGRAM"))?;
        Ok(Self { harness, tests: Tests::one(package, program, test), text: words.join(" ") })
    }
}

impl Defect {
    fn parse(path: &Path, text: &str) -> Result<Self> {
        let head: Vec<&str> = text.lines().map_while(|line| line.strip_prefix('#')).collect();
        let value =
            |key: &str| head.iter().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(':')).map(str::trim);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = value("defect").context("the head has no `# defect: NAME, what it is`")?;
        ensure!(name.starts_with(&*stem), "the head names `{name}`, the file is {stem}");
        let check = Check::parse(value("catches").context("the head has no `# catches: CHECK`")?)?;
        ensure!(text.contains("\n--- a/") && text.contains("\n+++ b/"), "holds no unified diff");
        let says = value("says").context("the head has no `# says: WORDS`")?.to_owned();
        let only_deep = match value("only") {
            None => false,
            Some("deep") => true,
            Some(other) => bail!("`only` reads deep, not `{other}`"),
        };
        Ok(Self { name: stem.into_owned(), path: path.to_owned(), check, says, only_deep })
    }

    /// Every patch of a folder, by name.
    pub(crate) fn load_all(folder: &Path) -> Result<Vec<Self>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|ext| ext == "patch") {
                paths.push(path);
            }
        }
        paths.sort();
        let load = |path: &PathBuf| {
            let text = fs::read_to_string(path)?;
            Self::parse(path, &text)
        };
        paths.iter().map(|path| load(path).with_context(|| path.display().to_string())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Defect;
    use crate::harness::{Harness, Tests};

    const BODY: &str = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";

    fn parse(head: &str) -> anyhow::Result<Defect> {
        Defect::parse(Path::new("leak.patch"), &format!("{head}{BODY}"))
    }

    #[test]
    fn the_head_names_the_defect_and_its_check() {
        let head =
            "# defect: leak, the last block stays\n# catches: leak narrows-test/stress drop\n# says: LeakSanitizer\n\n";
        let defect = parse(head).unwrap();
        assert_eq!(defect.name, "leak");
        assert_eq!(defect.check.harness, Harness::Leak);
        assert_eq!(defect.check.tests, Tests::one("narrows-test", "stress", "drop"));
        assert_eq!(defect.says, "LeakSanitizer");
        assert!(!defect.only_deep);
        let deep = format!("{}\n# only: deep\n\n", head.trim_end());
        assert!(parse(&deep).unwrap().only_deep);
    }

    #[test]
    fn a_head_that_says_too_little_is_refused() {
        for head in [
            "",
            "# defect: leak\n# says: x\n\n",
            "# defect: leak\n# catches: loom a/b c\n\n",
            "# defect: other\n# catches: loom a/b c\n# says: x\n\n",
            "# defect: leak\n# catches: helgrind a/b c\n# says: x\n\n",
            "# defect: leak\n# catches: loom c\n# says: x\n\n",
            "# defect: leak\n# catches: loom a c\n# says: x\n\n",
            "# defect: leak\n# catches: loom a/b c d\n# says: x\n\n",
            "# defect: leak\n# catches: loom a/b c\n# says: x\n# only: nights\n\n",
        ] {
            assert!(parse(head).is_err(), "{head}");
        }
    }
}
