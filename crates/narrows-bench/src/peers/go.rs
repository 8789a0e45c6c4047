//! Go's channels: a program of its own, built when it is first wanted, one process per sample. Its goroutines switch in
//! user space, so it compares with tasks; it is shown beside threads too, and counted nowhere.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

use crate::row::{How, Load, Row};
use crate::runner::Runner;

const SOURCE: &str = include_str!("../../go/main.go");

static PROGRAM: OnceLock<Result<PathBuf>> = OnceLock::new();

pub(crate) fn runner() -> Runner {
    Runner::new("go", |row, count| {
        let (load, places) = (name(row)?, row.places()?);
        let program = PROGRAM.get_or_init(build).as_ref().ok()?;
        let shape = row.shape();
        let senders = if let Load::SelectRx(channels) = row.load { channels } else { shape.senders };
        let numbers = [senders, shape.receivers, places as u64, row.bytes as u64, count];
        let done = Command::new(program).arg(load).args(numbers.map(|number| number.to_string())).output().ok()?;
        assert!(done.status.success(), "go, {row}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).ok()?.trim().parse().ok().map(|cost| vec![cost])
    })
    .beside()
}

/// Why there are no figures, once they were asked for.
pub(crate) fn absent() -> Option<String> {
    PROGRAM.get()?.as_ref().err().map(|why| format!("{why:#}"))
}

fn name(row: &Row) -> Option<&'static str> {
    match row.load {
        _ if row.how == How::Pinned => None,
        Load::One => Some("one"),
        Load::Stream(_) => Some("stream"),
        Load::PingPong => Some("ping-pong"),
        Load::TryRecv => Some("try_recv"),
        Load::TrySend => Some("try_send"),
        Load::Create => Some("create"),
        Load::SelectRx(4) => Some("select_rx"),
        Load::SelectBoth(4) => Some("select_both"),
        _ => None,
    }
}

fn build() -> Result<PathBuf> {
    ensure!(Command::new("go").arg("version").output().is_ok(), "no go");
    let folder = env::temp_dir().join(format!("narrows-bench-go-{}", std::process::id()));
    fs::create_dir_all(&folder).context("a folder for the Go program")?;
    fs::write(folder.join("main.go"), SOURCE)?;
    let built = Command::new("go").args(["build", "-o", "bench", "main.go"]).current_dir(&folder).output()?;
    ensure!(built.status.success(), "go build: {}", String::from_utf8_lossy(&built.stderr));
    Ok(folder.join("bench"))
}

/// Removes what `build` left.
pub(crate) fn clean() {
    if let Some(Ok(program)) = PROGRAM.get()
        && let Some(folder) = program.parent()
    {
        // What cannot be removed stays in the folder for temporary files.
        let _ = fs::remove_dir_all(folder);
    }
}
