//! What the tests ask of `narrows stat` and of the sockets.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::process::Pid;
use serde_json::Value;

use super::system::{Folder, eventually};
use super::{Run, narrows};

/// Where farms publish themselves; they make it.
pub(crate) fn folder_of(folder: &Folder) -> PathBuf {
    folder.path().join("sockets")
}

pub(crate) fn stat(folder: &Folder, args: &[&str]) -> Run {
    let mut stat = narrows();
    stat.command().env("NARROWS_DIR", folder_of(folder)).arg("stat").args(args);
    stat.run(b"")
}

/// The survey of the pipelines with this stage; null if there is none.
pub(crate) fn stat_of(folder: &Folder, name: &str) -> Value {
    let run = stat(folder, &["--json", "--interval", "100ms", name]);
    serde_json::from_slice(&run.stdout).unwrap_or_default()
}

pub(crate) fn verdict_of(folder: &Folder, pid: i32) -> Option<Value> {
    stat_of(folder, &pid.to_string())["pipelines"].get(0).map(|pipeline| pipeline["verdict"].clone())
}

/// Asks a farm itself.
#[track_caller]
pub(crate) fn ask(folder: &Folder, farm: Pid, question: &Value) -> Value {
    let socket = folder_of(folder).join(format!("farm-{}.sock", farm.as_raw_nonzero()));
    eventually("the farm is published", || socket.exists());
    let mut stream = UnixStream::connect(socket).expect("the farm listens");
    writeln!(stream, "{question}").expect("the farm reads");
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).expect("the farm answers");
    serde_json::from_str(&answer).expect("the answer is JSON")
}
