//! A survey as a table for people: one row per stage, then what the pipeline waits for.

use super::channels;
use super::sample::Kind;
use super::survey::{Stage, Survey};
use super::verdict::percent;

pub(crate) const HEADINGS: [&str; 13] = [
    "PID", "STAGE", "JOBS", "READ", "IN HAND", "PRINTED", "FAILED", "RATE", "BUSY", "BLOCKED", "WAITING", "OLDEST",
    "CPU",
];
/// The column of names; all others hold numbers.
pub(crate) const NAME: usize = 1;
const LONGEST_NAME: usize = 32;

pub(super) fn text(survey: &Survey) -> String {
    let mut text = String::new();
    for pipeline in &survey.pipelines {
        let rows: Vec<_> = pipeline.stages.iter().map(row).collect();
        text += &table(&rows);
        text.extend([&pipeline.verdict.sentence, "\n\n"]);
    }
    for row in channels::rows(&survey.channels) {
        text += &(row.text + "\n");
    }
    for silent in &survey.mute {
        text.extend(["no answer from ", silent, "\n"]);
    }
    if text.is_empty() {
        return "no farm or tap is running, and there is no channel\n".into();
    }
    text.trim_end().to_owned() + "\n"
}

/// The cells of a stage, as many as there are headings.
pub(crate) fn row(stage: &Stage) -> [String; HEADINGS.len()] {
    let (sample, shares) = (&stage.sample, &stage.shares);
    let is_farm = sample.kind == Kind::Farm;
    let of_farm = |text: String| if is_farm { text } else { "-".into() };
    let moved = |records: u64| match sample.bytes {
        Some(bytes) => size(bytes),
        None => records.to_string(),
    };
    let in_hand = match sample.window {
        Some(window) => format!("{}/{window}", sample.in_hand()),
        None => format!("{}/{}", size(sample.held_bytes), size(sample.buffer_bytes)),
    };
    [
        sample.pid.to_string(),
        cut(&stage.label(), LONGEST_NAME),
        of_farm(sample.jobs.to_string() + if sample.paused { " paused" } else { "" }),
        moved(sample.read),
        of_farm(in_hand),
        moved(sample.printed),
        of_farm(sample.failed.to_string()),
        rate(sample.bytes.is_some(), shares.rate),
        percent(shares.busy),
        percent(shares.blocked),
        percent(shares.waiting),
        sample.age_s().map_or("-".into(), |age| format!("{age:.1} s")),
        of_farm(percent(stage.cpus)),
    ]
}

fn table(rows: &[[String; HEADINGS.len()]]) -> String {
    let headings = HEADINGS.map(str::to_owned);
    let all = || std::iter::once(&headings).chain(rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let cell = |(column, cell): (usize, &String)| {
        let width = width(column);
        if column == NAME { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    };
    let line = |row: &[String; HEADINGS.len()]| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ");
    all().fold(String::new(), |text, row| text + line(row).trim_end() + "\n")
}

pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Bytes as a person reads them, in powers of 1024.
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn size(bytes: u64) -> String {
    scaled(bytes as f64)
}

fn scaled(bytes: f64) -> String {
    let mut number = bytes;
    for unit in ["B", "K", "M", "G", "T"] {
        if number < 1024.0 || unit == "T" {
            let digits = usize::from(number < 10.0 && unit != "B");
            return format!("{number:.digits$}{unit}");
        }
        number /= 1024.0;
    }
    unreachable!("the last unit takes all")
}

fn rate(bytes: bool, rate: f64) -> String {
    if bytes { scaled(rate) + "/s" } else { format!("{rate:.0}/s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_and_few_digits() {
        let sizes = [0, 1023, 1024, 10 << 10, 64 << 20, 3 << 40].map(size);
        assert_eq!(sizes, ["0B", "1023B", "1.0K", "10K", "64M", "3.0T"]);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let mut rows = [HEADINGS.map(|_| "1".to_owned()), HEADINGS.map(|_| "22".to_owned())];
        rows[0][NAME] = "farm a-long-name".into();
        let table = table(&rows);
        let ends: Vec<_> = table.lines().map(|line| line.chars().count()).collect();
        assert_eq!((ends[0], ends[1]), (ends[2], ends[2]), "{table}");
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}
