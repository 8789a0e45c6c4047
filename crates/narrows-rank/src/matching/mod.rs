//! Matching: a list of entries in order of arrival, asked for the oldest that fits. Knows nothing of messages, waiting or ranks.
//!
//! There are two such lists in a mailbox. One holds keys (messages that nobody has asked for) and is asked by patterns; the
//! other holds patterns (receives that wait) and is asked by keys. So of two that meet, one has no wildcard.
//!
//! ```text
//!  Line    up to 64 entries,  compared one after the other           line.rs
//!  Table   beyond: chains by (context, source, tag); for wildcards   table.rs
//!          chains by (context, source), (context, tag), (context)
//!          only once one is used
//! ```
//! Invariant: numbers rise along a list, and whichever form it has, the answer is the entry of the lowest number that fits.

mod line;
pub(crate) mod mix;
mod table;
#[cfg(test)]
mod tests;

use self::{line::Line, table::Table};

/// So many entries are compared one after the other. To find one, take it out and file another took 54 ns in a line of 100 and
/// 101 in one of 256, and 35 to 48 in a table of 1,000 to 10,000 (example `matching`).
const LONGEST_LINE: usize = 64;
/// A table that has shrunk to this becomes a line again. Far enough below, so that each change is paid for by many entries.
const SHORT: usize = 16;

/// What an entry is filed under or asked by: context, source and tag, of which the last two may be wildcards. One without
/// wildcards is a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pattern {
    context: u64,
    /// Source above, tag below.
    place: u64,
    /// Bits of that which count.
    mask: u64,
}

const SOURCE: u64 = !0 << 32;
const TAG: u64 = !SOURCE;

impl Pattern {
    pub(crate) fn new(context: u64, source: Option<u32>, tag: Option<u32>) -> Pattern {
        Pattern {
            context,
            place: u64::from(source.unwrap_or(0)) << 32 | u64::from(tag.unwrap_or(0)),
            mask: source.map_or(0, |_| SOURCE) | tag.map_or(0, |_| TAG),
        }
    }

    pub(crate) fn key(context: u64, source: u32, tag: u32) -> Pattern {
        Pattern::new(context, Some(source), Some(tag))
    }

    pub(crate) fn context(&self) -> u64 {
        self.context
    }

    pub(crate) fn source(&self) -> Option<u32> {
        (self.mask & SOURCE != 0).then_some(halves(self.place).0)
    }

    pub(crate) fn tag(&self) -> Option<u32> {
        (self.mask & TAG != 0).then_some(halves(self.place).1)
    }

    #[inline]
    pub(crate) fn fits(&self, other: &Pattern) -> bool {
        let place = (self.place ^ other.place) & self.mask & other.mask;
        place | (self.context ^ other.context) == 0
    }

    fn kind(&self) -> Kind {
        match (self.mask & SOURCE != 0, self.mask & TAG != 0) {
            (true, true) => Kind::Key,
            (true, false) => Kind::AnyTag,
            (false, true) => Kind::AnySource,
            (false, false) => Kind::Anything,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "each half is asked for")]
fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

/// Which parts of a pattern are wildcards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Key,
    AnyTag,
    AnySource,
    Anything,
}

const KINDS: [Kind; 4] = [Kind::Key, Kind::AnyTag, Kind::AnySource, Kind::Anything];

impl Kind {
    /// A key, as far as a pattern of this kind sees it.
    fn of(self, key: &Pattern) -> (u64, u64) {
        let counts = match self {
            Kind::Key => !0,
            Kind::AnyTag => SOURCE,
            Kind::AnySource => TAG,
            Kind::Anything => 0,
        };
        (key.context, key.place & counts)
    }
}

/// Which of the two lists it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Keys,
    Patterns,
}

/// Where an entry is, until the list changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At(usize);

/// An entry with its number and what it is filed under.
#[derive(Debug)]
pub(crate) struct Entry<V> {
    pub(crate) number: u64,
    pub(crate) pattern: Pattern,
    pub(crate) value: V,
}

#[derive(Debug)]
enum Form<V> {
    Line(Line<V>),
    Table(Table<V>),
}

/// Entries in order of their numbers.
#[derive(Debug)]
pub(crate) struct List<V> {
    form: Form<V>,
    holds: Holds,
}

impl<V> List<V> {
    pub(crate) fn new(holds: Holds) -> List<V> {
        List { form: Form::Line(Line::new()), holds }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        match &self.form {
            Form::Line(line) => line.len(),
            Form::Table(table) => table.len(),
        }
    }

    /// Files an entry. One whose number is not the highest (it was taken out, and comes back) goes to its old place.
    #[inline]
    pub(crate) fn insert(&mut self, entry: Entry<V>) {
        match &mut self.form {
            Form::Line(line) => {
                line.insert(entry);
                if line.len() > LONGEST_LINE {
                    self.grow();
                }
            }
            Form::Table(table) => table.insert(entry),
        }
    }

    /// The oldest entry that fits. May make an index for wildcards, which the next of its kind will use.
    #[inline]
    pub(crate) fn oldest(&mut self, wanted: &Pattern) -> Option<At> {
        match &mut self.form {
            Form::Line(line) => line.oldest(wanted),
            Form::Table(table) => table.oldest(wanted),
        }
        .map(At)
    }

    /// The entry of this number, filed under this pattern.
    pub(crate) fn find(&self, number: u64, pattern: &Pattern) -> Option<At> {
        match &self.form {
            Form::Line(line) => line.find(number),
            Form::Table(table) => table.find(number, pattern),
        }
        .map(At)
    }

    #[inline]
    pub(crate) fn get(&self, at: At) -> (&Pattern, &V) {
        match &self.form {
            Form::Line(line) => line.get(at.0),
            Form::Table(table) => table.get(at.0),
        }
    }

    pub(crate) fn get_mut(&mut self, at: At) -> &mut V {
        match &mut self.form {
            Form::Line(line) => line.get_mut(at.0),
            Form::Table(table) => table.get_mut(at.0),
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, at: At) -> Entry<V> {
        match &mut self.form {
            Form::Line(line) => line.remove(at.0),
            Form::Table(table) => {
                let entry = table.remove(at.0);
                if table.len() <= SHORT {
                    self.shrink();
                }
                entry
            }
        }
    }

    /// Takes out all entries of which `is_wanted` says so, in order.
    pub(crate) fn remove_all(&mut self, is_wanted: impl Fn(&Pattern, &V) -> bool) -> Vec<Entry<V>> {
        let has_some = match &self.form {
            Form::Line(line) => line.any(&is_wanted),
            Form::Table(table) => table.any(&is_wanted),
        };
        if !has_some {
            return Vec::new();
        }
        let all = match std::mem::replace(&mut self.form, Form::Line(Line::new())) {
            Form::Line(line) => line.into_entries(),
            Form::Table(table) => table.into_entries(),
        };
        let (wanted, rest) = all.into_iter().partition(|entry| is_wanted(&entry.pattern, &entry.value));
        let rest: Vec<_> = rest;
        for entry in rest {
            self.insert(entry);
        }
        wanted
    }

    #[cold]
    fn grow(&mut self) {
        if let Form::Line(line) = &mut self.form {
            let mut table = Table::new(self.holds);
            std::mem::replace(line, Line::new()).into_entries().into_iter().for_each(|entry| table.insert(entry));
            self.form = Form::Table(table);
        }
    }

    #[cold]
    fn shrink(&mut self) {
        if let Form::Table(table) = &mut self.form {
            let mut line = Line::new();
            std::mem::replace(table, Table::new(self.holds))
                .into_entries()
                .into_iter()
                .for_each(|entry| line.insert(entry));
            self.form = Form::Line(line);
        }
    }
}
