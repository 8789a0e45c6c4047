//! Words and variables to arguments, and what is wrong with them in two lines.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, FromArgMatches};

use crate::args::Args;
use crate::engine::Trouble;
use crate::{say, variables};

/// The command line with all that its help says.
pub(crate) fn command() -> Command {
    let mut command = Args::command();
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for verb in verbs {
        command = command.mut_subcommand(verb, |verb| {
            let help = complete(&verb);
            verb.after_long_help(help)
        });
    }
    command
}

/// The sections after the options: the environment is the last but the examples.
fn complete(verb: &Command) -> String {
    let said = verb.get_after_long_help().or(verb.get_after_help()).map(ToString::to_string).unwrap_or_default();
    let environment = variables::describe(verb);
    match said.find("Examples:") {
        Some(place) => format!("{}{environment}\n{}", &said[..place], &said[place..]),
        None if said.is_empty() => environment,
        None => format!("{said}\n\n{environment}"),
    }
}

/// The arguments, or how the program ends without them.
pub(crate) fn parse() -> Result<Args, ExitCode> {
    let words: Vec<OsString> = env::args_os().collect();
    parse_words(&words).map_err(|refusal| match refusal {
        Refusal::Usage(trouble) => say::explain(&trouble.into()),
        Refusal::Asked(error) => {
            // Nobody can be told that stdout or stderr is gone.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    })
}

enum Refusal {
    Usage(Trouble),
    /// Help or version; printed as clap does.
    Asked(clap::Error),
}

fn parse_words(words: &[OsString]) -> Result<Args, Refusal> {
    let mut command = command();
    let refuse = |error| refusal(error, words);
    let typed = command.try_get_matches_from_mut(words).map_err(refuse)?;
    let added = variables::options(&mut command, words, &typed).map_err(Refusal::Usage)?;
    let matches = if added.is_empty() {
        typed
    } else {
        // Each is right alone, so if they are not, they exclude each other.
        command.try_get_matches_from(variables::insert(words, &added)).map_err(|error| {
            let names: Vec<_> = added.iter().map(|word| word.display().to_string()).collect();
            let hint = format!("the environment adds {}", names.join(" "));
            Refusal::Usage(Trouble::new(message(&error)).hint(hint).code(2))
        })?
    };
    Args::from_arg_matches(&matches).map_err(refuse)
}

fn refusal(error: clap::Error, words: &[OsString]) -> Refusal {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Refusal::Asked(error)
        }
        _ => Refusal::Usage(Trouble::new(message(&error)).hint(hint(&error, words)).code(2)),
    }
}

/// What clap says is wrong, in one line.
pub(crate) fn message(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let line = lines.collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// What clap proposes first, or where to look.
fn hint(error: &clap::Error, words: &[OsString]) -> String {
    let text = error.render().to_string();
    if let Some(tip) = text.lines().find_map(|line| line.trim().strip_prefix("tip: ")) {
        return tip.to_owned();
    }
    let verb = words.get(1).and_then(|word| word.to_str());
    match verb.filter(|verb| Args::command().find_subcommand(verb).is_some()) {
        Some(verb) => format!("narrows {verb} --help says more"),
        None => "narrows --help names the verbs".to_owned(),
    }
}
