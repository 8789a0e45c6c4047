//! `narrows top`: the stages and verdicts of `stat`, twice a second, and keys that steer a farm.
//! Invariant: the terminal is as it was at every end but SIGKILL: a key, a signal, an error, a panic.

mod keys;
mod svg;
mod view;

use std::io::{IsTerminal, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event};
use signal_hook::iterator::Signals;

use crate::ending::die_by;
use crate::engine::{Trouble, heeded_signals};
use crate::status::{Look, Survey};

use keys::Deed;
use view::View;

const KEYS: &str = "\
Keys:
  up, down   select a stage
  + -        one worker more or less for the selected farm; what the last
             one has in hand it finishes
  space      pause the selected farm, or let it go on
  q          quit; also Ctrl-C

What is shown, and where farms, taps and channels are looked for, narrows
stat --help says.

Examples:
  narrows top                     while farms run in other terminals";

/// Watch the farms, taps and channels of this user, and what they wait for
#[derive(Debug, Args)]
#[command(after_long_help = KEYS)]
pub(crate) struct TopArgs {
    /// Print one picture as text, and end
    #[arg(long, hide = true)]
    once: bool,

    /// Draw one picture into FILE, and end
    #[arg(long, hide = true, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// How wide such a picture is
    #[arg(long, hide = true, value_name = "N", default_value = "118")]
    width: u16,
}

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);
/// Before the first picture.
const FIRST: Duration = Duration::from_millis(200);
/// A signal is heard within this time.
const PATIENCE: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &TopArgs) -> anyhow::Result<ExitCode> {
    // https://no-color.org: any value but the empty one.
    let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if args.once || args.svg.is_some() {
        return picture(args, coloured);
    }
    if !stdin().is_terminal() || !stdout().is_terminal() {
        let trouble = Trouble::new("narrows top needs a terminal").hint("narrows stat prints the same once");
        return Err(trouble.code(2).into());
    }
    let signal = hear_signals().context("cannot listen to signals")?;
    // From here on a panic restores the terminal before it says anything.
    let mut terminal = ratatui::try_init().context("cannot use the terminal")?;
    let outcome = watch(&mut terminal, &signal, coloured);
    ratatui::try_restore().context("cannot restore the terminal")?;
    outcome.context("cannot draw")?;
    match signal.load(Ordering::Relaxed) {
        0 => Ok(ExitCode::SUCCESS),
        signal => die_by(signal),
    }
}

/// The signal that came, or 0.
fn hear_signals() -> std::io::Result<Arc<AtomicI32>> {
    let came = Arc::new(AtomicI32::new(0));
    let mut signals = Signals::new(heeded_signals())?;
    let heard = Arc::clone(&came);
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            // Relaxed: the number is all there is to know.
            heard.store(signal, Ordering::Relaxed);
            // A read of a terminal that is gone, or was emptied meanwhile, may never return.
            std::thread::sleep(2 * PERIOD);
            ratatui::restore();
            let _ = die_by(signal);
        }
    })?;
    Ok(came)
}

fn watch(terminal: &mut ratatui::DefaultTerminal, signal: &AtomicI32, coloured: bool) -> std::io::Result<()> {
    let mut before = Look::take();
    std::thread::sleep(FIRST);
    let mut look = Look::take();
    let mut view = View::new(coloured);
    view.show(Survey::between(&before, &look));
    let mut next = Instant::now() + PERIOD;
    while signal.load(Ordering::Relaxed) == 0 {
        terminal.draw(|frame| view.draw(frame))?;
        if event::poll(next.saturating_duration_since(Instant::now()).min(PATIENCE))?
            && let Event::Key(key) = event::read()?
        {
            match keys::deed(key) {
                Some(Deed::Quit) => return Ok(()),
                Some(deed) => {
                    view.act(deed);
                    // What it changed is to be seen at once.
                    next = Instant::now();
                }
                None => {}
            }
        }
        if Instant::now() >= next {
            before = std::mem::replace(&mut look, Look::take());
            view.show(Survey::between(&before, &look));
            next = Instant::now() + PERIOD;
        }
    }
    Ok(())
}

fn picture(args: &TopArgs, coloured: bool) -> anyhow::Result<ExitCode> {
    let before = Look::take();
    std::thread::sleep(PERIOD);
    let mut view = View::new(coloured);
    view.show(Survey::between(&before, &Look::take()));
    let height = u16::try_from(view.height(args.width)).unwrap_or(u16::MAX);
    let mut terminal = Terminal::new(TestBackend::new(args.width, height))?;
    terminal.draw(|frame| view.draw(frame))?;
    let buffer = terminal.backend().buffer();
    match &args.svg {
        Some(path) => write_svg(path, buffer)?,
        None => print!("{}", text_of(buffer)),
    }
    Ok(ExitCode::SUCCESS)
}

fn write_svg(path: &Path, buffer: &Buffer) -> anyhow::Result<()> {
    std::fs::write(path, svg::svg(buffer)).with_context(|| format!("cannot write {}", path.display()))
}

fn text_of(buffer: &Buffer) -> String {
    let rows = buffer.content().chunks(usize::from(buffer.area.width).max(1));
    let text = |row: &[ratatui::buffer::Cell]| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>();
    rows.fold(String::new(), |all, row| all + text(row).trim_end() + "\n")
}
