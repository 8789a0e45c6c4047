//! What became of the items of a flow.

use std::{any::Any, fmt};

use crate::source::Source;

/// What became of the items, in numbers. From [`summary`](crate::Mapped::summary) and [`finish`](crate::Mapped::finish).
///
/// Every item that was taken from the source is in one of the other four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Taken from the source.
    pub taken: u64,
    /// Worked on, with a result.
    pub handled: u64,
    /// Lost to a panic: of the stage with that item, or of the source or a stage before in place of one.
    pub panicked: u64,
    /// Given back as they were, since they were not begun.
    pub returned: u64,
    /// Still with a worker.
    pub stuck: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { taken, handled, panicked, returned, stuck } = self;
        write!(f, "{taken} taken: {handled} handled, {panicked} panicked, {returned} returned, {stuck} stuck")
    }
}

/// What is left of a flow that was [finished](crate::Mapped::finish).
#[non_exhaustive]
pub struct Rest<S: Source, R> {
    /// Results that had not been handed out, in order if the flow has one.
    pub made: Vec<R>,
    /// Items that were taken and not begun, in order if the flow has one.
    pub returned: Vec<S::Item>,
    /// Panics that had not reached the caller.
    pub panics: Vec<Box<dyn Any + Send>>,
    /// The source, with what was not taken; `None` if a worker still waits for it.
    pub source: Option<S>,
    /// The numbers.
    pub summary: Summary,
}

impl<S: Source, R> fmt::Debug for Rest<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").field("summary", &self.summary).finish_non_exhaustive()
    }
}
