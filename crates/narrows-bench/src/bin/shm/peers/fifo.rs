//! A FIFO between programs that write lines and programs that read them: every line is one write, and a reader takes what is
//! there.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::Result;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{Peer, stdin, stdout};
use crate::crew::{Role, Wire};
use crate::row::Load;

pub(super) fn peer() -> Peer {
    Peer {
        knows: |load| load == Load::Torn,
        wire: |_, place| wire(place).map(Some),
        ..Peer::new("fifo", |post| match post.task.role {
            Role::Send => post.write_lines(stdout()?),
            _ => post.read_lines(BufReader::new(stdin()?)),
        })
    }
}

fn wire(place: &Path) -> Result<Wire> {
    mknodat(CWD, place, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    // Each end alone would wait for the other to be opened.
    let both = File::options().read(true).write(true).open(place)?;
    let (read, write) = (File::open(place)?, File::options().write(true).open(place)?);
    drop(both);
    Ok(Wire { read: read.into(), write: write.into() })
}
