//! A channel by its name: made, or found and taken as it is; and what is told when neither can be.

use narrows_shm::{Bytes, Channel, Fault, Inspection, OpenError, Options, options};

use super::args::ChannelArgs;
use crate::engine::{Tone, Trouble, advice};
use crate::say;

/// What lies in a channel of the program: records.
pub(super) type Records = Channel<Vec<u8>, Bytes>;

const CAPACITY: u32 = 1024;
/// Longer than most lines are; and for short records the blocks of 1/64 of it are not too long.
const MAX_RECORD: u32 = 128 << 10;
const LEAST_MEMORY: u64 = 2 << 20;
/// More is taken only where a single longest record needs it.
const MOST_MEMORY: u64 = 64 << 20;
/// A shell starts many programs; each takes 256 bytes.
const PARTICIPANTS: u32 = 256;

/// Others may make it and take it away between two looks, but hardly so often.
const LOOKS: u32 = 100;

pub(super) fn open(name: &str, args: &ChannelArgs) -> Result<Records, Trouble> {
    for _ in 0..LOOKS {
        match wanted(args)?.existing().open(name) {
            Ok(found) => {
                note_differences(name, args, &found.inspect());
                return Ok(found);
            }
            Err(OpenError::NotFound) => {}
            Err(error) => return Err(trouble(name, &error)),
        }
        match wanted(args)?.create_new().open(name) {
            Err(OpenError::AlreadyExists | OpenError::NotFound) => {}
            made => return made.map_err(|error| trouble(name, &error)),
        }
    }
    Err(Trouble::new(format!("{name} is made and taken away all the time")).hint("a sender that stays keeps a channel"))
}

fn wanted(args: &ChannelArgs) -> Result<Options<Bytes>, Trouble> {
    let max_record = args.max_record.map_or(Ok(MAX_RECORD), u32::try_from).map_err(|_| {
        Trouble::new("--max-record is 4 GiB or more").hint("what is longer belongs in files: send their names").code(2)
    })?;
    let usual = (8 * u64::from(max_record)).clamp(LEAST_MEMORY, MOST_MEMORY);
    let memory = args.memory.map_or(usual, |bytes| bytes as u64);
    let capacity = args.capacity.map_or(CAPACITY, u32::from);
    let wanted = options().bytes().capacity(capacity).max_len(max_record).memory(memory).participants(PARTICIPANTS);
    Ok(if args.keep_open { wanted.keep_open() } else { wanted })
}

/// Who finds a channel takes it as it is; what was asked for otherwise is told.
fn note_differences(name: &str, args: &ChannelArgs, found: &Inspection) {
    let (memory, _) = found.memory();
    let numbers = [
        ("capacity", args.capacity.map(|n| u64::from(u32::from(n))), u64::from(found.max_capacity()), false),
        ("max-record", args.max_record.map(|n| n as u64), u64::from(found.max_len()), false),
        // It is rounded up, and no more than all records can fill.
        ("memory", args.memory.map(|n| n as u64), memory, true),
    ];
    let mut told: Vec<String> = numbers
        .into_iter()
        .filter_map(|(option, asked, is, may_be_more)| {
            let differs = asked.filter(|&asked| asked != is && !(may_be_more && is > asked));
            differs.map(|asked| format!("--{option} is {is}, not {asked}"))
        })
        .collect();
    if args.keep_open && !found.is_kept_open() {
        told.push("it is without --keep-open".into());
    }
    if !told.is_empty() {
        say::say(Tone::Note, &format!("the channel {name} was made before: {}", told.join("; ")));
    }
}

/// What went wrong with a channel that is open.
pub(super) fn fault(name: &str, fault: &Fault) -> Trouble {
    match fault {
        Fault::Corrupt(what) => damaged(name, what),
        other => Trouble::new(format!("cannot use the channel {name}: {other}")).hint("narrows send --help says more"),
    }
}

fn damaged(name: &str, what: &str) -> Trouble {
    Trouble::new(format!("the channel {name} is damaged: {what}"))
        .hint("remove its file; the next who sends or receives makes it anew")
}

fn trouble(name: &str, error: &OpenError) -> Trouble {
    let cannot = |why: String| Trouble::new(format!("cannot use the channel {name}: {why}"));
    match error {
        OpenError::InvalidName(why) => Trouble::new(format!("{name:?} names no channel: a name {why}"))
            .hint("a name is a word such as jobs; with a slash in it, it is the path of a file")
            .code(2),
        OpenError::NotOurs { path, what } => {
            let told = what.to_string();
            let (fact, remedy) = told.split_once(": ").unwrap_or((&told, "take another name"));
            cannot(format!("{} {fact}", path.display())).hint(remedy)
        }
        OpenError::Corrupt(what) => damaged(name, what),
        OpenError::Mismatch(what) => cannot(what.clone()).hint(
            "send and recv use channels of bytes; take another name, or a program that knows what this one carries",
        ),
        OpenError::NoSpace => cannot("there is no room for it".into())
            .hint("ask for less (--capacity, --memory, --max-record), make room, or set NARROWS_DIR to another folder"),
        OpenError::Full => cannot("no more processes can take part".into()).hint("end one that does"),
        OpenError::Closed => cannot("it is closed".into()).hint("it is gone when all have left it").code(1),
        OpenError::Unsupported(what) => cannot(format!("it needs {what}"))
            .hint("ask for another one (--capacity, --memory, --max-record), or set NARROWS_DIR to another folder"),
        OpenError::Io(error) => cannot(error.to_string()).hint(advice(error)),
        other => cannot(other.to_string()).hint("narrows send --help says more"),
    }
}
