//! One page that needs nothing else: plots by kind of row, then the table, then the targets.

use std::fmt::Write;

use super::plot::{self, plot};
use super::table::number;
use super::{About, Line, escape};
use crate::measure::Measured;
use crate::stats::Spread;
use crate::targets::Verdict;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;\
    color:#222;background:#fff}table{border-collapse:collapse;font-size:13px}td,th{padding:.15rem .6rem;text-align:left}\
    td+td{font-variant-numeric:tabular-nums}tr:nth-child(even){background:#f4f4f4}svg{width:100%;height:auto}\
    .lost td{color:#c00}code{font-size:13px}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}tr:nth-child(even){background:#222}.lost td{color:#f66}}";

pub(crate) fn page(about: &About, all: &[Measured], verdicts: &[Verdict]) -> String {
    let lines: Vec<Line> = all.iter().flat_map(Line::all).collect();
    let behind = lines.iter().filter(|line| line.loses()).count();
    let mut html = format!(
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>\
         <title>Narrows and its peers</title><style>{STYLE}{}</style><h1>Narrows and its peers</h1>\
         <p>{}<br>{}<br><code>{}</code></p>\
         <p>Nanoseconds per operation, or bytes, on a logarithmic axis: further left is better. A dot is the median of the \
         samples, its line runs from the smallest to the largest. The number at the right is the best general peer's figure \
         over ours: above 1, Narrows is ahead. {} figures compared, {behind} behind.</p>",
        plot::STYLE,
        escape(&about.machine),
        escape(&about.date),
        escape(&about.command),
        lines.iter().filter(|line| line.ratio().is_some()).count(),
    );
    for (title, group) in groups(all) {
        let _ = write!(html, "<h2>{}</h2>{}", escape(&title), plot(&group, false));
    }
    html += "<h2>All rows</h2><table><tr><th>row<th>narrows<th>min-max<th>best peer<th>its<th>min-max<th>ratio";
    for line in &lines {
        row(&mut html, line);
    }
    html += "</table><h2>Targets</h2><table><tr><th>target<th>row<th>wanted<th>value<th>verdict";
    for verdict in verdicts {
        let class = if verdict.word() == "missed" { " class='lost'" } else { "" };
        let value = verdict.value.map_or(String::new(), |value| format!("{value:.2}"));
        let (what, row, wanted) = (escape(verdict.what), escape(&verdict.row), escape(&verdict.wanted));
        let _ = write!(html, "<tr{class}><td>{what}<td>{row}<td>{wanted}<td>{value}<td>{}", verdict.word());
    }
    html + "</table></html>\n"
}

/// Rows that differ in their capacity alone stand in one plot.
fn groups(all: &[Measured]) -> Vec<(String, Vec<Line>)> {
    let mut groups: Vec<(String, Vec<Line>)> = Vec::new();
    for measured in all {
        for (line, figure) in Line::all(measured).into_iter().zip(measured.row.figures()) {
            let title = format!("{}/{} {} B {figure}", measured.row.how, measured.row.load, measured.row.bytes);
            match groups.iter_mut().find(|(known, _)| *known == title) {
                Some((_, lines)) => lines.push(line),
                None => groups.push((title, vec![line])),
            }
        }
    }
    groups
}

fn row(html: &mut String, line: &Line) {
    let class = if line.loses() { " class='lost'" } else { "" };
    let cells = |spread: Option<Spread>| {
        spread.map_or("<td><td>".to_owned(), |spread| {
            format!("<td>{}<td>{}-{}", number(spread.median), number(spread.min), number(spread.max))
        })
    };
    let (peer, best) = line.best.map_or(("", None), |(peer, best)| (peer, Some(best)));
    let ratio = line.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}x"));
    let (name, ours, best) = (escape(&line.name), cells(line.ours), cells(best));
    let _ = write!(html, "<tr{class}><td>{name}{ours}<td>{}{best}<td>{ratio}", escape(peer));
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::measure::{Cell, Distance, Measured};
    use crate::report::About;
    use crate::row;

    #[test]
    fn the_page_fetches_nothing_and_quotes_what_it_is_told() {
        let samples = vec![vec![1.0]];
        let cell = |peer| {
            let (samples, elsewhere) = (samples.clone(), Vec::new());
            Cell { peer, general: true, count: 1, short: false, samples, elsewhere }
        };
        let cells = vec![cell("narrows"), cell("kanal")];
        let (row, distance) = (row::all()[0], Distance::Unknown);
        let measured = Measured { row, cells, repeated: 0, disturbed: 0, distance };
        let about = About { machine: "m".to_owned(), date: "d".to_owned(), command: "<c>".to_owned() };
        let html = page(&about, &[measured], &[]);
        assert!(html.contains("&lt;c&gt;") && html.contains("<svg") && html.contains("1.00x"));
        let outside = html.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("http") && !outside.contains("src=") && !outside.contains("href"));
    }
}
