//! Arguments to a checked plan: which mode the command asks for, and whether the options fit it.

use std::ffi::OsString;
use std::io::{IsTerminal, stderr, stdout};
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use crate::engine::{Framing, Hash, Identity, Mark, Plan, Portion, Template, Trouble, Work};
use crate::{factor, program, say};

use super::args::FarmArgs;
use super::{progress, shell};

/// What a process of --blocks reads.
// As much as GNU parallel gives by default (--pipe --block 1M), so that filters behave alike under both.
const BLOCK: NonZeroUsize = NonZeroUsize::new(1 << 20).expect("it is not zero");

/// Nothing is read and nothing is started for it.
pub(super) fn plan(args: &FarmArgs) -> Result<Plan, Trouble> {
    let mark = match (args.delimiter, args.null) {
        _ if args.frame => Mark::Length,
        (Some(byte), _) => Mark::End(byte),
        (None, true) => Mark::End(0),
        (None, false) => Mark::End(b'\n'),
    };
    let framing = Framing { mark, max_record: args.max_record };
    let work = work(args)?;
    let portion = match work {
        Work::Live(_) | Work::Builtin(_) => Portion::Paced,
        Work::Spawn(_) => Portion::Records(args.records.unwrap_or(NonZeroUsize::MIN)),
        Work::Blocks(_) => Portion::Bytes(BLOCK),
    };
    check(args, &work)?;
    Ok(Plan {
        jobs: args.jobs.resolve(),
        work,
        framing,
        portion,
        reply_end: args.reply_end.as_ref().map(|end| end.as_bytes().to_vec()),
        tagged: args.tag,
        ordered: !args.unordered,
        window: args.window,
        buffer: args.buffer,
        grace: args.grace,
        stall: args.stall,
        verbose: args.verbose,
        terminal: args.pty,
        spill: args.spill.clone(),
        retries: args.retries,
        backoff: args.backoff,
        timeout: args.timeout,
        halt: args.halt,
        tell: say::say,
        pass_on: say::pass_on,
        progress: shows_progress(args).then_some((progress::show, progress::PERIOD)),
    })
}

fn work(args: &FarmArgs) -> Result<Work, Trouble> {
    if args.builtin.is_some() {
        return Ok(Work::Builtin(factor::answer));
    }
    let spawns = !args.blocks && args.command.iter().any(has_place);
    let words = if args.shell { script(args, spawns)? } else { args.command.clone() };
    if spawns && words.first().is_some_and(has_place) {
        return Err(usage("{} is where the command should be")
            .hint("a command comes first, as in: gzip {}. To run each line as a script of its own: sh -c {}"));
    }
    let program = program::resolve(words)?;
    Ok(match (args.blocks, spawns) {
        (true, _) => Work::Blocks(Arc::new(program)),
        (false, true) => Work::Spawn(Arc::new(Template::new(program.path, &program.argv))),
        (false, false) => Work::Live(Arc::new(program)),
    })
}

fn check(args: &FarmArgs, work: &Work) -> Result<(), Trouble> {
    if args.timeout.is_some() && matches!(work, Work::Builtin(_)) {
        return Err(usage("--timeout is for commands").hint("a builtin function ends by itself"));
    }
    if args.timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Err(usage("--timeout 0 leaves no time at all").hint("leave it out to wait for ever"));
    }
    if args.reply_end.is_some() && !matches!(work, Work::Live(_)) {
        return Err(usage("--reply-end is for commands that stay running")
            .hint("with {} the answer to a record is all that its process prints"));
    }
    let Some(records) = args.records else { return Ok(()) };
    let Work::Spawn(template) = work else {
        return Err(usage("-n is the number of lines per {}, and the command has no {}")
            .hint("to pass lines as arguments: narrows farm -n 10 CMD {}"));
    };
    if records.get() > 1 && template.wants_one_record() {
        return Err(usage("with -n, {} must be an argument of its own")
            .hint("each of the lines becomes an argument in its place"));
    }
    if args.window.is_some_and(|window| window.get() < records.get() as u64) {
        return Err(usage("--window is smaller than -n").hint("the window is to hold the records of one process"));
    }
    Ok(())
}

/// What a log is of: all that decides what is printed for a record.
pub(super) fn identity(args: &FarmArgs, plan: &Plan) -> Identity {
    let typed = typed(args);
    let shape = format!(
        "{:?} {:?} {:?} {} {} {}",
        plan.framing.mark, plan.portion, plan.reply_end, plan.tagged, args.shell, args.blocks
    );
    let length = |word: &OsString| word.len().to_string();
    let command = typed.iter().fold(Hash::of(shape.as_bytes()), |hash, word| {
        hash.and(length(word).as_bytes()).and(b" ").and(word.as_bytes())
    });
    Identity { command, words: words(args) }
}

/// The command for people.
pub(super) fn words(args: &FarmArgs) -> Vec<String> {
    typed(args).iter().map(|word| word.display().to_string()).collect()
}

fn typed(args: &FarmArgs) -> Vec<OsString> {
    match args.builtin {
        Some(builtin) => vec!["--builtin".into(), format!("{builtin:?}").into()],
        None => args.command.clone(),
    }
}

/// The words as one script for sh, the records as its arguments.
fn script(args: &FarmArgs, spawns: bool) -> Result<Vec<OsString>, Trouble> {
    let text = args.command.join(&OsString::from(" "));
    if !spawns {
        return Ok(vec!["sh".into(), "-c".into(), text]);
    }
    let several = args.records.is_some_and(|records| records.get() > 1);
    let script = shell::place(text.as_bytes(), several).map_err(|wrong| {
        usage(format!("--shell cannot put a line {}", wrong.place())).hint("in a script \"$1\" is the line as well")
    })?;
    Ok(vec!["sh".into(), "-c".into(), script, "sh".into(), "{}".into()])
}

/// Where a person looks on, and sees nothing else of the farm.
fn shows_progress(args: &FarmArgs) -> bool {
    let watched = stderr().is_terminal() && (args.to.is_some() || !stdout().is_terminal());
    args.progress || (watched && !args.quiet)
}

fn has_place(word: &OsString) -> bool {
    memchr::memmem::find(word.as_bytes(), b"{}").is_some()
}

fn usage(error: impl Into<String>) -> Trouble {
    Trouble::new(error).code(2)
}
