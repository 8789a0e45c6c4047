//! Programs in other languages, built when they are first wanted, if the machine has what builds them.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

fn folder() -> PathBuf {
    env::temp_dir().join(format!("narrows-bench-program-{}", std::process::id()))
}

/// Writes `source` into a file of this name, and runs `builder` with these words, the file's name and `-o`. Why there is no
/// program is the error.
pub(crate) fn build(builder: &str, words: &[&str], file: &str, source: &str) -> Result<PathBuf> {
    let program = folder().join(format!("{file}.out"));
    fs::create_dir_all(folder()).context("a folder for the program")?;
    fs::write(folder().join(file), source)?;
    let mut command = Command::new(builder);
    command.args(words).arg("-o").arg(&program).arg(file).current_dir(folder());
    let built = command.output().map_err(|_| anyhow::anyhow!("no {builder} on this machine"))?;
    let text = String::from_utf8_lossy(&built.stderr);
    ensure!(built.status.success(), "{builder}: {}", text.lines().next().unwrap_or("failed"));
    Ok(program)
}

/// Removes what `build` left.
pub(crate) fn clean() {
    // What cannot be removed stays in the folder for temporary files.
    let _ = fs::remove_dir_all(folder());
}
