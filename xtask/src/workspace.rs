//! Where things lie: the root of the repository and the build folders, one per kind of build.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::shell::Cmd;

#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Build folders lie under this one.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// The workspace this program was built in.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().context("xtask lies in no workspace")?.to_owned();
        ensure!(root.join("Cargo.toml").is_file(), "no Cargo.toml in {}", root.display());
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// Files that git tracks or would track, relative to the root, in order.
    pub(crate) fn sources(&self) -> Result<Vec<String>> {
        // A clone that belongs to another user is fine: nothing in it is run by git here.
        let listed = Cmd::new("git", ["-c", "safe.directory=*", "ls-files", "-z"])
            .args(["--cached", "--others", "--exclude-standard"])
            .dir(&self.root)
            .quiet()
            .run()?;
        ensure!(listed.ok, "git ls-files: {}", listed.output.trim());
        let names: BTreeSet<&str> = listed.output.split('\0').map(str::trim).collect();
        let mut files: Vec<String> = names.into_iter().map(str::to_owned).collect();
        files.retain(|name| !name.is_empty() && self.root.join(name).is_file());
        Ok(files)
    }
}
