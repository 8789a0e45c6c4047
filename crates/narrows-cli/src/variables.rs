//! Options by environment variables, `NARROWS_JOBS` for `--jobs`: as if it had been typed, where nothing typed says
//! otherwise. There is no configuration file.
//! Invariant: what is typed wins; a variable is refused only if it would be refused as an option, and is named then.

use std::env;
use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use crate::engine::Trouble;
use crate::usage;

/// Options for how a verb runs. What it does, and which files it uses, is always typed.
const OPTIONS: [&str; 13] = [
    "jobs",
    "window",
    "buffer",
    "spill",
    "max-record",
    "retries",
    "backoff",
    "halt",
    "grace",
    "stall",
    "progress",
    "quiet",
    "verbose",
];

fn variable(option: &str) -> String {
    format!("NARROWS_{}", option.to_uppercase().replace('-', "_"))
}

/// Those that are options of this verb.
fn options_of(verb: &Command) -> impl Iterator<Item = (&'static str, &Arg)> {
    OPTIONS.into_iter().filter_map(|name| {
        let is_it = |arg: &&Arg| arg.get_long() == Some(name);
        verb.get_arguments().find(is_it).map(|arg| (name, arg))
    })
}

/// What the help of a verb says of its variables.
pub(crate) fn describe(verb: &Command) -> String {
    let options = options_of(verb).map(|(option, arg)| {
        let value = if arg.get_action().takes_values() { "" } else { "=1" };
        format!("  {:<22}as --{option}, unless that is typed\n", variable(option) + value)
    });
    let colours = "  NO_COLOR=1            leaves colours out\n  CLICOLOR_FORCE=1      keeps them, on a pipe too\n";
    format!("Environment:\n{}{colours}", options.collect::<String>())
}

/// What the environment adds to these words, which were parsed without it to `typed`.
pub(crate) fn options(command: &mut Command, words: &[OsString], typed: &ArgMatches) -> Result<Vec<OsString>, Trouble> {
    let mut added = Vec::new();
    let Some((name, typed)) = typed.subcommand() else { return Ok(added) };
    let Some(verb) = command.find_subcommand(name).cloned() else { return Ok(added) };
    for (option, arg) in options_of(&verb) {
        let name = variable(option);
        let Some(value) = env::var_os(&name).filter(|value| !value.is_empty()) else { continue };
        if stands_aside(&verb, arg, typed) {
            continue;
        }
        let Some(word) = word(option, arg, &name, &value)? else { continue };
        let alone = insert(words, std::slice::from_ref(&word));
        // Without it the words were accepted.
        if let Err(error) = command.try_get_matches_from_mut(alone) {
            // It belongs to another that is not used.
            if error.kind() == ErrorKind::MissingRequiredArgument {
                continue;
            }
            return Err(refused(&name, option, &usage::message(&error)));
        }
        added.push(word);
    }
    Ok(added)
}

/// The words with others after the verb, which is the first of them.
pub(crate) fn insert(words: &[OsString], options: &[OsString]) -> Vec<OsString> {
    let (verb, rest) = words.split_at(words.len().min(2));
    [verb, options, rest].concat()
}

/// Whether the option, or one that it cannot be used with, was typed.
fn stands_aside(verb: &Command, arg: &Arg, typed: &ArgMatches) -> bool {
    let is_typed = |arg: &Arg| typed.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let excludes =
        |one: &Arg, other: &Arg| verb.get_arg_conflicts_with(one).iter().any(|arg| arg.get_id() == other.get_id());
    verb.get_arguments()
        .filter(|other| is_typed(other))
        .any(|other| other.get_id() == arg.get_id() || excludes(arg, other) || excludes(other, arg))
}

/// The option as it would be typed; none for a flag that is not wanted.
fn word(option: &str, arg: &Arg, name: &str, value: &OsStr) -> Result<Option<OsString>, Trouble> {
    let mut word = OsString::from(format!("--{option}"));
    if arg.get_action().takes_values() {
        word.push("=");
        word.push(value);
        return Ok(Some(word));
    }
    match value.to_str() {
        Some("1" | "true" | "yes") => Ok(Some(word)),
        Some("0" | "false" | "no") => Ok(None),
        _ => Err(refused(name, option, &format!("'{}' is neither 1 nor 0", value.display()))),
    }
}

fn refused(name: &str, option: &str, why: &str) -> Trouble {
    Trouble::new(format!("the variable {name}: {why}"))
        .hint(format!("{name} stands for --{option}; mend it, or unset it"))
        .code(2)
}
