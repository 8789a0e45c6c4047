//! What a receive may ask for, and what it then says of the message.

use std::fmt;

/// Any source, or any tag: the wildcard of a receive or a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Any;

/// A tag asked for by a receive or a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u32);

/// From whom a receive wants its message: [`Any`], or a rank by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source(pub(crate) Option<usize>);

/// Which tag a receive wants: [`Any`], or a [`Tag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags(pub(crate) Option<u32>);

impl From<Any> for Source {
    fn from(Any: Any) -> Source {
        Source(None)
    }
}

impl From<usize> for Source {
    fn from(rank: usize) -> Source {
        Source(Some(rank))
    }
}

/// So that a plain number can be written. A negative one is the number of no rank, and said to be so where it is used.
impl From<i32> for Source {
    fn from(rank: i32) -> Source {
        Source(Some(usize::try_from(rank).unwrap_or(usize::MAX)))
    }
}

impl From<Any> for Tags {
    fn from(Any: Any) -> Tags {
        Tags(None)
    }
}

impl From<Tag> for Tags {
    fn from(Tag(tag): Tag) -> Tags {
        Tags(Some(tag))
    }
}

/// Whence a message came, and under which tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The rank that sent it.
    pub source: usize,
    /// The tag it was sent with.
    pub tag: u32,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("any rank"),
            Some(rank) => write!(f, "rank {rank}"),
        }
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("any tag"),
            Some(tag) => write!(f, "tag {tag}"),
        }
    }
}
