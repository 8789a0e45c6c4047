//! Changing the number of workers of a running farm, and pausing it: order is kept and nothing is lost.

mod harness;

use harness::status::{ask, folder_of};
use harness::system::{Barrier, Folder, eventually};
use harness::{Running, farm, numbers};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

fn start(folder: &Folder, args: &[&str]) -> Running {
    let mut farm = farm(args);
    farm.command().env("NARROWS_DIR", folder_of(folder));
    farm.start()
}

fn workers(folder: &Folder, farm: Pid, n: u32) {
    assert_eq!(ask(folder, farm, &json!({ "ask": "workers", "n": n })), json!({ "workers": n }));
}

fn told(folder: &Folder, farm: Pid) -> Value {
    ask(folder, farm, &json!({ "ask": "stat" }))
}

/// Grows a farm of one worker to three, and shrinks it again while all three have something in hand. Each line goes
/// through a script that says `got`, then waits for the barrier.
fn grow_and_shrink(args: &[&str], barrier: &Barrier, input: &[u8], pieces: usize) {
    let folder = Folder::new();
    let mut running = start(&folder, &[&["-j1"], args].concat());
    let mut stdin = running.stdin.take().expect("stdin is open");
    let written = input.to_vec();
    let writer = std::thread::spawn(move || {
        std::io::Write::write_all(&mut stdin, &written).expect("the farm reads");
        stdin
    });
    let mut stdout = running.stdout.take().expect("stdout is open");
    let reader = std::thread::spawn(move || {
        let mut output = Vec::new();
        std::io::Read::read_to_end(&mut stdout, &mut output).map(|_| output)
    });
    running.await_stderr("got");
    workers(&folder, running.pid(), 3);
    running.await_stderr("got");
    running.await_stderr("got");
    workers(&folder, running.pid(), 1);
    assert_eq!(told(&folder, running.pid())["jobs"], 1);
    // Whoever reads the barrier first is let go.
    eventually("two have finished what they had in hand", || {
        barrier.release();
        let told = told(&folder, running.pid());
        let books = told["workers"].as_array().expect("it tells of its workers").clone();
        books.len() == 3 && books[1..].iter().all(|worker| worker["records"].as_u64() > Some(0))
    });
    let before = told(&folder, running.pid());
    for _ in 0..pieces {
        barrier.release();
    }
    drop(writer);
    running.finish().assert_code(0);
    let output = reader.join().expect("it does not panic").expect("a pipe can be read");
    assert!(output == input, "the output is not the input");
    assert_eq!(before["workers"].as_array().map(Vec::len), Some(3));
}

#[test]
fn live_workers_come_and_go() {
    let barrier = Barrier::new();
    let script =
        format!("while read -r l; do echo got >&2; read -r go < {}; echo \"$l\"; done", barrier.path().display());
    grow_and_shrink(&["sh", "-c", &script], &barrier, b"1\n2\n3\n4\n5\n6\n7\n8\n", 8);
}

#[test]
fn workers_with_a_process_per_line_come_and_go() {
    let barrier = Barrier::new();
    let script = format!("echo got >&2; read -r go < {}; echo \"$1\"", barrier.path().display());
    grow_and_shrink(&["sh", "-c", &script, "sh", "{}"], &barrier, b"1\n2\n3\n4\n5\n6\n7\n8\n", 8);
}

#[test]
fn workers_with_a_process_per_block_come_and_go() {
    let barrier = Barrier::new();
    let script = format!("echo got >&2; read -r go < {}; cat", barrier.path().display());
    grow_and_shrink(&["--blocks", "sh", "-c", &script], &barrier, &numbers(400_000), 12);
}

#[test]
fn the_builtin_has_workers_too() {
    let folder = Folder::new();
    let mut running = start(&folder, &["-j1", "--builtin", "factor"]);
    for (n, line) in [(4, "12\n"), (1, "13\n"), (2, "14\n")] {
        workers(&folder, running.pid(), n);
        running.write(line);
        running.read_line();
    }
    // An answer is seen before it is booked.
    eventually("three are printed", || told(&folder, running.pid())["printed"] == 3);
    running.finish().assert_code(0);
}

#[test]
fn numbers_of_workers_that_change_all_the_time_lose_nothing() {
    let (folder, input) = (Folder::new(), numbers(60_000));
    for command in [&["cat"][..], &["-u", "cat"], &["-n", "500", "printf", "%s\\n", "{}"]] {
        let mut running = start(&folder, command);
        let mut stdin = running.stdin.take().expect("stdin is open");
        let mut stdout = running.stdout.take().expect("stdout is open");
        let pid = running.pid();
        let output = std::thread::scope(|scope| {
            scope.spawn(|| {
                for (turn, part) in input.chunks(50_000).enumerate() {
                    std::io::Write::write_all(&mut stdin, part).expect("the farm reads");
                    workers(&folder, pid, [3, 1, 5, 2][turn % 4]);
                }
                drop(stdin);
            });
            let mut output = Vec::new();
            std::io::Read::read_to_end(&mut stdout, &mut output).expect("a pipe can be read");
            output
        });
        running.finish().assert_code(0);
        let sorted = |text: &[u8]| {
            let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            lines.sort();
            lines
        };
        let same = if command[0] == "-u" { sorted(&output) == sorted(&input) } else { output == input };
        assert!(same, "{command:?}: {} bytes of {}", output.len(), input.len());
    }
}

/// A farm that has answered a line and is paused; the next line was read and is kept back.
fn paused(folder: &Folder, args: &[&str]) -> Running {
    let mut running = start(folder, args);
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    assert_eq!(ask(folder, running.pid(), &json!({ "ask": "pause" })), json!({ "paused": true }));
    running.write("b\n");
    eventually("the farm has read the line", || {
        let stdin = running.stdin.as_ref().expect("stdin is open");
        rustix::io::ioctl_fionread(stdin).is_ok_and(|unread| unread == 0)
    });
    assert_eq!(
        (&told(folder, running.pid())["read"], &told(folder, running.pid())["paused"]),
        (&json!(1), &json!(true))
    );
    running
}

#[test]
fn a_paused_farm_hands_nothing_over_until_it_goes_on() {
    let folder = Folder::new();
    for args in [&["-j2", "cat"][..], &["-j2", "echo", "{}"]] {
        let mut running = paused(&folder, args);
        assert_eq!(ask(&folder, running.pid(), &json!({ "ask": "resume" })), json!({ "paused": false }));
        assert_eq!(running.read_line(), "b\n");
        running.finish().assert_code(0);
    }
}

#[test]
fn an_interrupt_ends_a_paused_farm() {
    let folder = Folder::new();
    for args in [&["-j2", "cat"][..], &["-j2", "echo", "{}"]] {
        let mut running = paused(&folder, args);
        running.signal(Signal::INT);
        let stdin = running.stdin.take();
        let run = running.finish();
        drop(stdin);
        assert_eq!(run.assert_signal(Signal::INT).text(), "");
        run.assert_stderr("stopped before record 2");
    }
}

#[test]
fn the_end_of_the_input_is_kept_for_later_by_a_pause() {
    let folder = Folder::new();
    let mut running = paused(&folder, &["-j2", "cat"]);
    drop(running.stdin.take());
    ask(&folder, running.pid(), &json!({ "ask": "resume" }));
    assert_eq!(running.finish().assert_code(0).text(), "b\n");
}
