//! Progress on stderr, ten times a second at most, and the other lines on stderr around it.

use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use crate::engine::Snapshot;

static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// Between two looks at the farm.
pub(super) const PERIOD: Duration = Duration::from_millis(100);

const TIMES_PER_SECOND: u8 = 10;

/// Before the farm starts. On something else than a terminal each look is a line of its own.
pub(super) fn begin(is_terminal: bool) {
    let target = if is_terminal {
        ProgressDrawTarget::stderr_with_hz(TIMES_PER_SECOND)
    } else {
        ProgressDrawTarget::term_like_with_hz(Box::new(Lines), TIMES_PER_SECOND)
    };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let _ = BAR.set(bar);
}

pub(super) fn show(now: &Snapshot) {
    if let Some(bar) = BAR.get() {
        bar.set_message(describe(now));
        bar.tick();
    }
}

pub(super) fn end() {
    if let Some(bar) = BAR.get() {
        bar.finish_and_clear();
    }
}

/// Writes something else to stderr, with the bar out of the way.
pub(crate) fn aside(write: impl FnOnce()) {
    match BAR.get() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

fn describe(now: &Snapshot) -> String {
    let seconds = now.elapsed.as_secs();
    // Nobody reads a rate to more digits than these.
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = now.printed as f64 / now.elapsed.as_secs_f64().max(0.001);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let failed = if now.failures > 0 { format!(", {} failed", now.failures) } else { String::new() };
    let hand = now.read - now.printed;
    format!("{hours}:{minutes:02}:{seconds:02}  {} printed ({rate:.0}/s), {hand} in hand{failed}", now.printed)
}

/// A stderr that is no terminal: it has no cursor to move.
#[derive(Debug)]
struct Lines;

impl TermLike for Lines {
    fn width(&self) -> u16 {
        u16::MAX
    }

    fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        match text.trim_end() {
            "" => Ok(()),
            text => std::io::stderr().lock().write_all(format!("{text}\n").as_bytes()),
        }
    }

    fn clear_line(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> std::io::Result<()> {
        Ok(())
    }
}
