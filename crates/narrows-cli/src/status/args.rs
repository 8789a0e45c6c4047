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
  Named channels, of narrows send, recv and farm and of other programs,
  are files called NAME.channel in $NARROWS_DIR, else
  $XDG_RUNTIME_DIR/narrows, else /dev/shm/narrows-UID; one with a slash
  in its name is at that path, and not listed. Of each: its messages, who
  takes part, and how much of the time each waited, for room (receivers
  are slow) or for messages (senders are). LONG FREE is what is left of
  the memory for messages that are too long for a slot.

Exit status:
  0        said
  1        no such stage or channel
  2        wrong usage
  125      it cannot look or write

Examples:
  narrows stat                    every farm, tap and channel of this user
  narrows stat 4711               the pipeline that process 4711 is in
  narrows stat --json fetch.py    the pipeline of a farm that runs fetch.py
  narrows stat jobs               the channel jobs and who takes part
  narrows stat --close jobs       its receivers get what is left, then the end
  narrows stat --resize jobs=100  fewer messages, or again more
  narrows stat --gc               tidies up after those that were killed
  narrows stat --prometheus > n.prom.$$ && mv n.prom.$$ n.prom";

const CHANNELS: &str = "Channels";
/// What is for looking and not for doing.
const LOOKS: [&str; 3] = ["json", "prometheus", "name"];

/// Say once what the farms, taps and channels of this user do, and what they wait for
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

    /// Close the channel NAME for everybody, for good
    #[arg(help_heading = CHANNELS, long, value_name = "NAME", conflicts_with_all = LOOKS)]
    pub(super) close: Option<String>,

    /// Change how many messages the channel NAME may hold; at most so many as it was made for
    #[arg(help_heading = CHANNELS, long, value_name = "NAME=N", value_parser = parse_resize)]
    #[arg(conflicts_with_all = LOOKS, conflicts_with = "close")]
    pub(super) resize: Option<(String, u32)>,

    /// Give back what the dead had in hand, and remove channels that are empty and that nobody uses
    #[arg(help_heading = CHANNELS, long, conflicts_with_all = LOOKS, conflicts_with_all = ["close", "resize"])]
    pub(super) gc: bool,

    /// Only the pipeline or channel with this process, command or name
    #[arg(value_name = "PID|NAME")]
    pub(super) name: Option<String>,
}

fn parse_resize(text: &str) -> Result<(String, u32), String> {
    let (name, messages) = text.rsplit_once('=').ok_or("as in jobs=100")?;
    Ok((name.to_owned(), messages.parse().map_err(|_| "after the = stands a number of messages, as in jobs=100")?))
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
