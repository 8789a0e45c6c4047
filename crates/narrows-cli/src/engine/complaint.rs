//! Passes a worker's stderr on, whole lines at a time, so that those of two workers do not mix within a line.

use std::io::{self, Read, Write};
use std::process::ChildStderr;

/// A line longer than this is passed on in pieces.
const LONGEST: usize = 64 << 10;

/// Runs until the worker's stderr ends. Each line gets the prefix.
pub(super) fn run(mut stderr: ChildStderr, prefix: &str) {
    let (mut chunk, mut line) = ([0; 4096], Vec::new());
    // A stderr that cannot be read or written is no reason to stop the work.
    while let Ok(read @ 1..) = stderr.read(&mut chunk) {
        line.extend_from_slice(&chunk[..read]);
        let whole = match memchr::memrchr(b'\n', &line) {
            Some(last) => last + 1,
            None if line.len() >= LONGEST => line.len(),
            None => continue,
        };
        write_lines(&line[..whole], prefix);
        line.drain(..whole);
    }
    if !line.is_empty() {
        line.push(b'\n');
        write_lines(&line, prefix);
    }
}

fn write_lines(lines: &[u8], prefix: &str) {
    let mut text = Vec::with_capacity(lines.len() + prefix.len());
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        text.extend_from_slice(prefix.as_bytes());
        text.extend_from_slice(line);
    }
    let _ = io::stderr().lock().write_all(&text);
}
