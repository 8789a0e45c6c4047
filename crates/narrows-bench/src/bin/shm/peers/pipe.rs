//! A Unix pipe, with room for as many messages as the bound of the row, if that is no more than 1 MiB. A message is one write.
//! A receiver that is alone reads as much as there is, as programs do; of two each reads one message.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};

use anyhow::Result;
use rustix::pipe::fcntl_setpipe_size;
use zerocopy::IntoBytes;

use super::{Peer, stdin, stdout};
use crate::crew::Wire;
use crate::post::{Inlet, Outlet};
use crate::row::Row;

/// What is written at once up to this size stays in one piece: `PIPE_BUF`.
const WHOLE: usize = 4096;
/// What a pipe holds as it comes, and what an ordinary user may ask for.
const LEAST: usize = 64 * 1024;
const MOST: usize = 1024 * 1024;

pub(super) fn peer() -> Peer {
    Peer {
        lacks: |row| {
            let torn = row.pairs > 1 && row.size > WHOLE;
            torn.then(|| "tears messages above 4 KiB".to_owned())
        },
        wire: |row, _| wire(row).map(Some),
        ..Peer::new("pipe", |post| {
            let ahead = if post.row.pairs == 1 { LEAST } else { post.row.size };
            let inlet = || -> Result<Reader> {
                let message = vec![0; post.row.size];
                Ok(Reader { from: BufReader::with_capacity(ahead, stdin()?), message })
            };
            post.run(|_| Ok(Writer(stdout()?)), |_| inlet())
        })
    }
}

fn wire(row: &Row) -> Result<Wire> {
    let (read, write) = io::pipe()?;
    fcntl_setpipe_size(&write, (row.places * row.size).clamp(LEAST, MOST))?;
    Ok(Wire { read: read.into(), write: write.into() })
}

struct Writer(File);

impl Outlet for Writer {
    fn send(&mut self, message: &[u64]) -> Result<()> {
        Ok(self.0.write_all(message.as_bytes())?)
    }
}

struct Reader {
    from: BufReader<File>,
    message: Vec<u8>,
}

impl Inlet for Reader {
    fn receive<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        self.from.read_exact(&mut self.message)?;
        Ok(look(&self.message))
    }
}
