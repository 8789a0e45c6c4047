//! A copy of the sources for each lane, to plant defects in. The original is only read.
//! Invariant: a file is written only where it differs, so what is built stays built.
//! Invariant: the copy has build folders of its own. Cargo names what it builds by the path inside the
//! workspace, so in a shared folder a planted build would pass for one of the original.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::shell::Cmd;
use crate::workspace::Workspace;

pub(crate) struct Tree {
    original: PathBuf,
    files: Vec<String>,
    pub(crate) copy: Workspace,
}

impl Tree {
    pub(crate) fn new(ws: &Workspace, lane: &str) -> Result<Self> {
        let folder = ws.target.join("defects").join(lane);
        let root = folder.join("tree");
        let copy = Workspace { root, target: folder };
        let tree = Self { original: ws.root.clone(), files: ws.sources()?, copy };
        tree.restore()?;
        Ok(tree)
    }

    /// Makes the copy equal to the original again.
    pub(crate) fn restore(&self) -> Result<()> {
        let root = &self.copy.root;
        fs::create_dir_all(root).with_context(|| format!("make {}", root.display()))?;
        let wanted: HashSet<PathBuf> = self.files.iter().map(|name| root.join(name)).collect();
        remove_others(root, &wanted)?;
        for name in &self.files {
            let (from, to) = (self.original.join(name), root.join(name));
            if fs::read(&to).ok() != Some(fs::read(&from)?) {
                fs::create_dir_all(to.parent().context("a file lies in no folder")?)?;
                fs::copy(&from, &to).with_context(|| format!("copy {name}"))?;
            }
        }
        Ok(())
    }

    /// Applies a patch whole, or changes nothing and says why not.
    pub(crate) fn apply(&self, patch: &Path) -> Result<()> {
        self.git_apply(patch, &[])
    }

    /// Whether it would, and why not.
    pub(crate) fn would_apply(&self, patch: &Path) -> Result<()> {
        self.git_apply(patch, &["--check"])
    }

    fn git_apply(&self, patch: &Path, how: &[&str]) -> Result<()> {
        let above = self.copy.root.parent().context("the copy lies in no folder")?;
        let applied = Cmd::new("git", ["apply", "--whitespace=nowarn"])
            .args(how.iter().copied())
            .args([&*patch.to_string_lossy()])
            // Or git finds the repository around the copy, and skips paths outside its folder.
            .env("GIT_CEILING_DIRECTORIES", above.canonicalize()?)
            .dir(&self.copy.root)
            .quiet()
            .run()?;
        ensure!(applied.ok, "{}", applied.output.trim());
        Ok(())
    }
}

/// Fills a build folder that is not there with what a layer has built, times included, so that a checker is built once.
/// What is of this repository is built again: the copies of its sources are younger.
pub(crate) fn begin_with(built: &Path, ours: &Path) -> Result<()> {
    if !ours.exists() && built.is_dir() && copy_with_times(built, ours).is_err() {
        // Then all of it is built here.
        fs::remove_dir_all(ours).with_context(|| format!("remove {}", ours.display()))?;
    }
    Ok(())
}

fn copy_with_times(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_with_times(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
            File::options().write(true).open(&to)?.set_modified(entry.metadata()?.modified()?)?;
        }
    }
    Ok(())
}

fn remove_others(folder: &Path, wanted: &HashSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            remove_others(&path, wanted)?;
        } else if !wanted.contains(&path) {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    Ok(())
}
