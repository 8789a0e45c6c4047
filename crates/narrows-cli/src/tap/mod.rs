//! `narrows tap`: passes its input on and measures who waits for whom.
//!
//! ```text
//!   stdin ==> pump ==> stdout        signals: end it with the summary, too
//!              | counts
//!            meter <-- asked by top and stat, and by the summary at the end
//! ```

mod meter;
mod pump;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use clap::Args;
use rustix::stdio::{stdin, stdout};
use serde_json::json;
use signal_hook::consts::SIGPIPE;
use signal_hook::iterator::Signals;

use crate::ending::die_by;
use crate::engine::{Trouble, heeded_signals};
use crate::farm::refuse_same_file;
use crate::say;
use crate::status::{self, Kind, Publication, Sample};

use meter::Meter;
use pump::End;

const EXAMPLES: &str = "\
Exit status:
  0        the input has ended
  2        wrong usage
  125      it cannot read or write
  128 + N  ended by signal N

Examples:
  seq 1000000 | narrows tap | gzip > out      at its end: who waited for whom?
  cat log | narrows tap --name in | narrows farm ./parse.py > parsed
  narrows top                                 while that runs";

/// Sit in a pipeline and measure it: bytes pass unchanged
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct TapArgs {
    /// What top, stat and the summary call it
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,

    /// Count lines too; the bytes are copied then, where else the kernel moves them
    #[arg(short, long)]
    lines: bool,

    /// No summary at the end
    #[arg(short, long)]
    quiet: bool,

    /// The summary as a line of JSON
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

pub(crate) fn run(args: &TapArgs) -> anyhow::Result<ExitCode> {
    let fits = |c: char| if c.is_control() { ' ' } else { c };
    let meter = Arc::new(Meter::new(args.name.chars().map(fits).collect(), args.lines));
    refuse_same_file(stdin(), stdout())?;
    let publication = status::publish(Kind::Tap).ok();
    if let Some(publication) = &publication {
        let meter = Arc::clone(&meter);
        // A tap that cannot be found works as well.
        let _ = publication.serve(move |question| match question["ask"].as_str() {
            Some("stat") => serde_json::to_value(meter.sample()).map_err(|error| error.to_string()),
            _ => Err("a tap can be asked for stat only".into()),
        });
    }
    let form = match (args.quiet, args.json) {
        (true, _) => Form::None,
        (_, true) => Form::Json,
        _ => Form::Text,
    };
    let last = Arc::new(Last {
        meter: Arc::clone(&meter),
        form,
        publication: Mutex::new(publication),
        begun: AtomicBool::new(false),
    });
    end_by_signals(Arc::clone(&last)).context("cannot listen to signals")?;
    let end = pump::run(&meter);
    last.words();
    match end {
        End::Input => Ok(ExitCode::SUCCESS),
        End::OutputClosed => die_by(SIGPIPE),
        End::Failed { what, errno } => Err(Trouble::new(format!("cannot {what}: {errno}")).into()),
    }
}

#[derive(Clone, Copy, Debug)]
enum Form {
    None,
    Text,
    Json,
}

/// What is done once, at the end, whatever that is.
#[derive(Debug)]
struct Last {
    meter: Arc<Meter>,
    form: Form,
    publication: Mutex<Option<Publication>>,
    begun: AtomicBool,
}

impl Last {
    /// If a signal and the end of the input meet, the second of them waits for the end of the program.
    fn words(&self) {
        // Relaxed: only one of two may go on, and nothing is handed from one to the other.
        while self.begun.swap(true, Ordering::Relaxed) {
            std::thread::park();
        }
        let publication = self.publication.lock().map(|mut publication| publication.take());
        drop(publication);
        let sample = self.meter.sample();
        match self.form {
            Form::None => {}
            Form::Text => say::line(&status::tap_text(&sample)),
            Form::Json => say::line(&json_summary(&sample)),
        }
    }
}

fn json_summary(sample: &Sample) -> String {
    let (shares, verdict) = status::judged(sample);
    json!({
        "name": sample.name,
        "bytes": sample.bytes,
        "lines": sample.lines,
        "seconds": status::seconds(sample),
        "waiting": shares.waiting,
        "blocked": shares.blocked,
        "busy": shares.busy,
        "verdict": verdict,
    })
    .to_string()
}

/// The input may be in the middle of a wait that nothing else ends.
fn end_by_signals(last: Arc<Last>) -> std::io::Result<()> {
    let mut signals = Signals::new(heeded_signals())?;
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(move || {
        if let Some(signal) = signals.forever().next() {
            last.words();
            let _ = die_by(signal);
        }
    })?;
    Ok(())
}
