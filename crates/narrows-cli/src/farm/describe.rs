//! `--dry-run`: the plan in words.

use std::io::{self, Write};

use crate::engine::{Plan, Portion, Work};

use super::args::FarmArgs;

/// Writes to stdout: it is what was asked for.
pub(super) fn print(plan: &Plan, args: &FarmArgs) -> io::Result<()> {
    io::stdout().lock().write_all(describe(plan, args).as_bytes())
}

fn describe(plan: &Plan, args: &FarmArgs) -> String {
    let (mode, path) = match &plan.work {
        Work::Live(program) => {
            ("live: copies of the command stay running, one line in, one line out", Some(&program.path))
        }
        Work::Spawn(template) => ("spawn: processes with the records as arguments", Some(&template.path)),
        Work::Blocks(program) => ("block: processes with whole lines on stdin", Some(&program.path)),
        Work::Builtin(_) => ("in process: a function of this program", None),
    };
    let mut lines = vec![("mode", mode.to_owned())];
    if let Some(path) = path {
        lines.push(("command", path.display().to_string()));
    }
    if let Work::Spawn(template) = &plan.work {
        lines.push(("arguments", template.to_string()));
    }
    lines.extend(args.from.as_ref().map(|name| ("from", format!("the channel {name}"))));
    lines.extend(args.to.as_ref().map(|name| ("to", format!("the channel {name}"))));
    lines.push(("jobs", plan.jobs.to_string()));
    lines.push(match plan.portion {
        Portion::Paced => ("handed over", "about a millisecond of work at a time".to_owned()),
        Portion::Records(records) => ("per process", format!("{records} records")),
        Portion::Bytes(bytes) => ("per process", format!("{bytes} bytes of whole records")),
    });
    lines.push(("output", if plan.ordered { "in the order of the input" } else { "as it comes" }.to_owned()));
    lines.push((
        "window",
        match (plan.window, plan.portion) {
            (Some(window), _) => format!("{window} records"),
            (None, Portion::Paced) => "by the speed of the command".to_owned(),
            (None, Portion::Records(records)) => format!("8 times {records} records per job, at least 256 records"),
            (None, Portion::Bytes(_)) => "what the buffer holds".to_owned(),
        },
    ));
    lines.push(("buffer", format!("{} bytes", plan.buffer)));
    lines.into_iter().fold(String::new(), |text, (name, value)| text + &format!("{name:<12}{value}\n"))
}
