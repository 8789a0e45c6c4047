//! `narrows stat`, and what every farm and tap publishes of itself for it.
//!
//! ```text
//!   farm, tap --sample--> socket ==one line of JSON==> survey --two samples--> shares --+
//!                                                      /proc ----------------> order  --+--> verdict --> text, JSON,
//!                                                                                                       Prometheus, top
//! ```

mod args;
mod channels;
mod folder;
mod json;
mod one;
mod pipeline;
mod processes;
mod prometheus;
mod publication;
mod sample;
mod shares;
mod socket;
mod survey;
mod text;
mod verdict;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;

use crate::engine::Trouble;

pub(crate) use args::StatArgs;
pub(crate) use channels::rows as channel_rows;
pub(crate) use one::{judged, seconds, tap_text};
pub(crate) use publication::{Publication, farm_answer, publish};
pub(crate) use sample::{Kind, Sample, Worker, nanoseconds};
pub(crate) use survey::{Look, Stage, Survey, request};
pub(crate) use text::{HEADINGS, NAME, cut, row};
pub(crate) use verdict::percent;

use args::Form;

pub(crate) fn run(args: &StatArgs) -> anyhow::Result<ExitCode> {
    if let Some(name) = &args.close {
        return channels::close(name);
    }
    if let Some((name, messages)) = &args.resize {
        return channels::resize(name, *messages);
    }
    if args.gc {
        return channels::clean();
    }
    let whole = survey::take(args.interval);
    let survey = match &args.name {
        Some(name) => whole.only(name),
        None => whole,
    };
    if let Some(name) = args.name.as_ref().filter(|_| survey.pipelines.is_empty() && survey.channels.is_empty()) {
        let error = format!("no running farm or tap and no channel has the process id or the name {name}");
        return Err(Trouble::new(error).hint("narrows stat lists all of them").code(1).into());
    }
    let text = match args.form() {
        Form::Text => text::text(&survey),
        Form::Json => json::json(&survey),
        Form::Prometheus => prometheus::prometheus(&survey),
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => crate::ending::die_by(signal_hook::consts::SIGPIPE),
        outcome => outcome.context("cannot write").map(|()| ExitCode::SUCCESS),
    }
}
