//! Where everything lies in a segment: a head that is written once and checked, words that change, the table of participants, slots,
//! blocks. Knows nothing of what they mean.
//!
//! ```text
//!     0  what was decided when it was made: magic, version, kind, sizes, the type, a check sum over these
//!   256  words that seldom change     384  tail     512  head     640, 768, 896  bells
//!  4096  participants, 256 bytes each
//!        slots: word, length, block, 16 bytes together, then the message if it is short
//!        words of the blocks, 8 bytes each
//!        blocks, from a page boundary on
//! ```
//! The sizes are read once, checked against each other and the size of the file, and kept in private memory: what somebody writes
//! over them later changes nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    error::OpenError,
    process::generation,
    queue::word::{MAX_PARTICIPANTS, Owner},
    segment::Segment,
    sync::{Word, Word32},
};

const MAGIC: u64 = u64::from_le_bytes(*b"NARROWS1");
/// Changes with every change of the layout or of what its words mean.
const VERSION: u32 = 1;

pub(crate) const PAGE: usize = 4096;
const NAME_AT: usize = 64;
const NAME_MAX: usize = 160;
const CHECKED: usize = NAME_AT + NAME_MAX;
const TABLE_AT: usize = PAGE;
const PARTICIPANT_LEN: usize = 256;
/// Before the message in a slot: its word, its length, its first block.
pub(crate) const SLOT_HEAD: usize = 16;
/// Messages lie so that anything with this alignment may be read in place.
pub(crate) const ALIGN: usize = 16;

/// Before the bytes of a call in its slot, after the slot's head: its [words](CallField).
pub(crate) const CALL_HEAD: u32 = 48;

/// What kind of channel lies in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// Each message to one receiver.
    Queue = 1,
    /// Each message to every receiver.
    Broadcast = 2,
    /// Calls and their answers.
    Calls = 3,
}

impl Kind {
    fn of(number: u32) -> Option<Kind> {
        Some(match number {
            1 => Kind::Queue,
            2 => Kind::Broadcast,
            3 => Kind::Calls,
            _ => return None,
        })
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Queue => "a queue",
            Kind::Broadcast => "a broadcast",
            Kind::Calls => "a service",
        })
    }
}

/// What was decided when the segment was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    pub(crate) slots: u32,
    /// Messages of up to this many bytes lie in their slot.
    pub(crate) inline: u32,
    /// The longest message.
    pub(crate) max_len: u32,
    pub(crate) blocks: u32,
    pub(crate) block_len: u32,
    pub(crate) participants: u32,
    /// How it ends, see `channel`.
    pub(crate) flags: u32,
    pub(crate) type_hash: u64,
}

/// Words that seldom change.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seldom {
    Status = 0,
    Limit = 1,
    Rescues = 2,
    Wanted = 3,
}

/// Words that change with every message, far from each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Often {
    Tail = 0,
    Head = 1,
}

/// Where sleepers are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BellName {
    /// There are messages.
    Items = 0,
    /// There is room.
    Places = 1,
    /// Something was received.
    Received = 2,
}

/// The words of a participant.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    State = 0,
    Pid = 1,
    Start = 2,
    Namespace = 3,
    Roles = 4,
    Joined = 5,
    Sent = 8,
    Received = 10,
    GivenBack = 12,
    /// Nanoseconds spent waiting to send, and to receive.
    BlockedSending = 16,
    BlockedReceiving = 17,
    /// Since when it waits, if it does.
    Since = 18,
    /// How far a receiver of a broadcast has come.
    Cursor = 24,
    /// 1 if senders wait for it.
    Awaited = 25,
}

/// The words of a call, besides that of its slot and its length.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CallField {
    Client = 0,
    Due = 1,
    Turn = 2,
    Bell = 3,
}

/// A segment, and where things lie in it. Everything it gives out lies inside.
#[derive(Debug)]
pub(crate) struct Layout {
    segment: Segment,
    own: Mutex<Option<Owner>>,
    /// Of which process this opening is.
    generation: u32,
    shape: Shape,
    slots_at: usize,
    stride: usize,
    block_words_at: usize,
    blocks_at: usize,
}

fn corrupt<T>(why: &'static str) -> Result<T, OpenError> {
    Err(OpenError::Corrupt(why))
}

/// Sizes from which all others follow.
struct Plan {
    slots_at: usize,
    stride: usize,
    block_words_at: usize,
    blocks_at: usize,
    len: usize,
}

fn up_to(n: usize, step: usize) -> Option<usize> {
    n.checked_next_multiple_of(step)
}

impl Shape {
    fn plan(&self) -> Option<Plan> {
        let slots_at = TABLE_AT.checked_add((self.participants as usize).checked_mul(PARTICIPANT_LEN)?)?;
        let stride = up_to(SLOT_HEAD + self.inline as usize, ALIGN)?;
        let block_words_at = up_to(slots_at.checked_add(stride.checked_mul(self.slots as usize)?)?, 128)?;
        let blocks_at = up_to(block_words_at.checked_add((self.blocks as usize).checked_mul(8)?)?, PAGE)?;
        let blocks_len = (self.blocks as usize).checked_mul(self.block_len as usize)?;
        let len = up_to(blocks_at.checked_add(blocks_len)?, PAGE)?;
        (len <= isize::MAX as usize / 2).then_some(Plan { slots_at, stride, block_words_at, blocks_at, len })
    }

    /// Whether the parts fit each other.
    fn check(&self) -> Result<Plan, &'static str> {
        let has_room = u64::from(self.blocks) * u64::from(self.block_len) >= u64::from(self.max_len);
        if self.slots == 0 {
            return Err("it has no slots");
        }
        if self.participants == 0 || self.participants > MAX_PARTICIPANTS {
            return Err("its number of participants is none");
        }
        if self.kind == Kind::Calls && self.inline.checked_sub(CALL_HEAD).is_none_or(|room| room < self.max_len) {
            return Err("its longest call has no room");
        }
        if self.max_len > self.inline
            && !(has_room && self.block_len > 0 && (self.block_len as usize).is_multiple_of(ALIGN))
        {
            return Err("its longest message has no room");
        }
        self.plan().ok_or("its sizes are none")
    }
}

impl Layout {
    /// How many bytes a segment of this shape takes.
    pub(crate) fn len_of(shape: &Shape) -> Result<usize, OpenError> {
        shape.check().map(|plan| plan.len).or_else(corrupt)
    }

    /// Writes the head into a new segment, whose bytes are all 0.
    pub(crate) fn write_head(segment: &Segment, shape: &Shape, type_name: &str) {
        let mut head = [0_u8; CHECKED];
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC.to_le_bytes());
        let mut name_len = type_name.len().min(NAME_MAX);
        while !type_name.is_char_boundary(name_len) {
            name_len -= 1;
        }
        let words = [
            VERSION,
            shape.kind as u32,
            shape.slots,
            shape.inline,
            shape.max_len,
            shape.blocks,
            shape.block_len,
            shape.participants,
            shape.flags,
            u32::try_from(name_len).expect("at most 160"),
        ];
        for (word, at) in words.iter().zip((8..).step_by(4)) {
            put(at, &word.to_le_bytes());
        }
        put(48, &shape.type_hash.to_le_bytes());
        put(NAME_AT, &type_name.as_bytes()[..name_len]);
        let sum = check_sum(&head);
        head[56..64].copy_from_slice(&sum.to_le_bytes());
        assert!(segment.len() >= CHECKED, "a segment has at least a page");
        // SAFETY: the segment is at least so long, and new: nobody else has it yet.
        unsafe { segment.base().as_ptr().copy_from_nonoverlapping(head.as_ptr(), CHECKED) };
    }

    /// Reads the head of a segment and checks it; also the name of its type.
    pub(crate) fn read(segment: Segment) -> Result<(Layout, String), OpenError> {
        if segment.len() < PAGE {
            return corrupt("it is shorter than its head");
        }
        let mut head = [0_u8; CHECKED];
        // SAFETY: the segment is at least so long, and `head` is ours. Whatever others write meanwhile, any bytes will do.
        unsafe { segment.base().as_ptr().copy_to_nonoverlapping(head.as_mut_ptr(), CHECKED) };
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("4 bytes"));
        let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("8 bytes"));
        if long(0) != MAGIC {
            return corrupt("it is no channel");
        }
        if word(8) != VERSION {
            let ours = format!("it has layout {} and this program knows {VERSION}", word(8));
            return Err(OpenError::Mismatch(ours));
        }
        let sum = long(56);
        let mut unsummed = head;
        unsummed[56..64].fill(0);
        if check_sum(&unsummed) != sum {
            return corrupt("the check sum of its head is wrong");
        }
        let Some(kind) = Kind::of(word(12)) else { return corrupt("its kind is none") };
        let shape = Shape {
            kind,
            slots: word(16),
            inline: word(20),
            max_len: word(24),
            blocks: word(28),
            block_len: word(32),
            participants: word(36),
            flags: word(40),
            type_hash: long(48),
        };
        let plan = shape.check().or_else(corrupt)?;
        if plan.len != segment.len() {
            return corrupt("its size is not that of its parts");
        }
        let name = &head[NAME_AT..NAME_AT + (word(44) as usize).min(NAME_MAX)];
        let name = String::from_utf8_lossy(name).into_owned();
        let Plan { slots_at, stride, block_words_at, blocks_at, .. } = plan;
        let (own, generation) = (Mutex::new(None), generation());
        Ok((Layout { segment, own, generation, shape, slots_at, stride, block_words_at, blocks_at }, name))
    }

    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Who takes part by this opening of the file. To the system the locks of all its threads are one and the same, so whoever takes
    /// some to recover or to remove has this first; and its own is no proof of a death.
    pub(crate) fn own(&self) -> MutexGuard<'_, Option<Owner>> {
        // It is set in one step.
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It was opened before a fork, by the parent, whose locks are not ours.
    #[inline]
    pub(crate) fn is_inherited(&self) -> bool {
        self.generation != generation()
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    fn at(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.segment.len()), "inside the segment");
        // SAFETY: just checked.
        unsafe { self.segment.base().as_ptr().add(offset) }
    }

    #[inline]
    #[allow(clippy::cast_ptr_alignment, reason = "every part is aligned, as the segment is")]
    fn word(&self, offset: usize) -> &Word {
        debug_assert!(offset.is_multiple_of(8) && offset + 8 <= self.segment.len());
        // SAFETY: every caller takes the offset from the plan, whose parts lie inside, and an index below the number of those
        // parts; they are aligned, as the segment is. All access to words of the segment is atomic.
        unsafe { &*self.segment.base().as_ptr().add(offset).cast::<Word>() }
    }

    #[inline]
    pub(crate) fn seldom(&self, word: Seldom) -> &Word {
        self.word(256 + 8 * word as usize)
    }

    #[inline]
    pub(crate) fn often(&self, word: Often) -> &Word {
        self.word(384 + 128 * word as usize)
    }

    #[inline]
    #[allow(clippy::cast_ptr_alignment, reason = "as in `word`")]
    pub(crate) fn bell(&self, name: BellName) -> &Word32 {
        // SAFETY: as in `word`: it lies in the first page.
        unsafe { &*self.segment.base().as_ptr().add(640 + 128 * name as usize).cast::<Word32>() }
    }

    #[inline]
    pub(crate) fn participant(&self, index: u32, field: Field) -> &Word {
        assert!(index < self.shape.participants, "a participant's index is below their number");
        self.word(TABLE_AT + PARTICIPANT_LEN * index as usize + 8 * field as usize)
    }

    #[inline]
    fn slot_at(&self, index: u32) -> usize {
        assert!(index < self.shape.slots, "a slot's index is below their number");
        self.slots_at + self.stride * index as usize
    }

    #[inline]
    pub(crate) fn slot(&self, index: u32) -> &Word {
        self.word(self.slot_at(index))
    }

    /// The length of the message in a slot, and its first block.
    #[inline]
    pub(crate) fn slot_lengths(&self, index: u32) -> &Word {
        self.word(self.slot_at(index) + 8)
    }

    /// Where a short message lies in its slot: `shape.inline` bytes, aligned to 16.
    #[inline]
    pub(crate) fn slot_bytes(&self, index: u32) -> *mut u8 {
        // SAFETY: a slot is `stride` bytes long, which is at least its head and what follows.
        unsafe { self.segment.base().as_ptr().add(self.slot_at(index) + SLOT_HEAD) }
    }

    #[inline]
    fn call_at(&self, index: u32) -> usize {
        assert!(self.shape.kind == Kind::Calls, "only slots of calls have their words");
        self.slot_at(index) + SLOT_HEAD
    }

    #[inline]
    pub(crate) fn call_word(&self, index: u32, field: CallField) -> &Word {
        self.word(self.call_at(index) + 8 * field as usize)
    }

    /// Where the client of a call sleeps.
    #[inline]
    #[allow(clippy::cast_ptr_alignment, reason = "as in `word`")]
    pub(crate) fn call_bell(&self, index: u32) -> &Word32 {
        // SAFETY: as in `word`: a slot of a call has at least these words, as was checked.
        unsafe {
            &*self.segment.base().as_ptr().add(self.call_at(index) + 8 * CallField::Bell as usize).cast::<Word32>()
        }
    }

    /// Where the request of a call lies, and then its answer: `len` bytes; `None` if there is no room for so many.
    #[inline]
    pub(crate) fn call_bytes(&self, index: u32, len: usize) -> Option<*mut u8> {
        let at = self.call_at(index) + CALL_HEAD as usize;
        // SAFETY: a slot of a call has at least this head and `max_len` bytes, as was checked.
        (len <= self.shape.max_len as usize).then(|| unsafe { self.segment.base().as_ptr().add(at) })
    }

    #[inline]
    pub(crate) fn block(&self, index: u32) -> &Word {
        assert!(index < self.shape.blocks, "a block's index is below their number");
        self.word(self.block_words_at + 8 * index as usize)
    }

    /// Where the bytes of a run of blocks begin; checked to lie inside.
    pub(crate) fn block_bytes(&self, first: u32, len: usize) -> *mut u8 {
        self.at(self.blocks_at + self.shape.block_len as usize * first as usize, len)
    }

    /// How many blocks a message of this length takes.
    pub(crate) fn blocks_for(&self, len: usize) -> u32 {
        u32::try_from(len.div_ceil(self.shape.block_len.max(1) as usize).max(1)).unwrap_or(u32::MAX)
    }
}

/// FNV-1a: it is to find what was damaged by accident.
pub(crate) fn check_sum(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    bytes.iter().fold(start, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
