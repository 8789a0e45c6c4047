//! The picture: a row per stage, the verdict below each pipeline, the workers of the selected farm.

use ratatui::Frame;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use serde_json::{Value, json};

use crate::status::{HEADINGS, Kind, NAME, Stage, Survey, channel_rows, percent, request, row};

use super::keys::Deed;

const KEYS: &str = "up/down select   +/- workers   space pause   q quit";
/// Columns that a narrow terminal does without, the least missed first; indices into the headings.
const DISPENSABLE: [usize; 6] = [3, 6, 12, 5, 4, 11];
const BUSY: usize = 8;
const BLOCKED: usize = 9;
const WAITING: usize = 10;
/// Names give way before columns do, down to this.
const LEAST_NAME: usize = 14;

#[derive(Debug)]
pub(super) struct View {
    survey: Option<Survey>,
    /// A process id, so that the choice stays when the list changes.
    selected: Option<i32>,
    message: String,
    coloured: bool,
}

impl View {
    pub(super) fn new(coloured: bool) -> View {
        View { survey: None, selected: None, message: String::new(), coloured }
    }

    pub(super) fn show(&mut self, survey: Survey) {
        self.survey = Some(survey);
        let stages = self.stages();
        let found = stages.iter().any(|stage| Some(stage.sample.pid) == self.selected);
        let first = stages.iter().find(|stage| stage.sample.kind == Kind::Farm).or(stages.first());
        let first = first.map(|stage| stage.sample.pid);
        if !found {
            self.selected = first;
        }
    }

    fn stages(&self) -> Vec<&Stage> {
        self.survey.iter().flat_map(|survey| &survey.pipelines).flat_map(|pipeline| &pipeline.stages).collect()
    }

    fn selected(&self) -> Option<&Stage> {
        self.stages().into_iter().find(|stage| Some(stage.sample.pid) == self.selected)
    }

    pub(super) fn act(&mut self, deed: Deed) {
        match deed {
            Deed::Up => self.step(|at| at.saturating_sub(1)),
            Deed::Down => self.step(|at| at + 1),
            Deed::More => self.ask(|stage| json!({ "ask": "workers", "n": stage.sample.jobs + 1 })),
            Deed::Fewer => self.ask(|stage| json!({ "ask": "workers", "n": stage.sample.jobs.max(2) - 1 })),
            Deed::Pause => self.ask(|stage| json!({ "ask": if stage.sample.paused { "resume" } else { "pause" } })),
            Deed::Quit => {}
        }
    }

    fn step(&mut self, to: impl FnOnce(usize) -> usize) {
        let stages = self.stages();
        let at = stages.iter().position(|stage| Some(stage.sample.pid) == self.selected).unwrap_or(0);
        let pid = stages.get(to(at).min(stages.len().saturating_sub(1))).map(|stage| stage.sample.pid);
        self.selected = pid;
        self.message.clear();
    }

    fn ask(&mut self, question: impl FnOnce(&Stage) -> Value) {
        let message = match self.selected() {
            Some(stage) if stage.sample.kind == Kind::Tap => "a tap has no workers".into(),
            Some(stage) => match request(&stage.sample, &question(stage)) {
                Ok(()) => String::new(),
                Err(why) => format!("{}: {why}", stage.label()),
            },
            None => String::new(),
        };
        self.message = message;
    }

    /// Lines that the whole picture takes.
    pub(super) fn height(&self, width: u16) -> usize {
        self.lines(usize::from(width)).0.len() + 1
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let mut area = frame.area();
        let (lines, selected) = self.lines(usize::from(area.width));
        area.height = area.height.saturating_sub(1);
        let height = usize::from(area.height);
        // The selected row stays in sight.
        let above = (selected + 2).saturating_sub(height).min(lines.len().saturating_sub(height));
        let above = u16::try_from(above).unwrap_or(u16::MAX);
        frame.render_widget(Paragraph::new(lines).scroll((above, 0)), area);
        let foot = if self.message.is_empty() { KEYS } else { &self.message };
        let foot = Line::styled(foot, Style::new().add_modifier(Modifier::DIM));
        let mut last = frame.area();
        last.y += area.height;
        last.height = last.height.min(1);
        frame.render_widget(foot, last);
    }

    /// All lines, and which of them is the selected stage.
    fn lines(&self, width: usize) -> (Vec<Line<'static>>, usize) {
        let Some(survey) = &self.survey else { return (Vec::new(), 0) };
        let machine = survey.machine;
        let title = format!("narrows top   {} processors, in use {}", machine.processors, percent(machine.cpu));
        let mut lines = vec![Line::styled(title, Style::new().add_modifier(Modifier::BOLD)), Line::default()];
        let rows: Vec<_> = self.stages().into_iter().map(row).collect();
        let columns = Columns::fit(&rows, width);
        let mut selected = 0;
        if rows.is_empty() {
            let none = if survey.channels.is_empty() { ", and there is no channel" } else { "" };
            lines.push(Line::raw(format!("no farm or tap is running{none}")));
        } else {
            let headings = columns.line(&HEADINGS.map(str::to_owned), |_| Style::new());
            lines.push(headings.style(Style::new().add_modifier(Modifier::UNDERLINED)));
        }
        let mut rows = rows.iter();
        for pipeline in &survey.pipelines {
            for (stage, cells) in pipeline.stages.iter().zip(rows.by_ref()) {
                let is_selected = Some(stage.sample.pid) == self.selected;
                let mut line = columns.line(cells, |column| self.style(column, stage));
                if is_selected {
                    selected = lines.len();
                    line = line.style(Style::new().add_modifier(Modifier::REVERSED));
                }
                lines.push(line);
                if is_selected && stage.workers_busy.len() > 1 {
                    lines.extend(wrapped(&workers(stage), width, Style::new().add_modifier(Modifier::DIM)));
                }
            }
            lines.extend(wrapped(&pipeline.verdict.sentence, width, Style::new().add_modifier(Modifier::BOLD)));
            lines.push(Line::default());
        }
        lines.extend(self.channels(survey));
        lines.extend(survey.mute.iter().map(|silent| Line::raw(format!("no answer from {silent}"))));
        (lines, selected)
    }

    /// Below the pipelines; who is kept waiting for room stands out.
    fn channels(&self, survey: &Survey) -> Vec<Line<'static>> {
        let style = |is_heading: bool, is_blocked: bool| match (is_heading, is_blocked, self.coloured) {
            (true, ..) => Style::new().add_modifier(Modifier::UNDERLINED),
            (false, true, true) => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
            (false, true, false) => Style::new().add_modifier(Modifier::BOLD),
            (false, false, _) => Style::new(),
        };
        let rows = channel_rows(&survey.channels).into_iter();
        rows.map(|row| Line::styled(row.text, style(row.is_heading, row.is_blocked))).collect()
    }

    /// The largest of the three shares is to be seen from afar.
    fn style(&self, column: usize, stage: &Stage) -> Style {
        let shares = &stage.shares;
        let (share, colour) = match column {
            BUSY => (shares.busy, Color::Green),
            BLOCKED => (shares.blocked, Color::Red),
            WAITING => (shares.waiting, Color::Yellow),
            _ => return Style::new(),
        };
        match (share >= 0.5, self.coloured) {
            (true, true) => Style::new().fg(colour).add_modifier(Modifier::BOLD),
            (true, false) => Style::new().add_modifier(Modifier::BOLD),
            (false, _) => Style::new(),
        }
    }
}

/// Which columns there are, and how wide.
#[derive(Debug)]
struct Columns(Vec<(usize, usize)>);

impl Columns {
    fn fit(rows: &[[String; HEADINGS.len()]], width: usize) -> Columns {
        let longest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let wide = |column: usize| longest(column).max(HEADINGS[column].len());
        let mut columns: Vec<(usize, usize)> = (0..HEADINGS.len()).map(|column| (column, wide(column))).collect();
        let total = |columns: &[(usize, usize)]| columns.iter().map(|(_, width)| width + 2).sum::<usize>();
        for gone in DISPENSABLE {
            let excess = total(&columns).saturating_sub(width + 2);
            let spare = columns[NAME].1.saturating_sub(LEAST_NAME);
            if excess <= spare {
                columns[NAME].1 -= excess;
                break;
            }
            columns.retain(|(column, _)| *column != gone);
        }
        Columns(columns)
    }

    fn line(&self, cells: &[String; HEADINGS.len()], style: impl Fn(usize) -> Style) -> Line<'static> {
        let mut spans = Vec::new();
        for (column, width) in &self.0 {
            let cell = crate::status::cut(&cells[*column], *width);
            let text = if *column == NAME { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
            spans.push(Span::styled(text, style(*column)));
            spans.push(Span::raw("  "));
        }
        spans.pop();
        Line::from(spans)
    }
}

fn workers(stage: &Stage) -> String {
    const MOST: usize = 32;
    let share = |(worker, busy): (&crate::status::Worker, &f64)| format!("{}: {}", worker.number, percent(*busy));
    let shares: Vec<_> = stage.sample.workers.iter().zip(&stage.workers_busy).take(MOST).map(share).collect();
    let more = if stage.workers_busy.len() > MOST { "   ..." } else { "" };
    format!("  busy workers   {}{more}", shares.join("   "))
}

/// Broken between words where it must be.
fn wrapped(text: &str, width: usize, style: Style) -> Vec<Line<'static>> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let here = lines.last().map_or(0, |line| line.chars().count());
        if here > 0 && here + word.trim_end().chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
    }
    lines.into_iter().map(|line| Line::styled(line, style)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_keeps_the_name_and_the_shares() {
        let rows = [HEADINGS.map(|heading| heading.repeat(2))];
        for width in [60, 80, 100, 200] {
            let columns = Columns::fit(&rows, width);
            let kept: Vec<usize> = columns.0.iter().map(|(column, _)| *column).collect();
            assert!([0, NAME, BUSY, BLOCKED, WAITING].iter().all(|column| kept.contains(column)), "{width}: {kept:?}");
        }
        assert_eq!(Columns::fit(&rows, 400).0.len(), HEADINGS.len());
    }

    #[test]
    fn a_sentence_is_broken_between_words() {
        let lines: Vec<String> =
            wrapped("one two three", 8, Style::new()).iter().map(|line| line.to_string().trim_end().into()).collect();
        assert_eq!(lines, ["one two", "three"]);
    }
}
