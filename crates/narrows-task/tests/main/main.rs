//! Light tasks, from outside.

mod blocking;
mod conformance;
mod ending;
mod fairness;
mod scopes;
mod stress;
mod tasks;

use std::{env, process::Command};

use narrows_task::Runtime;

/// A runtime of so many workers.
fn runtime(workers: usize) -> Runtime {
    Runtime::builder().workers(workers).build().expect("a few threads can be had")
}

/// A runtime that can start no thread beside those of its workers.
fn crowded(workers: usize) -> Runtime {
    Runtime::builder().workers(workers).max_threads(workers).build().expect("a few threads can be had")
}

const CHILD: &str = "NARROWS_TEST_CHILD";

/// Whether this is a process that [`run_again`] has started.
fn is_a_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Runs one test in a process of its own, which is told apart by [`is_a_child`].
fn run_again(test: &str, prepare: impl FnOnce(&mut Command)) {
    let mut run = Command::new(env::current_exe().expect("this program"));
    run.args([test, "--exact", "--test-threads=1"]).env(CHILD, "1");
    prepare(&mut run);
    let output = run.output().expect("it can be run again");
    let [said, complained] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complained}");
}
