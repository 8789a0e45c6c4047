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
    Miri,
    /// `AddressSanitizer`, with its check for leaks.
    Leak,
    /// `ThreadSanitizer`, which needs a standard library built for it.
    Tsan,
}

/// Which tests: a package, some of its test programs, and what their names have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tests {
    package: String,
    /// `lib` is the library with its unit tests. None named means all of them.
    programs: Vec<String>,
    names: Names,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Names {
    All,
    With(String),
    /// The one test of that name, the path to it included.
    Whole(String),
}

impl Tests {
    /// The tests of some programs, or those of them that have `part` in their names.
    fn new(package: &str, programs: &[&str], part: Option<&str>) -> Self {
        let programs = programs.iter().map(|&name| name.to_owned()).collect();
        let names = part.map_or(Names::All, |part| Names::With(part.to_owned()));
        Self { package: package.to_owned(), programs, names }
    }

    /// One test of one program.
    pub(crate) fn one(package: &str, program: &str, name: &str) -> Self {
        let mut tests = Self::new(package, &[program], None);
        tests.names = Names::Whole(name.to_owned());
        tests
    }
}

impl Harness {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "test" => Self::Plain,
            "loom" => Self::Loom,
            "shuttle" => Self::Shuttle,
            "miri" => Self::Miri,
            "leak" => Self::Leak,
            "tsan" => Self::Tsan,
            _ => return None,
        })
    }

    /// The tests of its layer, or those of them that have `part` in their names.
    pub(crate) fn tests(self, part: Option<&str>) -> Tests {
        match self {
            // What is private to the crate is modelled beside its code.
            Self::Loom => Tests::new("narrows", &["lib", "model"], part),
            Self::Shuttle => Tests::new("narrows", &["model"], part),
            Self::Miri => Tests::new("narrows", &["miri"], part),
            Self::Plain | Self::Leak | Self::Tsan => Tests::new("narrows-test", &[], part),
        }
    }

    /// Why this checker cannot run on this machine, if so.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Plain | Self::Loom | Self::Shuttle => None,
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
            Self::Plain | Self::Loom | Self::Shuttle => &[][..],
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
                program => cmd.args(["--test", program]),
            };
        }
        if tests.programs.is_empty() {
            // Documentation tests are left out: they would need the flags a second time.
            cmd = cmd.args(["--tests"]);
        }
        let flags = |cmd: Cmd, flags: &str| cmd.env("RUSTFLAGS", flags);
        match self {
            Self::Plain => cmd,
            Self::Loom => {
                flags(as_model(cmd), "--cfg loom").env_default("LOOM_MAX_PREEMPTIONS", depth.loom_preemptions())
            }
            Self::Shuttle => flags(as_model(cmd), "--cfg shuttle")
                .env_default("NARROWS_SCHEDULES", depth.schedules())
                .env_default("NARROWS_SEED", &depth.seed()),
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

    fn folder(self, ws: &Workspace) -> PathBuf {
        match self {
            Self::Plain => ws.target.clone(),
            Self::Loom => ws.target.join("loom"),
            Self::Shuttle => ws.target.join("shuttle"),
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
        match &tests.names {
            Names::All => cmd.args(["--", "--show-output"]),
            Names::With(part) => cmd.args([part.as_str(), "--", "--show-output"]),
            // The name is then printed before the test begins, so that a crash can be told from it.
            Names::Whole(name) => cmd.args([name.as_str(), "--", "--exact", "--show-output", "--test-threads=1"]),
        }
    }
}

/// Optimized, or the models take ten times as long; but our assertions stay on.
fn as_model(cmd: Cmd) -> Cmd {
    cmd.args(["--release"]).env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
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
