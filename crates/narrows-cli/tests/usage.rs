//! The command line: help, colours, variables, and what is said of a wrong one.

mod harness;

use harness::{Run, farm, narrows};

fn with(variables: &[(&str, &str)], args: &[&str]) -> Run {
    let mut program = narrows();
    program.command().args(args).envs(variables.iter().copied());
    program.run(b"")
}

/// An error is two lines: what is wrong, and what to do.
#[track_caller]
fn assert_two_lines(run: &Run, code: i32, error: &str) {
    run.assert_code(code);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", run.stderr);
    assert!(lines[0].starts_with("error: ") && lines[0].contains(error), "no '{error}' in: {}", run.stderr);
    assert!(lines[1].starts_with("hint: ") && lines[1].len() > "hint: ".len(), "{}", run.stderr);
    assert_eq!(run.text(), "");
}

#[test]
fn an_error_is_two_lines() {
    let wrong: [(&[&str], i32, &str); 11] = [
        (&["plough"], 2, "unrecognized subcommand 'plough'"),
        (&["--bogus"], 2, "unexpected argument '--bogus'"),
        (&["farm", "--block", "cat"], 2, "unexpected argument '--block'"),
        (&["farm", "-j", "0", "cat"], 2, "expected a number from 1"),
        (&["farm", "-u"], 2, "required arguments were not provided: <CMD>..."),
        (&["farm", "--resume", "cat"], 2, "--log <FILE>"),
        (&["farm", "-q", "-v", "cat"], 2, "cannot be used with"),
        (&["farm", "--builtin", "sum"], 2, "invalid value 'sum'"),
        (&["farm", "--timeout", "0", "cat"], 2, "leaves no time at all"),
        (&["farm", "no-such-command"], 127, "command not found"),
        (&["farm", "--log", "/no/such/folder/log", "cat"], 125, "cannot use the log"),
    ];
    for (args, code, error) in wrong {
        assert_two_lines(&with(&[], args), code, error);
    }
    with(&[], &["farm", "--block", "cat"]).assert_stderr("hint: a similar argument exists: '--blocks'");
    with(&[], &["farm", "-j", "0", "cat"]).assert_stderr("hint: narrows farm --help says more");
}

#[test]
fn help_is_short_or_long_and_without_a_verb_an_error() {
    let (short, long) = (with(&[], &["farm", "-h"]), with(&[], &["farm", "--help"]));
    assert!(!short.assert_code(0).text().contains("Examples:"), "{}", short.text());
    for section in ["Exit status:", "Environment:", "Examples:"] {
        assert!(long.assert_code(0).text().contains(&format!("\n{section}\n")), "no {section}");
    }
    let last = long.text().rfind("\n\n").expect("there are sections");
    assert!(long.text()[last..].trim_start().starts_with("Examples:"), "the examples stand at the end");
    assert!(with(&[], &["--version"]).assert_code(0).text().starts_with("narrows "));
    with(&[], &[]).assert_code(2).assert_stderr("Usage: narrows");
    with(&[], &["farm"]).assert_code(2).assert_stderr("Usage: narrows farm");
}

#[test]
fn colours_are_for_terminals_and_for_those_who_insist() {
    let coloured = |variables: &[(&str, &str)], args: &[&str]| {
        let run = with(variables, args);
        (run.stdout.contains(&0x1b), run.stderr.contains('\x1b'))
    };
    for (args, stdout) in
        [(&["farm", "--help"][..], true), (&["farm", "--bogus"], false), (&["farm", "no-such-command"], false)]
    {
        assert_eq!(coloured(&[], args), (false, false), "a pipe is no terminal: {args:?}");
        assert_eq!(coloured(&[("CLICOLOR_FORCE", "1")], args), (stdout, !stdout), "{args:?}");
        assert_eq!(coloured(&[("NO_COLOR", "1"), ("TERM", "xterm-256color")], args), (false, false), "{args:?}");
    }
    let mut forced = farm(&["cat"]);
    forced.command().env("CLICOLOR_FORCE", "1");
    assert_eq!(forced.run(b"a\n").text(), "a\n", "data is never coloured");
}

fn dry_run(variables: &[(&str, &str)], args: &[&str]) -> Run {
    with(variables, &[&["farm", "--dry-run"], args, &["cat"]].concat())
}

#[test]
fn a_variable_stands_for_an_option_that_is_not_typed() {
    let jobs = |run: Run| run.assert_code(0).text().lines().find(|line| line.starts_with("jobs")).map(str::to_owned);
    assert_eq!(jobs(dry_run(&[("NARROWS_JOBS", "3")], &[])).as_deref(), Some("jobs        3"));
    assert_eq!(jobs(dry_run(&[("NARROWS_JOBS", "3")], &["-j", "5"])).as_deref(), Some("jobs        5"));
    assert_eq!(jobs(dry_run(&[("NARROWS_JOBS", "wrong")], &["-j", "5"])).as_deref(), Some("jobs        5"));
    let run = dry_run(&[("NARROWS_MAX_RECORD", "1K"), ("NARROWS_BUFFER", "4096"), ("NARROWS_WINDOW", "")], &[]);
    assert!(run.assert_code(0).text().contains("4096 bytes"), "{}", run.text());
    let mut quiet = farm(&["false", "{}"]);
    quiet.command().env("NARROWS_QUIET", "1");
    assert_eq!(quiet.run(b"a\n").assert_code(1).stderr, "");
}

#[test]
fn a_variable_gives_way_to_an_option_that_excludes_it() {
    for args in [&["-p"][..], &["-v"]] {
        dry_run(&[("NARROWS_QUIET", "1")], args).assert_code(0);
    }
    dry_run(&[("NARROWS_PROGRESS", "1"), ("NARROWS_VERBOSE", "1")], &["-q"]).assert_code(0);
    with(&[("NARROWS_RETRIES", "2")], &["farm", "--dry-run", "--builtin", "factor"]).assert_code(0);
}

#[test]
fn a_wrong_variable_is_named() {
    for (name, value) in
        [("NARROWS_JOBS", "many"), ("NARROWS_BUFFER", "0"), ("NARROWS_HALT", "later"), ("NARROWS_QUIET", "maybe")]
    {
        assert_two_lines(&dry_run(&[(name, value)], &[]), 2, &format!("the variable {name}: "));
    }
    assert_two_lines(&dry_run(&[("NARROWS_QUIET", "1"), ("NARROWS_VERBOSE", "1")], &[]), 2, "cannot be used with");
    let run = dry_run(&[("NARROWS_QUIET", "1"), ("NARROWS_VERBOSE", "1")], &[]);
    run.assert_stderr("hint: the environment adds --quiet --verbose");
}
