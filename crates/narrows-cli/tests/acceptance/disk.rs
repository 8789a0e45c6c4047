//! Disks that are full, and what is left on them: an error at once, no gap in what was printed, no file behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::harness::system::{Barrier, Folder, eventually};
use crate::harness::{Farm, Run, Running, farm, marked, numbers};

const PROGRAM: &str = env!("CARGO_BIN_EXE_narrows");

/// A script in which no file may grow beyond 64 KiB.
fn limited(script: &str) -> Farm {
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("ulimit -f 64; {script}")]);
    marked(shell)
}

/// A script with an own disk of 256 KiB in `$DISK`; none where the system lets no user mount one.
fn on_a_small_disk(script: &str) -> Option<Farm> {
    let with_disk = |script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--mount", "bash", "-c"]);
        unshare.arg(format!("mount -t tmpfs -o size=256k tmpfs \"$DISK\" && {script}"));
        unshare
    };
    let folder = std::env::temp_dir();
    let is_possible = with_disk("true").env("DISK", folder).output().is_ok_and(|output| output.status.success());
    is_possible.then(|| marked(with_disk(script)))
}

fn assert_prefix(printed: &[u8], of: &[u8], command: &str) {
    assert!(of.starts_with(printed), "{command}: it is no prefix");
    assert!(printed.len() > 32 << 10, "{command}: only {} bytes", printed.len());
}

const COMMANDS: [&str; 3] = ["cat", "--blocks cat", "-n99 printf '%s\\n' {}"];

#[test]
fn an_output_that_may_not_grow_is_an_error_and_a_prefix() {
    for command in COMMANDS {
        let (folder, input) = (Folder::new(), numbers(30_000));
        let out = folder.path().join("out");
        let run = limited(&format!("exec {PROGRAM} farm {command} > {}", out.display())).run(&input);
        run.assert_code(125).assert_stderr("cannot write: File too large");
        assert_prefix(&fs::read(&out).expect("it was made"), &input, command);
    }
}

#[test]
fn an_output_on_a_full_disk_is_an_error_and_a_prefix() {
    for command in COMMANDS {
        let script = format!("{{ {PROGRAM} farm {command} > $DISK/out; code=$?; cat $DISK/out; exit $code; }}");
        let Some(mut farm) = on_a_small_disk(&script) else {
            eprintln!("no disk can be mounted here");
            return;
        };
        let (folder, input) = (Folder::new(), numbers(40_000));
        farm.command().env("DISK", folder.path());
        let run = farm.run(&input);
        run.assert_code(125).assert_stderr("cannot write: No space left");
        assert_prefix(&run.stdout, &input, command);
    }
}

/// The first record holds back the others, which must be put aside; goes on when that has failed.
const HELD: &str = "--buffer 16K sh -c '[ $1 = 1 ] && exec sleep 1000; head -c 99999 /dev/zero' sh {}";

fn assert_spill_failed(run: &Run, why: &str) {
    run.assert_code(125).assert_stderr(&format!("cannot use --spill: {why}"));
    assert_eq!(run.text(), "", "nothing overtakes the first record");
}

#[test]
fn answers_that_cannot_be_put_aside_are_an_error() {
    let folder = Folder::new();
    let input: String = (1..=20).fold(String::new(), |text, n| text + &n.to_string() + "\n");
    let script = format!("exec {PROGRAM} farm -j2 --spill {} {HELD}", folder.path().display());
    assert_spill_failed(&limited(&script).run(input.as_bytes()), "File too large");
    let Some(mut farm) = on_a_small_disk(&format!("exec {PROGRAM} farm -j2 --spill $DISK {HELD}")) else {
        eprintln!("no disk can be mounted here");
        return;
    };
    farm.command().env("DISK", folder.path());
    assert_spill_failed(&farm.run(input.as_bytes()), "No space left");
    assert_empty(folder.path());
}

#[test]
fn a_log_that_may_not_grow_is_an_error_and_resumed() {
    let (folder, input) = (Folder::new(), numbers(2000));
    let (log, out) = (folder.path().join("log"), folder.path().join("out"));
    let farm = |options: &str| format!("{PROGRAM} farm --log {} {options} cat >> {}", log.display(), out.display());
    limited(&farm("")).run(&input).assert_code(125).assert_stderr("cannot write the log: File too large");
    assert!(input.starts_with(&fs::read(&out).expect("it was made")));
    let mut shell = Command::new("sh");
    shell.args(["-c", &farm("--resume")]);
    marked(shell).run(&input).assert_code(0);
    assert!(fs::read(&out).expect("it was made") == input, "the resumed run did not complete it");
}

fn assert_empty(folder: &Path) {
    let left: Vec<PathBuf> = fs::read_dir(folder).expect("it is there").flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?} is left");
}

/// Runs with all the folders that a program may use for what it puts aside, until something is put aside.
fn putting_aside(folder: &Path) -> (Running, Barrier) {
    let barrier = Barrier::new();
    let script = format!(
        "if [ $1 = 1 ]; then echo got >&2; read -r go < {}; fi; head -c 99999 /dev/zero",
        barrier.path().display()
    );
    let spill = folder.to_str().expect("it is text");
    let mut farm = farm(&["-j2", "--buffer", "64K", "--spill", spill, "sh", "-c", &script, "sh", "{}"]);
    farm.command().current_dir(folder).env("TMPDIR", folder).env("HOME", folder);
    let mut running = farm.start();
    running.write("1\n2\n3\n4\n");
    running.await_stderr("got");
    let spilled = || {
        let fds = fs::read_dir(format!("/proc/{}/fd", running.pid().as_raw_nonzero())).expect("it runs");
        let is_ours = |fd: &fs::DirEntry| fs::read_link(fd.path()).is_ok_and(|link| link.starts_with(folder));
        fds.flatten().filter(is_ours).any(|fd| fs::metadata(fd.path()).is_ok_and(|file| file.len() > 0))
    };
    eventually("something is put aside", spilled);
    (running, barrier)
}

#[test]
fn no_file_is_left_however_the_farm_ends() {
    for signal in [Signal::KILL, Signal::TERM, Signal::INT] {
        let folder = Folder::new();
        let (mut running, barrier) = putting_aside(folder.path());
        assert_empty(folder.path());
        running.signal(signal);
        if signal != Signal::KILL {
            barrier.release();
        }
        let stdin = running.stdin.take();
        running.finish().assert_signal(signal);
        drop(stdin);
        assert_empty(folder.path());
    }
    let folder = Folder::new();
    let (running, barrier) = putting_aside(folder.path());
    barrier.release();
    assert_eq!(running.finish().assert_code(0).stdout.len(), 4 * 99_999);
    assert_empty(folder.path());
}
