//! A single tap judged over its whole life, for its summary.

use super::sample::Sample;
use super::shares::{self, Shares};
use super::survey::Stage;
use super::text::size;
use super::verdict::{Machine, Surroundings, Verdict, judge, percent};

pub(crate) fn judged(sample: &Sample) -> (Shares, Verdict) {
    let shares = shares::between(&sample.at_birth(), sample);
    let stage =
        Stage { sample: sample.clone(), shares, workers_busy: Vec::new(), cpus: 0.0, runnable: 0, reader: None };
    // No farm is judged, so nobody asks how busy the machine is.
    let verdict = judge(&Surroundings::default(), &[stage], Machine { cpu: 0.0, processors: 1 });
    (shares, verdict)
}

#[allow(clippy::cast_precision_loss, reason = "nobody reads a time to a microsecond")]
pub(crate) fn seconds(sample: &Sample) -> f64 {
    sample.elapsed_ns as f64 / 1e9
}

pub(crate) fn tap_text(sample: &Sample) -> String {
    let (shares, verdict) = judged(sample);
    let bytes = sample.bytes.unwrap_or(0);
    let lines = sample.lines.map_or(String::new(), |lines| format!(", {lines} lines"));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate of bytes")]
    let rate = size(shares.rate as u64);
    let name = if sample.name.is_empty() { String::new() } else { format!(" {}", sample.name) };
    format!(
        "tap{name}: {}{lines} in {:.1} s ({rate}/s); waited for input {}, output full {}; {}",
        size(bytes),
        seconds(sample),
        percent(shares.waiting),
        percent(shares.blocked),
        verdict.sentence
    )
}
