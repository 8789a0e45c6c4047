//! `cargo xtask generate`: the man pages and completions of the program. They are made by a test of narrows-cli
//! (`src/pages.rs`), which in every other run compares them with what is committed.

use anyhow::Result;

use crate::shell::Cmd;
use crate::workspace::Workspace;

/// True when they were written.
pub(crate) fn run(ws: &Workspace) -> Result<bool> {
    let test = ["test", "--quiet", "--package", "narrows-cli", "--bin", "narrows", "--", "pages::"];
    let done = Cmd::new("cargo", test).dir(&ws.root).env("NARROWS_GENERATE", "1").run()?;
    if done.ok {
        println!("written: crates/narrows-cli/man, crates/narrows-cli/completions");
    }
    Ok(done.ok)
}
