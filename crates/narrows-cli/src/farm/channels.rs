//! `--from` and `--to`: the named channels that a farm takes its records from and gives its answers to.

use std::path::PathBuf;

use narrows_shm::{Bytes, Channel, Inspection, OpenError, Options, options};

use crate::engine::{Framing, Input, Outlet, Output, Trouble};

use super::args::FarmArgs;

/// What the farm makes where it comes first, as `narrows send` does: 1,024 records of up to 128 KiB.
const LONGEST: u32 = 128 << 10;
const MEMORY: u64 = 2 << 20;
const PARTICIPANTS: u32 = 256;

/// Both, and each only if it is asked for.
pub(super) struct Ends {
    pub(super) input: Option<Input>,
    pub(super) output: Option<Output>,
}

/// Takes part in the channels; makes those that are not there.
pub(super) fn open(args: &FarmArgs, framing: Framing) -> Result<Ends, Trouble> {
    let from = args.from.as_deref().map(|name| joined(name).map(|channel| (channel, name))).transpose()?;
    let to = args.to.as_deref().map(|name| joined(name).map(|channel| (channel, name))).transpose()?;
    if let (Some((from, _)), Some((to, name))) = (&from, &to)
        && path(&from.inspect()) == path(&to.inspect())
    {
        return Err(Trouble::new(format!("--from and --to are the same channel, {name}"))
            .hint("it would never end: name another to give the answers to")
            .code(2));
    }
    Ok(Ends {
        input: from.map(|(channel, name)| Input::Channel(channel.receiver(), name.to_owned())),
        output: to.map(|(channel, name)| Output::Channel(Outlet::new(channel.sender(), name.to_owned(), framing))),
    })
}

fn joined(name: &str) -> Result<Channel<Vec<u8>, Bytes>, Trouble> {
    let options: Options<Bytes> = options().bytes().max_len(LONGEST).memory(MEMORY).participants(PARTICIPANTS);
    options.open(name).map_err(|error| trouble(name, &error))
}

/// One file may have two paths.
fn path(channel: &Inspection) -> Option<PathBuf> {
    channel.path().map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()))
}

/// Why a channel cannot be used.
pub(crate) fn trouble(name: &str, error: &OpenError) -> Trouble {
    let trouble = Trouble::new(format!("cannot use the channel {name}: {error}"));
    match error {
        OpenError::InvalidName(_) => trouble.hint("as in jobs, or a path: ./jobs").code(2),
        OpenError::Mismatch(_) => trouble.hint("the shell's channels carry bytes; narrows stat shows all channels"),
        _ => trouble.hint("narrows stat --help says where channels are"),
    }
}
