//! How a test program is built and run under each checker. Knows no particular test.
//! Invariant: a build folder holds builds with one set of flags, so no layer undoes another's.

use std::path::PathBuf;

use crate::layers::Depth;
use crate::shell::{Cmd, probe};
use crate::workspace::Workspace;

/// The one system the sanitizers are used on.
const SANITIZED_TARGET: &str = "x86_64-unknown-linux-gnu";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Harness {
    /// The tests as they are.
    Plain,
    Loom,
    Shuttle,
    /// Processes that kill themselves at a step.
    Kills,
    Miri,
    /// `AddressSanitizer`, with its check for leaks.
    Leak,
    /// `ThreadSanitizer`, which needs a standard library built for it.
    Tsan,
}

/// Which tests: a package, some of its test programs, and perhaps some tests of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tests {
    package: String,
    /// `lib` is the library with its unit tests.
    programs: Vec<String>,
    /// Whole names, the path to each included. None named means all tests.
    names: Vec<String>,
}

impl Tests {
    fn all(package: &str, programs: &[&str]) -> Self {
        let programs = programs.iter().map(|&name| name.to_owned()).collect();
        Self { package: package.to_owned(), programs, names: Vec::new() }
    }

    pub(crate) fn one(package: &str, program: &str, name: &str) -> Self {
        Self { names: vec![name.to_owned()], ..Self::all(package, &[program]) }
    }

    /// How many are named, of which each must be there.
    pub(crate) fn named(&self) -> u64 {
        self.names.len() as u64
    }

    /// Adds those of `other`, if they are of the same programs.
    pub(crate) fn join(&mut self, other: &Self) -> bool {
        let is_same = (&self.package, &self.programs) == (&other.package, &other.programs);
        if is_same {
            self.names.extend(other.names.iter().cloned());
        }
        is_same
    }
}

/// Programs beside the first of a layer, and whether CI has time for them. A crate with models adds a line.
const FURTHER: [(Harness, Depth, &str, &str); 10] = [
    // Models between processes build nothing but themselves.
    (Harness::Loom, Depth::Ci, "narrows-shm", "model"),
    (Harness::Loom, Depth::Ci, "narrows-task", "lib"),
    (Harness::Loom, Depth::Deep, "narrows-flow", "lib"),
    (Harness::Shuttle, Depth::Ci, "narrows-shm", "model"),
    (Harness::Shuttle, Depth::Ci, "narrows-flow", "csp"),
    (Harness::Shuttle, Depth::Ci, "narrows-task", "check"),
    (Harness::Shuttle, Depth::Ci, "narrows-actor", "check"),
    (Harness::Shuttle, Depth::Ci, "narrows-rank", "ranks"),
    (Harness::Miri, Depth::Deep, "narrows-shm", "model"),
    (Harness::Miri, Depth::Deep, "narrows-task", "miri"),
];

impl Harness {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "test" => Self::Plain,
            "loom" => Self::Loom,
            "shuttle" => Self::Shuttle,
            "kills" => Self::Kills,
            "miri" => Self::Miri,
            "leak" => Self::Leak,
            "tsan" => Self::Tsan,
            _ => return None,
        })
    }

    /// The tests of its layer.
    pub(crate) fn tests(self) -> Tests {
        match self {
            // What is private to the crate is modelled beside its code.
            Self::Loom => Tests::all("narrows", &["lib", "model"]),
            // The second is what its users are promised.
            Self::Shuttle => Tests::all("narrows", &["model", "check"]),
            Self::Kills => Tests::all("narrows-shm", &["kills"]),
            Self::Miri => Tests::all("narrows", &["miri"]),
            Self::Plain | Self::Leak | Self::Tsan => Tests::all("narrows-test", &["stress"]),
        }
    }

    /// The tests beside the first.
    pub(crate) fn further_tests(self, depth: Depth) -> impl Iterator<Item = Tests> {
        let runs = move |harness: Self, from: Depth| harness == self && (from == Depth::Ci || depth == Depth::Deep);
        let further = FURTHER.iter().filter(move |&&(harness, from, ..)| runs(harness, from));
        further.map(|&(_, _, package, program)| Tests::all(package, &[program]))
    }

    /// Why this checker cannot run on this machine, if so.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Plain | Self::Loom | Self::Shuttle | Self::Kills => None,
            Self::Miri => no_nightly().or_else(|| {
                let version = probe("cargo", &["+nightly", "miri", "--version"]);
                version.is_none().then(|| "nightly has no miri".to_owned())
            }),
            Self::Leak => no_sanitizer(),
            Self::Tsan => no_sanitizer().or_else(no_rust_src),
        }
    }

    /// The command up to the names of the tests.
    fn cargo_test(self, ws: &Workspace, depth: Depth, tests: &Tests) -> Cmd {
        let toolchain = match self {
            Self::Plain | Self::Loom | Self::Shuttle | Self::Kills => &[][..],
            Self::Miri => &["+nightly", "miri"],
            Self::Leak | Self::Tsan => &["+nightly"],
        };
        let mut cmd = Cmd::new("cargo", toolchain.iter().copied());
        cmd = cmd.args(["test", "--package", &tests.package]).dir(&ws.root);
        for program in &tests.programs {
            cmd = match program.as_str() {
                "lib" => cmd.args(["--lib"]),
                // It tests what only a feature brings.
                "trace" => cmd.args(["--test", "trace", "--features", "trace"]),
                // Ranks are tasks, too.
                "ranks" => cmd.args(["--test", "ranks", "--features", "task"]),
                // It needs a tenth of its library, which takes a minute to build for a sanitizer.
                "stress" => cmd.args(["--test", "stress", "--no-default-features", "--features", "stress"]),
                program => cmd.args(["--test", program]),
            };
        }
        let flags = |cmd: Cmd, flags: &str| cmd.env("RUSTFLAGS", flags);
        match self {
            Self::Plain => cmd,
            Self::Loom => {
                flags(as_model(cmd), "--cfg loom").env_default("LOOM_MAX_PREEMPTIONS", depth.loom_preemptions())
            }
            Self::Shuttle => flags(as_model(cmd), "--cfg narrows_check")
                .env_default("NARROWS_SCHEDULES", depth.schedules())
                .env_default("NARROWS_SEED", &depth.seed()),
            // Unoptimized: what takes time is the start of thousands of processes.
            Self::Kills => {
                let cmd = flags(cmd, "--cfg narrows_crash").env("CARGO_PROFILE_DEV_DEBUG", "none");
                if depth == Depth::Ci {
                    cmd
                } else {
                    cmd.env("NARROWS_DEEP", "1").env_default("NARROWS_SEED", &depth.seed())
                }
            }
            Self::Miri => {
                let seeds = depth.miri_seeds();
                let wanted = format!("-Zmiri-disable-isolation -Zmiri-many-seeds=0..{seeds}");
                cmd.env("MIRIFLAGS", wanted)
            }
            Self::Leak => flags(
                cmd.args(["--target", SANITIZED_TARGET]),
                "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer",
            )
            .env("ASAN_OPTIONS", "detect_leaks=1"),
            Self::Tsan => flags(
                cmd.args(["--release", "-Zbuild-std", "--target", SANITIZED_TARGET]),
                "-Zsanitizer=thread --cfg narrows_symmetric",
            ),
        }
        .env("CARGO_TARGET_DIR", self.folder(ws))
    }

    /// Where it builds.
    pub(crate) fn folder(self, ws: &Workspace) -> PathBuf {
        match self {
            Self::Plain => ws.target.clone(),
            Self::Loom => ws.target.join("loom"),
            Self::Shuttle => ws.target.join("shuttle"),
            Self::Kills => ws.target.join("kills"),
            Self::Miri => ws.target.join("miri"),
            Self::Leak => ws.target.join("leak"),
            Self::Tsan => ws.target.join("tsan"),
        }
    }

    pub(crate) fn build(self, ws: &Workspace, depth: Depth, tests: &Tests) -> Cmd {
        self.cargo_test(ws, depth, tests).args(["--no-run"]).limit(depth.limit(8))
    }

    pub(crate) fn run(self, ws: &Workspace, depth: Depth, tests: &Tests) -> Cmd {
        let cmd = self.cargo_test(ws, depth, tests);
        let names = tests.names.iter().map(String::as_str);
        match tests.names.len() {
            0 => cmd.args(["--", "--show-output"]),
            // The name is then printed before the test begins, so that a crash can be told from it.
            1 => cmd.args(["--"]).args(names).args(["--exact", "--show-output", "--test-threads=1"]),
            _ => cmd.args(["--"]).args(names).args(["--exact", "--show-output"]),
        }
    }
}

/// The checker optimized, or the models take ten times as long. What is modelled is not: it is a small part of their time, and
/// building it optimized took 100 s as against 20. Our assertions stay on.
fn as_model(cmd: Cmd) -> Cmd {
    cmd.args(["--release", "--config", "profile.release.opt-level=0"])
        .args(["--config", "profile.release.package.\"*\".opt-level=3"])
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
}

fn no_nightly() -> Option<String> {
    let version = probe("cargo", &["+nightly", "--version"]);
    version.is_none().then(|| "no nightly toolchain".to_owned())
}

fn no_sanitizer() -> Option<String> {
    let version = probe("rustc", &["-vV"]).unwrap_or_default();
    let ours = version.lines().any(|line| line == format!("host: {SANITIZED_TARGET}"));
    if ours { no_nightly() } else { Some(format!("used on {SANITIZED_TARGET} only")) }
}

fn no_rust_src() -> Option<String> {
    let sysroot = probe("rustc", &["+nightly", "--print", "sysroot"]).unwrap_or_default();
    let library = PathBuf::from(sysroot.trim()).join("lib/rustlib/src/rust/library/std");
    (!library.is_dir()).then(|| "nightly has no rust-src".to_owned())
}

#[cfg(test)]
mod tests {
    use super::FURTHER;
    use crate::workspace::Workspace;

    #[test]
    fn what_runs_beside_the_first_is_there() {
        let ws = Workspace::find().unwrap();
        for (_, _, package, program) in FURTHER {
            let package = ws.root.join("crates").join(package);
            let files = ["src/PROGRAM.rs", "tests/PROGRAM.rs", "tests/PROGRAM/main.rs"];
            let is_there = files.iter().any(|file| package.join(file.replace("PROGRAM", program)).is_file());
            assert!(is_there, "{} has no {program}", package.display());
        }
    }
}
