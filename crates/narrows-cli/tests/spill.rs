//! `--spill`: answers behind a slow record go to a file, and work goes on.

mod harness;

use harness::farm;
use harness::system::{Barrier, Folder, eventually};

#[test]
fn work_goes_on_behind_a_slow_record_and_nothing_is_lost() {
    for spawn in [true, false] {
        let (folder, barrier) = (Folder::new(), Barrier::new());
        let path = folder.path().to_str().expect("it is text");
        let answer = format!(
            r#"if [ "$l" = slow ]; then read -r go < {}; echo slow; else head -c 99999 /dev/zero | tr '\0' x; echo; fi
               [ "$l" != 100 ] || echo all >&2"#,
            barrier.path().display()
        );
        let live = format!("while read -r l; do {answer}\ndone");
        let one = format!("l=$1; {answer}");
        let command = if spawn { vec!["sh", "-c", &one, "sh", "{}"] } else { vec!["sh", "-c", &live] };
        let options = ["-j2", "--buffer", "1M", "--window", "1000", "--spill", path];
        let mut running = farm(&[&options[..], &command].concat()).start();
        running.write("slow\n");
        let input: String = (1..=100).fold(String::new(), |text, n| text + &n.to_string() + "\n");
        running.write(&input);
        // Without the file the tenth answer would have to wait.
        running.await_stderr("all");
        let peak = running.peak_kib();
        assert_eq!(std::fs::read_dir(path).expect("it is there").count(), 0, "the file has no name");
        barrier.release();
        let run = running.finish();
        let answered = "x".repeat(99_999) + "\n";
        assert!(run.assert_code(0).text() == "slow\n".to_owned() + &answered.repeat(100), "spawn: {spawn}");
        assert!(peak < (1 + 2 + 14) << 10, "the peak was {peak} KiB");
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_told() {
    farm(&["--spill", "/no/such/folder", "cat"]).run(b"a\n").assert_code(125).assert_stderr("--spill");
}

#[test]
fn the_disk_is_given_back_when_the_farm_ends() {
    let (folder, barrier) = (Folder::new(), Barrier::new());
    let path = folder.path().to_str().expect("it is text");
    let script = format!("[ $1 != 1 ] || read -r go < {}; head -c 99999 /dev/zero", barrier.path().display());
    let options = ["-j2", "--buffer", "64K", "--spill", path, "sh", "-c", &script, "sh", "{}"];
    let mut running = farm(&options).start();
    running.write("1\n2\n3\n4\n");
    eventually("the file is open", || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", running.pid().as_raw_nonzero())).expect("it runs");
        fds.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|link| link.starts_with(folder.path())))
    });
    barrier.release();
    assert_eq!(running.finish().assert_code(0).stdout.len(), 4 * 99_999);
}
