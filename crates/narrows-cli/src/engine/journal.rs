//! The log of a run as a file: opened afresh, or read and gone on with. JSON Lines: a line per run, which says what
//! command it is of and where its output begins, and a line per record (or per batch, where a batch has a process).
//! Invariant: what is logged as done was printed before; so after a kill nothing is lost, and where the output is a
//! file, what was printed and not logged is cut off again. A run that came to an orderly end logged all that it printed,
//! and says so: what stands behind its output then is somebody else's, and stays.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, FlockOperation, OFlags, fcntl_getfl, flock, fstat, ftruncate, seek, tell};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::event::Trouble;
use super::hash::Hash;

/// A log that is ready to be written.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(super) file: File,
    /// What is done already, and how often.
    pub(super) done: HashMap<Hash, u64>,
}

/// Which run the log is of.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// Of all that decides what is printed for a record.
    pub(crate) command: Hash,
    /// For people.
    pub(crate) words: Vec<String>,
}

/// Opens the log. A log that exists is gone on with if that is asked for, and never overwritten.
pub(crate) fn open(path: &Path, resume: bool, identity: &Identity, output: &OwnedFd) -> Result<Journal, Trouble> {
    let failed = |error: io::Error| Trouble::of_system(format!("cannot use the log {}", path.display()), &error);
    let mut file =
        OpenOptions::new().read(true).append(true).create(true).truncate(false).open(path).map_err(failed)?;
    let is_file = file.metadata().map_err(failed)?.is_file();
    if is_file {
        keep_to_itself(path, &file, output)?;
    } else if resume {
        let error = format!("{} is no file: it cannot be gone on with", path.display());
        return Err(Trouble::new(error).hint("name the file that --log wrote").code(2));
    }
    let mut past = Past::default();
    if is_file {
        if !resume && file.metadata().map_err(failed)?.len() > 0 {
            let error = format!("the log {} exists", path.display());
            let hint = "--resume goes on with it; otherwise remove it, or name another";
            return Err(Trouble::new(error).hint(hint).code(2));
        }
        past.read(path, &file, identity, failed)?;
        file.set_len(past.length).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
    }
    past.cut_output(output)?;
    let header = json!({
        "narrows": "farm",
        "command": identity.command.to_string(),
        "words": identity.words,
        "output": place(output).map(Place::to_json),
    });
    file.write_all(format!("{header}\n").as_bytes()).map_err(failed)?;
    Ok(Journal { file, done: past.done })
}

/// Two runs would do the same records, and a log in the midst of the output is neither.
fn keep_to_itself(path: &Path, file: &File, output: &OwnedFd) -> Result<(), Trouble> {
    let ids =
        (fstat(file).map(|stat| (stat.st_dev, stat.st_ino)), fstat(output).map(|stat| (stat.st_dev, stat.st_ino)));
    if let (Ok(log), Ok(output)) = ids
        && log == output
    {
        return Err(Trouble::new("the log is the output file").hint("--log names a file of its own").code(2));
    }
    // Where files cannot be locked the user has to see to it.
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {
            Err(Trouble::new(format!("another run is writing the log {}", path.display())).code(2))
        }
        _ => Ok(()),
    }
}

/// Where in a file the output stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    device: u64,
    inode: u64,
    offset: u64,
}

impl Place {
    fn to_json(self) -> Value {
        json!({ "device": self.device, "inode": self.inode, "offset": self.offset })
    }

    fn from_json(value: &Value) -> Option<Place> {
        let number = |name: &str| value.get(name)?.as_u64();
        Some(Place { device: number("device")?, inode: number("inode")?, offset: number("offset")? })
    }
}

/// None if the output is no file.
fn place(output: &OwnedFd) -> Option<Place> {
    let stat = fstat(output).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let appends = fcntl_getfl(output.as_fd()).is_ok_and(|flags| flags.contains(OFlags::APPEND));
    let offset = if appends { u64::try_from(stat.st_size).ok()? } else { tell(output).ok()? };
    Some(Place { device: stat.st_dev, inode: stat.st_ino, offset })
}

/// What the log says of former runs.
#[derive(Debug, Default)]
struct Past {
    done: HashMap<Hash, u64>,
    /// Where the output of the last run began, and how much of it is logged.
    output: Option<Place>,
    printed: u64,
    /// The last run came to an orderly end.
    ended: bool,
    /// Where the last line that counts ends.
    length: u64,
    /// Lines that count when one comes that says how much was printed.
    open: (u64, Vec<Hash>),
}

enum Wrong {
    NotALog,
    OtherCommand(String),
}

impl Wrong {
    fn trouble(self, path: &Path, line: usize) -> Trouble {
        let path = path.display();
        match self {
            Wrong::NotALog => Trouble::new(format!("line {line} of {path} is none of a log of narrows farm"))
                .hint("name the file that --log wrote")
                .code(2),
            Wrong::OtherCommand(words) => Trouble::new(format!("the log {path} is of another command: {words}"))
                .hint("a run is resumed with the command and the options that decide what is printed")
                .code(2),
        }
    }
}

impl Past {
    fn read(
        &mut self,
        path: &Path,
        file: &File,
        identity: &Identity,
        failed: impl Fn(io::Error) -> Trouble,
    ) -> Result<(), Trouble> {
        let (mut reader, mut line, mut number) = (BufReader::new(file), Vec::new(), 0);
        // A line that was cut off by a kill was not written.
        while reader.read_until(b'\n', &mut line).map_err(&failed)? > 0 && line.ends_with(b"\n") {
            number += 1;
            self.take_in(&line, identity).map_err(|wrong| wrong.trouble(path, number))?;
            line.clear();
        }
        Ok(())
    }

    fn take_in(&mut self, line: &[u8], identity: &Identity) -> Result<(), Wrong> {
        let value: Value = serde_json::from_slice(line).map_err(|_| Wrong::NotALog)?;
        if value["narrows"] == "farm" {
            if value["command"].as_str() != Some(&identity.command.to_string()) {
                let words = value["words"].as_array().map_or(Vec::new(), Clone::clone);
                let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
                return Err(Wrong::OtherCommand(words.join(" ")));
            }
            (self.output, self.printed, self.ended) = (Place::from_json(&value["output"]), 0, false);
            self.length += line.len() as u64;
            return Ok(());
        }
        if value["narrows"] == "end" {
            self.ended = true;
            self.length += line.len() as u64;
            return Ok(());
        }
        let hash = value["hash"].as_str().and_then(Hash::parse).ok_or(Wrong::NotALog)?;
        self.open.0 += line.len() as u64;
        if value["ok"] == true {
            self.open.1.push(hash);
        }
        if let Some(printed) = value["printed"].as_u64() {
            let (length, hashes) = std::mem::take(&mut self.open);
            self.length += length;
            self.printed = printed;
            for hash in hashes {
                *self.done.entry(hash).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Cuts off what was printed and not logged, if the output is still the same file.
    fn cut_output(&self, output: &OwnedFd) -> Result<(), Trouble> {
        let (Some(before), Some(now)) = (self.output, place(output)) else { return Ok(()) };
        if (before.device, before.inode) != (now.device, now.inode) {
            return Ok(());
        }
        let end = before.offset + self.printed;
        if now.offset < end {
            let error = format!("the output file holds {} bytes, and {end} were logged as printed", now.offset);
            return Err(Trouble::new(error)
                .hint("append to it (>> FILE) to go on, or start again without the log")
                .code(2));
        }
        if self.ended {
            return Ok(());
        }
        // What is written without O_APPEND goes where the last write ended, which may lie behind the cut.
        ftruncate(output, end)
            .and_then(|()| seek(output, rustix::fs::SeekFrom::Start(end)).map(drop))
            .map_err(|errno| Trouble::of_system("cannot cut the output file", &errno.into()))
    }
}
