//! What separates records, where answers end, and tags.

mod harness;

use harness::{farm, is_installed, numbers};

fn frames(records: &[&[u8]]) -> Vec<u8> {
    let frame = |record: &&[u8]| {
        let length = u32::try_from(record.len()).expect("tests use short records");
        [&length.to_be_bytes()[..], record].concat()
    };
    records.iter().flat_map(frame).collect()
}

#[test]
fn records_may_end_with_any_byte() {
    let run = farm(&["-d", ",", "-j2", "cat"]).run(b"a,b\nc,,d");
    assert_eq!(run.assert_code(0).text(), "a,b\nc,,d,");
    let run = farm(&["-d", "\\t", "echo", "{}"]).run(b"a\tb c\td");
    assert_eq!(run.assert_code(0).text(), "a\nb c\nd\n");
    let run = farm(&["-d", "\\0", "echo", "{}"]).run(b"a\nb\0c\0");
    assert_eq!(run.assert_code(0).text(), "a\nb\nc\n");
    let run = farm(&["-0", "-j2", "printf", "%s\\0", "{}"]).run(b"a\nb\0c\0");
    assert_eq!(run.assert_code(0).text(), "a\nb\0c\0");
    for wrong in [&["-d", "ab", "cat"][..], &["-d", "", "cat"], &["-0", "-d", ",", "cat"], &["--frame", "-0", "cat"]] {
        farm(wrong).run(b"").assert_code(2);
    }
}

#[test]
fn frames_go_both_ways_through_live_workers() {
    let long = vec![b'x'; 300_000];
    let mut records = vec![&b"a\nb"[..], b"", b"\0\xff", &long];
    let numbers: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    records.extend(numbers.iter().map(String::as_bytes));
    let input = frames(&records);
    for jobs in ["1", "3"] {
        let run = farm(&["--frame", "-j", jobs, "cat"]).run(&input);
        assert!(run.assert_code(0).stdout == input, "-j {jobs} differs");
    }
}

#[test]
fn a_worker_that_speaks_frames_may_answer_with_other_lengths() {
    if !is_installed("python3") {
        eprintln!("python3 is not installed here");
        return;
    }
    let script = "import sys, struct\ni, o = sys.stdin.buffer, sys.stdout.buffer\n\
        while True:\n h = i.read(4)\n if len(h) < 4: break\n\
        \x20d = i.read(struct.unpack('>I', h)[0])\n a = d * 2 + b'\\n'\n\
        \x20o.write(struct.pack('>I', len(a)) + a); o.flush()\n";
    let run = farm(&["--frame", "-j2", "python3", "-c", script]).run(&frames(&[b"a", b"", b"b\nc"]));
    assert_eq!(run.assert_code(0).stdout, frames(&[b"aa\n", b"\n", b"b\ncb\nc\n"]));
}

#[test]
fn the_output_of_a_process_is_a_frame() {
    let run = farm(&["--frame", "-j2", "printf", "<%s>", "{}"]).run(&frames(&[b"a\nb", b"", b"c"]));
    assert_eq!(run.assert_code(0).stdout, frames(&[b"<a\nb>", b"<>", b"<c>"]));
    let options = ["--frame", "--buffer", "100K", "--shell", "if [ {} = long ]; then yes; else echo {}; fi"];
    let run = farm(&options).run(&frames(&[b"a", b"long", b"c"]));
    run.assert_code(1).assert_stderr("record 2 failed: its output is longer than --buffer");
    assert_eq!(run.stdout, frames(&[b"a\n", b"", b"c\n"]));
}

#[test]
fn blocks_hold_whole_frames() {
    let records: Vec<String> = (0..200_000).map(|n| format!("{n}\n")).collect();
    let input = frames(&records.iter().map(String::as_bytes).collect::<Vec<_>>());
    let run = farm(&["--frame", "--blocks", "-j2", "cat"]).run(&input);
    assert!(run.assert_code(0).stdout == input);
}

#[test]
fn frames_that_are_cut_off_or_too_long_are_told() {
    let input = frames(&[b"abc", b"defg"]);
    let run = farm(&["--frame", "cat"]).run(&input[..input.len() - 1]);
    run.assert_code(125).assert_stderr("in the middle of a frame").assert_stderr("after byte 7");
    assert_eq!(run.stdout, frames(&[b"abc"]));
    let run = farm(&["--frame", "--blocks", "cat"]).run(&input[..input.len() - 1]);
    assert_eq!(run.assert_code(125).stdout, frames(&[b"abc"]));
    let run = farm(&["--frame", "--max-record", "3", "cat"]).run(&input);
    run.assert_code(125).assert_stderr("record 2, at byte 7");
    assert_eq!(run.stdout, frames(&[b"abc"]));
}

#[test]
fn a_reply_is_all_lines_up_to_its_end() {
    let script = r#"while read -r l; do i=0; while [ $i -lt "$l" ]; do echo "$l $i"; i=$((i+1)); done; echo END; done"#;
    let expected = "2 0\n2 1\n1 0\n3 0\n3 1\n3 2\n";
    for jobs in ["1", "3"] {
        let run = farm(&["--reply-end", "END", "-j", jobs, "sh", "-c", script]).run(b"2\n0\n1\n3\n");
        assert_eq!(run.assert_code(0).text(), expected, "-j {jobs}");
    }
    let run = farm(&["--reply-end", "END", "-t", "-j2", "sh", "-c", script]).run(b"2\n0\n1\n");
    assert_eq!(run.assert_code(0).text(), "2\t2 0\n2\t2 1\n1\t1 0\n");
    let unended = "read -r l; echo $l; read -r l; echo no end";
    let run = farm(&["--reply-end", "END", "-j1", "sh", "-c", unended]).run(b"a\n");
    run.assert_code(1).assert_stderr("record 1 failed");
    assert_eq!(run.text(), "");
    farm(&["--reply-end", "END", "echo", "{}"]).run(b"").assert_code(2).assert_stderr("hint: ");
}

#[test]
fn long_replies_are_cut_in_the_right_places() {
    let script = r#"while read -r l; do seq "$l"; echo .; done"#;
    let input: String = (0..300).map(|n| n * 7).fold(String::new(), |text, n| text + &n.to_string() + "\n");
    let expected = input.lines().map(|line| line.parse::<u32>().expect("they are numbers"));
    let expected: String = expected.flat_map(|n| (1..=n).map(|i| i.to_string() + "\n")).collect();
    let run = farm(&["--reply-end", ".", "-j2", "sh", "-c", script]).run(input.as_bytes());
    assert!(run.assert_code(0).text() == expected);
}

#[test]
fn tags_stand_before_each_line() {
    let run = farm(&["-t", "-j2", "sed", "s/a/b/"]).run(b"a\nx y\n\n");
    assert_eq!(run.assert_code(0).text(), "a\tb\nx y\tx y\n\t\n");
    let run = farm(&["-t", "-j2", "printf", "one\\n\\nlast", "{}"]).run(b"a\nb\n");
    assert_eq!(run.assert_code(0).text(), "a\tone\na\t\na\tlast\nb\tone\nb\t\nb\tlast\n");
    let run = farm(&["-t", "-n2", "echo", "{}"]).run(b"a\nb\n");
    assert_eq!(run.assert_code(0).text(), "a b\ta b\n");
    let run = farm(&["-t", "--builtin", "factor"]).run(b"4 6\n9\n");
    assert_eq!(run.assert_code(0).text(), "4 6\t4: 2 2\n4 6\t6: 2 3\n9\t9: 3 3\n");
    farm(&["-t", "--blocks", "cat"]).run(b"").assert_code(2);
}

#[test]
fn many_tagged_answers_keep_their_records() {
    let input = numbers(50_000);
    let run = farm(&["-t", "-j3", "cat"]).run(&input);
    for line in run.assert_code(0).text().lines() {
        let (record, answer) = line.split_once('\t').expect("each line has a tag");
        assert_eq!(record, answer);
    }
    assert_eq!(run.text().lines().count(), 50_000);
}
