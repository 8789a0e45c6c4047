//! The table on standard output, a row as soon as it is measured, and the goals at its end.

use std::fmt::Write;

use crate::peers::{Kind, Peer, Way};
use crate::row::{Goal, Row, Theirs, Unit};
use crate::sample::Sample;
use crate::spread::Spread;

#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) cells: Vec<Cell>,
}

/// What came of one way.
#[derive(Debug)]
pub(crate) struct Cell {
    label: String,
    kind: Kind,
    lines: usize,
    /// What it cost for each unit, lower is better: seconds, or MiB.
    cost: Option<Spread>,
    processor_ms: f64,
    /// MiB of the tool and its filters, and on disk.
    all: f64,
    disk: f64,
    order: &'static str,
    fault: Option<String>,
}

const MIB: f64 = 1024.0 * 1024.0;

impl Cell {
    pub(crate) fn new(row: &Row, way: Way, samples: &[Sample], fault: Option<String>, is_ordered: bool) -> Cell {
        let median =
            |of: &dyn Fn(&Sample) -> f64| Spread::of(samples.iter().map(of)).map_or(0.0, |spread| spread.median);
        let units = match row.unit {
            Unit::Ms | Unit::Mib => 1.0,
            Unit::MsPerLine | Unit::LinesPerSecond => way.lines as f64,
            Unit::MibPerSecond => (way.lines * row.text.bytes()) as f64 / MIB,
        };
        let cost = |sample: &Sample| match row.unit {
            Unit::Mib => sample.most.own as f64 / MIB,
            _ => sample.wall.as_secs_f64() / units,
        };
        Cell {
            label: way.label,
            kind: way.kind,
            lines: way.lines,
            cost: if fault.is_none() { Spread::of(samples.iter().map(cost)) } else { None },
            processor_ms: median(&|sample| sample.processor.as_secs_f64() * 1e3),
            all: median(&|sample| sample.most.all as f64 / MIB),
            disk: median(&|sample| sample.most.disk as f64 / MIB),
            order: if is_ordered { "kept" } else { "lost" },
            fault,
        }
    }
}

impl Measured {
    fn cell(&self, label: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.label == label)
    }

    fn median(&self, label: &str) -> Option<f64> {
        Some(self.cell(label)?.cost?.median)
    }

    fn best(&self, theirs: Theirs) -> Option<(&str, f64)> {
        let wanted = |cell: &&Cell| match theirs {
            Theirs::Best => matches!(cell.kind, Kind::Stream | Kind::PerLine),
            Theirs::PerLine => cell.kind == Kind::PerLine,
            Theirs::Named(name) => cell.label == name,
            Theirs::Family(name) => cell.label.starts_with(name),
        };
        let known = self.cells.iter().filter(wanted).filter_map(|cell| Some((&*cell.label, cell.cost?.median)));
        known.min_by(|a, b| a.1.total_cmp(&b.1))
    }
}

pub(crate) fn head(machine: &str, rounds: u32, peers: &[Peer]) -> String {
    let mut text = format!("narrows farm and its peers: {machine}, {rounds} rounds\n");
    for peer in peers {
        let found = match &peer.found {
            Ok(found) => found.version.clone(),
            Err(why) => format!("not run: {why}"),
        };
        let _ = writeln!(text, "  {:<20} {found}", peer.name);
    }
    text
}

pub(crate) fn row(measured: &Measured) -> String {
    let row = &measured.row;
    let command = row.command();
    // Where the program lies is of no interest.
    let program = command[0].rsplit('/').next().unwrap_or_default();
    let command = [&[program.to_owned()], &command[1..]].concat().join(" ").replace('\n', "; ");
    let mut text = format!("{}: {} lines, {command}\n", row.name, row.lines);
    let memory = if row.deep { format!(" {:>8} {:>8}", "all MiB", "disk MiB") } else { String::new() };
    let _ = writeln!(
        text,
        "  {:<50} {:>10} {:>19} {:>8} {:>8} {:<5}{memory}",
        "",
        row.unit.name(),
        "min-max",
        "narrows",
        "cpu ms",
        "order"
    );
    let ours = measured.cells.first().and_then(|cell| cell.cost);
    for cell in &measured.cells {
        let Some(cost) = cell.cost else {
            let _ = writeln!(text, "  {:<50} {}", cell.label, cell.fault.as_deref().unwrap_or("no sample"));
            continue;
        };
        let ratio = match ours {
            Some(ours) if row.unit != Unit::Mib => format!("{}x", number(cost.median / ours.median)),
            _ => String::new(),
        };
        let (low, high) = row.unit.ends(cost);
        let memory =
            if row.deep { format!(" {:>8} {:>8}", number(cell.all), number(cell.disk)) } else { String::new() };
        let lines = if cell.lines == row.lines { String::new() } else { format!("  ({} lines)", cell.lines) };
        let _ = writeln!(
            text,
            "  {:<50} {:>10} {:>19} {ratio:>8} {:>8} {:<5}{memory}{lines}",
            cell.label,
            number(row.unit.show(cost.median)),
            format!("{}-{}", number(low), number(high)),
            number(cell.processor_ms),
            cell.order,
        );
    }
    text
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Ms => "ms",
            Unit::MsPerLine => "ms/line",
            Unit::LinesPerSecond => "lines/s",
            Unit::MibPerSecond => "MiB/s",
            Unit::Mib => "own MiB",
        }
    }

    fn show(self, cost: f64) -> f64 {
        match self {
            Unit::Ms | Unit::MsPerLine => cost * 1e3,
            Unit::LinesPerSecond | Unit::MibPerSecond => 1.0 / cost,
            Unit::Mib => cost,
        }
    }

    /// The smaller figure first, which is the larger cost of what is shown per second.
    fn ends(self, cost: Spread) -> (f64, f64) {
        let (a, b) = (self.show(cost.min), self.show(cost.max));
        (a.min(b), a.max(b))
    }
}

/// A line for each goal, then the sum; and whether none was missed and nothing of ours failed.
pub(crate) fn goals(all: &[Measured]) -> (String, bool) {
    let mut text = String::from("goals\n");
    let (mut met, mut missed, mut unknown) = (0, 0, 0);
    for measured in all {
        for goal in &measured.row.goals {
            let (value, wanted) = measured.look(*goal);
            let (word, count) = match value {
                Some((_, true)) => ("met", &mut met),
                Some((_, false)) => ("missed", &mut missed),
                None => ("not run", &mut unknown),
            };
            *count += 1;
            let value = value.map_or(String::new(), |(value, _)| number(value));
            let _ = writeln!(text, "  {word:<8}{value:>8}  {:<20} {wanted}", measured.row.name);
        }
    }
    let ours = |cell: &&Cell| {
        cell.kind == Kind::Ours && cell.fault.as_ref().is_some_and(|fault| !fault.starts_with("not run"))
    };
    let faults = all.iter().flat_map(|measured| &measured.cells).filter(ours).count();
    let _ = writeln!(text, "goals: {met} met, {missed} missed, {unknown} not run; {faults} faults of ours");
    (text, missed == 0 && faults == 0)
}

impl Measured {
    /// What was found, whether it is what was wanted, and that in words.
    fn look(&self, goal: Goal) -> (Option<(f64, bool)>, String) {
        match goal {
            Goal::Times { ours, theirs, least } => {
                let best = self.best(theirs);
                let found = self.median(ours).zip(best).map(|(ours, (_, theirs))| theirs / ours);
                let whom = match (best, theirs) {
                    (Some((label, _)), _) => label,
                    (None, Theirs::Best) => "the best",
                    (None, Theirs::PerLine) => "a process for each line",
                    (None, Theirs::Named(name) | Theirs::Family(name)) => name,
                };
                (found.map(|times| (times, times >= least)), format!("{ours}: at least {}x {whom}", number(least)))
            }
            Goal::AtMostMs { ours, most } => {
                let found = self.median(ours).map(|seconds| seconds * 1e3);
                (found.map(|ms| (ms, ms <= most)), format!("{ours}: at most {} ms", number(most)))
            }
            Goal::AtMostMib { ours, rest, most: limit } => {
                // A bound holds in every sample.
                let most = self.cell(ours).and_then(|cell| Some(cell.cost?.max));
                let found = most.zip(self.median(rest)).map(|(ours, rest)| ours - rest);
                let wanted = format!("{ours}: at most {} MiB more than at rest", number(limit));
                (found.map(|mib| (mib, mib <= limit)), wanted)
            }
        }
    }
}

/// Three digits or so: what repeats is no more.
fn number(value: f64) -> String {
    match value.abs() {
        1e6.. => format!("{:.2}M", value / 1e6),
        1e4.. => format!("{:.1}k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
