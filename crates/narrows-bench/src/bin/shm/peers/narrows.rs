//! narrows-shm, with its usual memory for long messages. Bytes, copied in and out; and plain data, copied in and out up to 1 KiB,
//! above that made and looked at where it lies, by loan and lease.

use std::fs;
use std::io::{self, BufRead, Cursor, Read, Write};

use anyhow::{Result, bail};
use narrows_shm::{Bytes, Options, Plain, Receiver, RecvError, Sender, inspect, options};
use zerocopy::IntoBytes;

use super::{OURS, Peer};
use crate::crew::Role;
use crate::post::{Inlet, Outlet, Post, Way};
use crate::row::{Load, Row};

/// Larger plain data stays where it is.
const COPIED: usize = 1024;

pub(super) fn peers() -> [Peer; 2] {
    [Peer { knows: |_| true, ..peer(OURS, play_bytes) }, peer("narrows plain", play_plain)]
}

fn peer(name: &'static str, play: fn(&Post) -> Result<()>) -> Peer {
    Peer {
        clear: |task| {
            // One that nobody is in any more and that is still there has lost somebody who was to take its messages.
            for way in [Way::There, Way::Back] {
                let found = inspect(&format!("{}-{way:?}", task.name()));
                let _ = found.ok().and_then(|found| found.path().map(fs::remove_file));
            }
        },
        ..Peer::new(name, play)
    }
}

fn choices(row: &Row) -> Options {
    options()
        .capacity(u32::try_from(row.places).unwrap_or(u32::MAX))
        .max_len(u32::try_from(row.size).unwrap_or(u32::MAX))
}

fn play_bytes(post: &Post) -> Result<()> {
    let bytes = choices(&post.row).bytes();
    let name = |way: Way| format!("{}-{way:?}", post.task.name());
    let outlet = |way| Ok(Outgoing(bytes.sender(&name(way))?));
    let inlet = |way| Ok(Incoming(bytes.receiver(&name(way))?));
    match (post.row.load, post.task.role) {
        (Load::Torn, Role::Send) => post.write_lines(outlet(Way::There)?),
        (Load::Torn, _) => post.read_lines(Lines { from: inlet(Way::There)?, line: Cursor::default() }),
        _ => post.run(outlet, inlet),
    }
}

struct Outgoing(Sender<Vec<u8>, Bytes>);

impl Outlet for Outgoing {
    fn send(&mut self, message: &[u64]) -> Result<()> {
        Ok(self.0.send_slice(message.as_bytes())?)
    }
}

struct Incoming(Receiver<Vec<u8>, Bytes>);

impl Inlet for Incoming {
    fn receive<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        Ok(look(&self.0.recv()?))
    }
}

/// Each write is a message.
impl Write for Outgoing {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.send_slice(line).map_err(io::Error::other)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The messages one after the other, until all senders have left.
struct Lines {
    from: Incoming,
    line: Cursor<Vec<u8>>,
}

impl Read for Lines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Lines {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.line.fill_buf()?.is_empty() {
            self.line = match self.from.0.recv() {
                Ok(line) => Cursor::new(line),
                Err(RecvError::Disconnected) => Cursor::default(),
                Err(fault) => return Err(io::Error::other(fault)),
            };
        }
        self.line.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.line.consume(count);
    }
}

/// The length of plain data is part of its type.
fn play_plain(post: &Post) -> Result<()> {
    match post.row.size / size_of::<u64>() {
        2 => play_words::<2>(post),
        16 => play_words::<16>(post),
        128 => play_words::<128>(post),
        8192 => play_words::<8192>(post),
        131_072 => play_words::<131_072>(post),
        words => bail!("no type of {words} words"),
    }
}

fn play_words<const WORDS: usize>(post: &Post) -> Result<()> {
    let plain = choices(&post.row).plain();
    let name = |way: Way| format!("{}-{way:?}", post.task.name());
    let outlet = |way| Ok(OutgoingWords::<WORDS>(plain.sender(&name(way))?));
    post.run(outlet, |way| Ok(IncomingWords::<WORDS>(plain.receiver(&name(way))?)))
}

struct OutgoingWords<const WORDS: usize>(Sender<[u64; WORDS], Plain>);

impl<const WORDS: usize> Outlet for OutgoingWords<WORDS> {
    fn send(&mut self, message: &[u64]) -> Result<()> {
        if size_of_val(message) <= COPIED {
            return Ok(self.0.send(message.try_into()?)?);
        }
        let mut loan = self.0.loan()?;
        loan.copy_from_slice(message);
        Ok(loan.send()?)
    }

    fn send_made(&mut self, number: u64, _: &mut [u64]) -> Result<()> {
        let mut loan = self.0.loan()?;
        loan.fill(number);
        Ok(loan.send()?)
    }
}

struct IncomingWords<const WORDS: usize>(Receiver<[u64; WORDS], Plain>);

impl<const WORDS: usize> Inlet for IncomingWords<WORDS> {
    fn receive<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        if size_of::<[u64; WORDS]>() <= COPIED {
            return Ok(look(self.0.recv()?.as_bytes()));
        }
        let lease = self.0.lease()?;
        let seen = look(lease.as_bytes());
        lease.accept()?;
        Ok(seen)
    }
}
