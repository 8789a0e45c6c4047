//! Puts a record and a tab before each line of output, wherever the output is cut.

/// Knows whether the next byte begins a line.
#[derive(Debug)]
pub(super) struct Tag {
    prefix: Vec<u8>,
    delimiter: u8,
    in_line: bool,
}

impl Tag {
    pub(super) fn new<'a>(records: impl Iterator<Item = &'a [u8]>, delimiter: u8) -> Tag {
        let mut prefix = records.collect::<Vec<_>>().join(&b' ');
        prefix.push(b'\t');
        Tag { prefix, delimiter, in_line: false }
    }

    pub(super) fn apply(&mut self, output: &[u8]) -> Vec<u8> {
        let mut tagged = Vec::with_capacity(output.len() + self.prefix.len());
        for line in output.split_inclusive(|byte| *byte == self.delimiter) {
            if !self.in_line {
                tagged.extend_from_slice(&self.prefix);
            }
            tagged.extend_from_slice(line);
            self.in_line = line.last() != Some(&self.delimiter);
        }
        tagged
    }

    /// A last line without its end gets one: the next one begins with a tag.
    pub(super) fn finish(&mut self, tagged: &mut Vec<u8>) {
        if std::mem::take(&mut self.in_line) {
            tagged.push(self.delimiter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_one_tag_wherever_the_output_is_cut() {
        let output = b"one\n\ntwo\nthree";
        for cut in 0..=output.len() {
            let mut tag = Tag::new([&b"a"[..], b"b"].into_iter(), b'\n');
            let mut tagged = tag.apply(&output[..cut]);
            tagged.extend(tag.apply(&output[cut..]));
            tag.finish(&mut tagged);
            assert_eq!(tagged, b"a b\tone\na b\t\na b\ttwo\na b\tthree\n", "cut at {cut}");
        }
    }
}
