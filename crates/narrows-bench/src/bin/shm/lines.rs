//! Lines of text through a stream that several write to and several read from: who writes them, who reads them, and which of
//! them are whole.

use std::io::{BufRead, Write};

use anyhow::Result;

use crate::post::{Post, now};

impl Post {
    /// Every line in one write, as a shell's `printf` does.
    pub(crate) fn write_lines(&self, mut to: impl Write) -> Result<()> {
        let gate = self.ready()?;
        let begin = now();
        let first = self.task.index * self.task.count;
        let mut line = Vec::with_capacity(self.row.size);
        for number in first..first + self.task.count {
            make(&mut line, number, self.row.size);
            to.write_all(&line)?;
        }
        to.flush()?;
        drop(to);
        gate.sent(begin)
    }

    /// To the end of the stream.
    pub(crate) fn read_lines(&self, mut from: impl BufRead) -> Result<()> {
        let gate = self.ready()?;
        let begin = now();
        let (mut count, mut sum) = (0, 0_u64);
        let (mut line, mut whole) = (Vec::new(), Vec::new());
        while from.read_until(b'\n', &mut line)? > 0 {
            if let Some(number) = number(&line) {
                make(&mut whole, number, self.row.size);
                if line == whole {
                    (count, sum) = (count + 1, sum.wrapping_add(number));
                }
            }
            line.clear();
        }
        gate.received(begin, count, sum)
    }
}

const DIGITS: usize = 20;

/// The number, then one letter as often as it takes.
fn make(line: &mut Vec<u8>, number: u64, size: usize) {
    line.clear();
    line.extend_from_slice(format!("{number:0DIGITS$}").as_bytes());
    line.resize(size - 1, b'a' + (number % 26) as u8);
    line.push(b'\n');
}

fn number(line: &[u8]) -> Option<u64> {
    str::from_utf8(line.get(..DIGITS)?).ok()?.parse().ok()
}
