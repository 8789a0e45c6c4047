//! The table on standard output, a row as soon as it is measured.

use std::fmt::Write;

use super::Line;
use crate::OURS;
use crate::measure::{Distance, Measured};
use crate::stats::{Spread, ratio};

pub(crate) fn head() -> String {
    format!(
        "{:<36} {OURS:>9} {:>17}   {:<22} {:>9} {:>17}  {:>6}",
        "row (ns per operation)", "min-max", "best peer", "its", "min-max", "ratio"
    )
}

/// The row's lines; with `all`, every peer under each.
pub(crate) fn row(measured: &Measured, all: bool) -> String {
    let mut text = String::new();
    for line in Line::all(measured) {
        let _ = writeln!(text, "{}{}", one(&line), apart(measured.distance));
        if all {
            for (peer, general, spread) in line.peers.iter().filter(|(peer, ..)| *peer != OURS) {
                let times = line.ours.map_or(String::new(), |ours| times(ratio(ours.median, spread.median)));
                let beside = if *general { "" } else { "  (not counted)" };
                let _ = writeln!(text, "{:<66} {peer:<22} {} {times:>6}{beside}", "", cell(Some(*spread)));
            }
        }
    }
    text
}

fn one(line: &Line) -> String {
    let ratio = line.ratio().map_or(String::new(), times);
    let (peer, best) = line.best.map_or(("", None), |(peer, spread)| (peer, Some(spread)));
    let mark = if line.loses() { "  << behind" } else { "" };
    let mut beside = String::new();
    for (peer, _, spread) in line.peers.iter().filter(|(_, general, _)| !general) {
        let _ = write!(beside, "  {peer} {}", number(spread.median));
    }
    format!("{:<36} {}   {peer:<22} {} {ratio:>6}{mark}{beside}", line.name, cell(line.ours), cell(best))
}

fn apart(distance: Distance) -> String {
    match distance {
        Distance::Unknown => String::new(),
        Distance::One(distance) => format!("  [{}]", number(distance)),
        Distance::Mixed => "  [mixed]".to_owned(),
    }
}

fn cell(spread: Option<Spread>) -> String {
    spread.map_or(format!("{:>9} {:>17} ", "", ""), |spread| {
        format!("{:>9} {:>17} ", number(spread.median), format!("{}-{}", number(spread.min), number(spread.max)))
    })
}

fn times(ratio: f64) -> String {
    format!("{ratio:.2}x")
}

/// Three digits or so: what repeats is no more.
pub(crate) fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 || value.fract().abs() < 1e-9 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// What must be known to judge the table.
pub(crate) fn foot(all: &[Measured]) -> String {
    let lines: Vec<Line> = all.iter().flat_map(Line::all).collect();
    let behind = lines.iter().filter(|line| line.loses()).count();
    let compared = lines.iter().filter(|line| line.ratio().is_some()).count();
    let repeated: u32 = all.iter().map(|measured| measured.repeated).sum();
    let disturbed: u32 = all.iter().map(|measured| measured.disturbed).sum();
    let mut text = format!(
        "{compared} figures compared, {behind} behind; {repeated} disturbed samples repeated, {disturbed} kept disturbed\n"
    );
    // A slow peer gets fewer messages, or a row would take minutes.
    let short: Vec<String> = all
        .iter()
        .flat_map(|measured| measured.cells.iter().filter(|cell| cell.short).map(|cell| (measured.row, cell)))
        .map(|(row, cell)| format!("{row} {} {}", cell.peer, cell.count))
        .collect();
    if !short.is_empty() {
        let _ = writeln!(text, "fewer messages than the row wants: {}", short.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_as_short_as_they_are_sure() {
        assert_eq!([1234.5, 12.34, 1.234].map(number), ["1234", "12.3", "1.23"]);
    }
}
