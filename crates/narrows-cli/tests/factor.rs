//! `--builtin factor` prints what the command factor prints.

mod harness;

use harness::{farm, is_installed, plain};

#[track_caller]
fn assert_same(input: &str) {
    for jobs in ["1", "2", "8"] {
        let run = farm(&["-j", jobs, "--builtin", "factor"]).run(input.as_bytes());
        run.assert_code(0);
        assert!(run.stdout == plain(&["factor"], input.as_bytes()), "-j {jobs} differs");
    }
}

#[test]
fn numbers_are_factored_as_the_command_does() {
    if !is_installed("factor") {
        eprintln!("factor is not installed here");
        return;
    }
    let lines =
        |numbers: &mut dyn Iterator<Item = u128>| numbers.fold(String::new(), |text, n| text + &n.to_string() + "\n");
    assert_same(&lines(&mut (0..50_000)));
    assert_same(&lines(&mut (0..2000).map(|n| u128::from(u64::MAX) - n)));
    assert_same(&lines(&mut (0..20).map(|n| (1 << 70) + n)));
    let mut seed = 88_172_645_463_325_252_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    assert_same(&lines(&mut (0..3000).map(|n| u128::from(random() >> (n % 64)))));
    assert_same("  12\n+7\n007\n\n6 35\n");
}

#[test]
fn a_line_that_is_no_number_fails_and_keeps_the_order() {
    let run = farm(&["-j2", "--builtin", "factor"]).run(b"12\nfoo\n7\n-1\n9");
    run.assert_code(1).assert_stderr("record 2 failed: 'foo'").assert_stderr("record 4 failed: '-1'");
    assert_eq!(run.text(), "12: 2 2 3\n7: 7\n9: 3 3\n");
}

#[test]
fn records_that_end_with_nul_are_answered_with_nul() {
    let run = farm(&["-0", "--builtin", "factor"]).run(b"6\x0010");
    assert_eq!(run.assert_code(0).text(), "6: 2 3\x0010: 2 5\0");
}
