//! What a record may be and where it may stand: any character, any length, in commands of any shape.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::harness::dice::deep;
use crate::harness::system::Folder;
use crate::harness::{farm, plain};

/// Each byte alone and between others, then all in a row; a record ends with NUL, so that newline is one of them.
fn every_byte() -> Vec<u8> {
    let alone = (1..=255).flat_map(|byte| [byte, 0, b'a', byte, byte, b' ', 0]);
    alone.chain(1..=255).chain([0]).collect()
}

#[test]
fn every_byte_of_a_record_arrives() {
    let input = every_byte();
    // 511 records: so many processes, a tenth of them, none.
    for command in [
        &["-j3", "printf", "%s\\0", "{}"][..],
        &["-j3", "-n", "50", "printf", "%s\\0", "{}"],
        &["-j3", "-n", "50", "--shell", "printf '%s\\0' {}"],
        &["-j3", "cat"],
        &["-j3", "--blocks", "cat"],
    ] {
        let run = farm(&[&["-0"], command].concat()).run(&input);
        assert!(run.assert_code(0).stdout == input, "{command:?} differs");
    }
    let run = farm(&["-0", "-j3", "--shell", "printf '%s\\0' {} \"{}\" '{}'"]).run(&input);
    let thrice: Vec<u8> = input.split_inclusive(|byte| *byte == 0).flat_map(|record| record.repeat(3)).collect();
    assert!(run.assert_code(0).stdout == thrice, "--shell differs");
}

#[test]
fn files_with_awkward_names_are_found() {
    let folder = Folder::new();
    let names: &[&[u8]] = &[
        b"Anna's \"best\" *** photo?  (cost $$5).jpg",
        b"-n",
        b"--help",
        b" begins and ends with a space ",
        b"two\nlines\n",
        b"tab\tbell\x07escape\x1b[31m",
        b"a;b&c|d>e<f`g`$(h)${i}!j#k~l",
        b"back\\slash\\",
        b"{} {#} {w} {a,b} [a-z]",
        b"not utf-8: \xff\xfe\xc3",
        "\u{e9}\u{4e16}\u{754c}\u{1f600}".as_bytes(),
    ];
    for name in names {
        fs::write(folder.path().join(OsStr::from_bytes(name)), [name, &b"\0"[..]].concat()).expect("it can be written");
    }
    let input: Vec<u8> = names.iter().flat_map(|name| [name, &b"\0"[..]].concat()).collect();
    // Each file holds its own name: what is printed is the list of names.
    for command in [&["cat", "--", "{}"][..], &["-n4", "cat", "--", "{}"], &["--shell", "cat -- {} | cat"]] {
        let mut farm = farm(&[&["-0", "-j2"], command].concat());
        farm.command().current_dir(folder.path());
        let run = farm.run(&input);
        assert!(run.assert_code(0).stdout == input, "{command:?}: {}", run.stdout.escape_ascii());
    }
}

#[test]
fn composed_commands_need_no_further_shell() {
    let run = farm(&["--shell", "echo", "before;", "echo", "{}"]).run(b"a b\n");
    assert_eq!(run.assert_code(0).text(), "before\na b\n");
    let script = "if [ {} = no ]; then exit 3; fi; for i in 1 2; do echo \"$i {}\"; done | sort -r && echo {} >&2";
    let run = farm(&["-j1", "--shell", script]).run(b"a\nno\n");
    assert_eq!(run.assert_code(1).text(), "2 a\n1 a\n");
    run.assert_stderr("record 2 failed: exit status: 3").assert_stderr("a\n");
    let run = farm(&["echo", "a;", "echo", "b", "{}", "|", "cat"]).run(b"x\n");
    assert_eq!(run.assert_code(0).text(), "a; echo b x | cat\n", "without --shell nothing is special");
}

#[test]
fn a_record_may_stand_in_many_places() {
    let run = farm(&["-j1", "echo", "{}", "and", "{}{}", "x{}y{#}z{w}", "{}"]).run(b"a b\n");
    assert_eq!(run.assert_code(0).text(), "a b and a ba b xa by1z1 a b\n");
    let command = [&["echo"][..], &["{}"; 1000]].concat();
    let run = farm(&command).run(b"a\nbc\n");
    let times = |record: &str| [record; 1000].join(" ") + "\n";
    assert!(run.assert_code(0).text() == times("a") + &times("bc"));
}

#[test]
fn an_argument_is_limited_by_the_kernel_alone() {
    // Its limit is 32 pages for one argument, with the NUL at its end.
    let pages = plain(&["getconf", "PAGE_SIZE"], b"");
    let page: usize = String::from_utf8_lossy(&pages).trim().parse().expect("it is a number");
    let most = 32 * page - 1;
    let run = farm(&["-j2", "echo", "{}"]).run(&[vec![b'x'; most], b"\na\n".to_vec()].concat());
    assert_eq!(run.assert_code(0).stdout.len(), most + 1 + 2);
    let run = farm(&["-j2", "echo", "{}"]).run(&[vec![b'x'; most + 1], b"\na\n".to_vec()].concat());
    run.assert_code(1).assert_stderr("record 1 failed: it is longer than").assert_stderr("hint: ");
    assert_eq!(run.text(), "a\n");
    // All arguments together: a quarter of the stack, and never more than 6 MiB.
    let (line, lines) = ([vec![b'x'; 199], vec![b'\n']].concat(), 40_000);
    let run = farm(&["-n", "40000", "--window", "40000", "echo", "{}"]).run(&line.repeat(lines));
    run.assert_code(1).assert_stderr("(40000) failed: it is longer than").assert_stderr("fewer records");
}

#[test]
fn a_line_may_be_long() {
    let (length, options) =
        deep((20_000_000, [].as_slice()), (1_000_000_000, &["--max-record", "1000M", "--buffer", "1000M"]));
    let mut input = vec![b'x'; length];
    input.push(b'\n');
    for command in [&["cat"][..], &["--blocks", "cat"], &["--pty", "--blocks", "cat"]] {
        let run = farm(&[&["-j2"], options, command].concat()).run(&input);
        assert!(run.assert_code(0).stdout == input, "{command:?} differs");
    }
}
