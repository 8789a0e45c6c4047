//! Plots as SVG, by hand: each row is a lane, each peer a dot at its median with a line from minimum to maximum, time on
//! a logarithmic axis. Further left is better.

use std::fmt::Write;

use super::table::number;
use super::{Line, escape};
use crate::OURS;
use crate::runner::family;

/// Colours by crate; the same dots on white and on black.
const COLOURS: [(&str, &str); 12] = [
    ("crossbeam", "#3b82f6"),
    ("crossfire", "#f59e0b"),
    ("kanal", "#10b981"),
    ("flume", "#8b5cf6"),
    ("async-channel", "#ec4899"),
    ("async-broadcast", "#a855f7"),
    ("tokio", "#14b8a6"),
    ("std", "#a3a3a3"),
    ("thingbuf", "#b45309"),
    ("rtrb", "#64748b"),
    ("go", "#0ea5e9"),
    (OURS, "#ef4444"),
];

/// What both a page and a plot that stands alone need.
pub(crate) const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#222}.grid{stroke:#ddd}.behind{fill:#c00}\
    @media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}.behind{fill:#f66}}";

const LANE: f64 = 26.0;
const LABELS: f64 = 270.0;
const WIDTH: f64 = 960.0;
const RATIO: f64 = 60.0;

/// A plot of these lines, with its legend; `alone` for a file of its own.
pub(crate) fn plot(lines: &[Line], alone: bool) -> String {
    let times = || lines.iter().flat_map(|line| &line.peers).flat_map(|(.., spread)| [spread.min, spread.max]);
    let least = times().fold(f64::INFINITY, f64::min).max(0.1).log10().floor();
    let most = times().fold(0.0, f64::max).max(1.0).log10().ceil().max(least + 1.0);
    let x = |time: f64| LABELS + (time.max(0.1).log10() - least) / (most - least) * (WIDTH - LABELS - RATIO);
    let top = 48.0;
    let bottom = top + LANE * lines.len() as f64;

    let mut svg = String::new();
    let style = if alone { format!("<style>{STYLE}</style>") } else { String::new() };
    let height = bottom + 8.0;
    let _ = write!(
        svg,
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img'>{style}{}",
        legend(lines)
    );
    let mut decade = least;
    while decade <= most {
        let time = 10_f64.powf(decade);
        let at = x(time);
        let _ = write!(svg, "<line class='grid' x1='{at:.1}' x2='{at:.1}' y1='{top}' y2='{bottom}'/>");
        let _ = write!(svg, "<text x='{at:.1}' y='{}' text-anchor='middle'>{}</text>", top - 6.0, power(time));
        decade += 1.0;
    }
    for (at, line) in lines.iter().enumerate() {
        lane(&mut svg, line, top + LANE * (at as f64 + 0.5), x);
    }
    svg + "</svg>"
}

fn lane(svg: &mut String, line: &Line, y: f64, x: impl Fn(f64) -> f64) {
    let _ = write!(svg, "<text x='0' y='{}'>{}</text>", y + 4.0, escape(&line.name));
    // Ours last, so that it lies on top.
    let (others, ours): (Vec<_>, Vec<_>) = line.peers.iter().partition(|(peer, ..)| *peer != OURS);
    for (peer, _, spread) in others.into_iter().chain(ours) {
        let (colour, radius) = (colour(peer), if *peer == *OURS { 6 } else { 4 });
        let _ = write!(
            svg,
            "<g><title>{} {} ({} to {})</title><line x1='{:.1}' x2='{:.1}' y1='{y}' y2='{y}' stroke='{colour}'/>\
             <circle cx='{:.1}' cy='{y}' r='{radius}' fill='{colour}' fill-opacity='.85'/></g>",
            escape(peer),
            number(spread.median),
            number(spread.min),
            number(spread.max),
            x(spread.min),
            x(spread.max),
            x(spread.median),
        );
    }
    if let Some(ratio) = line.ratio() {
        let class = if line.loses() { " class='behind'" } else { "" };
        let _ = write!(svg, "<text{class} x='{WIDTH}' y='{}' text-anchor='end'>{ratio:.2}x</text>", y + 4.0);
    }
}

fn legend(lines: &[Line]) -> String {
    let shown = |name: &str| lines.iter().flat_map(|line| &line.peers).any(|(peer, ..)| family(peer) == name);
    let mut svg = String::new();
    let mut x = 8.0;
    for (name, colour) in COLOURS.into_iter().rev().filter(|(name, _)| shown(name)) {
        let _ =
            write!(svg, "<circle cx='{x}' cy='12' r='5' fill='{colour}'/><text x='{}' y='16'>{name}</text>", x + 9.0);
        x += 26.0 + 7.0 * name.len() as f64;
    }
    svg
}

fn colour(peer: &str) -> &'static str {
    COLOURS.iter().find(|(name, _)| *name == family(peer)).map_or("#888", |(_, colour)| colour)
}

/// A power of ten, short.
fn power(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1e6 => (value / 1e6, "M"),
        value if value >= 1e3 => (value / 1e3, "k"),
        value => (value, ""),
    };
    // Rounding undoes what the logarithm and its inverse left.
    format!("{}{unit}", (value * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::{COLOURS, power};
    use crate::peers;
    use crate::runner::family;

    #[test]
    fn every_peer_has_a_colour() {
        for runner in peers::all() {
            assert!(COLOURS.iter().any(|(name, _)| *name == family(runner.name)), "{}", runner.name);
        }
    }

    #[test]
    fn powers_are_short() {
        assert_eq!([0.1, 1.0, 100.0, 1e4, 1e7].map(power), ["0.1", "1", "100", "10k", "10M"]);
    }
}
