//! What `stat` does to channels when it is asked to: close one, change its bound, tidy up after the dead.

use std::process::ExitCode;

use anyhow::Context;
use narrows_shm::{Inspection, OpenError, inspect, names};

use crate::engine::{Tone, Trouble};
use crate::farm::channels::trouble;
use crate::say;

pub(crate) fn close(name: &str) -> anyhow::Result<ExitCode> {
    let channel = find(name)?;
    let left = channel.len();
    let text = match (channel.close(), left) {
        (false, _) => format!("the channel {name} was closed already"),
        (true, 0) => format!("the channel {name} is closed"),
        (true, left) => format!("the channel {name} is closed; receivers still get the {left} messages in it"),
    };
    say::say(Tone::Note, &text);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn resize(name: &str, messages: u32) -> anyhow::Result<ExitCode> {
    let channel = find(name)?;
    let most = channel.max_capacity();
    if messages == 0 || messages > most {
        return Err(Trouble::new(format!("the channel {name} cannot hold {messages} messages"))
            .hint(format!("it was made for 1 to {most}; for more it has to be made anew"))
            .code(2)
            .into());
    }
    channel.set_capacity(messages).map_err(|error| trouble(name, &error))?;
    Ok(ExitCode::SUCCESS)
}

fn find(name: &str) -> Result<Inspection, Trouble> {
    inspect(name).map_err(|error| match error {
        OpenError::NotFound => {
            Trouble::new(format!("there is no channel {name}")).hint("narrows stat lists all channels").code(1)
        }
        other => trouble(name, &other),
    })
}

/// Puts right what the dead have left, takes away what nobody can want any more, and says what that was.
pub(crate) fn clean() -> anyhow::Result<ExitCode> {
    let unfinished = narrows_shm::clean().context("cannot clean the folder of the channels")?;
    let (mut dead, mut removed, mut faults) = (0, Vec::new(), 0);
    for (name, _) in names().context("cannot look at the folder of the channels")? {
        match clean_one(&name) {
            Ok((swept, is_removed)) => {
                dead += swept;
                removed.extend(is_removed.then_some(name));
            }
            Err(OpenError::NotFound) => {}
            Err(error) => {
                faults += 1;
                say::say(Tone::Error, &format!("the channel {name}: {error}"));
            }
        }
    }
    let removed = if removed.is_empty() { "none".to_owned() } else { removed.join(", ") };
    say::say(
        Tone::Note,
        &format!("dead participants: {dead}; channels removed: {removed}; unfinished files removed: {unfinished}"),
    );
    Ok(ExitCode::from(if faults == 0 { 0 } else { 125 }))
}

/// How many had died in it, and whether its name was taken away.
fn clean_one(name: &str) -> Result<(usize, bool), OpenError> {
    let channel = inspect(name)?;
    let dead = channel.sweep()?;
    // One that is kept open stays when all have left; once it is closed it serves nobody.
    let is_wanted = channel.is_kept_open() && !channel.is_closed();
    Ok((dead, !is_wanted && channel.remove_if_idle()?))
}
