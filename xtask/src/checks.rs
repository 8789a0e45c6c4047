//! The layers that need the stable toolchain alone: format, lints, documentation, tests, examples.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::layers::{Depth, Outcome};
use crate::output::{first_failure, passed};
use crate::shell::{Cmd, probe};
use crate::workspace::Workspace;

fn cargo<'a>(ws: &Workspace, args: impl IntoIterator<Item = &'a str>) -> Cmd {
    Cmd::new("cargo", args).dir(&ws.root)
}

pub(crate) fn fmt(ws: &Workspace, _: Depth) -> Result<Outcome> {
    if probe("cargo", &["fmt", "--version"]).is_none() {
        return Ok(Outcome::NotRun("no rustfmt".to_owned()));
    }
    let done = cargo(ws, ["fmt", "--all", "--check"]).run()?;
    let files = done.output.lines().filter(|line| line.starts_with("Diff in ")).count();
    Ok(if done.ok {
        Outcome::Ok(String::new())
    } else {
        Outcome::Failed(format!("{files} places to format: cargo fmt --all"))
    })
}

/// The libraries with all that they can do.
const WHOLE: &str = "narrows/futures,narrows/trace,narrows-flow/futures,narrows-actor/task,narrows-actor/tokio,\
    narrows-rank/shm,narrows-rank/task";

/// The same, but for what turns `narrows` itself into another: the suite is for what users have.
const ADDED: &str = "narrows-flow/futures,narrows-actor/task,narrows-actor/tokio,narrows-rank/shm,narrows-rank/task";

/// Packages with features.
const WITH_FEATURES: [&str; 8] =
    ["--package", "narrows", "--package", "narrows-flow", "--package", "narrows-actor", "--package", "narrows-rank"];

pub(crate) fn clippy(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    if probe("cargo", &["clippy", "--version"]).is_none() {
        return Ok(Outcome::NotRun("no clippy".to_owned()));
    }
    let strict = ["--all-targets", "--", "-D", "warnings"];
    all_of(
        depth,
        [
            cargo(ws, ["clippy", "--workspace"]).args(strict),
            cargo(ws, ["clippy", "--features", WHOLE]).args(WITH_FEATURES).args(strict),
            // What they are without the features that others here ask for.
            cargo(ws, ["clippy", "--package", "narrows-flow", "--package", "narrows-rank"]).args(strict),
        ],
    )
}

pub(crate) fn doc(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    // Libraries only: the program is called `narrows` too, and one name has one page.
    let doc = cargo(ws, ["doc", "--no-deps", "--workspace", "--lib"])
        .args(["--features", WHOLE])
        .env("RUSTDOCFLAGS", "-D warnings");
    all_of(depth, [doc])
}

pub(crate) fn test(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    let next = probe("cargo", &["nextest", "--version"]).is_some();
    let run = |which: &[&str]| {
        let verb: &[_] = if next { &["nextest", "run", "--status-level", "slow"] } else { &["test"] };
        // Not the examples, which have a layer of their own.
        cargo(ws, verb.iter().copied()).args(["--tests", "--no-fail-fast"]).args(which.iter().copied())
    };
    // The bench and its peers are a fifth of all that there is to build, so its tests are left to `deep`.
    let all = ["--workspace", "--exclude", "narrows-bench", "--features", ADDED];
    all_of(
        depth,
        [
            run(&all),
            run(&["--package", "narrows", "--features", "futures,trace"]),
            // What fits on a small stack is promised for what users run; the whole suite optimized would take minutes.
            cargo(ws, ["test", "--release", "--package", "narrows-test", "--test", "stack"]).args([
                "--no-default-features",
                "--features",
                "kinds",
            ]),
            // With the features that it was built with above, each.
            cargo(ws, ["test", "--doc", "--package", "narrows", "--features", "futures,trace"]),
            cargo(ws, ["test", "--doc"]).args(all).args(["--exclude", "narrows"]),
        ],
    )
}

/// Runs each command, whatever became of the one before, and adds up the tests that passed.
fn all_of<const N: usize>(depth: Depth, commands: [Cmd; N]) -> Result<Outcome> {
    let mut tests = 0;
    let mut wrong = Vec::new();
    for command in commands {
        let done = command.limit(depth.limit(8)).run()?;
        tests += passed(&done.output);
        if done.timed_out {
            wrong.push("no end within its time limit".to_owned());
        } else if !done.ok {
            wrong.push(first_failure(&done.output));
        }
    }
    let note = if tests > 0 { format!("{tests} tests") } else { String::new() };
    Ok(if wrong.is_empty() { Outcome::Ok(note) } else { Outcome::Failed(wrong.join("; ")) })
}

/// What the examples of a package need beside its default features.
const EXAMPLES_NEED: [(&str, &str); 3] =
    [("narrows", "futures,trace"), ("narrows-flow", "futures,narrows/trace"), ("narrows-rank", "shm")];

/// These have no end of their own: `tests/rpc` runs them together.
const OF_TWO_PROGRAMS: [&str; 2] = ["rpc_client", "rpc_server"];

pub(crate) fn examples(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    let (mut count, mut wrong) = (0, Vec::new());
    for package in packages_with_examples(ws)? {
        let features = EXAMPLES_NEED.iter().find_map(|&(of, features)| (of == package).then_some(features));
        let package_args = ["--package", package.as_str(), "--features", features.unwrap_or_default()];
        let built = cargo(ws, ["build", "--examples"]).args(package_args).limit(depth.limit(5)).run()?;
        if !built.ok {
            return Ok(Outcome::Failed(format!("the examples of {package} do not build")));
        }
        for name in example_names(ws, &package)? {
            count += 1;
            let run = cargo(ws, ["run", "--quiet", "--example", &name]).args(package_args);
            let done = run.limit(Duration::from_secs(60)).run()?;
            match (done.ok, done.timed_out) {
                (true, _) => {}
                (false, true) => wrong.push(format!("{name}: no end within a minute")),
                (false, false) => wrong.push(name),
            }
        }
    }
    Ok(if wrong.is_empty() { Outcome::Ok(format!("{count} examples")) } else { Outcome::Failed(wrong.join("; ")) })
}

fn packages_with_examples(ws: &Workspace) -> Result<Vec<String>> {
    let mut packages = Vec::new();
    for path in entries(&ws.root.join("crates"))? {
        let package = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.join("examples").is_dir() && !example_names(ws, &package)?.is_empty() {
            packages.push(package);
        }
    }
    Ok(packages)
}

/// What lies in a folder, in order.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn example_names(ws: &Workspace, package: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in entries(&ws.root.join("crates").join(package).join("examples"))? {
        let is_example = path.extension().is_some_and(|ext| ext == "rs") || path.join("main.rs").is_file();
        if is_example
            && let Some(name) = path.file_stem().map(|name| name.to_string_lossy())
            && !OF_TWO_PROGRAMS.contains(&&*name)
        {
            names.push(name.into_owned());
        }
    }
    Ok(names)
}

/// The tests of the bench: they build every peer.
pub(crate) fn bench(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    all_of(depth, [cargo(ws, ["test", "--tests", "--no-fail-fast", "--package", "narrows-bench"])])
}

pub(crate) fn stress(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    let mut run = 0;
    for round in 1..=depth.stress_rounds() {
        let command = cargo(ws, ["test", "--release", "--package", "narrows-test", "--test", "stress"]);
        let command = command.args(["--no-default-features", "--features", "stress"]);
        let done = command.limit(depth.limit(5)).run()?;
        if !done.ok {
            return Ok(Outcome::Failed(format!("round {round}: {}", first_failure(&done.output))));
        }
        run += passed(&done.output);
    }
    Ok(if run > 0 {
        Outcome::Ok(format!("{run} tests in {} rounds", depth.stress_rounds()))
    } else {
        Outcome::Failed("no test was there to run".to_owned())
    })
}

/// The tests of the program that can be given gigabytes and minutes.
pub(crate) fn heavy(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    let tests =
        ["--test", "acceptance", "--test", "kills", "--test", "channels", "--", "--test-threads=1", "--show-output"];
    let command = cargo(ws, ["test", "--release", "--no-fail-fast", "--package", "narrows-cli"]).args(tests);
    all_of(depth, [command.env("NARROWS_DEEP", "1").env_default("NARROWS_SEED", &depth.seed())])
}

/// Files of channels that are written over, before and while they are used, and the suite over many of them. With the checks of
/// an unoptimized build.
pub(crate) fn fuzz(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    let command = cargo(ws, ["test", "--no-fail-fast", "--package", "narrows-shm"]);
    let command = command.args(["--test", "hostile", "--test", "conformance"]).env("NARROWS_DEEP", "1");
    all_of(depth, [command.env_default("NARROWS_ROUNDS", "10000").env_default("NARROWS_SEED", &depth.seed())])
}

pub(crate) fn features(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    if probe("cargo", &["hack", "--version"]).is_none() {
        return Ok(Outcome::NotRun("no cargo-hack".to_owned()));
    }
    let sets = ["hack", "check", "--feature-powerset", "--workspace", "--exclude", "narrows-bench", "--no-dev-deps"];
    // Its features are benches that know nothing of each other: 128 sets, of which eight tell as much.
    let bench = ["hack", "check", "--each-feature", "--package", "narrows-bench", "--no-dev-deps"];
    all_of(depth, [cargo(ws, sets), cargo(ws, bench)])
}

#[cfg(test)]
mod tests {
    use super::{EXAMPLES_NEED, example_names, packages_with_examples};
    use crate::workspace::Workspace;

    #[test]
    fn examples_are_found_without_a_list() {
        let ws = Workspace::find().unwrap();
        let packages = packages_with_examples(&ws).unwrap();
        assert!(EXAMPLES_NEED.iter().all(|(needs, _)| packages.iter().any(|package| package == needs)), "{packages:?}");
        // Its only example is a script.
        assert!(!packages.contains(&"narrows-cli".to_owned()), "{packages:?}");
        let names = example_names(&ws, "narrows-shm").unwrap();
        assert!(names.contains(&"child".to_owned()) && !names.contains(&"rpc_server".to_owned()), "{names:?}");
    }
}
