//! A picture of the screen for the documentation: cells in, SVG out. Knows nothing of what they show.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

const WIDE: f32 = 8.4;
const HIGH: f32 = 18.0;
const MARGIN: f32 = 12.0;
const PAPER: &str = "#1d2129";
const INK: &str = "#d7dae0";

/// Cells in a row that look alike.
struct Run {
    column: usize,
    cells: usize,
    text: String,
    ink: &'static str,
    paper: Option<&'static str>,
    modifier: Modifier,
}

#[allow(clippy::cast_precision_loss, reason = "a screen has few cells")]
pub(super) fn svg(buffer: &Buffer) -> String {
    let (columns, rows) = (usize::from(buffer.area.width), usize::from(buffer.area.height));
    let (width, height) = (columns as f32 * WIDE + 2.0 * MARGIN, rows as f32 * HIGH + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-size=\"14\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{PAPER}\"/>\n"
    );
    for (row, cells) in buffer.content().chunks(columns.max(1)).enumerate() {
        let top = MARGIN + row as f32 * HIGH;
        for run in runs(cells) {
            draw(&mut svg, &run, top);
        }
    }
    svg + "</svg>\n"
}

fn runs(cells: &[Cell]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (column, cell) in cells.iter().enumerate() {
        let reversed = cell.modifier.contains(Modifier::REVERSED);
        let (ink, paper) = if reversed { (PAPER, Some(colour(cell.fg))) } else { (colour(cell.fg), None) };
        match runs.last_mut() {
            Some(run) if (run.ink, run.paper, run.modifier) == (ink, paper, cell.modifier) => {
                run.text.push_str(cell.symbol());
                run.cells += 1;
            }
            _ => runs.push(Run { column, cells: 1, text: cell.symbol().into(), ink, paper, modifier: cell.modifier }),
        }
    }
    runs
}

#[allow(clippy::cast_precision_loss, reason = "a screen has few cells")]
fn draw(svg: &mut String, run: &Run, top: f32) {
    let (left, width) = (MARGIN + run.column as f32 * WIDE, run.cells as f32 * WIDE);
    // Writing to a string does not fail.
    if let Some(paper) = run.paper {
        let _ = writeln!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{HIGH:.1}\" fill=\"{paper}\"/>"
        );
    }
    if run.text.trim().is_empty() {
        return;
    }
    let weight = if run.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let line = if run.modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
    let faint = if run.modifier.contains(Modifier::DIM) { " opacity=\"0.7\"" } else { "" };
    let (ink, base) = (run.ink, top + HIGH * 0.75);
    let _ = writeln!(
        svg,
        "<text x=\"{left:.1}\" y=\"{base:.1}\" textLength=\"{width:.1}\" xml:space=\"preserve\" \
         fill=\"{ink}\"{weight}{line}{faint}>{}</text>",
        escape(&run.text)
    );
}

fn colour(colour: Color) -> &'static str {
    match colour {
        Color::Green => "#98c379",
        Color::Red => "#e06c75",
        Color::Yellow => "#e5c07b",
        _ => INK,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn cells_that_look_alike_are_one_text_and_what_is_special_is_escaped() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
        buffer.set_string(0, 0, "a<b&", Style::new());
        buffer.set_string(4, 0, "red", Style::new().fg(Color::Red));
        let svg = svg(&buffer);
        assert!(svg.contains(">a&lt;b&amp;</text>") && svg.contains("#e06c75"), "{svg}");
        assert_eq!(svg.matches("<text").count(), 2, "{svg}");
    }
}
