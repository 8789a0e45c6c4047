//! Passes on what processes write, whole lines at a time, so that those of two do not mix within a line.

use std::fs::File;
use std::io::Read;

use super::event::PassOn;

/// A line longer than this is passed on in pieces, so that what a process says cannot fill the memory.
const LONGEST: usize = 16 << 20;

/// What was written and not passed on yet.
#[derive(Debug)]
pub(crate) struct WholeLines<P = PassOn> {
    prefix: String,
    line: Vec<u8>,
    /// The beginning of this line was passed on already.
    goes_on: bool,
    pass_on: P,
}

impl<P: FnMut(&[u8])> WholeLines<P> {
    /// Each line gets the prefix.
    pub(crate) fn new(prefix: String, pass_on: P) -> WholeLines<P> {
        WholeLines { prefix, line: Vec::new(), goes_on: false, pass_on }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let before = self.line.len();
        self.line.extend_from_slice(bytes);
        let whole = match memchr::memrchr(b'\n', bytes) {
            Some(last) => before + last + 1,
            None if self.line.len() >= LONGEST => self.line.len(),
            None => return,
        };
        self.write_lines(whole);
    }

    /// A last line without its end gets one.
    pub(crate) fn finish(&mut self) {
        if !self.line.is_empty() || self.goes_on {
            self.line.push(b'\n');
            self.write_lines(self.line.len());
        }
    }

    fn write_lines(&mut self, whole: usize) {
        let mut text = Vec::with_capacity(whole + self.prefix.len());
        for line in self.line[..whole].split_inclusive(|byte| *byte == b'\n') {
            if !self.goes_on {
                text.extend_from_slice(self.prefix.as_bytes());
            }
            text.extend_from_slice(line);
            self.goes_on = !line.ends_with(b"\n");
        }
        self.line.drain(..whole);
        (self.pass_on)(&text);
    }
}

/// Runs until the worker's stderr ends.
pub(super) fn run(mut stderr: File, prefix: String, pass_on: PassOn) {
    let (mut chunk, mut complaints) = ([0; 4096], WholeLines::new(prefix, pass_on));
    // A stderr that cannot be read or written is no reason to stop the work.
    while let Ok(read @ 1..) = stderr.read(&mut chunk) {
        complaints.push(&chunk[..read]);
    }
    complaints.finish();
}
