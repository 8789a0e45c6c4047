//! The options of `narrows stat` as they are typed.

use std::time::Duration;

use clap::Args;

use crate::values::parse_time;

const EXAMPLES: &str = "\
What it says:
  Three shares of the time of each stage sum to 100 %: busy, blocked (its
  output is full), waiting (its input is empty). They are taken over
  --interval. Farms and taps are found by their sockets in $NARROWS_DIR,
  else $XDG_RUNTIME_DIR/narrows, else /tmp/narrows-UID.

Exit status:
  0        said
  1        no such stage
  2        wrong usage
  125      it cannot look or write

Examples:
  narrows stat                    every farm and tap of this user
  narrows stat 4711               the pipeline that process 4711 is in
  narrows stat --json fetch.py    the pipeline of a farm that runs fetch.py
  narrows stat --prometheus > n.prom.$$ && mv n.prom.$$ n.prom";

/// Say once what the farms and taps of this user do, and what they wait for
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct StatArgs {
    /// Write JSON
    #[arg(long, conflicts_with = "prometheus")]
    json: bool,

    /// Write the text format of Prometheus
    #[arg(long)]
    prometheus: bool,

    /// Over how long the shares and rates are taken
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = parse_time)]
    pub(super) interval: Duration,

    /// Only the pipeline with this process, command or tap
    #[arg(value_name = "PID|NAME")]
    pub(super) name: Option<String>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Text,
    Json,
    Prometheus,
}

impl StatArgs {
    pub(super) fn form(&self) -> Form {
        match (self.json, self.prometheus) {
            (true, _) => Form::Json,
            (_, true) => Form::Prometheus,
            _ => Form::Text,
        }
    }
}
