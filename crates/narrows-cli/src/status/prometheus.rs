//! A survey in the text format of Prometheus: each family once, with its help and type, then a line per stage.

use std::fmt::Write;

use super::channels;
use super::sample::Sample;
use super::survey::{Stage, Survey};

type Value = fn(&Stage) -> Option<f64>;

struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: Value,
}

const fn counter(name: &'static str, help: &'static str, value: Value) -> Family {
    Family { name, kind: "counter", help, value }
}

const fn gauge(name: &'static str, help: &'static str, value: Value) -> Family {
    Family { name, kind: "gauge", help, value }
}

#[allow(clippy::cast_precision_loss, reason = "the format knows only such numbers")]
fn records(stage: &Stage, of: fn(&Sample) -> u64) -> Option<f64> {
    stage.sample.bytes.is_none().then(|| of(&stage.sample) as f64)
}

#[allow(clippy::cast_precision_loss, reason = "the format knows only such numbers")]
const FAMILIES: [Family; 14] = [
    counter("read_records_total", "Records read.", |stage| records(stage, |sample| sample.read)),
    counter("printed_records_total", "Records whose answers were printed.", |stage| {
        records(stage, |sample| sample.printed)
    }),
    counter("failed_records_total", "Records that failed.", |stage| records(stage, |sample| sample.failed)),
    gauge("in_hand_records", "Records read and not printed.", |stage| records(stage, Sample::in_hand)),
    gauge("window_records", "Records that may be in hand.", |stage| stage.sample.window.map(|window| window as f64)),
    gauge("held_bytes", "Bytes held for order.", |stage| records(stage, |sample| sample.held_bytes)),
    gauge("buffer_bytes", "Bytes that may be held.", |stage| records(stage, |sample| sample.buffer_bytes)),
    gauge("oldest_record_seconds", "How long the oldest unprinted record is in hand.", |stage| {
        records(stage, |_| 0).map(|_| stage.sample.age_s().unwrap_or(0.0))
    }),
    gauge("workers", "Workers that take records.", |stage| records(stage, |sample| sample.jobs as u64)),
    gauge("workers_processors", "Processors that the workers keep busy.", |stage| {
        records(stage, |_| 0).map(|_| stage.cpus)
    }),
    gauge("paused", "1 if the stage is paused.", |stage| records(stage, |sample| u64::from(sample.paused))),
    counter("bytes_total", "Bytes that passed a tap.", |stage| stage.sample.bytes.map(|bytes| bytes as f64)),
    counter("lines_total", "Lines that passed a tap.", |stage| stage.sample.lines.map(|lines| lines as f64)),
    gauge("rate", "Records printed per second; bytes of a tap.", |stage| Some(stage.shares.rate)),
];

pub(super) fn prometheus(survey: &Survey) -> String {
    let stages: Vec<&Stage> = survey.pipelines.iter().flat_map(|pipeline| &pipeline.stages).collect();
    let mut text = String::new();
    for Family { name, kind, help, value } in FAMILIES {
        let lines = stages.iter().filter_map(|stage| Some((*stage, value(stage)?)));
        family(&mut text, name, kind, help, lines.map(|(stage, value)| (labels(stage, &[]), value)));
    }
    let shares = stages.iter().flat_map(|stage| {
        let share = |(state, share)| (labels(stage, &[("state", state)]), share);
        let shares = &stage.shares;
        [("busy", shares.busy), ("blocked", shares.blocked), ("waiting", shares.waiting)].map(share)
    });
    let help = "Share of the time, over the interval of the survey; the three states sum to 1.";
    family(&mut text, "share", "gauge", help, shares);
    let verdicts = survey.pipelines.iter().filter_map(|pipeline| {
        let culprit = serde_json::to_value(pipeline.verdict.culprit).ok()?;
        let labels = labels(pipeline.stages.first()?, &[("culprit", culprit.as_str()?)]);
        Some((labels, 1.0))
    });
    family(&mut text, "bottleneck", "gauge", "1 for what the pipeline of this first stage waits for.", verdicts);
    channels::prometheus(&survey.channels, &mut text);
    text
}

pub(super) fn family(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    lines: impl Iterator<Item = (String, f64)>,
) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "# HELP narrows_{name} {help}\n# TYPE narrows_{name} {kind}");
    for (labels, value) in lines {
        let _ = writeln!(text, "narrows_{name}{{{labels}}} {value}");
    }
}

fn labels(stage: &Stage, more: &[(&str, &str)]) -> String {
    let pid = stage.sample.pid.to_string();
    let own = [("kind", stage.sample.kind.word()), ("name", &stage.sample.name), ("pid", &pid)];
    let label = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", escape(value));
    own.iter().chain(more).map(label).collect::<Vec<_>>().join(",")
}

pub(super) fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_label_early_is_escaped() {
        assert_eq!(escape("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }
}
