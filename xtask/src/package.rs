//! `cargo xtask package`: the program as one file that needs no library, and as a Debian package, each tried as the
//! user of it would. What this machine lacks a tool for is not made, and said.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::layers::Outcome;
use crate::shell::{Cmd, Done, probe};
use crate::workspace::Workspace;

/// Built afresh for a target of its own, on a small machine.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Files that the package is to bring, beside the program.
const FILES: [&str; 6] = [
    "usr/share/man/man1/narrows-farm.1.gz",
    "usr/share/bash-completion/completions/narrows",
    "usr/share/zsh/vendor-completions/_narrows",
    "usr/share/fish/vendor_completions.d/narrows.fish",
    "usr/share/doc/narrows/LICENSE-APACHE",
    "usr/share/doc/narrows/LICENSE-MIT",
];

/// How the program is linked without libraries of the machine.
struct Target {
    name: String,
    /// For the compiler; musl is static by itself.
    flags: &'static str,
    what: &'static str,
}

/// True when nothing failed.
pub(crate) fn run(ws: &Workspace) -> Result<bool> {
    let folder = ws.target.join("package");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let target = target()?;
    let parts = [("binary", binary(ws, &target, &folder)), ("debian", debian(ws, &target, &folder))];
    let mut ok = true;
    for (name, outcome) in parts {
        let text = match outcome.unwrap_or_else(|why| Outcome::Failed(format!("{why:#}"))) {
            Outcome::Ok(note) => note,
            Outcome::NotRun(why) => format!("not run: {why}"),
            Outcome::Failed(why) => {
                ok = false;
                format!("FAILED: {why}")
            }
        };
        println!("{name:<8} {text}");
    }
    Ok(ok)
}

/// musl where this toolchain has it, else the libraries of GNU, put into the program.
fn target() -> Result<Target> {
    let about = probe("rustc", &["-vV"]).context("rustc does not run")?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?.trim();
    let musl = host.replace("-gnu", "-musl");
    let sysroot = probe("rustc", &["--print", "sysroot"]).context("rustc names no sysroot")?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(&musl).join("lib").is_dir() {
        return Ok(Target { name: musl, flags: "", what: "musl" });
    }
    println!("no {musl} here (rustup target add {musl}): linked with the static libraries of {host}");
    Ok(Target { name: host.to_owned(), flags: "-C target-feature=+crt-static", what: "glibc, static" })
}

fn binary(ws: &Workspace, target: &Target, folder: &Path) -> Result<Outcome> {
    let build = ["build", "--profile", "dist", "--locked", "--package", "narrows-cli", "--bin", "narrows", "--target"];
    let mut build = Cmd::new("cargo", build).args([target.name.as_str()]).dir(&ws.root).limit(LIMIT);
    if !target.flags.is_empty() {
        build = build.env("RUSTFLAGS", target.flags);
    }
    ensure!(build.run()?.ok, "it does not build");
    let made = ws.target.join(&target.name).join("dist/narrows");
    let binary = folder.join("narrows");
    fs::copy(&made, &binary).with_context(|| format!("copy {}", made.display()))?;
    try_out(&binary)?;
    let asked = probe("ldd", &["--version"]).is_some();
    if asked {
        let said = Cmd::new("ldd", [path(&binary)?]).quiet().run()?.output;
        ensure!(said.contains("not a dynamic") || said.contains("statically linked"), "ldd: {}", said.trim());
    }
    let needs = if asked { "" } else { "; no ldd to say whether it is static" };
    let size = fs::metadata(&binary)?.len() >> 10;
    Ok(Outcome::Ok(format!("{} ({}, {size} KiB{needs})", binary.display(), target.what)))
}

/// The program answers, and its farm prints what the command alone prints.
fn try_out(binary: &Path) -> Result<()> {
    let version = expect(Cmd::new(path(binary)?, ["--version"]), "--version")?;
    ensure!(version.starts_with("narrows "), "--version says {version}");
    let farm = "seq 1000 | \"$1\" farm -j2 cat";
    let answers = expect(Cmd::new("sh", ["-c", farm, "sh", path(binary)?]), "a farm of cat")?;
    let in_order = answers.lines().map(str::to_owned).eq((1..=1000).map(|number| number.to_string()));
    ensure!(in_order, "a farm of cat does not print its input");
    Ok(())
}

fn debian(ws: &Workspace, target: &Target, folder: &Path) -> Result<Outcome> {
    if probe("cargo", &["deb", "--version"]).is_none() {
        return Ok(Outcome::NotRun("no cargo-deb (cargo install cargo-deb)".to_owned()));
    }
    let output = folder.join("deb");
    let _ = fs::remove_dir_all(&output);
    fs::create_dir_all(&output)?;
    let pack = ["deb", "--package", "narrows-cli", "--no-build", "--no-strip", "--profile", "dist", "--target"];
    let pack = Cmd::new("cargo", pack).args([target.name.as_str(), "--output", path(&output)?]).dir(&ws.root);
    ensure!(pack.run()?.ok, "cargo-deb makes no package");
    let package = only_file(&output)?;
    if probe("dpkg", &["--version"]).is_none() {
        return Ok(Outcome::Ok(format!("{}; not tried: no dpkg", package.display())));
    }
    let root = scratch(&folder.join("root"))?;
    // An installation beside that of the machine: needs no rights there and changes nothing in it.
    let dpkg = |args: &[&str]| -> Result<String> {
        let words = ["--force-not-root", "--root"].into_iter().chain([path(&root)?]).chain(args.iter().copied());
        expect(Cmd::new("dpkg", words), "dpkg")
    };
    dpkg(&["--install", path(&package)?])?;
    if let Some(file) = FILES.iter().find(|file| !root.join(file).is_file()) {
        bail!("the package brings no {file}");
    }
    try_out(&root.join("usr/bin/narrows"))?;
    let files = dpkg(&["--listfiles", "narrows"])?.lines().count();
    dpkg(&["--remove", "narrows"])?;
    ensure!(!root.join("usr/bin/narrows").exists(), "the program is still there after --remove");
    Ok(Outcome::Ok(format!("{} (installed, run and removed in a scratch root; {files} paths)", package.display())))
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut files = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    ensure!(files.len() == 1, "{} files in {}", files.len(), folder.display());
    Ok(files.remove(0).path())
}

/// A root without a package.
fn scratch(root: &Path) -> Result<PathBuf> {
    let _ = fs::remove_dir_all(root);
    let state = root.join("var/lib/dpkg");
    for folder in ["info", "updates", "triggers"] {
        fs::create_dir_all(state.join(folder))?;
    }
    fs::write(state.join("status"), "")?;
    fs::canonicalize(root).with_context(|| format!("find {}", root.display()))
}

/// What it prints, if it ends well.
fn expect(command: Cmd, what: &str) -> Result<String> {
    let Done { ok, output, .. } = command.quiet().run().with_context(|| format!("run {what}"))?;
    ensure!(ok, "{what}: {}", output.trim());
    Ok(output)
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is no text", path.display()))
}
