//! A table for each row as soon as it is measured, and every sample for programs.

use std::fmt::Write;

use anyhow::{Error, Result};
use serde_json::json;

use super::sample::Sample;
use super::spread::Spread;
use super::{Figure, OURS};

pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) figures: &'static [Figure],
    pub(crate) cells: Vec<Cell>,
    /// Samples during which other programs took more than a twentieth of the machine.
    pub(crate) disturbed: u32,
}

/// What came of one peer.
pub(crate) struct Cell {
    pub(crate) name: &'static str,
    counted: bool,
    /// What each sample does, once that is known.
    pub(crate) count: u64,
    pub(crate) samples: Vec<Sample>,
    /// Why it cannot do the row's work.
    absent: Option<String>,
    fault: Option<String>,
}

impl Cell {
    pub(crate) fn new(name: &'static str, counted: bool, absent: Option<String>) -> Cell {
        Cell { name, counted, count: 0, samples: Vec::new(), absent, fault: None }
    }

    /// No further sample is of use.
    pub(crate) fn is_absent(&self) -> bool {
        self.absent.is_some() || self.has_failed()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.fault.is_some()
    }

    /// A peer that failed once has no figure.
    pub(crate) fn fail(&mut self, why: &Error) {
        self.fault = Some(format!("{why:#}"));
    }

    /// The samples of this figure. `None` where the peer has no such figure.
    pub(crate) fn spread(&self, figure: &str) -> Option<Spread> {
        if self.has_failed() { None } else { Spread::of(self.samples.iter().filter_map(|sample| sample.get(figure))) }
    }
}

impl Measured {
    pub(crate) fn median(&self, peer: &str, figure: &str) -> Option<f64> {
        Some(self.cells.iter().find(|cell| cell.name == peer)?.spread(figure)?.median)
    }

    /// The best of the peers that count.
    fn best(&self, figure: &Figure) -> Option<(&'static str, f64)> {
        let theirs = self.cells.iter().filter(|cell| cell.counted && cell.name != OURS);
        let known = theirs.filter_map(|cell| Some((cell.name, cell.spread(figure.name)?.median)));
        known.min_by(|a, b| if figure.more_is_better { b.1.total_cmp(&a.1) } else { a.1.total_cmp(&b.1) })
    }
}

impl Figure {
    /// How many times better ours is than theirs; nothing where one of them is nothing, or never came.
    fn ratio(&self, ours: f64, theirs: f64) -> String {
        let ratio = if self.more_is_better { ours / theirs } else { theirs / ours };
        match ratio {
            _ if ratio.is_finite() && ratio > 0.0 => format!("{}x", number(ratio)),
            _ => String::new(),
        }
    }
}

pub(crate) fn row(measured: &Measured) -> String {
    let mut text = format!("\n### {}\n| peer |", measured.name);
    for figure in measured.figures {
        let _ = write!(text, " {}, {} | min - max | narrows is |", figure.name, figure.unit);
    }
    let _ = writeln!(text, "\n|---|{}", "---:|---:|---:|".repeat(measured.figures.len()));
    for cell in &measured.cells {
        if let Some(why) = cell.fault.as_deref().map(|why| format!("failed: {why}")).or(cell.absent.clone()) {
            let _ = writeln!(text, "| {} | {} |", cell.name, why.replace('|', "/"));
            continue;
        }
        let _ = write!(text, "| {} |", cell.name);
        for figure in measured.figures {
            let Some(spread) = cell.spread(figure.name) else {
                text += " - | | |";
                continue;
            };
            let ours = measured.median(OURS, figure.name).filter(|_| cell.name != OURS);
            let ratio = ours.map_or(String::new(), |ours| figure.ratio(ours, spread.median));
            let [median, min, max] = [spread.median, spread.min, spread.max].map(number);
            let _ = write!(text, " {median} | {min} - {max} | {ratio} |");
        }
        text.push('\n');
    }
    for figure in measured.figures {
        if let (Some(ours), Some((name, theirs))) = (measured.median(OURS, figure.name), measured.best(figure)) {
            let ratio = figure.ratio(ours, theirs);
            let _ = writeln!(
                text,
                "\n{}: the best peer is {name} with {}; narrows is {ratio}",
                figure.name,
                number(theirs)
            );
        }
    }
    if measured.disturbed > 0 {
        let all: usize = measured.cells.iter().map(|cell| cell.samples.len()).sum();
        let _ = writeln!(text, "\n{} of {all} samples were disturbed by other programs.", measured.disturbed);
    }
    text
}

pub(crate) fn json(about: &str, all: &[Measured]) -> Result<String> {
    let cell = |measured: &Measured, cell: &Cell| {
        // What never came is null: there is no infinite number in JSON.
        let samples =
            |figure: &Figure| cell.samples.iter().filter_map(|sample| sample.get(figure.name)).collect::<Vec<f64>>();
        let figures: serde_json::Map<_, _> =
            measured.figures.iter().map(|figure| (figure.name.to_owned(), json!(samples(figure)))).collect();
        json!({
            "peer": cell.name,
            "count": cell.count,
            "figures": figures,
            "absent": cell.absent,
            "fault": cell.fault,
        })
    };
    let row = |measured: &Measured| {
        let units: serde_json::Map<_, _> =
            measured.figures.iter().map(|figure| (figure.name.to_owned(), json!(figure.unit))).collect();
        json!({
            "row": measured.name,
            "units": units,
            "disturbed": measured.disturbed,
            "peers": measured.cells.iter().map(|each| cell(measured, each)).collect::<Vec<_>>(),
        })
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    Ok(serde_json::to_string_pretty(&json!({ "about": about, "rows": rows }))? + "\n")
}

/// Three digits or so: what repeats is no more.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        f64::INFINITY => "never".to_owned(),
        1e6.. => format!("{:.2}M", value / 1e6),
        1e4.. => format!("{:.1}k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
