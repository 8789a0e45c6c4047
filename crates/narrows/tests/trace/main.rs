//! Watching, held against programs that are dead and programs that are merely slow. Each is a process of its own, for what is
//! asked is whether any of *its* threads can go on; a test runner's threads would be among them. So this program runs its
//! tests by itself, and itself as those programs: `trace program NAME`.

mod counters;
mod dead;
mod slow;

use std::{
    env,
    io::Read,
    process::{Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// From look to look; a program that is slow is so for many of these.
const LOOK: Duration = Duration::from_millis(20);

type Named = (&'static str, fn());

/// What `NAME` prints, watching itself, until it ends.
fn output_of(name: &str) -> String {
    let own = env::current_exe().expect("a test has a program");
    let mut child = Command::new(own)
        .args(["program", name])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("it can be started");
    let mut stdout = child.stdout.take().expect("it is piped");
    let (said, says) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text).map(|_| text);
        let _ = said.send(read);
    });
    let text = says.recv_timeout(Duration::from_secs(60));
    let _ = child.kill();
    let ended = child.wait().expect("it has ended");
    let text = text.unwrap_or_else(|_| panic!("{name}: nothing was said")).expect("it is text");
    assert!(ended.success(), "{name}: {ended}");
    text
}

/// Reports are printed; the first ends the process.
fn watch() {
    let said = |deadlock: &narrows::trace::Deadlock| {
        println!("{deadlock}");
        std::process::exit(0);
    };
    narrows::trace::watch(LOOK, said).forever();
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["program", name] = words[..] {
        let known = dead::PROGRAMS.iter().chain(&slow::PROGRAMS).find(|(known, _)| *known == name);
        watch();
        known.expect("it has that program").1();
        return ExitCode::SUCCESS;
    }
    let tests = || counters::TESTS.iter().chain(&dead::TESTS).chain(&slow::TESTS);
    // As a runner asks that starts each test by itself.
    if words.contains(&"--list") {
        for (name, _) in tests().filter(|_| !words.contains(&concat!("--ign", "ored"))) {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let filter = words.iter().find(|word| !word.starts_with('-'));
    let is_exact = words.contains(&"--exact");
    let is_meant =
        |name: &str| filter.is_none_or(|filter| if is_exact { name == *filter } else { name.contains(filter) });
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in tests().filter(|(name, _)| is_meant(name)) {
        let is_ok = std::panic::catch_unwind(test).is_ok();
        println!("test {name} ... {}", if is_ok { "ok" } else { "FAILED" });
        *(if is_ok { &mut passed } else { &mut failed }) += 1;
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
