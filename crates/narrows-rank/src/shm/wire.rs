//! What lies in the mailboxes: content, then five bytes that say what it is and of which rank. They stand at the end, so that a
//! receiver cuts them off and moves nothing.

/// The longest message.
pub(super) const LONGEST: u32 = 64 << 10;
/// The longest piece of a frame.
pub(super) const PIECE: usize = LONGEST as usize - TRAILER;
const TRAILER: usize = 5;
/// The longest message to who has started the ranks: it lies in its place in the queue and takes no other memory.
pub(super) const SHORT: u32 = 112;
/// So much is said there of an end.
pub(super) const FAREWELL: usize = SHORT as usize - TRAILER;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A piece of a frame, of which more follows.
    Piece = 1,
    /// The last piece of a frame; often the only one.
    Last = 2,
    /// The rank is gone; how, in words.
    Gone = 3,
    /// To who started the ranks: the rank has closed its transport; how it ended, in words.
    Closed = 4,
}

/// Makes the message out of its content, in a buffer that is used again.
pub(super) fn write<'a>(message: &'a mut Vec<u8>, content: &[u8], kind: Kind, rank: usize) -> &'a [u8] {
    message.clear();
    message.extend_from_slice(content);
    message.push(kind as u8);
    let rank = u32::try_from(rank).expect("there are fewer ranks");
    message.extend_from_slice(&rank.to_le_bytes());
    message
}

/// Leaves the content of a message, if it is one.
pub(super) fn read(message: &mut Vec<u8>) -> Option<(Kind, usize)> {
    let at = message.len().checked_sub(TRAILER)?;
    let (kind, rank) = message[at..].split_first()?;
    let kind = [Kind::Piece, Kind::Last, Kind::Gone, Kind::Closed].into_iter().find(|it| *it as u8 == *kind)?;
    let rank = u32::from_le_bytes(rank.try_into().ok()?) as usize;
    message.truncate(at);
    Some((kind, rank))
}

/// As much of a text as fits into so many bytes.
pub(super) fn cut(text: &str, longest: usize) -> &[u8] {
    let end = (0..=longest.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text.as_bytes()[..end.unwrap_or(0)]
}

/// The pieces of a frame; of an empty one there is one.
pub(super) fn pieces(frame: &[u8]) -> impl Iterator<Item = (Kind, &[u8])> {
    let last = frame.len().saturating_sub(1) / PIECE;
    (0..=last).map(move |number| {
        let rest = &frame[number * PIECE..];
        if number == last { (Kind::Last, rest) } else { (Kind::Piece, &rest[..PIECE]) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written_and_nothing_else_is_one() {
        let mut message = b"what was there before".to_vec();
        write(&mut message, b"content", Kind::Gone, 70_000);
        assert_eq!(read(&mut message), Some((Kind::Gone, 70_000)));
        assert_eq!(message, b"content");
        for wrong in [&b""[..], b"\x02\0\0\0", b"content\x05\0\0\0\0", b"\0\0\0\0\0"] {
            assert_eq!(read(&mut wrong.to_vec()), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!((cut("abc", PIECE), cut("", PIECE)), (&b"abc"[..], &b""[..]));
        let long = "a".repeat(PIECE - 1) + "\u{20ac}";
        assert_eq!(cut(&long, PIECE).len(), PIECE - 1);
    }

    #[test]
    fn the_pieces_are_the_frame() {
        for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7] {
            let frame: Vec<u8> = (0..=250).cycle().take(len).collect();
            let all: Vec<_> = pieces(&frame).collect();
            assert!(all.iter().all(|(_, piece)| piece.len() <= PIECE && (len == 0 || !piece.is_empty())), "{len}");
            assert_eq!(all.iter().filter(|(kind, _)| *kind == Kind::Last).count(), 1, "{len}");
            assert_eq!(all.last().map(|(kind, _)| *kind), Some(Kind::Last), "{len}");
            assert_eq!(all.iter().flat_map(|(_, piece)| piece.to_vec()).collect::<Vec<u8>>(), frame, "{len}");
        }
    }
}
