//! A reader as a source of records. Those that lie in the buffer are there; a read is waited for.

use std::{
    io::{self, BufRead, BufReader, Read},
    thread,
};

use narrows::CancelToken;

use crate::source::Source;

/// Records of a reader, without what ends them, as a source. From [`split`](crate::split).
///
/// An error ends it, after the records before; of one that was not whole, what was read is lost with the error.
#[derive(Debug)]
pub struct Split<R> {
    reader: BufReader<R>,
    end: u8,
    has_failed: bool,
}

impl<R: Read> Split<R> {
    pub(crate) fn new(reader: R, end: u8) -> Split<R> {
        Split { reader: BufReader::with_capacity(64 * 1024, reader), end, has_failed: false }
    }

    /// The reader, with what it has read ahead.
    pub fn into_inner(self) -> BufReader<R> {
        self.reader
    }

    /// With its end, which the last may lack.
    fn read(&mut self) -> Option<io::Result<Vec<u8>>> {
        let mut record = Vec::new();
        if self.has_failed {
            return None;
        }
        match self.reader.read_until(self.end, &mut record) {
            // What it read of a record before is lost to it, as to every reader of records.
            Err(error) => {
                self.has_failed = true;
                Some(Err(error))
            }
            Ok(0) => None,
            Ok(_) => Some(Ok(record)),
        }
    }

    /// The next record if all of it is in the buffer: no read is waited for.
    fn read_buffered(&mut self) -> Option<io::Result<Vec<u8>>> {
        if self.reader.buffer().contains(&self.end) { self.read() } else { None }
    }
}

fn record(record: io::Result<Vec<u8>>, end: u8) -> io::Result<Vec<u8>> {
    let mut bytes = record?;
    bytes.pop_if(|last| *last == end);
    Ok(bytes)
}

impl<R: Read> Source for Split<R> {
    type Item = io::Result<Vec<u8>>;

    fn pull(&mut self, _: &CancelToken) -> Option<thread::Result<Self::Item>> {
        self.read().map(|read| Ok(record(read, self.end)))
    }

    fn pull_more(&mut self, into: &mut Vec<Self::Item>, most: usize) {
        for _ in 0..most {
            let Some(read) = self.read_buffered() else { return };
            into.push(record(read, self.end));
        }
    }
}

/// Lines of a reader as a source, as [`BufRead::lines`] gives them. From [`lines`](crate::lines()).
///
/// A line that is not UTF-8 is an error that holds its bytes (`FromUtf8Error`), and the lines after it follow. An error
/// of the reader ends it.
#[derive(Debug)]
pub struct Lines<R> {
    records: Split<R>,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(reader: R) -> Lines<R> {
        Lines { records: Split::new(reader, b'\n') }
    }

    /// The reader, with what it has read ahead.
    pub fn into_inner(self) -> BufReader<R> {
        self.records.into_inner()
    }
}

fn line(read: io::Result<Vec<u8>>) -> io::Result<String> {
    let mut bytes = read?;
    if bytes.pop_if(|last| *last == b'\n').is_some() {
        bytes.pop_if(|last| *last == b'\r');
    }
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

impl<R: Read> Source for Lines<R> {
    type Item = io::Result<String>;

    fn pull(&mut self, _: &CancelToken) -> Option<thread::Result<Self::Item>> {
        self.records.read().map(|read| Ok(line(read)))
    }

    fn pull_more(&mut self, into: &mut Vec<Self::Item>, most: usize) {
        for _ in 0..most {
            let Some(read) = self.records.read_buffered() else { return };
            into.push(line(read));
        }
    }
}
