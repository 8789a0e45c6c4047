//! Whose output it is: jobs do not mix, not within long lines either, and stderr stays stderr.

use std::collections::HashMap;

use crate::harness::dice::deep;
use crate::harness::{Run, farm, numbers};

/// Three stretches of a line on stdout and three on stderr, by turns and with pauses in which others write.
fn stretches(length: usize) -> String {
    let write = |letter: char, to: &str| format!("head -c {length} /dev/zero | tr '\\0' {letter} >&{to}; ");
    let stretches: String = [('a', "1"), ('b', "2"), ('c', "1"), ('d', "2"), ('e', "1"), ('f', "2")]
        .into_iter()
        .map(|(letter, to)| write(letter, to))
        .collect();
    stretches + "echo; echo >&2; : $1"
}

#[track_caller]
fn assert_apart(run: &Run, jobs: usize, length: usize) {
    let line = |letters: &str| letters.chars().map(|letter| letter.to_string().repeat(length)).collect::<String>();
    let (out, err) = (line("ace"), line("bdf"));
    assert!(run.text().lines().all(|line| line == out), "the output of two jobs is mixed");
    assert!(run.stderr.lines().all(|line| line == err), "the stderr of two jobs is mixed");
    assert_eq!((run.text().lines().count(), run.stderr.lines().count()), (jobs, jobs));
}

#[test]
fn long_lines_of_many_jobs_do_not_mix() {
    let (jobs, length) = deep((8, 150_000), (30, 3_000_000));
    let script = stretches(length);
    for options in [&["-j30"][..], &["-j30", "-u"], &["-j30", "--buffer", "1M"]] {
        let run = farm(&[options, &["sh", "-c", &script, "sh", "{}"]].concat()).run(&numbers(jobs));
        assert_apart(run.assert_code(0), jobs, length);
    }
}

#[test]
fn a_line_without_its_end_stays_with_its_job() {
    let input = numbers(40);
    for options in [&["-j4"][..], &["-j4", "-u"]] {
        let run =
            farm(&[options, &["sh", "-c", "printf '<%s' \"$1\"; : pause | cat; printf '>'", "sh", "{}"]].concat())
                .run(&input);
        let mut left: HashMap<&str, u32> =
            run.assert_code(0).text().split_inclusive('>').map(|part| (part, 1)).collect();
        for line in std::str::from_utf8(&input).expect("it is text").lines() {
            assert_eq!(left.remove(format!("<{line}>").as_str()), Some(1), "{line}");
        }
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn live_workers_do_not_mix_their_long_lines() {
    let script = r#"$| = 1; while (<>) { chomp; for my $c (split //, "ace") { print $c x 40000 } print "\n" }"#;
    let run = farm(&["-j4", "-u", "perl", "-e", script]).run(&numbers(40));
    let line: String = ["a", "c", "e"].map(|letter| letter.repeat(40_000)).concat();
    assert!(run.assert_code(0).text().lines().all(|is| is == line));
    assert_eq!(run.text().lines().count(), 40);
}

#[test]
fn stderr_is_not_merged_into_stdout() {
    let says = "echo out; echo err >&2; echo out; echo err >&2";
    for command in [
        vec!["sh", "-c", says, "sh", "{}"],
        vec!["--blocks", "sh", "-c", says],
        vec![
            "--reply-end",
            "END",
            "sh",
            "-c",
            "while read -r l; do echo out; echo err >&2; echo out; echo err >&2; echo END; done",
        ],
    ] {
        let run = farm(&command).run(b"a\n");
        assert_eq!((run.assert_code(0).text(), run.stderr.as_str()), ("out\nout\n", "err\nerr\n"), "{command:?}");
    }
}

#[test]
fn a_prefix_stands_before_each_line_of_stderr_and_not_within_it() {
    let run = farm(&["-v", "-j2", "sh", "-c", &stretches(150_000), "sh", "{}"]).run(&numbers(4));
    for line in run.assert_code(0).stderr.lines() {
        let said = line.split_once(": ").map(|(_, said)| said);
        assert!(said.is_some_and(|said| said.len() == 450_000 && !said.contains(' ')), "{}", &line[..60]);
    }
}
