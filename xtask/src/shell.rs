//! Starting a program, keeping what it prints, showing what a person will want of it, and ending it at its time limit.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal, PipeReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

#[derive(Clone, Debug)]
pub(crate) struct Cmd {
    program: String,
    args: Vec<String>,
    envs: Vec<(String, OsString)>,
    dir: Option<PathBuf>,
    limit: Duration,
    shown: Shown,
}

/// How much of what a program prints is printed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// As it comes.
    Live,
    /// The end of it, if it failed: in a log of thousands of lines nobody finds the one that counts.
    IfItFailed,
    Nothing,
}

/// As much of a failed program's output as is shown.
const LAST_LINES: usize = 300;

#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) ok: bool,
    pub(crate) timed_out: bool,
    /// Standard output and error, in the order written.
    pub(crate) output: String,
}

impl Cmd {
    pub(crate) fn new<'a>(program: &str, args: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            program: program.to_owned(),
            args: args.into_iter().map(str::to_owned).collect(),
            envs: Vec::new(),
            dir: None,
            limit: Duration::from_secs(10 * 60),
            shown: if io::stdout().is_terminal() { Shown::Live } else { Shown::IfItFailed },
        }
    }

    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.envs.push((key.to_owned(), value.into()));
        self
    }

    /// Sets a variable unless the person who started us has set it.
    pub(crate) fn env_default(self, key: &str, value: &str) -> Self {
        if std::env::var_os(key).is_some() { self } else { self.env(key, value) }
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.to_owned());
        self
    }

    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Keeps what the program prints, and shows none of it.
    pub(crate) fn quiet(mut self) -> Self {
        self.shown = Shown::Nothing;
        self
    }

    /// The command as a person would type it, for the log.
    pub(crate) fn line(&self) -> String {
        let envs = self.envs.iter().map(|(key, value)| (key, quoted(&value.to_string_lossy())));
        let mut words: Vec<String> = envs.map(|(key, value)| format!("{key}={value}")).collect();
        words.push(self.program.clone());
        words.extend(self.args.iter().map(|arg| quoted(arg)));
        words.join(" ")
    }

    /// Runs to the end or to the limit. An error means the program could not be started.
    pub(crate) fn run(&self) -> Result<Done> {
        if self.shown != Shown::Nothing {
            println!("$ {}", self.line());
        }
        let (reader, mut child) = self.start()?;
        let (lines, incoming) = mpsc::channel();
        // Not joined: at the limit a grandchild may still hold the pipe open.
        std::thread::spawn(move || read_lines(reader, &lines));

        let deadline = Instant::now() + self.limit;
        let mut output = String::new();
        let timed_out = loop {
            match incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if self.shown == Shown::Live {
                        show(&line);
                    }
                    output += &line;
                }
                Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) => break true,
            }
        };
        if timed_out {
            end(&mut child);
            let note = format!("xtask: ended after its limit of {} s\n", self.limit.as_secs());
            if self.shown == Shown::Live {
                show(&note);
            }
            output += &note;
        }
        let status = child.wait().with_context(|| format!("wait for {}", self.program))?;
        let ok = status.success() && !timed_out;
        if !ok && self.shown == Shown::IfItFailed {
            println!("{}\nxtask: the command above failed: {status}", last_lines(&output, LAST_LINES));
        }
        Ok(Done { ok, timed_out, output })
    }

    fn start(&self) -> Result<(PipeReader, Child)> {
        let (reader, writer) = io::pipe().context("make a pipe")?;
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        command.stdout(writer.try_clone().context("copy a pipe")?).stderr(writer);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        for (key, _) in std::env::vars_os() {
            if is_ours(&key.to_string_lossy()) {
                command.env_remove(&key);
            }
        }
        command.envs(self.envs.iter().map(|(key, value)| (key, value)));
        own_group(&mut command);
        let child = command.spawn().with_context(|| format!("start {}", self.program))?;
        Ok((reader, child))
    }
}

/// What the program says when asked for its version, or `None` where it cannot be run.
pub(crate) fn probe(program: &str, args: &[&str]) -> Option<String> {
    let done = Cmd::new(program, args.iter().copied()).quiet().run().ok()?;
    done.ok.then_some(done.output)
}

/// `cargo run` describes xtask to us, and a git hook names its repository; a build or a git that we
/// start must not take either as its own.
fn is_ours(key: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|prefix| key.starts_with(prefix))
        || ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"].contains(&key)
}

fn quoted(word: &str) -> String {
    if word.contains([' ', '\t', '"', '$', '*']) || word.is_empty() { format!("'{word}'") } else { word.to_owned() }
}

fn show(line: &str) {
    print!("{line}");
    // A line without an end, such as the name of a running test, is worth seeing early.
    let _ = io::stdout().flush();
}

/// The last `count` lines, and how many were before them.
fn last_lines(output: &str, count: usize) -> String {
    let lines: Vec<_> = output.trim_end().lines().collect();
    match lines.len().checked_sub(count) {
        None | Some(0) => lines.join("\n"),
        Some(before) => format!("({before} lines before these are left out)\n{}", lines[before..].join("\n")),
    }
}

fn read_lines(reader: PipeReader, lines: &mpsc::Sender<String>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
            return;
        }
        line.clear();
    }
}

/// A group of its own lets us end the whole family at the limit. At a terminal it would keep
/// Ctrl-C from the child, so there only the child itself is ended.
#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    if !io::stdin().is_terminal() {
        command.process_group(0);
    }
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

fn end(child: &mut Child) {
    if cfg!(unix) && !io::stdin().is_terminal() {
        // The shell's own `kill`: not every machine has the program.
        let end = format!("kill -s KILL -- -{}", child.id());
        let _ = Command::new("sh").args(["-c", &end]).status();
    }
    let _ = child.kill();
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Cmd, last_lines};

    #[test]
    fn both_streams_are_kept_in_order() {
        let done = Cmd::new("sh", ["-c", "echo a; echo b >&2; echo c; exit 3"]).quiet().run();
        let done = done.unwrap();
        assert_eq!((done.ok, done.timed_out, done.output.as_str()), (false, false, "a\nb\nc\n"));
    }

    #[test]
    fn of_a_long_output_the_end_is_shown() {
        assert_eq!(last_lines("a\nb\n", 2), "a\nb");
        assert_eq!(last_lines("a\nb\nc\n", 2), "(1 lines before these are left out)\nb\nc");
    }

    #[test]
    fn a_run_ends_at_its_limit() {
        let started = Instant::now();
        // The second is for a machine on which a shell takes longer to start than the first.
        let runs = [300, 10_000].map(Duration::from_millis).into_iter().map(|limit| {
            let family = Cmd::new("sh", ["-c", "echo up; sh -c 'sleep 60; true'"]);
            let done = family.quiet().limit(limit).run().unwrap();
            assert!(done.timed_out && !done.ok, "{done:?}");
            done
        });
        assert!(runs.map(|done| done.output).any(|output| output.starts_with("up\n")));
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_and_not_a_failure() {
        assert!(Cmd::new("no-such-program-here", []).quiet().run().is_err());
    }
}
