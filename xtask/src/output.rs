//! Reading what test programs print: how many passed, which failed first, what the models counted.
//! Lines of two streams, or of two seeds at once, may be joined; so nothing here trusts line starts
//! more than it must.

/// The number of tests that passed, over all test programs of one command.
pub(crate) fn passed(output: &str) -> u64 {
    let lines = output.lines();
    lines
        .filter(|line| line.contains(" passed; ") || line.contains(" tests run: "))
        .flat_map(|line| line.match_indices(" passed").map(move |(at, _)| &line[..at]))
        .filter_map(|before| number(before.rsplit([' ', '\u{1b}']).next()?))
        .sum()
}

/// The first test that failed, or the first thing a checker said, or the last word.
pub(crate) fn first_failure(output: &str) -> String {
    failed_test(output)
        .or_else(|| failed_in_nextest(output))
        .or_else(|| thread_at_fault(output))
        .or_else(|| complaint(output))
        .unwrap_or_else(|| output.trim().lines().last().unwrap_or("no output").to_owned())
}

/// `test NAME ... FAILED`, or `test NAME ... ` with a crash behind it.
fn failed_test(output: &str) -> Option<String> {
    output.lines().find_map(|line| {
        let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let passed = verdict.trim_start().starts_with("ok") || verdict.starts_with("ignored");
        (!passed).then(|| name.trim_end_matches(" - should panic").to_owned())
    })
}

/// `FAIL [   0.012s] PROGRAM NAME`, or the same with `SIGABRT` or `TIMEOUT`.
fn failed_in_nextest(output: &str) -> Option<String> {
    output.lines().find_map(|line| {
        let (verdict, test) = line.split_once(" [")?;
        let failed = ["FAIL", "TIMEOUT"].contains(&verdict.trim()) || verdict.contains("SIG");
        failed.then_some(test.split_once(']')?.1.trim().to_owned())
    })
}

/// The test harness names a test's thread after the test, so a panic or miri's report tells it.
fn thread_at_fault(output: &str) -> Option<String> {
    output.lines().find_map(|line| {
        let name = match line.split_once("this is on thread `") {
            Some((_, rest)) => rest.split('`').next()?,
            None if line.contains(" panicked at ") => line.split_once("thread '")?.1.split('\'').next()?,
            None => return None,
        };
        let is_test = !matches!(name, "main" | "<unnamed>" | "unnamed-1" | "");
        is_test.then(|| name.to_owned())
    })
}

fn complaint(output: &str) -> Option<String> {
    let line = output.lines().find(|line| line.contains("ERROR: ") || line.contains("error: "))?;
    let from = line.find("ERROR: ").map_or_else(|| line.find("error: "), |at| Some(at + 2))?;
    Some(line[from..].split_once(": ")?.1.trim().to_owned())
}

/// What one model test counted: `model NAME: 120 schedules, 240 histories`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) name: String,
    /// Number and unit, as printed.
    pub(crate) counts: Vec<(u64, String)>,
}

pub(crate) fn models(output: &str) -> Vec<Model> {
    output.lines().filter_map(model).collect()
}

fn model(line: &str) -> Option<Model> {
    const UNITS: [&str; 3] = ["executions", "schedules", "histories"];
    let (name, counted) = line[line.find("model ")?..].strip_prefix("model ")?.split_once(": ")?;
    let counts: Option<Vec<_>> = counted
        .split(", ")
        .map(|count| {
            let (amount, unit) = count.trim().split_once(' ')?;
            Some((number(amount)?, UNITS.into_iter().find(|known| *known == unit)?.to_owned()))
        })
        .collect();
    Some(Model { name: name.to_owned(), counts: counts? })
}

/// Sums over models, one entry per unit, in order of first appearance.
pub(crate) fn totals(models: &[Model]) -> Vec<(u64, String)> {
    let mut sums: Vec<(u64, String)> = Vec::new();
    for (amount, unit) in models.iter().flat_map(|model| &model.counts) {
        match sums.iter_mut().find(|(_, known)| known == unit) {
            Some((sum, _)) => *sum += amount,
            None => sums.push((*amount, unit.clone())),
        }
    }
    sums
}

fn number(word: &str) -> Option<u64> {
    word.trim_matches(|letter: char| !letter.is_ascii_digit()).replace('_', "").parse().ok()
}

/// 1234567 as `1,234,567`.
pub(crate) fn grouped(amount: u64) -> String {
    let digits = amount.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{first_failure, grouped, models, passed, totals};

    #[test]
    fn passes_are_summed_over_harnesses_and_joined_lines() {
        let libtest = "test a ... ok\ntest result: ok. 12 passed; 0 failed; 3 ignored\n\
            test result: ok. 1 passed; 0 failed; 0 ignored\n";
        assert_eq!(passed(libtest), 13);
        let joined = "test result: test result: okok. 4 passed; 0 failed. 4 passed; 0 failed;";
        assert_eq!(passed(joined), 8);
        let torn =
            "test result: ok\nsuccesses:\n. 1 passed; 0 failed;    a\n; finished in 1 s\nok. 1 passed; 0 failed;\n";
        assert_eq!(passed(torn), 2);
        assert_eq!(passed("Summary [   1.013s] 70 tests run: 70 passed (1 slow), 0 skipped"), 70);
        assert_eq!(passed("a message that passed\n5 passed the door"), 0);
    }

    #[test]
    fn the_first_failing_test_is_named() {
        let plain = "test a ... ok\ntest b::c ... FAILED\ntest d ... FAILED\n";
        assert_eq!(first_failure(plain), "b::c");
        let crash = "test a ... ok\ntest b ... ==12==ERROR: AddressSanitizer: double-free\n";
        assert_eq!(first_failure(crash), "b");
        let next = "   PASS [ 0.1s] (1/2) narrows a\n   FAIL [ 0.1s] (2/2) narrows b::c\n";
        assert_eq!(first_failure(next), "(2/2) narrows b::c");
        let panics = "test e - should panic ... FAILED\n";
        assert_eq!(first_failure(panics), "e");
    }

    #[test]
    fn a_crash_without_a_verdict_is_named_by_its_thread_or_its_complaint() {
        let miri = "error: Undefined Behavior: freed twice\n = note: this is on thread `ring::t`\n";
        assert_eq!(first_failure(miri), "ring::t");
        let panic = "thread 'queue_publish' (812) panicked at loom/src/rt.rs:1:2:\n";
        assert_eq!(first_failure(panic), "queue_publish");
        let leak = "test a ... ok\n==9==ERROR: LeakSanitizer: detected memory leaks\n";
        assert_eq!(first_failure(leak), "LeakSanitizer: detected memory leaks");
        assert_eq!(first_failure("error: memory leaked: alloc1"), "memory leaked: alloc1");
    }

    #[test]
    fn models_are_read_wherever_they_stand_in_a_line() {
        let output = "test spsc ... model spsc: 1200 executions\nok\n\
            model mpmc: 20_000 schedules, 40000 histories\nmodel railway: 3 coaches\n\
            a model of: nothing\n";
        let found = models(output);
        let names: Vec<_> = found.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["spsc", "mpmc"]);
        let sums = totals(&found);
        let sums: Vec<_> = sums.iter().map(|(n, unit)| (*n, unit.as_str())).collect();
        assert_eq!(sums, [(1200, "executions"), (20_000, "schedules"), (40_000, "histories")]);
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([grouped(7), grouped(1234), grouped(1_234_567)], ["7", "1,234", "1,234,567"]);
    }
}
