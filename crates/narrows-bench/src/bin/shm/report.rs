//! A table for each row as soon as it is measured, one of all rows at the end, and every sample for programs.

use std::fmt::Write;

use anyhow::Result;
use serde_json::json;

use crate::peers::{OURS, Peer};
use crate::row::{Load, Row};
use crate::sample::Sample;
use crate::spread::Spread;

pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) cells: Vec<Cell>,
    /// Samples during which other programs took more than a twentieth of the machine.
    pub(crate) disturbed: u32,
}

/// What came of one peer.
pub(crate) struct Cell {
    name: &'static str,
    pub(crate) samples: Vec<Sample>,
    /// Why it cannot do the row's work.
    absent: Option<String>,
    fault: Option<String>,
}

impl Cell {
    pub(crate) fn new(peer: &Peer, row: &Row) -> Cell {
        Cell { name: peer.name, samples: Vec::new(), absent: (peer.lacks)(row), fault: None }
    }

    /// No further sample is of use.
    pub(crate) fn is_absent(&self) -> bool {
        self.absent.is_some() || self.has_failed()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.fault.is_some()
    }

    /// A peer that failed once has no figure.
    pub(crate) fn fail(&mut self, why: String) {
        self.fault = Some(why);
    }

    fn cost(&self) -> Option<Spread> {
        if self.has_failed() { None } else { Spread::of(self.samples.iter().map(|sample| sample.cost)) }
    }

    /// Lines that came torn, of all.
    fn torn(&self) -> (u64, u64) {
        self.samples.iter().fold((0, 0), |(torn, all), sample| (torn + sample.torn, all + sample.count))
    }
}

impl Measured {
    fn ours(&self) -> Option<Spread> {
        self.cells.iter().find(|cell| cell.name == OURS)?.cost()
    }
}

pub(crate) fn row(measured: &Measured) -> String {
    let row = &measured.row;
    let torn = if row.load == Load::Torn { (" torn |", "---:|") } else { ("", "") };
    let mut text = format!("\n### {}\n| peer | {} | min - max | narrows is |{}\n", row.name, unit(row.load), torn.0);
    let _ = writeln!(text, "|---|---:|---:|---:|{}", torn.1);
    let ours = measured.ours();
    for cell in &measured.cells {
        let _ = match (cell.cost(), &cell.fault, &cell.absent) {
            (Some(cost), ..) => {
                let ratio = ours.map_or(String::new(), |ours| format!("{}x", number(cost.median / ours.median)));
                let torn = if row.load == Load::Torn {
                    let (torn, all) = cell.torn();
                    format!(" {torn} of {all} |")
                } else {
                    String::new()
                };
                let ends = [show(row.load, cost.min), show(row.load, cost.max)];
                let (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
                let median = number(show(row.load, cost.median));
                writeln!(text, "| {} | {median} | {} - {} | {ratio} |{torn}", cell.name, number(low), number(high))
            }
            (None, Some(fault), _) => writeln!(text, "| {} | failed: {fault} |", cell.name),
            (None, None, absent) => {
                let why = absent.as_deref().unwrap_or("no sample");
                writeln!(text, "| {} | - ({why}) |", cell.name)
            }
        };
    }
    if measured.disturbed > 0 {
        let all: usize = measured.cells.iter().map(|cell| cell.samples.len()).sum();
        let _ = writeln!(text, "\n{} of {all} samples were disturbed by other programs.", measured.disturbed);
    }
    text
}

/// Medians of all rows but those of torn lines: a line for each row, a column for each peer.
pub(crate) fn summary(all: &[Measured]) -> String {
    let all: Vec<&Measured> = all.iter().filter(|measured| measured.row.load != Load::Torn).collect();
    let Some(first) = all.first() else { return String::new() };
    let names: Vec<&str> = first.cells.iter().map(|cell| cell.name).collect();
    let mut text = format!("\n| | {} |\n|---|{}\n", names.join(" | "), "---:|".repeat(names.len()));
    for measured in all {
        let load = measured.row.load;
        let ours = measured.ours();
        let _ = write!(text, "| {}, {} |", measured.row.name, unit(load));
        for cell in &measured.cells {
            let _ = match (cell.cost(), ours.filter(|_| cell.name != OURS)) {
                (None, _) => write!(text, " {} |", if cell.has_failed() { "failed" } else { "-" }),
                (Some(cost), None) => write!(text, " {} |", number(show(load, cost.median))),
                (Some(cost), Some(ours)) => {
                    let ratio = number(cost.median / ours.median);
                    write!(text, " {} ({ratio}x) |", number(show(load, cost.median)))
                }
            };
        }
        text.push('\n');
    }
    text
}

pub(crate) fn json(machine: &str, all: &[Measured]) -> Result<String> {
    let cell = |cell: &Cell| {
        json!({
            "peer": cell.name,
            "ns": cell.samples.iter().map(|sample| sample.cost).collect::<Vec<_>>(),
            "counts": cell.samples.iter().map(|sample| sample.count).collect::<Vec<_>>(),
            "torn": cell.samples.iter().map(|sample| sample.torn).collect::<Vec<_>>(),
            "absent": cell.absent,
            "fault": cell.fault,
        })
    };
    let row = |measured: &Measured| {
        let row = &measured.row;
        json!({
            "row": row.name,
            "bytes": row.size,
            "places": row.places,
            "disturbed": measured.disturbed,
            "peers": measured.cells.iter().map(cell).collect::<Vec<_>>(),
        })
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    Ok(serde_json::to_string_pretty(&json!({ "machine": machine, "rows": rows }))? + "\n")
}

fn unit(load: Load) -> &'static str {
    match load {
        Load::Rate | Load::Lease => "messages/s",
        Load::Torn => "lines/s",
        Load::Asleep | Load::Busy => "us there and back",
    }
}

/// A cost in nanoseconds as the row's figure.
fn show(load: Load, cost: f64) -> f64 {
    if load.is_round_trip() { cost / 1e3 } else { 1e9 / cost }
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
