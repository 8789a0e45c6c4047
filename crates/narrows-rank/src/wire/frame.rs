//! What processes tell each other, as bytes.
//!
//! ```text
//!  payload | name of its type | length of the name: 4 | context: 8 | tag: 8 | ticket: 8 | kind: 1
//! ```
//! All numbers are little-endian. What is known of a frame stands behind its payload, so that neither end has to move that.
//! Frames that carry no message use the fields of `ticket` and `tag` for their numbers.

use std::borrow::Cow;

use super::{
    Packed,
    quiet::{Between, Word},
};

const TRAILER: usize = 4 + 8 + 8 + 8 + 1;

const MESSAGE: u8 = 1;
const CREDIT: u8 = 2;
const TAKEN: u8 = 3;
const RECALL: u8 = 4;
const RECALLED: u8 = 5;
const BYE: u8 = 6;
const WAITS: u8 = 7;

/// What a rank that waits says of each other: two counts, and whether that one has ended.
const BETWEEN: usize = 8 + 8 + 1;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Message {
        context: u64,
        tag: u32,
        ticket: Option<u64>,
        parcel: Packed,
    },
    /// So many messages of a class were taken.
    Credit {
        class: usize,
        count: u64,
    },
    /// The message of this ticket was taken.
    Taken {
        ticket: u64,
    },
    /// The sender waits no more: is it still there?
    Recall {
        ticket: u64,
    },
    /// It was, and is dropped.
    Recalled {
        ticket: u64,
    },
    /// The rank has ended, and how.
    Bye {
        how: String,
    },
    /// The rank waits.
    Waits(Word),
}

impl Frame {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let plain = |kind, tag, ticket| encode(Vec::new(), "", kind, 0, tag, ticket);
        match self {
            Frame::Message { context, tag, ticket, parcel } => {
                encode(parcel.bytes, &parcel.name, MESSAGE, context, tag.into(), ticket.unwrap_or(0))
            }
            Frame::Credit { class, count } => plain(CREDIT, class as u64, count),
            Frame::Taken { ticket } => plain(TAKEN, 0, ticket),
            Frame::Recall { ticket } => plain(RECALL, 0, ticket),
            Frame::Recalled { ticket } => plain(RECALLED, 0, ticket),
            Frame::Bye { how } => encode(how.into_bytes(), "", BYE, 0, 0, 0),
            Frame::Waits(Word { with, what }) => {
                let mut bytes = Vec::with_capacity(with.len() * BETWEEN + what.len() + TRAILER);
                for between in &with {
                    bytes.extend_from_slice(&between.sent.to_le_bytes());
                    bytes.extend_from_slice(&between.had.to_le_bytes());
                    bytes.push(u8::from(between.knows_end));
                }
                bytes.extend_from_slice(what.as_bytes());
                encode(bytes, "", WAITS, 0, with.len() as u64, 0)
            }
        }
    }

    /// None if it is no frame.
    pub(super) fn from_bytes(mut bytes: Vec<u8>) -> Option<Frame> {
        let (rest, kind) = bytes.split_last_chunk::<1>()?;
        let (rest, ticket) = rest.split_last_chunk()?;
        let (rest, tag) = rest.split_last_chunk()?;
        let (rest, context) = rest.split_last_chunk()?;
        let (rest, name_len) = rest.split_last_chunk()?;
        let (kind, ticket, tag) = (kind[0], u64::from_le_bytes(*ticket), u64::from_le_bytes(*tag));
        let context = u64::from_le_bytes(*context);
        let payload = rest.len().checked_sub(u32::from_le_bytes(*name_len) as usize)?;
        let name = std::str::from_utf8(&rest[payload..]).ok()?.to_owned();
        bytes.truncate(payload);
        Some(match kind {
            MESSAGE => {
                let (tag, ticket) = (u32::try_from(tag).ok()?, (ticket != 0).then_some(ticket));
                Frame::Message { context, tag, ticket, parcel: Packed { name: Cow::Owned(name), bytes } }
            }
            CREDIT => Frame::Credit { class: usize::try_from(tag).ok().filter(|class| *class < 2)?, count: ticket },
            TAKEN => Frame::Taken { ticket },
            RECALL => Frame::Recall { ticket },
            RECALLED => Frame::Recalled { ticket },
            BYE => Frame::Bye { how: String::from_utf8(bytes).ok()? },
            WAITS => Frame::Waits(word(&bytes, usize::try_from(tag).ok()?)?),
            _ => return None,
        })
    }
}

fn word(bytes: &[u8], ranks: usize) -> Option<Word> {
    let (with, what) = bytes.split_at_checked(ranks.checked_mul(BETWEEN)?)?;
    let between = |bytes: &[u8]| {
        let (sent, rest) = bytes.split_first_chunk()?;
        let (had, rest) = rest.split_first_chunk()?;
        let (sent, had) = (u64::from_le_bytes(*sent), u64::from_le_bytes(*had));
        Some(Between { sent, had, knows_end: rest == [1] })
    };
    let with = with.chunks(BETWEEN).map(between).collect::<Option<_>>()?;
    Some(Word { with, what: std::str::from_utf8(what).ok()?.to_owned() })
}

fn encode(mut bytes: Vec<u8>, name: &str, kind: u8, context: u64, tag: u64, ticket: u64) -> Vec<u8> {
    bytes.reserve_exact(name.len() + TRAILER);
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&u32::try_from(name.len()).expect("names of types are short").to_le_bytes());
    bytes.extend_from_slice(&context.to_le_bytes());
    bytes.extend_from_slice(&tag.to_le_bytes());
    bytes.extend_from_slice(&ticket.to_le_bytes());
    bytes.push(kind);
    bytes
}

#[cfg(test)]
mod tests {
    use super::{Between, Cow, Frame, Packed, TRAILER, Word};

    fn one_of_each() -> Vec<Frame> {
        let message = |ticket, bytes: &[u8]| {
            let parcel = Packed { name: Cow::Borrowed("alloc::vec::Vec<u8>"), bytes: bytes.to_vec() };
            Frame::Message { context: u64::MAX, tag: u32::MAX, ticket, parcel }
        };
        vec![
            message(None, &[]),
            message(Some(3), &[1, 2, 3]),
            Frame::Credit { class: 1, count: 16 },
            Frame::Taken { ticket: 5 },
            Frame::Recall { ticket: 6 },
            Frame::Recalled { ticket: 7 },
            Frame::Bye { how: "has returned".to_owned() },
            Frame::Waits(Word {
                with: vec![Between { sent: 1, had: 2, knows_end: false }, Between { sent: 3, had: 4, knows_end: true }],
                what: "for it".to_owned(),
            }),
        ]
    }

    #[test]
    fn a_frame_comes_out_as_it_went_in() {
        for (frame, same) in one_of_each().into_iter().zip(one_of_each()) {
            let bytes = frame.into_bytes();
            for cut in 0..TRAILER {
                assert_eq!(Frame::from_bytes(bytes[..cut].to_vec()), None);
            }
            assert_eq!(Frame::from_bytes(bytes), Some(same));
        }
    }

    #[test]
    fn what_is_no_frame_is_none() {
        let mut bytes = Frame::Taken { ticket: 1 }.into_bytes();
        bytes[0] = 1; // A name that is longer than all there is.
        assert_eq!(Frame::from_bytes(bytes), None);
        let mut bytes = Frame::Taken { ticket: 1 }.into_bytes();
        *bytes.last_mut().unwrap() = 99;
        assert_eq!(Frame::from_bytes(bytes), None);
        assert_eq!(Frame::from_bytes(Frame::Credit { class: 2, count: 1 }.into_bytes()), None);
    }
}
